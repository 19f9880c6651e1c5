"""Whole sweeps of a benchmark, each in a process of its own: a fresh start, a peak memory of its own, a clock outside.

`python -m studies.benchmark_child KIND FOLDER` is what the benchmark starts: FOLDER has the settings in sweep.yaml, and
what the sweep came to is printed as one JSON object. It is no command for people.
"""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from core.errors import GraphsweepError
from sweeps.show import dump_yaml
from sweeps.spec import SweepSpec, load_spec

if TYPE_CHECKING:
    from studies.run import Run

SETTINGS, POLL_SECONDS = "sweep.yaml", 0.02
KIBIBYTE = 1 if sys.platform == "darwin" else 1024
"""What `ru_maxrss` counts in."""


class ChildError(GraphsweepError):
    """A sweep of the benchmark did not come to its end; says why in one line."""


class Ran(NamedTuple):
    """What a process printed, as JSON, and its wall time from before its start until after its end."""

    result: dict[str, Any]
    wall_seconds: float


def launch(spec: SweepSpec, folder: Path, words: list[str], check: Callable[[], None]) -> Ran:
    """Run a module in a process of its own, which a signal to this one does not reach.

    Args:
        spec: written to `folder` as sweep.yaml. words: module and arguments.
        check: called often; what it raises ends the process and its workers.

    Raises:
        ChildError: it ended with another exit code than 0, or printed no JSON.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SETTINGS).write_text(dump_yaml(spec), encoding="utf-8")
    root = str(Path(__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
    with open(folder / "out.txt", "w+", encoding="utf-8") as out, open(folder / "err.txt", "w+") as err:
        begin = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", *words], stdout=out, stderr=err, env=environment, start_new_session=True
        )
        try:
            while process.poll() is None:
                check()
                time.sleep(POLL_SECONDS)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        seconds = time.perf_counter() - begin
        out.seek(0)
        err.seek(0)
        printed, complaints = out.read(), err.read().strip().splitlines()
    if process.returncode:
        reason = complaints[-1] if complaints else f"exit code {process.returncode}"
        raise ChildError(f"{words[0]} ended early: {reason}")
    try:
        return Ran(dict(json.loads(printed)), seconds)
    except ValueError as error:
        raise ChildError(f"{words[0]} printed no result") from error


def child(kind: str, spec: SweepSpec, folder: Path, check: Callable[[], None]) -> Ran:
    """Run a sweep of a kind (search, search_and_report, processes, threads, ray) in a process of its own."""
    return launch(spec, folder, ["studies.benchmark_child", kind, str(folder.absolute())], check)


def search(spec: SweepSpec, folder: Path, *, report: bool) -> dict[str, Any]:
    """Run our sweep in this process; return its times, records and memory, and the report's where it is asked for."""
    from core.data import prepare
    from studies.benchmark_folder import TimedFolder
    from studies.data import load_table
    from studies.rounds import Workers
    from studies.run import Run

    begin, table = time.perf_counter(), load_table(spec.data)
    dataset = prepare(table, spec.trainer)
    own = TimedFolder(folder / "run", list(spec.space))
    with Workers(spec.backend, dataset, spec.trainer, spec.search.lanes) as workers:
        run = Run(spec, "val_shd", table, dataset, own, workers, quiet=True, verbose=False)
        run.search(stop=lambda: False, out_of_time=lambda: False)
        summary = run.conclude(begin, lambda: False)
    memory, reported = peak_memory(), time.perf_counter()
    if report:
        run.report()
    found = {
        "search_seconds": summary["search_seconds"] + own.checkpoint_seconds,  # which the summary leaves out
        "report_seconds": time.perf_counter() - reported if report else None,
        "peak_memory_bytes": memory,
        "peak_memory_with_report_bytes": peak_memory() if report else None,
        "rounds": own.rounds,
        "checkpoint_seconds": own.checkpoint_seconds,
        "folder_bytes": sum(path.stat().st_size for path in own.path.rglob("*") if path.is_file()),
        "ended": ended(run),
        "trial_reports": len(run.sweep.epochs) if run.sweep else 0,
        **{name: summary[name] for name in ("trials", "complete", "pruned", "failed")},
        "best_val_shd": summary["best"] and summary["best"]["val_shd"],
    }
    own.close()
    return found


def ended(run: "Run") -> list[tuple[float, float | None]]:
    """Return of each trial, in the order of their ends, seconds since the first began, and a complete one's value."""
    assert run.sweep is not None
    trials = run.sweep.search.study.get_trials(deepcopy=False)
    first = min(trial.datetime_start for trial in trials if trial.datetime_start is not None)
    found = [
        ((trial.datetime_complete - first).total_seconds(), trial.value if trial.state.name == "COMPLETE" else None)
        for trial in trials
        if trial.datetime_complete is not None
    ]
    return sorted(found, key=lambda item: item[0])


def peak_memory() -> int:
    """Return the most memory that this process has held, bytes.

    Where the system says it of the program alone, that is taken: getrusage also counts what the process was before it
    became this program, a copy of the benchmark.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    peaks = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
    return peaks[0] if peaks else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBIBYTE


def main(words: list[str]) -> int:
    """Run one sweep, no longer than the benchmark lives, and print what it came to."""
    kind, folder = words[0], Path(words[1])
    from studies.processes import leave_with, one_thread

    threading.Thread(target=leave_with, args=(os.getppid(),), daemon=True).start()
    one_thread()
    spec = load_spec(folder / SETTINGS)
    with contextlib.redirect_stdout(sys.stderr):  # Ray Tune announces itself there
        found = take(kind, spec, folder)
    print(json.dumps(found))
    return 0


def take(kind: str, spec: SweepSpec, folder: Path) -> dict[str, Any]:
    """Run one sweep of a kind in this process; return what it came to."""
    if kind in ("search", "search_and_report"):
        return search(spec, folder, report=kind == "search_and_report")
    if kind == "ray":
        from studies.benchmark_ray import ray_sweep

        return ray_sweep(spec, folder)
    from studies.benchmark_plain_sweep import processes, threads

    return processes(spec, folder) if kind == "processes" else threads(spec)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
