"""Commands and functions, each in a process group of its own, of which nothing is left."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import uuid

import pytest
from processes import limited, linux, marked, soon

from datamake import capture
from datamake.action import Action
from datamake.errors import EnvironmentFailed
from datamake.keeper import END
from datamake.process import Keeper, Keepers, Outcome, last_lines, request_of, span


@pytest.fixture
def keepers():
    """With half a second between SIGTERM and SIGKILL."""
    opened = Keepers(grace=0.5)
    yield opened
    opened.close()


@pytest.fixture
def command(tmp_path):
    """Makes the action of a script or of arguments; `mark` is in the environment of all of them."""

    def made(*argv, **fields):
        if len(argv) == 1:
            argv = ("bash", "-euo", "pipefail", "-c", argv[0])
        env = {**os.environ, "MARK": made.mark, **fields.pop("env", {})}
        common = {"target": "a", "kind": "run", "cwd": str(tmp_path), "log": str(tmp_path / "log")}
        return Action(argv=argv, env=env, **{**common, **fields})

    made.mark = uuid.uuid4().hex
    return made


@pytest.fixture
def log(tmp_path):
    return (tmp_path / "log").read_bytes


def run(keepers, action):
    """The error and facts."""
    outcome = keepers.run(action)
    return outcome.error, outcome.facts


# What becomes of a command


def test_success(keepers, command, log):
    """No error, and the output in the log."""
    assert run(keepers, command("echo out; echo err >&2")) == (None, ())
    assert log() == b"out\nerr\n"


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("exit 3", "exit status 3"),
        ("kill -9 $$", "killed by SIGKILL"),
        ("kill -TERM $$", "killed by SIGTERM"),
        ("kill -40 $$", "killed by signal 40"),
    ],
)
def test_failure(keepers, command, script, error):
    """Says how it ended, and what it said last."""
    assert run(keepers, command(f"echo hello; {script}")) == (error, ("hello",))


@pytest.mark.parametrize(
    ("argv", "error", "facts"),
    [
        (
            ("no-such-command", "x"),
            "command not found: `no-such-command`",
            ("hint: is it installed, and on PATH?",),
        ),
        (("./none", "x"), "no such file: `./none`", ()),
        (("./plain", "x"), "`./plain` may not be executed", ("hint: `chmod +x ./plain`",)),
        (("./strange", "x"), "`./strange` names an interpreter that is not there", ("#!/no/ne",)),
        (("true", "a\0b"), "cannot run `true`: embedded null byte", ()),
        (
            ("true", *["x" * 100_000] * 100),
            "the command line is too long for the system",
            ("hint: hand over a folder instead of many paths",),
        ),
    ],
)
def test_what_cannot_be_started(keepers, command, tmp_path, argv, error, facts):
    """Says why; the keeper goes on."""
    (tmp_path / "plain").write_text("echo")
    (tmp_path / "strange").write_text("#!/no/ne\n")
    (tmp_path / "strange").chmod(0o755)
    assert run(keepers, command(*argv)) == (error, facts)
    assert run(keepers, command("true")) == (None, ())


def test_a_missing_working_directory(keepers, command, tmp_path):
    """Is named."""
    gone = str(tmp_path / "gone")
    error = f"cannot run in `{gone}`: No such file or directory"
    assert run(keepers, command("true", cwd=gone)) == (error, ())


def test_a_script_without_interpreter_is_run_by_the_shell(keepers, command, tmp_path, log):
    """As every shell does."""
    (tmp_path / "script").write_text('echo "$1"\n')
    (tmp_path / "script").chmod(0o755)
    assert run(keepers, command("./script", "a b")) == (None, ())
    assert log() == b"a b\n"


def test_path_of_the_action(keepers, command, tmp_path, log):
    """It counts where a command is looked for, not datamake's own; relative to where it runs."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tool").write_text("#!/bin/sh\necho mine\n")
    (tmp_path / "bin" / "tool").chmod(0o755)
    action = command("tool", "x", env={"PATH": f"bin:{os.environ['PATH']}"})
    assert run(keepers, action) == (None, ())
    assert log() == b"mine\n"


