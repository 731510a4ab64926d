"""One input → the outputs, files and remote sources that it comes down to, and what it has to wait for.

Knows nothing of who asks, but for the name.
"""

from __future__ import annotations

from datamake.instances import named
from datamake.model import Item
from datamake.patterns import EVERYTHING, found, glob
from datamake.urls import parsed, shown
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

    from datamake.instances import Family
    from datamake.model import Input, Pending, Target, Tree
    from datamake.outputs import Outputs
    from datamake.patterns import Pattern


@value
class Resolution:
    """What an input comes down to."""

    items: tuple[Item, ...] = ()
    waits: tuple[str, ...] = ()
    """Names of instances yet unknown that may add to it."""
    fault: str = ""
    """What is wrong with it."""
    absent: bool = False
    """Whether the fault is that nothing is there."""
    kind: str = ""
    """What kind of input it turns out to be, where that is not as it was read."""


class Resolver:
    """Resolves inputs, each text once. What it says holds until targets are added: see `forget`."""

    def __init__(
        self,
        targets: Mapping[str, Target],
        families: Mapping[str, Family],
        pending: Mapping[str, Pending],
        outputs: Outputs,
        tree: Tree,
        made: Container[str],
    ) -> None:
        self.targets = targets
        self.families = families
        self.pending = pending
        self.outputs = outputs
        self.tree = tree
        self.made = made
        self.orphans: dict[str, str] = {}
        """File that a pattern would match if it were not left over → a target that asked."""
        self._known: dict[tuple[str, str, str | None], Resolution] = {}

    def forget(self) -> None:
        """Forget what was resolved: there are more targets now."""
        self._known.clear()

    def resolution(self, asked: Input, asker: str) -> Resolution:
        """What `asked`, an input of the target `asker`, comes down to."""
        key = (asked.kind, asked.text, asked.output)
        known = self._known.get(key)
        if known is None:
            if asked.kind == "target":
                known = self._named(asked.text, asked.output)
            elif asked.kind == "path":
                folder = asked.text.rpartition("/")[0]
                known = self._path(self.outputs.followed(asked.text, folder))
            elif asked.kind == "remote":
                known = self._remote(asked.text)
            else:
                folder = glob(asked.text).prefix if asked.kind == "glob" else asked.text[:-1]
                text = self.outputs.followed(asked.text, folder)
                known = self._pattern(text or "./", asker)
            self._known[key] = known
        return known

    def _path(self, path: str) -> Resolution:
        owners = self.outputs.owners
        if path in owners:
            return Resolution((Item(path, owners[path]),))
        folder = self.outputs.around(path)
        if folder is not None:
            return Resolution((Item(path, owners[folder], folder),))
        waits = tuple(self.outputs.awaited(path))
        if waits:
            return Resolution(waits=waits)
        kind = self.tree.kind(path)
        if kind == "folder":
            return Resolution(fault=f"input `{path}` is a folder: write it as `{path}/`")
        if kind is None:
            return _absent(f"input `{path}` does not exist, and no target makes it")
        if self._left_over(path):
            return _absent(f"input `{path}` was made by a target that is not there any more")
        return Resolution((Item(path),))

    def _pattern(self, text: str, asker: str) -> Resolution:
        """What a glob or folder comes down to."""
        outputs, owners = self.outputs, self.outputs.owners
        folder = text[:-1] if text.endswith("/") else None
        exact = text if folder is None else folder
        if exact in owners:
            return Resolution((Item(exact, owners[exact]),), kind="path" if folder is None else "")
        pattern = EVERYTHING if folder == "." else glob(text)
        items = [Item(path, owners[path]) for path in outputs.matching(pattern)]
        items += [Item(text, owners[each], each, True) for each in outputs.reaching(pattern)]
        if outputs.inside(pattern.prefix) is None:
            items += [Item(path) for path in self._plain(pattern, asker)]
        waits = tuple(outputs.templates.meeting(pattern.segments))
        if items or waits or (folder is not None and self.tree.kind(folder) == "folder"):
            return Resolution(tuple(sorted(items, key=lambda item: item.path)), waits)
        if folder is None:
            return _absent(f"input `{text}` matches no file, and no output of a target")
        return _absent(f"input `{text}` does not exist, and no target makes it")

    def _remote(self, text: str) -> Resolution:
        """What a URL comes down to: what targets write of it, and what else may be there."""
        outputs, owners = self.outputs, self.outputs.owners
        url = parsed(text)
        exact = url.outer or text
        if url.archive and exact in owners:
            return Resolution(
                fault=f"input `{shown(text)}` is in an archive that `{owners[exact]}` writes: "
                "nothing looks into those"
            )
        if exact in owners:
            return Resolution((Item(exact, owners[exact]),))
        if url.kind == "path" or url.archive:
            waits = tuple(outputs.awaited(exact))
            return Resolution(waits=waits) if waits else Resolution((Item(text),))
        pattern = glob(text)
        items = [Item(text), *(Item(path, owners[path]) for path in outputs.matching(pattern))]
        items.sort(key=lambda item: item.path)
        return Resolution(tuple(items), tuple(outputs.templates.meeting(pattern.segments)))

    def _plain(self, pattern: Pattern, asker: str) -> Iterator[str]:
        """The files that match and that datamake did not make."""
        owners, made = self.outputs.owners, self.made

        def passed(path: str) -> bool:
            if path in owners:
                return True
            if path in made:
                self.orphans.setdefault(path, asker)
                return True
            return False

        if not self._left_over(pattern.prefix):
            yield from found(pattern, self.tree, passed)

    def _left_over(self, path: str) -> bool:
        """Whether datamake made this, or a folder that it lies in."""
        while path:
            if path in self.made:
                return True
            path = path.rpartition("/")[0]
        return False

    def _named(self, text: str, output: str | None) -> Resolution:
        name, brackets = named(text) or (text, None)
        if f"{name}[*]" in self.pending:
            return Resolution(waits=(f"{name}[*]",))
        if name in self.families:
            try:
                names = self.families[name].chosen("*" if brackets is None else brackets)
            except ValueError as error:
                return Resolution(fault=f"input `{text}`: {error}")
            if not names:
                which = f"`{name}` has none" if not self.families[name].rows else "none is like it"
                return Resolution(fault=f"input `{text}` matches no instance: {which}")
            return Resolution(tuple(self._items(names, output)))
        return Resolution(tuple(self._items([text], output)) if text in self.targets else ())

    def _items(self, names: list[str], output: str | None) -> Iterator[Item]:
        for name in names:
            outputs = self.targets[name].outputs
            if not outputs:
                yield Item("", name)
            for each in outputs:
                if each.name == output or (output is None and not each.apart):
                    yield Item(each.path, name)


def _absent(fault: str) -> Resolution:
    return Resolution(fault=fault, absent=True)
