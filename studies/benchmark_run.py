"""The units of a benchmark, one after the other; each that came to its end is kept, so a kill costs the one in hand."""

import json
import platform
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import optuna
import yaml

from core.errors import GraphsweepError
from core.kernel_warm_up import compile_kernels
from core.processors import cores
from studies import benchmark_lanes as lanes
from studies import benchmark_sweeps as sweeps
from studies.artefacts import as_json, commit, machine
from studies.benchmark_orchestration import measure_orchestration
from studies.benchmark_rows import COLUMNS, Row, Sheet, StoppedError
from studies.lines import count, duration
from studies.records import write_rows
from studies.run_folder import RunFolder
from studies.terminal import Terminal
from sweeps.benchmark_spec import PARTS, BenchmarkSpec

FORMAT = 1
KNOWN = (GraphsweepError, MemoryError, optuna.exceptions.OptunaError)
"""What may end one unit and leave the rest to go on."""
SAMPLERS = ("random", "tpe")
"""Of part growth: one without a cost of its own, and the default."""


class Unit(NamedTuple):
    """What is measured and kept together, and how; every ratio is of rows of one unit."""

    part: str
    name: str
    measure: Callable[[Sheet, Path], None]


def units(spec: BenchmarkSpec) -> list[Unit]:
    """Return the units of the parts asked for, in order."""
    return [Unit(part, name, measure) for part in spec.parts for name, measure in MAKERS[part](spec)]


Made = Iterator[tuple[str, Callable[[Sheet, Path], None]]]


def _lanes(spec: BenchmarkSpec) -> Made:
    for variables in spec.variables:
        yield f"lanes-{variables}", lambda sheet, _, d=variables: lanes.measure_lanes(sheet, spec, d)  # type: ignore[misc]
    yield "floor", lambda sheet, _: lanes.measure_floor(sheet, spec)


def _repeated(name: str, measure: Callable[[Sheet, BenchmarkSpec, int, Path], None]) -> Callable[[BenchmarkSpec], Made]:
    def made(spec: BenchmarkSpec) -> Made:
        for repeat in range(spec.measure.repeats):
            yield f"{name}-{repeat}", lambda sheet, path, n=repeat: measure(sheet, spec, n, path)  # type: ignore[misc]

    return made


def _growth(spec: BenchmarkSpec) -> Made:
    for sampler in SAMPLERS:
        yield f"growth-{sampler}", lambda sheet, path, name=sampler: sweeps.measure_growth(sheet, spec, name, path)  # type: ignore[misc]


def _orchestration(spec: BenchmarkSpec) -> Made:
    yield from _repeated("share", sweeps.measure_share)(spec)
    for size in spec.sizes:
        yield f"orchestration-{size}", lambda sheet, path, n=size: measure_orchestration(sheet, spec, n, path)  # type: ignore[misc]


MAKERS: dict[str, Callable[[BenchmarkSpec], Made]] = {
    "lanes": _lanes,
    "plain": _repeated("plain", sweeps.measure_plain),
    "ray": _repeated("ray", sweeps.measure_ray),
    "growth": _growth,
    "best": _repeated("best", sweeps.measure_best),
    "orchestration": _orchestration,
}


def processor() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def this_machine() -> dict[str, Any]:
    """Return what the times depend on: processor, cores, versions."""
    return {"processor": processor(), "cores": cores(), **machine()}


class Measured(NamedTuple):
    """A unit's rows, and the commit of the source that gave them, where it is known."""

    rows: list[Row]
    commit: str | None


def kept(path: Path, unit: Unit) -> Measured | None:
    """Return what an earlier command measured of a unit; None where there is no number among it."""
    try:
        found = Measured(**json.loads((path / "parts" / f"{unit.name}.json").read_text(encoding="utf-8")))
        return found if any(row.get("value") is not None for row in found.rows) else None
    except (OSError, ValueError, AttributeError, TypeError):
        return None


