"""What happens next in a build: a state machine, events in, instructions out.

Knows nothing of files, commands, time or why a target is stale; it sees names, what each needs, and
what running takes. Keep-going, early cutoff and the way back from up to date live here.

A target is judged when all it needs is final, one after the other, the most urgent first; nothing
is started while something more urgent is yet to be judged. If a verdict finds that the bytes of
something that a target needs are absent, those are restored first, and it is judged again; if they
turn out to be lost, their target is judged again and runs. What was judged by a content that then
comes out different is judged again too.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from heapq import heappop, heappush

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from datamake.slots import Rank, Ready


class Verb(Enum):
    """What an instruction asks for."""

    JUDGE = "judge"
    RESTORE = "restore"
    RUN = "run"
    BLOCK = "block"
    """Say that something above it failed."""
    SKIP = "skip"
    """Say that it was not started."""


Instruction = tuple[Verb, str]


class Life(Enum):
    """The life of a target in a build. `Lives.move` makes every transition."""

    WAITING = 0
    """Something that it needs is not final, or something more urgent is to be judged first."""
    JUDGING = 1
    """All it needs is final; its verdict has been asked for. One at a time."""
    READY = 2
    """To be restored or run as soon as there is room; holds no slot."""
    RUNNING = 3
    """Being restored or run; holds its slots."""
    RESTING = 4
    """Between two tries, or another run has it; holds no slot."""
    CURRENT = 5
    """Final: up to date, restored or built; its content is known."""
    FAILED = 6
    """Final."""
    BLOCKED = 7
    """Final: something that it needs has failed."""
    SKIPPED = 8
    """Final: not started after a failure or an interrupt."""


ENDED = (Life.CURRENT, Life.FAILED, Life.BLOCKED, Life.SKIPPED)


class Lives:
    """The life of each target; the one place where it moves on."""

    def __init__(self, needs: Mapping[str, Sequence[str]]) -> None:
        self.needs: dict[str, Sequence[str]] = {}
        self.users: dict[str, dict[str, None]] = {}
        self.life: dict[str, Life] = {}
        self.order: dict[str, int] = {}
        self.open = 0
        """How many have not ended."""
        self.out: list[Instruction] = []
        """What follows for others to do."""
        self._lacking: dict[str, int] = {}
        """How many of its needs have not ended, for each target that is waiting."""
        self._settling: deque[str] = deque()
        """What may have nothing to wait for any more."""
        self.grow(needs)

    def grow(self, needs: Mapping[str, Sequence[str]]) -> None:
        """Takes in targets, and what targets that are there need from now on."""
        for name in needs:
            if name not in self.life:
                self.life[name] = Life.WAITING
                self.order[name] = len(self.order)
                self.open += 1
        for name, needed in needs.items():
            for need in self.needs.get(name, ()):
                self.users[need].pop(name, None)
            self.needs[name] = [need for need in needed if need in self.life]
            for need in self.needs[name]:
                self.users.setdefault(need, {})[name] = None

    def move(self, name: str, life: Life) -> None:
        """A target's life goes on; what waits for it is counted down or up."""
        before = self.life[name]
        self.life[name] = life
        was_ended, has_ended = before in ENDED, life in ENDED
        self.open += was_ended - has_ended
        if life is Life.BLOCKED:
            self.out.append((Verb.BLOCK, name))
        elif life is Life.SKIPPED:
            self.out.append((Verb.SKIP, name))
        if was_ended == has_ended:
            return
        for user in self.users.get(name, ()):
            if self.life[user] is Life.WAITING:
                self._lacking[user] += 1 if was_ended else -1
                if not self._lacking[user]:
                    self._settling.append(user)

    def lacking(self, name: str) -> int:
        """How many of a target's needs have not ended."""
        return sum(self.life[need] not in ENDED for need in self.needs[name])

    def wait(self, name: str) -> None:
        """A target waits for what it needs; with nothing to wait for, it is to be judged."""
        if self.life[name] is not Life.WAITING:
            self.move(name, Life.WAITING)
        self._lacking[name] = self.lacking(name)
        if not self._lacking[name]:
            self._settling.append(name)

    def judgeable(self, name: str) -> bool:
        """Whether a target has nothing to wait for but its turn."""
        return self.life[name] is Life.WAITING and not self._lacking[name]

    def ready(self, name: str) -> bool:
        """Whether a target waits for room only."""
        return self.life[name] is Life.READY

    def settle(self) -> list[str]:
        """What has nothing to wait for ends as what it needs did, or can be judged: these."""
        found = []
        while self._settling:
            name = self._settling.popleft()
            if not self.judgeable(name):
                continue
            lives = {self.life[need] for need in self.needs[name]}
            if Life.FAILED in lives or Life.BLOCKED in lives:
                self.move(name, Life.BLOCKED)
            elif Life.SKIPPED in lives:
                self.move(name, Life.SKIPPED)
            else:
                found.append(name)
        return found


