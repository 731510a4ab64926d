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

SOURCES = ["s0.txt", "s1.txt", "raw/x.txt", "raw/y.txt"]
TARGETS = [f"t{number}" for number in range(6)]
COMMANDS = [
    "cat {inputs} > {output}",
    "cat {inputs} | sort -u > {output}",
    "head -q -n 1 {inputs} > {output}",
    "cat {inputs} | wc -c > {output}",
    "echo {params.p} > {output}; cat {inputs} >> {output}",
]
CONTENTS = ["a\n", "b\n", "a\nb\n", "b\na\n", ""]


class World:
    """A project that is edited, built, and compared with what a naive builder makes of it."""

    def __init__(self, folder, draw):
        self.draw = draw
        self.project = Project(Path(folder), {"PYTHONPATH": HERE})
        self.sources = dict.fromkeys(SOURCES, "a\n")
        self.param = "p"
        self.targets = {}
        self.seen = set()
        for path, text in self.sources.items():
            self.project.write(path, text)
        for name in TARGETS[: draw(st.integers(2, len(TARGETS)), label="targets")]:
            self.targets[name] = self.target(name)

    def one_of(self, choices, label):
        return self.draw(st.sampled_from(choices), label=label)

    def target(self, name):
        """A declaration that reads sources, globs and what comes before it."""
        above = TARGETS[: TARGETS.index(name)]
        choices = [*SOURCES, "raw/*.txt", *above, *(f"out/{other}.txt" for other in above)]
        inputs = st.lists(st.sampled_from(choices), min_size=1, max_size=3, unique=True)
        return {"inputs": self.draw(inputs), "run": self.one_of(COMMANDS, name)}

    def datafile(self):
        lines = ["[project]", "[params]", f"p = {json.dumps(self.param)}"]
        for name, table in self.targets.items():
            lines += [f"[targets.{name}]", f'output = "out/{name}.txt"']
            lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
        return "\n".join(lines) + "\n"

    def edit(self):
        """One change, of a kind that is drawn."""
        edits = [self.write, self.write, self.touch, self.set, self.declare, self.declare]
        self.one_of([*edits, self.remove, self.tamper, self.forget], "edit")()

    def write(self):
        path, text = self.one_of(SOURCES, "path"), self.one_of(CONTENTS, "text")
        self.sources[path] = text
        self.project.write(path, text)

    def touch(self):
        self.project.touch(self.one_of(SOURCES, "path"))

    def set(self):
        self.param = self.one_of(["p", "q"], "param")

    def declare(self):
        name = self.one_of(list(self.targets), "target")
        self.targets[name] = self.target(name)

    def remove(self):
        path = f"out/{self.one_of(list(self.targets), 'target')}.txt"
        if self.project.exists(path):
            self.project.remove(path)

    def tamper(self):
        path = f"out/{self.one_of(list(self.targets), 'target')}.txt"
        self.project.write(path, self.one_of(CONTENTS, "text"))

    def forget(self):
        for path in self.project.files(".datamake/state*"):
            self.project.remove(path)

    def build(self):
        """Builds twice: the oracle's bytes, nothing that was run before, nothing the second time."""
        text, jobs = self.datafile(), self.one_of([1, 3], "jobs")
        self.project.write("Datafile.toml", text)
        result = self.project.build(jobs=jobs)
        assert result.ok, result.errors
        sources = {path: content.encode() for path, content in self.sources.items()}
        with tempfile.TemporaryDirectory() as clean:
            expected = oracle.outputs(text, sources, clean)
        for path, content in expected.items():
            assert self.project.path(path).read_bytes() == content, path
        work = self.work(text, sources | expected)
        again = [name for name in result.ran if work[name] in self.seen]
        assert not again, f"ran although it had been run: {again}"
        self.seen.update(work.values())
        second = self.project.build(jobs=jobs)
        assert set(second.statuses.values()) == {"up-to-date"}, second

    def work(self, text, contents):
        """Name → what decides its result: its command, and the contents of its inputs."""
        targets = oracle.instances(oracle.tomli.loads(text))
        found = {}
        for target in targets:
            paths = oracle.inputs(target, targets, self.sources)
            command = target["run"].replace("{params.p}", self.param)
            read = tuple((path, contents[path]) for path in paths)
            found[target["family"]] = (target["family"], command, read)
        return found


@pytest.mark.parametrize("_", range(2))
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_builds_are_right_and_minimal(_, data):
    """Whatever is edited, removed, tampered with or forgotten in between."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(folder, data.draw)
        for _ in range(5):
            world.build()
            for _ in range(data.draw(st.integers(1, 3), label="edits")):
                world.edit()
