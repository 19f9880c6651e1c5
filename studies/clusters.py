"""Clusters whose workers train: Dask's or Ray's, each through its joblib backend, and what must be alike on them.

A cluster is one that somebody has started; nothing is started here. Its workers import graphsweep, so it is
installed on them. A worker that is lost costs a repeat of the round; when no worker is left, the run waits
`backend.wait` seconds for one and then ends, to be continued.
"""

import contextlib
import functools
import hashlib
import importlib.util
import logging
import os
import signal
import socket
import threading
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import core
from core.errors import ClusterError, InputError
from sweeps.config import CLUSTERS, BackendConfig

Result = TypeVar("Result")
ATTEMPTS = 3  # a worker may be killed between two rounds and another one in the repeat
POLL_SECONDS, ANSWER_SECONDS, CONNECT_SECONDS, GONE_SECONDS = 0.5, 5.0, 10.0, 10.0
PACKAGES = {"dask": "distributed", "ray": "ray"}
AUTO = "auto"
SAME = ("torch", "numpy", "cpu_capability", "torch_came_first")


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
    return InputError(
        f"backend.address {backend.address}: no {backend.name} cluster answers ({why})",
        f"is it started (`{starts[backend.name]}`), and can it be reached from here?",
    )


def listens(address: str, seconds: float = 3.0) -> bool:
    """Tell whether something takes connections at HOST:PORT or scheme://HOST:PORT."""
    parts = urlsplit(address if "://" in address else f"tcp://{address}")
    try:
        with socket.create_connection((parts.hostname, parts.port or 0), timeout=seconds):
            return True
    except OSError:
        return False


