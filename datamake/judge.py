"""Gathers what staleness needs from files, state and cache, and judges one target after the other.

Knows nothing of the order of a build and of running. Whoever drives it tells it what has become
of each target (`settle`), before it asks for those that need it.
"""

from __future__ import annotations

from datamake import staleness
from datamake.checking import Examiner
from datamake.conflicts import alike
from datamake.contents import Contents, Known
from datamake.contexts import Contexts
from datamake.counting import as_last_read, counted
from datamake.fingerprint import BUILT_IN, differences, fields, fingerprint
from datamake.model import Code, Reason, Status, Verdict, Written
from datamake.recipes import preludes
from datamake.urls import is_url, shown
from datamake.values import NOTHING, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Mapping, Sequence

    from datamake.fingerprint import Content
    from datamake.graph import Graph
    from datamake.model import Field, Link, Record, Target
    from datamake.workspace import Workspace


@value
class Demands:
    """What a build asks for beyond what is stale."""

    forced: frozenset[str] = frozenset()
    """These run."""
    needed: frozenset[str] = frozenset()
    """The bytes of these have to be there."""
    all_needed: bool = False
    failed: Mapping[str, str] = NOTHING
    """Inputs, by their text, that fail who reads them, and why."""
    selected: Callable[[], Collection[str]] = frozenset
    """What was asked for, as far as it is known by now. Raises UsageError if that is nothing."""


class Judge:
    """Judges targets whose inputs are final."""

    def __init__(
        self, space: Workspace, demands: Demands, variables: Mapping[str, str] = NOTHING
    ) -> None:
        self.inputs = Contents(space, demands.failed)
        self.verdicts: dict[str, Verdict] = {}
        self.seen: dict[str, tuple[str | None, ...]] = {}
        """The digests of its outputs as they were when it was judged."""
        self.space = space
        self.forced = set(demands.forced)
        self.needed = set(demands.needed)
        self.all_needed = demands.all_needed
        self._selected = demands.selected
        self.variables = variables
        self.contexts = Contexts(space, variables)
        self.examiner = Examiner(space, self.inputs)

    def grown(self, pending: str, added: Sequence[str]) -> list[str]:
        """The instances of a pending foreach are known: those that were asked for.

        Raises UsageError where the selection turns out to be of none.
        """
        self.inputs.known[pending] = Known("")
        if pending not in self.needed:
            return []
        selected = set(self._selected())
        wanted = [name for name in added if name in selected]
        self.needed.update(wanted)
        if pending in self.forced:
            self.forced.update(wanted)
        return wanted

    def source(self, name: str) -> Known | None:
        """What a source has for those that need it; None while the content of a remote one is unknown."""
        if name in self.space.graph.asserted:
            return Known("")
        maker = self.space.graph.outputs.owners.get(name)
        sources = self.space.sources
        if maker is not None:
            if maker not in self.inputs.known:
                return None
            made = self.inputs.known[maker].outputs
            found: tuple[Written, ...] | None = tuple(each for each in made if each.path == name)
        else:
            found = sources.contents(name) if self.space.graph.remotes[name].fetch else ()
        return (
            None
            if found is None
            else Known("", found, sources.copies.here(each.path for each in found))
        )

    def as_it_is(self, name: str) -> Known | None:
        """What a target has without being judged: on disk, else by its record in the cache."""
        target, record = self.space.graph.targets[name], self.space.record(name)
        digests = [self.space.digest(output.path) for output in target.outputs]
        fingerprint = record.fingerprint if record else ""
        if target.outputs and all(digests):
            outputs = tuple(
                Written(output.path, digest, output.name)
                for output, digest in zip(target.outputs, digests, strict=True)
                if digest
            )
            return Known(fingerprint, outputs)
        if record is None or not all(self.space.cache.has(out.digest) for out in record.outputs):
            return None
        self.verdicts[name] = Verdict(
            Status.RESTORE, (), fingerprint, self.space.state.fields(name), record.outputs
        )
        self.seen[name] = tuple(digests)
        return Known(fingerprint, record.outputs, present=not target.outputs)

    def verdict(self, name: str) -> Verdict:
        """The verdict on a target.

        Where the content of an input is not known, because what makes it will or may run, the
        verdict is `MAYBE`, or `RUN` if there is another reason besides.
        """
        target = self.space.graph.targets[name]
        record = self.space.record(name)
        unknown = self._unknown(name)
        contents = self.contents(name, unknown)
        context = self.contexts.of(target)
        found = fields(target, contents, context)
        if unknown:
            verdict = self._unsure(target, record, found, contents, unknown)
        else:
            self.seen[name] = tuple(self.space.digest(out.path) for out in target.outputs)
            verdict = staleness.judge(
                target,
                staleness.Evidence(record, found, fingerprint(found), self.seen[name], contents),
                self._sources(target),
                demanded=self._demanded(target, record),
                needed=self.all_needed or name in self.needed,
            )
            if target.assertions is not None:
                verdict = self.examiner.examined(target, verdict)
        self.verdicts[name] = verdict
        return verdict

    def contents(self, name: str, unknown: Mapping[str, object] = NOTHING) -> list[Content]:
        """The inputs of a target with what counts of them, but for those that `unknown` ones make.

        As long as any of a query's tables is unknown, the columns are those that it last read of
        the others. Raises InputGone, and TableError.
        """
        target = self.space.graph.targets[name]
        found = list(self.inputs.of(name, unknown))
        if unknown and target.kind == "sql":
            return as_last_read(self.space, target, found)
        return counted(self.space, target, found)

    def _unknown(self, name: str) -> dict[str, Target | None]:
        graph = self.space.graph
        return {
            need: graph.targets.get(need)
            for need in graph.needs[name]
            if need not in self.inputs.known
        }

    def _unsure(
        self,
        target: Target,
        record: Record | None,
        found: tuple[Field, ...],
        contents: Sequence[Content],
        unknown: Mapping[str, Target | None],
    ) -> Verdict:
        """A verdict without the inputs that are not known yet."""
        if record is None:
            return Verdict(Status.RUN, (Reason(Code.NEVER_BUILT, "never built"),))
        recorded = self.space.state.fields(target.name)
        old, new = (
            [field for field in some if not self._made_by(target, field, unknown)]
            for some in (recorded, found)
        )
        reasons = differences(old, new, contents, preludes(target))
        demanded = self._demanded(target, record)
        if demanded is not None:
            reasons = (demanded, *reasons)
        first = next(iter(unknown))
        if all(need in self.space.graph.remotes for need in unknown):
            others = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
            doubt = Reason(
                Code.INPUT_CHANGED, f"{shown(first)}{others}: a new version", shown(first)
            )
        else:
            doubt = Reason(Code.UPSTREAM, ", ".join(map(shown, unknown)), shown(first))
        return Verdict(Status.RUN if reasons else Status.MAYBE, (*reasons, doubt))

    def _made_by(self, target: Target, field: Field, makers: Mapping[str, Target | None]) -> bool:
        """Whether a field of a target may be of what these make, or are."""
        kind, subject, _ = field
        if kind == "instance":
            return True
        if kind not in ("input", "reading") and not kind.startswith("input:"):
            return False
        if target.kind == "sql":
            names = _waiting(self.space.graph.links[target.name], makers)
            return (subject if kind == "reading" else kind.partition(":")[2]) in names
        if target.kind in BUILT_IN:  # its fields are without paths
            return True
        remotes = self.space.graph.remotes
        return subject in makers or any(
            (name not in remotes or is_url(subject))
            if maker is None
            else any(
                subject.startswith(output.path + "/") if output.folder else subject == output.path
                for output in maker.outputs
            )
            for name, maker in makers.items()
        )

    def _demanded(self, target: Target, record: Record | None) -> Reason | None:
        if target.name in self.forced:
            return Reason(Code.FORCED, "forced")
        if target.policy.always:
            return Reason(Code.ALWAYS, "runs at every build")
        age = target.policy.max_age
        if age is not None and record is not None and self.space.now() - record.time > age:
            return Reason(Code.EXPIRED, f"last success is older than {age:g} s")
        return None

    def _sources(self, target: Target) -> staleness.Sources:
        space = self.space

        def cached(key: str) -> Sequence[Written] | None:
            if not target.policy.cache:
                return None
            action = space.cache.lookup(key)
            return None if action is None else action.outputs

        def available(outputs: Sequence[Written]) -> bool:
            return all(space.cache.has(written.digest) for written in outputs)

        return staleness.Sources(lambda: space.state.fields(target.name), cached, available)


