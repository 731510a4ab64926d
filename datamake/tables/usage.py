"""The columns of each table that a query can depend on, in doubt all.

Knows nothing of what they hold. A column counts whose name is mentioned where it could be the one
that is meant, and all of them where a star, or something like it, takes what there is: to leave out
a column that is not mentioned changes the meaning of no name. The result is tried: the query must
mean the same where there are no other columns.
"""

from __future__ import annotations

from datamake.tables.mistakes import NOWHERE
from datamake.tables.syntax import Query, called, ctes, path_of, recursive
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

FORWARD = ("cte_map", "from_table")
JOINED = frozenset(("left", "right"))


class Leaf:
    """A table in a FROM, under the name that it has there; `table` None: its columns are no input's."""

    def __init__(self, alias: str, table: str | None) -> None:
        self.alias = alias.lower()
        self.table = table


@value
class Scope:
    """The tables that a name can belong to: those of a FROM, and of the queries around it."""

    leaves: list[Leaf]
    outer: Scope | None = None

    def all(self) -> list[Leaf]:
        """From here outwards."""
        return [*self.leaves, *(self.outer.all() if self.outer is not None else ())]


def mentioned(query: Query, columns: Mapping[str, list[str]]) -> dict[str, frozenset[str] | None]:
    """Table → the columns that count, None: all. `columns` has the names of all tables."""
    walk = _Walk(query, columns)
    walk.query(query.source.node, {}, None)
    return {table: None if used is None else frozenset(used) for table, used in walk.used.items()}


