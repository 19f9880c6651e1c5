"""Run folders of the documented format, made up but consistent: every number follows from a graph.

The learner is pretended: an adjacency is drawn around the true graph, denser for a small lambda_sparse, and
scored as a sweep would score it. `make_run(folder, trials=50)` writes one; `python -m tests.reports.run_folders
FOLDER [--trials N]` makes one to look at.
"""

import argparse
import csv
import gzip
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
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


def make_run(folder: Path, **recipe: Any) -> Path:
    """Write a run folder of the documented format and give its path."""
    made = Recipe(**recipe)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(made.seed)
    truth = true_graph(made, rng)
    trials: list[Row] = []
    epochs: list[list[Any]] = []
    learned: dict[str, Any] = {}
    for index in range(made.trials):
        row, curve, adjacency = _trial(made, truth, index, rng)
        trials.append(row)
        epochs.extend(curve)
        if row["state"] == "complete" and _better(row, learned.get("row"), made):
            learned = {"row": row, "adjacency": adjacency, "curve": curve}
    baselines = _baselines(made, truth, rng)
    complete = [row for row in trials if row["state"] == "complete"]
    blind = min(complete, key=lambda row: (row["blind_score"], row["number"]), default=None)
    again = _again(made, truth, learned, blind, rng)
    _write_csv(folder / "trials.csv", TRIAL_COLUMNS, trials)
    with gzip.open(folder / "epochs.csv.gz", "wt", newline="", encoding="utf-8") as file:
        csv.DictWriter(file, EPOCH_COLUMNS).writeheader()
        file.writelines(",".join(str(value) for value in row) + "\r\n" for row in epochs)
    _write_csv(folder / "baselines.csv", BASELINE_COLUMNS, baselines)
    if made.truth:
        edges = [{"cause": made.names[i], "effect": made.names[j]} for i, j in np.argwhere(truth)]
        _write_csv(folder / "graph.csv", ["cause", "effect"], edges)
    for name, rows in (("seeds", again.seeds), ("data", again.data), ("edges", again.edges)):
        if rows:
            (folder / "confirm").mkdir(exist_ok=True)
            _write_csv(folder / "confirm" / f"{name}.csv", list(rows[0]), rows)
    if learned and made.best_files:
        _best(folder / "best", made, learned)
    _records(folder, made, truth, trials, baselines, again.block, learned)
    return folder


