"""Checks that judge the table as a whole: `rows`, `fresh`, `volume`.

Knows nothing of how rows are counted.
"""

from __future__ import annotations

from statistics import median

import pyarrow as pa
import pyarrow.types as kinds

from datamake.datafile.units import shortened
from datamake.tables.checks.bound import Sights, WholeTest
from datamake.tables.checks.scalars import shown
from datamake.tables.profile import seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from datamake.datafile.checks import Check


class Rows(WholeTest):
    """Not too few rows, not too many."""

    def judged(self, rows: int, greatest: pa.Scalar | None) -> Mapping[str, Any]:  # noqa: ARG002
        """Number and limits."""
        least, most = self.check.arguments
        if (least is None or rows >= least) and (most is None or rows <= most):
            return {}
        limits = {"min": least, "max": most}
        return {"rows": rows, **{name: each for name, each in limits.items() if each is not None}}


class Fresh(WholeTest):
    """The newest value is not too old; where there is none, nothing is fresh.

    A date begins at midnight, in UTC; what has no zone is in UTC.
    """

    def __init__(self, check: Check, schema: pa.Schema, sights: Sights) -> None:
        super().__init__(check, schema, sights)
        timed = kinds.is_date(self.types[0]) or kinds.is_timestamp(self.types[0])
        self.need(right=timed, what="and only dates and timestamps are new or old")

    def judged(self, rows: int, greatest: pa.Scalar | None) -> Mapping[str, Any]:  # noqa: ARG002
        """The newest value and the limit."""
        limit = self.check.arguments[0]
        if greatest is None or not greatest.is_valid:
            return {"newest": None, "limit": shortened(limit)}
        if self.sights.now - seconds(greatest) <= limit:
            return {}
        return {"newest": shown(greatest), "limit": shortened(limit)}


class Volume(WholeTest):
    """About as many rows as there used to be."""

    def judged(self, rows: int, greatest: pa.Scalar | None) -> Mapping[str, Any]:  # noqa: ARG002
        """Number, median and limit."""
        if not self.sights.volumes:
            return {}
        middle, share = median(self.sights.volumes), self.check.arguments[0]
        if abs(rows - middle) <= share * middle:
            return {}
        return {"rows": rows, "median": middle, "limit": f"{share * 100:g}%"}
