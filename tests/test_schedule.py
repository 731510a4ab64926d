"""The schedule: lists of events and the instructions that follow."""

from __future__ import annotations

from datamake.model import RESOURCES, Resources
from datamake.schedule import Schedule, Verb
from datamake.slots import Capacity, Ready

JUDGE, RESTORE, RUN, BLOCK, SKIP = Verb.JUDGE, Verb.RESTORE, Verb.RUN, Verb.BLOCK, Verb.SKIP
CHAIN = {"a": [], "b": ["a"], "c": ["b"]}
WIDE = {"a": [], "b": [], "c": []}


def schedule(needs, jobs=2, resources=None, pools=None, **options):
    capacity = Capacity(jobs, 1000, pools or {})
    wanted = resources or {}
    urgency = options.pop("urgency", lambda _: (0, 0.0))
    ready = Ready(capacity, lambda name: wanted.get(name, RESOURCES), urgency)
    it = Schedule(needs, ready, **options)
    it.numbers = ready.numbers
    return it


def test_a_target_is_judged_when_all_it_needs_is_final():
    it = schedule(CHAIN)
    assert it.start() == [(JUDGE, "a")]
    assert it.judged("a", None) == [(JUDGE, "b")]
    assert it.judged("b", RUN) == [(RUN, "b")]
    assert it.finished("b", ok=True) == [(JUDGE, "c")]
    assert it.judged("c", None) == []
    assert it.open == 0


def test_no_more_run_at_once_than_there_are_jobs():
    it = schedule(WIDE)
    assert it.start() == [(JUDGE, "a")]
    assert it.judged("a", RUN) == [(RUN, "a"), (JUDGE, "b")]
    assert it.judged("b", RUN) == [(RUN, "b"), (JUDGE, "c")]
    assert it.judged("c", RUN) == []
    assert it.finished("a", ok=True) == [(RUN, "c")]


def test_the_most_urgent_goes_first_and_priority_before():
    urgency = {"a": (0, 1.0), "b": (0, 5.0), "c": (1, 3.0)}
    it = schedule(WIDE, 1, urgency=urgency.get)
    assert it.start() == [(JUDGE, "c")]
    assert it.judged("c", RUN) == [(RUN, "c"), (JUDGE, "b")]
    assert it.judged("b", RUN) == [(JUDGE, "a")]
    assert it.judged("a", RUN) == []
    assert it.finished("c", ok=True) == [(RUN, "b")]
    assert it.finished("b", ok=True) == [(RUN, "a")]


def test_what_could_be_more_urgent_is_judged_before_anything_less_urgent_starts():
    urgency = {"a": (0, 9.0), "b": (0, 8.0), "c": (0, 1.0)}
    it = schedule({"a": [], "b": ["a"], "c": []}, 1, urgency=urgency.get)
    assert it.start() == [(JUDGE, "a")]
    assert it.judged("a", RUN) == [(RUN, "a"), (JUDGE, "c")]
    assert it.judged("c", RUN) == []
    assert it.finished("a", ok=True) == [(JUDGE, "b")]
    assert it.judged("b", RUN) == [(RUN, "b")]
    assert it.finished("b", ok=True) == [(RUN, "c")]


def test_what_waits_for_another_run_holds_up_nothing():
    it = schedule(WIDE)
    it.start()
    assert it.rests("a") == [(JUDGE, "b")]
    assert it.judged("b", RUN) == [(RUN, "b"), (JUDGE, "c")]
    assert it.judged("c", None) == []
    assert it.again("a") == [(JUDGE, "a")]


def test_what_rests_is_skipped_after_a_failure():
    it = schedule(WIDE)
    it.start()
    it.rests("a")
    it.judged("b", RUN)
    assert it.finished("b", ok=False) == [(SKIP, "a")]
    assert it.rests("c") == [(SKIP, "c")]
    assert it.again("a") == []
    assert it.open == 0


def test_a_failure_blocks_what_is_below_and_starts_nothing_new():
    it = schedule({**CHAIN, "x": [], "y": []}, 2)
    it.start()
    it.judged("a", RUN)
    it.judged("x", RUN)
    assert it.judged("y", RUN) == []
    assert it.finished("a", ok=False) == [(SKIP, "y"), (BLOCK, "b"), (BLOCK, "c")]
    assert it.finished("x", ok=True) == []
    assert it.open == 0


