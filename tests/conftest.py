"""The `project` fixture: a project in a folder of its own, built in this process or in another."""

from __future__ import annotations

import gc
import io
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent

import pytest
from databases import postgresql  # noqa: F401 - a fixture
from emulators import azure, azure_server, gcs, gcs_server, sftp, sftp_server  # noqa: F401 - fixtures
from remote_servers import bucket, s3, s3_server, web  # noqa: F401 - fixtures

import datamake
from datamake import __main__ as front
from datamake.history import History
from datamake.workspace import Workspace

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is born deaf
HERE = str(Path(__file__).resolve().parent.parent)


class Built:
    """What a build did. Names are in the order they ended, of parallel builds sorted."""

    def __init__(self, result, *, ordered):
        self.result = result
        self.ok = result.ok
        self.exit_code = result.exit_code
        self.notices = "\n".join(result.notices)
        self.statuses = {target.name: target.status.value for target in result.targets}
        self.errors = {target.name: target.error for target in result.targets if target.error}
        self.codes = {t.name: [reason.code.value for reason in t.reasons] for t in result.targets}
        self.ordered = ordered
        self.ran = self.having("built")
        self.restored = self.having("restored")

    def having(self, *statuses):
        names = [name for name, status in self.statuses.items() if status in statuses]
        return names if self.ordered else sorted(names)

    def __repr__(self):
        return f"{self.statuses} {self.errors} {self.notices}"


class Project:
    """A folder with a Datafile, and the ways to build it."""

    def __init__(self, root, environment, patch=None):
        self.root = root
        self.environment = environment
        self.patch = patch
        self.ahead = 0

    def path(self, path):
        return self.root / path

    def datafile(self, text):
        """Writes the Datafile, `[project]` put before."""
        text = dedent(text)
        self.write("Datafile.toml", text if "[project]" in text else f"[project]\n{text}")

    def write(self, path, text=""):
        self.path(path).parent.mkdir(parents=True, exist_ok=True)
        self.path(path).write_bytes(text if isinstance(text, bytes) else text.encode())

    def read(self, path):
        return self.path(path).read_text()

    def exists(self, path):
        return os.path.lexists(self.path(path))

    def remove(self, path):
        shutil.rmtree(self.path(path)) if self.path(path).is_dir() else self.path(path).unlink()

    def touch(self, path):
        """Another time, the same content."""
        os.utime(self.path(path), ns=(0, self.path(path).stat().st_mtime_ns + 10**9))

    def later(self, seconds):
        """Lets time pass for builds in this process; after a few seconds file times are trusted."""
        self.ahead += seconds
        ahead = self.ahead
        self.patch.setattr(Workspace, "now", lambda _: time.time() + ahead)

    def files(self, pattern):
        """Paths that match, from the root, sorted."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.glob(pattern))

    def build(self, *select, profile=None, params=None, **options):
        options.setdefault("jobs", 1)
        project = datamake.load(str(self.root), profile=profile, params=params or {})
        try:
            result = project.build(select, **options)
        finally:
            project.close()
        return Built(result, ordered=options["jobs"] == 1)

    def plan(self, *select, **options):
        """Name → status of what a build would do."""
        project = datamake.load(str(self.root))
        try:
            plan = project.plan(select, **options)
        finally:
            project.close()
        return {target.name: target.status.value for target in plan.targets}

    def start(self, *arguments, **options):
        """A process that runs `datamake` with these arguments."""
        environment = {**self.environment, **options.pop("env", {})}
        return subprocess.Popen(
            [sys.executable, "-m", "datamake", *arguments],
            cwd=options.pop("cwd", self.root),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="surrogateescape",
            **options,
        )

    def cli(self, *arguments, **options):
        """The completed process of `datamake` with these arguments."""
        process = self.start(*arguments, **options)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def command(self, *arguments, env=None):
        """As `cli` has it, in this process: for what hangs on the project, not on its process."""
        written = {name: io.TextIOWrapper(io.BytesIO(), "utf-8") for name in ("stdout", "stderr")}
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.root)
            for name, value in {**self.environment, **(env or {})}.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["datamake", *arguments])
            patch.setattr(gc, "set_threshold", lambda *_: None)
            for name, stream in written.items():
                patch.setattr(sys, name, stream)
            status = front.main()
        out, err = (stream.buffer.getvalue().decode() for stream in written.values())
        return subprocess.CompletedProcess(arguments, int(status), out, err)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project in an empty folder, built in an order that does not hang on how long things took."""
    monkeypatch.setattr(History, "durations", lambda _: {})
    for name in list(os.environ):
        if name.startswith(("DATAMAKE_", "GITHUB_")) or name in ("CI", "VIRTUAL_ENV"):
            monkeypatch.delenv(name)
    root = tmp_path / "project"
    root.mkdir()
    return Project(root, {**os.environ, "PYTHONPATH": HERE}, monkeypatch)