def _waiting(links: Sequence[Link], makers: Container[str | None]) -> set[str | None]:
    """The names of the inputs that any of these make, or are."""
    return {
        link.input.name
        for link in links
        if any(item.producer in makers or item.path in makers for item in link.items)
    }


def joined(
    graph: Graph, present: Container[str], wanted: Sequence[str], changed: Sequence[str]
) -> tuple[Mapping[str, Sequence[str]], Mapping[str, Sequence[str]]]:
    """What joins a schedule when its graph has grown, and what is in it and needs other things now.

    `wanted` are the instances that were asked for, `changed` what needs other things.
    """
    relinked = {name: graph.needs[name] for name in changed if name in present}
    added = {
        name: graph.needs[name]
        for name in graph.closure([*wanted, *relinked])
        if name not in present
    }
    return added, relinked


def remarks(graph: Graph) -> list[str]:
    """Lines for people about targets without instances, files without targets, names too alike."""
    return [*graph.empty.values(), *_orphans(graph.orphans), *alike(graph.outputs)]


def _orphans(found: Mapping[str, str]) -> list[str]:
    """Lines about files that a pattern would match if the targets that made them were still there."""
    if not found:
        return []
    path, asker = next(iter(found.items()))
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    verb = "are" if more else "is"
    gone = f"`{path}`{more} {verb} left over from a target that is gone, and no input of `{asker}`"
    return [f"{gone}; `datamake clean --orphans` removes such files"]
