"""Random graphs and edits against the oracle: the same bytes, and never more run than has to."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import oracle
import pytest
from conftest import HERE, Project
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PLAIN = ["s0.txt", "s1.txt"]
RAW = ["raw/x.txt", "raw/y.txt", "raw/z.txt"]
CONTENTS = ["a\n", "b\n", "a\nb\n", "b\na\n", "c\nb\na\n"]
COMMANDS = [
    "cat {inputs} > {output}",
    "cat {inputs} | sort -u > {output}",
    "head -q -n 1 {inputs} > {output}",
    "cat {inputs} | wc -c > {output}",
    "echo {params.p} > {output}; cat {inputs} >> {output}",
    "echo half > out/{name}.txt; cat {inputs} > out/{name}.txt",
]
"""The last one writes its output in place."""
TO_FOLDER = "for each in $(sort -u {inputs}); do echo {params.p} $each > {output}/$each.txt; done"
OUTPUTS = ["out/t0.txt", "out/t2.txt", "out/t4.txt"]
OUTPUTS += ["out/e/y.txt", "out/g/b.txt", "out/h/y.txt", "folder/a.txt"]
EACH = [("e", "raw/{n}.txt"), ("g", "folder/{n}.txt"), ("h", "out/e/{n}.txt")]
"""Names and patterns of targets with instances."""


class World:
    """A project that is edited, built, and compared with what a naive builder makes of it."""

    def __init__(self, folder, draw):
        self.draw = draw
        self.project = Project(Path(folder), {"PYTHONPATH": HERE})
        self.sources = dict.fromkeys([*PLAIN, *RAW], "a\n")
        self.param = "p"
        self.targets = {}
        self.seen = []
        self.lossy = False
        self.made = {}
        for path, text in self.sources.items():
            self.project.write(path, text)
        for name in ["t0", "t1", "e", "folder", "g", "h", "t2", "t3", "t4"]:
            self.targets[name] = self.target(name)

    def one_of(self, choices, label):
        return self.draw(st.sampled_from(choices), label=label)

    def target(self, name):
        """A declaration that reads sources, globs and what was declared before it."""
        if name in dict(EACH):
            pattern = dict(EACH)[name]
            table = {"foreach": pattern, "inputs": [pattern], "output": f"out/{name}/{{n}}.txt"}
            return {**table, "run": self.one_of(COMMANDS[:5], name)}
        if name == "folder":
            return {"inputs": [self.one_of(PLAIN, name)], "output": "folder/", "run": TO_FOLDER}
        choices = [*PLAIN, "raw/x.txt", "raw/*.txt"]
        for above in self.targets:
            if above == name:
                break
            if above.startswith("t"):
                choices += [above, f"out/{above}.txt"]
            elif above != "folder":
                choices += [f"{above}[*]", f"out/{above}/*.txt"]
        inputs = st.lists(st.sampled_from(choices), min_size=1, max_size=3, unique=True)
        run = self.one_of(COMMANDS, name).replace("{name}", name)
        return {"inputs": self.draw(inputs), "output": f"out/{name}.txt", "run": run}

    def datafile(self, names):
        lines = ["[project]", "[params]", f"p = {json.dumps(self.param)}"]
        for name in names:
            lines.append(f"[targets.{name}]")
            lines += [f"{key} = {json.dumps(item)}" for key, item in self.targets[name].items()]
        return "\n".join(lines) + "\n"

    # Edits

    def edit(self):
        """One change, of a kind that is drawn."""
        edits = [self.write, self.write, self.write, self.declare, self.declare, self.come_or_go]
        self.one_of(
            [*edits, self.touch, self.set, self.remove, self.tamper, self.forget, self.lose], "edit"
        )()

    def write(self):
        path, text = self.one_of(sorted(self.sources), "path"), self.one_of(CONTENTS, "text")
        self.sources[path] = text
        self.project.write(path, text)

    def come_or_go(self):
        path = self.one_of(RAW[1:], "path")
        if self.sources.pop(path, None) is None:
            self.sources[path] = "a\n"
            self.project.write(path, "a\n")
        else:
            self.project.remove(path)

    def declare(self):
        name = self.one_of(sorted(self.targets), "target")
        self.targets[name] = self.target(name)

    def touch(self):
        self.project.touch(self.one_of(sorted(self.sources), "path"))

    def set(self):
        self.param = self.one_of(["p", "q"], "param")

    def remove(self):
        path = self.one_of(["out", "folder", "out/e", *OUTPUTS], "path")
        if self.project.exists(path):
            self.project.remove(path)

    def tamper(self):
        """With an output, or with what is left of one."""
        path, text = self.one_of(OUTPUTS, "path"), self.one_of(CONTENTS, "text")
        if path in self.made:
            self.project.write(path, text)

    def forget(self):
        for path in self.project.files(".datamake/state*"):
            self.project.remove(path)

    def lose(self):
        """Some of the cache: from now on, what was run may run again."""
        kept = self.project.files(".datamake/cache/v1/*/*/*")
        for path in kept[self.draw(st.integers(0, 3), label="from") :: 3]:
            self.project.remove(path)
        self.lossy = True

    # What must hold

    def expected(self, datafile):
        """What the oracle makes of the sources, and of what a person has made a source."""
        sources = {path: content.encode() for path, content in self.sources.items()}
        with tempfile.TemporaryDirectory() as clean:
            expected = oracle.built(datafile, sources, clean)
        owned = self.owned({path for _, _, made in expected.values() for path in made})
        if not owned:
            return expected
        with tempfile.TemporaryDirectory() as clean:
            return oracle.built(datafile, sources | owned, clean)

    def owned(self, outputs):
        """Path → content of files that were made once, are no outputs any more, and were changed.

        What is in the folder output is never its owner's.
        """
        paths = [path for path in self.made if path not in outputs and self.project.exists(path)]
        contents = {path: self.project.path(path).read_bytes() for path in paths}
        return {
            path: content
            for path, content in contents.items()
            if content != self.made[path] and not path.startswith("folder/")
        }

    def build(self):
        """Builds twice: the oracle's bytes, nothing that was run before, nothing the second time."""
        names, jobs = list(self.targets), self.one_of([1, 3], "jobs")
        order = self.draw(st.permutations(names), label="order")
        self.project.write("Datafile.toml", self.datafile(order))
        expected = self.expected(self.datafile(names))
        result = self.project.build(jobs=jobs)
        assert result.ok, result.errors
        for _, _, made in expected.values():
            for path, content in made.items():
                assert self.project.path(path).read_bytes() == content, path
            self.made |= made
        work = {
            name: (name, self.targets[name.partition("[")[0]]["inputs"], script, read)
            for name, (script, read, _) in expected.items()
        }
        assert set(result.statuses) == set(work)
        again = [name for name in result.ran if work[name] in self.seen]
        assert self.lossy or not again, f"ran although it had been run: {again}"
        self.seen += work.values()
        second = self.project.build(jobs=jobs)
        assert set(second.statuses.values()) == {"up-to-date"}, second


@pytest.mark.parametrize("_", range(2))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_builds_are_right_and_minimal(_, data):
    """Whatever is edited, removed, tampered with or forgotten in between."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(folder, data.draw)
        for _ in range(4):
            world.build()
            for _ in range(data.draw(st.integers(1, 3), label="edits")):
                world.edit()
