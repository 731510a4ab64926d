"""One target → its inputs resolved, the names that it needs, its code, and what is wrong.

Knows nothing of the order of targets. Code are the files that a target declares and those that its
action runs or imports; what another target writes is no code, but one more input.
"""

from __future__ import annotations

from posixpath import dirname, join, split

from datamake.annotations import by_table
from datamake.assertions import references
from datamake.code import Code, words
from datamake.datafile.placeholders import PlaceholderError, filled, names
from datamake.datafile.positions import place, setting
from datamake.datafile.shapes import did_you_mean, nearest
from datamake.errors import Problem
from datamake.filling import joined
from datamake.instances import named
from datamake.model import TABULAR, Input, Link
from datamake.patterns import is_glob
from datamake.remote import Asker
from datamake.urls import is_url, meant, shown
from datamake.values import NOTHING, replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
    from typing import Any

    from datamake.expand import Expansion
    from datamake.model import Assertions, Part, Spec, Target
    from datamake.resolve import Resolution, Resolver

RUNS_CODE = frozenset(["run", "argv", "python"])
MOST_HINTS = 20
"""Names that are compared with all others."""


@value
class Linked:
    """How a target hangs together with others."""

    links: tuple[Link, ...]
    needs: tuple[str, ...]
    code: tuple[str, ...]
    remote: tuple[tuple[str, Asker], ...] = ()
    """What it asks for at URLs: remote sources, and outputs of targets."""
    missing: tuple[Problem, ...] = ()
    """Inputs that are not there and that nobody makes."""
    wrong: tuple[Problem, ...] = ()
    given: Mapping[str, str] = NOTHING
    """Parameter of a function → what it is given; see `annotations.kinds`."""
    referred: tuple[Link, ...] = ()
    """What its checks refer to."""