def edit_trials(folder: Path, change: Callable[[dict[str, str]], object]) -> None:
    """Change the rows of a run's trials.csv, each in place and as texts; columns may be added."""
    with (folder / "trials.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        change(row)
    with (folder / "trials.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _better(row: Row, best: Row | None, made: Recipe) -> bool:
    def key(trial: Row) -> tuple[float, ...]:
        if made.objective == "blind" or not made.truth:
            return (trial["blind_score"], trial["number"])
        return (trial["val_shd"], -trial["val_f1"], trial["number"])

    return best is None or key(row) < key(best)


def _trial(made: Recipe, truth: Bools, index: int, rng: np.random.Generator) -> tuple[Row, list[list[Any]], Floats]:
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
    curve = _curve(made, row, run, rng)
    if not made.truth:
        row |= dict.fromkeys([name for name in NEEDS_TRUTH if name != "edge_count_blind"], "")
    return row, curve, adjacency


def _curve(made: Recipe, row: Row, run: int, rng: np.random.Generator) -> list[list[Any]]:
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


def _baselines(made: Recipe, truth: Bools, rng: np.random.Generator) -> list[Row]:
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


@dataclass
class Again:
    """Winner and blind pick trained again: rows of confirm/seeds.csv and data.csv, of edges.csv, and the summary."""

    seeds: list[Row]
    data: list[Row]
    edges: list[Row]
    block: Row | None


def _again(made: Recipe, truth: Bools, learned: dict[str, Any], blind: Row | None, rng: np.random.Generator) -> Again:
    """Pretend winner and blind pick on fresh seeds, then on fresh data sets."""
    if not made.confirm or not learned or blind is None:
        return Again([], [], [], None)
    oracle = made.truth and made.objective == "val_shd"
    picks = {"oracle": learned["row"], "blind": blind} if oracle else {"blind": blind}
    graphs: dict[str, list[Bools]] = {}
    files: list[list[Row]] = []
    for part, count in (("seed", made.confirm), ("data", made.data if made.truth else 0)):
        rows = []
        for pick, trial in picks.items():
            for index in range(count):
                adjacency = pretended(truth, trial["lambda_sparse"], made.skill * 0.85, rng)
                rows.append(_seed_row(made, truth, adjacency, index))
                rows[-1] |= {"pick": pick, "trial": trial["number"], "error": ""}
                rows[-1] |= {"data_seed": 900 + index} if part == "data" else {}
                cut = rows[-1]["best_threshold"] if pick == "oracle" else 0.5
                graphs.setdefault(part + pick, []).append(adjacency > cut)
        files.append(rows)
    block = _block(files[0], learned["row"], blind, graphs, "seed")
    block["data"] = _block(files[1], learned["row"], blind, graphs, "data") if files[1] else None
    own = learned["adjacency"] > (learned["row"]["best_threshold"] if oracle else 0.5)
    return Again(files[0], files[1], _returns(made, truth, own, graphs), block)


def _seed_row(made: Recipe, truth: Bools, adjacency: Floats, index: int) -> Row:
    cut, tuned_scores = tuned(adjacency, truth)
    blind = scores(adjacency > 0.5, truth)
    row = {
        "seed": made.seed + 1 + index,
        "val_shd": tuned_scores["shd"],
        "val_shd_directed": tuned_scores["shd_directed"],
        "val_f1": round(tuned_scores["f1"], 4),
        "edge_count": tuned_scores["edge_count"],
        "best_threshold": cut,
        "val_shd_blind": blind["shd"],
        "val_f1_blind": round(blind["f1"], 4),
        "edge_count_blind": blind["edge_count"],
        "blind_score": -7.9,
        "weights_hash": hashlib.sha256(adjacency.tobytes()).hexdigest()[:12],
    }
    if not made.truth:
        row |= dict.fromkeys([name for name in row if name in NEEDS_TRUTH and name != "edge_count_blind"], "")
    return row


def _block(rows: list[Row], best: Row, blind: Row, graphs: dict[str, list[Bools]], part: str) -> Row:
    """Sum up as summary.json does."""
    found = []
    for pick, own, suffix in (("oracle", best, ""), ("blind", blind, "_blind")):
        mine = [row for row in rows if row["pick"] == pick] or rows
        drawn = np.array(graphs.get(part + pick) or graphs[part + "blind"])
        pairs = [scores(a, b)["shd"] for k, a in enumerate(drawn) for b in drawn[k + 1 :]]
        item = {"trial": own["number"], "failed": 0, **(_interval(mine, suffix) or {})}
        for name in ("shd", "f1"):
            mean = item[f"{name}_mean"]
            item[f"{name}_gap"] = None if mean is None else mean - own[f"val_{name}{suffix}"]
        item |= {"pair_shd": float(np.mean(pairs)) if pairs else None, "edges_mean": float(drawn.sum((1, 2)).mean())}
        item |= {"edges_always": int(drawn.all(0).sum()), "edges_ever": int(drawn.any(0).sum())}
        found.append(item)
    return {**found[0], "blind": found[1]}


def _returns(made: Recipe, truth: Bools, own: Bools, graphs: dict[str, list[Bools]]) -> list[Row]:
    """Count how often each edge is in a fresh seed's graph."""
    blind = np.mean(graphs["seedblind"], axis=0)
    tuned_share = np.mean(graphs.get("seedoracle") or graphs["seedblind"], axis=0)
    shown = own | (blind > 0) | (truth | (tuned_share > 0) if made.truth else False)
    return [
        {
            "cause": made.names[i],
            "effect": made.names[j],
            "frequency_oracle": tuned_share[i, j] if made.truth else "",
            "frequency_blind": blind[i, j],
            "in_sweep_graph": str(bool(own[i, j])).lower(),
            "true": str(bool(truth[i, j])).lower() if made.truth else "",
        }
        for i, j in np.argwhere(shown)
    ]


def _best(folder: Path, made: Recipe, learned: dict[str, Any]) -> None:
    folder.mkdir(exist_ok=True)
    table = [[_guard(name), *row] for name, row in zip(made.names, learned["adjacency"].tolist(), strict=True)]
    with (folder / "adjacency.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["", *map(_guard, made.names)], *table])
    log = []
    for values in learned["curve"]:
        entry = dict(zip(EPOCH_COLUMNS, values, strict=True))
        parts = {name: entry.pop(name) for name in ("recon", "sparse", "acyclic", "disen")}
        kept = "epoch train_loss val_f1 val_shd edge_count grad_clip_ratio learning_rate best_threshold epoch_time"
        log.append({key: _plain(entry[key]) for key in kept.split()} | {"train_loss_components": parts})
    (folder / "training_log.json").write_text(json.dumps(log, default=float))


def _records(
    folder: Path,
    made: Recipe,
    truth: Bools,
    trials: list[Row],
    baselines: list[Row],
    confirm: Row | None,
    learned: dict[str, Any],
) -> None:
    """Write summary.json, sweep.yaml and environment.json."""
    best = {key: _plain(value) for key, value in learned["row"].items()} if learned else None
    if best is not None and made.truth:
        best |= {"chance_f1": 0.09, "chance_p": 1e-9 if best["val_f1"] > 0.4 else 0.31}
    states = [row["state"] for row in trials]
    complete = [row for row in trials if row["state"] == "complete"]
    blind = min(complete, key=lambda row: (row["blind_score"], row["number"]), default=None)
    summary = {
        "format": 1,
        "study": "lambda_sweep",
        "dataset": "sensors",
        "seed": made.seed,
        "objective": made.objective if made.truth else "blind",
        "trials": len(trials),
        **{state: states.count(state) for state in ("complete", "pruned", "failed")},
        "stopped_early": made.budget is not None and made.budget > len(trials),
        "budget": made.budget or len(trials),
        "search_seconds": round(0.3 * len(trials), 1),
        "wall_seconds": round(0.35 * len(trials) + 4, 1),
        "report": "report.html",
        "rerun_command": "python -m studies.rerun runs/lambda_sweep-sensors-3f9a2c",
        "best": best,
        "blind": {key: _plain(value) for key, value in blind.items()} if blind else None,
        "baselines": {row["name"]: {key: row.get(key) for key in ("shd", "f1", "edge_count")} for row in baselines},
        "confirm": confirm,
        "pruning_saved_seconds": round(0.1 * states.count("pruned"), 1),
    }
    (folder / "summary.json").write_text(json.dumps(summary, default=float))
    (folder / "environment.json").write_text(json.dumps(_environment(made, truth)))
    (folder / "sweep.yaml").write_text(yaml.safe_dump(_settings(made), sort_keys=False))


def _interval(seeds: list[Row], suffix: str = "") -> Row | None:
    if not seeds:
        return None
    found: Row = {"n": len(seeds)}
    for name in ("shd", "f1"):
        values = [row[f"val_{name}{suffix}"] for row in seeds]
        known = [float(value) for value in values if value != ""]
        middle = float(np.mean(known)) if known else None
        half = 2.78 * float(np.std(known, ddof=1)) / math.sqrt(len(known)) if len(known) > 1 else None
        found[f"{name}_mean"] = middle
        found[f"{name}_low"] = None if middle is None or half is None else max(0.0, middle - half)
        found[f"{name}_high"] = None if middle is None or half is None else middle + half
    return found


def _environment(made: Recipe, truth: Bools) -> Row:
    share = np.random.default_rng(3).uniform(0.02, 0.14, len(made.names))
    return {
        "graphsweep": "0.1.0",
        "python": "3.11.9",
        "torch": "2.13.0",
        "optuna": "5.0.0",
        "numpy": "2.4.0",
        "pandas": "3.1.1",
        "platform": "Linux x86_64",
        "cpu_capability": "AVX2",
        "threads": 1,
        "mkl_cbwr": "AUTO",
        "device": "cpu",
        "commit": "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567",
        "data": {
            "source": "sensors",
            "sha256": hashlib.sha256(truth.tobytes()).hexdigest(),
            "rows": 2000,
            "variables": list(made.names),
            "missing_share": {name: round(float(s), 4) for name, s in zip(made.names, share, strict=True)},
            "split": {"train": 1400, "validation": 300, "test": 300},
            "unusable": {},
            "notes": ["8 % of the values are missing at random"],
            "has_time": True,
            "max_lag": 1,
            "true_edge_count": int(truth.sum()) if made.truth else None,
        },
    }


def _settings(made: Recipe) -> Row:
    return {
        "study": "lambda_sweep",
        "data": {"name": "sensors", "seed": 1337, "rows": 2000, "variables": len(made.names)},
        "trainer": {"epochs": 4 * made.evaluations, "batch_size": 64, "evaluate_every": 4, "clip_norm": 1.0},
        "space": {
            "lambda_sparse": {"low": 1e-4, "high": 1.0, "log": True},
            "lambda_acyclic": {"low": 1e-6, "high": 0.1, "log": True},
            "lr": {"low": 1e-3, "high": 0.05, "log": True},
        },
        "search": {"sampler": "tpe", "pruner": "cohort", "lanes": 16, "objective": made.objective, "confirm": 5},
        "backend": {"jobs": 2, "name": "loky", "device": "cpu"},
    }


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return None if value == "" else value


def _guard(text: Any) -> Any:
    return f"'{text}" if isinstance(text, str) and text[:1] in {*"=+-@\t\r'"} and text[:1] else text


def _write_csv(path: Path, columns: Sequence[str], rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns), restval="")
        writer.writeheader()
        writer.writerows({key: _guard(value) for key, value in row.items()} for row in rows)


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("folder", type=Path)
    options.add_argument("--trials", type=int, default=50)
    options.add_argument("--variables", type=int, default=13)
    options.add_argument("--edges", type=int, default=13)
    options.add_argument("--skill", type=float, default=0.47)
    options.add_argument("--blind", action="store_true", help="no true graph")
    options.add_argument("--hostile", action="store_true", help="names from a stranger's file")
    given = options.parse_args()
    names = HOSTILE if given.hostile else (*SENSORS, *(f"sensor_{n:03d}" for n in range(200)))
    make_run(
        given.folder,
        trials=given.trials,
        names=names[: given.variables],
        edges=given.edges,
        skill=given.skill,
        truth=not given.blind,
    )
