"""What a benchmark found: ratios with their reference, each of one repetition, and three sentences."""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from reports.benchmark_folder import BenchmarkFolder, Number, Spread, spread
from reports.wording import count, decimals, duration, significant

OURS, PROCESSES, THREADS, RAY = "graphsweep", "Optuna, processes", "Optuna, n_jobs=2", "Ray Tune, ASHA"
PRUNED, UNPRUNED = "pruned and refilled", "no pruning"
HEADLINE_LANES = 64
OPERATIONS, BYTES = "operations", "bytes"


@dataclass(frozen=True)
class Speed:
    """Trial-steps a second at a number of lanes, and how many times one trial: by PyTorch, and compiled."""

    lanes: int
    speed: Spread
    over_alone: Spread
    over_one: Spread


@dataclass(frozen=True)
class Floor:
    """A step and the least that it could take: seconds by the core's operations and by its memory; each a median.

    own_rate: of a product of the step's own shape. open_operations: those left where shut gates cost nothing.
    """

    lanes: int
    variables: int
    operations: float
    bytes: float
    product_rate: float
    own_rate: float
    copy_rate: float
    open_operations: float
    step: Spread

    @property
    def by_operations(self) -> float:
        """Seconds for the operations at the rate of a large product."""
        return self.operations / self.product_rate

    @property
    def by_bytes(self) -> float:
        """Seconds for the bytes at the rate of a copy."""
        return self.bytes / self.copy_rate

    @property
    def seconds(self) -> float:
        """The floor."""
        return max(self.by_operations, self.by_bytes)

    @property
    def ratio(self) -> float:
        """The measured step in floors."""
        return self.step.median / self.seconds


def sizes(bench: BenchmarkFolder) -> list[int]:
    """Give the numbers of variables of part lanes."""
    return sorted({int(item.variables) for item in bench.pick("trial_steps_per_second")})


def speeds(bench: BenchmarkFolder, variables: int) -> list[Speed]:
    """Give the speed at every number of lanes."""
    name, found = "trial_steps_per_second", []
    for lanes in sorted({int(item.lanes) for item in bench.pick(name, method="lanes", variables=variables)}):
        mine = {"method": "lanes", "variables": variables, "lanes": lanes}
        alone = {"method": "alone", "variables": variables}
        one = {"method": "lanes", "variables": variables, "lanes": 1}
        ratios = (bench.ratio(name, mine, other) for other in (alone, one))
        found.append(Speed(lanes, bench.spread(name, **mine), *ratios))
    return found


def floor(bench: BenchmarkFolder) -> Floor | None:
    """Give the floor of a step; None where it was not measured."""
    step = bench.pick("step_seconds")
    if not step:
        return None
    rate = "operations_per_second"
    return Floor(
        int(step[0].lanes),
        int(step[0].variables),
        math.fsum(item.value for item in bench.pick(OPERATIONS)),
        math.fsum(item.value for item in bench.pick(BYTES)),
        bench.spread(rate, method="large product").median,
        bench.spread(rate, method="product of the step's shape").median,
        bench.spread("bytes_per_second").median,
        bench.spread("open_operations").median,
        bench.spread("step_seconds"),
    )


def times_longer(bench: BenchmarkFolder, part: str, method: str, quantity: str = "wall_seconds") -> Spread:
    """Give how many times as long as ours a method took, by pairs with one study seed."""
    return bench.ratio(quantity, {"part": part, "method": method}, {"part": part, "method": OURS})


def epoch_rate(bench: BenchmarkFolder, part: str, method: str) -> Spread:
    """Give trained epochs a second of a whole sweep."""
    return spread([1.0 / item.value for item in _each_epoch(bench, part, method)])


def longer_an_epoch(bench: BenchmarkFolder, part: str, method: str) -> Spread:
    """Give how many times as long as ours a method took for each epoch trained, by pairs: pruning counts nothing."""
    times_taken = {item.repeat: item for item in _each_epoch(bench, part, OURS)}
    pairs = [(item, times_taken.get(item.repeat)) for item in _each_epoch(bench, part, method)]
    return spread([theirs.value / ours.value for theirs, ours in pairs if ours is not None])


def _each_epoch(bench: BenchmarkFolder, part: str, method: str) -> list[Number]:
    """Give the wall seconds of whole sweeps, divided by the epochs that they trained."""
    where = {"part": part, "method": method}
    epochs = {item.repeat: item.value for item in bench.pick("epochs", **where)}
    return [
        replace(item, value=item.value / epochs[item.repeat])
        for item in bench.pick("wall_seconds", **where)
        if epochs.get(item.repeat, 0) > 0
    ]


def orchestration(bench: BenchmarkFolder, method: str, trials: float, sampler: str) -> Spread:
    """Give milliseconds a trial-report."""
    return bench.spread("milliseconds_per_trial_report", method=method, trials=trials, sampler=sampler)


def behind(bench: BenchmarkFolder) -> list[int]:
    """Give the sizes of the studies of part orchestration."""
    return sorted({int(item.trials) for item in bench.pick("milliseconds_per_trial_report")})