class _Walk:
    """Goes through all queries in a query, with what names can mean there."""

    def __init__(self, query: Query, columns: Mapping[str, list[str]]) -> None:
        self.macros = query.macros
        self.tables = {table.lower(): table for table in columns}
        self.columns: dict[str, dict[str, list[str]]] = {}
        for table, names in columns.items():
            known = self.columns[table] = {}
            for each in names:
                known.setdefault(each.lower(), []).append(each)
        self.used: dict[str, set[str] | None] = {table: set() for table in columns}
        self.open: list[str] = []

    def whole(self, *leaves: Leaf) -> None:
        """All columns count."""
        for leaf in leaves:
            if leaf.table is not None:
                self.used[leaf.table] = None

    def name(self, leaf: Leaf, name: str) -> None:
        """The column of that name counts, if there is one."""
        if leaf.table is not None:
            used = self.used[leaf.table]
            if used is not None:
                used.update(self.columns[leaf.table].get(name, ()))

    def query(
        self,
        node: dict[str, Any],
        known: Mapping[str, str | None],
        scope: Scope | None,
        *,
        passes: bool = False,
    ) -> str | None:
        """The table whose columns the result of a query has under their names, if it `passes` them.

        `known` are the queries named by WITH, with the tables whose columns they have.
        """
        known = self.named(node, known, scope)
        if node.get("type") == "SELECT_NODE":
            return self.select(node, known, scope, passes=passes)
        if node.get("type") == "RECURSIVE_CTE_NODE":
            known = {**known, str(node.get("cte_name", "")).lower(): None}
        rest = [each for key, each in node.items() if key != "cte_map"]
        self.expression(rest, known, Scope([], scope))
        return None

    def named(
        self, node: dict[str, Any], known: Mapping[str, str | None], scope: Scope | None
    ) -> Mapping[str, str | None]:
        """What WITH names, in this query."""
        entries = (node.get("cte_map") or {}).get("map", ())
        for (name, body), entry in zip(ctes(node), entries, strict=True):
            inner = {**known, name: None} if recursive(body) else known
            passes = not entry["value"].get("aliases")
            known = {**known, name: self.query(body, inner, scope, passes=passes)}
        return known

    def select(
        self,
        node: dict[str, Any],
        known: Mapping[str, str | None],
        outer: Scope | None,
        *,
        passes: bool,
    ) -> str | None:
        scope = Scope([], outer)
        source = node.get("from_table") or {}
        self.source(source, known, scope)
        passed = None
        if passes and len(scope.leaves) == 1 and _passing(node):
            passed = scope.leaves[0].table
        apart = FORWARD if passed is None else (*FORWARD, "select_list")
        rest = [each for key, each in node.items() if key not in apart]
        self.expression(rest, known, scope)
        return passed

    def source(self, node: dict[str, Any], known: Mapping[str, str | None], scope: Scope) -> None:
        """What stands behind FROM: its tables into the scope, what else is in it looked through."""
        kind = node.get("type")
        if kind == "BASE_TABLE":
            self.table(node, known, scope)
        elif kind == "SUBQUERY":
            passes = not node.get("column_name_alias")
            inner = node["subquery"]["node"]
            scope.leaves.append(
                Leaf(node.get("alias", ""), self.query(inner, known, scope, passes=passes))
            )
        elif kind == "JOIN":
            self.source(node["left"], known, scope)
            self.source(node["right"], known, scope)
            if node.get("ref_type") == "NATURAL":
                self.whole(*scope.leaves)
            for name in node.get("using_columns") or ():
                self.mention([name], scope)
            self.expression({k: v for k, v in node.items() if k not in JOINED}, known, scope)
        elif kind == "PIVOT":
            self.source(node["source"], known, scope)
            self.whole(*scope.leaves)
            self.expression({k: v for k, v in node.items() if k != "source"}, known, scope)
        else:
            alias = node.get("alias") or (node.get("function") or {}).get("function_name", "")
            self.expression({k: v for k, v in node.items() if k != "type"}, known, scope)
            scope.leaves.append(Leaf(alias, None))

    def table(self, node: dict[str, Any], known: Mapping[str, str | None], scope: Scope) -> None:
        path = path_of(node)
        name = ".".join(path).lower()
        own = known[name] if len(path) == 1 and name in known else self.tables.get(name)
        leaf = Leaf(node.get("alias") or path[-1], own)
        if node.get("column_name_alias"):
            self.whole(leaf)
        scope.leaves.append(leaf)

    def expression(self, node: Any, known: Mapping[str, str | None], scope: Scope) -> None:
        """What an expression mentions, and the queries in it."""
        waiting = [node]
        while waiting:
            one = waiting.pop()
            if isinstance(one, list):
                waiting.extend(one)
            if not isinstance(one, dict):
                continue
            if str(one.get("type", "")).endswith("_NODE"):
                self.query(one, known, scope)
                continue
            kind = one.get("class")
            if kind == "COLUMN_REF":
                self.mention(one["column_names"], scope)
            elif kind == "STAR":
                self.star(one, scope)
            elif kind == "POSITIONAL_REFERENCE":
                self.whole(*scope.leaves)
            elif "function_name" in one:
                self.macro(one, scope)
            waiting.extend(one.values())

    def macro(self, node: dict[str, Any], scope: Scope) -> None:
        """What the bodies of a macro mention, here where it is called."""
        for name in called({**node, "arguments": None, "children": None}):
            if name in self.macros and name not in self.open:
                self.open.append(name)
                for body in self.macros[name].bodies:
                    self.query(body.node, {}, scope)
                self.open.pop()

    def mention(self, names: list[str], scope: Scope) -> None:
        """A name, or several with points between them: table and column, column and field ..."""
        lower = [name.lower() for name in names]
        first, last = lower[0], lower[-1]
        leaves = scope.all()
        apart = len(lower) > 1 and not any(first in known for known in self.columns.values())
        if apart and any(leaf.alias == first for leaf in leaves):
            for leaf in leaves:
                if leaf.alias == first:
                    self.name(leaf, lower[1])
            return
        for leaf in leaves:
            for name in lower:
                self.name(leaf, name)
            if leaf.alias == last:
                self.whole(leaf)

    def star(self, node: dict[str, Any], scope: Scope) -> None:
        """All columns, or all of one table. Without a place it is ORDER BY ALL: of what is selected."""
        relation = str(node.get("relation_name", "")).lower()
        if not relation:
            at = node.get("query_location")
            unwritten = isinstance(at, int) and at >= NOWHERE
            if not (unwritten and node.get("columns")):
                self.whole(*scope.leaves)
            return
        self.whole(*(leaf for leaf in scope.leaves if leaf.alias == relation))
        self.mention([relation], scope)


def _passing(node: dict[str, Any]) -> bool:
    """Whether a query is `SELECT * FROM` with nothing that depends on which columns there are."""
    if len(node["select_list"]) != 1 or node.get("modifiers") or node.get("sample"):
        return False
    if node.get("aggregate_handling") == "FORCE_AGGREGATES":
        return False
    star = node["select_list"][0]
    if star.get("class") != "STAR" or star.get("columns") or star.get("relation_name"):
        return False
    changes = ("exclude_list", "replace_list", "rename_list", "qualified_exclude_list", "expr")
    return not any(star.get(each) for each in changes)
