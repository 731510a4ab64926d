"""What commands print, where, and with which exit status."""

from __future__ import annotations

import errno
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time

import pytest
from typer.main import get_command
from versions import told_by_duckdb_2

from datamake import cli
from datamake.cli import app, failures, running, streams, upkeep
from datamake.cli.completion import names
from datamake.cli.examples import EXAMPLES
from datamake.cli.logs import tail
from datamake.cli.opening import has_datafile, opened, params
from datamake.cli.options import Place, Talk
from datamake.cli.statuses import MEANINGS, ExitStatus
from datamake.errors import (
    DatafileError,
    DatamakeError,
    EnvironmentFailed,
    Interrupted,
    Problem,
    UsageError,
)
from datamake.outcome import Event

WORDS = """
[targets.counts]
inputs = ["words.txt"]
output = "build/counts.txt"
run = "sort {input} > {output}"

[targets.top]
inputs = ["counts"]
output = "build/top.txt"
run = "head -n 1 {input} > {output}"
"""


class Words:
    """A project of two targets, and its command line in this process."""

    def __init__(self, project, capsys):
        self.project = project
        self.capsys = capsys

    def __call__(self, *arguments):
        """Exit status, standard output and standard error of `datamake` with these arguments."""
        status = app.main(arguments)
        captured = self.capsys.readouterr()
        return int(status), captured.out, re.sub(r"\d+(\.\d+)? (s|min)\b", "TIME", captured.err)


@pytest.fixture
def words(project, capsys, monkeypatch):
    project.datafile(WORDS)
    project.write("words.txt", "b\na\n")
    monkeypatch.chdir(project.root)
    return Words(project, capsys)


# Building


def test_a_build_talks_on_standard_error(words):
    """What did something has a line; a build that has nothing to do is one line."""
    assert words("build", "-j1") == (
        0,
        "",
        "built counts  TIME  never-built\nbuilt top  TIME  never-built\nbuilt 2 (TIME)\n",
    )
    assert words("build") == (0, "", "up to date: 2 targets (TIME)\n")
    assert words("-j1") == (0, "", "up to date: 2 targets (TIME)\n")
    assert words() == (0, "", "up to date: 2 targets (TIME)\n")


def test_a_failed_target_shows_its_log(words):
    words.project.datafile(
        '[targets.a]\noutput = "a"\nrun = "echo reading >&2; exit 3 > {output}"\n'
    )
    status, out, err = words("build")
    assert (status, out) == (1, "")
    lines = err.splitlines()
    assert lines[0].startswith("failed a  TIME  ")
    assert "  | reading" in lines
    assert any(line.startswith("  log: .datamake/") for line in lines)
    assert lines[-1] == "failed 1 (a) (TIME)"


def test_json_is_one_document_on_standard_output(words):
    status, out, err = words("build", "--json", "-q")
    document = json.loads(out)
    assert (status, err) == (0, "")
    assert document["summary"]["built"] == 2
    assert [target["name"] for target in document["targets"]] == ["counts", "top"]


def test_errors_with_json_are_a_document_too(words):
    status, out, err = words("build", "tpo", "--json")
    document = json.loads(out)
    assert (status, err) == (2, "")
    assert document["ok"] is False
    assert "`tpo`" in document["errors"][0]["message"]


def test_a_dry_run_lists_what_would_run(words):
    status, out, err = words("build", "-n")
    assert (status, err) == (0, "")
    assert out.splitlines()[0].startswith("run  counts  ")
    assert out.splitlines()[0].endswith("never-built")
    assert not words.project.exists("build")
    assert words("build", "-n", "--exit-code")[0] == 3
    words("build")
    assert words("build", "-n", "--exit-code") == (0, "up to date: 2 targets\n", "")


