"""Which trial a run stands by: the leader while it searches, and its pick when it is over."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.config import Hyperparameters
from core.graph_text import edges_of
from studies.records import COMPLETE, FAILED

AMONG = 3  # the blind pick is taken among the best third of the complete trials ...
AT_LEAST, AT_MOST = 3, 50  # ... but among no fewer and no more than this
REACH = 0.1  # how far a trial's neighbours lie, in ranges of what was tried
SWEPT = tuple(item.name for item in fields(Hyperparameters))


def leader(trials: list[dict[str, Any]], objective: str) -> dict[str, Any] | None:
    """Return the best complete trial: lowest SHD, highest F1, lowest SHD at the plain cut; or lowest blind score.

    Of several with the best tuned graph, the one that depends least on its cut is taken; then the first.
    """
    complete = [row for row in trials if row["state"] == COMPLETE]
    if objective == "val_shd":
        return min(complete, key=lambda row: (*standing(row), row["number"]), default=None)
    return min(complete, key=lambda row: (row["blind_score"], row["number"]), default=None)


def best_row(trials: list[dict[str, Any]], objective: str) -> dict[str, Any] | None:
    """Return the trial that a run stands by when it is over: the leader, or without the truth the blind pick.

    The lowest of many blind scores is partly luck. The blind pick has the graph, among the best third by blind
    score, that differs from the others' on the fewest edges: what many good settings agree on is the data's, and
    what one of them has alone is its own. Of trials that are equally good by all this, the one stands whose
    neighbours did best: its settings will serve other seeds better than those at the rim of what works.

    Args:
        trials: rows of trials.csv.
        objective: val_shd or blind.

    Returns:
        A row, or None where no trial completed. The true graph has no part in the blind pick.
    Source: the medoid of Kaufman and Rousseeuw 1987, over graphs; stability as a criterion as in Meinshausen,
    Buehlmann 2010.
    """
    complete = [row for row in trials if row["state"] == COMPLETE]
    if objective == "val_shd":
        seen = [row for row in trials if row["state"] != FAILED and row["val_shd"] is not None]
        first = leader(trials, objective)
        equal = [row for row in complete if first is not None and standing(row) == standing(first)]
        return steadiest(equal, seen, [row["val_shd"] for row in seen])
    among = sorted(complete, key=lambda row: (row["blind_score"], row["number"]))
    among = among[: min(AT_MOST, max(AT_LEAST, -(-len(complete) // AMONG)))]
    if not among or not all(row.get("blind_edges") for row in complete):  # records of before the column
        return leader(trials, objective)
    bits = graph_bits(among)
    apart = bits @ (1 - bits).T
    pick = bits[int((apart + apart.T).sum(1).argmin())]
    equal = [row for row, own in zip(among, bits, strict=True) if (own == pick).all()]
    return steadiest(equal, complete, (graph_bits(complete) != pick).sum(1).tolist())


def standing(row: dict[str, Any]) -> tuple[float, float, float]:
    """Return what ranks a complete trial by its tuned graph, lower is better."""
    return row["val_shd"], -row["val_f1"], row["val_shd_blind"]


def graph_bits(rows: Sequence[dict[str, Any]]) -> NDArray[np.int64]:
    """Return the graphs at the plain cut, (rows, d * d padded to bytes) of 0 and 1."""
    return np.unpackbits(np.stack([edges_of(row["blind_edges"]) for row in rows]), axis=1).astype(np.int64)


def steadiest(
    equal: Sequence[dict[str, Any]], trials: Sequence[dict[str, Any]], wrong: Sequence[float]
) -> dict[str, Any] | None:
    """Return the one of `equal` trials whose neighbours have the least wrong; the first of those, by order.

    Args:
        equal: trials to choose among, also found in `trials`; none gives None.
        trials: all that say something about their settings.
        wrong: of each trial, lower is better. A neighbour's weight falls with the distance of its settings,
            each on the range that was tried, logarithmic where it spans more than a factor of ten.
    """
    if len(equal) < 2:
        return next(iter(equal), None)
    place = {row["number"]: at for row, at in zip(trials, placed(trials), strict=True)}
    everywhere, error = np.stack(list(place.values())), np.asarray(wrong, dtype=np.float64)

    def around(row: dict[str, Any]) -> float:
        near = np.exp(-((everywhere - place[row["number"]]) ** 2).sum(1) / (2 * REACH**2))
        return float(near @ error / near.sum())

    return min(equal, key=around)


def placed(trials: Sequence[dict[str, Any]]) -> NDArray[np.float64]:
    """Return each trial's swept settings on the ranges that were tried, (trials, settings) in [0, 1]."""
    columns = []
    for name in SWEPT:
        values = np.array([row.get(name) or 0.0 for row in trials], dtype=np.float64)
        if values.min() > 0 and values.max() > 10 * values.min():
            values = np.log(values)
        if np.ptp(values) > 0:
            columns.append((values - values.min()) / np.ptp(values))
    return np.stack(columns, axis=1) if columns else np.zeros((len(trials), 1))
