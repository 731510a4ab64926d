"""What the commands that look into one thing answer, as text: why, show, ls, history, doctor.

Knows nothing of where the answers come from: it is given the documents of their JSON.
"""

from __future__ import annotations

import re

from datamake.render.text import clean, clean_lines, counted, duration, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    Document = Mapping[str, Any]

CONTENT = re.compile(r"(?:table:)?([0-9a-f]{32})(?:-(\d+)(x?)/?)?").fullmatch
"""A digest: its hash, the size that it carries, whether it is of something executable."""
OF_CONTENT = ("input-", "code-", "output-", "check-")
"""What the codes of reasons begin with whose old and new may be digests."""
DIGEST_SHOWN = 12
CELL = 32
"""Characters of a value that are shown, at most."""
CHANGES_SHOWN = 40
"""Lines of a difference between two commands."""


def why_text(document: Document) -> str:
    """The status of a target, then each reason with what was and what is."""
    lines = [f"{clean(document['name'])}: {document['status']}"]
    for reason in document["reasons"]:
        lines += reason_lines(reason)
    lines += [f"  {clean(remark)}" for remark in document.get("remarks", ())]
    return "\n".join(lines) + "\n"


def reason_lines(reason: Document) -> list[str]:
    """A reason, with the difference of two texts or the two values under it."""
    detail = clean(reason["detail"])
    same = not detail or detail == reason["code"].replace("-", " ")
    head = f"  {reason['code']}" if same else f"  {reason['code']}: {detail}"
    if reason.get("changes"):
        return [head, *(f"    {clean(line)}" for line in reason["changes"])]
    old, new = reason.get("old"), reason.get("new")
    if old is None and new is None:
        return [head]
    if reason["code"] in ("command-changed", "code-changed") and "\n" in f"{old or ''}{new or ''}":
        return [head, *difference(old or "", new or "")]
    shown = content_text if reason["code"].startswith(OF_CONTENT) else value_text
    return [head, f"    - {shown(old)}", f"    + {shown(new)}"]


def content_text(digest: str | None) -> str:
    """`95191efc2f52 (542 bytes)`: the beginning of a digest, and what else it says."""
    found = CONTENT(digest or "")
    if found is None:
        return value_text(digest)
    about = [] if found[2] is None else [counted(int(found[2]), "byte")]
    about += ["executable"] * bool(found[3])
    return digest_text(found[1]) + (f" ({', '.join(about)})" if about else "")


def value_text(value: str | None) -> str:
    """An old or new value on one line."""
    return "(none)" if value is None else clean(value.replace("\n", " "))


def difference(old: str, new: str) -> list[str]:
    """The lines in which two texts differ, with one line around them."""
    import difflib

    changes = [
        f"    {clean_lines(line)}"
        for line in difflib.unified_diff(old.splitlines(), new.splitlines(), n=1, lineterm="")
    ][2:]
    if len(changes) > CHANGES_SHOWN:
        more = counted(len(changes) - CHANGES_SHOWN, "line")
        changes[CHANGES_SHOWN:] = [f"    ... {more} more"]
    return changes


def show_text(document: Document) -> str:
    """One target in full."""
    run = document.get("last_run")
    sections = [
        clean(document["name"]),
        *pairs(
            [
                ("description", document["description"]),
                ("kind", document["kind"]),
                ("owner", document["owner"]),
                ("tags", ", ".join(document["tags"])),
                ("status", document["status"]),
                *(("", f"{each['code']}: {each['detail']}") for each in document["reasons"]),
                ("runs in", document["cwd"]),
                ("fingerprint", document["fingerprint"]),
                ("last run", run_text(run) if run else ""),
                ("log", document["log"]),
            ]
        ),
        *block("command", command_lines(document["command"])),
        *block("inputs", map(input_line, document["inputs"])),
        *block("code", map(input_line, document["code"])),
        *block("params", mapping_lines(document["params"])),
        *block("env", mapping_lines(document["env"])),
        *block("outputs", map(output_line, document["outputs"])),
        *block("schema", columns([schema_row(each) for each in document["schema"]])),
        *block("checks", map(clean, document["checks"])),
    ]
    return "\n".join(sections) + "\n"


def schema_row(column: Document) -> list[str]:
    """A column with its type and description."""
    return [clean(column["name"]), column["type"], clean(column["description"])]


def pairs(items: Iterable[tuple[str, Any]]) -> list[str]:
    """Aligned names and values; those without a value are left out."""
    return [f"  {name:<12} {clean(str(text))}" for name, text in items if text]


def block(title: str, lines: Iterable[str]) -> list[str]:
    """A title with lines under it, or nothing."""
    found = [f"    {line}" for line in lines]
    return [f"  {title}", *found] if found else []


def command_lines(command: Any) -> list[str]:
    """A script line by line, or a list of arguments as a shell would take it."""
    if not command:
        return []
    if isinstance(command, str):
        return clean_lines(command).rstrip("\n").split("\n")
    import shlex

    return [clean(shlex.join(command))]


def mapping_lines(mapping: Document) -> list[str]:
    """`name = value`, one a line."""
    return [f"{clean(str(name))} = {clean(str(value))}" for name, value in mapping.items()]


def input_line(item: Document) -> str:
    """`flights: raw/01.csv  3f2a…  from fetch`; of what is not fetched its version."""
    name = f"{item['name']}: " if item.get("name") else ""
    known = digest_text(item.get("digest"))
    if item.get("token"):
        known = f"version {clean(digest_text(item['token']))}"
    parts = [clean(f"{name}{item['path']}"), known]
    if item.get("producer"):
        parts.append(f"from {clean(item['producer'])}")
    if item.get("columns"):
        parts.append(f"only {', '.join(map(clean, item['columns']))}")
    return "  ".join(parts)


