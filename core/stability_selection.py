"""Stability selection: edges that a regression ranks high on nearly every half of the data.

Source: Meinshausen, Buehlmann 2010; complementary pairs and the bound on false edges: Shah, Samworth 2013.
"""

import math

import numpy as np
from numpy.typing import NDArray

from core.config import TrainerConfig
from core.data import Dataset
from core.regression import Bools, Floats, lagged_design, ridged, usable_columns

PAIRS = 25  # complementary pairs: 50 half-samples
STRETCHES = 20  # a half-sample is half of this many stretches of time, so that neighbours stay together
SELECTED_SHARE = 0.9
FALSE_SHARE = 0.1
HALVES_SEED = 20100703


def halves() -> Bools:
    """Draw which stretches each half-sample takes, (2 PAIRS, STRETCHES) bool; each is followed by its complement."""
    rng = np.random.default_rng(HALVES_SEED)
    first = np.array([rng.permutation(STRETCHES) < STRETCHES // 2 for _ in range(PAIRS)])
    return np.stack([first, ~first], axis=1).reshape(-1, STRETCHES)


def expected_false(chosen: int, pairs: int) -> float:
    """Bound the expected number of false edges among those selected in 90 % of the half-samples.

    C q^2 / p with C = 4 (1 - tau + 1 / (2 B)) / (1 + 1 / B), for tau > 3/4 and q <= p / sqrt(3).

    Args:
        chosen: q, edges chosen on each half-sample.
        pairs: p, possible edges.

    Source: Shah, Samworth 2013, theorem 2 (selection shares of false edges are unimodal).
    """
    factor = 4.0 * (1.0 - SELECTED_SHARE + 1.0 / (2 * PAIRS)) / (1.0 + 1.0 / PAIRS)
    return factor * chosen**2 / pairs


def stable_edges(dataset: Dataset, config: TrainerConfig) -> Bools:
    """Keep the edges that are among the q largest |t| of at least 90 % of the half-samples.

    q is the largest number for which the bound on false edges is at most a tenth of the edges kept. It is so
    chosen on the data, which the bound does not cover; and edges that are wrong for a reason other than chance,
    such as measurement noise, are stable too.

    Args:
        dataset: standardised data; its true graph is not read.
        config: max_lag.

    Returns:
        (d, d) bool, [i, j] is i -> j.
    """
    usable = usable_columns(dataset)
    possible = int(usable.sum()) * (int(usable.sum()) - 1)
    score = half_scores(dataset, config)
    order = np.argsort(-score.reshape(len(score), -1), axis=1, kind="stable")
    rank = np.empty(order.shape, dtype=np.int64)
    np.put_along_axis(rank, order, np.arange(order.shape[1])[None], axis=1)
    needed = math.ceil(SELECTED_SHARE * len(score) - 1e-9)
    worst = np.sort(rank, axis=0)[needed - 1].reshape(score.shape[1:])  # kept as soon as q exceeds this
    worst[(score > 0).sum(axis=0) < needed] = order.shape[1]
    graph = np.zeros(worst.shape, dtype=bool)
    for q in range(1, int(possible / math.sqrt(3)) + 1):
        kept = worst < q
        if expected_false(q, possible) <= FALSE_SHARE * kept.sum():
            graph = kept
    return graph


def half_scores(dataset: Dataset, config: TrainerConfig) -> Floats:
    """Return |t| of every edge on every half-sample, (2 PAIRS, d, d), [i, j] is i -> j; 0 where there is none.

    As `regression.t_statistics`, the largest over the lags; sums over stretches are added up instead of rows.
    """
    targets, predictors, observed = lagged_design(dataset, config)
    m, lags, d = predictors.shape
    usable = usable_columns(dataset)
    stretch = np.arange(m) * STRETCHES // m
    score = np.zeros((2 * PAIRS, d, d))
    for j in np.flatnonzero(usable):
        inputs = usable.copy()
        inputs[j] = config.max_lag > 0
        columns = predictors[:, :, inputs].reshape(m, -1)
        design = np.column_stack([np.ones(m), columns, targets[:, j]]) * observed[:, j, None]
        score[:, inputs, j] = half_t(design, stretch).reshape(2 * PAIRS, lags, -1).max(axis=1)
    score[:, np.arange(d), np.arange(d)] = 0.0
    return score


def half_t(design: Floats, stretch: NDArray[np.int64]) -> Floats:
    """Return |t| of the predictors on every half-sample, (2 PAIRS, p), from rows (m, 1 + p + 1); 0 without freedom.

    Args:
        design: a one, p predictors and the target; all 0 in a row that does not count.
        stretch: (m,), in [0, STRETCHES).
    """
    p = design.shape[1] - 1
    gram = np.stack([design[stretch == k].T @ design[stretch == k] for k in range(STRETCHES)])
    gram = np.tensordot(halves().astype(float), gram, axes=1)
    freedom = gram[:, 0, 0] - p
    inverse = np.linalg.inv(ridged(gram[:, :p, :p]))
    weights = np.einsum("hij,hj->hi", inverse, gram[:, :p, p])
    residual = gram[:, p, p] - np.einsum("hi,hi->h", weights, gram[:, :p, p])
    variance = np.maximum(residual, 1e-12 * gram[:, p, p]) / np.maximum(freedom, 1.0)
    spread = np.sqrt(np.maximum(variance[:, None] * np.diagonal(inverse, axis1=1, axis2=2), 1e-300))
    return np.asarray(np.where(freedom[:, None] < 1, 0.0, np.abs(weights / spread))[:, 1:])
