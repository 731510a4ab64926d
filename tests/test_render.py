"""Texts and documents, from values; the picture, on a terminal of a known size."""

from __future__ import annotations

import io
import json
from itertools import pairwise

import pytest
from rich.console import Console

from datamake.errors import DatafileError, Problem, UsageError
from datamake.model import Code, Reason, Status, Written
from datamake.outcome import BuildResult, Event, Plan, PlannedTarget, TargetResult
from datamake.render import details, text
from datamake.render.dot import dot
from datamake.render.json import build_document, error_document, json_text, plan_document
from datamake.render.live import Forecast, Live
from datamake.render.markdown import headline
from datamake.render.mermaid import mermaid
from datamake.render.outline import outline
from datamake.render.plain import Manner, Plain, Tail, github_error, summary_line, target_line
from datamake.render.plan import plan_text, status_text
from datamake.render.trace import EventLines, Timings
from datamake.values import replace

CHANGED = Reason(Code.INPUT_CHANGED, "raw/01.csv")
NEVER = Reason(Code.NEVER_BUILT, "never built")
FAILED = TargetResult(
    "clean[01]",
    Status.FAILED,
    reasons=(CHANGED,),
    duration_s=0.3,
    error="exit status 1",
    log=".datamake/logs/clean[01]",
)


def built(name, status=Status.BUILT, **more):
    return TargetResult(name, status, **{"reasons": (CHANGED,), "duration_s": 4.2, **more})


def result(*targets, ok=True, exit_code=0, seconds=0.2):
    return BuildResult(ok, exit_code, seconds, targets)


def tails(log, most):
    return Tail(log, ("reading", "ValueError: no")[:most], more=True)


def told(*events, **manner):
    """What the plain reporter says of events, given as (kind, target, data)."""
    said = []
    reporter = Plain(said.append, tails, Manner(**manner))
    for number, (kind, target, data) in enumerate(events):
        reporter(Event(kind, float(number), target, data))
    return "".join(said)


def ended(target):
    return ("target-ended", target.name, {"result": target})


# Words and numbers


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0.00 s"),
        (0.034, "0.03 s"),
        (0.2, "0.2 s"),
        (9.96, "10 s"),
        (59.7, "1 min"),
        (303, "5 min 3 s"),
        (3599.9, "1 h"),
        (7500, "2 h 5 min"),
        (86399, "1 d"),
        (273600, "3 d 4 h"),
    ],
)
def test_duration(seconds, expected):
    assert text.duration(seconds) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, "1 byte"),
        (999, "999 bytes"),
        (1234, "1.2 kB"),
        (999_999, "1.0 MB"),
        (34_000_000_000, "34 GB"),
        (2_500_000_000_000_000, "2,500 TB"),
    ],
)
def test_size(count, expected):
    assert text.size(count) == expected


def test_names_lose_what_could_drive_a_terminal():
    """Control characters and changes of direction are dropped, other characters stay."""
    assert text.clean("a\x1b[2J\rb\nc\u202eé日\x9b") == "a[2Jbcé日"
    assert text.clean_lines("a\n\tb\x07") == "a\n\tb"


def test_a_reason_that_says_its_code_says_it_once():
    assert text.reason_text(NEVER) == "never-built"
    assert text.reasons_text((CHANGED, NEVER)) == "input-changed: raw/01.csv and 1 more"
    assert text.reasons_text((CHANGED, NEVER), full=True) == (
        "input-changed: raw/01.csv; never-built"
    )


# Plain lines


def test_a_line_for_what_did_something():
    assert target_line(built("clean[01]")) == "built clean[01]  4.2 s  input-changed: raw/01.csv"
    restored = built("clean[02]", Status.RESTORED)
    assert target_line(restored) == "restored clean[02]  input-changed: raw/01.csv"


def test_what_is_up_to_date_is_said_only_when_asked():
    fresh = ended(TargetResult("a", Status.UP_TO_DATE))
    assert told(fresh) == ""
    assert told(fresh, verbosity=1) == "up-to-date a\n"


def test_a_failure_shows_the_end_of_its_log_and_where_it_is():
    assert told(ended(FAILED)) == (
        "failed clean[01]  0.3 s  exit status 1\n"
        "  | ...\n"
        "  | reading\n"
        "  | ValueError: no\n"
        "  log: .datamake/logs/clean[01]\n"
    )


