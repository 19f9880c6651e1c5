"""Random true graphs: the edges asked for, exactly, and the shape asked for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import random_graphs
from core.config import GRAPH_KINDS, DataConfig
from core.graph_reader import find_cycle
from tests import oracles

KINDS = {"er": random_graphs.erdos_renyi, "scale_free": random_graphs.scale_free}


def test_all_kinds_are_here() -> None:
    """Law: every kind that the settings offer is tested below."""
    assert tuple(KINDS) == GRAPH_KINDS


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60)
@given(d=st.integers(2, 30), share=st.floats(0, 1), seed=st.integers(0, 2**32))
def test_the_graph_has_the_edges_asked_for_and_no_cycle(kind: str, d: int, share: float, seed: int) -> None:
    """Law: from none to all, exactly that many edges; acyclic; the order given is one of causes before effects."""
    edges = round(share * d * (d - 1) / 2)
    graph, order = KINDS[kind](d, edges, np.random.default_rng(seed))
    assert graph.sum() == edges
    assert oracles.is_dag(graph)
    place = {variable: k for k, variable in enumerate(order.tolist())}
    assert all(place[i] < place[j] for i, j in oracles.edge_set(graph))


@settings(max_examples=60)
@given(
    d=st.integers(2, 12), share=st.floats(0, 1), closing=st.floats(0, 1), seed=st.integers(0, 2**32),
    kind=st.sampled_from(GRAPH_KINDS),
)  # fmt: skip
def test_cycles_are_closed_by_as_many_edges_as_asked(
    d: int, share: float, closing: float, seed: int, kind: str
) -> None:
    """Law: `edges` edges in all; taking back the `cycles` edges against the order leaves no cycle; each lies on one."""
    forward = round(share * d * (d - 1) / 2)
    cycles = round(closing * forward)
    config = DataConfig(variables=d, edges=forward + cycles, cycles=cycles, graph_kind=kind)
    graph, order = random_graphs.draw_graph(config, np.random.default_rng(seed))
    place = np.argsort(order)
    back = [(i, j) for i, j in oracles.edge_set(graph) if place[i] > place[j]]
    assert (graph.sum(), len(back)) == (forward + cycles, cycles)
    assert not graph.diagonal().any()
    assert (find_cycle(graph) is None) == (cycles == 0)
    for i, j in back:
        reached, ahead = set(), {j}
        while ahead:
            reached |= ahead
            ahead = {b for a, b in oracles.edge_set(graph) if a in ahead} - reached
        assert i in reached


def test_scale_free_graphs_have_hubs() -> None:
    """Law: with as many edges, the largest degree is far above that of an even graph, and hubs are causes."""
    most: dict[str, list[int]] = {kind: [] for kind in KINDS}
    parents: list[int] = []
    for kind, draw in KINDS.items():
        for seed in range(20):
            graph, _ = draw(100, 200, np.random.default_rng(seed))
            most[kind].append(int((graph.sum(0) + graph.sum(1)).max()))
            parents += [int(graph.sum(0).max())] if kind == "scale_free" else []
    assert np.mean(most["scale_free"]) > 1.8 * np.mean(most["er"])
    assert min(most["scale_free"]) > max(most["er"])
    assert max(parents) <= 3


def test_scale_free_degrees_are_not_decided_by_the_names() -> None:
    """Law: the hub is any variable, not the first."""
    hubs = {int(random_graphs.scale_free(20, 40, np.random.default_rng(seed))[0].sum(1).argmax()) for seed in range(40)}
    assert len(hubs) > 10


@settings(max_examples=40)
@given(d=st.integers(2, 25), density=st.floats(0, 0.4), seed=st.integers(0, 2**32))
def test_reachable_is_found_by_walking(d: int, density: float, seed: int) -> None:
    """Law: reachable is what a walk along edges reaches, for graphs with cycles too."""
    graph = np.random.default_rng(seed).random((d, d)) < density
    found = random_graphs.reachable(graph)
    for start in range(d):
        seen: set[int] = set()
        ahead = {j for j in range(d) if graph[start, j]}
        while ahead:
            seen |= ahead
            ahead = {j for i in ahead for j in range(d) if graph[i, j]} - seen
        assert seen == set(np.flatnonzero(found[start]).tolist())