def test_status_says_what_is_stale(words):
    words("build")
    words.project.write("words.txt", "c\na\n")
    status, out, _ = words("status", "--exit-code")
    assert status == 3
    assert re.search(r"^run +counts .*input-changed: words.txt$", out, re.MULTILINE)
    assert re.search(r"^maybe +top ", out, re.MULTILINE)
    document = json.loads(words("status", "--json")[1])
    assert document["summary"]["run"] == 1


def test_a_summary_is_written_where_it_is_asked_for(words, monkeypatch):
    """To the file of `--summary`, in place of what it held; on GitHub to the run's own as well."""
    words.project.write("own.md", "before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(words.project.path("own.md")))
    assert words("build", "--summary", "new.md")[0] == 0
    new, own = words.project.read("new.md"), words.project.read("own.md")
    assert new.startswith("## datamake: built 2\n\nIt took ")
    assert "\n| `top` | " in new
    assert own == f"before\n{new}"
    assert words("build", "--summary", "new.md")[0] == 0
    assert words.project.read("new.md").startswith("## datamake: up to date 2\n")
    words.project.write("own.md", "")
    assert words("build", "--summary", "own.md")[0] == 0
    assert words.project.read("own.md").count("## datamake") == 1


def test_the_summary_has_the_time_that_the_cache_saved(words):
    """A restored target counts with the time that it took, and one whose record alone was needed."""
    words("build")
    words.project.remove("build")
    words.project.remove(".datamake/state.sqlite")
    assert words("build", "top", "--summary", "s.md")[0] == 0
    found = re.sub(r"\d+(\.\d+)? s\b", "TIME", words.project.read("s.md"))
    assert (
        found
        == """\
## datamake: restored 1, up to date 1

It took TIME; the cache saved TIME.

### From the cache

| target | time it took once | why |
| --- | --- | --- |
| `counts` | TIME | its bytes stay there |
| `top` | TIME | never-built |
"""
    )


def test_where_github_has_no_file_there_is_no_summary(words, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "/no/such/file")
    assert words("build")[0] == 0


def test_on_github_a_build_with_nothing_to_do_has_a_summary_too(project):
    project.datafile(WORDS)
    project.write("words.txt", "b\na\n")
    project.write("own.md")
    for _ in range(3):
        done = project.cli("build", env={"GITHUB_STEP_SUMMARY": str(project.path("own.md"))})
        assert done.returncode == 0
    assert project.read("own.md").count("## datamake: up to date 2\n") == 2


def test_files_of_events_and_timings(words):
    assert words("build", "--events", "events", "--timings", "timings")[0] == 0
    events = [json.loads(line) for line in words.project.read("events").splitlines()]
    assert events[0]["event"] == "run-started"
    assert [each["target"] for each in events if each["event"] == "target-ended"] == [
        "counts",
        "top",
    ]
    bars = json.loads(words.project.read("timings"))["traceEvents"]
    assert [bar["name"] for bar in bars] == ["counts", "top"]
    assert words("build", "--events", "no/such") == (
        2,
        "",
        "error: no/such: no such file or directory\n",
    )


def test_options_work_before_and_after_the_command(words):
    words.project.write("sub/x", "")
    assert words("-C", "sub", "build")[2].splitlines()[-1] == "built 2 (TIME)"
    assert words("build", "-C", "..", "top")[2] == "up to date: 2 targets (TIME)\n"


def test_params_are_set_by_hand(words):
    words.project.datafile(
        '[params]\nyear = 1\n[targets.a]\noutput = "a"\nrun = "echo {params.year} > {output}"'
    )
    assert words("--set", "year=2", "build", "--set", "year=3")[0] == 0
    assert words.project.read("a") == "3\n"


# Looking


def test_why_and_show_and_ls(words):
    words("build")
    words.project.write("words.txt", "c\na\n")
    status, out, _ = words("why", "counts")
    assert (status, out.splitlines()[0]) == (0, "counts: run")
    assert "  input-changed: words.txt" in out
    assert json.loads(words("why", "counts", "--json")[1])["name"] == "counts"
    assert "build/counts.txt" in words("show", "counts")[1]
    assert words("ls")[1] == ("counts  run  build/counts.txt\ntop     run  build/top.txt\n")
    assert [t["name"] for t in json.loads(words("ls", "top", "--json")[1])["targets"]] == ["top"]


def test_graph_in_all_formats(words):
    assert words("graph")[1] == "top\n└─ counts\n   └─ words.txt\n"
    assert "\n└─ counts  run\n" in words("graph", "--status")[1]
    assert '"counts" -> "top"' in words("graph", "--format", "dot")[1]
    assert words("graph", "--format", "mermaid")[1].startswith("flowchart LR\n")
    edges = json.loads(words("graph", "--format", "json")[1])["edges"]
    assert {"from": "counts", "to": "top"} in edges
    assert words("graph", "--format", "svg") == (
        2,
        "",
        "error: `svg` is no format of a graph\n  known: `text`, `dot`, `mermaid`, `json`\n",
    )


def test_what_is_missing_and_where(words):
    """Every input that is not there, with its place and who asks for it, in the Datafile's order."""
    words.project.datafile("""
        [targets.b]
        inputs = ["a", "two.csv"]
        run = "cat {inputs}"
        [targets.a]
        inputs = ["one.csv", "two.csv"]
        run = "cat {inputs}"
    """)
    status, _, said = words()
    assert status == 2
    assert said == (
        "Datafile.toml:4:16: input `two.csv` does not exist, and no target makes it\n"
        "  needed by `b`\n"
        "Datafile.toml:7:11: input `one.csv` does not exist, and no target makes it\n"
        "  needed by `a`\n"
        "Datafile.toml:7:22: input `two.csv` does not exist, and no target makes it\n"
        "  needed by `a`\n"
    )


def test_logs_and_history(words):
    assert words("log", "counts") == (1, "", "error: `counts` has no log\n")
    words.project.datafile(WORDS.replace('"sort {input}', '"echo hello; sort {input}'))
    words.project.datafile('[targets.a]\noutput = "a"\nrun = "echo hello; touch {output}"')
    words("build")
    assert "hello" in words("log", "a")[1]
    assert words("log", "a", "--failed")[0] == 1
    assert "built" in words("history")[1]
    assert len(json.loads(words("history", "a", "--json")[1])["runs"]) == 1


@told_by_duckdb_2
def test_what_failed_is_told_later(words):
    """By `log --failed` as the build did, before the log; by `log` where there is none."""
    words.project.datafile("""
        [sources.raw]
        path = "raw.csv"
        checks = [{ unique = ["id"] }]
        [targets.sum]
        inputs = ["raw"]
        sql = "select smu(id) as n from raw"
        [targets.loud]
        inputs = ["raw"]
        output = "loud.csv"
        run = "echo bad; head -n 1 {input} > {output}"
        checks = [{ rows = { min = 1 } }]
    """)
    words.project.write("raw.csv", "id\n1\n1\n")
    words("build")
    raw = r"failed raw  \S+ s  a check failed\n  `unique\(id\)`: 1 of 2 rows\n    id: 1, count: 2\n"
    assert re.fullmatch(raw, words("log", "raw", "--failed")[1])
    assert "a check failed" in words("history", "raw")[1]
    words.project.write("raw.csv", "id\n1\n2\n")
    words("build", "-k")
    query = (
        r"failed sum  \S+ s  there is no function `smu`\n"
        r"  1 \| select smu\(id\) as n from raw\n    \|        \^{7}\n"
    )
    for more in ([], ["--failed"]):
        status, printed, _ = words("log", "sum", *more)
        assert status == 0
        assert re.fullmatch(query, printed)
    assert words("log", "loud")[1] == "bad\n"
    loud = r"failed loud  \S+ s  a check failed\n  `rows`: .*\nbad\n"
    assert re.fullmatch(loud, words("log", "loud", "--failed")[1])


def test_a_log_is_followed_until_ctrl_c(project):
    """Also where another run begins it anew, and then is shorter."""
    project.datafile("[targets.a]\nrun = 'echo first and long'\n")
    assert project.cli("build").returncode == 0
    process = project.start("log", "a", "--follow")
    assert process.stdout.readline() == "first and long\n"
    project.datafile("[targets.a]\nrun = 'echo second'\n")
    assert project.cli("build").returncode == 0
    assert process.stdout.readline() == "second\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == ("", "interrupted\n")
    assert process.returncode == 130


def test_a_log_that_nobody_reads_is_not_followed(project):
    project.datafile("[targets.a]\nrun = 'echo first and long'\n")
    assert project.cli("build").returncode == 0
    process = project.start("log", "a", "--follow")
    assert process.stdout.readline() == "first and long\n"
    process.stdout.close()
    project.write(".datamake/logs/a.log", "second\n")
    assert process.wait(60) == 0
    process.stderr.close()


# Keeping in order


def test_clean_asks_before_it_removes(words, monkeypatch):
    words("build")
    status, _, err = words("clean")
    assert status == 2
    assert err.endswith(
        "error: nothing was removed, there is nobody to ask\n  hint: `--yes` removes\n"
    )
    monkeypatch.setattr(upkeep, "asks", lambda: True)
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    assert words("clean")[2].endswith("remove 2 outputs? [y/N] removed 0 outputs\n")
    assert words.project.exists("build/top.txt")
    assert words("clean", "--yes") == (0, "", "removed 2 outputs\n")
    assert not words.project.exists("build/top.txt")
    assert words.project.exists("words.txt")


def test_accept_takes_what_is_there(words):
    words("build")
    words.project.write("words.txt", "c\na\n")
    assert words("accept", "counts") == (0, "", "accepted counts\n")
    assert words("build")[2] == "up to date: 2 targets (TIME)\n"


def test_reproduce_compares(words):
    words("build")
    assert words("reproduce", "counts")[:2] == (
        0,
        "counts: the same\n  same        build/counts.txt\n",
    )


def test_the_cache_is_looked_after(words):
    words("build")
    assert json.loads(words("cache", "stats", "--json")[1])["version"] == 1
    assert words("cache", "verify") == (0, "", "0 entries corrupt\n")
    missing = "error: missing command\n  hint: `datamake cache --help` lists what there is\n"
    assert words("cache") == (2, "", missing)
    status, _, err = words("cache", "gc", "--max-size", "0", "--grace", "0s")
    assert (status, err.splitlines()[0].split()[:2]) == (0, ["would", "remove"])
    assert words("cache", "gc", "--max-size", "0", "--grace", "0s", "--yes")[0] == 0
    assert words("cache", "gc", "--max-size", "much")[0] == 2


def test_what_keeps_order_says_so_as_json(words):
    """One document on standard output, nothing else on either."""
    words("build")
    project = words.project

    def document(*arguments):
        status, out, err = words(*arguments, "--json")
        assert err == ""
        return status, json.loads(out)

    assert document("accept", "counts", "top") == (
        0,
        {"version": 1, "accepted": ["counts", "top"]},
    )
    assert document("clean", "top", "--yes") == (0, {"version": 1, "removed": ["build/top.txt"]})
    assert document("cache", "verify") == (0, {"version": 1, "ok": True, "dropped": []})
    (blob, _) = project.files(".datamake/cache/*/blobs/*/*")
    os.chmod(project.path(blob), 0o644)
    project.write(blob, "c\na\n")
    status, found = document("cache", "verify")
    assert (status, found["ok"], len(found["dropped"])) == (1, False, 1)
    status, found = document("cache", "gc", "--max-size", "0", "--grace", "0s")
    assert (status, found["dry_run"], found["left"]) == (0, True, 0)
    assert found["entries"] > 0 < found["size"]
    assert document("cache", "gc", "--max-size", "0", "--grace", "0s", "--yes") == (
        0,
        {**found, "dry_run": False},
    )


def test_doctor_finds_this_machine_well(words):
    status, out, _ = words("doctor")
    assert status == 0
    assert out.startswith("ok ")


# Beginning


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_build_at_once(example, project, capsys, monkeypatch):
    """The second build has nothing to do; what is there is not overwritten."""
    monkeypatch.chdir(project.root)
    assert app.main(["init", "--example", example]) == 0
    assert app.main(["build"]) == 0
    assert app.main(["build"]) == 0
    assert "up to date: " in capsys.readouterr().err.splitlines()[-1]
    assert app.main(["init", "--example", example]) == 2
    assert capsys.readouterr().err.startswith(
        "error: these files are there already, nothing was written\n  Datafile.toml\n"
    )


def test_without_a_datafile_there_is_help(project, capsys, monkeypatch):
    monkeypatch.chdir(project.root)
    assert app.main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Usage: datamake [OPTIONS] COMMAND")
    assert captured.err.endswith(app.NO_DATAFILE)
    assert app.main(["build"]) == 2
    assert "`datamake init`" in capsys.readouterr().err


def test_schema_is_a_document(capsys):
    assert app.main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["type"] == "object"


def test_the_version(capsys):
    assert app.main(["--version"]) == 0
    assert capsys.readouterr().out == "datamake 0.1.0\n"


# Help and reference


def test_every_command_has_help_with_the_exit_statuses(capsys):
    assert tuple(get_command(app.app).commands) == cli.COMMANDS
    for name in cli.COMMANDS:
        assert app.main([name, "--help"]) == 0
        out = capsys.readouterr().out
        assert "Usage: datamake " in out
        if name != "cache":
            assert "  130  interrupted (Ctrl-C)" in out
    assert set(MEANINGS) == set(ExitStatus)


def test_the_reference_has_every_command_and_option():
    page = cli.reference()
    for name in (*cli.COMMANDS, "cache gc", "cache verify", "cache stats"):
        assert f"## `{name}`\n" in page
    for option in ("`-j, --jobs N`", "`--max-size SIZE`", "`--orphans`", "`--set KEY=VALUE`"):
        assert f"| {option} | " in page


# Mistakes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bild"], "error: no such command `bild`\n  hint: did you mean `build`?\n"),
        (
            ["why"],
            "error: missing argument `TARGET`\n  hint: `datamake why --help` lists what there is\n",
        ),
        (["build", "--set", "x"], "error: `--set` takes `KEY=VALUE`, not `x`\n"),
        (
            ["-C", "nowhere", "build"],
            "error: nowhere: no such file or directory\n  hint: `-C` takes the folder to start in\n",
        ),
    ],
)
def test_wrong_arguments(arguments, message, capsys):
    assert app.main(arguments) == 2
    assert capsys.readouterr().err == message


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("claen", "did you mean `datamake build clean`?"),
        ("tot", "did you mean `datamake build tot`?"),
        ("totl", "did you mean `datamake build tot`?"),
        ("statis", "did you mean `status`?"),
        ("doctr", "did you mean `doctor`?"),
        ("zzz", "`datamake --help` lists what there is"),
    ],
)
def test_a_target_in_the_place_of_a_command(word, hint, tmp_path, monkeypatch, capsys):
    """Was to be built; above all nobody is led to a command that removes what was to be made."""
    text = "[project]\n" + "".join(
        f"[targets.{name}]\nrun = 'true'\n" for name in ("clean", "tot", "status2")
    )
    (tmp_path / "Datafile.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert app.main([word]) == 2
    assert capsys.readouterr().err == f"error: no such command `{word}`\n  hint: {hint}\n"
    (tmp_path / "Datafile.toml").write_text("broken")
    assert app.main(["claen"]) == 2
    assert "did you mean `clean`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["-k", "build", "top"], "build"),
        (["-j2", "build"], "build"),
        (["-n", "build", "top"], "build"),
        (["--cache", "off", "top", "status"], "status"),
        (["build", "clean"], "clean"),
    ],
)
def test_a_command_that_stands_behind_options(words, arguments, name):
    """What stands there are targets, since `build` may be left out."""
    assert words(*arguments) == (
        2,
        "",
        (
            f"error: `{name}` is no target, and no target makes such a file\n"
            f"  hint: `{name}` is a command, which stands first: its options come after it\n"
        ),
    )


