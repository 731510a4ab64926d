"""A target that is to run, or to be restored → the action that an executor carries out.

Knows nothing of verdicts or of order: it makes folders and values, no decisions.
"""

from __future__ import annotations

import os
from posixpath import basename

from datamake import surroundings
from datamake.action import Action, Call, Slot, Tabular
from datamake.bytecode import forget_outdated
from datamake.checking import memory
from datamake.counting import values
from datamake.datafile import queries
from datamake.datafile.placeholders import PathText
from datamake.errors import DatamakeError
from datamake.fingerprint import BUILT_IN
from datamake.handing import copies, identity, views
from datamake.journal import file_name
from datamake.model import KEPT, TABULAR
from datamake.moves import remove
from datamake.recipes import Query
from datamake.urls import hidden, is_url, shown
from datamake.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from datamake.action import View
    from datamake.fingerprint import Content
    from datamake.model import Target, Written
    from datamake.workspace import Workspace


def staging_folder(root: str, name: str) -> str:
    """Where the staged outputs of a target are written; absolute."""
    return os.path.join(root, KEPT, "staging", file_name(name))


def printing(target: Target) -> bool:
    """Whether the action of a target has a log."""
    return target.kind not in BUILT_IN


def log_path(name: str) -> str:
    """The log of a target, from the project root."""
    return f"{KEPT}/logs/{file_name(name)}.log"


def work_folder(root: str, name: str) -> str:
    """Where a target keeps what survives its failures, in a folder for each fingerprint; absolute."""
    return os.path.join(root, KEPT, "work", file_name(name))


def works(target: Target) -> bool:
    """Whether a target asks for such a folder."""
    return "{work" in _text(target)


def _text(target: Target) -> str:
    return target.template if isinstance(target.template, str) else "\0".join(target.template)


def staged_names(target: Target) -> list[str | None]:
    """For each output its path in the staging folder; None for one that is written in place."""
    names = [basename(output.path) for output in target.outputs if output.staged]
    alike = len(set(names)) < len(names)
    return [
        (f"{place}/" if alike else "") + basename(output.path) if output.staged else None
        for place, output in enumerate(target.outputs)
    ]


def restored_names(target: Target) -> list[str]:
    """For each output its path in the staging folder when it comes out of the cache."""
    names = [basename(output.path.rstrip("/")) for output in target.outputs]
    return names if len(names) == 1 else [f"{at}/{name}" for at, name in enumerate(names)]


def slots(root: str, target: Target) -> tuple[Slot, ...]:
    """Where each output of a target is to be written."""
    staging = staging_folder(root, target.name)
    return tuple(
        Slot(output, os.path.join(root, output.path) if name is None else f"{staging}/{name}")
        for output, name in zip(target.outputs, staged_names(target), strict=True)
    )


def restoring(root: str, target: Target, outputs: Sequence[Written]) -> Action:
    """The action that brings a target's outputs out of the cache, into the staging folder."""
    staging = staging_folder(root, target.name)
    _empty(staging)
    names = restored_names(target)
    copies = tuple(
        (written.digest, f"{staging}/{name}") for written, name in zip(outputs, names, strict=True)
    )
    return Action(target=target.name, kind="restore", copies=copies, staging=staging)


def uploading(root: str, target: Target, *, restoring: bool) -> Action:
    """The action that puts staged outputs where their URLs say."""
    staging = staging_folder(root, target.name)
    names = restored_names(target) if restoring else staged_names(target)
    copies = tuple(
        (f"{staging}/{name}", output.path)
        for name, output in zip(names, target.outputs, strict=True)
        if output.remote
    )
    return Action(target=target.name, kind="upload", copies=copies)


