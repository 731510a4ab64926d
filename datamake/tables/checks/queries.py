"""The check that is a query: `sql`.

Knows no session.
"""

from __future__ import annotations

from datamake.tables.checks.bound import QueryTest


class Query(QueryTest):
    """No row that the query returns."""

    @property
    def query(self) -> str:
        """As it stands in the Datafile, without the semicolon at its end."""
        text: str = self.check.arguments[0]
        return text.strip().removesuffix(";")