def test_an_unknown_param_is_an_error_with_a_headline(words):
    """It stands on the command line, hence nowhere in a Datafile."""
    assert words("--set", "m=3", "build") == (
        2,
        "",
        "error: unknown param `m`\n  none is declared\n",
    )


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (UsageError("a", ["b"], "c"), 2, "error: a\n  b\n  hint: c\n"),
        (
            DatafileError([Problem("wrong", "Datafile.toml", line=3, column=1), Problem("too")]),
            2,
            "Datafile.toml:3:1: wrong\nerror: too\n",
        ),
        (EnvironmentFailed("disk full: \x1b[2J"), 4, "error: disk full: [2J\n"),
        (Interrupted(15), 143, "interrupted\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (OSError(errno.ENOSPC, "No space left", "/x"), 4, "error: /x: no space left\n"),
        (OSError(errno.EISDIR, "Is a directory", "/x"), 4, "error: /x: is a directory\n"),
    ],
)
def test_errors_are_said_as_they_are(error, status, message, capsys):
    def fails():
        raise error

    assert failures.guarded(fails, json=False) == status
    assert capsys.readouterr() == ("", message)


def test_a_bug_leaves_its_trace_in_a_file(project, capsys, monkeypatch):
    """One line, that names the file; it is in the project's `.datamake` where there is one."""

    def fails():
        raise ValueError("surprise\n")

    monkeypatch.chdir(project.root)
    project.write(".datamake/x")
    assert failures.guarded(fails, json=False) == 70
    err = capsys.readouterr().err
    path = re.fullmatch(
        r"error: bug in datamake: ValueError: surprise ; the full trace is in (\S+)\n", err
    )
    assert path is not None
    assert path[1].startswith(str(project.root / ".datamake" / "bug-"))
    assert "in fails" in project.read(path[1])


