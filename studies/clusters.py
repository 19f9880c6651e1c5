"""Clusters whose workers train: what Dask's (`dask_cluster`) and Ray's (`ray_cluster`) have in common.

A cluster is one that somebody has started; nothing is started here. Its workers import graphsweep, so it is
installed on them. A worker that is lost costs a repeat of the round; when no worker is left, the run waits
`backend.wait` seconds for one and then ends, to be continued.
"""

import importlib.util
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import Any, TypeVar
from urllib.parse import urlsplit

from core.errors import ClusterError, InputError
from studies.likeness import differences, in_cluster, surroundings
from sweeps.config import CLUSTERS, BackendConfig

Result = TypeVar("Result")
ATTEMPTS = 3  # a worker may be killed between two rounds and another one in the repeat
POLL_SECONDS, ANSWER_SECONDS, CONNECT_SECONDS, GONE_SECONDS = 0.5, 5.0, 10.0, 10.0
PACKAGES = {"dask": "distributed", "ray": "ray"}
AUTO = "auto"


def check_cluster(backend: BackendConfig) -> None:
    """Raise InputError unless the backend can be had: its package is here, and something listens at its address.

    Imports neither; a backend of this machine needs nothing.
    """
    if backend.name not in CLUSTERS:
        return
    if importlib.util.find_spec(PACKAGES[backend.name]) is None:
        raise InputError(
            f"--backend {backend.name} needs the package {PACKAGES[backend.name]}, which is not installed",
            f"pip install 'graphsweep[{backend.name}]', or from a checkout: pip install '.[{backend.name}]'",
        )
    if backend.address != AUTO and not listens(backend.address):
        raise no_answer(backend, "nothing listens there")


def no_answer(backend: BackendConfig, why: str) -> InputError:
    """Say that there is no cluster at the address, and how one is started."""
    starts = {"dask": "dask scheduler", "ray": "ray start --head"}
    # Ray 2.59 and later: a cluster wants a token where its machine has one, and never says so to an explicit address
    token = " A Ray cluster that wants a token needs RAY_AUTH_MODE=token here" if backend.name == "ray" else ""
    return InputError(
        f"backend.address {backend.address}: no {backend.name} cluster answers ({why})",
        f"is it started (`{starts[backend.name]}`), and can it be reached from here?{token}",
    )


def listens(address: str, seconds: float = 3.0) -> bool:
    """Tell whether something takes connections at HOST:PORT or scheme://HOST:PORT."""
    parts = urlsplit(address if "://" in address else f"tcp://{address}")
    try:
        with socket.create_connection((parts.hostname, parts.port or 0), timeout=seconds):
            return True
    except (OSError, ValueError):  # no such port: 99999
        return False


