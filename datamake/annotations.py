"""The source of a function → which of its parameters are tables, as their annotations say.

Knows nothing of what is imported: names are followed through the imports of the text itself, so
that what counts is known without running anything. What is handed over goes by it too.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Names = Mapping[str, "str | ast.expr"]

PATH = "path"
TYPES = {
    "pyarrow.Table": "table",
    "pyarrow.lib.Table": "table",
    "pandas.DataFrame": "pandas",
    "pandas.core.frame.DataFrame": "pandas",
    "polars.DataFrame": "polars",
    "polars.dataframe.frame.DataFrame": "polars",
    "polars.LazyFrame": "lazy",
    "polars.lazyframe.frame.LazyFrame": "lazy",
    "pyarrow.dataset.Dataset": "dataset",
    "pyarrow.dataset.FileSystemDataset": "dataset",
    "pathlib.Path": PATH,
    "os.PathLike": PATH,
    "str": PATH,
}
LISTS = frozenset(["list", "List", "Sequence", "Iterable", "Collection"])
MAPPINGS = frozenset(["dict", "Dict", "Mapping"])
DEEPEST = 20
"""How often a name may stand for another, or a type for a part of it."""


def kinds(source: bytes, function: str) -> dict[str, str]:
    """Parameter → what it is given: `path`, `table`, `pandas`, `polars`, `lazy` or `dataset`.

    Also `list[table]` and `dict[table]`, of any of these. Empty where no parameter is anything but
    a path, or where the text does not show which function is called: it is bound more than once,
    decorated, made elsewhere, or this Python cannot parse the text.
    """
    import ast
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    bound = list(_bound(body))
    found = [what for name, what in bound if name == function]
    if len(found) != 1 or not isinstance(found[0], ast.FunctionDef) or found[0].decorator_list:
        return {}
    names: dict[str, str | ast.expr] = {}
    for name, what in bound:
        if isinstance(what, (str, ast.expr)):
            names.setdefault(name, what)
    given = found[0].args
    parameters = {each.arg: _kind(each.annotation, names) for each in given.args + given.kwonlyargs}
    return parameters if any(_inner(kind) != PATH for kind in parameters.values()) else {}


def by_table(kinds: Mapping[str, str], names: Sequence[str | None]) -> list[bool]:
    """Of each input, by their names: whether the function gets it as tables, and in no other way."""
    found = []
    for place, name in enumerate(names):
        givers = ["inputs", name, "input" if place == 0 else None]
        ways = {_inner(kinds[each]) for each in givers if each is not None and each in kinds}
        found.append(bool(ways) and ways.isdisjoint((PATH, "dataset")))
    return found


def _inner(kind: str) -> str:
    """`table` of `list[table]`."""
    return kind.partition("[")[2].rstrip("]") or kind


def _bound(body: Iterable[ast.stmt]) -> Iterator[tuple[str, str | ast.AST]]:
    """The names that a module gives a meaning, whatever its conditions are, in order.

    What is imported comes by its full name, a value as its expression, all else as its statement.
    """
    import ast

    for part in body:
        if isinstance(part, ast.Import):
            for alias in part.names:
                top = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (top, top)
        elif isinstance(part, ast.ImportFrom):
            for alias in part.names:
                yield alias.asname or alias.name, f"{'.' * part.level}{part.module}.{alias.name}"
        elif isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield part.name, part
        else:
            blocks = [getattr(part, name, []) for name in ("body", "orelse", "finalbody")]
            blocks += [
                each.body for name in ("handlers", "cases") for each in getattr(part, name, ())
            ]
            headers = _headers(part) if any(blocks) else [part]
            for inside in (inside for header in headers for inside in ast.walk(header)):
                if isinstance(inside, ast.Name) and isinstance(inside.ctx, ast.Store):
                    yield inside.id, getattr(part, "value", None) or part
            for block in blocks:
                yield from _bound(block)


def _headers(part: ast.stmt) -> Iterator[ast.AST]:
    """What a compound statement has beside its blocks."""
    import ast

    for child in ast.iter_child_nodes(part):
        if not isinstance(child, (ast.stmt, ast.ExceptHandler)) and not hasattr(child, "body"):
            yield child


def _kind(annotation: ast.expr | None, names: Names, depth: int = 0) -> str:
    """What an annotation asks for; a path where it says nothing that is known."""
    return (_said(annotation, names, depth) if annotation else "") or PATH


def _said(node: ast.expr, names: Names, depth: int) -> str:
    """As `_kind`, but `""` where nothing is known."""
    import ast

    if depth > DEEPEST:
        return ""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            return _said(ast.parse(node.value.strip(), mode="eval").body, names, depth + 1)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return ""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _said(node.left, names, depth + 1) or _said(node.right, names, depth + 1)
    if isinstance(node, ast.Subscript):
        return _of(node, names, depth)
    dotted = _dotted(node)
    top, _, rest = dotted.partition(".")
    meant = names.get(top, top)
    if not isinstance(meant, str):
        return "" if rest else _said(meant, names, depth + 1)
    return TYPES.get(f"{meant}.{rest}" if rest else meant, "")


def _of(node: ast.Subscript, names: Names, depth: int) -> str:
    """What a type with parameters asks for: `Optional[X]`, `list[X]`, `dict[str, X]`."""
    import ast

    inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    top = _dotted(node.value).rpartition(".")[2]
    meant = names.get(top, top)
    base = meant.rpartition(".")[2] if isinstance(meant, str) else ""
    said = [_said(each, names, depth + 1) for each in inside]
    if base in ("Optional", "Union", "Annotated"):
        return next(filter(None, said), "")
    kind = said[-1]
    if not kind or "[" in kind:
        return ""
    if base in LISTS:
        return f"list[{kind}]"
    return f"dict[{kind}]" if base in MAPPINGS and len(said) == 2 else ""


def _dotted(node: ast.expr) -> str:
    """`a.b.c`, or `""` for what is no such name."""
    import ast

    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := _dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""
