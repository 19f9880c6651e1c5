"""Obviously right versions of what `core` computes: plain loops, one graph, one lane, one cell at a time.

Graphs are square arrays, [i, j] is i -> j. Nothing here imports `core`, so that no error is shared.
"""

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

Graph = Any  # (d, d) truth values


def edge_set(graph: Graph) -> set[tuple[int, int]]:
    """Return the edges (i, j)."""
    d = len(graph)
    return {(i, j) for i in range(d) for j in range(d) if graph[i][j]}


def shd(estimate: Graph, truth: Graph) -> int:
    """Count the unordered pairs on which two graphs differ."""
    wrong = 0
    for i, j in combinations(range(len(truth)), 2):
        ours = (bool(estimate[i][j]), bool(estimate[j][i]))
        theirs = (bool(truth[i][j]), bool(truth[j][i]))
        wrong += ours != theirs
    return wrong


def shd_directed(estimate: Graph, truth: Graph) -> int:
    """Count false positives and false negatives."""
    ours, theirs = edge_set(estimate), edge_set(truth)
    return len(ours - theirs) + len(theirs - ours)


def f1_of_sets(ours: set[Any], theirs: set[Any]) -> float:
    """2TP / (2TP + FP + FN); 1 for two empty sets."""
    hits, extra, missed = len(ours & theirs), len(ours - theirs), len(theirs - ours)
    return 1.0 if hits + extra + missed == 0 else 2 * hits / (2 * hits + extra + missed)


def f1(estimate: Graph, truth: Graph) -> float:
    """F1 of the directed edges."""
    return f1_of_sets(edge_set(estimate), edge_set(truth))


def skeleton_f1(estimate: Graph, truth: Graph) -> float:
    """F1 of the undirected pairs."""
    ours = {frozenset(edge) for edge in edge_set(estimate)}
    return f1_of_sets(ours, {frozenset(edge) for edge in edge_set(truth)})


def share(part: int, whole: int) -> float:
    """Part / whole, and 1 of nothing."""
    return 1.0 if whole == 0 else part / whole


def precision(estimate: Graph, truth: Graph) -> float:
    """Share of the claimed edges that are true; where nothing is claimed, 1 if there is nothing to claim, else 0."""
    ours = edge_set(estimate)
    if not ours:
        return 0.0 if edge_set(truth) else 1.0
    return share(len(ours & edge_set(truth)), len(ours))


def recall(estimate: Graph, truth: Graph) -> float:
    """Share of the true edges that are found; 1 where there is none."""
    theirs = edge_set(truth)
    return share(len(edge_set(estimate) & theirs), len(theirs))


def tuned_threshold(adjacency: Graph, truth: Graph, cuts: str) -> float:
    """Try every cut: best F1, then lowest SHD, then the highest cut."""
    d = len(truth)
    tried = [k / 20 for k in range(21)]
    if cuts == "all":
        tried = [0.0] + [float(adjacency[i][j]) for i in range(d) for j in range(d)]
    ranked = []
    for cut in tried:
        graph = [[float(adjacency[i][j]) > cut for j in range(d)] for i in range(d)]
        ranked.append((f1(graph, truth), -shd(graph, truth), cut))
    return max(ranked)[2]


def is_dag(graph: Graph) -> bool:
    """Remove variables without parents until none is left, or none can be removed."""
    left = set(range(len(graph)))
    while left:
        roots = {j for j in left if not any(graph[i][j] for i in left)}
        if not roots:
            return False
        left -= roots
    return True


def cycle(d: int, members: Sequence[int]) -> np.ndarray:
    """Return the (d, d) graph of one directed cycle through the members."""
    graph = np.zeros((d, d))
    for here, after in zip(members, [*members[1:], members[0]], strict=True):
        graph[here, after] = 1.0
    return graph


def random_dag(d: int, density: float, rng: np.random.Generator) -> np.ndarray:
    """Return a random acyclic graph under a random order, (d, d) bool."""
    order = rng.permutation(d)
    graph = np.zeros((d, d), dtype=bool)
    for early, late in combinations(range(d), 2):
        graph[order[early], order[late]] = rng.random() < density
    return graph


def interpolated(values: np.ndarray, observed: np.ndarray, block: np.ndarray) -> np.ndarray:
    """Fill each missing cell from the nearest observed cells before and after it in its own block."""
    filled = values.astype(np.float64).copy()
    n, d = values.shape
    for t in range(n):
        for j in range(d):
            if observed[t, j]:
                continue
            before = [s for s in range(t) if block[s] == block[t] and observed[s, j]]
            after = [s for s in range(t + 1, n) if block[s] == block[t] and observed[s, j]]
            if before and after:
                a, b = before[-1], after[0]
                filled[t, j] = values[a, j] + (float(values[b, j]) - float(values[a, j])) * (t - a) / (b - a)
            elif before or after:
                filled[t, j] = values[before[-1] if before else after[0], j]
    return filled


def carried(values: np.ndarray, observed: np.ndarray, block: np.ndarray) -> np.ndarray:
    """Fill each cell with the last observed one of its block up to now, else 0."""
    filled = np.zeros(values.shape)
    for t in range(len(values)):
        for j in range(values.shape[1]):
            seen = [s for s in range(t + 1) if block[s] == block[t] and observed[s, j]]
            filled[t, j] = values[seen[-1], j] if seen else 0.0
    return filled


