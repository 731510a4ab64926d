"""Nothing good is lost: half outputs are never seen, and what was replaced or failed is kept."""

from __future__ import annotations

import pytest
from processes import limited, soon

GOOD = """
[targets.a]
inputs = ["src.txt"]
output = "a.txt"
run = "cp {input} {output}"

[targets.b]
inputs = ["a"]
output = "b.txt"
run = "cp {input} {output}"

[targets.other]
inputs = ["src.txt"]
output = "other.txt"
run = "cp {input} {output}"
"""
BAD = "echo half > {output}; exit 7"


@pytest.fixture
def good(project):
    project.datafile(GOOD)
    project.write("src.txt", "good")
    assert project.build().ok
    return project


def bad(text):
    """The Datafile with a first target that fails half-way."""
    return text.replace("cp {input} {output}", BAD, 1)


def test_the_old_output_stays(good):
    """And the candidate is kept to be looked at."""
    good.datafile(bad(GOOD))
    result = good.build()
    assert (result.ok, result.exit_code, result.statuses["a"]) == (False, 1, "failed")
    assert (good.read("a.txt"), good.read("b.txt")) == ("good", "good")
    assert good.read(".datamake/failed/a/a.txt") == "half\n"
    assert "7" in result.errors["a"]


@pytest.mark.parametrize("before", [False, True])
def test_what_did_not_come_to_pass_is_present_if_its_outputs_are_there(project, before):
    """Failed, blocked or skipped; what has no outputs never is."""
    project.datafile(bad(GOOD) + "[targets.c]\nrun = 'false'\n")
    project.write("src.txt", "good")
    if before:
        for path in ("a.txt", "b.txt", "other.txt"):
            project.write(path)
    result = project.build().result
    assert {target.name: (target.status.value, target.present) for target in result.targets} == {
        "a": ("failed", before),
        "b": ("blocked", before),
        "other": ("skipped", before),
        "c": ("skipped", False),
    }
    kept = project.build("c").result
    assert [(target.status.value, target.present) for target in kept.targets] == [("failed", False)]


def test_nothing_new_is_started_after_a_failure(good):
    """What lies below is blocked, what was ready is skipped."""
    good.datafile(bad(GOOD))
    good.write("src.txt", "new")
    result = good.build()
    assert result.statuses == {"a": "failed", "b": "blocked", "other": "skipped"}


def test_keep_going(good):
    """What does not depend on it is built."""
    good.datafile(bad(GOOD))
    good.write("src.txt", "new")
    result = good.build(keep_going=True)
    assert result.statuses == {"a": "failed", "b": "blocked", "other": "built"}
    assert result.exit_code == 1


def test_a_failure_is_tried_again(good):
    """The next build runs it, whatever it left."""
    good.datafile(bad(GOOD))
    for _ in range(2):
        assert good.build("a").statuses == {"a": "failed"}
    good.datafile(GOOD)
    assert good.build().ran == []


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ("true", "a.txt"),
        ("touch {output}; touch $(dirname {output})/side.txt", "side.txt"),
        ("mkdir {output}", "a.txt"),
        ("mkfifo {output}", "a.txt"),
        ("ln -s nowhere {output}", "a.txt"),
        ("kill -9 $$", "SIGKILL"),
        ("kill -TERM $$", "SIGTERM"),
    ],
)
def test_what_is_no_success(good, run, words):
    """An output that isn't there or isn't a file, a file nobody declared, a signal."""
    good.datafile(GOOD.replace("cp {input} {output}", run, 1))
    result = good.build("a")
    assert result.statuses == {"a": "failed"}
    assert words in result.errors["a"] + str(result.result.targets[0].facts)
    assert good.read("a.txt") == "good"


def test_an_empty_folder_is_not_written(project):
    """A folder output left empty counts as not written."""
    project.datafile('[targets.a]\noutput = "a/"\nrun = "ls {output}"')
    assert project.build().statuses == {"a": "failed"}
    assert not project.exists("a")


def test_a_leftover_never_counts(project):
    """A command that only writes what is absent writes it again."""
    text = """
[params]
n = 1
[targets.a]
inputs = ["src.txt"]
output = "a.txt"
run = "test -e {output} || cp {input} {output}"
"""
    project.datafile(text)
    project.write("src.txt", "1")
    assert project.build().ran == ["a"]
    project.write("src.txt", "2")
    assert project.build().ran == ["a"]
    assert project.read("a.txt") == "2"


def test_several_outputs_are_replaced_together_or_not_at_all(project):
    """One that failed half-way leaves both."""
    text = """
[targets.a]
inputs = ["src.txt"]
outputs = ["one.txt", "two/"]
run = "cp {input} {outputs}; cp {input} two.tmp; rm two.tmp"
"""
    text = text.replace("cp {input} {outputs}", "set -- {outputs}; cp {input} $1; cp {input} $2/x")
    project.datafile(text)
    project.write("src.txt", "1")
    assert project.build().ran == ["a"]
    project.write("src.txt", "2")
    project.datafile(text.replace("cp {input} $2/x", "false"))
    assert project.build().statuses == {"a": "failed"}
    assert (project.read("one.txt"), project.read("two/x")) == ("1", "1")
    project.datafile(text)
    assert project.build().ran == ["a"]
    assert (project.read("one.txt"), project.read("two/x")) == ("2", "2")


def test_what_a_person_changed_is_set_aside(good):
    """Before it is replaced, and a line says so."""
    good.write("a.txt", "mine")
    result = good.build()
    assert (result.ran, good.read("a.txt")) == ([], "good")
    assert [good.read(path) for path in good.files(".datamake/displaced/*/a.txt")] == ["mine"]
    assert "a.txt" in result.notices


