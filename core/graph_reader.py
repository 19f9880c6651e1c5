"""True or reference graphs from files, and cycles in graphs. [i, j] is i -> j throughout."""

import numpy as np
from numpy.typing import NDArray

from core.cells import number
from core.delimited import decode, read_bytes, read_sheet, shown
from core.errors import InputError
from core.graph_forms import graph_from_edges, graph_from_square, plain_name

_EDGE_HEADERS = (("cause", "effect"), ("source", "target"), ("from", "to"))


def read_graph(path: str, names: tuple[str, ...]) -> NDArray[np.bool_]:
    """Read a graph over known variables.

    An edge list has the columns cause and effect (or source and target, from and to); others are ignored, an
    edge given twice counts once, and no row at all is the empty graph. A square CSV has the names as header
    and first column, in any order, and cells 0 or 1 (or true, false).

    Args:
        path: the file; named in the errors.
        names: d distinct variable names; matched exactly, but for white space around them.
    Returns:
        (d, d) bool, [i, j] is i -> j, zero diagonal. Cycles are allowed: see `find_cycle`.
    Raises:
        InputError: neither form, unknown or missing names, a self-loop, or a cell that is not 0 or 1.
    """
    sheet = read_sheet(path, decode(path, read_bytes(path)))
    known = [name.strip() for name in names]
    labels = [plain_name(cell, known) for cell in sheet.header]
    if sorted(labels[1:]) == sorted(known):  # first: variables may be called cause and effect
        return graph_from_square(path, sheet, known)
    lower = [cell.lower() for cell in labels]
    for cause, effect in _EDGE_HEADERS:
        if cause in lower and effect in lower:
            return graph_from_edges(path, sheet, (lower.index(cause), lower.index(effect)), known)
    has_names = any(number(cell, ".") is None for cell in labels[1:])
    if has_names and len(labels) >= 3 and abs(len(labels) - 1 - len(sheet.rows)) <= 1:
        return graph_from_square(path, sheet, known)
    found = ", ".join(shown(cell) for cell in labels[:4]) + (", ..." if len(labels) > 4 else "")
    raise InputError(
        f"{path}: neither an edge list nor a square matrix with names (first row: {found})",
        "put the line cause,effect above a list of edges, or the names above and to the left of a matrix",
    )


def find_cycle(graph: NDArray[np.bool_]) -> list[int] | None:
    """Find one directed cycle.

    Args:
        graph: (d, d) bool, [i, j] is i -> j.
    Returns:
        Nodes [a, b, ..., z] with a -> b -> ... -> z -> a, smallest node first; None for an acyclic graph.
    """
    alive = np.ones(len(graph), dtype=np.bool_)
    while True:  # a node without a living successor lies on no cycle
        kept = alive & (graph & alive).any(axis=1)
        if (kept == alive).all():
            break
        alive = kept
    if not alive.any():
        return None
    walk = [int(np.argmax(alive))]
    while (successor := int(np.argmax(graph[walk[-1]] & alive))) not in walk:
        walk.append(successor)
    cycle = walk[walk.index(successor) :]
    lowest = cycle.index(min(cycle))
    return cycle[lowest:] + cycle[:lowest]
