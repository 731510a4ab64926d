"""The front door: a plain build goes straight to the project; all else is read by Typer.

Knows no option; `cli.door` does. It is kept from loading Typer and Rich, which take longer than a
build that has nothing to do.
"""

from __future__ import annotations

import os
import sys

from datamake.cli.door import plain_build
from datamake.cli.rest import at_rest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datamake.cli.options import Build


def main() -> int:
    """Carry out this process's command line and answer its exit status."""
    arguments = sys.argv[1:]
    build = None if "_DATAMAKE_COMPLETE" in os.environ else plain_build(arguments)
    try:
        if build is not None and at_rest(build):
            return 0
        return carried_out(build, arguments)
    except KeyboardInterrupt:  # while modules are loaded; from then on `guarded` sees to it
        sys.stderr.write("interrupted\n")
        return 130


def carried_out(build: Build | None, arguments: list[str]) -> int:
    """The exit status of a build, or of whatever command `arguments` are."""
    import gc

    from datamake.cli.failures import guarded
    from datamake.cli.opening import has_datafile
    from datamake.cli.options import with_environment
    from datamake.cli.running import run_build

    gc.set_threshold(50_000, 20, 20)  # nearly all that a build makes stays to its end
    if build is None or not (arguments or has_datafile(os.getcwd())):
        from datamake.cli import app

        return app.main(arguments)
    return guarded(lambda: run_build(with_environment(build, os.environ)), json=build.talk.json)


if __name__ == "__main__":
    sys.exit(main())
