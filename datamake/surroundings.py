"""What actions see around them: interpreter, search path, variables.

Knows nothing of targets' inputs or outputs.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from datamake.model import Surroundings, Target

ALWAYS_PASSED = ("PATH", "HOME", "LANG", "TMPDIR")
"""What is passed with `inherit_env = false` too."""


def folder_of_programs(root: str, around: Surroundings, project: Mapping[str, object]) -> str:
    """The folder of programs that comes first on PATH: of the venv that the target runs in.

    That is `venv` of the target or the project, else `.venv` in the root, else the active
    environment, else datamake's own.
    """
    named = around.venv or project.get("venv")
    if isinstance(named, str):
        return os.path.join(root, named, "bin")
    own = os.path.join(root, ".venv")
    if os.path.exists(os.path.join(own, "bin", "python")):
        return os.path.join(own, "bin")
    active = os.environ.get("VIRTUAL_ENV")
    if active:
        return os.path.join(active, "bin")
    return os.path.dirname(sys.executable)


def interpreter(programs: str) -> str:
    """The Python in a folder of programs."""
    if programs == os.path.dirname(sys.executable):
        return sys.executable
    return os.path.join(programs, "python")


def python_version(programs: str) -> str:
    """`3.11`: of the Python in a folder of programs, without running it; `""` if it cannot be told."""
    if programs == os.path.dirname(sys.executable):
        return f"{sys.version_info[0]}.{sys.version_info[1]}"
    try:
        with open(os.path.join(programs, "..", "pyvenv.cfg"), encoding="utf-8") as file:
            lines = dict(line.replace(" ", "").strip().partition("=")[::2] for line in file)
    except OSError:
        return ""
    version = lines.get("version") or lines.get("version_info") or ""
    return ".".join(version.split(".")[:2])


def platform() -> str:
    """`linux-x86_64`: operating system and architecture."""
    return f"{sys.platform}-{os.uname().machine}"


def environment(
    target: Target, root: str, programs: str, variables: Mapping[str, str]
) -> dict[str, str]:
    """The environment of a target's action; `variables` is what there is to inherit."""
    around = target.surroundings
    if around.inherit_env:
        env = dict(variables)
    else:
        passed = (*ALWAYS_PASSED, *around.env, *around.secrets)
        env = {name: variables[name] for name in passed if name in variables}
    env.update({name: value for name, value in around.env.items() if value is not None})
    env["PATH"] = os.pathsep.join(filter(None, (programs, env.get("PATH", os.defpath))))
    if os.path.exists(os.path.join(programs, "..", "pyvenv.cfg")):
        env["VIRTUAL_ENV"] = os.path.dirname(programs)
    env["DATAMAKE_TARGET"] = target.name
    env["DATAMAKE_ROOT"] = root
    return env


def counted(target: Target, variables: Mapping[str, str]) -> dict[str, str | None]:
    """The variables that count for a target, with their values; None is unset."""
    return {
        name: variables.get(name) if value is None else value
        for name, value in target.surroundings.env.items()
    }
