"""What fresh seeds and fresh data say of a sweep: rows, how often each edge returns, the summary's block.

The sweep's winner is judged as the sweep judged it, and the blind pick (`choice.best_row` on the objective blind)
at the cut that never sees the true graph, with numbers that would have been the same beside any true graph.
"""

import math
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from core.metrics import shd
from studies.confirm import SEED_COLUMNS, Fresh, summary_of

ORACLE, BLIND = "oracle", "blind"
FRESH_COLUMNS = ("pick", "trial", *SEED_COLUMNS, "error")
DATA_COLUMNS = ("pick", "trial", "data_seed", *SEED_COLUMNS, "error")
EDGE_COLUMNS = ("cause", "effect", "frequency_oracle", "frequency_blind", "in_sweep_graph", "true")
SCORES = ("shd_mean", "shd_low", "shd_high", "f1_mean", "f1_low", "f1_high")
Row = dict[str, Any]


class Picks(NamedTuple):
    """The trials tried again: rows of trials.csv.

    winner: the sweep's best trial, by its own objective. blind: the blind pick of `choice.best_row`. They are
    one where the sweep's objective is blind, so that nothing chosen by the truth is in such a run.
    """

    winner: Row
    blind: Row
    objective: str

    def named(self) -> dict[str, Row]:
        """Return the rows under the names that column `pick` has; only `blind` for a blind objective."""
        return {BLIND: self.blind} if self.objective == BLIND else {ORACLE: self.winner, BLIND: self.blind}


def fresh_rows(fresh: list[Fresh], picks: Picks) -> list[Row]:
    """Return the rows of confirm/seeds.csv or data.csv: all of a pick, then of the next.

    A trial that both criteria pick is trained once and has its rows under both names, so that each name has
    one row a seed in every run. A failed training has its reason and no score.
    """
    return [
        {"pick": name, "trial": item.trial, "seed": item.seed, "data_seed": item.data_seed, "error": item.error or None}
        | (item.outcome.numbers if item.outcome is not None else {})
        for name, row in picks.named().items()
        for item in fresh
        if item.trial == row["number"]
    ]


def graphs(fresh: list[Fresh], trial: int, *, blind: bool) -> NDArray[np.bool_]:
    """Return the graphs of one trial's settings, (k, d, d) bool, [i, j] is i -> j; failed trainings have none."""
    found = [item.outcome for item in fresh if item.trial == trial and item.outcome is not None]
    drawn = [outcome.blind_graph if blind else outcome.graph for outcome in found]
    return np.stack(drawn) if drawn else np.zeros((0, 0, 0), dtype=np.bool_)


def edge_rows(
    seeds: list[Fresh], picks: Picks, graph: NDArray[np.bool_], truth: NDArray[np.bool_] | None, names: tuple[str, ...]
) -> list[Row]:
    """Return the rows of confirm/edges.csv: every pair that is an edge in some graph, by cause, then effect.

    Args:
        seeds: the picks on fresh seeds, on the sweep's own data.
        picks: who was tried.
        graph: (d, d) bool, the sweep's graph, at the cut that the sweep is judged by; [i, j] is i -> j.
        truth: (d, d) bool or None.
        names: of the d variables.

    Returns:
        frequency_oracle: share of the winner's fresh seeds with the edge at the cut tuned on the true graph;
        None without one. frequency_blind: the same of the blind pick, at the truth-free cut. None where no
        training succeeded.
    """
    tuned = share(graphs(seeds, picks.winner["number"], blind=False)) if truth is not None else None
    blind = share(graphs(seeds, picks.blind["number"], blind=True))
    shown = graph.copy()
    for more in (truth, tuned, blind):
        shown |= (more > 0) if more is not None else False
    return [
        {
            "cause": names[i],
            "effect": names[j],
            "frequency_oracle": None if tuned is None else float(tuned[i, j]),
            "frequency_blind": None if blind is None else float(blind[i, j]),
            "in_sweep_graph": bool(graph[i, j]),
            "true": None if truth is None else bool(truth[i, j]),
        }
        for i, j in np.argwhere(shown).tolist()
    ]


def share(found: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """Return the share of graphs that have each edge, (d, d); None of no graphs."""
    return found.mean(0) if len(found) else None


def agreement(found: NDArray[np.bool_]) -> Row:
    """Say how alike graphs are that differ in their seed, or their data, alone.

    Args:
        found: (k, d, d) bool.

    Returns:
        pair_shd: mean SHD between two of them, None of fewer than two; edges_mean: their mean edge count;
        edges_always, edges_ever: how many edges all of them have, and how many any has.
    """
    if not len(found):
        return dict.fromkeys(("pair_shd", "edges_mean", "edges_always", "edges_ever"))
    pairs = [int(shd(torch.from_numpy(a), torch.from_numpy(b))) for a, b in combinations(found, 2)]
    return {
        "pair_shd": math.fsum(pairs) / len(pairs) if pairs else None,
        "edges_mean": float(found.sum((1, 2)).mean()),
        "edges_always": int(found.all(0).sum()),
        "edges_ever": int(found.any(0).sum()),
    }


def scores(rows: list[Row], own: Row, suffix: str) -> Row:
    """Return n, failed, and for SHD and F1 mean, 95 % interval and gap; None where there is nothing to score.

    Args:
        rows: of one pick. own: the pick's row in trials.csv.
        suffix: "" for the cut tuned on the true graph, "_blind" for the truth-free one.

    Returns:
        <name>_gap is the fresh mean minus the sweep's own number: above 0 for SHD means the sweep was lucky.
    """
    sound = [row for row in rows if not row["error"]]
    block = summary_of(sound, suffix) or {"n": 0, **dict.fromkeys(SCORES)}
    for name in ("shd", "f1"):
        mean = block[f"{name}_mean"]
        block[f"{name}_gap"] = None if mean is None else mean - float(own[f"val_{name}{suffix}"])
    return {**block, "failed": len(rows) - len(sound)}


def block(fresh: list[Fresh], picks: Picks) -> Row | None:
    """Return what is said of the winner, with that of the blind pick as `blind`; None where nothing was trained."""
    if not fresh:
        return None
    rows = fresh_rows(fresh, picks)
    found: dict[str, Row] = {}
    for name, own, suffix in ((ORACLE, picks.winner, ""), (BLIND, picks.blind, "_blind")):
        mine = [row for row in rows if row["pick"] == (name if name in picks.named() else BLIND)]
        alike = agreement(graphs(fresh, own["number"], blind=bool(suffix)))
        found[name] = {"trial": own["number"], **scores(mine, own, suffix), **alike}
    return {**found[ORACLE], "blind": found[BLIND]}


def confirm_block(fresh: list[Fresh], picks: Picks | None) -> Row | None:
    """Return the `confirm` block of summary.json, with that of the fresh data sets, if any, as `data`."""
    if picks is None:
        return None
    seeds = block([item for item in fresh if item.data_seed is None], picks)
    return seeds and {**seeds, "data": block([item for item in fresh if item.data_seed is not None], picks)}