def test_a_bug_with_json_is_a_document(capsys):
    def fails():
        raise KeyError("x")

    assert failures.guarded(fails, json=True) == 70
    assert json.loads(capsys.readouterr().out)["exit_code"] == 70


# Streams


def test_a_reader_that_goes_away_is_no_error(words):
    """As in `datamake ls | head -1`."""
    process = words.project.start("ls", "--json")
    process.stdout.close()
    assert process.wait(30) == 0
    assert process.stderr.read() == ""
    process.stderr.close()


def test_streams_that_are_closed_from_the_start(words):
    """As under some service managers: the build goes on, and says nothing."""
    command = [sys.executable, "-m", "datamake", "build"]
    script = 'exec "$@" >&- 2>&-'
    process = subprocess.run(
        ["sh", "-c", script, "sh", *command],
        cwd=words.project.root,
        env=words.project.environment,
        check=False,
    )
    assert process.returncode == 0
    assert words.project.exists("build/top.txt")


def test_names_of_targets_complete(words):
    """Each once, also in the folder or Datafile that the options before mean."""
    words.project.datafile(WORDS + "[targets.cut]\nforeach = { n = ['1'] }\nrun = 'true'\n")

    def completed(line, folder):
        variables = {
            "_DATAMAKE_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(line.count(" ")),
        }
        return words.project.cli(env=variables, cwd=folder).stdout.split()

    root = words.project.root
    for line in ("build", "-C project why", "build -C project", "-f project/Datafile.toml ls"):
        folder = root.parent if "project" in line else root
        assert completed(f"datamake {line} c", folder) == ["counts", "cut", "cut[1]"]
    assert completed("datamake build --set n=1 c", root) == []


