"""How parents act on a child: the shapes of their effects, in the simulation over time and in the static one."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
WIDEST = 3.0  # deviations at which standardised parents are clipped


def parents_effect(parents: Floats, mechanism: str) -> Floats:
    """Return what the parents add to their child, (rows,), from their past states (rows, p).

    tanh and linear act on the states as they are; square, abs and product act on standardised states
    clipped at three deviations, so that chains of squares stay bounded. Products pair the parents in
    order; a parent without a partner acts through its square.
    """
    if mechanism in ("tanh", "linear"):
        return np.asarray((np.tanh(parents) if mechanism == "tanh" else parents).sum(1))
    unit = np.clip((parents - parents.mean(0)) / parents.std(0), -WIDEST, WIDEST)
    if mechanism == "square":
        return np.asarray((unit**2 - 1.0).sum(1))
    if mechanism == "abs":
        return np.asarray((np.abs(unit) - np.abs(unit).mean(0)).sum(1))
    pairs = unit.shape[1] // 2
    total = (unit[:, 0 : 2 * pairs : 2] * unit[:, 1 : 2 * pairs : 2]).sum(1)
    return np.asarray(total + unit[:, -1] ** 2 - 1.0 if unit.shape[1] % 2 else total)


class Terms(NamedTuple):
    """The terms that add up to the effects of parents on children, under one mechanism; (m,) each.

    first, second: int64, the parents whose product a term is; equal where a parent acts alone.
    child: int64, whom it acts on. weight: float64, by how much.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    child: NDArray[np.int64]
    weight: Floats


def effect_terms(weights: Floats, mechanism: str) -> Terms:
    """List the terms of a weighted graph.

    Args:
        weights: (d, c), [i, j] weighs the effect of i on the j-th of c children; 0 where there is no edge.
        mechanism: with `product`, the parents of a child are paired in order and a pair has the smaller of
            its two weights; with any other each parent is a term of its own.
    """
    first: list[int] = []
    second: list[int] = []
    child: list[int] = []
    step = 2 if mechanism == "product" else 1
    for j in range(weights.shape[1]):
        parents = np.flatnonzero(weights[:, j]).tolist()
        first += parents[::step]
        second += [parents[min(k + step - 1, len(parents) - 1)] for k in range(0, len(parents), step)]
        child += [j] * len(parents[::step])
    a, b, c = (np.array(index, dtype=np.int64) for index in (first, second, child))
    one, other = weights[a, c], weights[b, c]
    return Terms(a, b, c, np.where(np.abs(one) <= np.abs(other), one, other))


def term_values(terms: Terms, states: Floats, mechanism: str) -> Floats:
    """Evaluate the terms, (..., m), unweighted, from states (..., d): standardised but for linear and tanh over time.

    square is u^2 - 1, abs |u| - sqrt(2 / pi) (its mean for a normal u), product u v; a parent without a
    partner acts through its square.
    """
    one = states[..., terms.first]
    if mechanism == "linear":
        return np.asarray(one)
    if mechanism == "tanh":
        return np.asarray(np.tanh(one))
    if mechanism == "abs":
        return np.asarray(np.abs(one) - np.sqrt(2.0 / np.pi))
    return np.asarray(one * states[..., terms.second] - (terms.first == terms.second))
