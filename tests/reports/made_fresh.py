"""Fresh trainings of a made-up run, and what the summary says of them."""

import hashlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from made_recipe import NEEDS_TRUTH, Bools, Floats, Recipe, Row, pretended, scores, tuned


@dataclass
class Again:
    """Winner and blind pick trained again: rows of confirm/seeds.csv and data.csv, of edges.csv, and the summary."""

    seeds: list[Row]
    data: list[Row]
    edges: list[Row]
    block: Row | None


def made_again(
    made: Recipe, truth: Bools, learned: dict[str, Any], blind: Row | None, rng: np.random.Generator
) -> Again:
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
                rows.append(made_seed_row(made, truth, adjacency, index))
                rows[-1] |= {"pick": pick, "trial": trial["number"], "error": ""}
                rows[-1] |= {"data_seed": 900 + index} if part == "data" else {}
                cut = rows[-1]["best_threshold"] if pick == "oracle" else 0.5
                graphs.setdefault(part + pick, []).append(adjacency > cut)
        files.append(rows)
    block = made_block(files[0], learned["row"], blind, graphs, "seed")
    block["data"] = made_block(files[1], learned["row"], blind, graphs, "data") if files[1] else None
    own = learned["adjacency"] > (learned["row"]["best_threshold"] if oracle else 0.5)
    return Again(files[0], files[1], made_returns(made, truth, own, graphs), block)


def made_seed_row(made: Recipe, truth: Bools, adjacency: Floats, index: int) -> Row:
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


def made_block(rows: list[Row], best: Row, blind: Row, graphs: dict[str, list[Bools]], part: str) -> Row:
    """Sum up as summary.json does."""
    found = []
    for pick, own, suffix in (("oracle", best, ""), ("blind", blind, "_blind")):
        mine = [row for row in rows if row["pick"] == pick] or rows
        drawn = np.array(graphs.get(part + pick) or graphs[part + "blind"])
        pairs = [scores(a, b)["shd"] for k, a in enumerate(drawn) for b in drawn[k + 1 :]]
        item = {"trial": own["number"], "failed": 0, **(made_interval(mine, suffix) or {})}
        for name in ("shd", "f1"):
            mean = item[f"{name}_mean"]
            item[f"{name}_gap"] = None if mean is None else mean - own[f"val_{name}{suffix}"]
        item |= {"pair_shd": float(np.mean(pairs)) if pairs else None, "edges_mean": float(drawn.sum((1, 2)).mean())}
        item |= {"edges_always": int(drawn.all(0).sum()), "edges_ever": int(drawn.any(0).sum())}
        found.append(item)
    return {**found[0], "blind": found[1]}


def made_returns(made: Recipe, truth: Bools, own: Bools, graphs: dict[str, list[Bools]]) -> list[Row]:
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


def made_interval(seeds: list[Row], suffix: str = "") -> Row | None:
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
