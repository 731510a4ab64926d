"""What a query may not call: time, chance, the session, and tables that are no inputs.

Knows nothing of what the rest of the query means.
"""

from __future__ import annotations

from datamake.tables import TableError
from datamake.tables.mistakes import mistake
from datamake.tables.syntax import Query, Source, functions, inside, located

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TIME = frozenset(
    (
        *("current_date", "current_localtime", "current_localtimestamp", "current_time"),
        *("current_timestamp", "clock_timestamp", "get_current_time"),
        *("get_current_timestamp", "localtime", "localtimestamp", "now"),
        *("statement_timestamp", "today", "transaction_timestamp"),
    )
)
CHANCE = frozenset(
    ["gen_random_uuid", "random", "reservoir_quantile", "setseed", "uuid", "uuidv4", "uuidv7"]
)
WORDS = frozenset(
    (
        *("current_catalog", "current_date", "current_role", "current_schema"),
        *("current_time", "current_timestamp", "current_user", "localtime", "localtimestamp"),
        *("session_user", "user"),
    )
)
"""Names that are functions where no column has them."""
SESSION = frozenset(
    (
        *("current_catalog", "current_role", "current_user", "getenv", "json_serialize_plan"),
        *("session_user", "user"),
    )
)
STEADY = frozenset(["error"])
"""Functions that DuckDB calls volatile for their effect."""
TABLES = frozenset(
    ["generate_series", "json_each", "json_tree", "range", "repeat", "repeat_row", "unnest"]
)
"""Table functions that read nothing but their arguments."""
NODES = frozenset(["SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"])

AS_PARAM = "take it from a param, as `{params.today}`, and give it with `--set today=...`"
SEED = "take it from a column, as `hash(id)` does"
INPUT = "declare it as a source, and name that in the query"


def refuse(query: Query) -> None:
    """Raises TableError for what would make a result depend on more than inputs and params."""
    for source in query.sources:
        for node in inside(source.node):
            found = _refused(node, query)
            if found is not None:
                raise _at(source, node, *found)


def _at(source: Source, node: dict[str, Any], headline: str, hint: str) -> TableError:
    at, length = located(node)
    if at < 0:
        return TableError(headline, hint=hint)
    return mistake(headline, source.text, at + source.offset, length, hint)


def _refused(node: dict[str, Any], query: Query) -> tuple[str, str] | None:
    kind, group = node.get("type", ""), node.get("class")
    if kind == "TABLE_FUNCTION":
        return _table_function(node["function"], query)
    if group in ("FUNCTION", "WINDOW"):
        return _function(node, query)
    if group == "COLUMN_REF":
        names = node["column_names"]
        if len(names) == 1 and names[0].lower() in WORDS:
            headline, hint = _explained(names[0].lower(), names[0])
            return headline, f"{hint}; a column of that name: `t.{names[0]}`"
        return None
    if kind == "SHOW_REF":
        return "DESCRIBE, SHOW and SUMMARIZE are no queries", "`datamake sql` has them"
    if isinstance(kind, str) and kind.endswith("_NODE") and kind not in NODES:
        return "a query changes nothing", "it begins with SELECT, FROM, WITH, VALUES or PIVOT"
    sample = node.get("sample")
    return _sample(sample) if isinstance(sample, dict) else None


def _function(node: dict[str, Any], query: Query) -> tuple[str, str] | None:
    name = node["function_name"].lower()
    if _defined(node, query, table=False):
        return None
    if name == "age" and len(node.get("arguments") or node.get("children") or ()) == 1:
        return "`age()` of one moment is counted from today", AS_PARAM
    known = functions().get(name) == "volatile" and name not in STEADY
    if known or name in TIME or name in CHANCE or name in SESSION:
        return _explained(name, f"{name}()")
    return None


def _defined(node: dict[str, Any], query: Query, *, table: bool) -> bool:
    """Whether a function is a macro of the prelude, for a table or for a value."""
    macro = query.macros.get(node["function_name"].lower())
    return macro is not None and macro.table == table and not node.get("schema")


def _explained(name: str, written: str) -> tuple[str, str]:
    if name in TIME:
        return f"`{written}` is another time at each run", AS_PARAM
    if name in CHANCE:
        return f"`{written}` is left to chance", SEED
    return f"`{written}` depends on the session", "a query sees its inputs and params alone"


def _table_function(function: dict[str, Any], query: Query) -> tuple[str, str] | None:
    name = function["function_name"].lower()
    if name in TABLES or _defined(function, query, table=True):
        return None
    if functions().get(name) is None:
        return None  # there is none of that name, which DuckDB says better
    return f"`{name}()` reads what is no input", INPUT


def _sample(sample: dict[str, Any]) -> tuple[str, str] | None:
    """A sample with a seed is one of a content, unless it takes whole blocks of it."""
    if not sample.get("repeatable") and sample.get("seed", -1) in (-1, None):
        return (
            "a sample is left to chance",
            "give it a seed: `TABLESAMPLE reservoir(10%) REPEATABLE (1)`",
        )
    if "system" in str(sample.get("method", "")).lower():
        return "a sample of blocks depends on the file", "sample with `bernoulli` or `reservoir`"
    return None
