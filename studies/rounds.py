"""Lanes on workers, one round at a time: split, advance, join. Workers hold no state."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from types import TracebackType
from typing import Any, Self

import joblib
from joblib.externals.loky.process_executor import BrokenProcessPool
from numpy.typing import NDArray

from core.architecture import learner
from core.config import TrainerConfig
from core.data import Dataset
from core.errors import ClusterError
from core.kernel_warm_up import compile_kernels
from core.lanes import Lanes, from_arrays, join, select, to_arrays
from core.processors import cores
from core.trainer import Evaluation, advance, close_interval
from core.training import costs, train_on
from studies.clusters import ATTEMPTS as ATTEMPTS
from studies.clusters import connect_cluster
from studies.devices import torch_device
from studies.processes import Result, in_worker, leave_ctrl_c, one_thread
from sweeps.config import AUTO, CPU, BackendConfig


def advance_shard(
    arrays: list[NDArray[Any]], dataset: Dataset, config: TrainerConfig
) -> tuple[list[NDArray[Any]], list[Evaluation]]:
    """Advance some lanes wherever this runs; lanes travel as arrays."""
    lanes, evaluations = advance(from_arrays(arrays), dataset, config)
    return to_arrays(lanes), evaluations


def shards(costs: Sequence[float], jobs: int) -> list[list[int]]:
    """Share lanes among at most `jobs` workers so that none waits long for another one.

    Args:
        costs: what each lane is expected to cost.

    Returns:
        The lanes of each worker, in order; the costliest lane goes first, each to whoever has least to do.
    """
    parts: list[list[int]] = [[] for _ in range(max(1, min(jobs, len(costs))))]
    loads = [0.0] * len(parts)
    for lane in sorted(range(len(costs)), key=lambda lane: -costs[lane]):
        least = loads.index(min(loads))
        parts[least].append(lane)
        loads[least] += costs[lane]
    return [sorted(part) for part in parts]


def in_order(places: Sequence[int]) -> list[int]:
    """Return where 0, 1, ... stand among the places."""
    return sorted(range(len(places)), key=places.__getitem__)


def local_backend(name: str, config: TrainerConfig) -> str:
    """Return what trains on this machine where the settings leave it open: threads for steps that are compiled.

    Compiled steps leave Python's lock alone, so threads share the cores as processes do; they start at once, and no
    lane has to travel. Whole-tensor operations are too many and too short for that, and the search for the order of
    rows without time is Python's.
    """
    if name != AUTO:
        return name
    return "threading" if learner(config).compiled and config.max_lag > 0 else "loky"


class Workers:
    """The processes or threads that train, kept alive over the rounds, on this machine or a cluster; use as a context.

    Args:
        backend: its name and number of jobs; 0 jobs means one a core, or all of a cluster.
        dataset, config: the same in every round.
        width: lanes that a GPU trains at once, some of them copies where there are fewer.
    """

    def __init__(self, backend: BackendConfig, dataset: Dataset, config: TrainerConfig, width: int = 1) -> None:
        self.cluster = connect_cluster(backend)
        self.own_jobs = backend.jobs or cores()
        self.dataset, self.config = dataset, config
        self.device, self.width = torch_device(backend), width
        self.backend = "sequential" if self.cluster else local_backend(backend.name, config)
        if self.device.type != CPU:  # which belongs to one process, whose threads evaluate what it trained
            self.backend = "threading"
        self.threads = ThreadPoolExecutor(self.own_jobs) if self.backend == "threading" else None
        self.pool = self.new_pool()
        self.compiling: Future[None] | None = None
        self.caller = ThreadPoolExecutor(1, initializer=leave_ctrl_c)
        one_thread()

    @property
    def jobs(self) -> int:
        """How many workers the lanes are shared among; those of a cluster may come and go."""
        return self.cluster.jobs() if self.cluster else self.own_jobs

    def new_pool(self) -> joblib.Parallel:
        """Return a pool without history: one whose call failed may hand late results to its next call."""
        return joblib.Parallel(n_jobs=self.own_jobs, backend=self.backend, batch_size=1, max_nbytes=None)

    def __enter__(self) -> Self:
        """Start the processes; those of a cluster run already."""
        if not self.cluster and not self.threads and self.own_jobs > 1:
            self.pool.__enter__()
            ready = compile_kernels if learner(self.config).compiled else one_thread
            calls = [joblib.delayed(in_worker)(ready) for _ in range(self.own_jobs)]
            self.caller.submit(self.pool, calls)  # they import and compile while this process gets ready
        elif self.threads and learner(self.config).compiled:
            self.compiling = self.threads.submit(compile_kernels)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the processes."""
        if self.cluster:
            self.cluster.close()
        elif self.threads:
            self.threads.shutdown(wait=False, cancel_futures=True)
        elif self.own_jobs > 1:
            self.pool.__exit__(kind, value, trace)
        self.caller.shutdown(wait=False)

    def advance(self, lanes: Lanes) -> tuple[Lanes, list[Evaluation]]:
        """Advance all lanes by one evaluation interval; the result does not depend on jobs or backend.

        A killed worker costs a repeat of the round: all processes are replaced, and no state is lost.
        """
        if self.compiling:
            self.compiling.result()  # what compiling takes is no trial's time
        if self.device.type != CPU:
            return self.advance_there(lanes)
        parts = shards(costs(lanes, self.config), self.jobs)
        if len(parts) == 1 and not self.cluster:
            return advance(lanes, self.dataset, self.config)
        pieces, order = [select(lanes, part) for part in parts], in_order([lane for part in parts for lane in part])
        if self.threads:  # to whom lanes need not travel
            done = self.map(advance, [(piece, self.dataset, self.config) for piece in pieces])
        else:
            sent = self.map(advance_shard, [(to_arrays(piece), self.dataset, self.config) for piece in pieces])
            done = [(from_arrays(arrays), evaluations) for arrays, evaluations in sent]
        evaluations = [evaluation for _, found in done for evaluation in found]
        return select(join([part for part, _ in done]), order), [evaluations[at] for at in order]

    def advance_there(self, lanes: Lanes) -> tuple[Lanes, list[Evaluation]]:
        """Train all lanes on the device, and evaluate them on the processor's cores."""
        begin, count = time.perf_counter(), len(lanes.trial)
        lanes, logs = train_on(lanes, self.dataset, self.config, self.device, self.width, self.own_jobs)
        spent, jobs = time.perf_counter() - begin, min(self.own_jobs, count)
        bounds = list(pairwise(count * job // jobs for job in range(jobs + 1)))
        pieces = [
            (select(lanes, range(first, last)), [log.of(first, last) for log in logs],
             time.perf_counter() - spent * (last - first) / count, self.dataset, self.config)
            for first, last in bounds
        ]  # fmt: skip
        done = self.map(close_interval, pieces)
        return join([part for part, _ in done]), [item for _, found in done for item in found]

    def map(self, work: Callable[..., Result], pieces: Sequence[tuple[Any, ...]]) -> list[Result]:
        """Call `work` with the arguments of each piece, on the workers; return the results in order.

        One job, or one piece, is worked on here, without a cluster. All pieces are repeated, up to `ATTEMPTS`
        times in all, if a worker is lost, so `work` must give the same again. A loss beyond that ends the command
        and fails no trial: the records would depend on the machine.

        Raises:
            ClusterError: workers were lost in every attempt.
        """
        if self.cluster:
            return self.cluster.map(in_worker, [(work, *piece) for piece in pieces])
        if self.own_jobs == 1 or len(pieces) == 1:
            return [work(*piece) for piece in pieces]
        if self.threads:
            begun = [self.threads.submit(in_worker, work, *piece) for piece in pieces]
            return [call.result() for call in begun]
        for _ in range(ATTEMPTS - 1):
            try:
                return self.run(work, pieces)
            except BrokenProcessPool:  # killed, or a Ctrl-C met one that was still starting
                self.pool.__exit__(None, None, None)
                self.pool = self.new_pool()
                self.pool.__enter__()
        try:
            return self.run(work, pieces)
        except BrokenProcessPool as error:
            raise ClusterError(
                f"worker processes were lost {ATTEMPTS} times in one round",
                "were they killed, or out of memory? With --jobs 1 or fewer --jobs the same command continues",
            ) from error

    def run(self, work: Callable[..., Result], pieces: Sequence[tuple[Any, ...]]) -> list[Result]:
        """Map `work` over the pieces once, called from the thread whose children never see a Ctrl-C."""
        task = joblib.delayed(in_worker)
        calls = [task(work, *piece) for piece in pieces]
        results: list[Result] = list(self.caller.submit(self.pool, calls).result())
        return results
