"""Hands targets to the executor, and says what came of them once they are published or given up.

Knows nothing of order, slots or locks. A part of the engine.
"""

from __future__ import annotations

from datamake.actions import Preparation, log_path, printing, restoring, uploading
from datamake.errors import DatamakeError
from datamake.examining import Checkups
from datamake.model import Status
from datamake.outcome import TargetResult
from datamake.publication import End, Publisher, Work, failed
from datamake.urls import shown
from datamake.values import NOTHING, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from datamake.action import Result
    from datamake.executors import Executor
    from datamake.judge import Judge
    from datamake.ledger import Ledger
    from datamake.publication import Published
    from datamake.workspace import Workspace


def has_outputs(space: Workspace, name: str) -> bool:
    """Whether a target has outputs and all of them are there, whatever is in them."""
    target = space.graph.targets.get(name)
    outputs = target.outputs if target is not None else ()
    return bool(outputs) and all(space.tree.kind(output.path) for output in outputs)


class Runner:
    """What is running in one build."""

    def __init__(self, space: Workspace, judge: Judge, ledger: Ledger, jobs: int) -> None:
        self.space = space
        self.judge = judge
        self.ledger = ledger
        self.jobs = jobs
        self.works: dict[str, Work] = {}
        """What is running, with what it was made from."""
        self.fetching: set[str] = set()
        """The remote sources that are on their way."""
        self.tries: dict[str, int] = {}
        self.publisher = Publisher(space, judge, ledger)
        self.checkups = Checkups(space, judge, ledger)
        self.preparation = Preparation(space, judge.variables)
        self._executor: Executor | None = None

    def run(self, name: str, numbers: Mapping[str, Sequence[int]]) -> None:
        """Begins a try. `numbers` are those that it holds of each pool."""
        checking = self.checkups.action(name)
        if checking is not None:
            self.executor.submit(checking)
            return
        target = self.space.graph.targets[name]
        verdict = self.judge.verdicts[name]
        contents = self.judge.contents(name)
        code = self.judge.contexts.of(target).code
        self.publisher.begin(target)
        action = self.preparation.action(target, contents, verdict.fingerprint, numbers)
        action = replace(action, checking=self.judge.examiner.of_action(target))
        self.works[name] = Work(target, verdict, contents, code)
        self.tries[name] = self.tries.get(name, 0) + 1
        self.ledger.begin(name, self.tries[name], verdict.reasons)
        self.executor.submit(action)

    def restore(self, name: str) -> None:
        """Begins to bring a target's outputs out of the cache."""
        target, verdict = self.space.graph.targets[name], self.judge.verdicts[name]
        self.works[name] = Work(target, verdict, restoring=True)
        self.space.journal.begin(name, str(self.ledger.run), ())
        self.publisher.begun.add(name)
        self.ledger.begin(name, 0, verdict.reasons)
        action = restoring(self.space.root, target, verdict.outputs)
        if verdict.results is None:
            action = replace(action, checking=self.judge.examiner.of_action(target))
        self.executor.submit(action)

    def fetch(self, source: str) -> None:
        """Begins to bring local copies of a remote source, and to find out what it holds."""
        maker = self.space.graph.outputs.owners.get(source)
        made = self.judge.inputs.known[maker].outputs if maker is not None else ()
        self.fetching.add(source)
        self.ledger.say("fetch-started", source)
        self.executor.submit(self.space.sources.fetching(source, made))

    def wait(self, seconds: float) -> list[End]:
        """What has ended, after at most so many seconds."""
        ends = [self._end(result) for result in self.executor.wait(seconds)]
        return [end for end in ends if end is not None]

    @property
    def busy(self) -> bool:
        """Whether anything is running or on its way."""
        return bool(self.works or self.fetching or self.checkups.open)

    @property
    def progress(self) -> Mapping[str, tuple[int, int | None]]:
        """Target or source → bytes transferred so far, and of how many, where that is known."""
        found = self._executor.progress() if self._executor is not None else NOTHING
        return {shown(name): progress for name, progress in found.items()}

    def cancel(self, *, gently: bool) -> None:
        """Asks all that is running to end, or makes it."""
        if self._executor is not None:
            import signal

            self._executor.cancel(signal.SIGTERM if gently else signal.SIGKILL)

    def close(self) -> None:
        """Ends what is still running, as failed, and the executor."""
        if self._executor is not None:
            self._executor.close()
        for work in self.works.values():
            self.publisher.failed(work.target)

    def give_up(
        self,
        name: str,
        error: str,
        facts: Sequence[str] = (),
        duration: float = 0.0,
        checks: Sequence[Any] = (),
    ) -> None:
        """A target has failed for good: its last good outputs come back."""
        verdict = self.judge.verdicts.get(name)
        target = self.space.graph.targets.get(name)
        if target is not None:
            self.publisher.failed(target)
        ran = target is not None and name in self.tries and printing(target)
        self.ledger.end(
            TargetResult(
                name if target is not None else shown(name),
                Status.FAILED,
                has_outputs(self.space, name),
                reasons=verdict.reasons if verdict else (),
                fingerprint=verdict.fingerprint if verdict else "",
                duration_s=duration,
                error=error,
                facts=tuple(fact for fact in facts if fact),
                checks=tuple(checks),
                log=log_path(name) if ran else None,
            )
        )

    @property
    def executor(self) -> Executor:
        """The executor, opened when something first has to run."""
        if self._executor is None:
            from datamake.executors import open_executor

            sources = self.space.sources
            self._executor = open_executor(
                "local",
                self.jobs,
                self.space.cache,
                None if sources.offline else lambda: sources.objects,
            )
        return self._executor

    def _end(self, result: Result) -> End | None:
        if result.target in self.space.graph.remotes:
            return self._fetched(result)
        if result.target in self.checkups.open:
            return self.checkups.ended(result)
        work = self.works.pop(result.target)
        name = work.target.name
        if result.error is not None:
            if result.lost:
                self.ledger.note(f"{name}: {result.error}; it is built again")
                return End(name, lost=True)
            return self._tried(work, result)
        if work.result is not None:
            for fetch in result.fetched:
                self.space.sources.learn(fetch.seen.url, (fetch,))
            result = work.result
        elif any(output.remote for output in work.target.outputs) and not self.publisher.spoilt(
            work
        ):
            self.works[name] = replace(work, result=result)
            self.executor.submit(uploading(self.space.root, work.target, restoring=work.restoring))
            return None
        try:
            published = (
                self.publisher.restored(work, result)
                if work.restoring
                else self.publisher.built(work, result)
            )
        except OSError as error:
            self.ledger.environment_failed()
            return End(name, error=f"cannot publish: {error}", duration=result.duration)
        except DatamakeError as error:
            return End(name, error=error.headline, facts=error.below, duration=result.duration)
        if published.known is None:
            return End(name, error=published.error, duration=result.duration)
        if work.restoring and work.verdict.results:  # it was checked when it was made
            result = replace(result, checked=work.verdict.results)
            self.ledger.warn(name, result.checked)
        for line in (*result.notices, *published.notices):
            self.ledger.note(f"{name}: {self.space.sources.copies.named(line)}")
        return End(name, good(work, result, published), published.known)

    def _fetched(self, result: Result) -> End:
        source = result.target
        self.fetching.discard(source)
        data: dict[str, Any] = {"duration": result.duration, "error": result.error}
        came = [fetch.came for fetch in result.fetched if fetch.came is not None]
        if result.error is None:
            self.space.sources.learn(source, result.fetched)
        if came:
            data["size"] = sum(came)
        self.ledger.say("fetch-ended", source, **data)
        if result.error is not None:
            self.ledger.environment_failed()
            return End(source, error=result.error, facts=result.facts, duration=result.duration)
        return End(source, known=self.judge.source(source))

    def _tried(self, work: Work, result: Result) -> End:
        name, policy = work.target.name, work.target.policy
        tries = self.tries.get(name, 1)
        if tries > policy.retries or work.restoring:
            if work.result is not None or result.environment:  # the store of its outputs, say
                self.ledger.environment_failed()
            return failed(result, self.space.sources.copies)
        self.publisher.failed(work.target)
        delay = policy.retry_delay * 2 ** (tries - 1)
        self.ledger.say("retry", name, attempt=tries, delay=delay, error=result.error)
        return End(name, delay=delay)


def good(work: Work, result: Result, published: Published) -> TargetResult:
    """What is told of a target that is published."""
    name, known = work.target.name, published.known
    return TargetResult(
        name,
        Status.RESTORED if work.restoring else Status.BUILT,
        reasons=work.verdict.reasons,
        fingerprint=work.verdict.fingerprint,
        duration_s=result.duration,
        saved_s=published.saved,
        outputs=known.outputs if known else (),
        checks=result.checked,
        log=log_path(name) if printing(work.target) and not work.restoring else None,
    )