def test_surroundings(keepers, command, log):
    """stdin is empty, signals are as usual, no descriptor is open, the environment is exact."""
    opened = fcntl.fcntl(0, fcntl.F_DUPFD, 100)
    script = f"cat; printf %s $NAME; : <&{opened} || echo closed; kill -PIPE $$; echo lived"
    try:
        error, _ = run(keepers, command("bash", "-c", script, env={"NAME": "a\udcffb"}))
    finally:
        os.close(opened)
    assert error == "killed by SIGPIPE"
    assert log() == b"a\xffbbash: line 1: %d: Bad file descriptor\nclosed\n" % opened


def test_names_of_any_kind(keepers, command, tmp_path):
    """Arguments and folders that are not UTF-8, or hold spaces and newlines."""
    folder = os.fsencode(tmp_path) + b"/a \n\xff"
    os.mkdir(folder)
    name = "b \n\udcfe'\""
    assert run(keepers, command("touch", name, cwd=os.fsdecode(folder))) == (None, ())
    assert os.listdir(folder) == [os.fsencode(name)]


# Time limits and interruption


def test_timeout(keepers, command):
    """SIGTERM to all of the group, then SIGKILL after the grace."""
    action = command("trap '' TERM; sleep 60 & while true; do sleep 0.1; done", timeout=0.2)
    assert run(keepers, action) == ("timed out after 200ms", ())
    assert soon(lambda: marked(command.mark) == [])


def test_a_timeout_leaves_time_to_clean_up(keepers, command, log, tmp_path):
    """Also to those whose parent is quicker."""
    child = 'trap "sleep 0.1; echo cleaned; exit" TERM; touch begun; sleep 60 & wait'
    script = f"bash -c '{child}' & wait"
    keepers.grace = 60
    outcome = limited(lambda s: run(keepers, command(script, timeout=s)), tmp_path / "begun")
    assert outcome[0].startswith("timed out after ")
    assert log() == b"cleaned\n"


def test_a_command_within_its_time(keepers, command):
    """Is not hurt by the limit."""
    assert run(keepers, command("sleep 0.1", timeout=60.0)) == (None, ())


def test_a_stopped_command_ends_too(keepers, command, log, tmp_path):
    """It is woken, so that SIGTERM reaches it."""
    script = "trap 'echo woken; exit' TERM; touch begun; kill -STOP $$; sleep 60"
    keepers.grace = 60
    outcome = limited(lambda s: run(keepers, command(script, timeout=s)), tmp_path / "begun")
    assert outcome[0].startswith("timed out after ")
    assert log() == b"woken\n"


def test_interrupted(keepers, command, tmp_path):
    """Gently, then at once; what is asked for afterwards is not run."""
    outcomes = []
    action = command(
        "trap 'touch asked' TERM; touch begun; while true; do sleep 0.05 || true; done"
    )
    keepers.grace = 60
    thread = threading.Thread(target=lambda: outcomes.append(keepers.run(action)))
    thread.start()
    assert soon((tmp_path / "begun").exists)
    keepers.end(at_once=False)
    assert soon((tmp_path / "asked").exists)
    assert not outcomes
    keepers.end(at_once=True)
    thread.join(60)
    assert [outcome.error for outcome in outcomes] == ["interrupted"]
    assert keepers.run(command("touch late")) == Outcome("interrupted")
    assert not (tmp_path / "late").exists()


def test_success_after_an_interruption_is_none(keepers, command, tmp_path):
    """What exits with 0 because it was asked to end may have done half."""
    outcomes = []
    action = command("trap 'exit 0' TERM; touch begun; while true; do sleep 0.05 || true; done")
    thread = threading.Thread(target=lambda: outcomes.append(keepers.run(action)))
    thread.start()
    assert soon((tmp_path / "begun").exists)
    keepers.end(at_once=False)
    thread.join(60)
    assert [outcome.error for outcome in outcomes] == ["interrupted"]


def test_a_keeper_that_was_told_to_end_runs_nothing(command, tmp_path):
    """However close a request is behind that."""
    kept = Keeper("")
    kept.tell(END)
    assert kept.reply(request_of(command("touch late"), 1.0)) is None
    assert kept.close() == 0
    assert not (tmp_path / "late").exists()


