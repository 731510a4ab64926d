"""The options as Typer sees them, and a decorator that spreads option values into parameters.

Knows nothing of what a command does.
"""

from __future__ import annotations

import inspect
import signal
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from datamake.cli.options import CACHE_MODES, Limits, Place, Running, Scope, Talk
from datamake.cli.statuses import MEANINGS, ExitStatus
from datamake.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable

GROUPS = (Place, Scope, Running, Talk, Limits)
"""Parameters of these types become one option for each of their fields."""

Text = str | None
Texts = list[str] | None


def targets(context: typer.Context, incomplete: str) -> list[str]:
    """Names for shell completion: those of the project that the options so far mean, or nothing."""
    from datamake.cli.completion import names

    place = Place()
    for level in filter(None, (context.parent, context)):
        fields = {field: level.params.get(field) for field in Place.__annotations__}
        settings = tuple(fields.pop("settings") or ())
        place = Place(**fields, settings=settings).over(place)
    return names(incomplete, place)


def argument(metavar: str, text: str) -> Any:
    """An argument that completes to the names of targets."""
    return typer.Argument(metavar=metavar, help=text, show_default=False, autocompletion=targets)


def option(*names: str, text: str, metavar: str | None = None, **more: Any) -> Any:
    """An option without a default to show."""
    return typer.Option(*names, help=text, metavar=metavar, show_default=False, **more)


SELECT = argument("SELECT", "Names, paths, `tag:daily`, `x+` (and all below), `+x`, ...")
NAME = argument("TARGET", "A target, by name or by what it makes.")
JSON = option("--json", text="One JSON document on standard output.")
YES = option("--yes", "-y", text="Do it, without asking.")
EXIT_CODE = option("--exit-code", text="Exit with 3 if something is stale.")

FIELDS: dict[str, tuple[Any, Any]] = {
    "directory": (Text, option("-C", "--directory", metavar="DIR", text="Start in this folder.")),
    "file": (Text, option("-f", "--file", metavar="FILE", text="The Datafile to use.")),
    "profile": (
        Text,
        option("--profile", metavar="NAME", text="The profile to use. [DATAMAKE_PROFILE]"),
    ),
    "settings": (
        Texts,
        option("--set", metavar="KEY=VALUE", text="Set a param; may be given several times."),
    ),
    "names": (Texts, SELECT),
    "select": (Texts, option("-s", "--select", metavar="SELECT", text="The same as an argument.")),
    "exclude": (
        Texts,
        option("--exclude", metavar="SELECT", text="Leave these as they are, unjudged."),
    ),
    "since": (Text, option("--since", metavar="GITREF", text="What changes since then affect.")),
    "always_make": (bool, option("-B", "--always-make", text="Run everything.")),
    "force": (bool, option("--force", text="Run what is named, up to date or not.")),
    "only": (bool, option("--only", text="What is named and nothing else; the rest as it is.")),
    "restore_all": (bool, option("--restore-all", text="Restore also what nothing needs.")),
    "jobs": (
        Text,
        option("-j", "--jobs", metavar="N", text="How much at a time. [DATAMAKE_JOBS]"),
    ),
    "keep_going": (bool, option("-k", "--keep-going", text="Go on after a failure.")),
    "cache": (
        Text,
        option(
            "--cache",
            metavar="|".join(CACHE_MODES),
            text="What the caches, local and shared, are used for. [DATAMAKE_CACHE]",
            autocompletion=lambda: list(CACHE_MODES),
        ),
    ),
    "no_wait": (bool, option("--no-wait", text="Fail where another build holds a target.")),
    "offline": (
        bool,
        option(
            "--offline", text="Make no request; what is remote is as last seen. [DATAMAKE_OFFLINE]"
        ),
    ),
    "locked": (bool, option("--locked", text="Fail where a source is not as in Datafile.lock.")),
    "quiet": (bool, option("-q", "--quiet", text="Say errors only.")),
    "verbose": (bool, option("-v", "--verbose", text="Say every target and all reasons.")),
    "no_progress": (
        bool,
        option("--no-progress", text="Plain lines, no picture. [DATAMAKE_NO_PROGRESS]"),
    ),
    "json": (bool, JSON),
    "events": (Text, option("--events", metavar="FILE", text="Write events as JSON lines.")),
    "timings": (Text, option("--timings", metavar="FILE", text="Write a Chrome trace.")),
    "summary": (
        Text,
        option("--summary", metavar="FILE", text="Write what came of it as Markdown."),
    ),
    "max_size": (Text, option("--max-size", metavar="SIZE", text="Shrink it to this (`8GB`).")),
    "older_than": (
        Text,
        option("--older-than", metavar="TIME", text="What was not used for this (`30d`)."),
    ),
    "grace": (
        Text,
        option("--grace", metavar="TIME", text="Spare what was used more recently. [24h]"),
    ),
}
"""Field of a group → its type for Typer, and how it is declared."""

