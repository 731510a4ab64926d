"""What runs in a process of its own: commands, and functions of the project (`calling.py`).

Knows the arguments that a script or argument list comes down to, and nothing of outputs.
"""

from __future__ import annotations

import re

from datamake.datafile.placeholders import arguments, script

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from datamake.action import Action
    from datamake.model import Target
    from datamake.process import Outcome
    from datamake.transforms import Workshop

BASH = ("bash", "-euo", "pipefail", "-c")
SH = ("sh", "-eu", "-c")
BUILTINS = frozenset(
    """
    . : alias bg bind break builtin caller cd command compgen complete compopt continue declare dirs
    disown echo enable eval exec exit export false fc fg getopts hash help history jobs kill let
    local logout mapfile popd printf pushd pwd read readarray readonly return set shift shopt source
    suspend test times trap true type typeset ulimit umask unalias unset wait
    case coproc do done elif else esac fi for function if in select then time until while
    """.split()  # noqa: SIM905 - as a list it would be three times as long
) | {""}
"""Builtins and reserved words of bash, and what is no command at all."""
WORD = re.compile(r"""(?:'[^']*'|"[^"$`\\!]*"|[\w@%+=:,./^-])+""")
"""A word in which the shell would change nothing but take the quotes away."""
QUOTED = re.compile(r"""'([^']*)'|"([^"]*)\"""")
ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")


def execute(action: Action, workshop: Workshop) -> Outcome:
    """Run the action's command, or call its function."""
    return workshop.keepers.run(action)


def argv(
    target: Target, values: Mapping[str, Any], which: Callable[[str], str | None]
) -> tuple[str, ...]:
    """The program and arguments of a `run` or `argv` target.

    `which` says where a program is on the PATH that the target sees.
    """
    template = target.template
    if not isinstance(template, str):
        return tuple(arguments(template, values))
    text = script(template, values)
    if target.surroundings.shell is not None:
        return (*target.surroundings.shell, text)
    return direct(text) or (*(BASH if which("bash") else SH), text)


def direct(text: str) -> tuple[str, ...] | None:
    """The words of a script that comes to one program with arguments; None if it needs a shell."""
    words = []
    position, text = 0, text.strip(" \t\n")
    while position < len(text):
        match = WORD.match(text, position)
        if match is None:
            return None
        words.append(match[0])
        rest = text[match.end() :].lstrip(" \t")
        if rest and match.end() == len(text) - len(rest):
            return None
        position = len(text) - len(rest)
    if not words or ASSIGNMENT.match(words[0]):
        return None
    plain = tuple(QUOTED.sub(lambda match: match[1] or match[2] or "", word) for word in words)
    return None if plain[0] in BUILTINS else plain
