"""datamake: Make for data.

Knows nothing but the public names and the modules that they are in; each is loaded when used.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datamake.errors import (
        DatafileError,
        DatamakeError,
        EnvironmentFailed,
        Interrupted,
        SourceMoved,
        TargetLocked,
        UsageError,
    )
    from datamake.model import Code, Reason, Status
    from datamake.outcome import BuildResult, Event, Plan, PlannedTarget, TargetResult
    from datamake.project import Project, load
    from datamake.tables import TableError

__all__ = [
    "BuildResult",
    "Code",
    "DatafileError",
    "DatamakeError",
    "EnvironmentFailed",
    "Event",
    "Interrupted",
    "Plan",
    "PlannedTarget",
    "Project",
    "Reason",
    "SourceMoved",
    "Status",
    "TableError",
    "TargetLocked",
    "TargetResult",
    "UsageError",
    "__version__",
    "load",
]

_ROOMS = {
    "datamake.errors": (
        "DatafileError",
        "DatamakeError",
        "EnvironmentFailed",
        "Interrupted",
        "SourceMoved",
        "TargetLocked",
        "UsageError",
    ),
    "datamake.model": ("Code", "Reason", "Status"),
    "datamake.outcome": ("BuildResult", "Event", "Plan", "PlannedTarget", "TargetResult"),
    "datamake.project": ("Project", "load"),
    "datamake.tables": ("TableError",),
}


if not TYPE_CHECKING:  # a checker would take every misspelt name for an object

    def __getattr__(name: str) -> object:
        """A public name, from the module that has it."""
        from importlib import import_module

        for room, names in _ROOMS.items():
            if name in names:
                found: object = getattr(import_module(room), name)
                globals()[name] = found
                return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names."""
    return __all__
