"""A naive builder to compare with: runs everything, in order, in a clean folder.

Knows `run`, `inputs` (paths, globs, names, `name[*]`), `output`, `params` and products in `foreach`;
it shares no code with datamake.
"""

from __future__ import annotations

import fnmatch
import itertools
import re
import shlex
import subprocess
from pathlib import Path

import tomli


def outputs(datafile, sources, folder):
    """Path → content of all that the Datafile (text) makes of `sources` (path → bytes)."""
    for path, content in sources.items():
        write(Path(folder, path), content)
    targets = instances(tomli.loads(datafile))
    waiting = list(targets)
    while waiting:
        unmade = {target["output"] for target in waiting}
        ready = [t for t in waiting if not unmade.intersection(inputs(t, targets, sources))]
        assert ready, "a cycle"
        for target in ready:
            run(target, inputs(target, targets, sources), folder)
        waiting = [target for target in waiting if target not in ready]
    return {target["output"]: Path(folder, target["output"]).read_bytes() for target in targets}


def instances(spec):
    """Every target, its foreach variables and params filled in `inputs` and `output`."""
    params = {f"params.{name}": value for name, value in spec.get("params", {}).items()}
    found = []
    for family, table in spec["targets"].items():
        each = table.get("foreach", {})
        for row in itertools.product(*each.values()):
            values = {**params, **dict(zip(each, row, strict=True))}
            texts = [filled(text, values) for text in table.get("inputs", [])]
            output = filled(table["output"], values)
            own = {"family": family, "values": values, "inputs": texts, "output": output}
            found.append({**table, **own})
    return found


def inputs(target, targets, sources):
    """The paths that a target's inputs come down to."""
    every = sorted({*sources, *(other["output"] for other in targets)})
    found = []
    for text in target["inputs"]:
        family = text.removesuffix("[*]")
        named = [other["output"] for other in targets if other["family"] == family]
        found += named or [path for path in every if fnmatch.fnmatchcase(path, text)]
    return found


def run(target, paths, folder):
    """Runs a target's command."""
    values = {**target["values"], "input": paths[0] if paths else "", "output": target["output"]}
    quoted = {name: shlex.quote(str(value)) for name, value in values.items()}
    script = filled(target["run"], {**quoted, "inputs": shlex.join(paths)})
    Path(folder, target["output"]).parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, check=True)


def filled(text, values):
    """`text` with the placeholders that have values replaced."""
    return re.sub(r"\{([\w.]+)\}", lambda match: str(values.get(match[1], match[0])), text)


def write(path, content):
    """Writes a file and the folders that it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