def test_keep_going_goes_on_with_what_does_not_depend_on_the_failure():
    it = schedule({**CHAIN, "x": []}, 1, keep_going=True)
    it.start()
    it.judged("a", RUN)
    assert it.judged("x", RUN) == []
    assert it.finished("a", ok=False) == [(BLOCK, "b"), (BLOCK, "c"), (RUN, "x")]


def test_what_is_judged_stale_after_a_failure_is_skipped_and_what_is_up_to_date_is_not():
    it = schedule({"a": [], "b": [], "c": [], "d": ["c"]})
    it.start()
    it.judged("a", RUN)
    it.finished("a", ok=False)
    assert it.judged("b", None) == [(JUDGE, "c")]
    assert it.judged("c", RUN) == [(SKIP, "c"), (SKIP, "d")]


def test_a_failure_at_the_head_of_a_long_chain_blocks_all_of_it():
    names = [str(n) for n in range(100_000)]
    it = schedule({name: names[n - 1 : n] if n else [] for n, name in enumerate(names)})
    it.start()
    it.judged("0", RUN)
    assert len(it.finished("0", ok=False)) == 99_999
    assert it.open == 0


def test_absent_bytes_are_restored_and_then_their_user_is_judged_again():
    it = schedule(CHAIN)
    it.start()
    it.judged("a", None)
    assert it.judged("b", RUN, ["a"]) == [(RESTORE, "a")]
    assert it.finished("a", ok=True) == [(JUDGE, "b")]
    assert it.judged("b", RUN) == [(RUN, "b")]


def test_bytes_found_missing_late_make_their_target_run_in_this_build():
    it = schedule(CHAIN)
    it.start()
    it.judged("a", None)
    it.judged("b", RUN, ["a"])
    assert it.again("a") == [(JUDGE, "a")]
    assert it.judged("a", RUN) == [(RUN, "a")]
    assert it.finished("a", ok=True, differs=True) == [(JUDGE, "b")]


def test_what_was_judged_by_a_content_that_comes_out_different_is_judged_again():
    it = schedule({"a": [], "b": ["a"], "c": ["a"]})
    it.start()
    it.judged("a", None)
    it.judged("b", None)
    it.judged("c", RUN, ["a"])
    it.again("a")
    it.judged("a", RUN)
    assert it.finished("a", ok=True, differs=True) == [(JUDGE, "b")]
    assert it.judged("b", None) == [(JUDGE, "c")]


def test_all_that_need_absent_bytes_wait_for_them():
    it = schedule({"a": [], "b": ["a"], "c": ["a"]}, 3)
    it.start()
    it.judged("a", None)
    assert it.judged("b", RUN, ["a"]) == [(RESTORE, "a")]
    assert it.finished("a", ok=True) == [(JUDGE, "b")]
    assert it.judged("b", RUN) == [(RUN, "b"), (JUDGE, "c")]


def test_what_runs_while_its_input_comes_out_different_is_judged_again_when_it_ends():
    it = schedule({"a": [], "b": ["a"], "c": ["a"]}, 3)
    it.start()
    it.judged("a", None)
    assert it.judged("b", RESTORE) == [(RESTORE, "b"), (JUDGE, "c")]
    it.judged("c", RUN, ["a"])
    it.again("a")
    it.judged("a", RUN)
    assert it.finished("a", ok=True, differs=True) == [(JUDGE, "c")]
    assert it.judged("c", RUN) == [(RUN, "c")]
    assert it.finished("b", ok=True) == [(JUDGE, "b")]


def test_what_is_judged_while_its_input_turns_out_not_to_be_final_is_judged_again():
    it = schedule({"a": [], "b": ["a"], "x": ["a"], "y": [], "c": ["b", "y"]}, 3)
    it.start()
    it.judged("a", None)
    it.judged("b", None)
    assert it.judged("x", RUN, ["a"]) == [(RESTORE, "a"), (JUDGE, "y")]
    it.judged("y", RUN)
    it.again("a")
    assert it.judged("a", RUN) == [(RUN, "a")]
    assert it.finished("y", ok=True) == [(JUDGE, "c")]
    assert it.finished("a", ok=True, differs=True) == []
    assert it.judged("c", RUN) == [(JUDGE, "b")]


