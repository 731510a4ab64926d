"""Runs one command or Python function at a time, and ends all that it leaves behind.

Knows nothing of datamake and imports nothing of it: it is a process of its own, in its own
session, and also runs under a project's interpreter (Python 3.8 or newer). Requests come through
file descriptor 0 and replies go out through 1, each a length and a `marshal` of version 2, which
every Python 3 reads. When the other side is gone, however it ended, all that still runs is killed.

Request: `argv` or `call`, `cwd`, `env`, `log`, `secrets` (bytes), `timeout`, `grace`; while one is
carried out, END asks for its end (SIGTERM, after `grace` seconds SIGKILL) and KILL for it at once.
Reply: `refused` (number of the error, what it is about) or `exit` (negative: the signal), `asked`,
`timed_out` and, of a call that failed, `report` (headline, and facts or None); and `log_error`.
"""

from __future__ import annotations

import errno
import marshal
import os
import select
import sys
import time
from importlib.machinery import SourceFileLoader


def part(name: str) -> dict[str, Any]:
    """A module beside this one, kept out of `sys.modules`, where it could hide the project's."""
    file = os.path.join(os.path.dirname(__file__), f"{name}.py")
    scope = {"__name__": name, "__file__": file}
    exec(SourceFileLoader(name, file).get_code(name), scope)  # type: ignore[arg-type]  # noqa: S102
    return scope


TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
    from typing import Any

    from datamake.capture import PIECE, Log, write
else:
    import _signal as signal  # `signal` itself imports enum, which takes half as long as Python

    capture = part("capture")
    PIECE, Log, write = capture["PIECE"], capture["Log"], capture["write"]

END, KILL = 1, 2
BLOCKED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Signals that the keeper starts with blocked: they are for datamake, which then says END."""
RESET = (*BLOCKED, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD)
POLL = 0.05
"""Seconds between two looks at a process group that may end without a signal to its keeper."""


class Gone(Exception):
    """The other side of the requests is closed."""


def exactly(fd: int, size: int) -> bytes:
    """The next `size` bytes; raises Gone where they end before."""
    data = b""
    while len(data) < size:
        piece = os.read(fd, size - len(data))
        if not piece:
            raise Gone
        data += piece
    return data


def received(fd: int) -> Any:
    """The next message."""
    return marshal.loads(exactly(fd, int.from_bytes(exactly(fd, 4), "little")))  # noqa: S302 - from our own pipe


def send(fd: int, message: Any) -> None:
    """Write a message, all of it."""
    data = marshal.dumps(message, 2)
    write(fd, len(data).to_bytes(4, "little") + data)


class Running:
    """A process group that was started, and when it has to end."""

    def __init__(self, pid: int, timeout: float | None, grace: float) -> None:
        self.pid = pid
        self.grace = grace
        self.deadline = None if timeout is None else time.monotonic() + timeout
        self.exit: int | None = None
        self.asked = self.killed = self.timed_out = False

    def patience(self) -> float | None:
        """Milliseconds until something has to be looked at, or None."""
        seconds = POLL if self.exit is not None else None
        if self.deadline is not None:
            left = max(0.0, self.deadline - time.monotonic())
            seconds = left if seconds is None else min(left, seconds)
        return None if seconds is None else seconds * 1000 + 1

    def expire(self) -> None:
        """Do what is due: the time is over, or the grace."""
        if self.deadline is None or time.monotonic() < self.deadline:
            return
        if self.asked:
            self.kill()
        else:
            self.timed_out = True
            self.ask()

    def ask(self) -> None:
        """Ask the group to end, SIGKILL following after the grace; a stopped one is woken."""
        if self.asked:
            return
        self.asked = True
        self.deadline = time.monotonic() + self.grace
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the group at once."""
        self.asked = self.killed = True
        self.deadline = None
        self.signal(signal.SIGKILL)

    def signal(self, number: int) -> bool:
        """Signal the group; False if it is gone."""
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):  # the latter on macOS, of zombies
            return False
        return True

    def reap(self) -> None:
        """Take the exits of all children that ended."""
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                if pid == self.pid:
                    self.exit = exit_of(status)
        except ChildProcessError:
            return

    def over(self) -> bool:
        """Whether there is nothing to wait for: those asked to end have their grace, others none."""
        if self.exit is None:
            return False
        return not self.asked or self.killed or not self.signal(0)

    def sweep(self) -> None:
        """Kill what is left: of the group, and of descendants that left it but lost their parent."""
        self.signal(signal.SIGKILL)
        try:
            while True:
                if not os.waitpid(-1, os.WNOHANG)[0]:
                    left = children()
                    if not left:
                        return
                    for child in left:
                        os.kill(child, signal.SIGKILL)
                    os.waitpid(-1, 0)
        except ChildProcessError:
            return


