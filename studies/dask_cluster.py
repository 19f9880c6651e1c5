"""The workers of a Dask scheduler, through joblib's backend `dask`."""

import functools
import logging
import warnings
from typing import Any

from studies.clusters import ANSWER_SECONDS, CONNECT_SECONDS, Cluster, answered, first_line, no_answer
from sweeps.config import BackendConfig


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
