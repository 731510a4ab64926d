"""Publication: outputs are put in their place, or put back, whatever happens in between.

Knows nothing of how outputs are made. What is about to be done to a target's files is written down
in `.datamake/journal/` before it is done, as a plain file that says how to finish or undo it. The
lock of a target is held by whoever writes or recovers its entry.

Beside the journal in `.datamake`: `aside/` has the old outputs of targets that run in place,
`failed/` what failed targets left, `displaced/` what was not datamake's to replace, and `trash/`
what is about to be deleted. All by target, as `file_name` writes it, but for displaced files, which
keep their path under the number of the run.
"""

from __future__ import annotations

import os
from math import inf

from xxhash import xxh3_64_hexdigest

from datamake.errors import EnvironmentFailed
from datamake.moves import beside, discard, is_folder, is_full, move, remove
from datamake.quoting import quoted, unquoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

LONGEST = 240
"""Bytes of a file name made of a target's, with room for a suffix in the 255 there are."""
WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
HEADER = "datamake journal 1"
KEPT_S = 14 * 86_400.0
"""How long what was displaced or failed is kept."""


def file_name(target: str) -> str:
    """The name of a target's files: its own (`clean[01]`), where that can be a file name."""
    name = quoted(target).replace("/", "%2F")
    if name.startswith("."):
        name = f"%2E{name[1:]}"
    if len(name.encode()) <= LONGEST:
        return name
    start = name.encode()[: LONGEST - 17].decode("utf-8", "ignore")
    return f"{start}~{xxh3_64_hexdigest(name.encode())}"


def entry_path(folder: str, target: str) -> str:
    """Where a target's entry is, in the tree whose folder `.datamake` is given."""
    return os.path.join(folder, "journal", file_name(target))


def target_of(name: str) -> str | None:
    """The target whose files have this name; None where it may have been too long for one."""
    return None if name[-17:-16] == "~" else unquoted(name)


class Entry:
    """What is under way for a target: its outputs being made in place, or published."""

    def __init__(self, target: str, run: str) -> None:
        self.target = target
        self.run = run
        self.in_place: list[tuple[str, str]] = []
        """Root-relative paths; of each whether there was an `old` one, which is set aside, or `none`."""
        self.staged: list[tuple[str, str]] = []
        """Absolute staged path → root-relative real path."""
        self.displaced: set[str] = set()
        """The real paths whose old content is to be kept in `displaced/`."""
        self.record: bytes | None = None
        """What is to be recorded once all is published; None until publishing has begun."""

    def written(self) -> bytes:
        """The entry as a file: lines of quoted words between tabs, then the record as it is."""
        lines = [(HEADER,), ("target", self.target), ("run", self.run)]
        lines += [("in-place", *one) for one in self.in_place]
        lines += [("staged", *one) for one in self.staged]
        lines += [("displaced", path) for path in sorted(self.displaced)]
        lines += [("begun",) if self.record is None else ("publishing",)]
        text = "".join("\t".join(map(quoted, line)) + "\n" for line in lines)
        return text.encode() + (self.record or b"")


def parsed(content: bytes) -> Entry | None:
    """An entry as it was written; None if it was not written to its end."""
    lines = []
    words = [""]
    while words[0] not in ("begun", "publishing"):
        line, end, content = content.partition(b"\n")
        if not end:
            return None
        words = [unquoted(word) for word in line.decode().split("\t")]
        lines.append(words)
    entry = Entry(lines[1][1], lines[2][1])
    entry.in_place = [(path, was) for key, path, was in _of(lines, "in-place")]
    entry.staged = [(path, real) for key, path, real in _of(lines, "staged")]
    entry.displaced = {path for key, path in _of(lines, "displaced")}
    entry.record = content if words[0] == "publishing" else None
    return entry


def _of(lines: list[list[str]], key: str) -> list[list[str]]:
    return [words for words in lines if words[0] == key]