@linux
def test_ends_that_are_ignored_from_the_start(tmp_path):
    """By whoever started datamake: commands hear of their children's as usual."""
    code = f"""{CLIENT}
for thread in threading.enumerate()[1:]:
    thread.join()
keepers.close()
"""
    code = code.replace("SIGINT, lambda *_: None", "SIGCHLD, signal.SIG_IGN")
    client = subprocess.run(
        [sys.executable, "-c", code, tmp_path, "sleep 0.01 & wait; touch 1"],
        check=False,
        capture_output=True,
    )
    assert (client.returncode, client.stderr) == (0, b"")
    assert (tmp_path / "1").exists()


# Nothing is left


@linux
@pytest.mark.parametrize(
    "script",
    [
        "{late} & echo ok",
        "setsid {late} & echo ok",
        "(setsid bash -c 'setsid {late} & {late}' &) ; echo ok",
        "set -m; {late} & echo ok",
        "(trap '' TERM HUP; {late}) & echo ok",
    ],
)
def test_background_processes_end_with_their_command(keepers, command, log, tmp_path, script):
    """Whatever they did to get away, and although they hold its output open; nobody waits."""
    (tmp_path / "late").write_text("#!/bin/sh\nsleep 60\necho late\n")
    (tmp_path / "late").chmod(0o755)
    assert run(keepers, command(script.format(late="./late"))) == (None, ())
    assert (marked(command.mark), log()) == ([], b"ok\n")


CLIENT = """
import os, signal, sys, threading
from datamake.action import Action
from datamake.process import Keepers
signal.signal(signal.SIGINT, lambda *_: None)
keepers = Keepers()
for number, script in enumerate(sys.argv[2:]):
    action = Action(target="a", kind="run", argv=("bash", "-c", script), cwd=sys.argv[1],
                    env=dict(os.environ), log=sys.argv[1] + "/log" + str(number))
    threading.Thread(target=keepers.run, args=(action,)).start()
"""


@linux
@pytest.mark.parametrize("whole_group", [False, True])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_commands_die_with_datamake(tmp_path, whole_group, number):
    """However it ends, and whatever they have become."""
    mark = uuid.uuid4().hex
    scripts = [
        "touch 0; sleep 300",
        "trap '' TERM HUP INT; touch 1; while true; do sleep 1; done",
        "setsid sleep 300 & touch 2; sleep 300",
    ]
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT, tmp_path, *scripts],
        env={**os.environ, "MARK": mark},
        start_new_session=True,
    )
    assert soon(lambda: all((tmp_path / name).exists() for name in "012"))
    (os.killpg if whole_group else os.kill)(client.pid, number)
    client.wait()
    assert soon(lambda: marked(mark) == [])


@linux
def test_signals_of_the_terminal_do_not_reach_commands(tmp_path):
    """Ctrl-C is for datamake to pass on."""
    mark = uuid.uuid4().hex
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT, tmp_path, "touch begun; sleep 0.3; touch ended"],
        env={**os.environ, "MARK": mark},
        start_new_session=True,
    )
    assert soon((tmp_path / "begun").exists)
    for _ in range(3):
        os.killpg(client.pid, signal.SIGINT)
    assert client.wait(60) == 0
    assert (tmp_path / "ended").exists()


@linux
def test_a_killed_keeper(keepers, command):
    """Is no fault of the command: it is ended too, and the build with the reason."""
    action = command("set -m; sleep 60 & kill -9 $PPID; sleep 60")
    with pytest.raises(EnvironmentFailed) as caught:
        keepers.run(action)
    assert str(caught.value) == (
        "the process that watches over commands was killed by SIGKILL\n"
        "  what it ran was killed as well"
    )
    assert soon(lambda: not marked(command.mark))


@linux
def test_a_keeper_killed_while_idle(keepers, command, tmp_path):
    """Nothing but it has ended."""
    assert run(keepers, command("true")) == (None, ())
    os.kill(keepers._idle[""][0]._process, signal.SIGKILL)
    with pytest.raises(EnvironmentFailed):
        keepers.run(command("touch begun"))
    assert not (tmp_path / "begun").exists()