def test_facts_that_end_the_log_are_shown_once():
    lines = ("reading", "ValueError: no")
    for facts in (lines, lines[1:]):
        again = replace(FAILED, facts=facts)
        assert told(ended(again)) == told(ended(FAILED))


def test_what_was_interrupted_is_one_line_each():
    """On a terminal, in CI and in the picture: it did not fail by itself."""
    stopped = replace(FAILED, error="interrupted")
    done = ("run-ended", None, {"result": result(stopped, ok=False, exit_code=130)})
    for github in (False, True):
        assert told(ended(stopped), done, ci=github, github=github) == (
            "failed clean[01]  0.3 s  interrupted\ninterrupted: failed 1 (clean[01]) (0.2 s)\n"
        )
    live, screen = drawing()
    live(Event("run-started", 0.0, None, {"total": 1}))
    live(Event("target-ended", 0.5, FAILED.name, {"result": stopped}))
    assert "interrupted" in screen.getvalue()
    assert "ValueError" not in screen.getvalue()


def test_quiet_says_failures_alone():
    done = ("run-ended", None, {"result": result(FAILED, ok=False, exit_code=1)})
    notice = ("notice", None, {"message": "displaced build/a"})
    assert told(notice, ended(built("a")), done, verbosity=-1) == ""
    assert told(ended(FAILED), verbosity=-1).startswith("failed clean[01]")


def test_ci_shows_logs_at_the_end():
    """In CI the log comes after all lines, and on GitHub there is an error line."""
    done = ("run-ended", None, {"result": result(FAILED, ok=False, exit_code=1)})
    assert told(ended(FAILED), done, ci=True, github=True) == (
        "failed clean[01]  0.3 s  exit status 1\n"
        "  log: .datamake/logs/clean[01]\n"
        "\nlog of clean[01]:\n"
        "  | ...\n"
        "  | reading\n"
        "  | ValueError: no\n"
        "  log: .datamake/logs/clean[01]\n"
        "::error title=clean[01]::exit status 1\n"
        "failed 1 (clean[01]) (0.2 s)\n"
    )


def test_github_commands_cannot_be_broken_out_of():
    hostile = TargetResult("a,b:c", Status.FAILED, error="100%\n::set-env::", facts=("x\r",))
    assert github_error(hostile) == ("::error title=a%2Cb%3Ac::100%25%0A::set-env::%0A  x%0D")


def test_other_events_are_one_line_each():
    assert told(
        ("waiting", "a", {"for": "b"}),
        ("retry", "a", {"attempt": 2, "delay": 1.0, "error": "exit status 1"}),
        ("notice", None, {"message": "displaced\n  build/a"}),
        ("tick", None, {}),
        ("target-started", "a", {"attempt": 1}),
    ) == (
        "waiting for a: held by another build\n"
        "retry a  in 1.0 s, try 2: exit status 1\n"
        "displaced\n  build/a\n"
    )


def test_the_summary_of_a_build():
    fresh = [TargetResult(str(number), Status.UP_TO_DATE) for number in range(10_000)]
    assert summary_line(result(*fresh)) == "up to date: 10,000 targets (0.2 s)"
    assert summary_line(result(*fresh, built("a"))) == "built 1, up to date 10,000 (0.2 s)"
    checked = TargetResult("c", Status.UP_TO_DATE, reasons=(Reason(Code.CHECK_CHANGED, "x"),))
    assert summary_line(result(checked, fresh[0])) == "checked 1, up to date 1 (0.2 s)"
    assert summary_line(result(built("a"), checked)) == "built 1, checked 1 (0.2 s)"
    assert headline(result(built("a"), checked)) == "built 1, checked 1"
    failed = result(FAILED, built("b", Status.BLOCKED), ok=False, exit_code=1)
    assert summary_line(failed) == "failed 1 (clean[01]), blocked 1 (0.2 s)"
    stopped = result(built("a", Status.SKIPPED), ok=False, exit_code=130)
    assert summary_line(stopped) == "interrupted: skipped 1 (0.2 s)"


# Plans


