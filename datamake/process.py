"""Runs commands and Python functions, each to its end, and puts what becomes of them into words.

Knows nothing of outputs. A keeper (`keeper.py`) is a process that carries out one action at a time
and leaves nothing of it behind, whatever becomes of this process; here is the side that asks.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Mapping
from errno import E2BIG, EACCES, EINVAL, ENOENT, ENOTDIR
from threading import Lock

from datamake import keeper
from datamake.errors import EnvironmentFailed
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from datamake.action import Action

GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL."""
BOOT = """\
import sys
sys.path[:] = [path for path in sys.path if path]
from importlib.machinery import SourceFileLoader
file = sys.argv[1]
exec(SourceFileLoader("keeper", file).get_code("keeper"), {"__name__": "__main__", "__file__": file})
"""
"""Runs the keeper from its byte code, which Python keeps of modules only, with nothing of the folder
that it is started in, or of datamake, to be found by its imports."""
LAST_LINES = 20
LINE = 500
"""Characters that are shown of a line, at most."""
NOISE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[^\t\n\r -~\xa0-\U0010ffff]"
)
"""Escape sequences of terminals, and control characters."""


@value
class Outcome:
    """What became of a command or call: `error` is None if it succeeded, else a headline."""

    error: str | None = None
    facts: tuple[str, ...] = ()
    duration: float = 0.0
    """Seconds."""
    notices: tuple[str, ...] = ()
    environment: bool = False
    """Whether it is not its own fault that it failed."""


