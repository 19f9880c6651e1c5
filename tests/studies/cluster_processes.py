"""Real clusters for tests, on this machine: a Dask scheduler with workers, a Ray head; each a group of processes."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from commands import environment

LONGEST = 60.0


def free_port() -> int:
    """A port that nobody listens at, outside the range that Ray gives its workers."""
    while True:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = int(found.getsockname()[1])
        if port > 20000:
            return port


def until(ready: Callable[[], Any], what: str, seconds: float = LONGEST) -> Any:
    """Wait until something is true, and return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = ready()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} took more than {seconds:g} s")


class Processes:
    """Processes that end with the test, each a group of its own; use as a context."""

    def __init__(self, where: Path) -> None:
        self.where = where
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, *words: str, **changes: str) -> subprocess.Popen[bytes]:
        """Start a module as a process; what it says goes to a file."""
        log = open(self.where / f"process-{len(self.started)}.log", "wb")  # noqa: SIM115 (the child has it)
        quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
        with log:
            process = subprocess.Popen(
                [sys.executable, "-m", *words], stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.where,
                env=environment(**{**quiet, **changes}), start_new_session=True,
            )  # fmt: skip
        self.started.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """Kill a group of processes."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=LONGEST)

    def __enter__(self) -> Self:
        """Nothing to wait for."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End them all."""
        for process in self.started:
            self.kill(process)


class DaskProcesses(Processes):
    """A scheduler; workers as asked for, one thread each, which nobody restarts."""

    def __init__(self, where: Path) -> None:
        super().__init__(where)
        port = free_port()
        self.address = f"tcp://127.0.0.1:{port}"
        self.workers: list[subprocess.Popen[bytes]] = []
        self.scheduler = self.start(
            "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"
        )
        until(lambda: listening(port), "the scheduler")

    def add_worker(self, **changes: str) -> subprocess.Popen[bytes]:
        """Start a worker."""
        words = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(self.where))
        self.workers.append(self.start("distributed.cli.dask_worker", self.address, *words, **changes))
        return self.workers[-1]

    def words(self) -> tuple[str, ...]:
        """What a command needs to use it."""
        return ("--backend", "dask", "--set", f"backend.address={self.address}")


class RayProcesses(Processes):
    """A head with two processors."""

    def __init__(self, where: Path) -> None:
        super().__init__(where)
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        self.room = tempfile.mkdtemp(prefix="ray-")  # a socket's path must be short
        self.head = self.start(
            "ray.scripts.scripts", "start", "--head", "--block", "--port", str(port), "--num-cpus", "2",
            "--include-dashboard=false", "--disable-usage-stats", "--object-store-memory", "80000000",
            "--temp-dir", self.room,
        )  # fmt: skip
        until(lambda: listening(port) and self.nodes(), "the Ray head")

    def nodes(self) -> bool:
        """Tell whether the head has a machine that is ready: it then has a socket of its raylet."""
        return any(Path(self.room).glob("session_*/sockets/raylet*"))

    def actors(self) -> list[int]:
        """The processes of the actors of a pool."""
        listed = subprocess.run(["ps", "-ww", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
        rows = [(*map(int, line.split(None, 2)[:2]), line.split(None, 2)[2]) for line in listed.stdout.splitlines()]
        mine = {self.head.pid}
        while more := {pid for pid, parent, _ in rows if parent in mine} - mine:
            mine |= more
        return [pid for pid, _, args in rows if pid in mine and args.startswith("ray::PoolActor")]

    def groups(self) -> set[int]:
        """The process groups that belong to the head: all that have its folder in their command, and its own."""
        listed = subprocess.run(["ps", "-ww", "-eo", "pgid=,args="], capture_output=True, text=True, check=True)
        rows = [line.split(None, 1) for line in listed.stdout.splitlines()]
        return {self.head.pid} | {int(row[0]) for row in rows if len(row) > 1 and self.room in row[1]}

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the head and what it started, and remove its folder."""
        for group in self.groups() - {os.getpgrp()}:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        super().__exit__(kind, value, trace)
        shutil.rmtree(self.room, ignore_errors=True)

    def words(self) -> tuple[str, ...]:
        """What a command needs to use it."""
        return ("--backend", "ray", "--set", f"backend.address={self.address}")


def listening(port: int) -> bool:
    """Tell whether something takes connections at a port of this machine."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@pytest.fixture
def dask_cluster(tmp_path: Path) -> Iterator[DaskProcesses]:
    """A Dask scheduler without workers."""
    pytest.importorskip("distributed")
    where = tmp_path / "cluster"
    where.mkdir()
    with DaskProcesses(where) as cluster:
        yield cluster


@pytest.fixture
def ray_cluster(tmp_path: Path) -> Iterator[RayProcesses]:
    """A Ray head with two processors."""
    pytest.importorskip("ray")
    where = tmp_path / "cluster"
    where.mkdir()
    with RayProcesses(where) as cluster:
        yield cluster
