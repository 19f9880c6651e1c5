"""Which trial a run stands by."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.graph_text import edges_of, edges_text
from studies.choice import AMONG, AT_LEAST, best_row, leader, placed
from studies.records import COMPLETE, FAILED, PRUNED

D = 5


def row(number: int, score: float, graph: np.ndarray, state: str = COMPLETE, shd: int = 0) -> dict[str, Any]:
    """Return what the choice reads of a row."""
    return {
        "number": number, "state": state, "blind_score": score, "blind_edges": edges_text(graph), "val_shd": shd,
        "val_f1": 0.0, "val_shd_blind": shd,
    }  # fmt: skip


def graph_of(*edges: tuple[int, int]) -> np.ndarray:
    """Return a graph with these edges."""
    graph = np.zeros((D, D), dtype=bool)
    for edge in edges:
        graph[edge] = True
    return graph


def test_a_lone_lucky_score_is_not_picked() -> None:
    """Of the best third the trial that the others agree with is picked, not the one with the lowest score."""
    common = graph_of((0, 1), (1, 2))
    odd = graph_of((3, 4), (2, 0), (4, 1))
    trials = [row(0, -3.0, odd), *(row(n, -2.0 + n / 100, common) for n in (1, 2, 3))]
    trials += [row(n, 5.0, odd) for n in range(4, 12)]
    picked = best_row(trials, "blind")
    assert picked is not None
    assert picked["number"] == 1, "the first of equals by score"
    lucky = leader(trials, "blind")
    assert lucky is not None
    assert lucky["number"] == 0


def test_only_complete_trials_are_picked() -> None:
    """Pruned and failed trials have no say and are never picked; none complete gives none."""
    graph = graph_of((0, 1))
    trials = [row(0, -9.0, graph, PRUNED), row(1, -9.0, graph, FAILED)]
    assert best_row(trials, "blind") is None
    assert best_row([*trials, row(2, 3.0, graph)], "blind")["number"] == 2  # type: ignore[index]


@settings(max_examples=60)
@given(st.integers(1, 14), st.integers(0, 2**32 - 1))
def test_the_pick_is_the_medoid_by_loops(count: int, seed: int) -> None:
    """The pick differs least in all from the best third, at least three; the truth has no part."""
    rng = np.random.default_rng(seed)
    graphs = [(rng.random((D, D)) < 0.3) & ~np.eye(D, dtype=bool) for _ in range(count)]
    trials = [row(n, float(rng.integers(0, 4)), graph, shd=int(rng.integers(9))) for n, graph in enumerate(graphs)]
    ordered = sorted(trials, key=lambda item: (item["blind_score"], item["number"]))
    among = ordered[: max(AT_LEAST, -(-count // AMONG))]
    totals = [sum(int((graphs[a["number"]] != graphs[b["number"]]).sum()) for b in among) for a in among]
    expected = among[totals.index(min(totals))]["number"]
    for item in trials:
        item["val_shd"] = int(rng.integers(9))
    picked = best_row(trials, "blind")
    assert picked is not None
    assert picked["number"] == expected


def settled(number: int, price: float, graph: np.ndarray, shd: int, state: str = COMPLETE) -> dict[str, Any]:
    """Return a trial at a price of an edge."""
    return {**row(number, -1.0, graph, state, shd), "lambda_sparse": price, "lambda_acyclic": 1e-3, "lr": 0.01}


def test_of_equal_winners_the_one_with_good_neighbours_stands() -> None:
    """Equally good trials are told apart by what is near: the first is at the rim, where its neighbours fail."""
    graph = graph_of((0, 1))
    rim = [settled(0, 1.0, graph, 0), settled(1, 1.3, graph, 9, PRUNED), settled(2, 0.8, graph, 7)]
    heart = [settled(3, 0.01, graph, 1), settled(4, 0.013, graph, 0), settled(5, 0.016, graph, 1)]
    picked = best_row(rim + heart, "val_shd")
    assert picked is not None
    assert picked["number"] == 4
    assert best_row([*rim, *heart, settled(6, 3.0, graph, 0)], "val_shd")["number"] in {4, 6}  # type: ignore[index]
    worse = {**heart[1], "val_f1": -0.1}
    assert best_row([*rim, heart[0], worse, heart[2]], "val_shd") == rim[0], "neighbours only break ties"


def test_of_equal_blind_picks_the_one_with_like_neighbours_stands() -> None:
    """Among trials of the picked graph, the one whose neighbours found nearly the same graph; no truth is read."""
    common, odd = graph_of((0, 1), (1, 2)), graph_of((3, 4), (2, 0), (4, 1))
    rim = [settled(0, 1.0, common, 0), settled(1, 1.3, odd, 0), settled(2, 0.8, odd, 0)]
    heart = [settled(n, 0.01 + n / 1000, common, 99 - n) for n in (3, 4, 5)]
    scores = {0: -9.0, 3: -8.0, 4: -8.5, 5: -7.0, 1: 0.0, 2: 0.0}
    trials = [{**item, "blind_score": scores[item["number"]]} for item in rim + heart]
    picked = best_row(trials, "blind")
    assert picked is not None
    assert picked["number"] in {3, 4}
    for item in trials:
        item["val_shd"] = item["val_shd_blind"] = None
    assert best_row(trials, "blind") == picked


def test_settings_lie_on_the_ranges_that_were_tried() -> None:
    """Each swept setting goes from 0 to 1, by logarithm over a factor of ten; what never varied is left out."""
    rows = [
        {"number": n, "lambda_sparse": price, "lr": rate, "lambda_acyclic": 1.0}
        for n, (price, rate) in enumerate([(0.01, 0.01), (0.1, 0.02), (1.0, 0.05)])
    ]
    assert np.allclose(placed(rows), np.array([[0, 0], [0.5, 0.25], [1, 1]]))
    assert placed([{"number": 0}, {"number": 1}]).tolist() == [[0.0], [0.0]]


@given(st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_a_graph_survives_its_text(variables: int, seed: int) -> None:
    """The bits come back, whatever the size."""
    graph = np.random.default_rng(seed).random((variables, variables)) < 0.2
    bits = np.unpackbits(edges_of(edges_text(graph)), count=variables * variables)
    assert np.array_equal(bits.reshape(graph.shape).astype(bool), graph)