def test_a_broken_datafile_completes_to_nothing(words):
    assert names("c", Place()) == ["counts"]
    words.project.datafile("[broken")
    assert names("c", Place()) == []


def test_names_that_no_encoding_has_are_escaped():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    streams.write(stream, "é\udcff")
    assert stream.buffer.getvalue() == b"\\xe9\\udcff"


class Terminal(io.StringIO):
    """A stream that says that it is one."""

    def isatty(self):
        return True


def test_data_is_cut_to_a_terminal(words, monkeypatch):
    """Its lines, which would be broken elsewhere; not what another program reads."""
    words.project.write("a.csv", "first,second\n1234567,123456789012\n")
    words.project.datafile('[sources.a]\npath = "a.csv"\n')
    monkeypatch.setenv("COLUMNS", "20")
    shown = words("show", "a", "--data")[1].splitlines()[-2:]
    assert shown == ["first    second", "1234567  123456789012"]
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert streams.fitted("\n".join([*shown, ""])) == "first    second\n1234567  1234567890…\n"


def test_the_end_of_a_log(tmp_path, monkeypatch):
    """Colours are dropped, and of a progress bar its last state is left."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log").write_bytes(b"one\n\x1b[31mtwo\x1b[0m\n10%\r20%\r\nlast \xff\n\n")
    found = tail(str(tmp_path), "log", 3)
    assert (found.path, found.lines, found.more) == ("log", ("two", "20%", "last \ufffd"), True)
    assert tail(str(tmp_path), "log", 9).more is False
    assert tail(str(tmp_path), "none", 9).lines == ()


def test_ctrl_c_ends_a_build(project):
    project.datafile('[targets.a]\noutput = "a"\nrun = "touch here; sleep 60; touch {output}"')
    process = project.start("build")
    while not project.exists("here"):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted" in err
    assert "Traceback" not in err


def on_terminal(project, *arguments, **variables):
    """What `datamake` writes to a terminal, and its exit status."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "datamake", *arguments],
        cwd=project.root,
        env={**project.environment, "TERM": "xterm", **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    return process.wait(30), shown.decode()


def test_a_terminal_gets_a_picture_when_something_runs(words):
    status, shown = on_terminal(words.project, "build")
    assert status == 0
    assert "\x1b[?25l" in shown
    assert shown.count("\x1b[?25h") == 1
    assert "built     " in shown
    status, shown = on_terminal(words.project, "build")
    assert re.fullmatch(r"up to date: 2 targets \(.*\)\r\n", shown)


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (["build", "--no-progress"], {}),
        (["build"], {"DATAMAKE_NO_PROGRESS": "1"}),
        (["build"], {"TERM": "dumb"}),
        (["build"], {"CI": "true"}),
    ],
)
def test_no_picture_where_none_is_wanted(arguments, variables, words):
    _, shown = on_terminal(words.project, *arguments, **variables)
    assert "\x1b" not in shown
    assert shown.startswith("built counts  ")


def test_the_picture_comes_late_only_if_it_takes_long(monkeypatch):
    """A run in which nothing starts gets a picture after two seconds."""
    monkeypatch.setattr(running, "is_terminal", lambda _: True)
    shown = []
    reporter = running.Reporter(Talk(), {}, None)
    reporter.subscriber = lambda event: None
    reporter.show_picture = shown.append
    reporter(Event("run-started", 0.0, None, {"total": 9}))
    reporter(Event("tick", 1.9))
    assert shown == []
    reporter(Event("tick", 2.1))
    assert len(shown) == 1


# Places


def test_a_setting_keeps_its_text():
    """What it means is for the Datafile to say, which knows the params."""
    assert params(["a=1", "b=x=y", "a = 2"]) == {"a": " 2", "b": "x=y"}


def test_a_datafile_is_looked_for_upwards(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert not has_datafile(str(tmp_path / "a" / "b"))
    (tmp_path / "Datafile.toml").touch()
    assert has_datafile(str(tmp_path / "a" / "b"))


def test_a_project_that_is_not_there():
    with pytest.raises(DatamakeError):
        opened(Place(file="nowhere.toml"))
