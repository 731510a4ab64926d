"""What targets cannot have: overlapping outputs, sources that they write, circles.

Knows nothing of how a target is linked.
"""

from __future__ import annotations

from itertools import pairwise
from unicodedata import normalize

from datamake.datafile.positions import place
from datamake.datafile.shapes import did_you_mean
from datamake.errors import Problem
from datamake.patterns import EVERYTHING, glob
from datamake.urls import is_url, parsed, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from datamake.expand import Expansion
    from datamake.model import Link, Target
    from datamake.outputs import Outputs

REFERRED = "what checks refer to by `references` comes first"
IMPLICIT = (
    "a word of a command that is another target's output is an input; "
    "`implicit = false` turns that off"
)


def overlaps(expansion: Expansion, outputs: Outputs, target: Target) -> list[Problem]:
    """Take in the outputs of a target; which of them are, hold or lie in others."""
    problems = []
    for index, output in enumerate(target.outputs):
        other = outputs.add(output.path, target.name, folder=output.folder)
        if other is not None:
            problems.append(_overlap(expansion, target, index, (other, outputs.owners[other])))
    return problems


def _overlap(expansion: Expansion, target: Target, index: int, other: tuple[str, str]) -> Problem:
    output, (path, owner) = target.outputs[index], other
    mine, path = shown(output.path), shown(path)
    declaration = expansion.spec.targets[target.family]
    keys: tuple[str | int, ...] = ("output",)
    if "outputs" in declaration.table:
        keys = ("outputs", output.name or index)
    hint = ""
    if mine.startswith(f"{path}/"):
        message = f"`{mine}`, an output of `{target.name}`, lies in `{path}`, one of `{owner}`"
    elif mine != path:
        message = f"`{path}`, an output of `{owner}`, lies in `{mine}`, one of `{target.name}`"
    elif owner == target.name:
        message = f"`{path}` is an output of `{owner}` twice"
    else:
        message = f"`{path}` is an output of both `{owner}` and `{target.name}`"
        if expansion.targets[owner].family == target.family:
            variables = ", ".join(f"`{{{name}}}`" for name in target.each)
            hint = f"foreach variables tell the outputs of instances apart: {variables}"
    return Problem(message, target.part.file, place(declaration, *keys), hint=hint)


def alike(outputs: Outputs) -> list[str]:
    """A line about outputs that differ only in case, or in how an accent is encoded."""
    first: dict[str, str] = {}
    pairs = []
    for path in outputs.owners:
        folded = path.casefold()
        if not folded.isascii():
            folded = normalize("NFC", folded)
        other = first.setdefault(folded, path)
        if other != path and not is_url(path):
            pairs.append((other, path))
    if not pairs:
        return []
    one, other = pairs[0]
    owners = dict.fromkeys(f"`{outputs.owners[path]}`" for path in pairs[0])
    more = f", and {len(pairs) - 1} more like them" if len(pairs) > 1 else ""
    same = "where names ignore case, as on macOS, they are one file"
    return [f"`{one}` and `{other}`, outputs of {' and '.join(owners)}{more}: {same}"]


def written_sources(expansion: Expansion, outputs: Outputs) -> Iterator[tuple[str, Problem]]:
    """The targets that write a source, and what to say of that."""
    for name, source in expansion.sources.items():
        kind = parsed(source.text).kind if source.kind == "remote" else source.kind
        if kind == "path":
            path = source.text if source.text in outputs.owners else outputs.around(source.text)
            written = [path] if path else []
        else:
            pattern = EVERYTHING if source.text == "./" else glob(source.text)
            written = [*outputs.matching(pattern), *outputs.reaching(pattern)]
        declaration = expansion.spec.sources[name]
        for path in written[:1]:
            owner = outputs.owners[path]
            message = f"the source `{name}` is written by `{owner}`, as `{shown(path)}`"
            yield owner, Problem(message, declaration.part.file, place(declaration, "path"))


def written_datafiles(expansion: Expansion, outputs: Outputs) -> Iterator[tuple[str, Problem]]:
    """The targets that write over a Datafile, and what to say of that."""
    for part in expansion.spec.parts:
        path = part.file if part.file in outputs.owners else outputs.around(part.file)
        if path:
            owner = outputs.owners[path]
            target = expansion.targets[owner]
            declaration = expansion.spec.targets[target.family]
            message = f"`{owner}` would write over `{part.file}`, which declares the project"
            yield owner, Problem(message, target.part.file, place(declaration))


def written_queries(expansion: Expansion, outputs: Outputs) -> Iterator[Problem]:
    """The targets whose query another one writes: it is read before anything runs."""
    for target in expansion.targets.values():
        for path in target.recipe.files if target.kind == "sql" else ():
            owner = outputs.owners.get(path) or outputs.owners.get(outputs.around(path) or "")
            if owner:
                message = f"`{path}`, the query of `{target.name}`, is written by `{owner}`"
                declaration = expansion.spec.targets[target.family]
                hint = "what a query says is known before anything runs: keep it as a file"
                yield Problem(message, target.part.file, place(declaration, "sql"), hint=hint)


def undeclared_pools(expansion: Expansion) -> Iterator[Problem]:
    """The targets that take of pools there are none of."""
    spec = expansion.spec
    for declaration in spec.targets.values():
        given = declaration.table.get("pool", ())
        for pool in (given,) if isinstance(given, str) else given:
            if pool not in spec.pools and "{" not in pool:
                otherwise = f"declare how much there is: `[pools]` with `{pool} = 1`"
                hint = did_you_mean(pool, spec.pools) or otherwise
                keys = place(declaration, "pool")
                yield Problem(f"there is no pool `{pool}`", declaration.part.file, keys, hint=hint)


def circular(
    expansion: Expansion,
    links: Mapping[str, Sequence[Link]],
    referred: Mapping[str, Sequence[Link]],
    circle: Sequence[str],
) -> Problem:
    """What to say of targets and sources, `[a, b, a]`, each of which needs the next."""
    first = circle[0].removesuffix("[*]")
    targets, spec = expansion.targets, expansion.spec
    if first in spec.sources:
        declaration = spec.sources[first]
    else:
        declaration = spec.targets[targets[first].family if first in targets else first]
    declared = all(
        any(link.input.place for link in links[user] if _leads_to(link, needed))
        for user, needed in pairwise(circle)
        if user in targets and needed in targets
    )
    checked = any(
        link.input.name == needed or _leads_to(link, needed)
        for user, needed in pairwise(circle)
        for link in referred.get(user, ())
    )
    what = "sources" if spec.sources.keys() >= {*circle} else "targets"
    return Problem(
        f"{what} need each other in a circle: {' -> '.join(circle)}",
        declaration.part.file,
        place(declaration),
        hint=REFERRED if checked else "" if declared else IMPLICIT,
    )


def _leads_to(link: Link, needed: str) -> bool:
    return any(item.producer == needed for item in link.items)
