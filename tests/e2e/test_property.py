"""Random graphs and edits against the oracle: the same bytes, and never more run than has to."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import oracle
from conftest import HERE, Project
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

SOURCES = ["s0.txt", "s1.txt", "raw/x.txt", "raw/y.txt"]
TARGETS = [f"t{number}" for number in range(7)]
COMMANDS = [
    "cat {inputs} > {output}",
    "cat {inputs} | sort -u > {output}",
    "head -q -n 1 {inputs} > {output}",
    "cat {inputs} | wc -c > {output}",
    "echo {params.p} > {output}; cat {inputs} >> {output}",
]
CONTENTS = st.sampled_from(["a\n", "b\n", "a\nb\n", "b\na\n", ""])


class Builds(RuleBasedStateMachine):
    """A project that is edited, built, and compared with what a naive builder makes of it."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        root = Path(self.folder.name, "project")
        root.mkdir()
        self.project = Project(root, {"PYTHONPATH": HERE})
        self.sources = dict.fromkeys(SOURCES, "a\n")
        self.param = "p"
        self.targets = {}
        self.seen = set()
        self.rounds = 0

    def teardown(self):
        self.folder.cleanup()

    @initialize(data=st.data(), count=st.integers(2, len(TARGETS)))
    def begin(self, data, count):
        for name in TARGETS[:count]:
            self.targets[name] = self.drawn(data, name)
        for path, text in self.sources.items():
            self.project.write(path, text)

    def drawn(self, data, name):
        """A target that reads sources, globs and what comes before it."""
        above = TARGETS[: TARGETS.index(name)]
        choices = [*SOURCES, "raw/*.txt", *above, *(f"out/{other}.txt" for other in above)]
        choices = [text for text in choices if self.declared(text)]
        inputs = data.draw(st.lists(st.sampled_from(choices), min_size=1, max_size=3, unique=True))
        return {"inputs": inputs, "run": data.draw(st.sampled_from(COMMANDS))}

    def declared(self, text):
        """Whether what an input names is there."""
        name = Path(text).stem if text.startswith("out/") else text
        return name in self.targets if name in TARGETS else True

    def datafile(self):
        lines = ["[project]", "[params]", f"p = {json.dumps(self.param)}"]
        for name, table in self.targets.items():
            lines += [f"[targets.{name}]", f'output = "out/{name}.txt"']
            lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
        return "\n".join(lines) + "\n"

    # Edits

    @rule(path=st.sampled_from(SOURCES), text=CONTENTS)
    def edit(self, path, text):
        self.sources[path] = text
        self.project.write(path, text)

    @rule(path=st.sampled_from(SOURCES))
    def touch(self, path):
        self.project.touch(path)

    @rule(text=st.sampled_from(["p", "q"]))
    def set_param(self, text):
        self.param = text

    @rule(data=st.data())
    def change(self, data):
        name = data.draw(st.sampled_from(sorted(self.targets)))
        self.targets[name] = self.drawn(data, name)

    @precondition(lambda self: self.rounds)
    @rule(data=st.data(), how=st.sampled_from(["remove", "tamper", "touch"]))
    def disturb(self, data, how):
        path = f"out/{data.draw(st.sampled_from(sorted(self.targets)))}.txt"
        if how == "remove" and self.project.exists(path):
            self.project.remove(path)
        elif how == "tamper":
            self.project.write(path, "tampered\n")
        elif self.project.exists(path):
            self.project.touch(path)

    @precondition(lambda self: self.rounds)
    @rule()
    def forget(self):
        for path in self.project.files(".datamake/state*"):
            self.project.remove(path)

    # What must hold

    @rule(jobs=st.sampled_from([1, 3]))
    def build(self, jobs):
        text = self.datafile()
        self.project.write("Datafile.toml", text)
        result = self.project.build(jobs=jobs)
        assert result.ok, result.errors
        with tempfile.TemporaryDirectory() as clean:
            sources = {path: content.encode() for path, content in self.sources.items()}
            expected = oracle.outputs(text, sources, clean)
            work = {name: self.work(name, sources | expected) for name in self.targets}
        for path, content in expected.items():
            assert self.project.path(path).read_bytes() == content, path
        for name in result.ran:
            assert work[name] not in self.seen, f"{name} ran again"
        self.seen.update(work.values())
        again = self.project.build(jobs=jobs)
        assert set(again.statuses.values()) == {"up-to-date"}, again
        self.rounds += 1

    def work(self, name, contents):
        """What decides a target's result: its command and the contents of its inputs."""
        spec = oracle.tomli.loads(self.datafile())
        targets = oracle.instances(spec)
        (target,) = [target for target in targets if target["family"] == name]
        paths = oracle.inputs(target, targets, self.sources)
        command = target["run"].replace("{params.p}", self.param)
        return name, command, tuple((path, contents[path]) for path in paths)


Builds.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestBuilds = Builds.TestCase
