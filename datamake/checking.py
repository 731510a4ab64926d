"""What must hold of the outputs of targets and of sources: what counts for it, what is known of it.

Knows nothing of how checks go. Their results belong to a content: what has been found once, here
or by others, is not looked for again. What depends on the time or on history is never remembered.
"""

from __future__ import annotations

import os

from datamake.action import Checking
from datamake.datafile.checks import fields
from datamake.errors import shortened
from datamake.fingerprint import fingerprint, reading_of
from datamake.formats import format_of, is_note
from datamake.handing import inside, views
from datamake.insights import Insights
from datamake.model import Code, Link, Reason, Status
from datamake.tables import no_column
from datamake.urls import shown
from datamake.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from datamake.contents import Contents
    from datamake.fingerprint import Content
    from datamake.model import Assertions, Field, Target, Verdict, Written
    from datamake.workspace import Workspace

NEVER = "not checked yet"
VOLUMES = 10
"""Builds whose numbers of rows are remembered."""


@value
class Known:
    """What is known of the checks of one content."""

    fingerprint: str
    """Of what is checked."""
    results: tuple[Any, ...] | None = None
    """`Checked`s of what depends on the content alone; None: not known yet."""

    @property
    def passed(self) -> bool:
        """Whether it is known that nothing is wrong."""
        return self.results is not None and not any(each.failed for each in self.results)