class Keeper:
    """A keeper process. One thread asks it at a time; others may only ask for the end."""

    def __init__(self, interpreter: str) -> None:
        flags = () if interpreter else ("-S", "-E")
        program = interpreter or sys.executable
        requests, self._requests = os.pipe()
        self._replies, replies = os.pipe()
        try:
            self._process = os.posix_spawn(
                program,
                (program, *flags, "-c", BOOT, os.path.abspath(keeper.__file__)),
                os.environ,
                file_actions=(
                    (os.POSIX_SPAWN_DUP2, requests, 0),
                    (os.POSIX_SPAWN_DUP2, replies, 1),
                ),
                setsigmask=keeper.BLOCKED,
            )
        except OSError:
            os.close(self._requests)
            os.close(self._replies)
            raise
        finally:
            os.close(requests)
            os.close(replies)
        self._lock = Lock()
        self._told = self._closed = False

    def reply(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """What the keeper answers; None, without asking it, once it was told to end what it runs.

        Raises `keeper.Gone` or BrokenPipeError if it is not there any more.
        """
        with self._lock:
            if self._told:
                return None
            keeper.send(self._requests, request)
        answer: dict[str, Any] = keeper.received(self._replies)
        return answer

    def tell(self, message: int) -> None:
        """Say END or KILL."""
        with self._lock:
            self._told = True
            try:
                if not self._closed:
                    keeper.send(self._requests, message)
            except BrokenPipeError:
                return

    def sweep(self) -> None:
        """Kill what it ran, where it cannot do so any more: all that is left of its session."""
        swept = {self._process}
        while left := {pid for pid in processes() if session(pid) == self._process} - swept:
            swept |= left
            for pid in left:
                try:  # noqa: SIM105 - contextlib costs start-up time
                    os.kill(pid, signal.SIGKILL)
                except OSError:  # it has just ended, or is another user's
                    pass

    def close(self) -> int:
        """Be gone for it, whereupon it kills what it runs and ends; how it did (`waitpid`)."""
        with self._lock:
            self._closed = True
            os.close(self._requests)
        os.close(self._replies)
        try:
            return os.waitpid(self._process, 0)[1]
        except ChildProcessError:  # whoever started datamake had it ignore SIGCHLD
            return 0


class Keepers:
    """As many keepers as are needed at once, for each interpreter. Threads share it."""

    def __init__(self, grace: float = GRACE) -> None:
        self.grace = grace
        self.ending = False
        """Whether all was asked to end: what is run from then on is interrupted at once."""
        self._idle: dict[str, list[Keeper]] = {}
        self._busy: set[Keeper] = set()
        self._lock = Lock()

    def run(self, action: Action) -> Outcome:
        """Carry out the action's command or call, however long it takes.

        Raises EnvironmentFailed where its log cannot be written, or its keeper was killed.
        """
        started = time.monotonic()
        interpreter = action.interpreter if action.call else ""
        try:
            kept = self._taken(interpreter)
        except OSError as error:
            return Outcome(
                f"cannot run `{interpreter or sys.executable}`: {error.strerror}",
                ("hint: this is the Python of `venv`, `.venv` or the active environment",),
            )
        if kept is None:
            return INTERRUPTED
        try:
            answer = kept.reply(request_of(action, self.grace))
        except (keeper.Gone, BrokenPipeError):
            with self._lock:
                self._busy.discard(kept)
            kept.sweep()
            return abandoned(kept.close(), interpreter)
        with self._lock:
            self._busy.discard(kept)
            spare = self.ending
            if not spare:
                self._idle[interpreter].append(kept)
        if spare:
            kept.close()
        if answer is None:
            return INTERRUPTED
        headline, facts = told(action, answer)
        return Outcome(headline, facts, time.monotonic() - started)

    def end(self, *, at_once: bool) -> None:
        """Ask all that runs to end (SIGTERM, after the grace SIGKILL), or kill it at once."""
        with self._lock:
            self.ending = True
            busy = list(self._busy)
        for kept in busy:
            kept.tell(keeper.KILL if at_once else keeper.END)

    def close(self) -> None:
        """End the keepers. What is still run is killed."""
        self.end(at_once=True)
        with self._lock:
            idle = [kept for some in self._idle.values() for kept in some]
            self._idle.clear()
        for kept in idle:
            kept.close()

    def _taken(self, interpreter: str) -> Keeper | None:
        """An idle keeper, or a new one; None where all is to end."""
        with self._lock:
            if self.ending:
                return None
            idle = self._idle.setdefault(interpreter, [])
            kept = idle.pop() if idle else Keeper(interpreter)
            self._busy.add(kept)
            return kept


INTERRUPTED = Outcome("interrupted")


def request_of(action: Action, grace: float) -> dict[str, Any]:
    """An action as a keeper takes it."""
    call = action.call
    return {
        "argv": [str(word) for word in action.argv],
        "call": call
        and {
            "function": call.function,
            "paths": list(call.paths),
            "arguments": plain(call.arguments),
            "files": list(call.files),
            "tables": plain(call.tables),
            "outputs": [
                [slot.output.name, slot.path, slot.output.path + "/" * slot.output.folder]
                for slot in action.slots
            ],
            "root": action.env.get("DATAMAKE_ROOT", ""),
        },
        "cwd": action.cwd,
        "env": dict(action.env),
        "log": action.log,
        "secrets": [os.fsencode(secret) for secret in hidden(action)],
        "timeout": action.timeout,
        "grace": grace,
    }


def plain(given: Any) -> Any:
    """The same in the types that `marshal` knows."""
    if given is None or isinstance(given, (bool, int, float)):
        return given
    if isinstance(given, Mapping):
        return {str(key): plain(item) for key, item in given.items()}
    if isinstance(given, (list, tuple, frozenset)):
        return [plain(item) for item in given]
    return str(given)


def hidden(action: Action) -> set[str]:
    """What is masked: the secrets without white space around them, such as a file's last newline."""
    return {secret.strip() for secret in action.secrets} - {""}


def told(action: Action, answer: Mapping[str, Any]) -> tuple[str | None, tuple[str, ...]]:
    """A keeper's answer in words: an error, or None, and facts."""
    if answer["log_error"]:
        raise EnvironmentFailed(f"cannot write `{action.log}`", [os.strerror(answer["log_error"])])
    if "refused" in answer:
        return refusal(action, *answer["refused"])
    status = answer["exit"]
    if answer["timed_out"]:
        error = f"timed out after {span(action.timeout or 0)}"
    elif answer["asked"]:
        return INTERRUPTED.error, ()
    elif answer["report"]:
        error, facts = answer["report"]
        if facts is not None:
            error, facts = masked(error, action), tuple(masked(fact, action) for fact in facts)
            if status == os.EX_IOERR:
                raise EnvironmentFailed(error, facts)
            return error, facts
        error = masked(error.partition("\n")[0], action)
    elif status:
        error = f"exit status {status}" if status > 0 else f"killed by {signal_name(-status)}"
    else:
        return None, ()
    return error, last_lines(action.log)


def refusal(action: Action, number: int, subject: str) -> tuple[str, tuple[str, ...]]:
    """Why a command could not be started."""
    if subject == action.cwd:
        return f"cannot run in `{subject}`: {os.strerror(number)}", ()
    program = action.argv[0] if action.argv else ""
    if number in {ENOENT, ENOTDIR}:
        if "/" not in program:
            return f"command not found: `{program}`", ("hint: is it installed, and on PATH?",)
        first = first_line(os.path.join(action.cwd, program))
        if first is not None:
            return f"`{program}` names an interpreter that is not there", (first,)
        return f"no such file: `{program}`", ()
    if number == EACCES:
        return f"`{program}` may not be executed", (f"hint: `chmod +x {program}`",)
    if number == E2BIG:
        return "the command line is too long for the system", (
            "hint: hand over a folder instead of many paths",
        )
    return f"cannot run `{program}`: {subject if number == EINVAL else os.strerror(number)}", ()


def abandoned(status: int, interpreter: str) -> Outcome:
    """What to say of a command whose keeper is gone. Raises EnvironmentFailed if it was killed."""
    if interpreter and not os.WIFSIGNALED(status):
        return Outcome(
            f"`{interpreter}` cannot call functions", ("hint: Python 3.8 or newer is needed",)
        )
    number = os.WTERMSIG(status)
    raise EnvironmentFailed(
        f"the process that watches over commands was killed by {signal_name(number)}",
        ["what it ran was killed as well"],
    )


def processes() -> list[int]:
    """The numbers of all processes of this machine."""
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except FileNotFoundError:  # macOS
        import subprocess

        return list(map(int, subprocess.check_output(["ps", "-A", "-o", "pid="]).split()))


def session(pid: int) -> int | None:
    """The number of a process's session; None where it has ended."""
    try:
        return os.getsid(pid)
    except OSError:
        return None


def signal_name(number: int) -> str:
    """`SIGKILL`, or `signal 35` where it has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def span(seconds: float) -> str:
    """`30m`: a duration as in a Datafile."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds * 1000:g}ms"


def masked(text: str, action: Action) -> str:
    """`text` without the action's secrets."""
    for secret in sorted(hidden(action), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def first_line(path: str) -> str | None:
    """The first line of a file as text, None where there is no such file."""
    try:
        with open(path, "rb") as file:
            return NOISE.sub("", file.readline(LINE).decode(errors="replace")).strip()
    except OSError:
        return None


def last_lines(path: str) -> tuple[str, ...]:
    """The last lines of a log, without control characters, and of rewritten lines the last state."""
    with open(path, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - LAST_LINES * LINE))
        text = file.read().decode(errors="replace").strip("\n")
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")[-LAST_LINES:]]
    clean = [NOISE.sub("", line).rstrip()[-LINE:] for line in lines]
    return tuple(line for line in clean if line)
