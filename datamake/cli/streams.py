"""Standard output for data, standard error for talk.

Knows nothing of what is written. A reader that goes away (`| head`) is no error.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO


def out(text: str) -> bool:
    """Data; False once nobody reads it."""
    return write(sys.stdout, text)


def say(text: str) -> None:
    """Progress, messages and errors."""
    write(sys.stderr, text)


def write(stream: TextIO | None, text: str) -> bool:
    """Write at once; what no encoding can say is escaped, what nobody reads is dropped (False)."""
    if stream is None:  # closed before datamake was started
        return False
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            encoding = stream.encoding or "ascii"
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except BrokenPipeError:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)
        return False
    return True


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream shows pictures: a terminal that is not dumb."""
    return stream is not None and stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


def fitted(text: str) -> str:
    """Text whose lines end where the terminal does that standard output is; else as it is."""
    if sys.stdout is None or not sys.stdout.isatty():
        return text
    from shutil import get_terminal_size

    width = get_terminal_size().columns
    return "\n".join(
        line if len(line) <= width else f"{line[: width - 1]}…" for line in text.split("\n")
    )


def coloured(text: str, code: str) -> str:
    """Text for standard error in a colour (`31` red), where colours are wanted."""
    wanted = os.environ.get("FORCE_COLOR") or is_terminal(sys.stderr)
    if os.environ.get("NO_COLOR") or not wanted:
        return text
    return f"\x1b[{code}m{text}\x1b[0m"
