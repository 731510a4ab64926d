"""One declared target → its instances, one for each row of foreach values.

Knows nothing of what other targets write, and takes the rows as given.
"""

from __future__ import annotations

from datamake.assertions import KEYS as ASSERTED
from datamake.assertions import assertions
from datamake.datafile import queries
from datamake.datafile.placeholders import (
    PlaceholderError,
    faults,
    listed,
    names,
)
from datamake.errors import DatamakeError, EnvironmentFailed
from datamake.filling import Fault, Texts, varies
from datamake.habits import KEYS, HabitsReader
from datamake.inputs import Inputs
from datamake.instances import bracketed
from datamake.model import Target
from datamake.placing import Places
from datamake.recipes import files_vary, in_file, recipe_of, script, template
from datamake.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from datamake.errors import Problem
    from datamake.habits import Habits
    from datamake.inputs import Names
    from datamake.model import Assertions, Tree
    from datamake.recipes import Tables

BUILT_IN = ("input", "inputs", "output", "outputs", "params", "target", "root", "cpus", "work")
SQL = frozenset(["sql", "query"])
"""Kinds whose template is SQL."""


class Blueprint:
    """What all instances of a target have in common."""

    def __init__(
        self, texts: Texts, variables: tuple[str, ...], declared: Names, tree: Tree
    ) -> None:
        declaration = texts.declaration
        kind = declaration.kind
        self.name = declaration.name
        self.declaration = declaration
        self.variables = variables
        self.foreach = "foreach" in declaration.table
        self.texts = texts
        self.tree = tree
        self.names = declared
        self._vary_files = kind == "sql" and files_vary(declaration, variables)
        self._by_files: dict[tuple[str, ...], Blueprint] = {}
        self._tables: Tables | None = None
        self.script = script(texts, tree) if kind == "sql" and not self._vary_files else None
        self.template = self.script.text if self.script else template(declaration)
        self.inputs = Inputs(texts, declared, variables, tree)
        text = self.template if isinstance(self.template, str) else "\0".join(self.template)
        self._used = queries.names(text) if kind in SQL else names(text, shell=kind == "run")
        self.places = Places(texts, variables, self._used, tree)
        self._habits: Habits | None = None
        self._vary = self.foreach and any(
            key in KEYS and varies(given, variables) for key, given in declaration.table.items()
        )

    def read(self, tables: Tables) -> None:
        """Take in the tables that a query reads. Raises `filling.Fault`, and EnvironmentFailed."""
        self._tables = tables
        if self.script is None:
            return
        values = {**self.texts.params, **dict.fromkeys(self.variables, ""), "target": self.name}
        try:
            text = queries.filled(self.script.text, values)
            self.inputs.read(tables(text, self.script.prelude))
        except PlaceholderError as error:
            raise Fault(self._of_query(self.texts.placed(error.problem, "sql"))) from None
        except Fault as fault:
            raise Fault(self._of_query(fault.problem)) from None
        except EnvironmentFailed as error:
            what = f"to see which tables the query of `{self.name}` reads"
            raise EnvironmentFailed(error.headline, [what, *error.facts], error.hint) from error
        except DatamakeError as error:
            found = self.texts.problem(error.headline, "sql", facts=error.facts, hint=error.hint)
            raise Fault(self._of_query(found, error.text)) from None

    def _of_query(self, problem: Problem, text: str = "") -> Problem:
        """A problem of a query or, where it is in that, of a text before it, at the file of that."""
        path = self.script.file_of(text) if self.script else ""
        return replace(problem, file=path, keys=()) if path else problem

    def target(self, row: Mapping[str, str]) -> Target:
        """The instance with these foreach values. Raises `filling.Fault`."""
        if self._vary_files:
            return self._with_files(row).target(row)
        declaration, table = self.declaration, self.declaration.table
        habits = self._habits
        if habits is None:
            habits = HabitsReader(self.texts, row).habits(self._used)
            self._habits = None if self._vary else habits
        text, recipe = recipe_of(self.texts, row)
        policy = habits.policy
        if declaration.kind == "query" and not recipe.version:  # nothing tells what it would say
            policy = replace(policy, always=True)
        return Target(
            f"{self.name}[{bracketed(row.values())}]" if self.foreach else self.name,
            self.name,
            declaration.kind,
            declaration.part,
            self.inputs.of(row),
            self.places.of(row),
            self.template if text is None else text,
            row,
            habits.params,
            habits.declared,
            habits.code,
            table.get("implicit", True),
            habits.surroundings,
            habits.resources,
            policy,
            tuple(table.get("tags", ())),
            table.get("owner", ""),
            table.get("description", ""),
            self.script.prelude if self.script else (),
            recipe or self.script,
            self._assertions(row),
        )

    def _assertions(self, row: Mapping[str, str]) -> Assertions | None:
        """What must hold of the one output; of a target without any, no default. Raises Fault."""
        outputs = [slot for slot in self.places.slots if not slot.apart]
        said = [key for key in self.declaration.table if key in ASSERTED]
        if said and len(outputs) != 1 and (outputs or said[0] not in self.declaration.inherited):
            count = len(outputs) or "none"
            raise self.texts.fault(
                f"`{said[0]}` is about one output, and `{self.name}` has {count}", said[0]
            )
        return assertions(self.texts, self.names, row) if outputs else None

    def _with_files(self, row: Mapping[str, str]) -> Blueprint:
        """What the instances with the same files of SQL have in common. Raises `filling.Fault`."""
        table, texts = self.declaration.table, self.texts
        query = texts.filled(table["sql"], row, "sql") if in_file(table["sql"]) else table["sql"]
        prelude = [
            texts.filled(each, row, "prelude", at)
            for at, each in enumerate(table.get("prelude", ()))
        ]
        key = (query, *prelude)
        if key not in self._by_files:
            own = replace(self.declaration, table={**table, "sql": query, "prelude": prelude})
            made = Blueprint(
                Texts(own, texts.params, texts.variables), self.variables, self.names, self.tree
            )
            for problem in made.problems():
                raise Fault(problem)
            assert self._tables is not None  # they were read before there are targets
            made.read(self._tables)
            self._by_files[key] = made
        return self._by_files[key]

    def problems(self) -> Iterator[Problem]:
        """What is wrong with the placeholders of the action."""
        kind = self.declaration.kind
        texts = [self.template] if isinstance(self.template, str) else list(self.template)
        if self._vary_files:
            return
        known: list[str] = []
        for index, text in enumerate(texts):
            if "{" not in text:
                continue
            known = known or self._known()
            found = (
                queries.problems(text, known)
                if kind in SQL
                else faults(text, known, shell=kind == "run")
            )
            keys = (kind,) if isinstance(self.template, str) else (kind, index)
            yield from (self._of_query(self.texts.placed(each, *keys)) for each in found)

    def _known(self) -> list[str]:
        """The names of placeholders that the action may use."""
        if self.declaration.kind in SQL:
            return ["target", *self.variables, *listed(self.texts.params)]
        return [
            *BUILT_IN,
            *self.variables,
            *(f"inputs.{name}" for name in self.inputs.labels),
            *(f"outputs.{slot.name}" for slot in self.places.slots if slot.name),
            *listed(self.texts.params),
        ]
