"""The workers of a Ray cluster, through joblib's backend `ray`."""

import atexit
import contextlib
import functools
import logging
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from typing import Any

from studies.as_program import UNENDED
from studies.clusters import ANSWER_SECONDS, CONNECT_SECONDS, Cluster, answered, first_line, listens, no_answer
from sweeps.config import BackendConfig


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
        """Return the processors of the cluster; of one as if there were none, since a pool needs two."""
        if not listens(self.head, ANSWER_SECONDS):
            return -1
        try:
            found = int(answered(self.ray.cluster_resources, ANSWER_SECONDS).get("CPU", 0))
        except (OSError, self.ray.exceptions.RayError):  # a head that dies now would be waited for
            return -1
        return found if found > 1 else 0

    def close(self) -> None:
        """Disconnect; from a head that has died without its answer, while Ray goes on in threads of its own."""
        try:
            answered(self.ray.shutdown, ANSWER_SECONDS)
        except OSError:
            atexit.unregister(self.ray.shutdown)
            UNENDED.set()
        if not listens(self.head, ANSWER_SECONDS):
            UNENDED.set()


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