@functools.cache
def surroundings() -> dict[str, str]:
    """Return what decides the bits of a training: this code, versions, processor, and MKL's way of adding."""
    import numpy
    import torch

    import studies

    digest = hashlib.sha256()
    for file in sorted(Path(core.__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return {
        "code": f"{core.__version__} ({digest.hexdigest()[:8]})",
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "torch_came_first": str(studies.TORCH_CAME_FIRST),
    }


def check_code(expected: dict[str, str]) -> None:
    """Raise InputError, in a worker, if it has another graphsweep than the coordinator."""
    found = surroundings()["code"]
    if found != expected["code"]:
        raise InputError(
            f"a worker on {socket.gethostname()} has graphsweep {found}, this machine {expected['code']}",
            "install the same graphsweep on all workers, and restart them",
        )


def in_cluster(expected: dict[str, str], work: Callable[..., Result], *arguments: Any) -> tuple[dict[str, str], Result]:
    """Call `work` in a worker of a cluster, if it has the same graphsweep; return what else it has, and the result."""
    check_code(expected)
    return surroundings(), work(*arguments)


def differences(found: dict[str, str], expected: dict[str, str]) -> str:
    """Say in what a worker differs such that its trainings may differ in the last digits; empty for nothing."""
    if found["torch_came_first"] == "True":
        return "torch was loaded before graphsweep, and MKL_CBWR=AUTO was not set"
    return ", ".join(f"{name} {found[name]}, here {expected[name]}" for name in SAME if found[name] != expected[name])


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
        return max(1, min(self.threads(), self.backend.jobs or self.threads()))

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


class DaskCluster(Cluster):
    """The workers of a Dask scheduler, at tcp://HOST:PORT or tls://HOST:PORT."""

    def __init__(self, backend: BackendConfig) -> None:
        super().__init__(backend)
        import distributed

        self.probe: Any = None
        for name in ("distributed", "distributed.client"):  # what goes wrong is said here, once
            logging.getLogger(name).setLevel(logging.CRITICAL)
        settings = {"timeout": ANSWER_SECONDS, "set_as_default": False, "name": "graphsweep"}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                connect = functools.partial(distributed.Client, backend.address, **settings)
                self.client = answered(connect, CONNECT_SECONDS)
        except (OSError, ValueError, RuntimeError, TypeError) as error:
            raise no_answer(backend, first_line(error)) from error

    @property
    def losses(self) -> tuple[type[BaseException], ...]:
        """What is raised where workers are lost; Dask itself repeats a task up to three times before."""
        from concurrent.futures import CancelledError

        from distributed import KilledWorker
        from distributed.client import FutureCancelledError
        from distributed.comm import CommClosedError

        return KilledWorker, FutureCancelledError, CancelledError, CommClosedError

    def new_pool(self) -> Any:
        """Return a pool on the scheduler's workers."""
        import joblib
        from joblib._dask import DaskDistributedBackend

        class AtLeastTwo(DaskDistributedBackend):  # type: ignore[misc]
            """Joblib's backend "dask"; where it counts one job joblib would not send it anywhere."""

            def effective_n_jobs(self, n_jobs: int) -> int:
                """Return the workers' threads, of one as if there were two."""
                return max(2, int(super().effective_n_jobs(n_jobs)))

        joblib.register_parallel_backend("graphsweep-dask", AtLeastTwo)
        with joblib.parallel_config(backend="graphsweep-dask", client=self.client, wait_for_workers_timeout=0):
            return joblib.Parallel(n_jobs=-1, batch_size=1, pre_dispatch="all")

    def threads(self) -> int:
        """Return the workers' threads."""
        if self.client.status != "running":
            return -1
        try:
            return sum(self.client.nthreads().values())
        except (OSError, TimeoutError, ValueError, RuntimeError):
            return -1

    def seek(self) -> None:
        """Submit a task, which an adaptive cluster starts workers for."""
        self.probe = self.client.submit(abs, 1, pure=False)

    def close(self) -> None:
        """Disconnect."""
        self.client.close(timeout=2)


class RayCluster(Cluster):
    """The workers of a Ray cluster: HOST:PORT of its head, or auto on one of its machines."""

    def __init__(self, backend: BackendConfig) -> None:
        super().__init__(backend)
        with handlers_kept():
            import ray
            from ray.util.joblib import register_ray

        register_ray()
        variables = {name: os.environ[name] for name in ("MKL_CBWR", "OMP_WAIT_POLICY", "OMP_NUM_THREADS")}

        connect = functools.partial(
            ray.init, address=backend.address, logging_level=logging.CRITICAL, log_to_driver=False,
            runtime_env={"env_vars": variables}, namespace="graphsweep",
        )  # fmt: skip
        try:
            with handlers_kept(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                answered(connect, CONNECT_SECONDS)
        except (OSError, RuntimeError, ValueError) as error:
            raise no_answer(backend, first_line(error)) from error
        self.ray = ray
        self.head = ray.get_runtime_context().gcs_address

    @property
    def losses(self) -> tuple[type[BaseException], ...]:
        """What is raised where an actor of the pool, or its machine, is lost."""
        found = self.ray.exceptions
        return found.RayActorError, found.WorkerCrashedError, found.NodeDiedError, found.OwnerDiedError

    def new_pool(self) -> Any:
        """Return a pool of one actor a processor, as many as are free; joblib would work here if it were one."""
        import joblib

        count = max(2, min(self.free(), self.backend.jobs or self.free()))
        remote = {"num_cpus": 1, "scheduling_strategy": "SPREAD"}
        with joblib.parallel_config(backend="ray", ray_remote_args=remote):
            return joblib.Parallel(n_jobs=count, batch_size=1, pre_dispatch="all", max_nbytes=None)

    def free(self) -> int:
        """Return how many processors nobody uses."""
        return int(self.ray.available_resources().get("CPU", 0))

    def threads(self) -> int:
        """Return the processors of the cluster."""
        if not listens(self.head, ANSWER_SECONDS):
            return -1
        return int(self.ray.cluster_resources().get("CPU", 0))

    def close(self) -> None:
        """Disconnect."""
        self.ray.shutdown()


@contextlib.contextmanager
def handlers_kept() -> Iterator[None]:
    """Put back what a package does to the signals of the process that imports it."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)


def connect_cluster(backend: BackendConfig) -> Cluster | None:
    """Return the cluster of the settings; None where this machine trains."""
    kinds: dict[str, type[Cluster]] = {"dask": DaskCluster, "ray": RayCluster}
    return kinds[backend.name](backend) if backend.name in kinds else None
