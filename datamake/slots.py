"""What is ready to run, and the slots to run it in: processors, memory, numbers of pools.

Knows nothing of what runs or why; it sees names and what each takes.
"""

from __future__ import annotations

from heapq import heappop, heappush

from datamake.model import Resources
from datamake.values import NOTHING, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Rank = tuple[int, int, int]
    """Of two targets the one with the lower rank goes first."""
    Urgency = Callable[[str], tuple[int, float]]
    """Name → priority, seconds to go."""


@value
class Capacity:
    """How much of each there is."""

    jobs: int
    memory: int | None = None
    """Bytes; None is no limit."""
    pools: Mapping[str, int] = NOTHING
    transfers: int = 1
    """How much may come out of caches and stores at once; it takes no processor."""


AT_ONCE = 32
"""How much may come from stores and shared caches at once: all of it waits for the network."""
TRANSFERS = ""
"""The name, which no declared pool can have, of the pool of transfers."""
TRANSFER = Resources(cpus=0, pool={TRANSFERS: 1})
"""What a transfer takes."""


class Slots:
    """What is free of the capacity, and which numbers of each pool."""

    def __init__(self, capacity: Capacity) -> None:
        self.capacity = capacity
        self.cpus = capacity.jobs
        self.memory = capacity.memory or 0
        self._counts = {**capacity.pools, TRANSFERS: capacity.transfers}
        self.free = {name: list(range(count)) for name, count in self._counts.items()}
        self.held: dict[str, tuple[int, int, dict[str, list[int]]]] = {}

    @property
    def full(self) -> bool:
        """Whether there is room for nothing at all."""
        return self.cpus <= 0 and not self.free[TRANSFERS]

    def take(self, name: str, wanted: Resources) -> bool:
        """Whether there was room. What asks for more than there is runs alone."""
        limits = self.capacity
        cpus = min(wanted.cpus, limits.jobs)
        memory = min(wanted.memory or 0, limits.memory or 0)
        counts = {pool: min(n, self._counts[pool]) for pool, n in wanted.pool.items()}
        alone = cpus < wanted.cpus or (limits.memory is not None and memory < (wanted.memory or 0))
        if alone and self.held:
            return False
        if cpus > self.cpus or memory > self.memory:
            return False
        if any(len(self.free[pool]) < n for pool, n in counts.items()):
            return False
        cpus = limits.jobs if alone else cpus
        self.cpus -= cpus
        self.memory -= memory
        numbers = {pool: [self.free[pool].pop(0) for _ in range(n)] for pool, n in counts.items()}
        self.held[name] = (cpus, memory, numbers)
        return True

    def release(self, name: str) -> None:
        """Gives back what a target held."""
        cpus, memory, numbers = self.held.pop(name)
        self.cpus += cpus
        self.memory += memory
        for pool, freed in numbers.items():
            self.free[pool] = sorted(self.free[pool] + freed)


class Ready:
    """What is ready, the most urgent first, apart for each different demand of resources."""

    def __init__(
        self,
        capacity: Capacity,
        resources: Callable[[str], Resources],
        urgency: Urgency = lambda _: (0, 0.0),
    ) -> None:
        self._slots = Slots(capacity)
        self._resources = resources
        self._urgency = urgency
        self._queues: dict[object, list[tuple[Rank, str]]] = {}
        self._wanted: dict[str, Resources] = {}

    def rank(self, name: str, place: int) -> Rank:
        """By priority, then by whole seconds to go, then by `place`: small ones keep their order."""
        priority, seconds = self._urgency(name)
        return -priority, -int(seconds), place

    def add(self, name: str, place: int, *, restoring: bool) -> None:
        """A target is ready. Restoring is a transfer, whatever running takes."""
        wanted = self._wanted[name] = TRANSFER if restoring else self._resources(name)
        demand = (wanted.cpus, wanted.memory, tuple(wanted.pool.items()))
        heappush(self._queues.setdefault(demand, []), (self.rank(name, place), name))

    def next(self, waits: Callable[[str], bool], before: Rank | None) -> str | None:
        """The most urgent target that still `waits` and that there is room for; it holds its slots.

        It goes `before` that rank. Where the first of a queue finds no room, none behind it does:
        they want the same.
        """
        if self._slots.full:
            return None
        heads = []
        for queue in self._queues.values():
            while queue and not waits(queue[0][1]):
                heappop(queue)
            if queue and (before is None or queue[0][0] < before):
                heads.append((queue[0], queue))
        for (_, name), queue in sorted(heads):
            if self._slots.take(name, self._wanted[name]):
                heappop(queue)
                return name
        return None

    def release(self, name: str) -> None:
        """A target gives back the slots that it holds, if any."""
        if name in self._slots.held:
            self._slots.release(name)

    def numbers(self, name: str) -> Mapping[str, Sequence[int]]:
        """Pool → the numbers that a running target holds."""
        return self._slots.held[name][2]
