"""Pruning: the SHD of each trial on its way, where it was pruned, and how well that ranks trials as their end does."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from reports import wording
from reports.colours import BAD, CORRECT, GROUND, INK, PRUNED, SOFT
from reports.drawing import Plot, new_figure, whole_ticks
from reports.pruned import LEAST_TRIALS, SAFE, Pruning, collect
from reports.run import Run

MOST_CURVES = 80


def savings(numbers: Pruning) -> str:
    """Say what pruning ended and what that saved."""
    ended = f"Pruning ended {numbers.pruned:,} of {wording.count(numbers.trials, 'trial')} early"
    if not numbers.saved > 0:
        return ended
    part = f" ({wording.share(numbers.share)} of the training time)" if np.isfinite(numbers.share) else ""
    return f"{ended} and saved about {wording.duration(numbers.saved)}{part}"


def agreement_words(numbers: Pruning) -> str:
    """Say how far the SHD at the median pruning epoch tells the final order."""
    if np.isfinite(numbers.agreed) and not numbers.too_alike:
        return (
            f"SHD at epoch {numbers.median:,.0f} ranks the {wording.count(numbers.judged, 'complete trial')} "
            f"as their end does with a correlation of {wording.decimals(numbers.agreed, 2)}"
        )
    if numbers.judged < LEAST_TRIALS:
        return f"{wording.count(numbers.judged, 'complete trial')} cannot tell whether it was safe"
    low, high = float(np.nanmin(numbers.final)), float(np.nanmax(numbers.final))
    span = f"SHD {wording.shd(low)}" + (f" to {wording.shd(high)}" if high > low else "")
    if numbers.too_alike:
        return f"the complete trials all end at {span}, too alike to tell whether it was safe"
    return f"at epoch {numbers.median:,.0f} the complete trials all had the same SHD, so it could not tell them apart"


def title(numbers: Pruning) -> str:
    """Say what pruning saved, and whether it could have ended the wrong trials."""
    return f"{savings(numbers)}; {agreement_words(numbers)}"


def shown_curves(numbers: Pruning, most: int = MOST_CURVES) -> NDArray[np.int64]:
    """Choose which trials are drawn: all, or the best and the others evenly from the lowest to the highest SHD."""
    if len(numbers.trial) <= most:
        return np.arange(len(numbers.trial))
    last = [row[np.isfinite(row)][-1] for row in numbers.shd]
    order = np.lexsort((numbers.trial, last, numbers.complete, numbers.trial != numbers.best))
    spaced = np.unique(np.linspace(0, len(order) - 1, most).astype(np.int64))
    return np.sort(order[spaced])


def plot(run: Run) -> Plot | None:
    """Draw the section's figure."""
    numbers = collect(run)
    if numbers is None:
        return None
    ranked = bool(np.isfinite(numbers.agreement).any()) and not numbers.too_alike
    figure = new_figure(4.9 if ranked else 3.3)
    panels = figure.subplots(1 + ranked, 1, squeeze=False, sharex=True, height_ratios=(2, 1)[: 1 + ranked])[:, 0]
    chosen = shown_curves(numbers)
    above = draw_curves(panels[0], numbers, chosen)
    if ranked:
        draw_agreement(panels[1], numbers)
    panels[-1].set_xlabel("epoch")
    end = float(numbers.epoch[-1])
    panels[-1].set_xlim(0, 1.02 * end)
    whole_ticks(panels[-1].xaxis, 0, end, 10)
    described = (
        f"{title(numbers)}. {wording.count(len(chosen), 'curve')} drawn of {len(numbers.trial):,}; pruned at epochs "
        f"{np.nanmin(numbers.ended):,.0f} to {np.nanmax(numbers.ended):,.0f}, median {numbers.median:,.0f}."
    )
    return Plot("pruning", "pruning", title(numbers), caption(numbers, chosen, above, ranked), described, figure)


