"""What the gradients say: a term that drowns the others, and a graph that the loss does not read."""

import math
from collections.abc import Iterator

import numpy as np

from reports.columns import Floats
from reports.figures.training import TERMS
from reports.finding import Finding
from reports.run import Run, number
from reports.scores import scale_of
from reports.wording import axis_name, count, share

DROWNS, NOTHING, FIRST = 0.95, 1e-12, 3
FIGURE = "fig-gradient"


def graph_unread(run: Run) -> Iterator[Finding]:
    """Find that the reconstruction does not move with the graph: in the best trial, or in over half of those measured.

    A trial counts where d recon / d A is 0 at each of its first three evaluations although gates are open at one of
    them (it has edges, or the sparsity pulls at some): then only the penalties act on the graph, and no lambda can
    make the data decide on an edge.
    """
    unread = unread_trials(run)
    own = unread.get(number(run.best, "number"), False)
    times = sum(unread.values())
    if own or times > len(unread) / 2:
        text = (
            f"In {times:,} of {count(len(unread), 'trial')} the reconstruction has no gradient with respect to the "
            "graph, although edges are open: the loss does not read the graph, and what is learned as one is left "
            "over from random numbers."
        )
        advice = "No lambda can help, only a learner whose prediction goes through its edges:"
        yield Finding(
            "The graph is disconnected from the loss", text, FIGURE, advice,
            "--set trainer.architecture=parents_only", grave=True,
        )  # fmt: skip


def unread_trials(run: Run) -> dict[float, bool]:
    """Tell for each trial that was measured whether its reconstruction does not move with its graph."""
    trial, pull = run.epochs.number("trial"), run.epochs.number("graph_gradient")
    opened = (run.epochs.number("edge_count") > 0) | (run.epochs.number("grad_share_sparse") > 0)
    measured = np.isfinite(pull)
    trial, epoch = trial[measured], run.epochs.number("epoch")[measured]
    order = np.lexsort((epoch, trial))
    trial, pull, opened = trial[order], pull[measured][order], opened[measured][order]
    numbers, starts = np.unique(trial, return_index=True)
    ends = np.append(starts, len(trial))[1:]
    return {
        float(name): bool((pull[low:high][:FIRST] < NOTHING).all() and opened[low:high][:FIRST].any())
        for name, low, high in zip(numbers, starts, ends, strict=True)
    }


def one_term_pulls(run: Run) -> Iterator[Finding]:
    """Find that one term other than the reconstruction makes over 95 % of the gradient, in the best trial or in most.

    The reconstruction may: it alone acts on all weights, and its share is near 1 in any training that fits.
    """
    for name, word, *_ in TERMS:
        column: Floats = run.trials.number(f"grad_share_{name}")
        known = column[np.isfinite(column)]
        heavy = int((known > DROWNS).sum())
        own = number(run.best, f"grad_share_{name}")
        if name == "recon" or not (own > DROWNS or heavy > len(known) / 2):
            continue
        whose = f", {share(own)} in the {scale_of(run).winner}" if math.isfinite(own) else ""
        text = (
            f"In {heavy:,} of {count(len(known), 'trial')} {word} makes over "
            f"{share(DROWNS)} of the gradient{whose}: the data hardly count."
        )
        bound = _bound(run, f"lambda_{name}")
        setting = f"--set space.lambda_{name}.high={bound:g}" if math.isfinite(bound) else ""
        yield Finding(
            "One term makes the gradient", text, FIGURE, f"Lower {axis_name('lambda_' + name)}", setting, grave=True
        )


def _bound(run: Run, name: str) -> float:
    """Give a tenth of a searched range's upper end, if that leaves a range; NaN where there is none."""
    entry = (run.settings.get("space") or {}).get(name)
    low, high = (number(entry, end) if isinstance(entry, dict) else math.nan for end in ("low", "high"))
    return high / 10 if high / 10 > low else math.nan
