"""A target's verdict: up to date, to restore or to run, and each reason why.

Knows nothing of files, state or cache: what was recorded, what is there and what a cache knows
are arguments.
"""

from __future__ import annotations

from datamake.fingerprint import differences
from datamake.model import Code, Reason, Status, Verdict, Written
from datamake.recipes import preludes
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from datamake.fingerprint import Content
    from datamake.model import Field, Record, Target


@value
class Evidence:
    """What is known of a target when its inputs are final."""

    record: Record | None
    fields: tuple[Field, ...]
    fingerprint: str
    seen: tuple[str | None, ...]
    """The digest of each output as it is now; None where it is absent."""
    contents: Sequence[Content] = ()
    """The inputs."""


@value
class Sources:
    """Where to look further, asked only when it decides something."""

    recorded_fields: Callable[[], tuple[Field, ...]]
    cached: Callable[[str], Sequence[Written] | None]
    """Fingerprint → outputs, as the action cache has them."""
    available: Callable[[Sequence[Written]], bool]
    """Whether a cache has the bytes of all of these."""


def judge(
    target: Target,
    evidence: Evidence,
    sources: Sources,
    *,
    demanded: Reason | None = None,
    needed: bool = False,
) -> Verdict:
    """The verdict on a target.

    `demanded` makes it run whatever is recorded (`forced`, `always`, `expired`), and nothing is
    restored then. `needed` says that its bytes have to be there; otherwise a cache may keep them.
    """
    record = evidence.record
    if record is not None and record.fingerprint == evidence.fingerprint:
        recorded = _same_outputs(target, record.outputs) or ()
        reasons = _output_reasons(recorded, evidence.seen)
        if demanded is None and not reasons:
            return _verdict(Status.UP_TO_DATE, evidence, (), recorded)
    else:
        reasons = _input_reasons(target, evidence, sources)
    if demanded is not None:
        return _verdict(Status.RUN, evidence, (demanded, *reasons), ())
    if not target.outputs:
        return _verdict(Status.RUN, evidence, reasons, ())
    known = _same_outputs(target, sources.cached(evidence.fingerprint))
    if known is None:
        return _verdict(Status.RUN, evidence, reasons, ())
    others = _output_reasons(known, evidence.seen)
    if not others:
        return _verdict(Status.UP_TO_DATE, evidence, (), known)
    if not sources.available(known):
        return _verdict(Status.RUN, evidence, reasons, ())
    if not needed and all(reason.code is Code.OUTPUT_MISSING for reason in others):
        return _verdict(Status.UP_TO_DATE, evidence, (), known, present=False)
    return _verdict(Status.RESTORE, evidence, reasons, known)


def _verdict(
    status: Status,
    evidence: Evidence,
    reasons: tuple[Reason, ...],
    outputs: tuple[Written, ...],
    *,
    present: bool = True,
) -> Verdict:
    return Verdict(status, reasons, evidence.fingerprint, evidence.fields, outputs, present)


def _input_reasons(target: Target, evidence: Evidence, sources: Sources) -> tuple[Reason, ...]:
    if evidence.record is None:
        return (Reason(Code.NEVER_BUILT, "never built"),)
    old = sources.recorded_fields()
    return differences(old, evidence.fields, evidence.contents, preludes(target))


def _output_reasons(outputs: Sequence[Written], seen: Sequence[str | None]) -> tuple[Reason, ...]:
    return tuple(
        Reason(
            Code.OUTPUT_MISSING if now is None else Code.OUTPUT_CHANGED,
            written.path,
            written.path,
            written.digest,
            now,
        )
        for written, now in zip(outputs, seen, strict=True)
        if written.digest != now
    )


def _same_outputs(target: Target, outputs: Sequence[Written] | None) -> tuple[Written, ...] | None:
    """Recorded or cached outputs under this target's paths, or None if they don't fit.

    They are matched by place and name: a staged output's directory is not in the fingerprint.
    """
    if outputs is None or len(outputs) != len(target.outputs):
        return None
    if any(known.name != own.name for known, own in zip(outputs, target.outputs, strict=True)):
        return None
    return tuple(
        Written(own.path, known.digest, own.name)
        for known, own in zip(outputs, target.outputs, strict=True)
    )