def slow_course(
    values: np.ndarray, observed: np.ndarray, block: np.ndarray, span: int
) -> tuple[np.ndarray, np.ndarray]:
    """Read the observed values of a block one by one: the k-th moves both 1 / min(k + 1, span) of the way.

    So a level is the plain mean of a first 0 and what has been seen, until `span` values are averaged; the
    variance, from 1, goes towards the squared distance of each value from the level before it.
    """
    levels, deviations = np.zeros(values.shape), np.zeros(values.shape)
    for j in range(values.shape[1]):
        for t in range(len(values)):
            seen = [float(values[s, j]) for s in range(t + 1) if block[s] == block[t] and observed[s, j]]
            level, variance = 0.0, 1.0
            for k, value in enumerate(seen, start=1):
                step = 1 / min(k + 1, span)
                variance = (1 - step) * variance + step * (value - level) ** 2
                level = (1 - step) * level + step * value
            levels[t, j], deviations[t, j] = level, variance**0.5
    return levels, deviations


def prediction(
    value: dict[str, np.ndarray], gates: np.ndarray, features: np.ndarray, sizes: Any, lane: int
) -> tuple[np.ndarray, np.ndarray]:
    """Predict one lane variable by variable: D_j(sum over i of g_ij V_ij s_i, b_j, 1) and the log error bar.

    Args:
        value: the parameters by name, leading axis K.
        gates: (K, d, d), [i, j] is i -> j.
        features: (K, d, F, B).
        sizes: the widths signal, bias, noise, hidden, and what each latent reads.
        lane: which lane.

    Returns:
        mean and log-scale, (d, B) float64.
    """
    p = {name: part[lane].astype(np.float64) for name, part in value.items()}
    g, x = gates[lane].astype(np.float64), features[lane].astype(np.float64)
    d, _, rows = x.shape
    signal, own, noise = [], [], []
    for i in range(d):
        sent, kept = np.array(sizes.signal_reads, dtype=float), np.array(sizes.own_reads, dtype=float)
        latents = []
        for latent in range(sizes.signal + sizes.bias + sizes.noise):
            mask = sent if latent < sizes.signal else kept
            level = (p["encoder"][i, latent] * mask) @ x[i] + p["encoder_bias"][i, latent]
            straight = latent in (0, sizes.signal)
            latents.append(level if straight else np.tanh(level))
        signal.append(np.array(latents[: sizes.signal]))
        own.append(np.array(latents[sizes.signal : sizes.signal + sizes.bias]))
        noise.append(np.array(latents[sizes.signal + sizes.bias :]))
    mean, log_scale = np.zeros((d, rows)), np.zeros((d, rows))
    for j in range(d):
        memory, constant = p["memory"][j][:, : sizes.bias], p["memory"][j][:, sizes.bias :]
        drive = memory @ own[j] + constant
        for i in range(d):
            if i != j:
                drive = drive + g[i, j] * (p["mix"][j, :, i, :] @ signal[i])
        mean[j] = drive[0] + (p["readout"][j] @ np.tanh(drive[1:]))[0]
        log_scale[j] = np.clip((p["scale"][j] @ noise[j])[0] + p["scale_bias"][j, 0, 0], -5.0, 5.0)
    return mean, log_scale


def edge_strengths(
    value: dict[str, np.ndarray], opened: np.ndarray, rows: np.ndarray, sizes: Any, lane: int, needed: float
) -> np.ndarray:
    """Cut one open edge at a time and predict again: A_ij = r / (r + needed), r the share of j's error it saves.

    Args:
        value: the parameters by name, leading axis K.
        opened: (K, d, d) bool, the edges that are open.
        rows: (d, 2 + F, B) target, observed flag and features.
        sizes: as in `prediction`.
        lane: which lane.
        needed: the share at which a strength is a half.

    Returns:
        (d, d) float64.
    """
    features = np.repeat(rows[None, :, 2:], len(opened), axis=0)

    def errors(gates: np.ndarray) -> np.ndarray:
        mean, _ = prediction(value, np.repeat(gates[None], len(opened), axis=0), features, sizes, lane)
        found = np.zeros(len(mean))
        for j in range(len(mean)):
            costs = [(mean[j, t] - rows[j, 0, t]) ** 2 for t in range(rows.shape[2]) if rows[j, 1, t]]
            found[j] = sum(costs) / len(costs) if costs else 0.0
        return found

    graph = opened[lane].astype(float)
    whole, alone, strength = errors(graph), errors(np.zeros_like(graph)), np.zeros(graph.shape)
    for i, j in edge_set(graph):
        cut = graph.copy()
        cut[i, j] = 0.0
        saved = errors(cut)[j] - whole[j]
        if saved > 0:
            strength[i, j] = saved / alone[j] / (saved / alone[j] + needed)
    return strength


def negative_log_likelihood(mean: float, log_scale: float, target: float) -> float:
    """-log N(target | mean, exp(log_scale)) without its constant."""
    return 0.5 * ((target - mean) / math.exp(log_scale)) ** 2 + log_scale