def test_a_foreign_file_in_a_folder_output(project):
    """Makes its target stale, and is set aside with what it lay in."""
    project.datafile('[targets.a]\noutput = "a/"\nrun = "echo 1 > {output}/x"')
    assert project.build().ran == ["a"]
    project.write("a/mine", "mine")
    result = project.build()
    assert (result.ran, result.restored) == ([], ["a"])
    assert project.files("a/*") == ["a/x"]
    assert [project.read(path) for path in project.files(".datamake/displaced/*/a/mine")] == [
        "mine"
    ]


def test_a_failed_instance_is_kept_under_its_name(project):
    """What a file name can't have is percent-encoded."""
    project.datafile(f"""
[targets.t]
foreach = {{ v = ["01", "a/b"] }}
output = "out/{{v}}.txt"
run = "{BAD}"
""")
    assert project.build(keep_going=True).having("failed") == ["t[01]", "t[a/b]"]
    assert project.files(".datamake/failed/*") == [
        ".datamake/failed/t[01]",
        ".datamake/failed/t[a%2Fb]",
    ]


def test_an_input_changed_while_it_ran(project):
    """A plain file: published, not recorded; in the second build running it fails."""
    project.datafile("""
        [targets.a]
        inputs = ["src.txt"]
        output = "a.txt"
        run = "cp {input} {output}; echo more >> src.txt"
    """)
    project.write("src.txt", "1\n")
    first = project.build()
    assert (first.statuses, project.read("a.txt")) == ({"a": "built"}, "1\n")
    assert "changed while it ran: src.txt" in str(first.result)
    assert project.plan() == {"a": "run"}
    assert project.build().statuses == {"a": "failed"}
    project.datafile('[targets.a]\ninputs = ["src.txt"]\noutput = "a.txt"\ncopy = true')
    assert project.build().ran == ["a"]
    assert project.build().ran == []


def test_another_targets_output_changed_while_it_ran(project):
    """Fails."""
    project.datafile("""
        [targets]
        a = { output = "a.txt", run = "echo a > {output}" }
        b = { inputs = ["a"], output = "b.txt", run = "cp {input} {output}; echo x >> {input}" }
    """)
    result = project.build()
    assert result.statuses == {"a": "built", "b": "failed"}
    assert "a.txt" in result.errors["b"] + str(result.result.targets[-1].facts)
    assert not project.exists("b.txt")


def test_retries(project):
    """As often as it says; success in the end is success."""
    text = """
[targets.a]
output = "a.txt"
retries = 2
retry_delay = "10ms"
run = "echo . >> tries.log; test $(wc -l < tries.log) -ge 3; touch {output}"
"""
    project.datafile(text)
    assert project.build().ran == ["a"]
    assert project.read("tries.log") == ".\n.\n.\n"
    project.remove("tries.log")
    project.datafile(text.replace("-ge 3", "-ge 4"))
    assert project.build().statuses == {"a": "failed"}
    assert project.read("tries.log") == ".\n.\n.\n"


def test_a_timeout_ends_the_whole_group(project):
    """It fails, and nothing that it started goes on."""

    def attempt(seconds):
        project.datafile(f"""
            [targets.a]
            output = "a.txt"
            timeout = "{seconds}s"
            run = "sleep 300 & echo $! $$ > pids.log; sleep 300; touch {{output}}"
        """)
        return project.build()

    result = limited(attempt, project.path("pids.log"))
    assert result.statuses == {"a": "failed"}
    assert soon(lambda: not any(map(alive, project.read("pids.log").split())))


def test_a_command_in_the_background_ends_with_its_target(project):
    """Nothing is left behind, and nobody waits for it."""
    project.datafile("""
        [targets.a]
        output = "a.txt"
        run = "sleep 300 & echo $! > {output}; setsid sleep 300 & echo $! >> {output}"
    """)
    assert project.build().ran == ["a"]
    assert soon(lambda: not any(map(alive, project.read("a.txt").split())))


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_log_of_a_failure(project):
    """Is where `log` shows it, and at the end of what is printed."""
    project.datafile("""
        [targets.a]
        output = "a.txt"
        run = "echo to stdout; echo to stderr >&2; exit 1"
    """)
    done = project.command("build")
    assert (done.returncode, done.stdout) == (1, "")
    assert "to stdout" in done.stderr
    assert "to stderr" in done.stderr
    shown = project.command("log", "a")
    assert shown.stdout == "to stdout\nto stderr\n"


def test_a_secret_is_masked(project):
    """In the log and in what is printed; it is neither counted nor kept."""
    project.datafile("""
        [targets.a]
        output = "a.txt"
        secrets = ["API_KEY"]
        run = "echo key $API_KEY; touch {output}; test -n \\"$API_KEY\\"; exit 1"
    """)
    done = project.command("build", env={"API_KEY": "s3cr3t-value"})
    assert done.returncode == 1
    assert "s3cr3t-value" not in done.stdout + done.stderr
    kept = [path for path in project.path(".datamake").rglob("*") if path.is_file()]
    assert not [path for path in kept if b"s3cr3t-value" in path.read_bytes()]


def test_a_command_that_removes_its_staging_folder(project):
    """Has failed, and only that: the build goes on with the others."""
    project.datafile("""
        [targets.a]
        output = "a.txt"
        run = "rm -rf $(dirname {output})"

        [targets.b]
        output = "b.txt"
        run = "rm -rf .datamake/logs .datamake/staging/b; : {output}"

        [targets.c]
        output = "c.txt"
        run = "echo c > {output}"
    """)
    built = project.build(keep_going=True)
    assert built.statuses == {"a": "failed", "b": "failed", "c": "built"}
    assert built.errors["a"] == "`.datamake/staging/a` was removed while it ran"
    assert built.exit_code == 1
