"""A plan as text: what would run, be restored or may run, why, and how long it took before.

Knows nothing of terminals. Instances of one target that fare alike share a line unless all are
asked for: five thousand of them are one line, in the place of the first.
"""

from __future__ import annotations

from datamake.model import Status
from datamake.render.text import clean, counted, duration, listed, reasons_text
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from datamake.outcome import Plan, PlannedTarget

WIDEST_NAME = 44
PATH_SHOWN = 6
UP_TO_DATE_SHOWN = 12


@value
class Line:
    """One line of a plan: a target, or several instances that fare alike."""

    targets: tuple[PlannedTarget, ...]

    @property
    def name(self) -> str:
        """`clean[01]`, or `clean[01] and 11 more`."""
        first, others = clean(self.targets[0].name), len(self.targets) - 1
        return f"{first} and {others:,} more" if others else first

    @property
    def time(self) -> str:
        """What it took before, in all; `""` where nothing is known."""
        known = [each.estimate_s for each in self.targets if each.estimate_s is not None]
        return f"~{duration(sum(known))}" if known else ""

    @property
    def reason(self) -> str:
        """The first one's first reason; the others have the same code."""
        text = reasons_text(self.targets[0].reasons)
        same = all(each.reasons == self.targets[0].reasons for each in self.targets)
        return text if same else f"{text}, ..."


def plan_text(plan: Plan, *, full: bool = False) -> str:
    """What a build would do, in the order of running, then the totals and the critical path.

    `full` gives every target a line of its own, all reasons, and those that are up to date.
    """
    stale = [target for target in plan.targets if target.status is not Status.UP_TO_DATE]
    lines = table(plan.targets, full=True) if full else table(stale)
    if lines:
        lines.append("")
    return "\n".join([*lines, *totals(plan)]) + "\n"


def status_text(plan: Plan, *, full: bool = False) -> str:
    """What is stale, with the first reason, and what is up to date, on one line."""
    if full:
        return "\n".join([*table(plan.targets, full=True), "", *remarked(plan)]) + "\n"
    lines = table([each for each in plan.targets if each.status is not Status.UP_TO_DATE])
    fresh = families(each.name for each in plan.targets if each.status is Status.UP_TO_DATE)
    if fresh:
        lines.append(f"{Status.UP_TO_DATE.value}  {listed(fresh, UP_TO_DATE_SHOWN)}")
    return "\n".join([*lines, "", *remarked(plan)]) + "\n"


def table(targets: Sequence[PlannedTarget], *, full: bool = False) -> list[str]:
    """Aligned lines of status, name, time and reasons."""
    rows = [Line((target,)) for target in targets] if full else folded(targets)
    cells = [
        (
            row.targets[0].status.value,
            row.name,
            row.time,
            reasons_text(row.targets[0].reasons, full=True) if full else row.reason,
        )
        for row in rows
    ]
    widths = [
        max((min(len(cell[column]), WIDEST_NAME) for cell in cells), default=0)
        for column in range(3)
    ]
    return [
        "  ".join(
            part.ljust(width)
            for part, width in zip(cell, (*widths, 0), strict=True)
            if width or part
        ).rstrip()
        for cell in cells
    ]


def folded(targets: Iterable[PlannedTarget]) -> list[Line]:
    """Lines for targets: the instances of one family with the same status and reason codes in one."""
    groups: dict[object, list[PlannedTarget]] = {}
    for target in targets:
        family = target.name.partition("[")[0]
        codes = tuple(dict.fromkeys(reason.code for reason in target.reasons))
        groups.setdefault((family, target.status, codes), []).append(target)
    return [Line(tuple(group)) for group in groups.values()]


def families(names: Iterable[str]) -> list[str]:
    """`delays`, `clean[*] (12)`: names with the instances of a target in one, in their order."""
    counts: dict[str, list[str]] = {}
    for name in names:
        family, bracket, _ = name.partition("[")
        counts.setdefault(f"{family}[*]" if bracket else name, []).append(name)
    return [
        f"{clean(family)} ({len(found):,})" if len(found) > 1 else clean(found[0])
        for family, found in counts.items()
    ]


def totals(plan: Plan) -> list[str]:
    """How many at most, how long at most, and the chain that takes longest."""
    lines = remarked(plan)
    if plan.total_s:
        lines.append(f"at most {duration(plan.total_s)} of work, going by the last time")
    if len(plan.critical_path) > 1 and plan.critical_s:
        path = [clean(name) for name in plan.critical_path]
        if len(path) > PATH_SHOWN:
            path[PATH_SHOWN // 2 : -PATH_SHOWN // 2] = ["..."]
        lines.append(f"critical path: {' -> '.join(path)} ({duration(plan.critical_s)})")
    return lines


def remarked(plan: Plan) -> list[str]:
    """What was noticed on the way, and how many targets are to be done."""
    return [*map(clean, plan.notices), counts_line(plan)]


def counts_line(plan: Plan) -> str:
    """`at most 13 to run (2 of them maybe), 3 to restore; 9,984 up to date`."""
    counts = plan.summary
    fresh, maybe = counts["up-to-date"], counts["maybe"]
    if fresh == len(plan.targets):
        return f"up to date: {counted(fresh, 'target')}"
    run = counts["run"] + maybe
    parts = []
    if run:
        unsure = f" ({maybe:,} of them maybe)" if maybe else ""
        parts.append(f"{'at most ' if maybe else ''}{run:,} to run{unsure}")
    if counts["restore"]:
        parts.append(f"{counts['restore']:,} to restore")
    if counts["check"]:
        parts.append(f"{counts['check']:,} to check")
    return f"{', '.join(parts)}; {fresh:,} up to date"