def sweep_share(bench: BenchmarkFolder, milliseconds: float) -> float:
    """Give the share of a sweep's search that its trial-reports take at a cost each; NaN where none was run."""
    found = bench.spread("search_seconds", method="sweep").median
    return milliseconds * bench.spread("trial_reports", method="sweep").median / 1000.0 / found


def checkpoint_share(bench: BenchmarkFolder) -> Spread:
    """Give the share of a round that its checkpoint takes, by sweeps."""
    where = {"method": "sweep"}
    whole = {item.repeat: item.value for item in bench.pick("search_seconds", **where)}
    return spread([item.value / whole[item.repeat] for item in bench.pick("checkpoint_seconds", **where)])


def times(value: float) -> str:
    """Write a ratio: `4.1 times`."""
    return f"{significant(value, 3 if value >= 100 else 2)} times"


def sentences(bench: BenchmarkFolder) -> tuple[str, str, str]:
    """Say what lanes, a whole sweep and the study's own work come to, each with what it is set beside."""
    return _lanes_sentence(bench), _plain_sentence(bench), _orchestration_sentence(bench)


def _lanes_sentence(bench: BenchmarkFolder) -> str:
    if not sizes(bench):
        return "Part lanes was not measured."
    variables = sizes(bench)[0]
    found = speeds(bench, variables)
    best = max(found, key=lambda item: item.speed.median)
    shown = next((item for item in found if item.lanes == HEADLINE_LANES), best)
    text = (
        f"{count(shown.lanes, 'lane')} on one core train {times(shown.over_alone.median)} as many trial-steps a second "
        f"as one trial at a time by PyTorch's operations with the same trainer, and {times(shown.over_one.median)} as "
        f"many as one compiled trial ({count(variables, 'variable')}, median of {shown.over_alone.n})"
    )
    found_floor = floor(bench)
    if found_floor is None:
        return f"{text}."
    floors = times(found_floor.ratio)
    return f"{text}; a step takes {floors} as long as the model's arithmetic and memory would need at least."


def _plain_sentence(bench: BenchmarkFolder) -> str:
    found = times_longer(bench, "plain", PROCESSES)
    if not found.n:
        return "Part plain was not measured."
    ours, theirs = (bench.spread("wall_seconds", part="plain", method=name).median for name in (OURS, PROCESSES))
    threads = times_longer(bench, "plain", THREADS)
    jobs = count(float(bench.facts.get("jobs") or 1), "core")
    also = f"; study.optimize(n_jobs=2) {times(threads.median)}" if threads.n else ""
    each = longer_an_epoch(bench, "plain", PROCESSES)
    told = f", {times(each.median)} for each epoch trained" if each.n else ""
    return (
        f"A whole sweep of {count(float(bench.facts.get('sweep_trials') or 0), 'trial')} on {jobs} takes "
        f"{duration(ours)}, start and report included; plain PyTorch under Optuna, one trial a process, takes "
        f"{duration(theirs)}, {times(found.median)} as long{told} (median of {count(found.n, 'pair')}){also}."
    )


def _orchestration_sentence(bench: BenchmarkFolder) -> str:
    if not behind(bench):
        return "Part orchestration was not measured."
    size = behind(bench)[0]
    parts = []
    for label, method in (("Optuna's journal file", "Optuna, journal file"), ("SQLite", "Optuna, SQLite")):
        where = {"trials": float(size), "sampler": "random"}
        found = bench.ratio("milliseconds_per_trial_report", {**where, "method": method}, {**where, "method": OURS})
        parts += [f"{label} {times(found.median)}"] if found.n else []
    cost = orchestration(bench, OURS, size, "random").median
    share = sweep_share(bench, cost)
    told = f", {decimals(100 * share, 1)} % of a sweep" if math.isfinite(share) else ""
    beside = f"; {' and '.join(parts)} as much, with the same calls" if parts else ""
    return (
        f"Asking, reporting, pruning, telling and recording costs {significant(cost, 2)} ms a trial-report{told}, on a "
        f"study of {count(size, 'trial')}{beside}."
    )


def summary(bench: BenchmarkFolder) -> dict[str, Any]:
    """Give what --json prints: sentences, machine, and every ratio with its range."""
    found, longer, each = floor(bench), dict[str, Any](), dict[str, Any]()
    for part, method in (("plain", PROCESSES), ("plain", THREADS), ("ray", RAY)):
        ratio = times_longer(bench, part, method)
        longer |= {f"{part}: {method}": asdict(ratio)} if ratio.n else {}
        epoch = longer_an_epoch(bench, part, method)
        each |= {f"{part}: {method}": asdict(epoch)} if epoch.n else {}
    return {
        "format": bench.facts["format"],
        "study": bench.facts.get("study"),
        "machine": bench.machine,
        "units": bench.facts.get("units"),
        "finished": bench.facts.get("finished"),
        "sentences": list(sentences(bench)),
        "lanes": [{"variables": size, **asdict(item)} for size in sizes(bench) for item in speeds(bench, size)],
        "floor": None if found is None else {**asdict(found), "seconds": found.seconds, "ratio": found.ratio},
        "times_as_long_as_ours": longer,
        "times_as_long_an_epoch": each,
        "checkpoint_share": asdict(checkpoint_share(bench)),
        "not_measured": [asdict(item) for item in bench.failures],
        "report": str(bench.path / "report.html"),
    }
