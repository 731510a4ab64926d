"""Signals that end a build, counted instead of raised.

Knows nothing of what is to be ended: whoever builds asks for `count` between its steps, so that
no signal ever cuts a publication in two.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any


class Interrupts:
    """Takes SIGINT, SIGTERM and SIGHUP from `watch` to `release`; outside the main thread none."""

    def __init__(self) -> None:
        self.count = 0
        self.signal = 0
        """The number of the first one."""
        self._before: dict[int, Any] = {}

    def watch(self) -> None:
        """Take signals from now on."""
        import signal
        import threading

        if self._before or threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._take)

    def release(self) -> None:
        """Let signals do again what they did before."""
        if self._before:
            import signal

            for number, action in self._before.items():
                signal.signal(number, action)
            self._before.clear()

    def _take(self, number: int, _: FrameType | None) -> None:
        self.count += 1
        self.signal = self.signal or number
