"""Tables laid over one another: defaults under targets, profiles and `--set` over the project.

Knows nothing of files, and of keys only which of them add up.
"""

from __future__ import annotations

from datamake.datafile.placeholders import listed
from datamake.datafile.shapes import did_you_mean
from datamake.errors import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

ADDED_UP = ("tags", "code", "secrets", "env")


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the keys of `over`, tables within tables too."""
    result = dict(base)
    for key, item in over.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(item, dict):
            result[key] = merged(old, item)
        else:
            result[key] = item
    return result


def combined(defaults: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """A target's table with the defaults below; tags, code, secrets and env of both."""
    result = {**defaults, **table}
    for key in ADDED_UP:
        if key in defaults and key in table:
            result[key] = total(defaults[key], table[key])
    return result


def total(base: Any, own: Any) -> Any:
    """Two lists as one, each element once. Of two forms of `env` a table, None for a mere name."""
    if isinstance(base, list) and isinstance(own, list):
        return list(dict.fromkeys([*base, *own]))
    return {
        name: item
        for part in (base, own)
        for name, item in (part if isinstance(part, dict) else dict.fromkeys(part)).items()
    }


def overridden(
    params: Mapping[str, Any], overrides: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Problem]]:
    """The params with those that are set by hand, by dotted names, and what is wrong with these."""
    result, problems = dict(params), []
    for name, given in overrides.items():
        try:
            put(result, name.split("."), given)
        except KeyError:
            problems.append(unknown_param(name, params))
    return result, problems


def put(params: dict[str, Any], path: list[str], given: Any) -> None:
    """Set one param in place. Raises KeyError if it is not declared."""
    if len(path) > 1:
        inner = params[path[0]]
        if not isinstance(inner, dict):
            raise KeyError(path[1])
        params[path[0]] = dict(inner)
        put(params[path[0]], path[1:], given)
    elif isinstance(params[path[0]], str) or not isinstance(given, str):
        params[path[0]] = given
    else:
        params[path[0]] = toml_value(given)


def toml_value(text: str) -> Any:
    """What a text means in TOML; the text itself if it means nothing."""
    from tomli import loads

    try:
        found = loads(f"given = {text}")
    except (ValueError, RecursionError):
        return text
    return found["given"] if len(found) == 1 else text


def unknown_param(name: str, params: Mapping[str, Any]) -> Problem:
    """What to say of a param that is set but not declared."""
    known = listed(params)
    hint = did_you_mean(name, known)
    if hint:
        return Problem(f"unknown param `{name}`", hint=hint)
    listing = ", ".join(f"`{known_name}`" for known_name in known)
    return Problem(
        f"unknown param `{name}`",
        facts=(f"declared are {listing}" if listing else "none is declared",),
    )
