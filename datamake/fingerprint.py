"""The ordered fields that decide an action's result, their hash, and the difference of two lists.

Knows nothing of where contents come from: digests, values and versions are arguments. Decision and
explanation are the same data: what is hashed is what a record keeps and what `differences` compares.
"""

from __future__ import annotations

from posixpath import basename

from xxhash import xxh3_128

from datamake import urls
from datamake.datafile import queries
from datamake.datafile.placeholders import names
from datamake.datafile.sql import plain
from datamake.formats import format_of
from datamake.model import TABULAR, Code, Reason
from datamake.values import NOTHING, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from datamake.logical import Logical
    from datamake.model import Field, Link, Target

FORMAT = "fields-1"
RULES = {
    "run": "run-1",
    "argv": "argv-1",
    "python": "python-1",
    "copy": "copy-1",
    "sql": "sql-1",
    "standardize": "standardize-1",
    "query": "query-1",
}
"""The version of what each kind does; a new one makes its targets stale."""
UNSET = "unset"
BUILT_IN = TABULAR | {"copy"}
"""Kinds that run nothing of the project's."""
TABLE = "table:"
"""What a field of what a table holds begins with; without it, it is of bytes."""


@value
class Content:
    """A file, folder or target that an input came down to, with its content."""

    link: Link
    path: str
    digest: str
    """Of a target without outputs: its fingerprint."""
    producer: str | None = None
    logical: Logical | None = None
    """What it holds, where it counts as a table."""
    columns: frozenset[str] | None = None
    """The columns of a table that count, None: all."""
    types: tuple[tuple[str, str], ...] | None = None
    """Its columns with their types, where they were looked for."""

    @property
    def counted(self) -> str:
        """What of it decides a result, as text."""
        if self.logical is None:
            return self.digest
        return TABLE + self.logical.part(self.columns).whole


@value
class Context:
    """What counts for an action beside its declaration and its inputs."""

    code: Sequence[tuple[str, str]] = ()
    """Path and digest of each file that counts as code, sorted."""
    env: Mapping[str, str | None] = NOTHING
    """The values of the variables that count; None is unset."""
    python: str = ""
    """`3.11`, for `python` actions."""
    platform: str = ""
    """Operating system and architecture, where the project lets them count."""
    engine: str = ""
    """What carries out `sql` and `standardize`, with its version."""
    version: str = ""
    """What a database said of its data, for `query`."""


def fields(target: Target, contents: Iterable[Content], context: Context) -> tuple[Field, ...]:
    """All that decides the result of a target's action, in a fixed order."""
    template = target.template
    script = template if isinstance(template, str) else "\0".join(template)
    if target.kind == "query":
        database, _, script = script.partition("\n")  # which looks like a comment
        used, script = queries.names(script), f"{database}\n{plain(script)}"
    elif target.kind == "sql":
        used, script = queries.names(script), plain(script)
    else:
        used = names(script, shell=target.kind == "run")
    found: list[Field] = [("rules", "", RULES[target.kind]), ("command", "", _trimmed(script))]
    found += [("prelude", str(at), plain(text)) for at, text in enumerate(target.prelude)]
    found += _surroundings(target, context, used)
    found += [("param", name, text_of(target.params[name])) for name in sorted(target.params)]
    found += [
        ("param", name, each)
        for name, each in target.each.items()
        if name in used or target.kind == "python"
    ]
    found += [("code", path, digest) for path, digest in context.code]
    named = target.kind not in BUILT_IN or any(out.folder or out.apart for out in target.outputs)
    for content in contents:
        found += _input(content, named=named, bare=target.kind == "copy")
    for output in target.outputs:
        if target.kind in TABULAR:
            found.append(("output", output.name or "", format_of(output.path) or ""))
            continue
        path = basename(output.path.rstrip("/")) if output.staged else output.path
        found.append(("output", output.name or "", path + "/" * output.folder))
    return tuple(found)


def _trimmed(script: str) -> str:
    """Without the blanks around it that mean nothing, to a shell or to DuckDB."""
    found = script.strip(" \t\n")
    return script if found.endswith("\\") else found


def _surroundings(target: Target, context: Context, used: Iterable[str]) -> list[Field]:
    around = target.surroundings
    found: list[Field] = []
    if target.kind not in BUILT_IN:
        found.append(("cwd", "", around.cwd))
    if around.shell is not None:
        found.append(("shell", "", "\0".join(around.shell)))
    if not around.inherit_env:
        found.append(("inherit_env", "", "false"))
    if "target" in used:
        found.append(("name", "", target.name))
    if context.python and target.kind == "python":
        found.append(("python", "", context.python))
    if context.engine:
        found.append(("engine", "", context.engine))
    if context.version:
        found.append(("version", "", context.version))
    if context.platform:
        found.append(("platform", "", context.platform))
    found += [
        ("env", name, UNSET if (value := context.env[name]) is None else f"={value}")
        for name in sorted(around.env)
    ]
    return found


def _input(content: Content, *, named: bool, bare: bool) -> list[Field]:
    """The fields of one content: under the name it is used by, with its path where that is seen."""
    asked = content.link.input
    kind = f"input:{asked.name}" if asked.name else "input"
    path = _place(content)
    named = named or (content.link.table and asked.text.endswith("/"))  # its folders are columns
    subject = (basename(path.rstrip("/")) if bare else path) if named else ""
    found: list[Field] = [(kind, subject, content.counted)]
    if content.link.table and content.logical is None:
        found.append(("reading", subject or asked.name or "", reading_of(content)))
    if asked.kind == "target" and content.producer and "[" in content.producer:
        found.append(("instance", content.producer, path if named and not bare else ""))
    return found


