"""Whether a result depends on the order of rows that come in; rows that go out, all in one order.

Knows nothing of what tables hold.
"""

from __future__ import annotations

from datamake.datafile.sql import Token, tokens
from datamake.tables.syntax import Query, functions, inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

STEADY = frozenset(
    (
        *("approx_count_distinct", "avg", "bit_and", "bit_or", "bit_xor", "bool_and"),
        *("bool_or", "corr", "count", "count_if", "count_star", "countif", "covar_pop"),
        *("covar_samp", "entropy", "favg", "fsum", "group_concat_distinct", "grouping"),
        *("grouping_id", "kahan_sum", "kurtosis", "kurtosis_pop", "mad", "max", "mean"),
        *("median", "min", "product", "quantile", "quantile_cont", "quantile_disc"),
        *("regr_avgx", "regr_avgy", "regr_count", "regr_intercept", "regr_r2", "regr_slope"),
        *("regr_sxx", "regr_sxy", "regr_syy", "sem", "skewness", "stddev", "stddev_pop"),
        *("stddev_samp", "sum", "sum_no_overflow", "sumkahan", "var_pop"),
        *("var_samp", "variance"),
    )
)
"""Aggregates of a set: another order of rows changes last bits at most."""
RANKS = frozenset(["cume_dist", "dense_rank", "percent_rank", "rank", "rank_dense"])
"""Window functions that give rows of one rank one value."""
FRAMES = frozenset(["UNBOUNDED_PRECEDING", "CURRENT_ROW_RANGE", "UNBOUNDED_FOLLOWING"])
LIMITS = frozenset(["LIMIT", "OFFSET", "FETCH"])
JOINS = frozenset(["REGULAR", "NATURAL", "CROSS", "DEPENDENT"])


def steady(query: Query) -> bool:
    """Whether the rows of the result are the same in whatever order the inputs come; in doubt not."""
    root = query.source.node
    own = _own_modifiers(query)
    for source in query.sources:
        for node in inside(source.node):
            modifiers = own if node is root else node.get("modifiers") or ()
            if _unsteady(node) or any(map(_cuts, modifiers)):
                return False
    return True


def _own_modifiers(query: Query) -> list[dict[str, Any]]:
    """What the query as a whole is cut by, but for what stands behind the order of its rows."""
    modifiers = list(query.source.node.get("modifiers") or ())
    if _clause(_whole(tokens(query.sql)), LIMITS) is None:
        return modifiers
    return [each for each in modifiers if not str(each.get("type")).startswith("LIMIT")]


def _cuts(modifier: dict[str, Any]) -> bool:
    kind = str(modifier.get("type"))
    return kind.startswith("LIMIT") or bool(modifier.get("distinct_on_targets"))


def _unsteady(node: dict[str, Any]) -> bool:
    kind, group = node.get("type"), node.get("class")
    if kind == "RECURSIVE_CTE_NODE" or isinstance(node.get("sample"), dict):
        return True
    if kind == "JOIN":
        return node.get("ref_type") not in JOINS
    if group == "WINDOW":
        return _unsteady_window(node)
    if group == "FUNCTION":
        name = node["function_name"].lower()
        return functions().get(name) == "aggregate" and name not in STEADY
    return False


def _unsteady_window(node: dict[str, Any]) -> bool:
    name = node["function_name"].lower()
    if name in RANKS:
        return bool(node.get("arg_orders"))
    if name not in STEADY or node.get("exclude_clause", "NO_OTHER") != "NO_OTHER":
        return True
    return not FRAMES.issuperset((node.get("start"), node.get("end")))


def ordered(sql: str, columns: int) -> str:
    """The query with the order of all columns behind its own order, and before a limit."""
    found = _whole(tokens(sql))
    own = _clause(found, frozenset(["ORDER"]))
    limit = _clause(found, LIMITS)
    after = found[-1] if limit is None else found[limit - 1]
    places = ", ".join(map(str, range(1, columns + 1)))
    if own is None:
        further = f"\nORDER BY {places}\n"
    elif found[own + 2].upper == "ALL":
        further = ""
    else:
        further = f", {places}\n"
    return sql[: after.end] + further + sql[after.end :]


def _whole(found: Sequence[Token]) -> Sequence[Token]:
    """A statement without semicolons and without parentheses around all of it."""
    while found and found[-1].text == ";":
        found = found[:-1]
    while len(found) > 1 and found[0].text == "(" and _closing(found) == len(found) - 1:
        found = found[1:-1]
    return found


def _closing(found: Sequence[Token]) -> int:
    depth = 0
    for at, token in enumerate(found):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if not depth:
            return at
    return -1


def _clause(found: Sequence[Token], words: frozenset[str]) -> int | None:
    """Where a clause with one of these words begins that is in no parentheses."""
    depth = 0
    for at, token in enumerate(found):
        if token.text in ("(", "[", "{"):
            depth += 1
        elif token.text in (")", "]", "}"):
            depth -= 1
        elif not depth and token.kind == "word" and token.upper in words and _begins(found, at):
            return at
    return None


def _begins(found: Sequence[Token], at: int) -> bool:
    """Whether a word is no name here: `t.limit`, `AS offset`."""
    if at and found[at - 1].upper in (".", "AS"):
        return False
    return found[at].upper != "ORDER" or (at + 1 < len(found) and found[at + 1].upper == "BY")
