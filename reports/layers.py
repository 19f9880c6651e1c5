"""Where to draw the variables of a graph: causes above effects, few crossings, always the same way.

Layers follow Sugiyama, Tagawa, Toda 1981; edges that a cycle forces upwards are chosen by the greedy order of
Eades, Lin, Smyth 1993. Every tie goes to the lower index, so equal graphs are drawn equally.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Edge = tuple[int, int]
Bools = NDArray[np.bool_]
DUMMY_WIDTH = 0.35


@dataclass(frozen=True)
class Layout:
    """Places in units of one variable's width across and one layer down.

    Args:
        layer: layer of each variable, 0 at the top.
        x: place of each variable across.
        routes: for each edge that skips layers, the x of the points it passes, from cause to effect.
        width: from the leftmost to the rightmost variable's edge.
        depth: number of layers.
    """

    layer: list[int]
    x: list[float]
    routes: dict[Edge, list[tuple[float, int]]]
    width: float
    depth: int


def downward_order(graph: Bools) -> list[int]:
    """Order the variables so that few edges point backwards (Eades, Lin, Smyth 1993).

    Args:
        graph: (d, d) bool, [i, j] is i -> j.

    Returns:
        A permutation of the d variables; of an acyclic graph, a topological order.
    """
    left = set(range(len(graph)))
    first: list[int] = []
    last: list[int] = []
    while left:
        rest = sorted(left)
        out = {node: sum(bool(graph[node, other]) for other in rest) for node in rest}
        into = {node: sum(bool(graph[other, node]) for other in rest) for node in rest}
        sinks = [node for node in rest if out[node] == 0]
        sources = [node for node in rest if into[node] == 0 and out[node] > 0]
        if sinks:
            last = sinks + last
            left -= set(sinks)
        elif sources:
            first += sources
            left -= set(sources)
        else:
            node = max(rest, key=lambda node: (out[node] - into[node], -node))
            first.append(node)
            left.discard(node)
    return first + last


def assign_layers(graph: Bools, widest: int) -> list[int]:
    """Put each variable below its causes, at most `widest` in a layer; variables without edges come last.

    Args:
        graph: (d, d) bool, [i, j] is i -> j; cycles allowed.
        widest: most variables in one layer, 1 or more.
    """
    order = downward_order(graph)
    rank = {node: place for place, node in enumerate(order)}
    alone: Bools = ~(np.any(graph, axis=0) | np.any(graph, axis=1))
    layer = [0] * len(graph)
    filled: dict[int, int] = {}
    for node in [*[n for n in order if not alone[n]], *[n for n in sorted(order) if alone[n]]]:
        above = [layer[cause] + 1 for cause in np.flatnonzero(graph[:, node]) if rank[int(cause)] < rank[node]]
        place = max(above, default=0)
        if alone[node] and filled:
            place = (
                max(filled) if filled.get(max(filled), 0) and _all_alone(layer, alone, max(filled)) else max(filled) + 1
            )
        while filled.get(place, 0) >= widest:
            place += 1
        layer[node] = place
        filled[place] = filled.get(place, 0) + 1
    return layer


def _all_alone(layer: list[int], alone: Bools, place: int) -> bool:
    """Whether a layer holds nothing but variables without edges so far (0 means not yet placed)."""
    return place > 0 and all(alone[node] for node, found in enumerate(layer) if found == place)


def arrange(graph: Bools, edges: list[Edge], widest: int = 6) -> Layout:
    """Lay out a graph.

    Args:
        graph: (d, d) bool, the graph whose layers are used, [i, j] is i -> j.
        edges: what will be drawn; long ones get points on the layers they pass.
        widest: most variables in one layer.
    """
    layer = assign_layers(graph, widest)
    depth = max(layer, default=0) + 1
    rows: list[list[int]] = [[node for node in range(len(graph)) if layer[node] == row] for row in range(depth)]
    links: list[set[Edge]] = [set() for _ in range(depth)]  # links[r]: (node in row r, node in row r + 1)
    chains: dict[Edge, list[int]] = {}
    dummies = len(graph)
    for edge in sorted(edges):
        top, bottom = sorted(edge, key=lambda node: layer[node])
        chain = [top]
        for row in range(layer[top] + 1, layer[bottom]):
            rows[row].append(dummies)
            chain.append(dummies)
            dummies += 1
        chain.append(bottom)
        chains[edge] = chain
        if layer[top] != layer[bottom]:
            for step, pair in enumerate(zip(chain, chain[1:], strict=False)):
                links[layer[top] + step].add(pair)
    rows = _uncrossed(rows, links)
    place = _straightened(rows, links, len(graph))
    routes = {}
    for edge, chain in chains.items():
        points = [(place[node], layer[chain[0]] + step) for step, node in enumerate(chain)][1:-1]
        routes[edge] = points if chain[0] == edge[0] else points[::-1]
    xs = [place[node] for node in range(len(graph))]
    everything = [place[node] for row in rows for node in row]
    low = min(everything, default=0.0)
    width = max(everything, default=0.0) - low + 1
    routes = {edge: [(x - low + 0.5, row) for x, row in points] for edge, points in routes.items()}
    return Layout(layer, [x - low + 0.5 for x in xs], routes, width, depth)


def crossings(rows: list[list[int]], links: list[set[Edge]]) -> int:
    """Count the pairs of links between neighbouring rows that cross."""
    total = 0
    for row, pairs in enumerate(links[:-1]):
        above = {node: place for place, node in enumerate(rows[row])}
        below = {node: place for place, node in enumerate(rows[row + 1])}
        ends = sorted((above[a], below[b]) for a, b in pairs)
        for k, (a, b) in enumerate(ends):
            total += sum(1 for other_a, other_b in ends[k + 1 :] if other_a > a and other_b < b)
    return total


def _uncrossed(rows: list[list[int]], links: list[set[Edge]]) -> list[list[int]]:
    """Sort each row by the mean place of its neighbours, down and up in turn; keep the best seen."""
    best, fewest = [list(row) for row in rows], crossings(rows, links)
    current = [list(row) for row in rows]
    for sweep in range(12):
        down = sweep % 2 == 0
        for row in range(1, len(rows)) if down else range(len(rows) - 2, -1, -1):
            fixed = {node: place for place, node in enumerate(current[row - 1 if down else row + 1])}
            pairs = [(b, a) for a, b in links[row - 1]] if down else list(links[row])
            centre = {node: _mean([fixed[o] for n, o in pairs if n == node], k) for k, node in enumerate(current[row])}
            current[row].sort(key=lambda node, centre=centre: (centre[node], node))  # type: ignore[misc]
        found = crossings(current, links)
        if found < fewest:
            best, fewest = [list(row) for row in current], found
    return best


def _mean(values: list[int], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _straightened(rows: list[list[int]], links: list[set[Edge]], real: int) -> dict[int, float]:
    """Place the nodes near their neighbours, in order and apart."""
    place: dict[int, float] = {}
    for row in rows:
        offsets = _offsets(row, real)
        middle = (offsets[-1] if offsets else 0.0) / 2
        place |= {node: offset - middle for node, offset in zip(row, offsets, strict=True)}
    near: dict[int, list[int]] = {node: [] for row in rows for node in row}
    for a, b in sorted(pair for pairs in links for pair in pairs):
        near[a].append(b)
        near[b].append(a)
    for sweep in range(10):
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            wanted = [
                sum(place[o] for o in near[node]) / len(near[node]) if near[node] else place[node] for node in row
            ]
            offsets = _offsets(row, real)
            fitted = _isotonic([x - o for x, o in zip(wanted, offsets, strict=True)])
            place |= {node: x + o for node, x, o in zip(row, fitted, offsets, strict=True)}
    return place


def _offsets(row: list[int], real: int) -> list[float]:
    """Smallest distances from the first node of a row, by the widths of those between."""
    width = [1.0 if node < real else DUMMY_WIDTH for node in row]
    offsets = [0.0] * len(row)
    for k in range(1, len(row)):
        offsets[k] = offsets[k - 1] + (width[k - 1] + width[k]) / 2
    return offsets


def _isotonic(values: list[float]) -> list[float]:
    """Find the closest non-decreasing sequence (pool adjacent violators)."""
    blocks: list[tuple[float, int]] = []
    for value in values:
        blocks.append((value, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, n), (b, m) = blocks[-2:]
            blocks[-2:] = [((a * n + b * m) / (n + m), n + m)]
    return [value for value, length in blocks for _ in range(length)]