class Linker:
    """Links targets, one at a time."""

    def __init__(self, expansion: Expansion, resolver: Resolver, reader: CodeReader) -> None:
        self.expansion = expansion
        self.resolver = resolver
        self.reader = reader
        self.asserted: dict[str, dict[str, None]] = {}
        """The text of an input → the sources that it is, those that are checked."""
        for name in expansion.assertions:
            self.asserted.setdefault(expansion.sources[name].text, {})[name] = None
        self._hints: dict[str, str] = {}

    def linked(self, target: Target) -> Linked:
        """All about one target."""
        links: list[Link] = []
        needs: dict[str, None] = {}
        missing: list[Problem] = []
        wrong: list[Problem] = []
        remote: list[tuple[str, Asker]] = []
        away = self.resolver.outputs.remote
        given = self.reader.given(target)
        tables = _by_table(target, given)
        for asked, table in zip(target.inputs, tables, strict=True):
            found = self.resolver.resolution(asked, target.name)
            if found.fault and not (asked.optional and found.absent):
                missing.append(self._problem(target.name, target.part, asked, found.fault))
            shape = replace(asked, kind=found.kind) if found.kind else asked
            links.append(Link(shape, found.items, table))
            for item in found.items:
                if item.producer is not None:
                    needs[item.producer] = None
                if asked.kind == "remote" or (away and is_url(item.path)):
                    remote.append((item.path, _asker(target, asked, found)))
            needs.update(dict.fromkeys(found.waits))
            needs.update(self.asserted.get(asked.text, {}))
            if target.name in needs and asked.kind != "target" and not wrong:
                wrong += self._own(target, links[-1])
        if wrong:
            needs.pop(target.name)  # and is no circle besides
            remote.clear()
        reading = self.reader.reading(target)
        wrong += [self._unmatched(target, text) for text in reading.unmatched]
        code = _read(target, reading, links, needs)
        needs.update(dict.fromkeys(reading.waits))
        referred = self.referred(target.name, target.assertions, needs, remote, missing)
        if remote:
            needs.update((url, None) for url, _ in remote)
        return Linked(
            *(tuple(links), tuple(needs), code, tuple(remote), tuple(missing), tuple(wrong)),
            given=given,
            referred=referred,
        )

    def linked_source(self, name: str, assertions: Assertions) -> Linked:
        """What comes before the check of a source."""
        own = replace(self.expansion.sources[name], name=name)
        found = self.resolver.resolution(own, name)
        needs = dict.fromkeys([*(i.producer for i in found.items if i.producer), *found.waits])
        remote = []
        if own.kind == "remote":
            file = self.expansion.spec.sources[name].part.file
            asker = Asker(name, file, own.place, fetch=True, optional=False)
            remote = [(item.path, asker) for item in found.items]
        missing: list[Problem] = []
        referred = self.referred(name, assertions, needs, remote, missing)
        needs.update((url, None) for url, _ in remote)
        needs.pop(name, None)
        links = (Link(own, found.items, table=True),)
        return Linked(links, tuple(needs), (), tuple(remote), tuple(missing), referred=referred)

    def referred(
        self,
        name: str,
        assertions: Assertions | None,
        needs: dict[str, None],
        remote: list[tuple[str, Asker]],
        missing: list[Problem],
    ) -> tuple[Link, ...]:
        """What the checks of a target or source refer to; it comes first."""
        links = []
        for asked in references(assertions, self.expansion.names):
            found = self.resolver.resolution(asked, name)
            if found.items and all(item.producer == name for item in found.items):
                continue  # itself, which is there as soon as it can be checked
            links.append(Link(asked, found.items, table=True))
            if found.fault:
                sources, targets = self.expansion.spec.sources, self.expansion.targets
                stands = sources.get(asked.name or "") or targets.get(name) or sources[name]
                missing.append(self._problem(name, stands.part, asked, found.fault))
            needs.update((item.producer, None) for item in found.items if item.producer)
            needs.update(dict.fromkeys(found.waits))
            needs.update(self.asserted.get(asked.text, {}))
            if asked.kind == "remote":
                file = self.expansion.spec.parts[0].file
                remote += [
                    (item.path, Asker(name, file, asked.place, fetch=True, optional=True))
                    for item in found.items
                ]
        return tuple(links)

    def _problem(self, name: str, part: Part, asked: Input, fault: str) -> Problem:
        facts = (f"needed by `{name}`",)
        return Problem(fault, part.file, asked.place, facts, self._hint(asked, part))

    def _hint(self, asked: Input, part: Part) -> str:
        """Which name or file may have been meant by a path that is not there."""
        text = asked.text.removeprefix(f"{part.folder}/").partition("[")[0]
        if asked.kind not in ("path", "glob", "folder"):
            return ""
        if meant(text):
            return f"did you mean `{shown(meant(text))}`?"
        if asked.kind == "folder":
            return ""
        if text not in self._hints and len(self._hints) < MOST_HINTS:
            names = self.expansion.names.seen_from(part) if named(text) is not None else ()
            self._hints[text] = did_you_mean(text, names) or self._neighbour(asked.text, text)
        return self._hints.get(text, "")

    def _neighbour(self, path: str, text: str) -> str:
        """The hint at a file of the same folder, written as `text` is; or `""`."""
        folder, name = split(path)
        entries = self.resolver.tree.entries(folder)
        files = [other for other, kind in entries.items() if kind == "file" and other != name]
        near = nearest(name, files)
        return f"did you mean `{join(dirname(text), near)}`?" if near else ""

    def _own(self, target: Target, link: Link) -> list[Problem]:
        return [
            Problem(
                f"input `{shown(link.input.text)}` matches `{shown(item.path)}`, "
                f"which `{target.name}` writes",
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
            return Problem(message, spec.parts[0].file, setting(spec, "code", index))
        keys = place(spec.targets[target.family], "code", target.code.index(text))
        return Problem(message, target.part.file, keys)


def _read(
    target: Target, reading: Reading, links: list[Link], needs: dict[str, None]
) -> tuple[str, ...]:
    """The code of a target; what others write of what it reads as code becomes one more input."""
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
    return code


def _by_table(target: Target, given: Mapping[str, str]) -> list[bool]:
    """Of each input, whether the action gets it as a table."""
    if target.kind in TABULAR:
        return [True] * len(target.inputs)
    found = by_table(given, [asked.name for asked in target.inputs])
    return [
        table or asked.columns is not None
        for table, asked in zip(found, target.inputs, strict=True)
    ]


def _asker(target: Target, asked: Input, found: Resolution) -> Asker:
    """A target with what it asks of a URL: what targets write is enough of what a glob matches."""
    others = len(found.items) > 1 or bool(found.waits)
    optional = asked.optional or others
    return Asker(target.name, target.part.file, asked.place, asked.fetch, optional)


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


class CodeReader:
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

    def given(self, target: Target) -> Mapping[str, str]:
        """What a function is given for its parameters, as its source says."""
        if target.kind != "python" or not isinstance(target.template, str):
            return NOTHING
        module, _, function = target.template.partition(":")
        return self._code.given(module, function, self._search(target))

    def _search(self, target: Target) -> tuple[str, ...]:
        """The folders of the project that a function's module is looked for in."""
        return (target.surroundings.cwd or ".", *self.pythonpath)

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
        asked += [(url, "remote") for url in self._urls(script)]
        for text, kind in asked:
            found = self.resolver.resolution(Input(kind or "path", text), target.name)
            waits.update(dict.fromkeys(found.waits))
            if found.fault and kind:
                unmatched.append(text)
            for item in found.items:
                if item.producer is None:
                    files.add(item.path)
                elif kind == "remote":
                    links.setdefault(text, Link(Input(kind, text, fetch=False), (item,)))
                else:
                    shape = Input("glob" if item.pattern else "path", item.path)
                    links.setdefault(item.path, Link(shape, (item,)))
        return Reading(
            tuple(sorted(files)),
            tuple(links[path] for path in sorted(links)),
            tuple(waits),
            tuple(unmatched),
        )

    def _urls(self, script: Iterable[str]) -> Iterator[str]:
        """The words that are URLs which a target writes."""
        for word in script:
            if is_url(word):
                for text in (word, word.partition("=")[2]):
                    if is_url(text) and text in self.resolver.outputs:
                        yield text

    def _kind(self, text: str) -> str:
        if text.endswith("/"):
            return "folder"
        return "glob" if is_glob(text) and self.resolver.tree.kind(text) != "file" else "path"

    def _implicit(self, target: Target, script: Sequence[str]) -> tuple[str, ...]:
        """The files that the action runs or imports, and what it names of other targets' outputs."""
        if target.kind == "python":
            return self._code.closure(script[0], self._search(target))
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
