"""Which trial a run stands by: the leader while it searches, and its pick when it is over."""

from typing import Any

import numpy as np

from core.graph_text import edges_of
from studies.records import COMPLETE

AMONG = 3  # the blind pick is taken among the best third of the complete trials ...
AT_LEAST, AT_MOST = 3, 50  # ... but among no fewer and no more than this


def leader(trials: list[dict[str, Any]], objective: str) -> dict[str, Any] | None:
    """Return the best complete trial: lowest SHD, highest F1, lowest SHD at the plain cut; or lowest blind score.

    Of several with the best tuned graph, the one that depends least on its cut is taken; then the first.
    """
    complete = [row for row in trials if row["state"] == COMPLETE]
    if objective == "val_shd":
        return min(
            complete,
            key=lambda row: (row["val_shd"], -row["val_f1"], row["val_shd_blind"], row["number"]),
            default=None,
        )
    return min(complete, key=lambda row: (row["blind_score"], row["number"]), default=None)


def best_row(trials: list[dict[str, Any]], objective: str) -> dict[str, Any] | None:
    """Return the trial that a run stands by when it is over: the leader, or without the truth the blind pick.

    The lowest of many blind scores is partly luck. The blind pick is the trial, among the best third by blind
    score, whose graph differs from the others' on the fewest edges: what many good settings agree on is the
    data's, and what one of them has alone is its own.

    Args:
        trials: rows of trials.csv.
        objective: val_shd or blind.

    Returns:
        A row, or None where no trial completed. The true graph has no part in the blind pick.
    Source: the medoid of Kaufman and Rousseeuw 1987, over graphs; stability as a criterion as in Meinshausen,
    Buehlmann 2010.
    """
    if objective == "val_shd":
        return leader(trials, objective)
    complete = sorted(
        (row for row in trials if row["state"] == COMPLETE), key=lambda row: (row["blind_score"], row["number"])
    )
    among = complete[: min(AT_MOST, max(AT_LEAST, -(-len(complete) // AMONG)))]
    if not among or not all(row.get("blind_edges") for row in among):  # records of before the column
        return leader(trials, objective)
    bits = np.unpackbits(np.stack([edges_of(row["blind_edges"]) for row in among]), axis=1).astype(np.int64)
    apart = bits @ (1 - bits).T
    return among[int((apart + apart.T).sum(1).argmin())]
