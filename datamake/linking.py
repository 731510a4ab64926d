"""One target → its inputs resolved, the names that it needs, its code, and what is wrong.

Knows nothing of the order of targets.
"""

from __future__ import annotations

from datamake.datafile.positions import place
from datamake.datafile.shapes import nearest
from datamake.errors import Problem
from datamake.instances import named
from datamake.model import Link
from datamake.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datamake.expand import Expansion
    from datamake.model import Input, Part, Target
    from datamake.reading import Reader
    from datamake.resolve import Resolver


MOST_HINTS = 20
"""Names that are compared with all others."""


@value
class Linked:
    """How a target hangs together with others."""

    links: tuple[Link, ...]
    needs: tuple[str, ...]
    code: tuple[str, ...]
    missing: tuple[Problem, ...] = ()
    """Inputs that are not there and that nobody makes."""
    wrong: tuple[Problem, ...] = ()


class Linker:
    """Links targets, one at a time."""

    def __init__(self, expansion: Expansion, resolver: Resolver, reader: Reader) -> None:
        self.expansion = expansion
        self.resolver = resolver
        self.reader = reader
        self._hints: dict[str, str] = {}

    def linked(self, target: Target) -> Linked:
        """All about one target."""
        links: list[Link] = []
        needs: dict[str, None] = {}
        missing: list[Problem] = []
        wrong: list[Problem] = []
        for asked in target.inputs:
            found = self.resolver.resolution(asked, target.name)
            if found.fault and not (asked.optional and found.absent):
                missing.append(self._problem(target, asked, found.fault))
            shape = replace(asked, kind=found.kind) if found.kind else asked
            links.append(Link(shape, found.items))
            for item in found.items:
                if item.producer is not None:
                    needs[item.producer] = None
            needs.update(dict.fromkeys(found.waits))
            if target.name in needs and asked.kind != "target" and not wrong:
                wrong += self._own(target, links[-1])
        reading = self.reader.reading(target)
        wrong += [self._unmatched(target, text) for text in reading.unmatched]
        code = reading.files
        if code or reading.links:
            paths = {item.path for link in links for item in link.items}
            if not paths.isdisjoint(code):
                code = tuple(path for path in code if path not in paths)
            for link in reading.links:
                item = link.items[0]
                if item.producer not in (None, target.name) and item.path not in paths:
                    links.append(link)
                    needs[item.producer] = None
        needs.update(dict.fromkeys(reading.waits))
        return Linked(tuple(links), tuple(needs), code, tuple(missing), tuple(wrong))

    def _problem(self, target: Target, asked: Input, fault: str) -> Problem:
        facts = (f"needed by `{target.name}`",)
        return Problem(fault, target.part.file, asked.place, facts, self._hint(asked, target.part))

    def _hint(self, asked: Input, part: Part) -> str:
        """Which name may have been meant by a path that looks like one."""
        text = asked.text.removeprefix(f"{part.folder}/").partition("[")[0]
        if asked.kind not in ("path", "glob") or named(text) is None:
            return ""
        if text not in self._hints and len(self._hints) < MOST_HINTS:
            near = nearest(text, self.expansion.names.seen_from(part))
            self._hints[text] = f"did you mean `{near}`?" if near else ""
        return self._hints.get(text, "")

    def _own(self, target: Target, link: Link) -> list[Problem]:
        return [
            Problem(
                f"input `{link.input.text}` matches `{item.path}`, which `{target.name}` writes",
                target.part.file,
                link.input.place,
            )
            for item in link.items
            if item.producer == target.name
        ][:1]

    def _unmatched(self, target: Target, text: str) -> Problem:
        """A path or glob of code that matches nothing, the target's or the project's."""
        spec = self.expansion.spec
        message = f"nothing matches `{text}`"
        if text in self.reader.always:
            index = self.reader.always.index(text)
            return Problem(message, spec.parts[0].file, ("project", "code", index))
        keys = place(spec.targets[target.family], "code", target.code.index(text))
        return Problem(message, target.part.file, keys)
