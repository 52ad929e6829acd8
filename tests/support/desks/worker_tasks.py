"""Tasks for the tests of executors: each causes in its worker what one row of the table of faults describes."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from config.errors import NightdeskError
from daemon.domain.tasks import TaskRequest, TaskResult
from daemon.executors.worker.main import Work, WorkContext

FOREVER = 600.0
Args = dict[str, Any]


class Answer(TaskResult):
    """Whatever a function below returns."""

    value: Any


class Order(TaskRequest[Answer]):
    """The arguments of a function below, which is a task kind by its own name."""

    result: ClassVar[type[TaskResult]] = Answer
    args: Args


@cache
def order(kind: str) -> type[Order]:
    """The class of requests of this kind."""
    return type(Order)(kind, (Order,), {"kind": kind, "__module__": __name__})


def resolve(kind: str) -> Work:
    """The function of that name."""
    if kind == "import_error":
        import a_library_that_is_not_installed  # noqa: F401, PLC0415
    function: Callable[[WorkContext, Args], Any] = globals()[kind]
    return Work(order(kind), lambda context, request: Answer(value=function(context, request.args)))


def echo(context: WorkContext, args: Args) -> Args:
    return args


def environment(context: WorkContext, args: Args) -> Args:
    return {"value": os.environ.get(args["name"])}


def secrets(context: WorkContext, args: Args) -> Args:
    """The secrets that the task was given, and which hidden values its environment and command line show."""
    values = {name: secret.reveal() for name, secret in context.secrets.items()}
    me = Path("/proc/self")
    visible = (me / "environ").read_bytes() + (me / "cmdline").read_bytes() + repr(os.environ).encode()
    print("my secrets:", context.secrets)
    return {
        "values": values,
        "in_sight": [value for value in args["hidden"] if value.encode() in visible],
        "pid": os.getpid(),
    }


def reveal_in_a_crash(context: WorkContext, args: Args) -> Args:
    raise ValueError(" ".join(secret.reveal() for secret in context.secrets.values()))


def identity(context: WorkContext, args: Args) -> Args:
    threads = {name: value for name, value in os.environ.items() if name.endswith("_NUM_THREADS")}
    return {
        "pid": os.getpid(),
        "session": os.getsid(0),
        "nice": os.nice(0),
        "oom": int(Path("/proc/self/oom_score_adj").read_text()),
        "threads": threads,
        "token": os.environ.get("NIGHTDESK_TOKEN"),
        "home": str(context.home.root),
        "fingerprint": context.settings.fingerprint(),
        "heavy": sorted({"pandas", "numpy", "sqlalchemy", "fastapi"} & sys.modules.keys()),
        "now": context.now().isoformat(),
    }


def steps(context: WorkContext, args: Args) -> Args:
    for step in range(args["steps"]):
        context.progress(step / args["steps"], f"step {step}")
        time.sleep(args.get("pause", 0.0))
    context.progress(1.0, "done")
    return {}


def refuse(context: WorkContext, args: Args) -> Args:
    raise NightdeskError("data.empty", "AAPL has no bars.", "Pull some.", symbol="AAPL")


def crash(context: WorkContext, args: Args) -> Args:
    raise ZeroDivisionError("by nothing")


def leave(context: WorkContext, args: Args) -> Args:
    sys.exit("I have had enough")


def exit_in_the_middle(context: WorkContext, args: Args) -> Args:
    os._exit(7)


def die(context: WorkContext, args: Args) -> Args:
    os.kill(os.getpid(), args["signal"])
    time.sleep(FOREVER)
    return {}


def segfault(context: WorkContext, args: Args) -> Args:
    ctypes.string_at(0)
    return {}


def sleep(context: WorkContext, args: Args) -> Args:
    _tell_pid(args)
    began = time.monotonic()  # one clock for all processes of a machine
    time.sleep(args.get("seconds", FOREVER))
    return {"began": began, "ended": time.monotonic()}


def sleep_deaf(context: WorkContext, args: Args) -> Args:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return sleep(context, args)


def hang_in_native_code(context: WorkContext, args: Args) -> Args:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # a signal would end the sleep
    _tell_pid(args)
    ctypes.PyDLL(None).sleep(int(FOREVER))  # PyDLL keeps the interpreter's lock: no Python runs until it returns
    return {}


def stopped(context: WorkContext, args: Args) -> Args:
    _tell_pid(args)
    os.kill(os.getpid(), signal.SIGSTOP)
    return {}


def until_stopped(context: WorkContext, args: Args) -> Args:
    context.progress(0.5, "waiting")
    while not context.should_stop():
        time.sleep(0.01)
    Path(args["checkpoint"]).write_text("saved")
    raise NightdeskError("training.stopped", "The training was stopped.", "Start it again.")


def finish_though_asked_to_stop(context: WorkContext, args: Args) -> Args:
    context.progress(0.5, "waiting")
    while not context.should_stop():
        time.sleep(0.01)
    return {"finished": True}


def brood(context: WorkContext, args: Args) -> Args:
    """Descendants of four kinds: a child, one in a session of its own, a double fork, and one with no environment."""
    command = ["/bin/sh", "-c", f": > {args['nest']}/$$; exec /bin/sleep {int(FOREVER)}"]
    subprocess.Popen(command)
    subprocess.Popen(command, start_new_session=True)
    subprocess.Popen(command, env={}, start_new_session=True)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv(command[0], command)
        os._exit(0)
    while len(list(Path(args["nest"]).iterdir())) < 4:
        time.sleep(0.01)
    if args.get("then") == "die":
        time.sleep(1)  # the daemon looks at its workers' families several times a second
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(args.get("seconds", FOREVER))
    return {"brood": 4}


def fork_and_return_twice(context: WorkContext, args: Args) -> Args:
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    return {"child": child == 0}


def fork_and_die(context: WorkContext, args: Args) -> Args:
    child = os.fork()
    if child == 0:
        time.sleep(FOREVER)
    (Path(args["nest"]) / str(child)).touch()
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def breed(context: WorkContext, args: Args) -> Args:
    """A line of processes that never stays: each has one child, in a session of its own, and dies.

    It dies out by itself, so that a test that is killed does not leave it to eat the machine.
    """
    dies_out = time.monotonic() + 20
    if os.fork():
        time.sleep(FOREVER)
    while time.monotonic() < dies_out:
        if os.fork():
            os._exit(0)
        os.setsid()
    os._exit(0)


def eat_memory_in_a_child(context: WorkContext, args: Args) -> Args:
    if os.fork() == 0:
        eat_memory(context, args)
    time.sleep(FOREVER)
    return {}


def eat_memory(context: WorkContext, args: Args) -> Args:
    hoard = []
    while True:
        hoard.append(os.urandom(1024) * 1024 * 8)
        time.sleep(0.005)


def swell(context: WorkContext, args: Args) -> Args:
    globals()["_kept"] = b"x" * (args["mb"] * 2**20)
    return {"pid": os.getpid()}


def huge_result(context: WorkContext, args: Args) -> Args:
    return {"text": "x" * 100_000_000}


def odd_result(context: WorkContext, args: Args) -> Args:
    return {"value": object()}


def babble(context: WorkContext, args: Args) -> Args:
    print("hello from python")
    os.write(1, b"\xff\xfe\x00 garbage without an end")
    os.write(2, b"\n" + b"y" * 100_000 + b"\n")
    subprocess.run(["echo", "hello from a child"], check=True)
    for number in range(args.get("lines", 0)):
        print("line", number)
    sys.stdout = None  # type: ignore[assignment]
    return {"babbled": True}


def close_everything(context: WorkContext, args: Args) -> Args:
    os.closerange(0, 256)
    time.sleep(FOREVER)
    return {}


def garble(context: WorkContext, args: Args) -> Args:
    """Write into every socket there is: one of them is the channel."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                os.write(int(name), bytes.fromhex(args["noise"]))
    time.sleep(FOREVER)
    return {}


def descriptors(context: WorkContext, args: Args) -> Args:
    targets = {}
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        with contextlib.suppress(OSError):  # the one that lists the folder
            targets[name] = os.readlink(f"/proc/self/fd/{name}")  # noqa: PTH115
    return {"open": targets}


def _tell_pid(args: Args) -> None:
    if "pid_file" in args:
        path = Path(args["pid_file"])
        path.with_suffix(".new").write_text(str(os.getpid()))
        path.with_suffix(".new").rename(path)
