"""What happens when an action has ended: compare its inputs again, publish, record, or put back.

Knows nothing of order and slots. A part of the engine: only they write records.
"""

from __future__ import annotations

import os

from datamake.actions import restored_names, staged_names, staging_folder, work_folder, works
from datamake.contents import Known
from datamake.model import Record, Written
from datamake.moves import remove
from datamake.urls import is_url
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from datamake.action import Result
    from datamake.copies import Copies
    from datamake.fingerprint import Content
    from datamake.judge import Judge
    from datamake.ledger import Ledger
    from datamake.model import Target, Verdict
    from datamake.outcome import TargetResult
    from datamake.workspace import Workspace

UNSETTLED = "unsettled"
"""The fingerprint of a record whose inputs changed while the action ran: equal to no other."""


@value
class Work:
    """What an action was made from."""

    target: Target
    verdict: Verdict
    contents: Sequence[Content] = ()
    code: Sequence[tuple[str, str]] = ()
    restoring: bool = False
    """Whether its outputs come out of the cache."""
    result: Result | None = None
    """What became of the action, while its outputs at URLs are uploaded."""


@value
class Published:
    """What became of a successful action. With an `error` its outputs were not published."""

    known: Known | None = None
    error: str | None = None
    notices: tuple[str, ...] = ()
    saved: float | None = None
    """Seconds that what came out of the cache took once."""


@value
class End:
    """What came of one try. Exactly one of `known`, `error`, `delay` and `lost` says which."""

    name: str
    result: TargetResult | None = None
    known: Known | None = None
    """It is published, and this is what it has."""
    error: str | None = None
    """It has failed for good; `facts` and the seconds it took say more."""
    facts: Sequence[str] = ()
    checks: Sequence[Any] = ()
    """What came of its checks, where they are what has failed."""
    duration: float = 0.0
    delay: float | None = None
    """It is to be tried again, in so many seconds."""
    lost: bool = False
    """What was to be restored is not to be had."""


def failed(result: Result, copies: Copies) -> End:
    """The end of what has failed for good; it names what is remote by its URL."""
    return End(
        result.target,
        error=copies.named(result.error or ""),
        facts=[copies.named(fact) for fact in result.facts],
        checks=result.checked,
        duration=result.duration,
    )


