"""A benchmark's figures: speed by lanes, whole sweeps, cost as a run grows, time to the best, the study's own work."""

import math
from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from reports import benchmark_standing as standing
from reports import wording
from reports.benchmark_folder import BenchmarkFolder, Spread
from reports.colours import BAD, CORRECT, GOOD, INK, PRUNED, SECOND, SOFT, WATCH
from reports.drawing import Plot, log_axis, new_figure

LINES = (CORRECT, SECOND, WATCH, GOOD, BAD, SOFT)
TENTHS = 10
WIDE = 30.0
"""Times that differ by more than this are drawn on a logarithmic axis."""


def lanes(bench: BenchmarkFolder) -> Plot | None:
    """Draw how many times as fast as one trial at a time every number of lanes is."""
    found = {size: standing.speeds(bench, size) for size in standing.sizes(bench)}
    found = {size: items for size, items in found.items() if any(item.over_alone.n for item in items)}
    if not found:
        return None
    figure = new_figure(3.2)
    axes = figure.add_subplot()
    for place, (size, items) in enumerate(found.items()):
        colour = LINES[place % len(LINES)]
        x, y = [item.lanes for item in items], [item.over_alone for item in items]
        axes.plot(x, [one.median for one in y], color=colour, marker="o", markersize=3.5)
        for lane, one in zip(x, y, strict=True):
            axes.plot([lane, lane], [one.low, one.high], color=colour, linewidth=2.6, alpha=0.4)
        axes.plot([], [], color=colour, marker="o", markersize=3.5, label=wording.count(size, "variable"))
    counts = sorted({item.lanes for items in found.values() for item in items})
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(counts))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
    axes.axhline(1.0, color=PRUNED, linewidth=1.0, linestyle="--")
    axes.set_ylim(bottom=0)
    axes.set(xlabel="lanes (logarithmic)", ylabel="times as many trial-steps a second")
    axes.legend(loc="upper left")
    first = found[min(found)]
    best = max(first, key=lambda item: item.over_alone.median)
    title = (
        f"{wording.count(best.lanes, 'lane')} train {standing.times(best.over_alone.median)} as many trial-steps a "
        f"second as one trial at a time ({wording.count(min(found), 'variable')})"
    )
    caption = (
        "Trial-steps a second on one core over those of one trial by PyTorch's operations: the dashed line. Median of "
        "the repetitions; bars reach from the lowest to the highest."
    )
    spoken = "; ".join(
        f"{size} variables: "
        + ", ".join(f"{item.lanes} lanes {wording.significant(item.over_alone.median)}" for item in items)
        for size, items in found.items()
    )
    return Plot("benchmark_lanes", "lanes", title, caption, f"{title}. {spoken}.", figure)


def dots(
    name: str, section: str, rows: Sequence[tuple[str, Spread]], axis: str, words: tuple[str, str],
    write: Callable[[float], str],
) -> Plot | None:  # fmt: skip
    """Draw a median with its range for each row, the first row ours."""
    rows = [(label, value) for label, value in rows if value.n]
    if len(rows) < 2:
        return None
    figure = new_figure(0.9 + 0.34 * len(rows))
    axes: Axes = figure.add_subplot()
    for place, (label, value) in enumerate(rows):
        colour = CORRECT if label.startswith((standing.OURS, standing.PRUNED)) else SECOND
        axes.plot([value.low, value.high], [place, place], color=colour, linewidth=1.8)
        axes.scatter(value.median, place, s=34, color=colour, linewidths=0, zorder=3)
        axes.text(
            1.012, place, write(value.median), transform=axes.get_yaxis_transform(), va="center", fontsize=8, color=INK
        )
    axes.set_yticks(range(len(rows)), [wording.label(label, 40) for label, _ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    low, high = min(value.low for _, value in rows), max(value.high for _, value in rows)
    if low > 0 and high / low > WIDE:
        axes.set_xlim(low / 1.6, high * 1.6)
        log_axis(axes, "x", low / 1.6, high * 1.6)
        axis += " (logarithmic)"
    else:
        axes.set_xlim(0, high * 1.06)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: wording.significant(value)))
    axes.set_xlabel(axis)
    title, caption = words
    spoken = "; ".join(f"{label} {write(value.median)}" for label, value in rows)
    return Plot(name, section, title, caption, f"{title}. {spoken}.", figure)


def plain(bench: BenchmarkFolder) -> Plot | None:
    """Draw the time of whole sweeps, ours and plain PyTorch under Optuna."""
    return _sweeps(bench, "plain", standing.PROCESSES)