class Preparation:
    """Makes the actions of one build."""

    def __init__(self, space: Workspace, variables: Mapping[str, str]) -> None:
        self.space = space
        self.variables = variables
        self._compiled: set[tuple[str, str | None]] = set()
        """Modules whose byte code has been looked at, with their digests."""

    def action(
        self,
        target: Target,
        contents: Sequence[Content],
        fingerprint: str,
        numbers: Mapping[str, Sequence[int]],
    ) -> Action:
        """The action of a target, its staging folder empty and its folder outputs created."""
        root, around = self.space.root, target.surroundings
        places = slots(root, target)
        _make_room(root, target, places)
        programs = surroundings.folder_of_programs(root, around, self.space.spec.project)
        env = surroundings.environment(target, root, programs, self.variables)
        for pool, held in numbers.items():
            env[f"DATAMAKE_POOL_{pool.upper()}"] = ",".join(map(str, held))
        values = self._values(target, contents, places, fingerprint)
        staged = any(output.staged for output in target.outputs)
        common: dict[str, Any] = {
            "target": target.name,
            "kind": target.kind,
            "cwd": os.path.join(root, around.cwd),
            "env": env,
            "log": os.path.join(root, log_path(target.name)),
            "secrets": self._secrets(target, contents),
            "timeout": target.policy.timeout,
            "slots": places,
            "staging": staging_folder(root, target.name) if staged else "",
            "cache": target.policy.cache,
            "as_tables": target.name in self.space.graph.as_tables,
            "projections": copies(
                target, contents, copied(root, target), self._absolute, self._each
            ),
        }
        if target.kind in TABULAR:
            found = views(target.inputs, contents, self._absolute, self._each)
            work = tabular(target, found, os.path.join(root, KEPT, "tmp"))
            away = {self._absolute(c.path): shown(c.path) for c in contents if is_url(c.path)}
            return Action(**common, tabular=replace(work, urls=away))
        if target.kind == "copy":
            sources = [path for some in self._inputs(target, contents)[0] for path in some]
            return Action(**common, copies=_copies(root, sources, places))
        if target.kind == "python":
            call = self._call(target, values, contents)
            return Action(**common, call=call, interpreter=surroundings.interpreter(programs))
        self._renew_byte_code(target)
        return Action(**common, argv=self._argv(target, values, env))

    def _secrets(self, target: Target, contents: Sequence[Content]) -> tuple[str, ...]:
        """What its log must not show: values of variables, and what is secret in URLs it is given."""
        found = [self.variables.get(name, "") for name in target.surroundings.secrets]
        for content in contents:
            if not content.link.input.fetch:
                found += hidden(content.path)
        return tuple(filter(None, found))

    def _renew_byte_code(self, target: Target) -> None:
        """Sees to it that a command imports the project's modules as they are."""
        for path in self.space.graph.code.get(target.name, ()):
            module = path, self.space.files.digest(path)
            if path.endswith(".py") and module not in self._compiled:
                self._compiled.add(module)
                forget_outdated(os.path.join(self.space.root, path))

    def _argv(
        self, target: Target, values: Mapping[str, Any], env: Mapping[str, str]
    ) -> tuple[str, ...]:
        from shutil import which

        from datamake.transforms.command import argv

        return argv(target, values, lambda program: which(program, path=env["PATH"]))

    def _values(
        self,
        target: Target,
        contents: Sequence[Content],
        places: Sequence[Slot],
        fingerprint: str,
    ) -> dict[str, Any]:
        """What placeholders stand for; paths are relative to where the action runs."""
        root, cwd = self.space.root, os.path.join(self.space.root, target.surroundings.cwd)

        def relative(path: str) -> str:
            if is_url(path):
                return path
            return PathText(os.path.relpath(os.path.join(root, path), cwd))

        values: dict[str, Any] = {
            **target.each,
            **{f"params.{name}": value for name, value in target.params.items()},
            **by_name("input", *self._inputs(target, contents), relative),
            **by_name("output", [[slot.path] for slot in places],
                       [slot.output.name for slot in places], relative),
            "target": target.name,
            "root": PathText(root),
            "cpus": target.resources.cpus,
        }  # fmt: skip
        if "{params}" in _text(target):
            values["params"] = relative(self._params_file(target))
        if works(target):
            values["work"] = relative(self._work_folder(target.name, fingerprint))
        return values

    def _inputs(
        self, target: Target, contents: Sequence[Content]
    ) -> tuple[list[list[str]], list[str | None]]:
        """As `input_paths`, with the local copies of what is remote, if it is to be fetched."""
        paths, names = input_paths(target, contents)
        places = copied(self.space.root, target)
        local = [
            [places[at] + basename(path.rstrip("/")) for path in some]
            if at in places
            else [self._local(path) if asked.fetch else path for path in some]
            for at, (asked, some) in enumerate(zip(target.inputs, paths, strict=True))
        ]
        return local, names

    def _local(self, path: str) -> str:
        """A path, or where the local copy of what is remote is."""
        return self.space.sources.copies.place(path) if is_url(path) else path

    def _params_file(self, target: Target) -> str:
        import json

        path = os.path.join(self.space.root, KEPT, "params", file_name(target.name) + ".json")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        declared = {name: target.params[name] for name in target.declared_params}
        with open(path, "w", encoding="utf-8") as file:
            json.dump(declared, file, default=str, sort_keys=True)
        return path

    def _work_folder(self, name: str, fingerprint: str) -> str:
        """A folder that survives failures of the same fingerprint."""
        from shutil import rmtree

        kept = work_folder(self.space.root, name)
        mine = os.path.join(kept, fingerprint)
        os.makedirs(mine, exist_ok=True)
        for other in os.listdir(kept):
            if other != fingerprint:
                rmtree(os.path.join(kept, other), ignore_errors=True)
        return mine

    def _call(self, target: Target, values: Mapping[str, Any], contents: Sequence[Content]) -> Call:
        """The function with all that it may ask for by name.

        One that takes tables is given no paths but those that its source asks for: what it can
        read is what counts.
        """
        space = self.space
        kinds = space.graph.given[target.name]
        paths = {
            name.partition(".")[2] or name: value
            for name, value in values.items()
            if name.partition(".")[0] in ("input", "inputs", "output", "outputs")
        }
        for several in ("inputs", "outputs"):
            named = {
                n.partition(".")[2]: v for n, v in values.items() if n.startswith(several + ".")
            }
            if named:
                paths[several] = named
        files = frozenset(paths)
        if kinds:
            paths = {name: value for name, value in paths.items() if name in kinds}
        declared = {name: target.params[name] for name in target.declared_params}
        arguments = {**target.each, "target": target.name, "params": declared, **paths}
        assert isinstance(target.template, str)  # the shape that the Datafile's keys demand
        pythonpath = space.spec.project.get("pythonpath", ["."])
        folders = tuple(os.path.normpath(os.path.join(space.root, path)) for path in pythonpath)
        cwd = os.path.join(space.root, target.surroundings.cwd)
        roots = tuple(dict.fromkeys((cwd, *folders)))
        tables = self._tables(target, contents, kinds) if kinds else {}
        return Call(target.template, roots, arguments, files, tables)

    def _absolute(self, path: str) -> str:
        return os.path.join(self.space.root, self._local(path))

    def _each(self, name: str) -> Mapping[str, str]:
        return self.space.graph.targets[name].each

    def _tables(
        self, target: Target, contents: Sequence[Content], kinds: Mapping[str, str]
    ) -> dict[str, tuple[str, Any]]:
        """What a function is given as tables."""
        from datamake.handing import tables

        return tables(target, kinds, contents, self._absolute, self._each)


