"""Carries out actions on this machine, in threads: all they do is wait for processes.

Knows nothing of what actions do.
"""

from __future__ import annotations

from queue import Empty, SimpleQueue
from signal import SIGKILL
from threading import Thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from datamake.action import Action, Result
    from datamake.transforms import Workshop


class Local:
    """At most `jobs` actions at once."""

    def __init__(self, jobs: int, workshop: Workshop) -> None:
        self.jobs = jobs
        self.workshop = workshop
        self._threads: list[Thread] = []
        self._waiting: SimpleQueue[Action | None] = SimpleQueue()
        self._ended: SimpleQueue[Result | BaseException] = SimpleQueue()
        self._open = 0
        self._raised: BaseException | None = None
        """What is raised when all results from before it have been taken."""
        self._cancelled = False

    def submit(self, action: Action) -> None:
        """Carry out an action as soon as a thread is free for it."""
        self._open += 1
        self._waiting.put(action)
        if len(self._threads) < min(self._open, self.jobs):
            thread = Thread(target=self._work, name="datamake action", daemon=True)
            self._threads.append(thread)
            thread.start()

    def wait(self, timeout: float | None = None) -> list[Result]:
        """What ended; see the protocol. A signal's handler runs, and may raise, at once."""
        results: list[Result] = []
        try:
            while self._open and self._raised is None:
                ended = self._ended.get(block=not results, timeout=timeout)
                self._open -= 1
                if isinstance(ended, BaseException):
                    self._raised = ended
                else:
                    results.append(ended)
        except Empty:
            pass
        if self._raised is not None and not results:
            raised, self._raised = self._raised, None
            raise raised
        return results

    def progress(self) -> Mapping[str, tuple[int, int | None]]:
        """Target → bytes that were transferred so far, and of how many."""
        return {
            target: (
                sum(done for done, _ in parts.values()),
                None
                if any(size is None for _, size in parts.values())
                else sum(size or 0 for _, size in parts.values()),
            )
            for target, parts in ((t, dict(p)) for t, p in list(self.workshop.progress.items()))
        }

    def cancel(self, signal: int) -> None:
        """Ask all that runs to end, or kill it."""
        self.workshop.cancel(at_once=signal == SIGKILL or self._cancelled)
        self._cancelled = True

    def close(self) -> None:
        """Kill what still runs; its results are lost."""
        if self._open:
            self.cancel(SIGKILL)
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()
        self.workshop.close()

    def _work(self) -> None:
        while True:
            action = self._waiting.get()
            if action is None:
                return
            try:
                self._ended.put(self.workshop.execute(action))
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
                self._ended.put(error)