def ray(bench: BenchmarkFolder) -> Plot | None:
    """Draw the time of whole sweeps, ours and under Ray Tune."""
    return _sweeps(bench, "ray", standing.RAY)


def _sweeps(bench: BenchmarkFolder, part: str, beside: str) -> Plot | None:
    methods = dict.fromkeys([standing.OURS, *(item.method for item in bench.part(part))])
    rows = [(method, bench.spread("wall_seconds", part=part, method=method)) for method in methods]
    ratio = standing.times_longer(bench, part, beside)
    title = f"{beside}: {standing.times(ratio.median)} as long as ours" if ratio.n else "Whole sweeps"
    caption = "Wall time of a whole sweep from the start of its command to its end: median and range over study seeds."
    return dots(f"benchmark_{part}", part, rows, "seconds", (title, caption), wording.duration)


def growth(bench: BenchmarkFolder) -> Plot | None:
    """Draw the time a trial takes, by tenths of a long run."""
    found: dict[str, list[float]] = {}
    for sampler in dict.fromkeys(item.sampler for item in bench.part("growth")):
        each = [
            bench.spread(f"tenth_{tenth}_seconds_per_trial", sampler=sampler).median for tenth in range(1, TENTHS + 1)
        ]
        if all(math.isfinite(value) for value in each):
            found[sampler] = [1000.0 * value for value in each]
    if not found:
        return None
    figure = new_figure(2.8)
    axes = figure.add_subplot()
    for place, (sampler, values) in enumerate(found.items()):
        axes.plot(range(1, TENTHS + 1), values, color=LINES[place], marker="o", markersize=3.5, label=sampler)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(FixedLocator(range(1, TENTHS + 1)))
    axes.set(xlabel="tenth of the run", ylabel="milliseconds a trial")
    axes.legend(loc="upper left")
    trials = bench.spread("trials", part="growth").median
    parts = [f"{standing.times(values[-1] / values[0])} with {sampler}" for sampler, values in found.items()]
    which = f"A trial of the last tenth of {wording.count(trials, 'trial')}"
    title = f"{which} takes {wording.listing(parts)} as long as one of the first"
    caption = "Time between the ends of trials, a tenth of the run at a time: training, study, records and checkpoints."
    spoken = "; ".join(
        f"{name}: {', '.join(wording.significant(value) for value in values)}" for name, values in found.items()
    )
    return Plot("benchmark_growth", "growth", title, caption, f"{title}. Milliseconds: {spoken}.", figure)


def best(bench: BenchmarkFolder) -> Plot | None:
    """Draw the time until the value that both searches reached."""
    name, part = "seconds_to_common_best", "best"
    rows = [(method, bench.spread(name, part=part, method=method)) for method in (standing.PRUNED, standing.UNPRUNED)]
    sides = [{"part": part, "method": method} for method in (standing.UNPRUNED, standing.PRUNED)]
    ratio = bench.ratio(name, sides[0], sides[1])
    title = f"Without pruning it takes {standing.times(ratio.median)} as long to reach the same SHD"
    caption = "Seconds of search until the value that both searches reached: median and range over study seeds."
    return dots("benchmark_best", part, rows, "seconds", (title, caption), wording.duration)


def orchestration(bench: BenchmarkFolder) -> Plot | None:
    """Draw the cost of a trial-report, by study and its size."""
    name, rows = "milliseconds_per_trial_report", []
    found = bench.pick(name, sampler="random")
    for method in dict.fromkeys([standing.OURS, *(item.method for item in found)]):
        for size in standing.behind(bench):
            label = f"{method}, {size:,} trials"
            rows.append((label, bench.spread(name, method=method, trials=size, sampler="random")))
    if not rows:
        return None
    where = {"sampler": "random", "trials": float(standing.behind(bench)[0])}
    ratio = bench.ratio(
        name, {**where, "method": "Optuna, journal file"}, {**where, "method": standing.OURS}
    )  # fmt: skip
    title = f"Optuna's journal file costs {standing.times(ratio.median)} as much a trial-report as the study in memory"
    caption = (
        "Ask, report, prune, tell and records a trial-report, sampler random: median and range of the repetitions."
    )
    return dots(
        "benchmark_orchestration", "orchestration", rows, "milliseconds", (title, caption),
        lambda value: f"{wording.significant(value, 2)} ms",
    )  # fmt: skip
