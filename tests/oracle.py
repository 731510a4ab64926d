"""A naive builder to compare with: runs everything, in the order of the file, in a clean folder.

Knows `run`, `inputs` (paths, globs, names, `name[*]`), `output` (a file or a folder), `params`, and
`foreach` over products and over files that are there. It shares no code with datamake.
"""

from __future__ import annotations

import fnmatch
import itertools
import re
import shlex
import subprocess
from pathlib import Path

import tomli


def built(datafile, sources, folder):
    """Target → (command, contents of its inputs, contents of its output), of a Datafile's text.

    `sources` and contents are path → bytes.
    """
    for path, content in sources.items():
        write(Path(folder, path), content)
    spec = tomli.loads(datafile)
    params = {f"params.{name}": value for name, value in spec.get("params", {}).items()}
    outputs, done = {}, {}
    for family, table in spec["targets"].items():
        outputs[family] = []
        for row in rows(table.get("foreach", {}), files(".", folder)):
            values = {**params, **row, "output": filled(table["output"], row).rstrip("/")}
            texts = [filled(text, values) for text in table["inputs"]]
            read = [path for text in texts for path in meant(text, outputs, folder)]
            script = filled(table["run"], quoted({**values, "inputs": read}))
            before = contents(read, folder)
            run(script, filled(table["output"], row), folder)
            name = f"{family}[{','.join(row.values())}]" if row else family
            done[name] = (script, before, contents([values["output"]], folder))
            outputs[family].append(values["output"])
    return done


def rows(foreach, paths):
    """The values of each instance."""
    if isinstance(foreach, dict):
        return [
            dict(zip(foreach, row, strict=True)) for row in itertools.product(*foreach.values())
        ]
    pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(foreach))
    return [match.groupdict() for path in paths if (match := re.fullmatch(pattern, path))]


def meant(text, outputs, folder):
    """The paths that an input comes down to: the outputs of a name, or files that match."""
    if text.removesuffix("[*]") in outputs:
        return outputs[text.removesuffix("[*]")]
    return [path for path in files(".", folder) if fnmatch.fnmatchcase(path, text)]


def run(script, output, folder):
    """Runs a command where its output can be written."""
    place = Path(folder, output) if output.endswith("/") else Path(folder, output).parent
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, check=True)


def contents(paths, folder):
    """Path → content of files, and of all in folders."""
    every = [path for each in paths for path in files(each, folder)]
    return {path: Path(folder, path).read_bytes() for path in every}


def files(path, folder):
    """The file, or all files in the folder, at a path; sorted."""
    found = Path(folder, path)
    every = found.rglob("*") if found.is_dir() else [found]
    return sorted(str(each.relative_to(folder)) for each in every if each.is_file())


def filled(text, values):
    """`text` with the placeholders that have values replaced."""
    return re.sub(r"\{([\w.]+)\}", lambda match: str(values.get(match[1], match[0])), text)


def quoted(values):
    """The values as words of a shell."""
    return {
        name: shlex.join(value) if isinstance(value, list) else shlex.quote(str(value))
        for name, value in values.items()
    }


def write(path, content):
    """Writes a file and the folders that it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
