"""The summary of a build: all of it, from values; nothing in a name, an error or a log is markup."""

from __future__ import annotations

import pytest

from datamake.model import Code, Reason, Status
from datamake.outcome import BuildResult, Event, TargetResult
from datamake.render.markdown import LIMIT, Summary, code, page, prose
from datamake.render.plain import Tail

CHANGED = Reason(Code.INPUT_CHANGED, "raw/01.csv")
PARAM = Reason(Code.PARAM_CHANGED, "late")
FAILED = TargetResult(
    "clean[01]",
    Status.FAILED,
    duration_s=0.3,
    error="exit status 1",
    facts=("no output",),
    log="log",
)


def tails(log, most):
    return Tail(log, ("reading", ">", "</details> ```` <b>no</b>"), more=True)


def result(*targets, notices=(), exit_code=0):
    return BuildResult(exit_code == 0, exit_code, 303.0, targets, notices)


def test_what_came_of_a_build():
    """Counts and times first, then what failed with the end of its log, then the rest."""
    found = page(
        result(
            TargetResult("a", Status.UP_TO_DATE),
            TargetResult("b", Status.BUILT, reasons=(CHANGED, PARAM), duration_s=4.2),
            TargetResult("c", Status.RESTORED, reasons=(CHANGED,), duration_s=0.1, saved_s=3600.0),
            TargetResult("d", Status.UP_TO_DATE, present=False, saved_s=60.0),
            FAILED,
            TargetResult("report", Status.BLOCKED),
            TargetResult("f", Status.SKIPPED),
            notices=("dropped what was corrupt in the cache: `v1/ab`",),
            exit_code=1,
        ),
        tails,
    )
    assert (
        found
        == """\
## datamake: failed 1, blocked 1, skipped 1, built 1, restored 1, up to date 2

It took 5 min 3 s; the cache saved 1 h 1 min.

### Notices

- dropped what was corrupt in the cache: &#96;v1/ab&#96;

### Failed

- `clean[01]`: exit status 1 (0.3 s)

<details><summary>what it said</summary>

`````text
  no output
  | ...
  | reading
  | >
  | </details> ```` <b>no</b>
  log: log
`````

</details>

### Blocked

- `report`

### Not started

- `f`

### Built

| target | time | why |
| --- | --- | --- |
| `b` | 4.2 s | input-changed: raw/01.csv and 1 more |

### From the cache

| target | time it took once | why |
| --- | --- | --- |
| `c` | 1 h | input-changed: raw/01.csv |
| `d` | 1 min | its bytes stay there |
"""
    )


def test_a_build_with_nothing_to_do():
    assert page(result(TargetResult("a", Status.UP_TO_DATE)), tails) == (
        "## datamake: up to date 1\n\nIt took 5 min 3 s.\n"
    )


def test_an_interrupted_build_says_so():
    found = page(result(exit_code=130), tails)
    assert found == "## datamake: interrupted: nothing\n\nIt took 5 min 3 s.\n"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("clean[2013-01]", "`clean[2013-01]`"),
        ("<img src=x> **b**", "`<img src=x> **b**`"),
        ("a`b|c", "<code>a&#96;b&#124;c</code>"),
        ("`<b>`", "<code>&#96;&#60;b&#62;&#96;</code>"),
        (" ", "<code> </code>"),
        ("", "<code></code>"),
        ("a\nb\x1b[31m\u202e", "`ab[31m`"),
        ("x" * 400, f"`{'x' * 297}...`"),
    ],
)
def test_names_are_code_and_nothing_else(name, expected):
    assert code(name) == expected


def test_errors_are_text_and_nothing_else():
    hostile = "a | b\n# head\n<script>[x](javascript:1) @all #1 ![i](u) _e_ *s* ~~d~~ $m$ \\| `c`"
    assert prose(hostile) == (
        "a &#124; b &#35; head &#60;script&#62;&#91;x&#93;(javascript:1) &#64;all &#35;1 "
        "!&#91;i&#93;(u) &#95;e&#95; &#42;s&#42; &#126;&#126;d&#126;&#126; &#36;m&#36; "
        "&#92;&#124; &#96;c&#96;"
    )


def test_the_end_of_a_long_log_is_kept():
    """Of one long line too."""
    lines = [str(number).rjust(79) for number in range(10_000)]
    many = page(result(FAILED), lambda log, most: Tail(log, tuple(lines)))
    assert many.count("\n") < 300
    assert f"  | {lines[-1]}\n  log: log\n```\n\n</details>\n" in many
    one = page(result(FAILED), lambda log, most: Tail(log, ("x" * 10**6 + "end",)))
    assert len(one) < 17_000
    assert "xxend\n  log: log\n```" in one


def test_a_page_of_a_large_build_is_cut():
    """Rows, lines and logs have limits of their own, so that each section has its place."""
    failed = [
        TargetResult(f"f{n}", Status.FAILED, error="no" * 400, log="log") for n in range(2000)
    ]
    some = [
        TargetResult(f"{status.value}{n}", status, reasons=(CHANGED,), saved_s=1.0)
        for status in (Status.BLOCKED, Status.BUILT)
        for n in range(2000)
    ]
    found = page(
        result(*failed, *some), lambda log, most: Tail(log, ("\N{BLACK CIRCLE}" * 50_000,))
    )
    assert len(found.encode()) < 2**20
    assert found.count("<details>") == 10
    assert found.count("\nand 1,000 more\n") + found.count("\nand 3,000 more\n") == 4
    assert found.endswith("\nand 3,000 more\n")


@pytest.mark.parametrize("limit", [0, 40, 100, 400, 700])
def test_no_page_is_longer_than_it_may_be(limit):
    """Where there is no room it ends between two of its parts, and says so."""
    said = []
    many = [TargetResult(f"\N{BLACK CIRCLE}{n}", Status.BUILT) for n in range(100)]
    reporter = Summary(said.append, tails, limit)
    reporter(Event("run-started", 0.0))
    reporter(Event("run-ended", 1.0, data={"result": result(FAILED, *many)}))
    (found,) = said
    assert len(found.encode()) <= limit
    assert found.endswith("\n*and more, which has no place here*\n") == (limit >= 40)
    assert found.count("\n<details>") == found.count("\n</details>\n")
    assert LIMIT < 2**20
