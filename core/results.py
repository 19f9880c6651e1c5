"""What a trial ended with: the graph of its kept weights, its numbers, and hashes that prove a repeat."""

import hashlib
import io
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core import metrics
from core.architecture import learner
from core.config import TrainerConfig
from core.data import Dataset
from core.graph_text import edges_text
from core.lanes import Lanes, join, over_tensors
from core.losses import acyclicity
from core.schedule import rate_in_force, temperature, weights

HASH_LENGTH = 12
READOUT_ROWS, READOUT_CELLS, LEAST_ROWS = 4096, 120_000, 512
NUMBERS_WITH_TRUTH = (
    "val_shd", "val_shd_directed", "val_f1", "precision", "recall", "skeleton_f1", "true_edge_count", "best_threshold",
    "val_shd_blind", "val_f1_blind", "skeleton_f1_blind",
)  # fmt: skip


class Outcome(NamedTuple):
    """Numbers of one trial under their names in the records, and its graph.

    numbers: name -> value; those that need a true graph, or the health log, are None without it. adjacency:
    (d, d) float32 in [0, 1], [i, j] is i -> j. graph: (d, d) bool, the edges at best_threshold (oracle), or
    blind_graph without a true graph. blind_graph: (d, d) bool, the edges at the cut that never sees the true graph.
    """

    numbers: dict[str, Any]
    adjacency: NDArray[np.float32]
    graph: NDArray[np.bool_]
    blind_graph: NDArray[np.bool_]


def finish(lanes: Lanes, dataset: Dataset, config: TrainerConfig) -> list[Outcome]:
    """Read off what every lane's kept weights (best validation loss since the warm-up) came to.

    Args:
        lanes: K >= 1 trials.
        dataset: its true graph, if any, is compared with here, and only here and in evaluations.
        config: fixed settings.

    Returns:
        K outcomes, in lane order; a trial's does not depend on its neighbours.
    """
    if len(lanes.trial) == 1:
        return finish(join([lanes, lanes]), dataset, config)[:1]
    with torch.no_grad():
        heat, model, limit = temperature(lanes.best_epoch, config), learner(config), settled_rows(dataset)
        ended = torch.ones(heat.shape, dtype=torch.bool)
        strength, score_read = model.read_graph(lanes.kept, heat, ended, limit, dataset, config)
        blind = metrics.edges_above(strength, torch.full(heat.shape, metrics.BLIND_CUT))
        if score_read is None:
            score_read = model.blind_score(lanes.kept, blind, limit, dataset, config)
        loss = model.validate(lanes.kept, heat, weights(lanes, torch.ones(len(lanes.trial))), dataset, config)
        unknown: list[None] = [None] * len(lanes.trial)
        clipped = (lanes.clipped.double() / lanes.step.clamp(min=1)).tolist() if config.health_log else unknown
        norm_max = lanes.norm_max.double().tolist() if config.health_log else unknown
        shared = {
            "epochs": lanes.epoch.tolist(),
            "best_epoch": lanes.best_epoch.tolist(),
            "edge_count_blind": blind.sum((1, 2)).tolist(),
            "blind_score": score_read.tolist(),
            "val_loss": loss.total().double().tolist(),
            "h": acyclicity(strength).double().tolist(),
            "degenerate": metrics.degenerate(blind),
            "avg_grad_clip_ratio": clipped,
            "max_grad_norm": norm_max,
            "final_learning_rate": rate_in_force(lanes.plateau.lr, lanes.epoch - 1, config).tolist(),
            "lr_drops": lanes.plateau.drops.tolist(),
        }
        graph, scored = score(strength, blind, dataset, config)
    outcomes = []
    for lane in range(len(lanes.trial)):
        numbers = {name: values[lane] for name, values in {**shared, **scored}.items()}
        numbers["is_dag"] = bool(metrics.is_dag(graph[lane]))
        numbers["graph_hash"] = hashlib.sha256(np.packbits(graph[lane].numpy()).tobytes()).hexdigest()[:HASH_LENGTH]
        numbers["blind_edges"] = edges_text(blind[lane].numpy())
        numbers["weights_hash"] = weights_hash(lanes, lane)
        outcomes.append(Outcome(numbers, *(part[lane].numpy().copy() for part in (strength, graph, blind))))
    return outcomes


def settled_rows(dataset: Dataset) -> int:
    """Return how many rows the final strengths are read from at most: fewer where variables are many, for memory."""
    return min(READOUT_ROWS, max(LEAST_ROWS, READOUT_CELLS // len(dataset.names)))


def score(strength: Tensor, blind: Tensor, dataset: Dataset, config: TrainerConfig) -> tuple[Tensor, dict[str, Any]]:
    """Return the graphs shown, (K, d, d) bool, and the numbers that compare them with the true graph."""
    if dataset.truth is None:
        empty: list[None] = [None] * len(strength)
        return blind, {**dict.fromkeys(NUMBERS_WITH_TRUTH, empty), "edge_count": blind.sum((1, 2)).tolist()}
    truth = torch.from_numpy(dataset.truth)
    cut, tuned = metrics.tune_threshold(strength, truth, config.thresholds)
    plain = metrics.compare(blind, truth)
    return metrics.edges_above(strength, cut), {
        "val_shd": tuned.shd.tolist(),
        "val_shd_directed": tuned.shd_directed.tolist(),
        "val_f1": tuned.f1.tolist(),
        "precision": tuned.precision.tolist(),
        "recall": tuned.recall.tolist(),
        "skeleton_f1": tuned.skeleton_f1.tolist(),
        "edge_count": tuned.edge_count.tolist(),
        "true_edge_count": [int(truth.sum())] * len(strength),
        "best_threshold": cut.tolist(),
        "val_shd_blind": plain.shd.tolist(),
        "val_f1_blind": plain.f1.tolist(),
        "skeleton_f1_blind": plain.skeleton_f1.tolist(),
    }


def weights_hash(lanes: Lanes, lane: int) -> str:
    """Return a digest of one lane's kept weights, every bit of them, in hex."""
    total = hashlib.sha256()
    over_tensors(lambda tensor: total.update(tensor[lane].contiguous().numpy().tobytes()), lanes.kept)
    return total.hexdigest()[:HASH_LENGTH]


def saved_weights(lanes: Lanes, lane: int) -> bytes:
    """Return one lane's kept weights as a file for `torch.load(weights_only=True)`: name -> tensor."""
    buffer = io.BytesIO()
    torch.save(
        {name: part[lane].contiguous().clone() for name, part in zip(lanes.kept._fields, lanes.kept, strict=True)},
        buffer,
    )
    return buffer.getvalue()
