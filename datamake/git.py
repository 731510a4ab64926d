"""git, as far as it is asked: what it prints, and what is wrong where it refuses.

Knows nothing of what is in the files.
"""

from __future__ import annotations

from datamake.errors import UsageError


class Refused(Exception):
    """What git said instead of doing it."""


class Git:
    """git in a folder, asked for an option, which messages tell of."""

    def __init__(self, root: str, option: str, without: str = "") -> None:
        self.root = root
        self.option = option
        self.without = without
        """What can be done without git."""

    def __call__(self, *arguments: str) -> bytes:
        """What git prints. Raises Refused, and UsageError where there is no git."""
        import subprocess

        try:
            done = subprocess.run(
                ["git", *arguments], cwd=self.root, capture_output=True, check=False
            )
        except FileNotFoundError:
            raise UsageError(f"`{self.option}` needs `git`, which is not installed") from None
        if done.returncode:
            raise Refused(done.stderr.decode(errors="replace").strip().partition("\n")[0])
        return done.stdout

    def of(self, revision: str, *arguments: str) -> bytes:
        """What git prints, asked about a revision. Raises UsageError where there is none."""
        if revision.startswith("-"):
            raise UsageError(f"`{revision}` is no revision of git")
        try:
            return self(*arguments)
        except Refused as refused:
            raise self._explained(revision, refused) from None

    def _explained(self, revision: str, refused: Refused) -> UsageError:
        """Why nothing can be compared: no repository, or no such revision in it."""
        try:
            self("rev-parse", "--git-dir")
        except Refused as outside:
            return UsageError(
                f"`{self.option}` needs a git repository, and the project is in none",
                [f"git: {outside}"],
                self.without,
            )
        return UsageError(
            f"`{revision}` is no revision of git",
            [f"git: {refused}"],
            "`git fetch` it first: a shallow clone, as in CI, has few revisions",
        )