def plan(*targets, **more):
    return Plan(tuple(targets), **more)


def planned(name, status=Status.RUN, reasons=(CHANGED,), estimate=None):
    return PlannedTarget(name, status, tuple(reasons), estimate)


CHAIN = plan(
    planned("clean[01]", estimate=4.0),
    planned("fetch", Status.RESTORE, [NEVER]),
    planned("delays", Status.MAYBE, [Reason(Code.UPSTREAM, "clean[01]")], 12.0),
    planned("report", Status.UP_TO_DATE, ()),
    critical_path=("clean[01]", "delays"),
    critical_s=16.0,
    total_s=16.0,
)


def test_a_plan_in_the_order_of_running():
    assert plan_text(CHAIN) == (
        "run      clean[01]  ~4.0 s  input-changed: raw/01.csv\n"
        "restore  fetch              never-built\n"
        "maybe    delays     ~12 s   upstream: clean[01]\n"
        "\n"
        "at most 2 to run (1 of them maybe), 1 to restore; 1 up to date\n"
        "at most 16 s of work, going by the last time\n"
        "critical path: clean[01] -> delays (16 s)\n"
    )


def test_a_plan_of_nothing():
    fresh = planned("a", Status.UP_TO_DATE, ())
    assert plan_text(plan(fresh)) == "up to date: 1 target\n"


def test_five_thousand_instances_that_fare_alike_are_one_line():
    """Those with another status or other reasons have lines of their own."""
    many = [planned(f"clean[{number:04}]", reasons=[NEVER], estimate=2.0) for number in range(5000)]
    many[7] = planned("clean[0007]", reasons=[CHANGED])
    assert plan_text(plan(*many)) == (
        "run  clean[0000] and 4,998 more  ~2 h 47 min  never-built\n"
        "run  clean[0007]                              input-changed: raw/01.csv\n"
        "\n"
        "5,000 to run; 0 up to date\n"
    )
    assert len(plan_text(plan(*many), full=True).splitlines()) == 5002


def test_instances_with_reasons_of_their_own_show_the_first():
    both = [
        planned(f"clean[{number}]", reasons=[Reason(Code.INPUT_CHANGED, f"raw/{number}.csv")])
        for number in (1, 2)
    ]
    assert plan_text(plan(*both)).splitlines()[0] == (
        "run  clean[1] and 1 more  input-changed: raw/1.csv, ..."
    )


def test_status_puts_what_is_up_to_date_on_one_line():
    fresh = [planned(name, Status.UP_TO_DATE, ()) for name in ("a", "b[1]", "b[2]", "c")]
    assert status_text(plan(planned("d"), *fresh)) == (
        "run  d  input-changed: raw/01.csv\nup-to-date  a, b[*] (2), c\n\n1 to run; 4 up to date\n"
    )


def test_a_long_critical_path_is_cut_in_the_middle():
    names = tuple("abcdefghij")
    long = plan(planned("a"), critical_path=names, critical_s=5.0)
    assert "critical path: a -> b -> c -> ... -> h -> i -> j (5.0 s)\n" in plan_text(long)


# Details


def test_why_shows_what_changed_in_a_command():
    document = {
        "name": "clean[01]",
        "status": "run",
        "reasons": [
            {
                "code": "command-changed",
                "detail": "command",
                "old": "a\nb\nc\n",
                "new": "a\nB\nc\n",
            },
            {"code": "param-changed", "detail": "year", "old": "2013", "new": "2014"},
            {"code": "input-added", "detail": "raw/02.csv", "new": "f00-12"},
            {"code": "always", "detail": ""},
        ],
    }
    assert details.why_text(document) == (
        "clean[01]: run\n"
        "  command-changed: command\n"
        "    @@ -1,3 +1,3 @@\n"
        "     a\n"
        "    -b\n"
        "    +B\n"
        "     c\n"
        "  param-changed: year\n"
        "    - 2013\n"
        "    + 2014\n"
        "  input-added: raw/02.csv\n"
        "    - (none)\n"
        "    + f00-12\n"
        "  always\n"
    )