Names = Annotated[Texts, SELECT]
Name = Annotated[str, NAME]
Json = Annotated[bool, JSON]
Yes = Annotated[bool, YES]
ExitCode = Annotated[bool, EXIT_CODE]
Verbose = Annotated[bool, FIELDS["verbose"][1]]

EPILOG = "\b\nExit status:\n" + "\n".join(
    f"  {status.value:<5}{meaning}" for status, meaning in MEANINGS.items()
)


class AsWritten:
    """Takes the values of options as they were written."""

    @staticmethod
    def coerce(written: Any, **_: Any) -> Any:
        """The value itself."""
        return written


class Quick:
    """Spares a command what newer versions of Typer load to read text as text: 100 ms of pydantic.

    For other versions it changes nothing.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read arguments, all of them as they were written."""
        for parameter in self.get_params(ctx):  # type: ignore[attr-defined]
            parameter._runtime_param = AsWritten  # noqa: SLF001 - there is no public way
        left: list[str] = super().parse_args(ctx, args)  # type: ignore[misc]
        return left


class QuickCommand(Quick, TyperCommand):
    """A command."""


class QuickGroup(Quick, TyperGroup):
    """A command that has commands."""


def command(app: typer.Typer, name: str | None = None) -> Callable[[Any], Any]:
    """Declare a function as a command; what it returns is the exit status.

    Its parameters of the types of `GROUPS` are spread into options. A `Place` also takes what was
    given before the command.
    """

    def declare(function: Callable[..., int]) -> Callable[..., int]:
        hints = inspect.get_annotations(function, eval_str=True)
        parameters, groups = spread(function, hints)

        def run(context: typer.Context, **given: Any) -> None:
            for key, group in groups.items():
                fields = {field: frozen(given.pop(field)) for field in group.__annotations__}
                given[key] = group(**{f: item for f, item in fields.items() if item is not None})
                if group is Place and isinstance(context.obj, Place):
                    given[key] = given[key].over(context.obj)
            try:
                status = function(**given)
            except KeyboardInterrupt:  # of which Typer would say nothing
                raise Interrupted(signal.SIGINT) from None
            if status != ExitStatus.OK:
                raise typer.Exit(int(status))

        run.__name__ = function.__name__
        run.__doc__ = function.__doc__
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        app.command(name, cls=QuickCommand, epilog=EPILOG)(run)
        return function

    return declare


def spread(
    function: Callable[..., int], hints: dict[str, Any]
) -> tuple[list[inspect.Parameter], dict[str, Any]]:
    """The parameters that Typer is shown, and which of the function's own are groups."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("context", keyword, annotation=typer.Context)]
    groups: dict[str, Any] = {}
    for own in inspect.signature(function).parameters.values():
        group = hints[own.name]
        if group not in GROUPS:
            parameters.append(own.replace(kind=keyword, annotation=group))
            continue
        groups[own.name] = group
        for field in group.__annotations__:
            kind, declared = FIELDS[field]
            default = False if kind is bool else None
            parameters.append(
                inspect.Parameter(
                    field, keyword, default=default, annotation=Annotated[kind, declared]
                )
            )
    parameters.sort(key=lambda each: each.name in Place.__annotations__)
    return parameters, groups


def frozen(given: Any) -> Any:
    """An option's value as the groups have it: no lists."""
    return tuple(given) if isinstance(given, list) else given
