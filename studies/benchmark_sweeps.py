"""Parts plain, ray, growth and best: whole sweeps, each in a process of its own, in turns with what is beside them."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.processors import cores
from studies.benchmark_child import Ran, child, launch
from studies.benchmark_rows import Sheet, rotated
from sweeps.benchmark_spec import BenchmarkSpec
from sweeps.spec import SweepSpec

OURS, PROCESSES, THREADS, RAY = "graphsweep", "Optuna, processes", "Optuna, n_jobs=2", "Ray Tune, ASHA"
SUMMED = ("trials", "complete", "pruned", "failed", "epochs", "best_val_shd")
TENTHS = 10
NO_REFILL = "a lane that comes free is always filled again: there is no setting to switch that off"
Take = Callable[[], Ran]


def seeded(spec: BenchmarkSpec, repeat: int) -> SweepSpec:
    """Return the sweep with the study seed of a repetition."""
    return replace(spec.sweep, search=replace(spec.sweep.search, seed=spec.sweep.search.seed + repeat))


def facts(sweep: SweepSpec) -> dict[str, Any]:
    """Return what identifies a sweep's rows."""
    return {
        "trials": sweep.search.trials, "lanes": sweep.search.lanes, "seed": sweep.search.seed,
        "sampler": sweep.search.sampler, "variables": sweep.data.variables,
    }  # fmt: skip


def ours(sweep: SweepSpec, folder: Path, check: Callable[[], None]) -> Ran:
    """Run our command as a person would, its report included; return what it came to."""
    words = ["studies.lambda_sweep", "-c", str(folder / "sweep.yaml"), "--out", str(folder / "runs"), "--json"]
    ran = launch(sweep, folder, words, check)
    (table,) = folder.glob("runs/*/trials.csv")
    with open(table, encoding="utf-8", newline="") as file:
        epochs = sum(int(row["epochs"]) for row in csv.DictReader(file))
    best = (ran.result["best"] or {}).get("val_shd")
    return Ran({**ran.result, "epochs": epochs, "best_val_shd": best}, ran.wall_seconds)


def measure_plain(sheet: Sheet, spec: BenchmarkSpec, repeat: int, folder: Path) -> None:
    """Time one whole sweep of ours, of Optuna's processes and of its threads, with one study seed."""
    sweep = seeded(spec, repeat)
    cases: dict[str, Take] = {
        OURS: lambda: ours(sweep, folder / "ours", sheet.check),
        PROCESSES: lambda: child("processes", sweep, folder / "processes", sheet.check),
        THREADS: lambda: child("threads", sweep, folder / "threads", sheet.check),
    }
    measure_whole(sheet, sweep, cases, repeat)


def measure_ray(sheet: Sheet, spec: BenchmarkSpec, repeat: int, folder: Path) -> None:
    """Time one whole sweep of ours and of Ray Tune; where that cannot run, say why and measure nothing."""
    from studies.benchmark_ray import missing

    sweep, reason = seeded(spec, repeat), missing()
    if reason:
        sheet.fail(RAY, reason, **facts(sweep))
        return
    cases: dict[str, Take] = {
        OURS: lambda: ours(sweep, folder / "ours", sheet.check),
        RAY: lambda: child("ray", sweep, folder / "ray", sheet.check),
    }
    measure_whole(sheet, sweep, cases, repeat)


def measure_whole(sheet: Sheet, sweep: SweepSpec, cases: dict[str, Take], repeat: int) -> None:
    """Run whole sweeps in turn, beginning with another one each repetition; rows of time and result."""
    jobs = sweep.backend.jobs or cores()
    for method, take in rotated(list(cases.items()), repeat):
        ran = take()
        values = {"wall_seconds": ran.wall_seconds, **{name: ran.result.get(name) for name in SUMMED}}
        if "search_seconds" in ran.result:
            values["search_seconds"] = ran.result["search_seconds"]
        sheet.add(method, repeat, values, note=f"jobs {jobs}", **facts(sweep))


def measure_growth(sheet: Sheet, spec: BenchmarkSpec, sampler: str, folder: Path) -> None:
    """Run small trials by the thousand in one run, on one process; rows of its time by tenths, memory and disk."""
    sweep = replace(spec.growth, search=replace(spec.growth.search, sampler=sampler))
    result = child("search_and_report", sweep, folder, sheet.check).result
    names = (
        "search_seconds", "report_seconds", "peak_memory_bytes", "peak_memory_with_report_bytes", "folder_bytes",
        "trials",
    )  # fmt: skip
    values: dict[str, float | None] = {name: result[name] for name in names}
    for tenth, seconds in enumerate(tenths([seconds for seconds, _ in result["ended"]]), start=1):
        values[f"tenth_{tenth}_seconds_per_trial"] = seconds
    sheet.add("graphsweep", None, values, **facts(sweep))


def tenths(ended: list[float]) -> list[float]:
    """Return the seconds a trial of each tenth of a run, from when its trials ended, in order and from its start on."""
    bounds = [len(ended) * part // TENTHS for part in range(TENTHS + 1)]
    found = []
    for low, high in zip(bounds[:-1], bounds[1:], strict=True):
        before = ended[low - 1] if low else 0.0
        found.append((ended[high - 1] - before) / (high - low))
    return found


def measure_best(sheet: Sheet, spec: BenchmarkSpec, repeat: int, folder: Path) -> None:
    """Run a sweep with and without pruning, in turn; rows of the time until its best SHD, and until the one both reach.

    A value is known when its trial ends. The common value is the worse of the two final ones, so that both got there.
    """
    sweep = seeded(spec, repeat)
    plain = replace(sweep, search=replace(sweep.search, pruner="none"))
    cases = {"pruned and refilled": sweep, "no pruning": plain}
    results = {}
    for place, (method, one) in enumerate(rotated(list(cases.items()), repeat)):
        results[method] = child("search", one, folder / str(place), sheet.check).result
    finals = [result["best_val_shd"] for result in results.values() if result["best_val_shd"] is not None]
    common = max(finals, default=None)
    for method, result in results.items():
        best = result["best_val_shd"]
        values = {
            "seconds_to_common_best": reached(result["ended"], common),
            "seconds_to_best": reached(result["ended"], best),
            "search_seconds": result["search_seconds"],
            "best_val_shd": best,
            "common_val_shd": common,
            "pruned": result["pruned"],
        }
        sheet.add(method, repeat, values, **facts(cases[method]))
    sheet.fail("no refill", NO_REFILL, **facts(sweep))


def reached(ended: list[tuple[float, float | None]], value: float | None) -> float | None:
    """Return after how many seconds a value was first reached, or beaten; None where it never was."""
    if value is None:
        return None
    return next((seconds for seconds, found in ended if found is not None and found <= value), None)


def measure_share(sheet: Sheet, spec: BenchmarkSpec, repeat: int, folder: Path) -> None:
    """Run a sweep of the settings, for the share of orchestration and checkpoints in its time."""
    sweep = seeded(spec, repeat)
    result = child("search", sweep, folder, sheet.check).result
    names = ("search_seconds", "trial_reports", "rounds", "checkpoint_seconds")
    sheet.add("sweep", repeat, {name: result[name] for name in names}, **facts(sweep))
