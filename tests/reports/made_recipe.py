"""What a made-up run folder is asked to be, its columns, and graphs as a learner might find them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SENSORS = (
    "boiler_temp",
    "boiler_pressure",
    "feed_flow",
    "feed_temp",
    "pump_speed",
    "pump_current",
    "valve_position",
    "steam_flow",
    "turbine_speed",
    "generator_power",
    "bearing_temp",
    "oil_temp",
    "vibration",
)
HOSTILE = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(2)>",
    r"$\frac{1}{$",
    "=1+1",
    "very_long_name_" * 14,
    "\u0645\u0633\u062a\u0634\u0639\u0631 \u202etxt.exe",
    "sensor \N{GRINNING FACE} 7",
    "'single' a&b \"quoted\"",
    "{{ 7 * 7 }}",
    "NA",
    "tab\tand\u0007bell",
    "]]> -- <!-- ",
    "+5V rail",
)
TRIAL_COLUMNS = [
    "number",
    "state",
    "seed",
    "lambda_sparse",
    "lambda_acyclic",
    "lr",
    "epochs",
    "best_epoch",
    "val_shd",
    "val_shd_directed",
    "val_f1",
    "precision",
    "recall",
    "skeleton_f1",
    "edge_count",
    "true_edge_count",
    "best_threshold",
    "val_shd_blind",
    "val_f1_blind",
    "skeleton_f1_blind",
    "edge_count_blind",
    "blind_score",
    "val_loss",
    "h",
    "is_dag",
    "degenerate",
    "avg_grad_clip_ratio",
    "max_grad_norm",
    "final_learning_rate",
    "lr_drops",
    "pruned_epoch",
    "seconds",
    "graph_hash",
    "weights_hash",
    "error",
]
EPOCH_COLUMNS = [
    "trial",
    "epoch",
    "train_loss",
    "recon",
    "sparse",
    "acyclic",
    "disen",
    "val_loss",
    "val_f1",
    "val_shd",
    "edge_count",
    "best_threshold",
    "grad_clip_ratio",
    "grad_norm_median",
    "grad_norm_max",
    "learning_rate",
    "h",
    "epoch_time",
]
BASELINE_COLUMNS = [
    "name",
    "label",
    "oracle",
    "shd",
    "shd_directed",
    "f1",
    "precision",
    "recall",
    "skeleton_f1",
    "edge_count",
    "f1_high",
    "note",
]
NEEDS_TRUTH = TRIAL_COLUMNS[8:20]
Row = dict[str, Any]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Recipe:
    """What a made-up run is like.

    Args:
        trials: trials that ran; `budget` is what was asked for, the same where None.
        names: variable names.
        edges: true edges; 0 or more.
        truth: whether a true graph is known.
        objective: val_shd or blind.
        skill: 0 learns nothing (chance), 1 recovers the graph in the best trials.
        failed, pruned: share of the trials.
        confirm: fresh seeds; 0 for none. data: fresh data sets, where a true graph is known.
        best_files: whether best/ was written.
        evaluations: evaluations of a complete trial.
    """

    trials: int = 50
    budget: int | None = None
    names: Sequence[str] = SENSORS
    edges: int = 13
    truth: bool = True
    objective: str = "val_shd"
    skill: float = 0.47
    failed: float = 0.06
    pruned: float = 0.4
    confirm: int = 5
    data: int = 5
    best_files: bool = True
    evaluations: int = 25
    seed: int = 1337
    cyclic: bool = True


def scores(estimate: Bools, truth: Bools) -> Row:
    """Score a graph, (d, d) bool, [i, j] is i -> j: SHD counts pairs, F1 directed edges."""
    hits = float((estimate & truth).sum())
    wrong, missed = float((estimate & ~truth).sum()), float((~estimate & truth).sum())
    pairs = np.triu(estimate != truth) | np.triu((estimate != truth).T)
    skeleton, true_skeleton = np.triu(estimate | estimate.T), np.triu(truth | truth.T)
    shared = float((skeleton & true_skeleton).sum())
    total = float(skeleton.sum() + true_skeleton.sum())
    return {
        "shd": int(pairs.sum()),
        "shd_directed": int(wrong + missed),
        "f1": 2 * hits / (2 * hits + wrong + missed) if hits + wrong + missed else 1.0,
        "precision": hits / (hits + wrong) if hits + wrong else 1.0,
        "recall": hits / (hits + missed) if hits + missed else 1.0,
        "skeleton_f1": 2 * shared / total if total else 1.0,
        "edge_count": int(estimate.sum()),
    }


def tuned(adjacency: Floats, truth: Bools) -> tuple[float, Row]:
    """Choose among 21 cuts by the truth: best F1, then lowest SHD, then highest cut."""
    cuts = np.round(0.05 * np.arange(21), 2)
    tried = adjacency > cuts[:, None, None]
    hits = (tried & truth).sum((1, 2))
    total = tried.sum((1, 2)) + truth.sum()
    f1 = np.where(total > 0, 2 * hits / np.maximum(total, 1), 1.0)
    differ = tried != truth
    shd = (differ | differ.transpose(0, 2, 1)).sum((1, 2)) // 2
    best = int(np.lexsort((-cuts, shd, -f1))[0])
    return float(cuts[best]), scores(tried[best], truth)


def true_graph(recipe: Recipe, rng: np.random.Generator) -> Bools:
    """Draw a graph; one edge closes a cycle where `cyclic`, as lagged graphs may have them."""
    d = len(recipe.names)
    order = rng.permutation(d)
    ahead = [(order[i], order[j]) for i in range(d) for j in range(i + 1, min(d, i + 6))]
    truth = np.zeros((d, d), dtype=np.bool_)
    for index in rng.permutation(len(ahead))[: recipe.edges]:
        truth[ahead[index]] = True
    if recipe.cyclic and truth.sum() > 2:
        chains = [(a, b, c) for a, b in np.argwhere(truth) for c in np.flatnonzero(truth[b])]
        if chains:
            a, b, c = chains[-1]
            spare = [edge for edge in map(tuple, np.argwhere(truth)) if edge not in {(a, b), (b, c)}]
            truth[spare[0]] = False
            truth[c, a] = True
    return truth


def pretended(truth: Bools, lambda_sparse: float, skill: float, rng: np.random.Generator) -> Floats:
    """Pretend to learn: true edges come out stronger by `skill`, all weaker with a larger lambda_sparse."""
    d = len(truth)
    price = 1.6 * math.log10(lambda_sparse / 0.02)
    noise = rng.normal(size=(d, d))
    strength = 1 / (1 + np.exp(-(6 * skill * truth - 3.2 * skill - 1.2 * price + 0.8 * noise - 1.2 * (1 - skill))))
    strength[np.eye(d, dtype=bool)] = 0
    return np.round(strength, 4)