def test_why_shows_contents_by_short_digests():
    """With their sizes, which digests carry; what is no digest as it is."""
    own = "95191efc2f52683f39683192301f5e00"
    changes = [
        ("code-changed", f"{own}-542", f"{own}-1552x"),
        ("input-changed", f"{own}-1/", f"table:{own}"),
        ("input-changed", "token:etag-1", None),
        ("env-changed", f"{own}-542", "1"),
    ]
    reasons = [{"code": c, "detail": "x", "old": old, "new": new} for c, old, new in changes]
    document = {"name": "a", "status": "run", "reasons": reasons}
    assert details.why_text(document).splitlines()[1:] == [
        "  code-changed: x",
        "    - 95191efc2f52 (542 bytes)",
        "    + 95191efc2f52 (1,552 bytes, executable)",
        "  input-changed: x",
        "    - 95191efc2f52 (1 byte)",
        "    + 95191efc2f52",
        "  input-changed: x",
        "    - token:etag-1",
        "    + (none)",
        "  env-changed: x",
        f"    - {own}-542",
        "    + 1",
    ]


def test_ls_is_aligned():
    document = {
        "targets": [
            {"name": "clean[01]", "kind": "run", "outputs": ["build/01.csv"], "tags": ["daily"]},
            {"name": "report", "kind": "python", "outputs": ["a", "b"], "tags": []},
        ],
        "sources": [{"name": "airlines", "path": "raw/airlines.csv"}],
    }
    assert details.ls_text(document) == (
        "clean[01]  run     build/01.csv      #daily\n"
        "report     python  a, b\n"
        "airlines   source  raw/airlines.csv\n"
    )


def test_history_of_runs_and_of_a_target():
    runs = [
        {
            "run": 2,
            "time": "2026-01-31T12:00:00Z",
            "duration_s": 4.2,
            "exit_code": 1,
            "failed": 1,
            "built": 6,
            "targets": {"failed": ["a"], "built": ["b", "c"]},
        },
        {
            "run": 1,
            "time": "2026-01-30T12:00:00Z",
            "duration_s": 0.2,
            "status": "built",
            "reason": "input-changed",
            "detail": "raw/01.csv",
        },
    ]
    assert details.history_text({"runs": runs}) == (
        "    2  2026-01-31T12:00:00Z  exit status 1  4.2 s  built 6 (b, c, ...), failed 1 (a)\n"
        "    1  2026-01-30T12:00:00Z  built  0.2 s  input-changed: raw/01.csv\n"
    )
    several = [{"run": 1, "target": name, "time": "TIME"} for name in ("e[a]", "e[b]")]
    assert details.history_text({"runs": several}) == "    1  e[a]  TIME\n    1  e[b]  TIME\n"
    assert details.history_text({"runs": []}) == "nothing has run yet\n"


# Graphs

GRAPH = {
    "version": 1,
    "nodes": [
        {"id": "raw/01.csv", "kind": "file"},
        {"id": "clean[01]", "kind": "run", "status": "run"},
        {"id": "clean[02]", "kind": "run", "status": "up-to-date"},
        {"id": 'a "b" <c>', "kind": "source"},
        {"id": "delays", "kind": "run", "status": "maybe"},
        {"id": "report", "kind": "python", "status": "maybe"},
    ],
    "edges": [
        {"from": "raw/01.csv", "to": "clean[01]"},
        {"from": 'a "b" <c>', "to": "clean[02]"},
        {"from": "clean[01]", "to": "delays"},
        {"from": "clean[02]", "to": "delays"},
        {"from": "delays", "to": "report"},
        {"from": "clean[01]", "to": "report"},
    ],
}


def test_the_outline_folds_instances_and_says_nothing_twice():
    assert outline(GRAPH) == (
        "report  maybe\n"
        "├─ delays  maybe\n"
        "│  └─ clean[*] (2)  1 run, 1 up-to-date\n"
        "│     ├─ raw/01.csv\n"
        '│     └─ a "b" <c>\n'
        "└─ clean[*] (2)  1 run, 1 up-to-date  (above)\n"
    )


def test_the_outline_of_a_long_chain_comes_back_to_the_margin():
    names = [f"t{number}" for number in range(3000)]
    nodes = [{"id": name, "kind": "run"} for name in names]
    edges = [{"from": a, "to": b} for a, b in pairwise(names)]
    lines = outline({"nodes": nodes, "edges": edges}).splitlines()
    assert max(map(len, lines)) < 100
    assert sum(line.endswith("(below)") for line in lines) > 100
    assert lines[-1].endswith("└─ t0")