def test_rest_between_tries_holds_no_slot():
    it = schedule(WIDE, 1)
    it.start()
    it.judged("a", RUN)
    it.judged("b", RUN)
    assert it.judged("c", None) == []
    assert it.rests("a") == [(RUN, "b")]
    assert it.again("a") == [(JUDGE, "a")]
    assert it.judged("a", RUN) == []
    assert it.finished("b", ok=True) == [(RUN, "a")]


def test_pools_give_numbers_and_limit_what_runs():
    gpu = Resources(pool={"gpu": 1})
    it = schedule(WIDE, 8, dict.fromkeys(WIDE, gpu), pools={"gpu": 2})
    it.start()
    it.judged("a", RUN)
    it.judged("b", RUN)
    assert it.judged("c", RUN) == []
    assert [it.numbers(name) for name in "ab"] == [{"gpu": [0]}, {"gpu": [1]}]
    assert it.finished("a", ok=True) == [(RUN, "c")]
    assert it.numbers("c") == {"gpu": [0]}


def test_what_finds_no_room_lets_others_pass():
    it = schedule(WIDE, 2, {"b": Resources(cpus=2)})
    it.start()
    it.judged("a", RUN)
    assert it.judged("b", RUN) == [(JUDGE, "c")]
    assert it.judged("c", RUN) == [(RUN, "c")]


def test_what_asks_for_more_than_there_is_runs_alone():
    it = schedule(WIDE, 2, {"b": Resources(cpus=16), "c": Resources(memory=5000)})
    it.start()
    it.judged("a", RUN)
    assert it.judged("b", RUN) + it.judged("c", RUN) == [(JUDGE, "c")]
    assert it.finished("a", ok=True) == [(RUN, "b")]
    assert it.finished("b", ok=True) == [(RUN, "c")]


def test_stopping_skips_all_that_is_not_running():
    it = schedule({**CHAIN, "x": []}, 1)
    it.start()
    it.judged("a", RUN)
    it.judged("x", RUN)
    assert it.stop() == [(SKIP, "b"), (SKIP, "c"), (SKIP, "x")]
    assert it.finished("a", ok=True) == []
    assert it.open == 0


def test_instances_join_while_the_build_runs():
    it = schedule({"split": [], "part[*]": ["split"], "join": ["part[*]"]})
    it.start()
    assert it.judged("split", None) == [(JUDGE, "part[*]")]
    added = {"part[1]": ["split"], "part[2]": ["split"]}
    out = it.grown("part[*]", added, {"join": ["part[1]", "part[2]"]})
    assert out == [(JUDGE, "part[1]")]
    assert it.judged("part[1]", None) == [(JUDGE, "part[2]")]
    assert it.judged("part[2]", None) == [(JUDGE, "join")]


def test_what_is_to_be_taken_as_it_is_and_is_not_there_blocks_without_stopping():
    it = schedule({**CHAIN, "x": []})
    it.start()
    out = it.finished("a", ok=False, stops=False)
    assert out == [(BLOCK, "b"), (BLOCK, "c"), (JUDGE, "x")]
    assert it.judged("x", RUN) == [(RUN, "x")]


def test_what_waits_for_two_growths_waits_for_both():
    it = schedule({"p[*]": [], "q[*]": ["p[*]"], "join": ["p[*]", "q[*]"]})
    assert it.start() == [(JUDGE, "p[*]")]
    out = it.grown("p[*]", {"p[1]": []}, {"q[*]": ["p[1]"], "join": ["p[1]", "q[*]"]})
    assert out == [(JUDGE, "p[1]")]
    assert it.judged("p[1]", None) == [(JUDGE, "q[*]")]
    assert it.grown("q[*]", {"q[1]": ["p[1]"]}, {"join": ["p[1]", "q[1]"]}) == [(JUDGE, "q[1]")]
    assert it.judged("q[1]", None) == [(JUDGE, "join")]