class Cluster(ABC):
    """A cluster that is running: makes joblib pools, and tells what is there.

    Args:
        backend: name, address, the most jobs to use (0: all), seconds to wait for workers.

    Raises:
        InputError: no cluster answers at the address.
    """

    def __init__(self, backend: BackendConfig) -> None:
        self.backend, self.address = backend, backend.address
        self.say: Callable[[str], None] = lambda _: None
        self.told: set[str] = set()
        self.pool: Any = None

    @abstractmethod
    def new_pool(self) -> Any:
        """Return a joblib.Parallel of the cluster, not yet entered."""

    @abstractmethod
    def threads(self) -> int:
        """Return how many trainings can run at once; 0 where there is no worker, -1 where nothing answers."""

    @abstractmethod
    def close(self) -> None:
        """Leave the cluster as it was found; waits a few seconds at most."""

    @property
    @abstractmethod
    def losses(self) -> tuple[type[BaseException], ...]:
        """What is raised where workers are lost."""

    def jobs(self) -> int:
        """Return how many workers to share the lanes among; at least 1."""
        threads = max(1, self.threads())
        return min(threads, self.backend.jobs or threads)

    def note(self, found: dict[str, str]) -> None:
        """Say, once, that a worker is not like this machine."""
        text = differences(found, surroundings())
        if text and text not in self.told:
            self.told.add(text)
            self.say(f"warning: a worker differs ({text}): what it trains may differ in the last digits")

    def map(self, work: Callable[..., Result], pieces: Sequence[tuple[Any, ...]]) -> list[Result]:
        """Call `work` with the arguments of each piece, on the workers; return the results in order.

        All pieces are repeated in a new pool, up to `ATTEMPTS` times in all, if workers are lost.

        Raises:
            InputError: a worker has no graphsweep, or another one. ClusterError: workers are lost again and again.
        """
        for _ in range(ATTEMPTS):
            self.await_workers()
            try:
                done = self.call(lambda: self.run(work, pieces))
            except self.losses:
                self.leave_pool()
                continue
            except (ImportError, AttributeError) as error:
                raise unlike(first_line(error)) from error
            for found, _ in done:
                self.note(found)
            return [result for _, result in done]
        raise lost(f"workers of the cluster at {self.address} were lost {ATTEMPTS} times in one round")

    def run(
        self, work: Callable[..., Result], pieces: Sequence[tuple[Any, ...]]
    ) -> list[tuple[dict[str, str], Result]]:
        """Map `work` over the pieces once."""
        import joblib

        if self.pool is None:
            self.pool = self.new_pool()
            self.pool.__enter__()
        task = joblib.delayed(in_cluster)
        return list(self.pool([task(surroundings(), work, *piece) for piece in pieces]))

    def leave_pool(self) -> None:
        """Give the pool up: one whose call failed may hand late results to its next call."""
        pool, self.pool = self.pool, None
        if pool is not None:
            pool.__exit__(None, None, None)

    def seek(self) -> None:  # noqa: B027 (a cluster need not be able to)
        """Have the cluster start workers, where it starts them on demand."""

    def await_workers(self) -> None:
        """Return when there is a worker.

        Raises:
            ClusterError: there is none after `backend.wait` seconds, or the cluster has gone.
        """
        patience = Patience(self)
        while (threads := self.threads()) < 1:
            if patience.begun is None and threads == 0:
                self.seek()
                self.say(f"waiting for a worker of {self.address}, up to {self.backend.wait:g} s")
            patience.check(threads)
            time.sleep(POLL_SECONDS)

    def call(self, work: Callable[[], Result]) -> Result:
        """Call `work` in a thread that nobody waits for at the end, and watch the cluster meanwhile.

        Raises:
            ClusterError: workers or cluster are gone for too long; `work` may never return.
        """
        future = apart(work)
        patience = Patience(self)
        while not wait([future], timeout=POLL_SECONDS).done:
            patience.check(self.threads())
        return future.result()


def apart(work: Callable[[], Result]) -> "Future[Result]":
    """Call `work` in a thread that nobody waits for at the end."""
    future: Future[Result] = Future()

    def answer() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 (it is raised by who waits for it)
            future.set_exception(error)

    threading.Thread(target=answer, name="cluster call", daemon=True).start()
    return future


def answered(work: Callable[[], Result], seconds: float) -> Result:
    """Call `work`, which connects; raise OSError if it takes longer."""
    future = apart(work)
    if not wait([future], timeout=seconds).done:
        raise OSError(f"what listens there said nothing for {seconds:g} s")
    return future.result()


class Patience:
    """Measures for how long a cluster has had no worker, or has not answered."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.begun: float | None = None

    def check(self, threads: int) -> None:
        """Take how many threads there are now; raise ClusterError after too long without."""
        if threads > 0:
            self.begun = None
            return
        now, longest = time.monotonic(), self.cluster.backend.wait
        self.begun = now if self.begun is None else self.begun
        if threads < 0 and now - self.begun > min(longest, GONE_SECONDS):
            raise lost(f"the {self.cluster.backend.name} cluster at {self.cluster.address} does not answer any more")
        if now - self.begun > longest:
            name = self.cluster.backend.name
            raise lost(f"the {name} cluster at {self.cluster.address} has had no worker for {longest:g} s")


def lost(what: str) -> ClusterError:
    """Say that the cluster is gone, and that the run is not."""
    return ClusterError(what, "the same command continues the run; --set backend.wait=SECONDS waits longer for workers")


def unlike(why: str) -> InputError:
    """Say that a worker cannot do what it is asked to."""
    return InputError(
        f"a worker of the cluster cannot run graphsweep: {why}",
        "install the same graphsweep on all machines of the cluster, its scheduler's too, and restart them",
    )


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def connect_cluster(backend: BackendConfig) -> Cluster | None:
    """Return the cluster of the settings; None where this machine trains."""
    if backend.name == "dask":
        from studies.dask_cluster import DaskCluster

        return DaskCluster(backend)
    if backend.name == "ray":
        from studies.ray_cluster import RayCluster

        return RayCluster(backend)
    return None