def test_dot_quotes_every_name():
    drawn = dot(GRAPH)
    assert '  "a \\"b\\" <c>" -> "clean[02]";\n' in drawn
    assert '  "clean[01]" [shape=box, style=filled, fillcolor="#ffe6a7", tooltip="run"];\n' in drawn
    assert drawn.startswith("digraph datamake {\n")
    assert drawn.endswith("}\n")


def test_mermaid_writes_markup_as_entities():
    drawn = mermaid(GRAPH)
    assert drawn.startswith('flowchart LR\n  n0(["raw/01.csv"])\n  n1["clean[01]"]:::run\n')
    assert '  n3(["a #34;b#34; #60;c#62;"])\n' in drawn
    assert "  n3 --> n2\n" in drawn
    assert "  classDef run fill:#ffe6a7,color:#000\n" in drawn
    assert "restore" not in drawn


# Documents


def test_the_document_of_a_build():
    written = Written("build/01.csv", "0" * 32 + "-12")
    document = build_document(result(built("clean[01]", outputs=(written,)), FAILED))
    assert json.loads(json_text(document)) == {
        "version": 1,
        "ok": True,
        "exit_code": 0,
        "duration_s": 0.2,
        "summary": {
            "up-to-date": 0,
            "built": 1,
            "restored": 0,
            "failed": 1,
            "blocked": 0,
            "skipped": 0,
        },
        "targets": [
            {
                "name": "clean[01]",
                "status": "built",
                "present": True,
                "reasons": [{"code": "input-changed", "detail": "raw/01.csv"}],
                "fingerprint": "",
                "duration_s": 4.2,
                "outputs": [{"path": "build/01.csv", "digest": "0" * 32 + "-12", "size": 12}],
            },
            {
                "name": "clean[01]",
                "status": "failed",
                "present": True,
                "reasons": [{"code": "input-changed", "detail": "raw/01.csv"}],
                "fingerprint": "",
                "duration_s": 0.3,
                "outputs": [],
                "error": "exit status 1",
            },
        ],
    }


def test_the_document_of_a_plan():
    document = plan_document(CHAIN)
    assert document["summary"] == {"up-to-date": 1, "run": 1, "restore": 1, "maybe": 1, "check": 0}
    assert document["targets"][0] == {
        "name": "clean[01]",
        "status": "run",
        "reasons": [{"code": "input-changed", "detail": "raw/01.csv"}],
        "estimate_s": 4.0,
    }


def test_the_document_of_errors_has_their_places():
    problems = [
        Problem("unknown key `inptus`", "Datafile.toml", hint="did you mean?", line=3, column=1),
        Problem("no such input"),
    ]
    assert error_document(DatafileError(problems)) == {
        "version": 1,
        "ok": False,
        "exit_code": 2,
        "errors": [
            {
                "message": "unknown key `inptus`\n  hint: did you mean?",
                "file": "Datafile.toml",
                "line": 3,
                "column": 1,
            },
            {"message": "no such input"},
        ],
    }
    assert error_document(UsageError("a", ["b"]))["errors"] == [{"message": "a\n  b"}]


# Events


def test_events_as_lines():
    said = []
    lines = EventLines(said.append)
    lines(Event("tick", 1.0))
    lines(Event("target-started", 1.5, "a", {"attempt": 1, "reasons": (CHANGED,)}))
    lines(Event("target-ended", 2.0, "a", {"result": built("a")}))
    documents = [json.loads(line) for line in said]
    assert documents[0] == {
        "event": "target-started",
        "time": 1.5,
        "target": "a",
        "attempt": 1,
        "reasons": [{"code": "input-changed", "detail": "raw/01.csv"}],
    }
    assert documents[1]["result"]["status"] == "built"
    assert len(documents) == 2


