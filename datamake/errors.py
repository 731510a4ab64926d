"""The exceptions of datamake, and the one function that formats a message.

Knows no other module of datamake.

    DatamakeError                 exit status
    ├── UsageError                2   wrong arguments, wrong use from Python, nothing selected
    ├── DatafileError             2   the Datafile is wrong, an input is missing; all problems at once
    │   └── SourceMoved           1   a remote source is not what the lock file has
    ├── EnvironmentFailed         4   disk full, cannot be read or written, unreachable
    │   └── TargetLocked          4   held by another build, with --no-wait
    └── Interrupted               130, 143

A target that fails is a result, not an exception. What is none of these is a bug (exit status 70).
"""

from __future__ import annotations

from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@value
class Problem:
    """One thing that is wrong with a Datafile or with what it refers to.

    `keys` leads to the place in the file (`("targets", "clean", "inputs", 0)`); `line` and
    `column` (both from 1) are looked up from it once an error is certain.
    """

    message: str
    file: str = ""
    keys: tuple[str | int, ...] = ()
    facts: tuple[str, ...] = ()
    hint: str = ""
    line: int = 0
    column: int = 0

    @property
    def place(self) -> str:
        """`Datafile.toml:12:3`, or as much of it as is known."""
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}"

    def __str__(self) -> str:
        headline = f"{self.place}: {self.message}" if self.place else self.message
        return message(headline, self.facts, self.hint)


def message(headline: str, facts: Iterable[str] = (), hint: str = "") -> str:
    """A headline, indented facts and a hint, one a line; every message of datamake has this form."""
    lines = [headline, *(f"  {fact}" for fact in facts)]
    if hint:
        lines.append(f"  hint: {hint}")
    return "\n".join(lines)


def shortened(text: str, length: int = 60) -> str:
    """A text cut off where it gets too long to be shown: at so many characters."""
    return text if len(text) <= length else text[: length - 3] + "..."


class DatamakeError(Exception):
    """What datamake raises for a mistake or a failed environment."""

    exit_code = 70
    text = ""
    """The text that it is about, where that may be in a file which its reader does not know."""

    def __init__(self, headline: str, facts: Iterable[str] = (), hint: str = "") -> None:
        self.headline = headline
        self.facts = tuple(facts)
        self.hint = hint
        super().__init__(message(headline, self.facts, hint))

    @property
    def below(self) -> tuple[str, ...]:
        """What stands below the headline: the facts, and the hint as one more."""
        return (*self.facts, f"hint: {self.hint}") if self.hint else self.facts


class UsageError(DatamakeError):
    """Wrong arguments or wrong use from Python."""

    exit_code = 2


class DatafileError(DatamakeError):
    """A Datafile is wrong, or an input that it names is missing. `problems` has all of them."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        super().__init__(first.message, first.facts, first.hint)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class SourceMoved(DatafileError):
    """Remote sources are not what the lock file has, or not in it. `problems` has all of them."""

    exit_code = 1


class EnvironmentFailed(DatamakeError):
    """The machine, the disk or a storage failed, and there was no way around it."""

    exit_code = 4


class TargetLocked(EnvironmentFailed):
    """Another build holds a target, and this one was asked not to wait."""


class Interrupted(DatamakeError):
    """The build was stopped by a signal (`exit_code` 130 for SIGINT, 143 for SIGTERM)."""

    def __init__(self, signal: int) -> None:
        super().__init__("interrupted")
        self.exit_code = 128 + signal
