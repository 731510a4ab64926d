"""Calls one Python function of a project, in a process that ends with it.

Knows nothing of datamake: it is a part of the keeper, runs under the project's interpreter (Python
3.8 or newer) and is forked off before any of the project is imported. Where tables are handed over,
datamake's own way to read and write them is brought in, as long as that takes.
"""

from __future__ import annotations

import atexit
import errno
import importlib
import importlib.machinery
import inspect
import os
import pathlib
import re
import sys
import time
import traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TextIO

    Report = tuple[str, "list[str] | None"]

TABLES = {"Table", "Dataset", "DataFrame", "LazyFrame", "RecordBatch", "RecordBatchReader"}
NEARLY = {"Series"}
"""What is no table, and is refused by who writes tables: that has a hint."""
OLDEST = (3, 10)
"""The first Python that datamake's own modules run under."""
TEXT = 500
"""Characters of a text that is reported, at most: a pipe must hold them all."""
HERE = os.path.dirname(os.path.abspath(__file__))


OWN: dict[str, Any] = {}
"""datamake's own modules, by name, while they are put away."""


class Refused(Exception):
    """The function cannot be called as asked, or did what it should not: a headline, and facts."""

    status = 1


class Full(Refused):
    """There is no room on the disk for the tables that it returned."""

    status = os.EX_IOERR


def run(call: dict[str, Any], env: dict[str, str]) -> tuple[int, Report | None]:
    """Call a function; its exit status, and what went wrong (facts None: the log has them)."""
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    extra = [folder for folder in env.get("PYTHONPATH", "").split(os.pathsep) if folder]
    paths = [*call["paths"], *(folder for folder in extra if folder not in sys.path)]
    sys.path[:0] = paths
    sys.argv = [call["function"]]
    importlib.invalidate_caches()
    sys.path_hooks.insert(0, lambda folder: fresh_finder(folder, call["paths"]))
    for folder in [known for known in sys.path_importer_cache if is_below(known, call["paths"])]:
        del sys.path_importer_cache[folder]
    sys.stdout, sys.stderr = stream(1), stream(2)
    try:
        return outcome(call)
    finally:
        finish()


class Fresh(importlib.machinery.SourceFileLoader):
    """Imports a module from its source, whatever byte code there is.

    Python trusts byte code by the source's size and time in whole seconds, and would run the old
    code after an edit that keeps both.
    """

    def path_stats(self, path: str) -> Any:
        """Says nothing to compare byte code with, so that none is read or written."""
        raise OSError(path)


def is_below(folder: str, tops: list[str]) -> bool:
    """Whether a folder is the project's own: in one of `tops`, and not of an environment there."""
    below = any(f"{folder}/".startswith(f"{top}/") for top in tops)
    return below and "site-packages" not in folder


def fresh_finder(folder: str, tops: list[str]) -> importlib.machinery.FileFinder:
    """A hook for `sys.path_hooks`; raises ImportError for folders that are not the project's."""
    if not is_below(folder, tops) or not os.path.isdir(folder):
        raise ImportError(folder)
    suffixes = importlib.machinery.EXTENSION_SUFFIXES
    extensions = (importlib.machinery.ExtensionFileLoader, suffixes)
    return importlib.machinery.FileFinder(folder, extensions, (Fresh, [".py"]))


def stream(fd: int) -> TextIO:
    """A text stream that writes whole lines, so that both come in their order, and any character."""
    encoding = sys.stdout.encoding
    return open(fd, "w", buffering=1, encoding=encoding, errors="backslashreplace", closefd=False)


