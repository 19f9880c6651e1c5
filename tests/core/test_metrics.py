"""Every number about a graph against loop versions, on random graphs and on the corners."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core import metrics
from tests import oracles

KNOWN = torch.tensor([[0, 1, 0], [0, 0, 1], [0, 0, 0]], dtype=torch.bool)


@st.composite
def graph_pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Draw two random graphs of one size, from empty to full."""
    d = draw(st.integers(2, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    densities = [draw(st.sampled_from([0.0, 0.1, 0.3, 0.6, 1.0])) for _ in range(2)]
    first, second = ((rng.random((d, d)) < density) & ~np.eye(d, dtype=bool) for density in densities)
    return first, second


@settings(max_examples=300)
@given(graph_pairs())
def test_counts_equal_the_loops(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """Law: every count and ratio is what counting edge by edge gives, and none is ever NaN."""
    estimate, truth = pair
    found = metrics.compare(torch.from_numpy(estimate), torch.from_numpy(truth))
    expected = {
        "shd": oracles.shd(estimate, truth),
        "shd_directed": oracles.shd_directed(estimate, truth),
        "f1": oracles.f1(estimate, truth),
        "precision": oracles.precision(estimate, truth),
        "recall": oracles.recall(estimate, truth),
        "skeleton_f1": oracles.skeleton_f1(estimate, truth),
        "edge_count": len(oracles.edge_set(estimate)),
        "true_positives": len(oracles.edge_set(estimate) & oracles.edge_set(truth)),
    }
    assert {name: getattr(found, name).item() for name in found._fields} == expected
    assert not any(math.isnan(float(value)) for value in found)


@settings(max_examples=200)
@given(graph_pairs())
def test_shd_is_a_distance(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """Law: SHD is symmetric, 0 only for equal graphs, at most one a pair, and no more than the directed one."""
    a, b = (torch.from_numpy(graph) for graph in pair)
    d = len(a)
    assert metrics.shd(a, b) == metrics.shd(b, a)
    assert (metrics.shd(a, b) == 0) == torch.equal(a, b)
    assert 0 <= metrics.shd(a, b) <= d * (d - 1) // 2
    assert metrics.shd(a, b) <= metrics.compare(a, b).shd_directed


def test_a_reversal_counts_one_and_directed_two() -> None:
    """Law: turning an edge round is one error of SHD, two of directed SHD, and none of the skeleton."""
    found = metrics.compare(torch.tensor([[0, 0, 0], [1, 0, 1], [0, 0, 0]], dtype=torch.bool), KNOWN)
    assert (found.shd, found.shd_directed, found.skeleton_f1, found.f1) == (1, 2, 1.0, 0.5)


def test_the_original_scores_of_chance_are_recounted() -> None:
    """Law: 1, 2 and 3 hits of 13 among 16 edges are the F1 of 0.069, 0.138 and 0.207."""
    truth = torch.zeros(13, 13, dtype=torch.bool)
    truth[torch.arange(12), torch.arange(1, 13)] = True
    truth[0, 12] = True
    for hits, expected in ((1, 0.069), (2, 0.138), (3, 0.207)):
        estimate = torch.zeros_like(truth)
        estimate[torch.arange(hits), torch.arange(1, hits + 1)] = True
        wrong = [(i, j) for i in range(13) for j in range(13) if i > j][: 16 - hits]
        for i, j in wrong:
            estimate[i, j] = True
        assert metrics.compare(estimate, truth).f1.item() == pytest.approx(expected, abs=5e-4)


def test_two_empty_graphs_agree() -> None:
    """Law: nothing claimed where nothing is true is a perfect score; nothing claimed of something is F1 0."""
    empty = torch.zeros(4, 4, dtype=torch.bool)
    found = metrics.compare(empty, empty)
    assert (found.f1, found.skeleton_f1, found.precision, found.recall, found.shd) == (1.0, 1.0, 1.0, 1.0, 0)
    assert metrics.compare(torch.zeros(3, 3, dtype=torch.bool), KNOWN).f1 == 0.0
    assert metrics.compare(KNOWN, torch.zeros(3, 3, dtype=torch.bool)).f1 == 0.0


def test_leading_axes_are_kept() -> None:
    """Law: graphs with leading axes are compared one by one with the one true graph."""
    rng = np.random.default_rng(5)
    stack = torch.from_numpy((rng.random((4, 3, 5, 5)) < 0.4) & ~np.eye(5, dtype=bool))
    truth = torch.from_numpy(oracles.random_dag(5, 0.5, rng))
    found = metrics.compare(stack, truth)
    for name, field in zip(found._fields, found, strict=True):
        assert field.shape == (4, 3), name
    for a in range(4):
        for b in range(3):
            assert found.shd[a, b] == oracles.shd(stack[a, b], truth)
            assert found.f1[a, b] == oracles.f1(stack[a, b], truth)


@pytest.mark.parametrize("count", [metrics.shd, metrics.compare])
def test_wrong_graphs_are_refused(count: object) -> None:
    """Law: strengths instead of edges, self-loops and other sizes are errors, never numbers."""
    assert callable(count)
    for estimate, truth in ((KNOWN.float(), KNOWN), (KNOWN, KNOWN.float()), (KNOWN.long(), KNOWN)):
        with pytest.raises(TypeError, match="boolean"):
            count(estimate, truth)
    loop = KNOWN.clone()
    loop[1, 1] = True
    for estimate, truth in ((loop, KNOWN), (KNOWN, loop)):
        with pytest.raises(ValueError, match="self-loops"):
            count(estimate, truth)
    with pytest.raises(ValueError, match="one size"):
        count(torch.zeros(4, 4, dtype=torch.bool), KNOWN)


@settings(max_examples=200)
@given(
    d=st.integers(2, 8),
    seed=st.integers(0, 2**32),
    cuts=st.sampled_from(["21", "all"]),
    density=st.sampled_from([0.0, 0.2, 0.5, 1.0]),
    coarse=st.booleans(),
)
def test_the_tuned_cut_equals_trying_all(d: int, seed: int, cuts: str, density: float, coarse: bool) -> None:
    """Law: the tuned cut has the best F1, then the lowest SHD, then is the highest; its counts are taken at it."""
    rng = np.random.default_rng(seed)
    off = ~np.eye(d, dtype=bool)
    strengths = (rng.random((2, d, d)) * off).astype(np.float32)
    if coarse:  # many ties, many of them on the cuts themselves
        strengths = (np.round(strengths * 20) / 20).astype(np.float32)
    truth = (rng.random((d, d)) < density) & off
    chosen, found = metrics.tune_threshold(torch.from_numpy(strengths), torch.from_numpy(truth), cuts)
    for lane in range(2):
        assert chosen[lane].item() == oracles.tuned_threshold(strengths[lane], truth, cuts)
        graph = strengths[lane].astype(np.float64) > chosen[lane].item()
        assert found.f1[lane] == oracles.f1(graph, truth)
        assert found.shd[lane] == oracles.shd(graph, truth)
        assert found.edge_count[lane] == graph.sum()
        assert torch.equal(metrics.edges_above(torch.from_numpy(strengths), chosen)[lane], torch.from_numpy(graph))


def test_the_better_f1_wins_however_little_the_better_and_however_many_more_errors() -> None:
    """Law: F1 decides before SHD, also where many variables let F1 differ by less than a millionth of the SHD."""
    d = 30
    pairs = [(i, j) for i in range(d) for j in range(d) if i < j]
    truth, strength = torch.zeros(d, d, dtype=torch.bool), torch.zeros(1, d, d)
    for i, j in pairs[:30]:
        truth[i, j] = True
    strength[0, *pairs[0]] = 0.9  # above 0.85: one edge, a hit, F1 = 2 / 31 = 0.0645, SHD 29
    for i, j in pairs[1:10] + pairs[30:299]:  # above 0.45: 279 edges, 10 hits, F1 = 20 / 309 = 0.0647, SHD 289
        strength[0, i, j] = 0.48
    chosen, found = metrics.tune_threshold(strength, truth)
    assert found.f1.item() == 20 / 309
    assert chosen.item() == oracles.tuned_threshold(strength[0].numpy(), truth.numpy(), "21") == 0.45


def test_the_cuts_are_those_of_the_original() -> None:
    """Law: the 21 cuts are 0, 0.05 ... 1, edges lie strictly above, and a certain edge survives all but the last."""
    assert metrics.GRID.tolist() == [k / 20 for k in range(21)]
    strength = torch.tensor([[[0.0, 1.0], [0.5, 0.0]]])
    assert metrics.edges_above(strength, 0.5)[0].tolist() == [[False, True], [False, False]]
    assert metrics.edges_above(strength, 1.0).sum() == 0
    assert metrics.edges_above(strength, 0.0).sum() == 2
    chosen, found = metrics.tune_threshold(strength, torch.tensor([[0, 1], [0, 0]], dtype=torch.bool))
    assert (chosen.item(), found.f1.item(), found.edge_count.item()) == (0.95, 1.0, 1)


@pytest.mark.parametrize("cuts", ["21", "all"])
def test_strengths_that_are_not_numbers_give_the_empty_graph(cuts: str) -> None:
    """Law: a lane that diverged to NaN counts as no edge and never as a NaN score."""
    strength = torch.full((2, 3, 3), torch.nan)
    strength[1] = KNOWN.float()
    _, found = metrics.tune_threshold(strength, KNOWN, cuts)
    assert found.edge_count.tolist() == [0, 2]
    assert found.f1.tolist() == [0.0, 1.0]


@settings(max_examples=300)
@given(d=st.integers(1, 12), density=st.sampled_from([0.05, 0.1, 0.2, 0.4]), seed=st.integers(0, 2**32))
def test_cycles_are_found(d: int, density: float, seed: int) -> None:
    """Law: a graph is acyclic exactly if taking away variables without causes ends with none left."""
    rng = np.random.default_rng(seed)
    graph = (rng.random((d, d)) < density) & ~np.eye(d, dtype=bool)
    assert metrics.is_dag(torch.from_numpy(graph)).item() == oracles.is_dag(graph)


@pytest.mark.parametrize("d", [2, 3, 5, 17, 40])
def test_every_length_of_cycle_is_found(d: int) -> None:
    """Law: no cycle is too long to be seen, and a full acyclic graph is not mistaken for one."""
    rng = np.random.default_rng(d)
    for length in range(2, d + 1):
        graph = torch.from_numpy(oracles.cycle(d, rng.permutation(d)[:length].tolist()) > 0)
        assert not metrics.is_dag(graph)
    assert metrics.is_dag(torch.from_numpy(oracles.random_dag(d, 1.0, rng)))


def test_useless_graphs_are_named() -> None:
    """Law: empty is no edge, dense is 90 % of all pairs or more, and anything between has no name."""
    d, names = 5, []
    for edges in range(d * (d - 1) + 1):
        graph = torch.zeros(d * d, dtype=torch.bool)
        graph[(~torch.eye(d, dtype=torch.bool)).flatten().nonzero()[:edges, 0]] = True
        names += metrics.degenerate(graph.view(1, d, d))
    assert names == ["empty"] + [""] * 17 + ["dense"] * 3


def test_a_fixed_cut_is_not_tuned() -> None:
    """Law: `fixed` cuts at a half whatever the truth is, where tuning would have found a better cut."""
    strength = 0.4 * KNOWN.float()[None]
    cut, found = metrics.tune_threshold(strength, KNOWN, "fixed")
    assert (cut.tolist(), found.edge_count.tolist(), found.f1.tolist()) == ([0.5], [0], [0.0])
    assert metrics.tune_threshold(strength, KNOWN)[1].f1.tolist() == [1.0]
