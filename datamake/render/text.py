"""The words and numbers that all renderings share.

Knows nothing of terminals: no colours, no widths.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from datamake.model import Reason

UNSHOWN: dict[int, None] = dict.fromkeys(
    (
        *range(0x20),
        *range(0x7F, 0xA0),
        0x200E,
        0x200F,
        *range(0x2028, 0x202F),
        *range(0x2066, 0x206A),
    )
)
"""Control characters, and those that turn the direction of text around."""
UNSHOWN_IN_LINES = {code: None for code in UNSHOWN if chr(code) not in "\n\t"}


def clean(text: str) -> str:
    """A name or path from outside without the characters that could drive a terminal."""
    return text if text.isprintable() else text.translate(UNSHOWN)


def clean_lines(text: str) -> str:
    """As `clean`, but the line ends and tabs of a longer text stay."""
    return text if text.isprintable() else text.translate(UNSHOWN_IN_LINES)


def duration(seconds: float) -> str:
    """`0.03 s`, `4.2 s`, `42 s`, `5 min 3 s`, `2 h 5 min`, `3 d 4 h`."""
    if seconds < 0.095:
        return f"{max(seconds, 0):.2f} s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return two_units(whole, 60, "min", "s")
    minutes = round(whole / 60)
    if minutes < 1440:
        return two_units(minutes, 60, "h", "min")
    return two_units(round(minutes / 60), 24, "d", "h")


def two_units(amount: int, step: int, big: str, small: str) -> str:
    """`5 min 3 s`, `5 min`."""
    rest = amount % step
    return f"{amount // step} {big} {rest} {small}" if rest else f"{amount // step} {big}"


def size(count: int) -> str:
    """`812 bytes`, `1.2 kB`, `3.4 GB`: powers of 1000."""
    if count < 1000:
        return counted(count, "byte")
    amount, units = count / 1000, ["TB", "GB", "MB", "kB"]
    while amount >= 999.5 and len(units) > 1:
        amount /= 1000
        units.pop()
    return f"{amount:.1f} {units[-1]}" if amount < 9.95 else f"{amount:,.0f} {units[-1]}"


def counted(count: int, noun: str) -> str:
    """`1 target`, `10,000 targets`, `2 entries`."""
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun[:-1]}ies" if noun.endswith("ry") else f"{count:,} {noun}s"


def nothing_to_do(count: int, seconds: float) -> str:
    """`up to date: 10,000 targets (0.2 s)`."""
    return f"up to date: {counted(count, 'target')} ({duration(seconds)})"


def listed(names: Sequence[str], most: int) -> str:
    """`a, b, c`, or `a, b and 12 more` where there are more than `most`."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most:,} more"


def reason_text(reason: Reason) -> str:
    """`input-changed: raw/01.csv`."""
    detail = clean(reason.detail)
    if not detail or detail == reason.code.value.replace("-", " "):
        return reason.code.value
    return f"{reason.code.value}: {detail}"


def reasons_text(reasons: Sequence[Reason], *, full: bool = False) -> str:
    """The first reason and how many more there are, or all of them."""
    if full or len(reasons) < 2:
        return "; ".join(reason_text(reason) for reason in reasons)
    return f"{reason_text(reasons[0])} and {len(reasons) - 1:,} more"
