"""Verdicts."""

from __future__ import annotations

import pytest

from datamake.model import Code, Output, Part, Reason, Record, Status, Target, Written
from datamake.staleness import Evidence, Sources, judge

TARGET = Target("a", "a", "run", Part("Datafile.toml"), outputs=(Output("x"), Output("y")))
OLD = (Written("x", "11-1"), Written("y", "22-1"))
NEW = (Written("x", "33-1"), Written("y", "44-1"))
BUILT = Record("a", "fp", (("command", "", "make"),), OLD)
THERE = ("11-1", "22-1")


def verdict(record=BUILT, fingerprint="fp", seen=THERE, cached=None, has=True, **demands):
    found = Evidence(record, (("command", "", "make it"),), fingerprint, seen)
    sources = Sources(lambda: BUILT.fields, (cached or {}).get, lambda _: has)
    return judge(TARGET, found, sources, **demands)


def codes(verdict):
    return [reason.code for reason in verdict.reasons]


def test_same_fingerprint_and_same_outputs_is_up_to_date():
    assert verdict().status is Status.UP_TO_DATE
    assert verdict().outputs == OLD


def test_never_built_runs():
    found = verdict(record=None)
    assert (found.status, codes(found)) == (Status.RUN, [Code.NEVER_BUILT])


def test_another_fingerprint_runs_with_the_difference_as_its_reason():
    found = verdict(fingerprint="other")
    assert (found.status, codes(found)) == (Status.RUN, [Code.COMMAND_CHANGED])


def test_another_fingerprint_that_the_cache_knows_is_restored():
    found = verdict(fingerprint="other", cached={"other": NEW})
    assert (found.status, found.outputs) == (Status.RESTORE, NEW)


def test_without_its_bytes_the_cache_restores_nothing():
    assert verdict(fingerprint="other", cached={"other": NEW}, has=False).status is Status.RUN


def test_without_a_record_present_content_that_the_cache_knows_is_up_to_date():
    found = verdict(record=None, cached={"fp": OLD}, has=False)
    assert (found.status, found.present) == (Status.UP_TO_DATE, True)


def test_an_absent_output_is_left_to_the_cache_unless_needed():
    found = verdict(seen=("11-1", None), cached={"fp": OLD})
    assert (found.status, found.present) == (Status.UP_TO_DATE, False)
    found = verdict(seen=("11-1", None), cached={"fp": OLD}, needed=True)
    assert (found.status, codes(found)) == (Status.RESTORE, [Code.OUTPUT_MISSING])


def test_an_absent_output_that_no_cache_has_runs():
    found = verdict(seen=("11-1", None))
    assert (found.status, codes(found)) == (Status.RUN, [Code.OUTPUT_MISSING])


@pytest.mark.parametrize("needed", [True, False])
def test_an_output_with_other_content_is_always_stale(needed):
    found = verdict(seen=("11-1", "99-1"), cached={"fp": OLD}, needed=needed)
    assert (found.status, codes(found)) == (Status.RESTORE, [Code.OUTPUT_CHANGED])
    assert found.reasons[0].old == "22-1"
    assert found.reasons[0].new == "99-1"


def test_what_is_demanded_runs_and_is_not_restored():
    forced = Reason(Code.FORCED, "forced")
    found = verdict(cached={"fp": OLD}, demanded=forced)
    assert (found.status, codes(found)) == (Status.RUN, [Code.FORCED])


def test_a_cached_action_with_other_outputs_is_a_miss():
    found = verdict(fingerprint="other", cached={"other": NEW[:1]})
    assert found.status is Status.RUN


def test_an_output_that_moved_to_another_folder_is_found_in_the_cache():
    elsewhere = tuple(Written(f"old/{out.path}", out.digest) for out in OLD)
    found = verdict(
        Record("a", "fp", (), elsewhere), seen=(None, None), cached={"fp": elsewhere}, needed=True
    )
    assert (found.status, found.outputs) == (Status.RESTORE, OLD)


def test_a_target_without_outputs_is_up_to_date_by_its_fingerprint_alone():
    bare = Target("a", "a", "run", Part("Datafile.toml"))
    sources = Sources(tuple, {}.get, lambda _: True)
    record = Record("a", "fp")
    assert judge(bare, Evidence(record, (), "fp", ()), sources).status is Status.UP_TO_DATE
    assert judge(bare, Evidence(record, (), "other", ()), sources).status is Status.RUN
