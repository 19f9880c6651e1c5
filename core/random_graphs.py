"""Random true graphs with an exact number of edges: even or with hubs, acyclic or with feedback."""

import numpy as np
from numpy.typing import NDArray

from core.config import DataConfig

Graph = NDArray[np.bool_]


def erdos_renyi(d: int, edges: int, rng: np.random.Generator) -> tuple[Graph, NDArray[np.int64]]:
    """Draw a directed acyclic graph with exactly that many edges, uniformly over pairs of a random order.

    Returns:
        graph (d, d) bool, [i, j] is i -> j, and an order in which causes come before effects.
    Source: Erdős, Rényi 1959, G(n, M).
    """
    order = rng.permutation(d)
    early, late = np.triu_indices(d, 1)
    chosen = rng.choice(len(early), size=edges, replace=False)
    graph = np.zeros((d, d), dtype=bool)
    graph[order[early[chosen]], order[late[chosen]]] = True
    return graph, order


def scale_free(d: int, edges: int, rng: np.random.Generator) -> tuple[Graph, NDArray[np.int64]]:
    """Draw a directed acyclic graph with exactly that many edges and with hubs, by preferential attachment.

    Variables arrive in a random order; each takes its even share of the edges from variables that came
    before it, likelier from those with many edges (chance in proportion to degree + 1). So hubs are causes,
    and no variable has many more parents than the others.

    Returns:
        graph (d, d) bool, [i, j] is i -> j, and an order in which causes come before effects.
    Source: Barabási, Albert 1999; edges run from the older to the newer variable.
    """
    order = rng.permutation(d)
    graph = np.zeros((d, d), dtype=bool)
    degree = np.ones(d)
    for newcomer, share in enumerate(arrival_shares(d, edges).tolist()):
        if share:
            weight = degree[:newcomer] / degree[:newcomer].sum()
            parents = rng.choice(newcomer, size=share, replace=False, p=weight)
            graph[order[parents], order[newcomer]] = True
            degree[parents] += 1
            degree[newcomer] += share
    return graph, order


def arrival_shares(d: int, edges: int) -> NDArray[np.int64]:
    """Split the edges over the arriving variables, (d,): evenly, and at most k for the one that finds k others."""
    level = 0  # the largest share that all who can take it take in full
    while np.minimum(np.arange(d), level + 1).sum() <= edges and level < d - 1:
        level += 1
    shares = np.minimum(np.arange(d), level)
    able = np.flatnonzero(np.arange(d) > level)
    left = edges - int(shares.sum())
    shares[able[np.arange(left) * len(able) // max(left, 1)]] += 1
    return shares


def close_cycles(graph: Graph, count: int, rng: np.random.Generator) -> Graph:
    """Add that many edges to an acyclic graph, each from the end of a directed path back to its start.

    Args:
        graph: (d, d) bool, acyclic, with at least `count` edges.
        count: edges added; each lies on a directed cycle, of two variables or more.

    Returns:
        (d, d) bool; the caller's graph stays as it was.
    """
    start, end = np.nonzero(reachable(graph))
    chosen = rng.choice(len(start), size=count, replace=False)
    closed = graph.copy()
    closed[end[chosen], start[chosen]] = True
    return closed


def reachable(graph: Graph) -> Graph:
    """Tell which variables are reached along one edge or more, (d, d) bool, [i, j] is i ~> j."""
    reach = graph.copy()
    while True:
        further = reach | (reach.astype(np.float32) @ reach.astype(np.float32) > 0)
        if np.array_equal(further, reach):
            return reach
        reach = further


def draw_graph(config: DataConfig, rng: np.random.Generator) -> tuple[Graph, NDArray[np.int64]]:
    """Draw the graph that the settings describe.

    Args:
        config: variables, edges, graph_kind and cycles, which must fit each other (`core.room`).

    Returns:
        graph (d, d) bool, [i, j] is i -> j, with `edges` edges; and an order in which causes come before
        effects but for the `cycles` edges that run against it.
    """
    kind = scale_free if config.graph_kind == "scale_free" else erdos_renyi
    graph, order = kind(config.variables, config.edges - config.cycles, rng)
    if config.cycles:
        graph = close_cycles(graph, config.cycles, rng)
    return graph, order