class Publisher:
    """Publishes and records outputs, in one run."""

    def __init__(self, space: Workspace, judge: Judge, ledger: Ledger) -> None:
        self.space = space
        self.judge = judge
        self.ledger = ledger
        self.begun: set[str] = set()
        """The targets that the journal has an entry of."""

    def begin(self, target: Target) -> None:
        """Sets aside what an action is about to write over."""
        in_place = [output.path for output in target.outputs if not output.staged]
        self.space.journal.begin(target.name, str(self.ledger.run), in_place)
        self.begun.add(target.name)

    def finish(self, name: str) -> None:
        """Closes the journal's entry, once what came of the target is written."""
        if name in self.begun:
            self.begun.discard(name)
            self.space.journal.finish(name)

    def built(self, work: Work, result: Result) -> Published:
        """Publishes what an action wrote, and records it if nothing changed while it ran.

        Where another target's output has changed meanwhile, or what it was only given the URL of,
        it has failed. Where a source or code has, its outputs are published but stay stale; the
        second time in a row it has failed too.
        """
        target, verdict = work.target, work.verdict
        made, changed = self._changed(work)
        before = self.space.record(target.name)
        if made:
            return Published(error=f"changed while it ran: {', '.join(made)}")
        if changed and before is not None and before.fingerprint == UNSETTLED:
            return Published(error=f"changed while it ran, twice in a row: {', '.join(changed)}")
        record = Record(
            target.name,
            UNSETTLED if changed else verdict.fingerprint,
            verdict.fields,
            result.outputs,
            self.space.now(),
            result.duration,
        )
        for key, text in result.held:
            self.judge.examiner.insights.note(key, text)
        for content in work.contents:
            self.judge.examiner.insights.hold(content, anew=True)
        notices = self._publish(target, record, staged_names(target))
        self.judge.examiner.found(target, record.outputs, result.checked)
        if changed:
            notices.append(f"changed while it ran: {', '.join(changed)}")
        elif result.stored and target.outputs and not target.policy.always:
            self.space.cache.remember(record)
        if works(target):
            remove(work_folder(self.space.root, target.name))
        known = Known(verdict.fingerprint, result.outputs)
        return Published(known, notices=tuple(notices))

    def spoilt(self, work: Work) -> bool:
        """Whether what another target made has changed while the action ran, which fails it."""
        return bool(self._changed(work)[0])

    def restored(self, work: Work, result: Result) -> Published:
        """Publishes what came out of the cache, as the record of the present fingerprint."""
        record = self.adopted(work.target, work.verdict)
        self.judge.examiner.found(work.target, record.outputs, result.checked)
        notices = self._publish(work.target, record, restored_names(work.target))
        known = Known(work.verdict.fingerprint, work.verdict.outputs)
        return Published(known, notices=tuple(notices), saved=record.duration)

    def adopted(self, target: Target, verdict: Verdict) -> Record:
        """The record for outputs that a cache knows for the present fingerprint."""
        known = self.space.cache.lookup(verdict.fingerprint)
        time, duration = (known.time, known.duration) if known else (self.space.now(), 0.0)
        return Record(
            target.name, verdict.fingerprint, verdict.fields, verdict.outputs, time, duration
        )

    def failed(self, target: Target) -> None:
        """Keeps the candidates apart and puts the last good outputs back."""
        if target.name in self.begun:
            staging = staging_folder(self.space.root, target.name)
            if os.path.isdir(staging):
                self.space.journal.keep_failed(target.name, staging)
            self.space.journal.undo(target.name)
            self.begun.discard(target.name)
            self._look_again(target)

    def recover(self, target: Target) -> None:
        """Finishes or undoes what a build that was killed left open."""
        left = self.space.journal.recover(target.name)
        remove(staging_folder(self.space.root, target.name))
        self._look_again(target)
        if left is not None:
            self._remember(record_of(left))
            self.space.state.commit()
            self.space.journal.finish(target.name)

    def _changed(self, work: Work) -> tuple[list[str], list[str]]:
        """What is no longer as it was when the action started: made by targets, and all other."""
        files = self.space.files
        made: list[str] = []
        changed: list[str] = []
        for content in work.contents:
            if content.path and self._moved(content):
                fatal = content.producer or not content.link.input.fetch
                (made if fatal else changed).append(content.path)
        for path, digest in work.code:
            files.forget(path)
            if files.digest(path) != digest:
                changed.append(path)
        return made, changed

    def _moved(self, content: Content) -> bool:
        """Whether an input is not what it was."""
        if not is_url(content.path):
            self.space.files.forget(content.path)
            return self.space.files.digest(content.path) != content.digest
        sources = self.space.sources
        if content.link.input.fetch:
            return sources.copies.touched(content.path)
        sources.forget(content.path)
        return sources.token(content.path) != content.digest

    def _publish(self, target: Target, record: Record, names: Sequence[str | None]) -> list[str]:
        """Renames outputs to where they belong, from their names in the staging folder.

        Returns lines about what was displaced.
        """
        space = self.space
        displaced = self._displaced(target, record)
        staging = staging_folder(space.root, target.name)
        staged = [
            (os.path.join(staging, name), out.path)
            for out, name in zip(record.outputs, names, strict=True)
            if name is not None and not is_url(out.path)
        ]
        space.journal.publish(target.name, staged, displaced, text_of(record))
        remove(staging)
        self._remember(record)
        self._look_again(target)
        return [
            f"`{path}` was not made by datamake, or changed since: "
            f"it is in .datamake/displaced/{self.ledger.run}/ now"
            for path in displaced
        ]

    def _remember(self, record: Record) -> None:
        for written in record.outputs:
            if not is_url(written.path):
                self.space.made_file.add(written.path, written.digest)
        self.space.state.write(record)

    def _displaced(self, target: Target, record: Record) -> list[str]:
        """The outputs whose content datamake did not make, and that is not the new one either."""
        before = self.space.record(target.name)
        made = {out.path: out.digest for out in before.outputs} if before is not None else {}
        return [
            new.path
            for new, seen in zip(record.outputs, self.judge.seen[target.name], strict=True)
            if seen is not None
            and not is_url(new.path)
            and seen not in (made.get(new.path), self.space.made.get(new.path), new.digest)
        ]

    def _look_again(self, target: Target) -> None:
        for output in target.outputs:
            if not output.remote:
                self.space.files.forget(output.path)
                self.space.tree.forget(output.path)


def text_of(record: Record) -> bytes:
    """A record as the journal keeps it."""
    import json

    return json.dumps(
        {
            "target": record.target,
            "fingerprint": record.fingerprint,
            "fields": record.fields,
            "outputs": [(out.path, out.digest, out.name) for out in record.outputs],
            "time": record.time,
            "duration": record.duration,
        }
    ).encode()


def record_of(text: bytes) -> Record:
    """The record that `text_of` wrote."""
    import json

    kept = json.loads(text)
    kept["fields"] = tuple((kind, subject, text) for kind, subject, text in kept["fields"])
    kept["outputs"] = tuple(Written(*written) for written in kept["outputs"])
    return Record(**kept)