class Journal:
    """The journal of the tree whose folder `.datamake` is given.

    `step` is told of each operation on files before it is done, for tests that fail there.
    """

    def __init__(self, folder: str, *, step: Callable[[str], None] = lambda _: None) -> None:
        self._folder = folder
        self._folders = Folders(folder, step)
        self._step = step
        self._open: dict[str, Entry] = {}
        self._kept: set[str] = set()
        """The targets whose folder in `failed/` is already that of their present failure."""

    def begin(self, target: str, run: str, in_place: Sequence[str]) -> None:
        """Set the old outputs of a target aside that is about to write to their paths."""
        entry = self._open[target] = Entry(target, run)
        self._kept.discard(target)
        if not in_place:
            return
        for path in in_place:
            entry.in_place.append(
                (path, "old" if os.path.lexists(self._folders.real(path)) else "none")
            )
        try:
            self._folders.keep(target, "aside", self._folders.aside(target))  # of a lost entry
            self._write(entry)
            for path, was, aside in self._folders.asides(entry):
                if was == "old":
                    move(self._folders.real(path), aside, self._step)
        except OSError as error:
            raise _failure(f"the outputs of `{target}` cannot be set aside", error) from error

    def publish(
        self,
        target: str,
        staged: Sequence[tuple[str, str]],
        displaced: Collection[str],
        record: bytes,
    ) -> None:
        """Put outputs, by staged (absolute) and real path, in their place and drop the old ones.

        What is `displaced` is kept in `displaced/` instead. After a failure half-way, as after a
        kill, `recover` goes on with it.
        """
        entry = self._open[target]
        entry.staged = list(staged)
        entry.displaced = set(displaced)
        entry.record = record
        try:
            self._write(entry)
            self._carry_out(entry)
        except OSError as error:
            raise _failure(f"the outputs of `{target}` cannot be published", error) from error

    def finish(self, target: str) -> None:
        """Forget a target's entry: it is undone, or published and recorded."""
        del self._open[target]
        self._step("finish")
        remove(self._path(target))

    def undo(self, target: str) -> None:
        """Put back what was set aside; what the target wrote there goes to `failed/`.

        On a full disk it is removed instead. Does nothing once publishing has begun: that is only ever gone on with.
        """
        entry = self._open[target]
        if entry.record is not None:
            return
        try:
            for path, was, aside in self._folders.asides(entry):
                is_aside = os.path.lexists(aside)
                if is_aside or was == "none":
                    self._keep(target, path, self._folders.real(path))
                if is_aside:
                    move(aside, self._folders.real(path), self._step)
            if entry.in_place:
                remove(self._folders.aside(target))
        except OSError as error:
            raise _failure(f"the outputs of `{target}` cannot be put back", error) from error
        self.finish(target)

    def keep_failed(self, target: str, staging: str) -> None:
        """Move all that is in a staging folder to `failed/`, and remove the folder.

        Does nothing once publishing has begun, like `undo`: then it holds what is still to come.
        """
        if target in self._open and self._open[target].record is not None:
            return
        for name in os.listdir(staging):
            self._keep(target, name, os.path.join(staging, name))
        remove(staging)

    def open_entries(self) -> set[str]:
        """The targets that have an entry."""
        targets = set()
        for name in _names(os.path.join(self._folder, "journal")):
            if not name.startswith("."):
                entry = self._read(name)
                targets.add(entry.target if entry else unquoted(name))
        return targets

    def recover(self, target: str) -> bytes | None:
        """Undo what was begun, or finish what was being published and return its record.

        In the latter case the entry stays until `finish`.
        """
        entry = self._read(file_name(target))
        if entry is None:
            self._folders.keep(target, "aside", self._folders.aside(target))
            remove(self._path(target))
            return None
        self._open[target] = entry
        self._kept.add(target)
        for path in [path for pair in (*entry.staged, *entry.in_place) for path in pair]:
            remove(beside(self._folders.real(path)))
        if entry.record is None:
            self.undo(target)
            return None
        try:
            self._carry_out(entry)
        except OSError as error:
            raise _failure(f"the outputs of `{target}` cannot be published", error) from error
        return entry.record

    def expire(self, now: float) -> None:
        """Remove what was displaced or failed long before `now` (seconds), and the trash."""
        self._folders.expire(now - KEPT_S)

    def _carry_out(self, entry: Entry) -> None:
        """Publish, from wherever an earlier try got to."""
        for source, path in entry.staged:
            if os.path.lexists(source):
                self._place(entry, source, path)
        for path, _, aside in self._folders.asides(entry):
            if os.path.lexists(aside):
                if path in entry.displaced:
                    self._folders.displace(entry.run, path, aside)
                else:
                    self._folders.discard(aside)
        if entry.in_place:
            remove(self._folders.aside(entry.target))

    def _place(self, entry: Entry, source: str, path: str) -> None:
        real = self._folders.real(path)
        if os.path.isdir(real) and os.path.islink(real):
            real = os.path.realpath(real)  # the user's own link stays
        if path in entry.displaced and os.path.lexists(real):
            self._folders.displace(entry.run, path, real)
        elif is_folder(real) or (is_folder(source) and os.path.lexists(real)):
            self._folders.discard(real)
        move(source, real, self._step)

    def _keep(self, target: str, path: str, source: str) -> None:
        if target not in self._kept:
            self._folders.discard(self._folders.failed(target))
            self._kept.add(target)
        if is_full(self._folder):
            remove(source)
        else:
            self._folders.keep(target, path, source)

    def _path(self, target: str) -> str:
        return entry_path(self._folder, target)

    def _write(self, entry: Entry) -> None:
        name = file_name(entry.target)
        path = os.path.join(self._folder, "journal", name)
        new = os.path.join(self._folder, "journal", f".{name}")
        self._step("write the entry")
        try:
            descriptor = os.open(new, WRITE, 0o666)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(new))
            descriptor = os.open(new, WRITE, 0o666)
        with open(descriptor, "wb", buffering=0) as file:
            content = memoryview(entry.written())
            while content:
                content = content[file.write(content) :]
        self._step("show the entry")
        os.replace(new, path)

    def _read(self, name: str) -> Entry | None:
        try:
            with open(os.path.join(self._folder, "journal", name), "rb") as file:
                return parsed(file.read())
        except FileNotFoundError:
            return None


