"""What happens next in a build: a state machine, events in, instructions out.

Knows nothing of files, commands, time or why a target is stale; it sees names, what each needs, and
what running takes. Slots, pools, keep-going, early cutoff and the way back from up to date live here.

A target is judged when all it needs is final. If its verdict finds that the bytes of something it
needs are absent, those are restored first, and it is judged again; if they turn out to be lost,
their target is judged again and runs. What was judged by a content that then comes out different
is judged again too.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from heapq import heappop, heappush

from datamake.model import RESOURCES
from datamake.values import NOTHING, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from datamake.model import Resources


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
    """The life of a target in a build. `_move` makes every transition."""

    WAITING = 0
    """Something that it needs is not final."""
    JUDGING = 1
    """All it needs is final; its verdict has been asked for."""
    READY = 2
    """To be restored or run as soon as there is room; holds no slot."""
    RUNNING = 3
    """Being restored or run; holds its slots."""
    RESTING = 4
    """Between two tries; holds no slot."""
    CURRENT = 5
    """Final: up to date, restored or built; its content is known."""
    FAILED = 6
    """Final."""
    BLOCKED = 7
    """Final: something that it needs has failed."""
    SKIPPED = 8
    """Final: not started after a failure or an interrupt."""


ENDED = (Life.CURRENT, Life.FAILED, Life.BLOCKED, Life.SKIPPED)


@value
class Capacity:
    """How much of each there is."""

    jobs: int
    memory: int | None = None
    """Bytes; None is no limit."""
    pools: Mapping[str, int] = NOTHING


class Slots:
    """What is free of the capacity, and which numbers of each pool."""

    def __init__(self, capacity: Capacity) -> None:
        self.capacity = capacity
        self.cpus = capacity.jobs
        self.memory = capacity.memory or 0
        self.free = {name: list(range(count)) for name, count in capacity.pools.items()}
        self.held: dict[str, tuple[int, int, dict[str, list[int]]]] = {}

    def take(self, name: str, wanted: Resources) -> bool:
        """Whether there was room. What asks for more than there is runs alone."""
        limits = self.capacity
        cpus = min(wanted.cpus, limits.jobs)
        memory = min(wanted.memory or 0, limits.memory or 0)
        counts = {pool: min(n, limits.pools[pool]) for pool, n in wanted.pool.items()}
        alone = cpus < wanted.cpus or (limits.memory is not None and memory < (wanted.memory or 0))
        if alone and self.held:
            return False
        if cpus > self.cpus or memory > self.memory:
            return False
        if any(len(self.free[pool]) < n for pool, n in counts.items()):
            return False
        self.cpus -= self.cpus if alone else cpus
        self.memory -= memory
        numbers = {pool: [self.free[pool].pop(0) for _ in range(n)] for pool, n in counts.items()}
        self.held[name] = (limits.jobs if alone else cpus, memory, numbers)
        return True

    def release(self, name: str) -> None:
        """Gives back what a target held."""
        cpus, memory, numbers = self.held.pop(name)
        self.cpus += cpus
        self.memory += memory
        for pool, freed in numbers.items():
            self.free[pool] = sorted(self.free[pool] + freed)

    def numbers(self, name: str) -> Mapping[str, Sequence[int]]:
        """Pool → the numbers that a target holds."""
        return self.held[name][2]


class Schedule:
    """The schedule of one build.

    Each public method is an event; it returns the instructions that follow from it, in order.
    """

    def __init__(
        self,
        needs: Mapping[str, Sequence[str]],
        resources: Callable[[str], Resources],
        slots: Slots,
        *,
        urgency: Callable[[str], float] = lambda _: 0.0,
        keep_going: bool = False,
    ) -> None:
        self.needs: dict[str, Sequence[str]] = {}
        self.users: dict[str, dict[str, None]] = {}
        self.life: dict[str, Life] = {}
        self.open = 0
        """How many targets have not ended."""
        self.slots = slots
        self._resources = resources
        self._urgency = urgency
        self._keep_going = keep_going
        self._stopped = False
        self._lacking: dict[str, int] = {}
        """How many of its needs are not final, for each target that is waiting."""
        self._verb: dict[str, Verb] = {}
        """Whether a ready or running target is to be restored or run."""
        self._queues: dict[object, list[tuple[float, int, str]]] = {}
        """What is ready, the most urgent first, apart for each different demand of resources."""
        self._order: dict[str, int] = {}
        self._again: set[str] = set()
        """What was judged by a content that came out different while it was running."""
        self._settling: deque[str] = deque()
        self._out: deque[Instruction] = deque()
        self._grow(needs)

    # Events

    def start(self) -> list[Instruction]:
        """The build begins."""
        for name in list(self.life):
            self._wait(name)
        return self._instructions()

    def judged(
        self, name: str, verb: Verb | None, absent: Iterable[str] = (), *, differs: bool = False
    ) -> list[Instruction]:
        """A verdict: None is up to date; else what is to be done with it.

        `absent` are the needs whose bytes have to be there first. `differs`: others were judged in
        this build by a content that it no longer has.
        """
        absent = [need for need in absent if self.life[need] is Life.CURRENT]
        if verb is None:
            self._move(name, Life.CURRENT)
            self._revise(name, differs=differs)
        elif absent and not self._stopped:
            for need in absent:
                self._ready(need, Verb.RESTORE)
            self._wait(name)
        else:
            self._ready(name, verb)
        return self._instructions()

    def finished(self, name: str, *, ok: bool, differs: bool = False) -> list[Instruction]:
        """A restore or a run ended, or judging failed."""
        self._free(name)
        if ok and name in self._again:
            self._again.discard(name)
            self._wait(name)
        else:
            self._move(name, Life.CURRENT if ok else Life.FAILED)
        if not ok and not self._keep_going:
            self._end()
        self._revise(name, differs=differs)
        return self._instructions()

    def missing(self, name: str) -> list[Instruction]:
        """What was to be taken as it is, is not there: what needs it is blocked."""
        self._move(name, Life.FAILED)
        return self._instructions()

    def lost(self, name: str) -> list[Instruction]:
        """The bytes that were to be restored are not to be had: judge it again."""
        self._free(name)
        self._wait(name)
        return self._instructions()

    def rests(self, name: str) -> list[Instruction]:
        """A try failed and another one follows later."""
        self._free(name)
        self._move(name, Life.RESTING)
        return self._instructions()

    def rested(self, name: str) -> list[Instruction]:
        """The time for the next try has come."""
        self._ready(name, Verb.RUN)
        return self._instructions()

    def grown(
        self,
        pending: str,
        added: Mapping[str, Sequence[str]],
        relinked: Mapping[str, Sequence[str]],
    ) -> list[Instruction]:
        """The instances of a pending foreach are known; `relinked` needs other things now."""
        self._grow({**added, **relinked})
        self._move(pending, Life.CURRENT)
        for name in (*added, *relinked):
            self._wait(name)
        return self._instructions()

    def stop(self) -> list[Instruction]:
        """Start nothing more, judge nothing more; what runs is let finish."""
        self._end()
        for name, life in list(self.life.items()):
            if life in (Life.WAITING, Life.JUDGING):
                self._move(name, Life.SKIPPED)
        return self._instructions()

    # What follows

    def _end(self) -> None:
        """From now on nothing is started."""
        self._stopped = True
        for name, life in list(self.life.items()):
            if life in (Life.READY, Life.RESTING):
                self._move(name, Life.SKIPPED)

    def _grow(self, needs: Mapping[str, Sequence[str]]) -> None:
        for name in needs:
            if name not in self.life:
                self.life[name] = Life.WAITING
                self._order[name] = len(self._order)
                self.open += 1
        for name, needed in needs.items():
            for need in self.needs.get(name, ()):
                self.users[need].pop(name, None)
            self.needs[name] = [need for need in needed if need in self.life]
            for need in self.needs[name]:
                self.users.setdefault(need, {})[name] = None

    def _move(self, name: str, life: Life) -> None:
        before = self.life[name]
        self.life[name] = life
        was_ended, has_ended = before in ENDED, life in ENDED
        self.open += was_ended - has_ended
        if life is Life.BLOCKED:
            self._out.append((Verb.BLOCK, name))
        elif life is Life.SKIPPED:
            self._out.append((Verb.SKIP, name))
        if was_ended == has_ended:
            return
        for user in self.users.get(name, ()):
            if self.life[user] is Life.WAITING:
                self._lacking[user] += 1 if was_ended else -1
                if not self._lacking[user]:
                    self._settling.append(user)

    def _wait(self, name: str) -> None:
        """Waits for what it needs; with nothing to wait for, it is judged."""
        if self.life[name] is not Life.WAITING:
            self._move(name, Life.WAITING)
        self._lacking[name] = sum(self.life[need] not in ENDED for need in self.needs[name])
        if not self._lacking[name]:
            self._settling.append(name)

    def _revise(self, name: str, *, differs: bool) -> None:
        """Has what was judged by an earlier content of `name` judged again."""
        for user in self.users.get(name, ()) if differs else ():
            if self.life[user] in (Life.CURRENT, Life.READY):
                self._wait(user)
            elif self.life[user] is Life.RUNNING:
                self._again.add(user)

    def _settle(self, name: str) -> None:
        """All that it needs has ended: judge it, or let it end as they did."""
        lives = {self.life[need] for need in self.needs[name]}
        if Life.FAILED in lives or Life.BLOCKED in lives:
            self._move(name, Life.BLOCKED)
        elif Life.SKIPPED in lives:
            self._move(name, Life.SKIPPED)
        else:
            self.life[name] = Life.JUDGING
            self._out.append((Verb.JUDGE, name))

    def _ready(self, name: str, verb: Verb) -> None:
        if self._stopped:
            self._move(name, Life.SKIPPED)
            return
        self._verb[name] = verb
        self._move(name, Life.READY)
        wanted = self._wanted(name)
        demand = (wanted.cpus, wanted.memory, tuple(wanted.pool.items()))
        urgency = wanted.priority * 1e12 + self._urgency(name)
        heappush(self._queues.setdefault(demand, []), (-urgency, self._order[name], name))

    def _wanted(self, name: str) -> Resources:
        """What it takes; restoring takes no more than a job."""
        return self._resources(name) if self._verb[name] is Verb.RUN else RESOURCES

    def _free(self, name: str) -> None:
        if self.life[name] is Life.RUNNING:
            self.slots.release(name)

    def _instructions(self) -> list[Instruction]:
        """What there is to do now: what was decided, then all that there is room for."""
        while self._settling:
            name = self._settling.popleft()
            if self.life[name] is Life.WAITING and not self._lacking[name]:
                self._settle(name)
        while (ready := self._next()) is not None:
            self.life[ready] = Life.RUNNING
            self._out.append((self._verb[ready], ready))
        out = list(self._out)
        self._out.clear()
        return out

    def _next(self) -> str | None:
        """The most urgent target that there is room for; it has its slots then.

        Where the first of a queue finds no room, none behind it does: they want the same.
        """
        if self._stopped or self.slots.cpus <= 0:
            return None
        heads = []
        for queue in self._queues.values():
            while queue and self.life[queue[0][2]] is not Life.READY:
                heappop(queue)
            if queue:
                heads.append((queue[0], queue))
        for (_, _, name), queue in sorted(heads):
            if self.slots.take(name, self._wanted(name)):
                heappop(queue)
                return name
        return None
