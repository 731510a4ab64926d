"""Several at once: as many as there are slots, never more than pools and processors allow."""

from __future__ import annotations

import pytest

SLEEPERS = """
[targets.t]
foreach = { n = ["0", "1", "2", "3", "4", "5", "6", "7"] }
output = "out/{n}"
run = "date +%s%N > {output}; sleep 0.3; date +%s%N >> {output}"
"""


def most_at_once(project):
    """How many of the sleepers ran at the same time, by what they wrote."""
    spans = [project.read(path).split() for path in project.files("out/*")]
    changes = sorted([(int(a), 1) for a, _ in spans] + [(int(b), -1) for _, b in spans])
    running = most = 0
    for _, change in changes:
        running += change
        most = max(most, running)
    return most


def test_eight_at_once(project):
    """Eight sleepers overlap with eight slots, whatever the number of cores."""
    project.datafile("""
        [targets.t]
        foreach = { n = ["0", "1", "2", "3", "4", "5", "6", "7"] }
        output = "out/{n}"
        timeout = "60s"
        implicit = false
        run = "touch begun/{n}; while test $(ls begun | wc -l) -lt 8; do sleep 0.02; done; touch {output}"
    """)
    project.path("begun").mkdir()
    result = project.build(jobs=8)
    assert (result.ok, len(result.ran)) == (True, 8)
    assert project.build(jobs=8).ran == []


@pytest.mark.parametrize(
    ("jobs", "resources", "most"),
    [(2, "", 2), (1, "", 1), (4, "cpus = 2", 2), (4, "cpus = 9", 1), (8, 'pool = "api"', 3),
     (8, "pool = { api = 2 }", 1), (8, "pool = { api = 7 }", 1)],
)  # fmt: skip
def test_never_more_than_there_is(project, jobs, resources, most):
    """Of slots, processors, pools; what wants more than there is runs alone."""
    project.datafile(
        SLEEPERS.replace("sleep 0.3", "sleep 0.05") + resources + "\n[pools]\napi = 3\n"
    )
    assert project.build(jobs=jobs).ok
    assert most_at_once(project) <= most


def test_pool_numbers(project):
    """Each holds numbers of its own."""
    project.datafile("""
        [targets.t]
        foreach = { n = ["0", "1", "2"] }
        output = "out/{n}"
        pool = "gpu"
        timeout = "60s"
        implicit = false
        run = "touch begun/{n}; while test $(ls begun | wc -l) -lt 3; do sleep 0.02; done; echo $DATAMAKE_POOL_GPU > {output}"
        [pools]
        gpu = 3
    """)
    project.path("begun").mkdir()
    assert project.build(jobs=3).ok
    assert sorted(project.read(f"out/{n}") for n in range(3)) == ["0\n", "1\n", "2\n"]


def test_priority(project):
    """Of what waits for room, the more urgent goes first."""
    project.datafile("""
        [targets]
        a = { output = "a", run = "touch {output}" }
        b = { output = "b", run = "touch {output}", priority = -1 }
        c = { output = "c", run = "touch {output}" }
        d = { output = "d", run = "touch {output}", priority = 1 }
    """)
    assert project.build().ran == ["d", "a", "c", "b"]


def test_priority_reaches_what_is_needed(project):
    """The first to run is the most urgent that can be, with what it needs before it."""
    project.datafile("""
        [targets]
        a = { output = "a", run = "touch {output}" }
        up = { output = "up", run = "touch {output}" }
        d = { inputs = ["up"], output = "d", run = "touch {output}", priority = 1 }
        below = { inputs = ["a", "src"], output = "below", run = "touch {output}" }
    """)
    project.write("src", "1")
    assert project.build().ran == ["up", "d", "a", "below"]
    project.remove("d")
    project.write("src", "2")
    assert project.build(cache="off").ran == ["d", "below"]


def test_the_longest_way_goes_first(project):
    """By its length, and what comes next on it goes before what waited for room."""
    project.datafile("""
        [targets]
        a = { output = "a", run = "touch {output}" }
        b = { output = "b", run = "touch {output}" }
        x = { output = "x", run = "touch {output}" }
        y = { inputs = ["x"], output = "y", run = "touch {output}" }
        z = { inputs = ["y"], output = "z", run = "touch {output}" }
    """)
    assert project.build().ran == ["x", "y", "a", "b", "z"]


def test_a_wide_graph(project):
    """Hundreds of small targets at once, and again."""
    project.datafile(f"""
[params]
n = {list(range(300))}
[targets.t]
foreach = {{ n = "{{params.n}}" }}
output = "out/{{n}}"
run = "echo {{n}} > {{output}}"
[targets.all]
inputs = ["t"]
output = "all"
run = "cat {{inputs}} > {{output}}"
""")
    result = project.build(jobs=4)
    assert (result.ok, len(result.ran)) == (True, 301)
    assert project.read("all") == "".join(f"{n}\n" for n in range(300))
    assert project.build(jobs=4).ran == []


def test_much_output_does_not_block(project):
    """Of a command that prints a lot, on both streams."""
    project.datafile("""
        [targets.a]
        output = "a"
        run = "head -c 5000000 /dev/zero; head -c 5000000 /dev/zero >&2; touch {output}"
    """)
    assert project.build().ran == ["a"]
