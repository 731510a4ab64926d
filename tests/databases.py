"""A PostgreSQL of its own for tests: Debian's, or the one on PATH, in a temporary folder.

Fixture (imported by conftest.py): `postgresql` (session), a `Server`. It listens on a free port of
127.0.0.1 alone, and runs as a user that may: PostgreSQL refuses root.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest

DEBIAN = Path("/usr/lib/postgresql")
PASSWORD = "hunter2hunter2"
SETTINGS = ("fsync=off", "shared_buffers=16MB", "unix_socket_directories=", "timezone=Asia/Tokyo")


def programs():
    """The folder of `initdb` and `postgres`, None where there is none."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).resolve().parent] if on_path else []
    by_version = sorted(DEBIAN.glob("*/bin"), key=lambda path: float(path.parent.name))
    found += reversed(by_version)
    return next((path for path in found if (path / "postgres").exists()), None)


def unprivileged():
    """Arguments of `subprocess` that make a process of another user, where we are root."""
    if os.geteuid():
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Server:
    """A running server; `uri` leads to its database as a user who may do all."""

    def __init__(self, folder):
        self.folder = folder
        self.programs = programs()
        self.other = unprivileged()
        if self.other:
            os.chown(folder, self.other["user"], self.other["group"])
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o644)
        self.run(
            "initdb", "-D", folder / "data", "-U", "tester", "-A", "scram-sha-256", "-N",
            "--pwfile", folder / "password", "-E", "UTF8", "--locale=C",
        )  # fmt: skip
        self.process = None
        while self.process is None or self.process.poll() is not None:  # the port was taken
            self.start()

    def run(self, program, *arguments):
        done = subprocess.run(
            [self.programs / program, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            **self.other,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self):
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.uri = f"postgresql://tester:{PASSWORD}@127.0.0.1:{self.port}/postgres"
        settings = [f"-c{each}" for each in ("listen_addresses=127.0.0.1", *SETTINGS)]
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    self.programs / "postgres",
                    "-D",
                    self.folder / "data",
                    f"-p{self.port}",
                    *settings,
                ],
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self.other,
            )
        deadline = time.monotonic() + 60
        while self.process.poll() is None and not self.ready():
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.02)

    def ready(self):
        return "ready to accept connections" in (self.folder / "log").read_text()

    def execute(self, *statements):
        """Carry out statements that change something."""
        import adbc_driver_postgresql.dbapi as driver

        with driver.connect(self.uri, autocommit=True) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(20)


@pytest.fixture(scope="session")
def postgresql():
    """A server without tables; those that a test makes have a name of their own."""
    pytest.importorskip("adbc_driver_postgresql")
    if programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian: `apt-get install postgresql`)")
    folder = Path(tempfile.mkdtemp(prefix="datamake-postgresql-"))
    try:
        server = Server(folder)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)