def exit_of(status: int) -> int:
    """The exit status, or the signal's number made negative."""
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def children() -> list[int]:
    """The children of this process; on Linux, orphaned descendants are among them."""
    try:
        with open("/proc/thread-self/children", "rb") as file:
            return [int(pid) for pid in file.read().split()]
    except FileNotFoundError:
        return []


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ended; only Linux can do that."""
    if sys.platform == "linux":
        try:
            import ctypes
        except ImportError:  # a Python that was built without libffi
            return
        set_child_subreaper = 36
        ctypes.CDLL(None).prctl(set_child_subreaper, ctypes.c_ulong(1))


def spawned(argv: list[str], env: dict[str, str], output: int) -> int:
    """Start a command in the current folder, in a process group of its own; its id."""
    program = found(argv[0], env.get("PATH", os.defpath))
    try:
        return spawn(program, argv, env, output)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
    return spawn("/bin/sh", ["sh", program, *argv[1:]], env, output)  # as every shell does


def spawn(program: str, argv: list[str], env: dict[str, str], output: int) -> int:
    """`posix_spawn`, which costs a fifth of fork and exec."""
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, output, 1),
        (os.POSIX_SPAWN_DUP2, output, 2),
    ]
    return os.posix_spawn(
        program, argv, env, file_actions=actions, setpgroup=0, setsigmask=(), setsigdef=RESET
    )


def found(name: str, path: str) -> str:
    """The program of that name on `path`; raises FileNotFoundError."""
    if "/" in name:
        return name
    for folder in path.split(os.pathsep):
        program = os.path.join(folder or ".", name)
        if os.access(program, os.X_OK) and os.path.isfile(program):
            return program
    raise FileNotFoundError(errno.ENOENT, "command not found", name)


def forked(run: Callable[..., Any], request: dict[str, Any], output: int, report: int) -> int:
    """Call a Python function in a process of its own, with the surroundings of a command; its id."""
    pid = os.fork()
    if pid:
        try:  # noqa: SIM105 - contextlib costs start-up time
            os.setpgid(pid, pid)
        except ProcessLookupError:  # it has ended already
            pass
        return pid
    status = 70
    try:
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.closerange(3, report)
        os.closerange(report + 1, 256)
        status, said = run(request["call"], request["env"])
        os.write(report, marshal.dumps(said, 2))
    except BaseException as error:  # noqa: BLE001 - this is where its process ends
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        os._exit(status)


class Server:
    """Carries out requests, one after the other."""

    def __init__(self, requests: int, replies: int) -> None:
        self.requests, self.replies = requests, replies
        self.wake, alarm = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(alarm, False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(alarm)
        self.calling: Callable[..., Any] | None = None

    def serve(self) -> None:
        """Until the other side is gone. What asks for the end of nothing came too late."""
        try:
            while True:
                request = received(self.requests)
                if isinstance(request, dict):
                    send(self.replies, self.reply(request))
        except (Gone, BrokenPipeError):
            return

    def reply(self, request: dict[str, Any]) -> dict[str, Any]:
        """Carry out a request."""
        try:
            log = Log(request["log"], request["secrets"])
        except OSError as error:
            return {"log_error": error.errno}
        answer: dict[str, Any] = {}
        output, inlet = os.pipe()
        report, report_inlet = os.pipe()
        for fd in (output, report):
            os.set_blocking(fd, False)
        try:
            pid = self.started(request, inlet, report_inlet)
        except (OSError, ValueError) as error:
            subject = getattr(error, "filename", None) or str(error)
            answer["refused"] = (getattr(error, "errno", None) or errno.EINVAL, subject)
        finally:
            os.close(inlet)
            os.close(report_inlet)
        if not answer:
            running = Running(pid, request["timeout"], request["grace"])
            self.watch(running, output, log)
            answer = {"exit": running.exit, "asked": running.asked, "timed_out": running.timed_out}
            answer["report"] = reported(report)
        os.close(output)
        os.close(report)
        log.close()
        return {**answer, "log_error": log.error}

    def started(self, request: dict[str, Any], output: int, report: int) -> int:
        """Start a command or a call; its process id."""
        os.chdir(request["cwd"])
        if not request["call"]:
            return spawned(request["argv"], request["env"], output)
        self.calling = self.calling or part("calling")["run"]
        return forked(self.calling, request, output, report)

    def watch(self, running: Running, output: int, log: Log) -> None:
        """Until a command is over and nothing is left of it."""
        poll = select.poll()
        for fd in (output, self.wake, self.requests):
            poll.register(fd, select.POLLIN)
        try:
            while not running.over():
                for fd, _ in poll.poll(running.patience()):
                    if fd == output:
                        if not log.take(output):
                            poll.unregister(output)
                    elif fd == self.wake:
                        os.read(self.wake, PIECE)
                        running.reap()
                    elif received(self.requests) == END:
                        running.ask()
                    else:
                        running.kill()
                running.expire()
        finally:
            running.sweep()
            for _ in range(PIECE >> 4):  # bounded, should something out of reach write on
                if not log.take(output):
                    break


def reported(report: int) -> Any:
    """What a call had to say in its end, or None."""
    try:
        return marshal.loads(os.read(report, PIECE))  # noqa: S302 - from a process forked off this one
    except (BlockingIOError, EOFError, ValueError, TypeError):  # nothing, or not all of it
        return None


def main() -> None:
    """Serve in a session of its own, descriptors 0 and 1 out of the way of what is started."""
    os.setsid()
    os.closerange(3, 4096)  # what datamake was started with is not for commands
    requests, replies = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(2, 1)
    adopt_orphans()
    Server(requests, replies).serve()


if __name__ == "__main__":
    main()