def output_line(item: Document) -> str:
    """`build/clean/01.csv  3f2a…  1.2 kB  staged`."""
    name = f"{item['name']}: " if item.get("name") else ""
    parts = [clean(f"{name}{item['path']}"), digest_text(item.get("digest"))]
    if item.get("size") is not None:
        parts.append(size(item["size"]))
    parts.append("staged" if item.get("staged") else "in place")
    if not item.get("present"):
        parts.append("not there")
    return "  ".join(parts)


def digest_text(digest: str | None) -> str:
    """The beginning of a digest."""
    return digest[:DIGEST_SHOWN] if digest else "unknown"


def run_text(run: Document) -> str:
    """`2026-01-31T12:00:00  4.2 s  built`: as much as is known of a run."""
    parts = [str(run[key]) for key in ("time", "status") if run.get(key)]
    if run.get("exit_code") is not None and not run.get("status"):
        parts.append("ok" if run["exit_code"] == 0 else f"exit status {run['exit_code']}")
    if run.get("duration_s") is not None:
        parts.append(duration(run["duration_s"]))
    counts = [
        f"{key} {run[key]:,}{_names(run, key)}"
        for key in ("built", "restored", "failed", "blocked")
        if run.get(key)
    ]
    if counts:
        parts.append(", ".join(counts))
    if run.get("fingerprint"):
        parts.append(str(run["fingerprint"])[:DIGEST_SHOWN])
    if run.get("reason"):
        same = run["detail"] in ("", run["reason"].replace("-", " "))
        parts.append(run["reason"] if same else f"{run['reason']}: {run['detail']}")
    elif run.get("detail"):
        parts.append(run["detail"])
    return clean("  ".join(parts))


def _names(run: Document, status: str) -> str:
    """The first targets of a run with a status."""
    names = run.get("targets", {}).get(status)
    return f" ({', '.join(names)}{', ...' if len(names) < run[status] else ''})" if names else ""


def history_text(document: Document) -> str:
    """Past runs, one a line; of several instances each with its name."""
    runs = document["runs"]
    several = len({run.get("target") for run in runs}) > 1
    rows = [
        f"{run['run']:>5}  " + f"{clean(run.get('target', ''))}  " * several + run_text(run)
        for run in runs
    ]
    return "\n".join(rows or ["nothing has run yet"]) + "\n"


def ls_text(document: Document) -> str:
    """Targets and sources, one a line, with kind, outputs and tags."""
    rows = [
        (
            clean(target["name"]),
            target["kind"],
            clean(", ".join(output_path(output) for output in target["outputs"])),
            clean(" ".join(f"#{tag}" for tag in target["tags"])),
        )
        for target in document["targets"]
    ]
    rows += [
        (clean(source["name"]), "source", clean(str(source.get("path") or "")), "")
        for source in document["sources"]
    ]
    return "".join(line + "\n" for line in columns(rows))


def output_path(output: Any) -> str:
    """An output's path, given alone or with more about it."""
    return output if isinstance(output, str) else str(output["path"])


def columns(rows: Sequence[Sequence[str]], widest: int = 48) -> list[str]:
    """Rows as aligned columns, two spaces apart; the last one is as long as it is."""
    if not rows:
        return []
    widths = [min(max(map(len, column)), widest) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def facts_text(document: Document) -> str:
    """Any flat document (`cache stats`, `gc`): names and values, aligned."""
    return "".join(
        f"{name.replace('_', ' '):<24} {fact_text(name, item)}\n"
        for name, item in document.items()
        if name != "version"
    )


def fact_text(name: str, item: Any) -> str:
    """A value as people read it: bytes as sizes, numbers with separators."""
    if isinstance(item, bool):
        return "yes" if item else "no"
    if name.endswith(("size", "bytes", "freed")) and isinstance(item, int):
        return size(item)
    if isinstance(item, int):
        return f"{item:,}"
    if isinstance(item, float):
        return f"{item:.0%}" if name.endswith("rate") else f"{item:,g}"
    if isinstance(item, list):
        return ", ".join(clean(each) for each in item) or "none"
    return "none" if item is None else clean(str(item))


def data_text(document: Document) -> str:
    """A table: its size, a line for each column, its first rows."""
    names = [column["name"] for column in document["columns"]]
    about = [
        [clean(column["name"]), column["type"], counted(column["nulls"], "null"), _between(column)]
        for column in document["columns"]
    ]
    count = counted(document["rows"], "row")
    lines = [f"{clean(document['name'])}: {count}", "", *columns(about, CELL)]
    first = document["first"]
    if first:
        cut = len(first) < document["rows"]
        rows = [["null" if cell is None else cell for cell in row] for row in first]
        lines += ["", *([f"the first {len(first)} of {count}"] if cut else ())]
        lines += columns([[clean(cell) for cell in row] for row in [names, *rows]], CELL)
    return "\n".join(lines) + "\n"


def _between(column: Document) -> str:
    """From which value to which, if they have an order."""
    least, greatest = column["min"], column["max"]
    return "" if least is None else f"{clean(least)} … {clean(greatest)}"


def doctor_text(document: Document) -> str:
    """Each thing that was looked at, and what to do where it is wrong."""
    rows = [
        ("ok" if check["ok"] else "wrong", clean(check["name"]), clean(check["detail"]))
        for check in document["checks"]
    ]
    lines = []
    for line, check in zip(columns(rows, 200), document["checks"], strict=True):
        lines.append(line)
        if check["hint"]:
            lines.append(f"  hint: {clean(check['hint'])}")
    return "\n".join(lines) + "\n"