def test_keepers_are_used_again(keepers, command):
    """One for each command that runs at the same time."""
    for _ in range(3):
        assert run(keepers, command("true", log="/dev/null")) == (None, ())
    assert [len(idle) for idle in keepers._idle.values()] == [1]


def test_closing_ends_all(command, tmp_path):
    """Also what still runs, whose thread hears of it."""
    keepers, outcomes = Keepers(), []
    thread = threading.Thread(
        target=lambda: outcomes.append(keepers.run(command("touch begun; sleep 60")))
    )
    thread.start()
    assert soon((tmp_path / "begun").exists)
    keepers.close()
    thread.join(60)
    assert [outcome.error for outcome in outcomes] == ["interrupted"]


# The log


def test_output_of_any_kind(keepers, command, log):
    """Is kept byte for byte; what is shown of it holds no control characters."""
    script = r"printf '\xff\x00[/red]\x1b]0;title\x07\x1b[31mred\x1b[0m\r\n10%%\r20%%\n'; exit 1"
    facts = ("\ufffd[/red]red", "20%")
    assert run(keepers, command(script)) == ("exit status 1", facts)
    assert log() == b"\xff\0[/red]\x1b]0;title\x07\x1b[31mred\x1b[0m\r\n10%\r20%\n"


def test_enormous_output(keepers, command, tmp_path):
    """Its middle is cut out, in constant memory."""
    assert run(keepers, command("echo first; (yes || true) | head -c 200M; echo last")) == (
        None,
        (),
    )
    text = (tmp_path / "log").read_bytes()
    before, _, after = text.partition(b"\n[datamake: ")
    count, _, tail = after.partition(b" bytes were cut out here]\n")
    assert len(text) <= capture.LOG_LIMIT
    assert before.startswith(b"first\ny\n")
    assert tail.endswith(b"y\nlast\n")
    assert len(before) + int(count) + len(tail) == 200 * 1024**2 + 11
    kept = keepers._idle[""][0]._process
    if sys.platform == "linux":
        with open(f"/proc/{kept}/status") as file:
            peak = next(line for line in file if line.startswith("VmHWM"))
        assert int(peak.split()[1]) < 30_000


def test_secrets_are_masked(keepers, command, log):
    """Also one that is written in two pieces, or with white space around it in the variable."""
    script = "echo a-s3cret-b; printf s3c; sleep 0.05; echo ret; printf s3cr; exit 1"
    action = command(script, secrets=("s3cret\n", ""))
    assert run(keepers, action) == ("exit status 1", ("a-***-b", "***", "s3cr"))
    assert log() == b"a-***-b\n***\ns3cr"


@linux
def test_a_log_on_a_full_disk(keepers, command, tmp_path):
    """Ends the build with the reason, once the command has."""
    (tmp_path / "log").symlink_to("/dev/full")
    with pytest.raises(EnvironmentFailed) as caught:
        keepers.run(command("echo x; touch ended"))
    assert str(caught.value) == f"cannot write `{tmp_path}/log`\n  No space left on device"
    assert (tmp_path / "ended").exists()


def test_last_lines(tmp_path):
    """At most 20, each of bounded length, empty ones left out."""
    path = tmp_path / "log"
    path.write_text("".join(f"{number}\n" for number in range(1000)) + "\n" + "x" * 2000)
    lines = last_lines(str(path))
    assert lines == (*map(str, range(982, 1000)), "x" * 500)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1800, "30m"), (90, "90s"), (0.5, "500ms"), (604800, "7d"), (5400, "90m"), (7200, "2h")],
)
def test_spans(seconds, text):
    """As in a Datafile."""
    assert span(seconds) == text


def test_the_keeper_imports_little():
    """It is started while the first command waits for it."""
    code = "import runpy, sys; sys.path.insert(0, 'x'); import datamake.keeper; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-c", code.replace("'x'", repr(os.getcwd()))],
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = {"json", "signal", "socket", "subprocess", "typing", "threading", "dataclasses"}
    assert not heavy & set(done.stdout.split())