def memory() -> int:
    """Bytes of memory that a table may take by itself, if nothing else is said."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return whole // (2 * (os.cpu_count() or 1))


class Examiner:
    """The checks of one run."""

    def __init__(self, space: Workspace, inputs: Contents) -> None:
        self.space = space
        self.inputs = inputs
        self.insights = Insights(space)
        self._fields: dict[str, list[Field]] = {}
        """Of each check fingerprint that was worked out."""

    def known(self, name: str, assertions: Assertions, digest: str) -> Known:
        """What is known of the checks of a target or source with a content. Raises InputGone."""
        kept = [check for check in assertions.checks if check.timeless]
        found = [*fields(assertions.schema, kept)]
        if name in self.space.graph.targets:
            path = self.space.graph.targets[name].outputs[0].path
            found.append(("format", "", format_of(path) or ""))
        for content in self.referred(name):
            label = content.link.input.name or ""
            found.append(("reference", label, content.counted))
            if content.logical is None:
                found.append(("reading", label, reading_of(content)))
        own = fingerprint(found)
        self._fields[own] = found
        text = self.insights.recall(_key(own, digest)) if digest else None
        if text is None:
            return Known(own)
        from datamake.tables.checked import parsed

        return Known(own, parsed(text))

    def referred(self, name: str) -> list[Content]:
        """What the checks of a target or source refer to, and what counts of it."""
        found = []
        for content in self.inputs.of_links(name, self.space.graph.referred.get(name, ())):
            if is_note(inside(content)):
                continue
            columns = content.link.input.columns or ()
            names = [each for each, _ in self.insights.types(content) or ()]
            for column in columns:
                if column not in names:
                    raise no_column(content.link.input.name or shown(content.path), column, names)
            logical = self.insights.logical(content)
            found.append(replace(content, logical=logical, columns=frozenset(columns)))
        return found

    def examined(self, target: Target, verdict: Verdict) -> Verdict:
        """A verdict that takes checks into account: up to date is only what they have passed."""
        assertions = target.assertions
        if assertions is None or verdict.status is Status.RUN:
            return verdict
        known = self.known(target.name, assertions, verdict.outputs[0].digest)
        verdict = replace(verdict, checked=known.fingerprint, results=known.results)
        if known.passed:
            return verdict
        if known.results is None and verdict.status is Status.RESTORE:
            return verdict
        reasons = self.changed(target.name, known)
        absent = known.results is None and not verdict.present
        return replace(verdict, status=Status.RESTORE if absent else Status.CHECK, reasons=reasons)

    def source(self, name: str) -> tuple[Known, str, list[Content]]:
        """What is known of a source's checks, its digest, and its contents. Raises InputGone."""
        links = self.space.graph.links[name]
        contents = [c for c in self.inputs.of_links(name, links) if not is_note(inside(c))]
        found = [("input", each.path, each.digest) for each in contents]
        digest = fingerprint([*found, ("reading", "", links[0].input.reading.text)])
        return self.known(name, self.space.graph.asserted[name], digest), digest, contents

    def checking(
        self, name: str, assertions: Assertions, contents: Sequence[Content] | None = None
    ) -> Checking:
        """What an action is to check: of these contents, else of what it has written."""
        space = self.space
        referred = self.referred(name)
        asked = {link.input.name: link.input for link in space.graph.referred.get(name, ())}
        return Checking(
            assertions.schema,
            assertions.checks,
            None if contents is None else self._view(contents[0].link, contents),
            tuple(
                self._view(Link(each), [c for c in referred if c.link.input.name == label])
                for label, each in asked.items()
            ),
            tuple(self.volumes(name)),
            space.now(),
            space.root,
            memory(),
        )

    def _view(self, link: Link, contents: Sequence[Content]) -> Any:
        each = self.space.graph.targets
        found = views([link.input], contents, self.insights.place, lambda name: each[name].each)
        return found[0]

    def of_action(self, target: Target) -> Checking | None:
        """What the action of a target is to check of what it writes."""
        if target.assertions is None:
            return None
        return self.checking(target.name, target.assertions)

    def found(self, target: Target, outputs: Sequence[Written], results: Sequence[Any]) -> None:
        """Remember what came of the checks of what was written."""
        if target.assertions is not None and results:
            own = self.known(target.name, target.assertions, "").fingerprint
            self.note(target.name, own, outputs[0].digest, results)

    def changed(self, name: str, known: Known) -> tuple[Reason, ...]:
        """What is checked otherwise than when this was last checked, or that it has failed then."""
        if known.results is not None:
            from datamake.tables.checked import told

            return (Reason(Code.CHECK_CHANGED, told(known.results)[0]),)
        last = self.space.state.facts.recall(f"checks {name}")
        found = _differing(last, _told(self._fields[known.fingerprint]))
        return tuple(found) or (self.unchecked(name),)

    def unchecked(self, name: str) -> Reason:
        """That a target or source was not checked as it is now."""
        last = self.space.state.facts.recall(f"checks {name}")
        return Reason(Code.CHECK_CHANGED, NEVER if last is None else "not checked as it is now")

    def note(self, name: str, own: str, digest: str, results: Sequence[Any]) -> None:
        """Remember what came of checks: of what depends on nothing else with the content."""
        from datamake.tables.checked import canonical

        kept = [each for each in results if each.kind not in ("fresh", "volume")]
        self.insights.note(_key(own, digest), canonical(kept))
        self.space.state.facts.note(f"checks {name}", _told(self._fields[own]), self.space.now())
        for each in results:
            if each.kind == "volume":
                last = [*self.volumes(name), each.rows][-VOLUMES:]
                text = " ".join(map(str, last))
                self.space.state.facts.note(f"volumes {name}", text, self.space.now())

    def volumes(self, name: str) -> list[int]:
        """The numbers of rows of the last builds, as far as they were counted."""
        text = self.space.state.facts.recall(f"volumes {name}") or ""
        return [int(each) for each in text.split() if each.isdecimal() and len(each) < 19]


def _key(own: str, digest: str) -> str:
    return f"checked-1 {own} {digest}"


def _told(fields: Iterable[Field]) -> str:
    """What is checked, as the text of a fact."""
    import json

    return json.dumps(list(fields))


def _differing(old: str | None, new: str) -> list[Reason]:
    """What is checked now and was not, or differs, or is checked no more."""
    import json

    try:
        before, after = (
            {(kind, subject): text for kind, subject, text in json.loads(each)}
            for each in (old or "", new)
        )
    except (
        ValueError,
        TypeError,
        RecursionError,
    ):  # it was never checked, or is told by other rules
        return []
    return [
        _difference(*key, before.get(key), after.get(key))
        for key in {**after, **before}
        if before.get(key) != after.get(key)
    ]


def _difference(kind: str, subject: str, old: str | None, new: str | None) -> Reason:
    """What is another in one field. Checks are errors where they say nothing else."""
    was, now = (each and each.removesuffix(" error") for each in (old, new))
    detail = f"{kind} `{subject}`" if subject else kind
    if was is None or now is None:
        detail += " removed" if now is None else " added"
    elif kind in ("check", "schema"):
        detail += f": {shortened(was)} → {shortened(now)}"
    return Reason(Code.CHECK_CHANGED, detail, subject or kind, was, now)