def outcome(call: dict[str, Any]) -> tuple[int, Report | None]:
    """Call the function, and put what becomes of it into words."""
    try:
        function = resolved(call)
        returned = function(**arguments(function, call))
        if returned is not None:
            publish(call, returned)
    except Refused as refusal:
        headline, facts = refusal.args
        return refusal.status, (headline[:TEXT], [fact[:TEXT] for fact in facts[:20]])
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            return (stop.code or 0) & 0xFF, None
        print(stop.code, file=sys.stderr)  # noqa: T201 - as Python itself does
        return 1, None
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the user's
        trace = error.__traceback__
        while trace and trace.tb_frame.f_code.co_filename.startswith(HERE + os.sep):
            trace = trace.tb_next
        traceback.print_exception(type(error), error, trace)
        lines = traceback.format_exception_only(type(error), error)
        headline = next(line for line in lines if not line.startswith(" "))
        return 1, (headline.strip()[:TEXT], None)
    return 0, None


def finish() -> None:
    """What Python does at its end, but for taking itself apart: threads, exit functions, output."""
    threading = sys.modules.get("threading")
    if threading:
        threading._shutdown()  # noqa: SLF001 - as multiprocessing does
    atexit._run_exitfuncs()  # noqa: SLF001
    sys.stdout.flush()
    sys.stderr.flush()


def resolved(call: dict[str, Any]) -> Callable[..., Any]:
    """The function `module:function`."""
    paths = call["paths"]
    name, _, attribute = call["function"].partition(":")
    try:
        __import__(name)  # unlike importlib's function, it leaves itself out of tracebacks
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            raise Refused(
                f"there is no module `{error.name}`",
                [f"looked in {folder}" for folder in dict.fromkeys(map(os.path.normpath, paths))],
            ) from None
        raise
    function = sys.modules[name]
    for part in attribute.split("."):
        function = getattr(function, part, None)  # type: ignore[assignment]
    if not callable(function):
        named = [key for key, item in vars(sys.modules[name]).items() if inspect.isfunction(item)]
        facts = [f"it has {quoted(named)}"] if named else []
        raise Refused(f"module `{name}` has no function `{attribute}`", facts)
    plain = inspect.unwrap(function)
    if inspect.iscoroutinefunction(plain) or inspect.isasyncgenfunction(plain):
        raise Refused(f"`{call['function']}` is an async function, a plain one is needed", [])
    if inspect.isgeneratorfunction(plain):
        raise Refused(f"`{call['function']}` is a generator, a plain function is needed", [])
    return function


def arguments(function: Callable[..., Any], call: dict[str, Any]) -> dict[str, Any]:
    """What the function's parameters are given, by name."""
    given, chosen, missing = call["arguments"], {}, []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            others = {key: value for key, value in given.items() if key not in chosen}
            chosen.update({key: converted(call, key, value, "") for key, value in others.items()})
        elif parameter.kind is parameter.VAR_POSITIONAL:
            continue
        elif name in given:
            annotation = annotation_text(parameter.annotation)
            chosen[name] = converted(call, name, given[name], annotation)
        elif parameter.default is parameter.empty:
            missing.append(name)
    if missing:
        raise Refused(
            f"`{call['function']}` takes {quoted(missing)}, which nothing gives it",
            [f"can be given: {quoted(sorted({*given, *call['files']}))}"],
        )
    return chosen


def converted(call: dict[str, Any], name: str, given: Any, annotation: str) -> Any:
    """What a parameter is given, as its annotation asks for it."""
    if name not in call["files"]:
        return given
    if name in call["tables"]:
        kind, table = call["tables"][name]
        return own(call, f"it takes `{name}` as `{annotation}`", "handed", kind, table)
    words = re.findall(r"\w+", annotation.replace("None", ""))
    if TABLES.intersection(words):
        headline = f"`{call['function']}` takes `{name}` as `{annotation}`"
        if name in ("output", "outputs"):
            raise Refused(headline, ["hint: take the path, or return the table"])
        raise Refused(
            f"{headline}, which its source does not show",
            ["hint: name a function that is written in its module, undecorated, with its types"],
        )
    as_text = words[-1:] == ["str"] and not {"Path", "PathLike"}.intersection(words)
    return given if as_text else as_paths(given)


