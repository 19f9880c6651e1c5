"""What the settings of several runs give on fresh seeds and fresh data, beside each sweep's own number."""

import numpy as np

from reports import wording
from reports.drawing import Plot, new_figure
from reports.figures.fresh import ROW_HEIGHT, Line, Luck, draw
from reports.run import number
from reports.scores import Fresh, fresh_blind, fresh_data, fresh_seeds, scale_of
from reports.several import Member, same_cut, same_data

WHOLE_UP_TO = 4


def collect(members: tuple[Member, ...]) -> Luck | None:
    """Collect the lines; None where no run has fresh seeds with a true graph.

    Over `WHOLE_UP_TO` runs have one line each, their fresh seeds. Where the cuts differ, the oracle runs' blind picks
    are shown too: they are what the blind runs are compared with.
    """
    whole, alike = len(members) <= WHOLE_UP_TO, same_cut(members)
    lines: list[Line] = []
    for member in (member for member in members if member.run.has_truth):
        run, oracle = member.run, scale_of(member.run).oracle
        lines += _lines(
            member.letter, number(run.best, scale_of(run).shd), fresh_seeds(run), fresh_data(run), whole, not oracle
        )
        if oracle and not alike:
            own = number(run.summary.get("blind"), "val_shd_blind")
            picked = f"{member.letter}, blind pick"
            lines += _lines(picked, own, fresh_blind(run), fresh_blind(run, data=True), whole, blind=True)
    means = [line.fresh for line in lines if line.fresh is not None]
    if not means:
        return None
    empty = {row.shd if (row := member.run.baseline("empty")) is not None else float("nan") for member in members}
    shared = empty.pop() if len(empty) == 1 else float("nan")
    references = [("empty graph", shared)] if np.isfinite(shared) else []
    return Luck(lines, references, float("nan"), means[0], None)


def _lines(who: str, own: float, seeds: Fresh | None, data: Fresh | None, whole: bool, blind: bool) -> list[Line]:
    if seeds is None:
        return []
    lines = [Line(f"{who}, {wording.count(seeds.n, 'fresh seed')}", seeds.each, seeds, blind)]
    if whole:
        lines.insert(0, Line(f"{who}, in the sweep", np.array([own]), None, blind))
    if whole and data is not None:
        lines.append(Line(f"{who}, {wording.count(data.n, 'fresh data set')}", data.each, data, blind))
    return lines


def title(numbers: Luck) -> str:
    """Give the range of the means on fresh seeds."""
    means = [line.fresh.shd.mean for line in numbers.lines if line.fresh is not None and "fresh seed" in line.label]
    low, high = (wording.decimals(end, 1) for end in (min(means), max(means)))
    return f"Mean SHD on fresh seeds is {low}" if low == high else f"Mean SHD on fresh seeds is from {low} to {high}"


def plot(members: tuple[Member, ...]) -> Plot | None:
    """Draw the figure."""
    numbers = collect(members)
    if numbers is None:
        return None
    figure = new_figure(0.95 + ROW_HEIGHT * len(numbers.lines))
    draw(figure.add_subplot(), numbers)
    figure.draw_without_rendering()  # one layout is not enough for labels as long as these
    caption = (
        "Each ring is one training; a dot with a bar is their mean with its 95 % interval; a diamond is the sweep's "
        "own number, the best of many trials and so likely lucky. Where bars overlap, the runs may well be equal."
    )
    if not same_data(members):
        caption += " The runs read different data, so that their SHDs say little about each other."
    if not same_cut(members):
        caption += " Two colours: cut tuned on the true graph (oracle), and cut at 0.5 without it."
    missing = [member.letter for member in members if fresh_seeds(member.run) is None]
    if missing:
        caption += f" {wording.listing(missing)} {wording.either(len(missing), 'has', 'have')} no fresh seeds."
    told = [
        f"{line.label}: SHD {wording.shd(float(line.each[0]))}"
        if line.fresh is None
        else f"{line.label}: SHD {wording.decimals(line.fresh.shd.mean, 1)} on average"
        for line in numbers.lines
    ]
    return Plot("overlaid_fresh", "fresh", title(numbers), caption, f"{title(numbers)}. {'; '.join(told)}.", figure)