class Schedule:
    """The schedule of one build.

    Each method is an event; it returns the instructions that follow from it, in order.
    """

    def __init__(
        self, needs: Mapping[str, Sequence[str]], ready: Ready, *, keep_going: bool = False
    ) -> None:
        self._lives = Lives(needs)
        self._ready = ready
        self._keep_going = keep_going
        self._stopped = False
        self._verb: dict[str, Verb] = {}
        """Whether a ready or running target is to be restored or run."""
        self._outdated: set[str] = set()
        """What was judged by a content that came out different while it was running."""
        self._judgeable: list[tuple[Rank, str]] = []
        """What can be judged, the most urgent first."""
        self._asked = ""
        """What was to be judged last."""

    @property
    def life(self) -> Mapping[str, Life]:
        """The life of each target."""
        return self._lives.life

    @property
    def needs(self) -> Mapping[str, Sequence[str]]:
        """What each target needs, of those that take part."""
        return self._lives.needs

    @property
    def open(self) -> int:
        """How many targets have not ended."""
        return self._lives.open

    def start(self) -> list[Instruction]:
        """The build begins."""
        for name in list(self.life):
            self._lives.wait(name)
        return self._instructions()

    def judged(
        self, name: str, verb: Verb | None, absent: Iterable[str] = (), *, differs: bool = False
    ) -> list[Instruction]:
        """A verdict: None is up to date; else what is to be done with it.

        `absent` are the needs whose bytes have to be there first. `differs`: others were judged in
        this build by a content that it no longer has.
        """
        if verb is None:
            self._lives.move(name, Life.CURRENT)
            self._revise(name, differs=differs)
            return self._instructions()
        for need in absent if not self._stopped else ():
            if self.life[need] is Life.CURRENT:
                self._enqueue(need, Verb.RESTORE)
        if self._lives.lacking(name):
            self._lives.wait(name)
        else:
            self._enqueue(name, verb)
        return self._instructions()

    def finished(
        self, name: str, *, ok: bool, differs: bool = False, stops: bool = True
    ) -> list[Instruction]:
        """A restore or a run ended, or judging failed.

        A failure `stops` the build but for what runs, unless it is to keep going.
        """
        self._ready.release(name)
        if ok and name in self._outdated:
            self._outdated.discard(name)
            self._lives.wait(name)
        else:
            self._lives.move(name, Life.CURRENT if ok else Life.FAILED)
        if not ok and stops and not self._keep_going:
            self._stop(Life.READY, Life.RESTING)
        self._revise(name, differs=differs)
        return self._instructions()

    def rests(self, name: str) -> list[Instruction]:
        """A try failed and another one follows later, or another run has it."""
        self._ready.release(name)
        self._lives.move(name, Life.SKIPPED if self._stopped else Life.RESTING)
        return self._instructions()

    def again(self, name: str) -> list[Instruction]:
        """It has rested, or what it was judged by does not hold any more: judge it again."""
        self._ready.release(name)
        if self.life[name] not in ENDED:
            self._lives.wait(name)
        return self._instructions()

    def grown(
        self,
        pending: str,
        added: Mapping[str, Sequence[str]],
        relinked: Mapping[str, Sequence[str]],
    ) -> list[Instruction]:
        """The instances of a pending foreach are known; `relinked` needs other things now."""
        self._lives.grow({**added, **relinked})
        self._lives.move(pending, Life.CURRENT)
        for name in (*added, *relinked):
            self._lives.wait(name)
        return self._instructions()

    def stop(self) -> list[Instruction]:
        """Start nothing more, judge nothing more; what runs is let finish."""
        self._stop(Life.READY, Life.RESTING, Life.WAITING, Life.JUDGING)
        return self._instructions()

    def _stop(self, *lives: Life) -> None:
        """From now on nothing is started, and what leads one of these lives is skipped."""
        self._stopped = True
        for name, life in list(self.life.items()):
            if life in lives:
                self._lives.move(name, Life.SKIPPED)

    def _enqueue(self, name: str, verb: Verb) -> None:
        if self._stopped:
            self._lives.move(name, Life.SKIPPED)
            return
        self._verb[name] = verb
        self._lives.move(name, Life.READY)
        self._ready.add(name, self._lives.order[name], restoring=verb is Verb.RESTORE)

    def _revise(self, name: str, *, differs: bool) -> None:
        """Has what was judged by an earlier content of `name` judged again."""
        for user in list(self._lives.users.get(name, ())) if differs else ():
            if self.life[user] in (Life.CURRENT, Life.READY):
                self._lives.wait(user)
            elif self.life[user] is Life.RUNNING:
                self._outdated.add(user)

    def _instructions(self) -> list[Instruction]:
        """What there is to do now: what was decided, then what is most urgent.

        That is what there is room for, until something more urgent is to be judged first.
        """
        lives, judgeable = self._lives, self._judgeable
        for name in lives.settle():
            heappush(judgeable, (self._ready.rank(name, lives.order[name]), name))
        while self.life.get(self._asked) is not Life.JUDGING:
            while judgeable and not lives.judgeable(judgeable[0][1]):
                heappop(judgeable)
            before = judgeable[0][0] if judgeable else None
            started = None if self._stopped else self._ready.next(lives.ready, before)
            if started is not None:
                lives.move(started, Life.RUNNING)
                lives.out.append((self._verb[started], started))
            elif judgeable:
                _, self._asked = heappop(judgeable)
                lives.move(self._asked, Life.JUDGING)
                lives.out.append((Verb.JUDGE, self._asked))
            else:
                break
        out, lives.out = lives.out, []
        return out