def publish(call: dict[str, Any], returned: Any) -> None:
    """Write the tables that a function returned to its outputs."""
    several = returned.values() if isinstance(returned, dict) else [returned]
    for each in several:
        if not (hasattr(each, "__arrow_c_stream__") or type(each).__name__ in TABLES | NEARLY):
            kind = f"`{type(each).__name__}`"
            raise Refused(
                f"`{call['function']}` returned a {'`dict` of ' * (each is not returned)}{kind}: "
                "it may return a table, a frame or nothing",
                ["hint: write what is no table to `output`"],
            )
    own(call, "it returned a table", "write", returned, call["outputs"])


def own(call: dict[str, Any], what: str, function: str, *given: Any) -> Any:
    """Calls a function of `datamake.tables.handed`, datamake's modules out of sight of the project's.

    It may have modules of these names itself, or another datamake.
    """
    if sys.version_info < OLDEST:
        version, oldest = (".".join(map(str, each[:2])) for each in (sys.version_info, OLDEST))
        facts = [f"`{sys.executable}` is {version}", f"Python {oldest} or newer is needed for that"]
        raise Refused(f"`{call['function']}`: {what}", facts)
    theirs = exchanged(OWN)
    try:
        if not OWN:
            package()
        module = importlib.import_module("datamake.tables.handed")
        return getattr(module, function)(*given)
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in ("pyarrow", "pandas", "polars"):
            raise
        raise Refused(
            f"`{call['function']}`: {what}, and `{missing}` cannot be imported",
            [str(error), f"hint: install it where the function runs, for `{sys.executable}`"],
        ) from None
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        facts = [os.strerror(error.errno)]
        raise Full(plain(call, f"cannot write `{error.filename}`"), facts) from None
    except Exception as error:
        tables = sys.modules.get("datamake.tables")
        if tables is None or not isinstance(error, tables.TableError):
            raise
        facts = [*error.facts, f"hint: {error.hint}"] if error.hint else error.facts
        raise Refused(plain(call, error.headline), [plain(call, fact) for fact in facts]) from None
    finally:
        OWN.update(exchanged(theirs))


def plain(call: dict[str, Any], text: str) -> str:
    """A text with paths as a Datafile has them."""
    for _, path, shown in call["outputs"]:
        text = text.replace(path, shown)
    return text.replace(call["root"] + os.sep, "")


def exchanged(modules: dict[str, Any]) -> dict[str, Any]:
    """Put all modules of the name `datamake` away, and these in their place; what was there."""
    names = [name for name in sys.modules if name.partition(".")[0] == "datamake"]
    known = {name: sys.modules.pop(name) for name in names}
    sys.modules.update(modules)
    return known


def package() -> None:
    """Import the package that this file is in, without its folder on `sys.path`."""
    from importlib.util import module_from_spec, spec_from_file_location

    file = os.path.join(HERE, "__init__.py")
    spec: Any = spec_from_file_location("datamake", file, submodule_search_locations=[HERE])
    sys.modules["datamake"] = module = module_from_spec(spec)
    spec.loader.exec_module(module)


def quoted(names: list[str]) -> str:
    """Names as they stand in a message."""
    return ", ".join(f"`{name}`" for name in names)


def annotation_text(annotation: Any) -> str:
    """An annotation as it was written, more or less; `""` for none."""
    if annotation is inspect.Parameter.empty:
        return ""
    if isinstance(annotation, type) and not hasattr(annotation, "__args__"):
        return annotation.__qualname__
    return str(annotation)


def as_paths(given: Any) -> Any:
    """The same with a Path for each text."""
    if isinstance(given, str):
        return pathlib.Path(given)
    if isinstance(given, dict):
        return {key: as_paths(item) for key, item in given.items()}
    return [as_paths(item) for item in given] if isinstance(given, (list, tuple)) else given
