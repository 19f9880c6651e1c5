"""Trials, their curves and the baselines of a made-up run."""

import hashlib
import math
from typing import Any

import numpy as np
from made_recipe import NEEDS_TRUTH, TRIAL_COLUMNS, Bools, Floats, Recipe, Row, pretended, scores, tuned


def made_trial(made: Recipe, truth: Bools, index: int, rng: np.random.Generator) -> tuple[Row, list[list[Any]], Floats]:
    """Pretend one trial: its row, its curve and its adjacency."""
    focus = min(1.0, index / 30)
    wide, narrow = rng.uniform(-4, 0), rng.normal(math.log10(0.015), 0.35)
    sparse = float(np.clip(10 ** (narrow if rng.random() < 0.75 * focus else wide), 1e-4, 1))
    lr = float(10 ** rng.uniform(-3, -1.3))
    row: Row = dict.fromkeys(TRIAL_COLUMNS, "")
    row |= {"number": index, "seed": made.seed, "lambda_sparse": sparse, "lr": lr}
    row["lambda_acyclic"] = float(10 ** rng.uniform(-6, -1))
    luck = rng.random()
    if luck < made.failed:
        cause = "loss is not finite" if rng.random() < 0.7 else "gradient is not finite"
        row |= {"state": "failed", "error": f"failed at epoch {rng.integers(1, 9)}: {cause} (lr {lr:.3g})"}
        return row, [], np.zeros_like(truth, dtype=float)
    cut_short = index > 4 and luck < made.failed + made.pruned
    skill = made.skill * (0.55 if cut_short else rng.uniform(0.8, 1.05))
    adjacency = pretended(truth, sparse, skill, rng)
    cut, oracle = tuned(adjacency, truth)
    blind = scores(adjacency > 0.5, truth)
    run = int(rng.integers(3, 10)) if cut_short else made.evaluations
    clip = float(np.clip(0.03 + 0.9 * (lr / 0.05) ** 1.5 * rng.uniform(0.3, 1.0), 0, 1))
    pairs = len(truth) * (len(truth) - 1)
    row |= {f"val_{key}": oracle[key] for key in ("shd", "shd_directed", "f1")}
    row |= {key: oracle[key] for key in ("precision", "recall", "skeleton_f1", "edge_count")}
    row |= {f"val_{key}_blind": blind[key] for key in ("shd", "f1")}
    row |= {f"{key}_blind": blind[key] for key in ("skeleton_f1", "edge_count")}
    edges = blind["edge_count"]
    row |= {
        "state": "pruned" if cut_short else "complete",
        "epochs": run * 4,
        "best_epoch": max(1, run - 2) * 4,
        "true_edge_count": int(truth.sum()),
        "best_threshold": cut,
        "blind_score": round(-8 + 0.05 * abs(blind["edge_count"] - truth.sum()) + rng.normal(0, 0.1), 4),
        "val_loss": round(-8 + rng.normal(0, 0.2), 5),
        "h": round(float(rng.uniform(0, 0.3)), 5),
        "is_dag": bool(rng.random() < 0.5),
        "degenerate": "empty" if edges == 0 else "dense" if edges >= 0.9 * pairs else "",
        "avg_grad_clip_ratio": round(clip, 4),
        "max_grad_norm": round(float(3 * clip + rng.exponential(1)), 4),
        "final_learning_rate": lr / 4,
        "lr_drops": 2,
        "pruned_epoch": run * 4 if cut_short else "",
        "seconds": round(run * 0.12, 3),
        "graph_hash": hashlib.sha256((adjacency > cut).tobytes()).hexdigest()[:12],
        "weights_hash": hashlib.sha256(adjacency.tobytes()).hexdigest()[:12],
    }
    curve = made_curve(made, row, run, rng)
    if not made.truth:
        row |= dict.fromkeys([name for name in NEEDS_TRUTH if name != "edge_count_blind"], "")
    return row, curve, adjacency


def made_curve(made: Recipe, row: Row, run: int, rng: np.random.Generator) -> list[list[Any]]:
    """Pretend the evaluations of one trial."""
    step = np.arange(1, run + 1)
    left = np.exp(-step / 5)
    recon = -8 + 9 * left + 0.05 * rng.normal(size=run)
    sparse, acyclic = row["lambda_sparse"] * (0.2 + 0.5 * left), row["lambda_acyclic"] * (0.1 + left)
    disen = np.full(run, 2e-5)
    shd = np.round(row["val_shd"] + 14 * left * rng.uniform(0.8, 1.2, run)).astype(int)
    f1 = np.round(np.clip(row["val_f1"] * (1 - left), 0, 1), 4)
    clip = np.round(np.clip(row["avg_grad_clip_ratio"] * (0.5 + 2 * left), 0, 1), 4)
    median = np.round(0.4 + 2.5 * left * rng.uniform(0.7, 1.3, run), 4)
    lr = row["lr"] * 0.5 ** np.floor(3 * step / (run + 1))
    seen = made.truth
    return [
        [
            row["number"], 4 * (k + 1), round(recon[k] + sparse[k] + acyclic[k] + disen[k], 5), round(recon[k], 5),
            round(sparse[k], 6), round(acyclic[k], 7), disen[k], round(recon[k] + 0.1, 5), f1[k] if seen else "",
            shd[k] if seen else "", row["edge_count"] + int(20 * left[k]) if seen else "",
            row["best_threshold"] if seen else "", clip[k], median[k], round(median[k] * 2.2, 4), float(lr[k]),
            row["h"], 0.12,
        ]
        for k in range(run)
    ]  # fmt: skip


def made_baselines(made: Recipe, truth: Bools, rng: np.random.Generator) -> list[Row]:
    """Pretend the references; without a true graph only their edge counts."""
    d, k = len(truth), int(truth.sum())
    chance = round(2 * k * k / (d * (d - 1)) / max(2 * k, 1), 4)
    linear, weak = pretended(truth, 0.012, 0.38, rng), pretended(truth, 0.004, 0.25, rng)
    rows = [{"name": "empty", "label": "empty graph", "oracle": "false", **scores(np.zeros_like(truth), truth)}]
    if made.truth:
        floor = min(0.9, chance + 0.05 + 0.08 * math.log10(1 + made.trials))
        rows += [
            {"name": "chance", "label": "chance", "oracle": "false", "shd": round(1.9 * k, 1), "f1": chance,
             "edge_count": k, "f1_high": round(2.4 * chance, 4)},
            {"name": "chance_floor", "label": f"best of {made.trials} random graphs", "oracle": "true",
             "f1": round(floor, 4), "f1_high": round(1.2 * floor, 4)},
        ]  # fmt: skip
    for name, label, adjacency in (("correlation", "correlation", weak), ("var_t_test", "VAR t-test", linear)):
        rows.append({"name": name, "label": label, "oracle": "false", **scores(adjacency > 0.5, truth)})
        if made.truth:
            best = tuned(adjacency, truth)[1]
            rows.append({"name": f"{name}_best", "label": f"{label}, best cut", "oracle": "true", **best})
    if not made.truth:
        kept = {"name", "label", "oracle", "edge_count"}
        rows = [{key: value for key, value in row.items() if key in kept} for row in rows]
    return rows