class Folders:
    """The project's files, and the folders beside the journal that they are moved to."""

    def __init__(self, folder: str, step: Callable[[str], None] = lambda _: None) -> None:
        self._folder = folder
        self._root = os.path.dirname(folder)
        self._step = step

    def real(self, path: str) -> str:
        """The absolute path of an output."""
        return os.path.join(self._root, path)

    def aside(self, target: str) -> str:
        """The folder of a target's old outputs."""
        return os.path.join(self._folder, "aside", file_name(target))

    def asides(self, entry: Entry) -> list[tuple[str, str, str]]:
        """Path, what it was, and where it is set aside, of each output in place."""
        folder = self.aside(entry.target)
        return [
            (path, was, os.path.join(folder, str(number)))
            for number, (path, was) in enumerate(entry.in_place)
        ]

    def failed(self, target: str) -> str:
        """The folder of what a target left when it failed."""
        return os.path.join(self._folder, "failed", file_name(target))

    def displace(self, run: str, path: str, source: str) -> None:
        """Move what is at `source` to where displaced files are kept."""
        to = kept = os.path.join(self._folder, "displaced", run, path)
        number = 2
        while os.path.lexists(to):  # of a run that had this number before the state was deleted
            to = f"{kept}~{number}"
            number += 1
        move(source, to, self._step)

    def keep(self, target: str, path: str, source: str) -> None:
        """Move what a failed target wrote, if anything, to where such is kept."""
        if os.path.lexists(source):
            to = os.path.join(self.failed(target), path)
            self.discard(to)
            move(source, to, self._step)

    def discard(self, path: str) -> None:
        """Remove, in one moment, what is at a path, if anything."""
        if os.path.lexists(path):
            trash = os.path.join(self._folder, "trash", os.urandom(8).hex())
            discard(path, trash, self._step)

    def expire(self, before: float) -> None:
        """Remove what was displaced or failed before a time, and the trash."""
        for kind, limit in (("displaced", before), ("failed", before), ("trash", inf)):
            for name in _names(os.path.join(self._folder, kind)):
                path = os.path.join(self._folder, kind, name)
                if os.lstat(path).st_mtime < limit:
                    remove(path)


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _failure(headline: str, error: OSError) -> EnvironmentFailed:
    path = error.filename2 or error.filename
    fact = f"`{path}`: {error.strerror}" if path else str(error)
    return EnvironmentFailed(headline, [fact])