class BenchmarkRun:
    """One run of a benchmark in its folder.

    Args:
        spec: what is measured. folder: the benchmark's, locked.
        stopped: tells whether a signal has come. quiet: say nothing.
    """

    def __init__(
        self, spec: BenchmarkSpec, folder: RunFolder, stopped: Callable[[], bool], *, quiet: bool
    ) -> None:  # fmt: skip
        self.spec, self.folder, self.stopped = spec, folder, stopped
        self.say = Terminal(0, quiet=quiet, verbose=False, log=folder.path / "benchmark.log").say
        self.units = units(spec)
        self.all_units = units(spec.only(PARTS))
        self.done = {unit.name: found for unit in self.all_units if (found := kept(folder.path, unit)) is not None}
        self.failed: dict[str, list[Row]] = {}
        self.ran = 0

    @property
    def finished(self) -> int:
        """Return how many of the units asked for have been measured."""
        return sum(unit.name in self.done for unit in self.units)

    def check(self) -> None:
        """Raise StoppedError once a signal has come."""
        if self.stopped():
            raise StoppedError

    def run(self) -> None:
        """Measure what is missing, and keep each unit as it ends."""
        self.say(f"{self.spec.study}: {', '.join(self.spec.parts)}; {count(len(self.units), 'unit')}")
        self.say(f"machine    {processor()}, {count(cores(), 'core')}")
        self.say(f"folder     {self.folder.path}")
        if self.finished:
            self.say(f"continuing: {self.finished} of {len(self.units)} done")
        if self.finished < len(self.units):
            compile_kernels()  # which a machine does once: it is no part's time
        work = self.folder.path / "work"
        for place, unit in enumerate(self.units, start=1):
            if unit.name in self.done:
                continue
            shutil.rmtree(work, ignore_errors=True)
            try:
                self.measure(unit, work / unit.name, f"{place:>3}/{len(self.units)} {unit.name}")
            except StoppedError:
                break
            self.write()
        shutil.rmtree(work, ignore_errors=True)

    def measure(self, unit: Unit, work: Path, head: str) -> None:
        """Measure one unit; what it could not is a row that says why."""
        begin, sheet = time.perf_counter(), Sheet(unit.part, unit.name, self.check)
        try:
            self.check()
            unit.measure(sheet, work)
        except KNOWN as error:
            told = error.message if isinstance(error, GraphsweepError) else f"{type(error).__name__}: {error}"
            sheet.rows = []
            sheet.fail(unit.part, " ".join(told.split())[:300])
        self.ran += 1
        if any(row.get("value") is not None for row in sheet.rows):
            self.done[unit.name] = Measured(sheet.rows, commit())
            self.folder.write(f"parts/{unit.name}.json", as_json(self.done[unit.name]._asdict()))
            self.say(f"{head}: {duration(time.perf_counter() - begin)}")
        else:
            self.failed[unit.name] = sheet.rows
            self.say(f"{head}: not measured: {next((row['error'] for row in sheet.rows), 'no number')}")

    def write(self) -> None:
        """Write table, facts and settings, as far as the benchmark has come; parts measured earlier stay in them."""
        found = {**self.failed, **{name: measured.rows for name, measured in self.done.items()}}
        rows = [row for unit in self.all_units for row in found.get(unit.name, [])]
        self.folder.write("benchmark.csv", write_rows(rows, COLUMNS))
        settings = self.spec.to_dict()
        self.folder.write("benchmark.yaml", yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))
        facts = {
            "format": FORMAT, "study": self.spec.study, "settings": settings, "machine": this_machine(),
            "sweep_trials": self.spec.sweep.search.trials, "jobs": self.spec.sweep.backend.jobs or cores(),
            "units": len(self.units), "finished": self.finished,
            "commits": sorted({measured.commit for measured in self.done.values() if measured.commit}),
        }  # fmt: skip
        self.folder.write("benchmark.json", as_json(facts))