def _place(content: Content) -> str:
    """Where a content is, as it is shown."""
    path = content.path or content.producer or ""
    return urls.shown(path) if urls.is_url(path) else path


def reading_of(content: Content) -> str:
    """How a table that counts by its bytes is read."""
    import json

    reading = content.link.input.reading
    format_ = reading.format or format_of(content.path)
    said = {**reading.said, "format": format_, "columns": content.link.input.columns}
    return json.dumps({key: each for key, each in said.items() if each is not None}, sort_keys=True)


def fingerprint(fields: Iterable[Field]) -> str:
    """XXH3-128, in hex, over the fields, each part preceded by its length in characters."""
    parts = [FORMAT]
    for kind, subject, text in fields:
        parts.append(f"{len(kind)}:{kind}{len(subject)}:{subject}{len(text)}:{text}")
    return xxh3_128("".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def text_of(value: Any) -> str:
    """A param's value as typed text: `"2013"` and `2013` differ."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    import json

    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


CHANGED = {
    "rules": Code.RULES_CHANGED,
    "python": Code.RULES_CHANGED,
    "engine": Code.RULES_CHANGED,
    "version": Code.INPUT_CHANGED,
    "reading": Code.INPUT_CHANGED,
    "platform": Code.ENV_CHANGED,
    "env": Code.ENV_CHANGED,
    "inherit_env": Code.ENV_CHANGED,
    "param": Code.PARAM_CHANGED,
    "code": Code.CODE_CHANGED,
}
"""The reason code for each kind of field but inputs; what is not named here is the command's."""


OF_INPUTS = (Code.INPUT_CHANGED, Code.INPUT_ADDED, Code.INPUT_REMOVED)


def differences(
    old: Sequence[Field],
    new: Sequence[Field],
    contents: Iterable[Content] = (),
    preludes: Sequence[str] = (),
) -> tuple[Reason, ...]:
    """Why two lists of fields differ, one reason for each field that was added, removed or changed.

    `contents` are those of the new one: they tell where inputs are whose paths don't count;
    `preludes` are the files of those, which don't count either.
    """
    before, after = _by_subject(old), _by_subject(new)
    places = {content.counted: _place(content) for content in contents}
    found = []
    for kind, subject in {**after, **before}:
        then, now = before.get((kind, subject), ()), after.get((kind, subject), ())
        if kind == "prelude" and int(subject) < len(preludes):
            subject = preludes[int(subject)]  # noqa: PLW2901 - as it is called
        alone = ":" in kind and max(len(then), len(now)) == 1
        for was, is_ in _pairs(then, now):
            place = "" if alone or is_ is None else places.get(is_, "")
            found += _difference(kind, subject, was, is_, place)
    if not found and tuple(old) != tuple(new):
        found.append(Reason(Code.INPUT_CHANGED, "the inputs are in another order"))
    return tuple(sorted(found, key=lambda reason: reason.code in OF_INPUTS))


def _by_subject(fields: Sequence[Field]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Values by kind and subject; inputs whose paths don't count have no subject."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for kind, subject, text in fields:
        found[kind, subject] = (*found.get((kind, subject), ()), text)
    return found


def _pairs(old: Sequence[str], new: Sequence[str]) -> Iterable[tuple[str | None, str | None]]:
    """What was and what is, of the values that were not there before, or are no longer."""
    from collections import Counter
    from itertools import zip_longest

    was, now = Counter(old), Counter(new)
    return zip_longest((was - now).elements(), (now - was).elements())


def _difference(
    kind: str, subject: str, old: str | None, new: str | None, place: str
) -> list[Reason]:
    """The reason for one difference, if it is worth one; `place` is where an input is."""
    before = None if old is None else shown(kind, old)
    after = None if new is None else shown(kind, new)
    kind, _, name = kind.partition(":")
    if kind in ("input", "instance"):
        code = Code.INPUT_ADDED if old is None else Code.INPUT_REMOVED if new is None else None
        if kind == "instance" and code is not None:
            return []  # its input says so already
        subject = subject or place
        return [Reason(code or Code.INPUT_CHANGED, subject or name, subject or None, before, after)]
    code = CHANGED.get(kind, Code.COMMAND_CHANGED)
    if code is Code.COMMAND_CHANGED and kind != "command":
        subject = f"{kind} {subject}".strip()
    if code is Code.RULES_CHANGED:
        subject = kind if kind in ("python", "engine") else "datamake's rules for its kind"
    if kind in ("platform", "inherit_env"):
        subject = kind
    if kind == "version":
        subject = "the database"
    if kind == "reading":
        subject = f"how {f'`{subject}`' if subject else 'an input'} is read"
    detail = subject or "the command"
    if (
        kind in ("param", "env", "python", "engine", "version")
        and before is not None
        and after is not None
    ):
        detail = f"{detail}: {before} → {after}"
    return [Reason(code, detail, subject or None, before, after)]


def shown(kind: str, value: str) -> str:
    """A field's value as people read it."""
    if kind == "env":
        return "(unset)" if value == UNSET else value[1:]
    if kind == "version":  # its rows, of which a value can hold neither of these
        return value.replace("\t", ", ").replace("\n", "; ")
    return value.replace("\0", " ")