def test_timings_give_each_target_a_row_while_it_runs():
    said = []
    timings = Timings(said.append)
    for time, kind, name in (
        (10.0, "run-started", None),
        (10.0, "target-started", "a"),
        (10.5, "target-started", "b"),
        (11.0, "target-ended", "a"),
        (11.0, "target-started", "c"),
        (12.0, "target-ended", "c"),
        (12.5, "target-ended", "b"),
        (12.5, "target-ended", "up-to-date"),
        (13.0, "run-ended", None),
    ):
        timings(Event(kind, time, name, {"result": built(name)} if name else {}))
    bars = json.loads(said[0])["traceEvents"]
    assert [(bar["name"], bar["tid"], bar["ts"], bar["dur"]) for bar in bars] == [
        ("a", 1, 0, 1_000_000),
        ("c", 1, 1_000_000, 1_000_000),
        ("b", 2, 500_000, 2_000_000),
    ]


# The picture


class Terminal(io.StringIO):
    def isatty(self):
        return True


def drawing(width=80, height=24, **manner):
    screen = Terminal()
    console = Console(
        file=screen, force_terminal=True, color_system=None, width=width, height=height
    )
    return Live(console, tails, Manner(**manner)), screen


def picture(live, width):
    """The lines that are drawn now."""
    console = Console(file=io.StringIO(), width=width, height=24, color_system=None)
    live.console = console
    console.print(live)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [16, 30, 40, 80, 200])
def test_no_line_of_the_picture_is_wider_than_the_terminal(width):
    live, _ = drawing(width)
    live(Event("run-started", 0.0, None, {"total": 5000}))
    for number in range(50):
        live(Event("target-started", 1.0, f"日本語[red]{'x' * number}", {"attempt": 1}))
    live(Event("tick", 90.0))
    lines = picture(live, width)
    live.close()
    assert len(lines) == 11
    assert lines[-2].strip() == "and 41 more"
    assert "0/5,000" in lines[-1]
    assert all(text.strip() and cells(text) <= width for text in lines)


def cells(line):
    from rich.cells import cell_len

    return cell_len(line)


def test_markup_in_names_is_text():
    live, screen = drawing()
    live(Event("run-started", 0.0, None, {"total": 2}))
    live(Event("target-started", 0.1, "[bold]a", {"attempt": 1}))
    live(Event("target-ended", 0.3, "[bold]a", {"result": built("[bold]a\x1b[2J")}))
    live(Event("run-ended", 0.4, None, {"result": result(built("a"))}))
    assert "built     [bold]a[2J       4.2 s  input-changed: raw/01.csv" in screen.getvalue()
    assert "built 1 (0.2 s)" in screen.getvalue()


def test_the_picture_keeps_lines_of_what_ended_and_ends_itself():
    """A failure shows its log; what is up to date shows nothing; the cursor is back in the end."""
    live, screen = drawing()
    live(Event("run-started", 0.0, None, {"total": 3}))
    live(Event("target-started", 0.1, FAILED.name, {"attempt": 1}))
    live(Event("target-ended", 0.2, "fresh", {"result": TargetResult("fresh", Status.UP_TO_DATE)}))
    live(Event("target-ended", 0.5, FAILED.name, {"result": FAILED}))
    live(Event("run-ended", 0.6, None, {"result": result(FAILED, ok=False, exit_code=1)}))
    shown = screen.getvalue()
    assert "  | ValueError: no\n  log: .datamake/logs/clean[01]\n" in shown
    assert "fresh" not in shown
    assert shown.index("\x1b[?25l") < shown.index("\x1b[?25h")
    assert shown.endswith("failed 1 (clean[01]) (0.2 s)\n")


def test_the_forecast_goes_by_earlier_runs():
    """Ten seconds of work, half done in four seconds of time: four are left."""
    forecast = Forecast()
    forecast.begin(2, {"a": 5.0, "b": 5.0})
    forecast.started(100.0)
    forecast.ended(built("a", duration_s=5.0))
    assert forecast.left(100.5, {}) is None
    assert forecast.left(104.0, {}) == 4.0
    assert forecast.done == 1


def test_the_forecast_goes_by_this_run_where_there_was_none():
    forecast = Forecast()
    forecast.begin(10, {})
    forecast.started(0.0)
    for name in "abcde":
        forecast.ended(built(name, duration_s=2.0))
    assert forecast.left(10.0, {}) == 10.0
