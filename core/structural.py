"""Rows without time: a static structural equation model, as the NOTEARS family is tested on."""

import numpy as np
from numpy.typing import NDArray

from core.mechanisms import WIDEST, effect_terms, term_values

Floats = NDArray[np.float64]
WEAKEST, STRONGEST = 0.5, 2.0
QUIETEST, LOUDEST = 0.5, 2.0


def edge_weights(graph: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """Draw the weights of the edges, (d, d), uniform on [-2, -0.5] and [0.5, 2]; [i, j] weighs i -> j.

    Source: Zheng et al. 2018 (NOTEARS).
    """
    size = rng.uniform(WEAKEST, STRONGEST, graph.shape)
    return np.where(graph, size * rng.choice([-1.0, 1.0], graph.shape), 0.0)


def noise_factors(d: int, kind: str, rng: np.random.Generator) -> Floats:
    """Return the factor of each variable's noise, (d,): all 1 if equal, else log-uniform from 0.5 to 2."""
    if kind == "equal":
        return np.ones(d)
    return np.exp(rng.uniform(np.log(QUIETEST), np.log(LOUDEST), d))


def static_values(weights: Floats, order: NDArray[np.int64], mechanism: str, noise: Floats) -> Floats:
    """Run x_j = sum_p w_pj f(x_p) + noise_j in the order of causes before effects.

    f is the identity for linear; for the others it acts on parents that are standardised over the rows and
    clipped at three deviations (`core.mechanisms.term_values`), so that chains stay bounded.

    Which way an edge points is not always to be told from such rows: a linear model with normal noise is
    known up to its Markov equivalence class (Verma, Pearl 1990), unless all noises are equal and the
    columns keep their scale (Peters, Bühlmann 2014), which standardising takes away; non-linear models
    with additive noise are identifiable (Hoyer et al. 2009). Judge by the skeleton.

    Args:
        weights: (d, d), [i, j] weighs i -> j; acyclic.
        order: (d,) int64, causes before effects.
        mechanism: one of core.config.MECHANISMS.
        noise: (n, d), scaled already.

    Returns:
        (n, d), not standardised; for linear, the covariance is (I - W)^-T D (I - W)^-1 with D that of the noise.
    """
    values = noise.copy()
    states = np.zeros_like(noise)  # what the parents send: standardised but for linear
    for child in order.tolist():
        terms = effect_terms(weights[:, [child]], mechanism)
        if len(terms.first):
            values[:, child] += (terms.weight * term_values(terms, states, mechanism)).sum(1)
        column = values[:, child]
        if mechanism == "linear":
            states[:, child] = column
        else:
            states[:, child] = np.clip((column - column.mean()) / np.maximum(column.std(), 1e-300), -WIDEST, WIDEST)
    return values
