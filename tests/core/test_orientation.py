"""Rows without time: from a blanket to an acyclic graph."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest
import torch

from core import metrics
from core.config import DataConfig, TrainerConfig
from core.data import TEST, TRAIN, Dataset, prepare, samples
from core.orientation import Parents, ParentScores, best_graph, oriented, reaches
from core.simulate import simulate


def static(seed: int, variables: int = 6, edges: int = 6, mechanism: str = "linear") -> Dataset:
    """Return rows without time, with their true graph."""
    config = DataConfig(
        name="sem", seed=seed, rows=800, variables=variables, edges=edges, mechanism=mechanism, missing=0.0,
        noise_kind="unequal",
    )  # fmt: skip
    return prepare(simulate(config), TrainerConfig(max_lag=0))


def blanket(truth: np.ndarray) -> np.ndarray:
    """Return strengths as a perfect blanket has them: causes, effects and the effects' other causes, both ways."""
    spouses = (truth.astype(int) @ truth.T.astype(int)) > 0
    near = (truth | truth.T | spouses) & ~np.eye(len(truth), dtype=bool)
    return np.where(near, 0.8, 0.0).astype(np.float32)


def criterion(rows: np.ndarray, child: int, parents: list[int]) -> float:
    """Return the criterion by least squares on the rows themselves."""
    centred = rows - rows.mean(0)
    left = centred[:, child]
    if parents:
        weights, *_ = np.linalg.lstsq(centred[:, parents], left, rcond=None)
        left = left - centred[:, parents] @ weights
    n = len(rows)
    return 0.5 * n * np.log((left**2).mean()) + 0.5 * len(parents) * np.log(n)


def test_the_score_is_that_of_least_squares() -> None:
    """Any variable and parents have the criterion of an ordinary regression on the rows."""
    dataset = static(3)
    rows = dataset.values[dataset.split != TEST].astype(float)
    scores = ParentScores(rows, curved=False)
    for child, parents in ((0, []), (1, [0]), (2, [0, 4, 5]), (5, [1])):
        assert scores.of(child, frozenset(parents)) == pytest.approx(criterion(rows, child, parents), abs=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_the_search_finds_the_best_of_all_acyclic_graphs(seed: int) -> None:
    """With four variables every acyclic graph can be tried, and none is better."""
    dataset = static(seed, variables=4, edges=4)
    scores = ParentScores(dataset.values[dataset.split != TEST].astype(float), curved=False)
    pairs = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    least = np.inf
    for choice in product((0, 1, 2), repeat=len(pairs)):
        parents: Parents = [set() for _ in range(4)]
        for (i, j), way in zip(pairs, choice, strict=True):
            if way:
                parents[j if way == 1 else i].add(i if way == 1 else j)
        if not any(reaches(parents, k, k) for k in range(4)):
            least = min(least, scores.total(parents))
    found = best_graph(pairs, scores)
    assert scores.total([set(np.flatnonzero(column).tolist()) for column in found.T]) == pytest.approx(least)


def test_spouses_go_and_the_skeleton_stays() -> None:
    """Of a perfect blanket the pairs that only share an effect are dropped: skeleton F1 0.9 or more on average."""
    values = []
    for seed in range(6):
        dataset = static(seed, variables=10, edges=10)
        assert dataset.truth is not None
        moved = oriented(blanket(dataset.truth), dataset).strength
        graph = torch.from_numpy(moved > 0.5)
        assert bool(metrics.is_dag(graph))
        values.append(float(metrics.compare(graph, torch.from_numpy(dataset.truth)).skeleton_f1))
    assert np.mean(values) >= 0.9


def test_strengths_keep_their_order_and_their_zeros() -> None:
    """Edges of the graph lie above 0.5, all else at half its strength, and what was 0 stays 0."""
    dataset = static(1)
    strength = np.random.default_rng(1).uniform(0, 0.9, (6, 6)).astype(np.float32)
    strength[np.random.default_rng(2).random((6, 6)) < 0.5] = 0.0
    np.fill_diagonal(strength, 0.0)
    moved = oriented(strength, dataset).strength
    edges = moved > 0.5
    pair = np.maximum(strength, strength.T)
    np.testing.assert_allclose(moved[edges], 0.5 + 0.5 * pair[edges])
    np.testing.assert_allclose(moved[~edges], 0.5 * strength[~edges])
    assert not moved[pair == 0].any()
    assert not (edges & edges.T).any()
    assert moved.max() < 1


def test_nothing_known_gives_nothing() -> None:
    """Strengths of zero stay zero, and the score is that of the empty graph."""
    dataset = static(2)
    found = oriented(np.zeros((6, 6), dtype=np.float32), dataset)
    assert not found.strength.any()
    rows = dataset.values[dataset.split != TEST].astype(float)
    assert found.score == pytest.approx(sum(criterion(rows, j, []) for j in range(6)) / len(rows), abs=1e-5)


def test_the_better_graph_has_the_lower_score() -> None:
    """The true blanket scores below a blanket that lacks half of the true pairs."""
    dataset = static(5, variables=8, edges=8)
    assert dataset.truth is not None
    whole = blanket(dataset.truth)
    partial = whole * (np.arange(8) % 2 == 0)[:, None] * (np.arange(8) % 2 == 0)
    assert oriented(whole, dataset).score < oriented(partial.astype(np.float32), dataset).score


def test_neither_truth_nor_test_rows_are_read() -> None:
    """Another true graph and other test rows give the same strengths and score."""
    dataset = static(4)
    assert dataset.truth is not None
    strength = blanket(dataset.truth)
    values = dataset.values.copy()
    values[dataset.split == TEST] = 7.0
    other = Dataset(
        dataset.names, values, dataset.observed, dataset.block, dataset.split, ~dataset.truth, {}, "another key"
    )
    one, two = oriented(strength, dataset), oriented(strength, other)
    assert np.array_equal(one.strength, two.strength)
    assert one.score == two.score


def test_threads_with_other_data_sets_do_not_disturb_each_other() -> None:
    """What is kept between calls is shared by threads: every one still gets its own data set's answer."""
    config = TrainerConfig(max_lag=0)
    sets = [static(seed) for seed in range(12)]
    expected = [oriented(blanket(item.truth), item).score for item in sets if item.truth is not None]

    def work(turn: int) -> tuple[float, bool]:
        item = sets[turn % len(sets)]
        assert item.truth is not None
        rows = samples(item, TRAIN, config).rows
        return oriented(blanket(item.truth), item).score, bool(
            (rows[:, :, 0].numpy() == item.values[item.split == TRAIN]).all()
        )

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(work, range(60)))
    assert [score for score, _ in found] == [expected[turn % len(sets)] for turn in range(60)]
    assert all(own for _, own in found)
