"""Rows without time: from what predicts what to an acyclic graph.

Without time every variable is predicted best by its whole Markov blanket, causes, effects and the effects'
other causes alike. The learned strengths therefore say which pairs belong together, but not who causes whom,
nor which pair only shares an effect. A greedy search over acyclic graphs within those pairs decides both, by
the Bayesian information criterion of the whole graph: a skeleton learned first, then directed by score, as
in max-min hill-climbing. Linear effects with Gaussian noise leave some directions open, whatever the method.

Source: Tsamardinos, Brown, Aliferis 2006, "The max-min hill-climbing Bayesian network structure learning
algorithm"; Chickering 2002 for the score.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.data import TEST, Dataset

RESTARTS, RESTART_BUDGET = 20, 600
RESTART_SEED = 20061010
LEAST_GAIN = 1e-9
MOST_KNOWN = 200_000
LEAST_PAIRS, PAIRS_A_VARIABLE = 80, 4  # the strongest pairs are searched: the time grows with their square
Pair = tuple[int, int]
Parents = list[set[int]]
Move = tuple[float, Pair | None, Pair | None]


class ParentScores:
    """The criterion of a variable given its parents, from one matrix of products of all columns.

    Args:
        values: (n, d) standardised rows; 0, the mean, where missing.
        curved: whether a parent also acts through its square and its modulus.
    """

    def __init__(self, values: NDArray[np.float64], *, curved: bool) -> None:
        self.rows, self.variables = values.shape
        parts = [values, values**2, np.abs(values)] if curved else [values]
        columns = np.concatenate(parts, axis=1)
        columns = columns - columns.mean(0)
        self.width = len(parts)
        self.products = columns.T @ columns / self.rows + 1e-9 * np.eye(columns.shape[1])
        self.known: dict[tuple[int, frozenset[int]], float] = {}
        self.found: dict[tuple[Pair, ...], Parents] = {}

    def of(self, child: int, parents: frozenset[int]) -> float:
        """Return the criterion of one variable, worked out once."""
        key = (child, parents)
        if key not in self.known:
            self.known[key] = self.score(child, parents)
        return self.known[key]

    def score(self, child: int, parents: frozenset[int]) -> float:
        """Return n ln(residual variance) / 2 + k ln(n) / 2 for k regressors, in nats; lower is better."""
        left = float(self.products[child, child])
        at = [parent + self.variables * part for parent in sorted(parents) for part in range(self.width)]
        if at:
            cross = self.products[at, child]
            left -= float(cross @ np.linalg.solve(self.products[np.ix_(at, at)], cross))
        return float(0.5 * self.rows * math.log(max(left, 1e-12)) + 0.5 * len(at) * math.log(self.rows))

    def total(self, parents: Parents) -> float:
        """Return the criterion of a whole graph."""
        return math.fsum(self.of(child, frozenset(those)) for child, those in enumerate(parents))


def reaches(parents: Parents, start: int, goal: int) -> bool:
    """Tell whether a directed path leads from `start` to `goal`."""
    seen, waiting = {goal}, [goal]
    while waiting:
        for parent in sorted(parents[waiting.pop()]):
            if parent == start:
                return True
            if parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return False


def moves(parents: Parents, pairs: list[Pair], scores: ParentScores) -> Iterator[Move]:
    """Yield what every legal change of one pair gains: (gain, edge dropped or None, edge added or None)."""

    def gain(child: int, to: set[int]) -> float:
        return scores.of(child, frozenset(parents[child])) - scores.of(child, frozenset(to))

    for pair in pairs:
        for i, j in (pair, (pair[1], pair[0])):
            if i in parents[j]:
                drop = gain(j, parents[j] - {i})
                yield drop, (i, j), None
                parents[j].remove(i)
                turned = not reaches(parents, i, j)
                parents[j].add(i)
                if turned:
                    yield drop + gain(i, parents[i] | {j}), (i, j), (j, i)
            elif j not in parents[i] and not reaches(parents, j, i):
                yield gain(j, parents[j] | {i}), None, (i, j)


def climb(parents: Parents, pairs: list[Pair], scores: ParentScores) -> Parents:
    """Take the best change until none gains; `parents` is changed and returned."""
    while True:
        still: Move = (0.0, None, None)
        gain, dropped, added = max(moves(parents, pairs, scores), key=lambda move: move[0], default=still)
        if gain <= LEAST_GAIN:
            return parents
        if dropped is not None:
            parents[dropped[1]].remove(dropped[0])
        if added is not None:
            parents[added[1]].add(added[0])


def best_graph(pairs: list[Pair], scores: ParentScores) -> NDArray[np.bool_]:
    """Return the best acyclic graph found within some pairs, (d, d), [i, j] is i -> j; kept for the same pairs."""
    key = tuple(pairs)
    if key not in scores.found:
        scores.found[key] = search(pairs, scores)
    graph = np.zeros((scores.variables, scores.variables), dtype=bool)
    for child, those in enumerate(scores.found[key]):
        graph[sorted(those), child] = True
    return graph


def search(pairs: list[Pair], scores: ParentScores) -> Parents:
    """Climb from several starts and return the best end.

    The first climb starts from no edge; the others from all pairs directed by a random order (a fixed seed),
    fewer of them where there are many pairs.
    """
    d, rng = scores.variables, np.random.default_rng(RESTART_SEED)
    found = climb([set() for _ in range(d)], pairs, scores)
    least = scores.total(found)
    for _ in range(min(RESTARTS, RESTART_BUDGET // max(1, len(pairs)))):
        place = rng.permutation(d)
        start: Parents = [set() for _ in range(d)]
        for i, j in pairs:
            cause, effect = (i, j) if place[i] < place[j] else (j, i)
            start[effect].add(cause)
        tried = climb(start, pairs, scores)
        total = scores.total(tried)
        if total < least - LEAST_GAIN:
            found, least = tried, total
    return found


_CRITERIA: dict[str, tuple[ParentScores, ParentScores]] = {}


def criteria(dataset: Dataset) -> tuple[ParentScores, ParentScores]:
    """Return the criterion with straight and with curved effects, kept for the data set used last."""
    kept = _CRITERIA.get(dataset.key)
    if kept is None or sum(len(item.known) for item in kept) > MOST_KNOWN:
        rows = dataset.values[dataset.split != TEST].astype(np.float64)
        kept = ParentScores(rows, curved=False), ParentScores(rows, curved=True)
        _CRITERIA.clear()
        _CRITERIA[dataset.key] = kept
    return kept  # not looked up again: another thread may have replaced it


class Oriented(NamedTuple):
    """strength (d, d) float32, [i, j] is i -> j, and the criterion of the acyclic graph, in nats a row."""

    strength: NDArray[np.float32]
    score: float


def oriented(strength: NDArray[np.float32], dataset: Dataset) -> Oriented:
    """Move the strengths of an undirected blanket onto an acyclic graph.

    Args:
        strength: (d, d) in [0, 1), [i, j] is i -> j; pairs with none in either direction are out.
        dataset: rows without time; its test rows and its true graph are not read.

    Returns:
        Strengths: an edge of the acyclic graph has (1 + a) / 2, a the larger strength of its pair, and so exceeds
        0.5; every other direction keeps half of its own strength, for a ranking below all edges. And the score,
        lower is better, by which trials of one data set can be compared.
    """
    known = strength > 0
    pair = np.maximum(strength, strength.T)
    ahead = sorted(zip(*np.nonzero(np.triu(known | known.T)), strict=True), key=lambda at: -pair[at])
    pairs = sorted((int(i), int(j)) for i, j in ahead[: max(LEAST_PAIRS, PAIRS_A_VARIABLE * len(known))])
    near: Parents = [set(np.flatnonzero(known[:, j] | known[j]).tolist()) for j in range(len(known))]
    models = criteria(dataset)
    scores = min(models, key=lambda model: model.total(near))
    graph = best_graph(pairs, scores)
    parents: Parents = [set(np.flatnonzero(column).tolist()) for column in graph.T]
    moved = np.where(graph, 0.5 + 0.5 * pair, 0.5 * strength).astype(np.float32)
    return Oriented(moved, min(model.total(parents) for model in models) / scores.rows)
