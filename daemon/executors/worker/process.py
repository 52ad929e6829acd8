"""One worker process as the daemon sees it: started, given tasks, read from, and ended with all its descendants."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from datetime import timedelta
from typing import Any, cast

from config.errors import DeadlineError, NightdeskError
from config.library_folders import worker_variables
from config.paths import Home
from config.secrets import TOKEN_VARIABLE
from daemon.domain.exhaustion import EXHAUSTED
from daemon.domain.tasks import OutputLine, ResultT, TaskProgress
from daemon.executors.base import OnEvent, Outcome, TaskSpec
from daemon.executors.worker import processes
from daemon.executors.worker.output import Output
from daemon.executors.worker.protocol import TaskEnded, assign, pack, read_answer, receive

THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA")
# Variables from the service manager and the owner, meant for the daemon alone: tasks do not get them.
PRIVATE = (TOKEN_VARIABLE, "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
CANCEL_GRACE = timedelta(seconds=5)
RESULT_GRACE = 0.25  # seconds in which a dead worker's result is still read


class WorkerProcess:
    """A worker. It does one task at a time.

    `unused` says that it has had none yet, `reusable` that it may be given another.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        output: Output,
        mark: str,
        withheld: frozenset[str],
    ) -> None:
        self.withheld = withheld  # the variables that are not in its environment
        self.reusable = self.unused = True
        self.idle_since = 0.0
        self._memory_limit: int | None = None  # bytes, while a task runs
        self._process = process
        self._reader, self._writer = streams
        self._output = output
        self._mark = mark
        # The process and every descendant observed so far.
        self._descendants = {itself for itself in (processes.find(process.pid),) if itself is not None}
        self._stopping = False
        # Set when the current task must end with an error although the worker has not answered.
        self._failure: asyncio.Future[NightdeskError] = asyncio.get_running_loop().create_future()
        self._watching = asyncio.create_task(self._watch())

    @classmethod
    async def start(cls, mark: str, home: Home, work: str, withheld: frozenset[str]) -> WorkerProcess:
        """Start a fresh process whose tasks are resolved by the module `work`; `withheld` variables are kept from it.

        The kernel ties its life to the thread that starts it: the event loop's, which lives as long as the daemon.
        """
        ours, theirs = socket.socketpair()
        read_end, write_end = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "daemon.executors.worker.main"),
                *("--channel", str(theirs.fileno()), "--parent", str(os.getpid()), "--work", work),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=(theirs.fileno(),),
                env=_environment(mark, home, withheld),
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            os.close(read_end)
            raise
        finally:
            theirs.close()
            os.close(write_end)
        return cls(process, await asyncio.open_unix_connection(sock=ours), Output(read_end), mark, withheld)

    async def perform(self, home: str, spec: TaskSpec[ResultT], on_event: OnEvent) -> Outcome[ResultT]:
        """Do one task to its end, its limit, or the worker's death."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        self.reusable = self.unused = False
        self._memory_limit = spec.settings.limits.task_memory_mb * 2**20
        self._output.attend(lambda line: on_event(OutputLine(line=line)))
        answer = asyncio.create_task(self._ask(home, spec, on_event))
        try:
            await self._either(answer, spec.timeout.total_seconds())
            return self._outcome(answer, spec, loop.time() - began)
        except asyncio.CancelledError:
            self.stop(CANCEL_GRACE)
            await self._either(answer, None)
            raise
        finally:
            answer.cancel()
            await asyncio.gather(answer, return_exceptions=True)
            self._output.attend(None)

    def stop(self, grace: timedelta) -> None:
        """Ask the task to save its work and end; after `grace` it is given up."""
        if not self._stopping:
            self._stopping = True
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
            asyncio.get_running_loop().call_later(grace.total_seconds(), self._fail, _died("did not stop when asked"))

    def check_memory(self, living: processes.Table) -> None:
        """Fail the task if the worker and its descendants hold more memory than they may."""
        family = self._family(living)
        self._descendants = self._descendants & set(living.values()) | family
        resident = sum(process.resident for process in family)
        if self._memory_limit is not None and resident > self._memory_limit:
            self._fail(
                NightdeskError(
                    "task.memory",
                    f"The task held {resident // 2**20} MB of memory; its limit is {self._memory_limit // 2**20} MB.",
                    "Raise limits.task_memory_mb, or train on fewer bars.",
                )
            )

    @property
    def alive(self) -> bool:
        """Whether the process lives."""
        return processes.find(self._process.pid) is not None

    def fit(self, living: processes.Table) -> bool:
        """Whether it may do another task: it lives, has no descendants, and holds at most half of the memory limit."""
        resident = [process.resident for process in self._family(living)]
        is_small = self._memory_limit is None or sum(resident) <= self._memory_limit / 2
        return self.reusable and len(resident) == 1 and is_small

    async def kill(self) -> None:
        """Kill the process and everything that descends from it; nothing is left when this returns."""
        await asyncio.to_thread(processes.kill_family, self._mark, self._descendants)
        with contextlib.suppress(TimeoutError):  # one that the kernel holds in a system call cannot be waited for
            await asyncio.wait_for(self._process.wait(), 1.0)
        self._watching.cancel()
        self._output.close()
        self._writer.close()
        with contextlib.suppress(OSError):  # the other end is dead, as it should be
            await self._writer.wait_closed()

    async def _ask(self, home: str, spec: TaskSpec[ResultT], on_event: OnEvent) -> TaskEnded[ResultT]:
        """Send the task, pass on its progress, return its end."""
        self._writer.write(pack(assign(spec.request, home, spec.settings, spec.secrets)))
        try:
            while not isinstance(message := await self._answer(spec), TaskEnded):
                on_event(message)
        except (asyncio.IncompleteReadError, ConnectionError) as lost:
            await asyncio.wait({self._failure}, timeout=4 * RESULT_GRACE)
            raise self._failure.result() if self._failure.done() else _died("closed its channel") from lost
        return message

    async def _answer(self, spec: TaskSpec[ResultT]) -> TaskProgress | TaskEnded[ResultT]:
        return read_answer(cast("type[ResultT]", spec.request.result), await receive(self._reader))

    async def _either(self, answer: asyncio.Task[Any], timeout: float | None) -> None:
        ends: set[asyncio.Future[Any]] = {answer, self._failure}
        await asyncio.wait(ends, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)

    def _outcome(
        self, answer: asyncio.Task[TaskEnded[ResultT]], spec: TaskSpec[ResultT], seconds: float
    ) -> Outcome[ResultT]:
        outcome: Outcome[ResultT]
        try:
            if answer.done():
                ended = answer.result()
                crashed = ended.error is not None and ended.error.code in ("task.crashed", *EXHAUSTED)
                self.reusable = not self._stopping and not crashed and not spec.secrets
                outcome = Outcome("failed" if ended.error else "succeeded", ended.result, ended.error, seconds)
            elif self._failure.done():
                raise self._failure.result()
            else:
                outcome = Outcome.failure("timed_out", _timed_out(spec), seconds)
        except NightdeskError as error:
            outcome = Outcome.failure("failed", error, seconds)
        if self._stopping and outcome.state != "succeeded":
            return Outcome.failure("cancelled", cancelled(spec.request.kind), seconds)
        return outcome

    def _fail(self, error: NightdeskError) -> None:
        if not self._failure.done():
            self._failure.set_result(error)

    async def _watch(self) -> None:
        status = await self._process.wait()
        await asyncio.sleep(RESULT_GRACE)
        if status < 0:
            name = _signal_name(-status)
            self._fail(_died(f"was ended by {name}", signal=name))
        else:
            self._fail(_died(f"exited with status {status}", status=status))

    def _family(self, living: processes.Table) -> set[processes.Process]:
        return processes.family(living, [self._process.pid])


def _environment(mark: str, home: Home, withheld: frozenset[str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in PRIVATE and name not in withheld}
    one_thread = {f"{library}_NUM_THREADS": "1" for library in THREADS}
    own = {processes.MARK: mark, "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"}
    return inherited | one_thread | worker_variables(home) | own


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most real-time signals have no name
        return f"signal {number}"


def _died(how: str, **detail: Any) -> NightdeskError:
    return NightdeskError(
        "task.worker_died",
        f"The worker process of the task {how}.",
        "Read the last lines of the run's log; SIGKILL mostly means that the machine ran out of memory.",
        **detail,
    )


def _timed_out(spec: TaskSpec[Any]) -> NightdeskError:
    return DeadlineError(
        "task.timed_out",
        f"The task {spec.request.kind!r} took longer than its limit of {spec.timeout}.",
        "Raise limits.task_timeout, or give it less to do.",
    )


def cancelled(kind: str) -> NightdeskError:
    """The error of a task that was stopped from outside."""
    return NightdeskError(
        "task.cancelled",
        f"The task {kind!r} was stopped before its end.",
        "Start the job when it suits you.",
    )
