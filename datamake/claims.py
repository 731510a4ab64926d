"""Which targets this run has to itself, which another run has, and what is yet to be written.

Knows nothing of verdicts. What ended stays locked until the state is written, so that nobody
judges it by an older record; what waits for a slot is not locked, since the operating system's
locks get slow by the thousand.
"""

from __future__ import annotations

import os

from datamake.actions import staging_folder
from datamake.errors import TargetLocked
from datamake.journal import entry_path, target_of
from datamake.moves import remove

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datamake.ledger import Ledger
    from datamake.publication import Publisher
    from datamake.workspace import Workspace

WRITE_AFTER = 64
"""Targets that may end before the state is written."""


class Claims:
    """The claims of one run."""

    def __init__(
        self, space: Workspace, ledger: Ledger, publisher: Publisher, *, no_wait: bool
    ) -> None:
        self.space = space
        self.ledger = ledger
        self.publisher = publisher
        self.no_wait = no_wait
        self.held: dict[str, None] = {}
        """What another run has."""
        self.left_open = space.journal.open_entries()
        """What a run that was killed has left in the journal."""
        self._locked: set[str] = set()
        self._unwritten: list[str] = []

    def take(self, name: str) -> bool:
        """Whether this run has a target to itself."""
        if name not in self._locked and self.space.locks.take(name):
            self._locked.add(name)
        return name in self._locked

    def drop(self, name: str) -> None:
        """Let others have a target."""
        if name in self._locked:
            self._locked.discard(name)
            self.space.locks.release(name)

    def sweep(self) -> None:
        """Removes what runs that were killed have left staged, but for what their journal needs.

        What another run is at has its target locked.
        """
        folder = os.path.dirname(staging_folder(self.space.root, "any"))
        names = os.listdir(folder) if os.path.isdir(folder) else ()
        for target in filter(None, map(target_of, names)):
            if self.take(target):
                try:
                    if not os.path.exists(entry_path(self.space.folder, target)):
                        remove(staging_folder(self.space.root, target))
                except OSError:
                    continue  # a command of that run has yet to end
                finally:
                    self.drop(target)

    def hold(self, name: str) -> None:
        """Wait for a target that another run has. Raises TargetLocked where that is not wanted."""
        if self.no_wait:
            raise TargetLocked(
                f"`{name}` is being built by another datamake",
                hint="leave out `--no-wait` to wait for it",
            )
        if not self.held:
            self.ledger.note(f"waiting for another build, which has `{name}`")
        self.held[name] = None
        self.ledger.say("waiting", name)

    def freed(self) -> list[str]:
        """What was waited for and is to be had now; what the other run did is seen from here on."""
        freed = [name for name in self.held if self.take(name)]
        if freed:
            self.space.files.forget("")
            self.left_open |= self.space.journal.open_entries()
        for name in freed:
            del self.held[name]
            self.space.state.refresh(name)
        return freed

    def unchanged(self, name: str) -> bool:
        """Whether no other run has recorded a target since it was judged."""
        before = self.space.record(name)
        now = self.space.state.refresh(name)
        return (before and (before.fingerprint, before.time)) == (
            now and (now.fingerprint, now.time)
        )

    def end(self, name: str) -> None:
        """A target has ended: once that is written, its journal is closed and others may have it."""
        self._unwritten.append(name)
        if len(self._unwritten) >= WRITE_AFTER:
            self.write()

    def write(self) -> None:
        """Write the state."""
        self.space.state.commit()
        for name in self._unwritten:
            self.publisher.finish(name)
            self.drop(name)
        self._unwritten.clear()