def copied(root: str, target: Target) -> dict[int, str]:
    """Place of an input → the folder, with `/`, of its copies with only the columns that count."""
    if target.kind in TABULAR:
        return {}
    folder = os.path.join(root, KEPT, "tmp", "columns", file_name(target.name))
    return {
        at: f"{folder}/{at}/" for at, asked in enumerate(target.inputs) if asked.columns is not None
    }


def tabular(target: Target, views: Sequence[View], folder: str) -> Tabular:
    """What a target that writes a table does; it may spill into `folder`."""
    recipe, given, taken = target.recipe, values(target), target.resources
    if target.kind == "sql":
        recipe = replace(recipe, text=queries.filled(_text(target), given))
    elif target.kind == "query":
        recipe = Query(
            recipe.uri, *(queries.filled(e, given) for e in (recipe.sql, recipe.version))
        )
    limit = taken.memory or memory() * taken.cpus
    return Tabular(recipe, tuple(views), target.prelude, taken.cpus, limit, folder)


def input_paths(
    target: Target, contents: Sequence[Content]
) -> tuple[list[list[str]], list[str | None]]:
    """For each input the paths that its placeholder stands for, and its name.

    Implicit inputs, which a command names by itself, have no placeholder.
    """
    paths: dict[object, list[str]] = {identity(asked): [] for asked in target.inputs}
    for content in contents:
        held = paths.get(identity(content.link.input))
        if held is None or not content.path:
            continue
        if content.link.input.text.endswith("/"):
            held[:] = [content.link.input.text]
        else:
            held.append(content.path)
    return list(paths.values()), [asked.name for asked in target.inputs]


def by_name(
    kind: str, paths: Sequence[Sequence[str]], names: Sequence[str | None], relative: Any
) -> dict[str, Any]:
    """The placeholders `{input}`, `{inputs}`, `{inputs.NAME}`, or those of outputs."""
    values: dict[str, Any] = {f"{kind}s": [relative(path) for some in paths for path in some]}
    for some, name in zip(paths, names, strict=True):
        found = [relative(path) for path in some]
        single = found[0] if len(found) == 1 else found
        values.setdefault(kind, single)
        if name is not None:
            values[f"{kind}s.{name}"] = single
    return values


def _make_room(root: str, target: Target, places: Sequence[Slot]) -> None:
    """An empty staging folder, and the folders that outputs are written into."""
    _empty(staging_folder(root, target.name))
    for slot in places:
        os.makedirs(slot.path if slot.output.folder else os.path.dirname(slot.path), exist_ok=True)


def _empty(folder: str) -> None:
    remove(folder)
    os.makedirs(folder)


def _copies(
    root: str, sources: Sequence[str], places: Sequence[Slot]
) -> tuple[tuple[str, str], ...]:
    """From → to: one input to each output, or all of them into a folder. Raises DatamakeError."""
    absolute = [os.path.join(root, source) for source in sources]
    if len(places) == 1 and places[0].output.folder and len(sources) != 1:
        into = places[0].path
        return tuple((path, os.path.join(into, basename(path))) for path in absolute)
    if len(absolute) != len(places):
        raise DatamakeError(
            "`copy` needs an output for each input",
            [f"inputs: {len(absolute)}, outputs: {len(places)}"],
            "name as many outputs, or one folder, like `build/`",
        )
    return tuple(zip(absolute, (slot.path for slot in places), strict=True))