def caption(numbers: Pruning, chosen: NDArray[np.int64], above: int, ranked: bool) -> str:
    """Say how to read the figure, and what it cannot tell."""
    parts = ["Each line is a trial's SHD on the way, at the cut that suits it best on the true graph (oracle)."]
    parts.append(
        "A diamond is where it was pruned. A trial is judged with the weights of its lowest validation loss, not "
        "by the end of its line. All but the best trial's are shaken by up to a quarter, so that equal ones show."
    )
    if len(chosen) < len(numbers.trial):
        parts.append(f"{len(chosen):,} shown of {wording.count(len(numbers.trial), 'trial')}, the best one among them.")
    if above:
        parts.append(f"{wording.count(above, 'line')} {wording.either(above, 'reaches', 'reach')} above the top edge.")
    if ranked:
        parts.append(
            "Below: the rank correlation (Spearman) of the SHD at that epoch with the final one, over the complete "
            f"trials; under {SAFE} pruning there may end good trials. The pruned ones are not in it, which makes "
            "those left more alike and the correlation lower than it would be over all."
        )
    return " ".join(parts)


def draw_curves(axes: Axes, numbers: Pruning, chosen: NDArray[np.int64]) -> int:
    """Draw the SHD of the chosen trials by epoch; give how many of them reach above the top edge."""
    late = numbers.shd[chosen][:, numbers.epoch >= np.nanmin(numbers.ended)]
    top = 1.08 * max(float(np.nanquantile(late, 0.97)), float(np.nanquantile(numbers.shd[chosen], 0.9)), 1.0)
    shake = np.where(
        numbers.trial[chosen] == numbers.best, 0, np.random.default_rng(0).uniform(-0.25, 0.25, len(chosen))
    )
    labels = {"complete": int(numbers.complete.sum()), "pruned": int(np.isfinite(numbers.ended).sum())}
    for row, offset in zip(chosen, shake, strict=True):
        known = np.isfinite(numbers.shd[row])
        x, y = numbers.epoch[known], numbers.shd[row][known] + offset
        best, done = numbers.trial[row] == numbers.best, bool(numbers.complete[row])
        colour, width = (INK, 1.7) if best else (CORRECT, 0.8) if done else (PRUNED, 0.8)
        axes.plot(
            x, y, color=colour, linewidth=width, alpha=1.0 if best else 0.65, zorder=5 if best else 3 if done else 2
        )
    pruned = np.flatnonzero(np.isfinite(numbers.ended[chosen]))
    ends = np.array([numbers.shd[row][np.isfinite(numbers.shd[row])][-1] for row in chosen[pruned]]) + shake[pruned]
    axes.scatter(
        numbers.ended[chosen][pruned], np.minimum(ends, top), s=17, marker="D", facecolors=GROUND, edgecolors=PRUNED,
        linewidths=0.9, zorder=4, label=f"pruned ({labels['pruned']:,})", clip_on=False,
    )  # fmt: skip
    axes.plot([], [], color=CORRECT, linewidth=1.2, label=f"complete ({labels['complete']:,})")
    if np.isin(numbers.best, numbers.trial[chosen]):
        axes.plot([], [], color=INK, linewidth=1.7, label=f"best, trial {numbers.best:.0f}")
    axes.set(ylabel="SHD (wrong pairs)", ylim=(-0.04 * top - 0.3, top))
    whole_ticks(axes.yaxis, 0, top)
    axes.grid(visible=False, axis="x")
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=3, handletextpad=0.5, columnspacing=1.4)
    return int(np.sum(np.nanmax(numbers.shd[chosen], axis=1) > top))


def draw_agreement(axes: Axes, numbers: Pruning) -> None:
    """Draw the rank correlation with the final SHD by epoch, with the median pruning epoch and the limit."""
    axes.axhline(SAFE, color=BAD, linewidth=1.0, dashes=(6, 2))
    axes.axvline(numbers.median, color=SOFT, linewidth=1.0, dashes=(2, 2))
    axes.plot(numbers.epoch, numbers.agreement, color=CORRECT, marker="o", markersize=3)
    low = min(-0.1, float(np.nanmin(numbers.agreement)) - 0.08)
    axes.set(ylabel="rank correlation", ylim=(low, 1.06))
    beside = axes.get_yaxis_transform()
    axes.text(1.012, SAFE, f"limit {SAFE}", transform=beside, va="center", fontsize=7.5, color=SOFT)
    axes.annotate("median pruning", (numbers.median, low), (4, 3), textcoords="offset points", fontsize=7.5, color=SOFT)
    axes.grid(visible=False, axis="x")
