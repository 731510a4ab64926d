"""What came of a build as a page of Markdown, as GitHub shows it on the page of a run.

Knows nothing of files: it is given a function that takes text. Names, errors and logs come from
outside: nothing in them is Markdown or HTML, and nothing makes the page longer than it may be.
"""

from __future__ import annotations

import re

from datamake.errors import shortened
from datamake.model import Status
from datamake.render.plain import TAIL_IN_CI, below, counts_of
from datamake.render.text import clean, clean_lines, duration, reasons_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from datamake.outcome import BuildResult, Event, TargetResult
    from datamake.render.plain import Tails

LIMIT = 1_000_000
"""Bytes of a page. GitHub drops one of more than a megabyte (2^20 bytes), all of it."""
ROWS = 1000
"""Rows of a table, lines of a list."""
LOGS = 10
"""Failures that are shown with the end of their logs."""
LOG = 16_000
"""Characters of the end of a log."""
TEXT = 300
"""Characters of a name, an error or a reason."""
MARKUP = re.compile(r"[&<>`*_\[\]\\|~$@#]")
NO_SPAN = re.compile(r"[`|]")
"""What a code span in a table cannot hold."""
MORE = "\n*and more, which has no place here*\n"


class Summary:
    """Writes a page of at most `limit` bytes when the run ends."""

    def __init__(self, write: Callable[[str], None], tails: Tails, limit: int = LIMIT) -> None:
        self.write = write
        self.tails = tails
        self.limit = limit

    def __call__(self, event: Event) -> None:
        """Take note of one event."""
        if event.kind == "run-ended":
            self.write(page(event.data["result"], self.tails, self.limit))


def page(result: BuildResult, tails: Tails, limit: int = LIMIT) -> str:
    """Counts and times, what failed and why, what was built, what came from the cache."""
    pieces: list[str] = []
    left = limit - len(MORE)
    if left < 0:
        return ""
    for piece in parts(result, tails):
        left -= len(piece.encode("utf-8", "replace"))
        if left < 0:
            pieces.append(MORE)
            break
        pieces.append(piece)
    return "".join(pieces)


def parts(result: BuildResult, tails: Tails) -> Iterator[str]:
    """The page in pieces; it is right Markdown after any of them. What matters most comes first."""
    yield f"## datamake: {headline(result)}\n\n{times(result)}\n"
    yield from bullets("Notices", [prose(notice) for notice in result.notices])
    failed = having(result, Status.FAILED)
    if failed:
        yield "\n### Failed\n"
    for number, target in enumerate(failed[:ROWS]):
        yield failure(target, tails if number < LOGS else None)
    if len(failed) > ROWS:
        yield f"\nand {len(failed) - ROWS:,} more\n"
    for status, title in ((Status.BLOCKED, "Blocked"), (Status.SKIPPED, "Not started")):
        yield from bullets(title, [code(target.name) for target in having(result, status)])
    yield from table(
        "Built",
        ("target", "time", "why"),
        [
            (code(each.name), duration(each.duration_s), prose(reasons_text(each.reasons)))
            for each in having(result, Status.BUILT)
        ],
    )
    yield from table(
        "From the cache",
        ("target", "time it took once", "why"),
        [
            (code(each.name), duration(each.saved_s), taken(each))
            for each in result.targets
            if each.saved_s is not None
        ],
    )


def headline(result: BuildResult) -> str:
    """`failed 1, built 2, up to date 10`."""
    said = [f"{word} {number:,}" for word, number in counts_of(result).items()]
    return ("interrupted: " if result.exit_code >= 128 else "") + (", ".join(said) or "nothing")


def times(result: BuildResult) -> str:
    """How long the build took, and how long what it took from the cache had taken."""
    saved = [each.saved_s for each in result.targets if each.saved_s is not None]
    took = f"It took {duration(result.duration_s)}"
    return f"{took}; the cache saved {duration(sum(saved))}." if saved else f"{took}."


def taken(target: TargetResult) -> str:
    """Why a target was taken from the cache, or that only its record was."""
    return prose(reasons_text(target.reasons)) if target.present else "its bytes stay there"


def failure(target: TargetResult, tails: Tails | None) -> str:
    """A target that failed, its error and, with `tails`, its facts and the end of its log."""
    error = prose(target.error or "failed")
    text = f"\n- {code(target.name)}: {error} ({duration(target.duration_s)})\n"
    if tails is None:
        return text
    tail = tails(target.log, TAIL_IN_CI) if target.log else None
    lines = below(target, tail)
    return text + (folded("what it said", "\n".join(lines)) if lines else "")


def having(result: BuildResult, status: Status) -> list[TargetResult]:
    """The targets with a status, in the order they ended."""
    return [target for target in result.targets if target.status is status]


# Markdown


def bullets(title: str, lines: Sequence[str]) -> Iterator[str]:
    """A list under a heading, in pieces; nothing where there are no lines."""
    if lines:
        yield f"\n### {title}\n\n"
    yield from (f"- {line}\n" for line in lines[:ROWS])
    if len(lines) > ROWS:
        yield f"\nand {len(lines) - ROWS:,} more\n"


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table under a heading, in pieces; nothing where there are no rows."""
    if rows:
        yield f"\n### {title}\n\n{row(head)}{row(['---'] * len(head))}"
    yield from (row(cells) for cells in rows[:ROWS])
    if len(rows) > ROWS:
        yield f"\nand {len(rows) - ROWS:,} more\n"


def row(cells: Sequence[str]) -> str:
    """A row of a table."""
    return f"| {' | '.join(cells)} |\n"


def folded(title: str, text: str) -> str:
    """The end of a text that may hold anything, to be folded out."""
    shown = clean_lines(text)
    if len(shown) > LOG:
        shown = f"...{shown[-LOG:]}"
    fence = "`" * (1 + max(2, *map(len, re.findall("`+", shown)), 0))
    return f"\n<details><summary>{title}</summary>\n\n{fence}text\n{shown}\n{fence}\n\n</details>\n"


def code(name: str) -> str:
    """A name as code: a code span, or HTML where that could not hold it."""
    shown = short(name)
    if shown.strip() == shown != "" and not NO_SPAN.search(shown):
        return f"`{shown}`"
    return f"<code>{entities(shown)}</code>"


def prose(text: str) -> str:
    """Text on one line, of which nothing is markup."""
    return entities(short(" ".join(text.split())))


def short(text: str) -> str:
    """Text without control characters, cut where it is very long."""
    return shortened(clean(text), TEXT)


def entities(text: str) -> str:
    """Text with all that could be markup as numbers of characters, which it never is."""
    return MARKUP.sub(lambda match: f"&#{ord(match[0])};", text)
