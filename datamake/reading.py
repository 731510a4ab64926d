"""The files that count as a target's code: those it declares, and those its action runs or imports.

Knows nothing of a target's inputs. What another target writes is no code, but one more input.
"""

from __future__ import annotations

from datamake.code import Code, words
from datamake.datafile.placeholders import PlaceholderError, filled, names
from datamake.filling import joined
from datamake.model import Input, Link
from datamake.patterns import is_glob
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping, Sequence
    from typing import Any

    from datamake.model import Spec, Target
    from datamake.resolve import Resolver

RUNS_CODE = frozenset(["run", "argv", "python"])


@value
class Reading:
    """What an action reads as code."""

    files: tuple[str, ...] = ()
    """Sorted."""
    links: tuple[Link, ...] = ()
    """What other targets write, as inputs."""
    waits: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()
    """Declared paths and globs that match nothing."""


NOTHING_READ = Reading()


class Reader:
    """Finds out what actions read as code; instances with the same command share the answer."""

    def __init__(
        self, spec: Spec, resolver: Resolver, memo: MutableMapping[str, tuple[str, ...]]
    ) -> None:
        self.params = {"params": spec.params}
        self.pythonpath = tuple(spec.project.get("pythonpath", ["."]))
        self.always = tuple(_rooted(text) for text in spec.project.get("code", ()))
        self.resolver = resolver
        self.memo = memo
        self.forget()

    def forget(self) -> None:
        """Forget all answers: there are more targets now."""
        self._code = Code(self.resolver.tree, self.memo, self.resolver.outputs)
        self._words: dict[str, list[str]] = {}
        self._known: dict[object, Reading] = {}

    def reading(self, target: Target) -> Reading:
        """What the action of `target` reads as code."""
        declared = target.code
        script: tuple[str, ...] = ()
        if target.kind in RUNS_CODE:
            declared = (*self.always, *declared)
            if target.implicit:
                script = self._script(target)
        if not declared and not script:
            return NOTHING_READ
        key = (target.kind, script, target.surroundings.cwd, declared)
        if key not in self._known:
            self._known[key] = self._read(target, script, declared)
        return self._known[key]

    def _read(self, target: Target, script: Sequence[str], declared: Iterable[str]) -> Reading:
        unmatched: list[str] = []
        files: set[str] = set()
        links: dict[str, Link] = {}
        waits: dict[str, None] = {}
        asked = [(text, self._kind(text)) for text in declared]
        asked += [(path, "") for path in self._implicit(target, script)]
        for text, kind in asked:
            found = self.resolver.resolution(Input(kind or "path", text), target.name)
            waits.update(dict.fromkeys(found.waits))
            if found.fault and kind:
                unmatched.append(text)
            for item in found.items:
                if item.producer is None:
                    files.add(item.path)
                else:
                    shape = Input("glob" if item.pattern else "path", item.path)
                    links.setdefault(item.path, Link(shape, (item,)))
        return Reading(
            tuple(sorted(files)),
            tuple(links[path] for path in sorted(links)),
            tuple(waits),
            tuple(unmatched),
        )

    def _kind(self, text: str) -> str:
        if text.endswith("/"):
            return "folder"
        return "glob" if is_glob(text) and self.resolver.tree.kind(text) != "file" else "path"

    def _implicit(self, target: Target, script: Sequence[str]) -> tuple[str, ...]:
        """The files that the action runs or imports, and what it names of other targets' outputs."""
        if target.kind == "python":
            return self._code.closure(script[0], self.pythonpath)
        return self._code.implicit(script, target.surroundings.cwd, self.pythonpath)

    def _script(self, target: Target) -> tuple[str, ...]:
        """The words of the action, or its module.

        Params are filled in, and a foreach value where that makes a word the name of a file, so
        that instances that differ in nothing else have the same words.
        """
        template = target.template
        if not isinstance(template, str):
            found = list(template)
        elif target.kind == "python":
            found = [template.partition(":")[0]]
        elif template in self._words:
            found = self._words[template]
        else:
            found = self._words[template] = words(template)
        if not any("{" in word for word in found):
            return tuple(found)
        values = {**self.params, **target.each}
        result: list[str] = []
        for word in found:
            text = self._filled(word, values) if "{" in word else word
            if text != word and target.kind != "python" and result[-1:] != ["-m"]:
                text = text if self._is_file(target, text) else word
            result.append(text)
        return tuple(result)

    def _filled(self, word: str, values: Mapping[str, Any]) -> str:
        """A word with params and foreach values filled in, if it has no other placeholders."""
        for name in names(word):
            if name not in values and not name.startswith("params."):
                return word
        try:
            return filled(word, values)
        except PlaceholderError:
            return word

    def _is_file(self, target: Target, word: str) -> bool:
        for text in (word, word.partition("=")[2]):
            path = joined(target.surroundings.cwd, text) if text else ""
            if path in self.resolver.outputs or self.resolver.tree.kind(path) == "file":
                return True
        return False


def _rooted(text: str) -> str:
    """A path or glob of the root Datafile."""
    return joined("", text) + "/" * text.endswith("/")
