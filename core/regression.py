"""Linear regression of every variable on the past of all: t-tests, and edges kept by held-out error."""

import math

import numpy as np
from numpy.typing import NDArray

from core.config import TrainerConfig
from core.data import TEST, Dataset, interpolate, positions

FALSE_DISCOVERY_RATE = 0.01
HELD_OUT_SHARE = 0.01
FOLDS = 5
RIDGE = 1e-10  # of each diagonal element: columns that repeat each other stay solvable
ROWS_PER_COEFFICIENT = 2  # of an order that is tried: near saturation ln(rss) falls faster than BIC's price rises

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def usable_columns(dataset: Dataset) -> Bools:
    """Tell which variables can be learned from, (d,) bool."""
    return np.array([name not in dataset.unusable for name in dataset.names])


def lagged_design(dataset: Dataset, config: TrainerConfig) -> tuple[Floats, Floats, Bools]:
    """Stack targets and their predictors over the training and validation rows.

    Returns:
        targets (m, d), predictors (m, L, d) with L = max_lag lags (the same row at max_lag 0), and
        observed (m, d) of the targets; missing predictors are interpolated linearly.
    """
    lags = range(1, config.max_lag + 1) if config.max_lag > 0 else range(1)
    parts = [part for part in np.unique(dataset.split) if part != TEST]
    at = np.concatenate([positions(dataset, part, config.max_lag) for part in parts])
    filled = interpolate(dataset.values, dataset.observed, dataset.block) if config.max_lag > 0 else dataset.values
    wide = filled.astype(np.float64)
    return wide[at], np.stack([wide[at - lag] for lag in lags], axis=1), dataset.observed[at]


def var_order(dataset: Dataset, config: TrainerConfig) -> int:
    """Choose the order of the vector autoregression, from 1 to max_lag, by BIC; 0 at max_lag 0.

    BIC is the sum over variables of n_j ln(rss_j / n_j) + k_j ln n_j, with n_j rows where j is observed and k_j
    coefficients: the errors of different variables are taken as uncorrelated, where Luetkepohl has ln det of their
    covariance. All orders are fitted on the same rows, those with max_lag rows of history. Orders are tried up to
    the largest that leaves two rows a coefficient at the median variable; variables with fewer have no say.

    Args:
        dataset: standardised data; its true graph is not read.
        config: max_lag.

    Source: Schwarz 1978; Luetkepohl 2005, section 4.3.
    """
    if config.max_lag < 2:
        return config.max_lag
    targets, predictors, observed = lagged_design(dataset, config)
    usable = usable_columns(dataset)
    targets, predictors, observed = targets[:, usable], predictors[:, :, usable], observed[:, usable]
    count, coefficients = observed.sum(axis=0), 1 + targets.shape[1] * np.arange(1, config.max_lag + 1)
    coefficients = coefficients[np.median(count) >= ROWS_PER_COEFFICIENT * coefficients]
    if len(coefficients) < 2:
        return 1
    design = np.column_stack([np.ones(len(targets)), predictors[:, : len(coefficients)].reshape(len(targets), -1)])
    total = np.zeros(len(coefficients))
    patterns, which = np.unique(observed.T, axis=0, return_inverse=True)
    for pattern, seen in enumerate(patterns):
        n = int(seen.sum())
        if n >= ROWS_PER_COEFFICIENT * coefficients[-1]:
            error = nested_errors(design[seen], targets[seen][:, which.ravel() == pattern], coefficients)
            total += (n * np.log(error / n) + coefficients[:, None] * math.log(n)).sum(axis=1)
    return 1 + int(np.argmin(total))


def nested_errors(design: Floats, targets: Floats, columns: NDArray[np.int64]) -> Floats:
    """Sum the squared errors of least squares on the first c columns of a design, for several c, (len(columns), d).

    One Cholesky factor L of the Gram matrix serves all: its leading block is the factor of the first c columns,
    which so explain the squares of the first c rows of inv(L) X'Y. Errors as small as the ridge alone makes are
    set equal.

    Args:
        design: X, (m, p). targets: Y, (m, d). columns: in [1, p].
    """
    factor = np.linalg.cholesky(ridged(design.T @ design))
    explained = np.cumsum(np.linalg.solve(factor, design.T @ targets) ** 2, axis=0)
    total = (targets**2).sum(axis=0)
    return np.asarray(np.maximum(total - explained[columns - 1], 100 * RIDGE * total + 1e-300))


def two_sided_p(t: Floats, freedom: int) -> Floats:
    """Return P(|T| > |t|) for Student's t, through a normal deviate good to about 0.001.

    Source: Wallace 1959, equation for u with the (8n + 1) / (8n + 3) factor.
    """
    deviate = (8 * freedom + 1) / (8 * freedom + 3) * np.sqrt(freedom * np.log1p(t**2 / freedom))
    return np.asarray(np.vectorize(lambda z: math.erfc(z / math.sqrt(2.0)), otypes=[float])(deviate))


def t_statistics(dataset: Dataset, config: TrainerConfig, allowed: Bools | None = None) -> tuple[Floats, Floats]:
    """Regress every variable on all lags of all variables (at max_lag 0: on the same row of the others).

    Args:
        dataset: standardised data; its true graph is not read.
        config: max_lag.
        allowed: (d, d) bool, [i, j] lets i be a parent of j; all where None. The own past is always there.

    Returns:
        score and p-value, both (d, d), [i, j] is i -> j: the largest |t| over the lags, and its two-sided
        p-value times the number of lags. Where no edge is allowed, and on the diagonal, 0 and 1.
    """
    targets, predictors, observed = lagged_design(dataset, config)
    d, lags = targets.shape[1], predictors.shape[1]
    score, p_value = np.zeros((d, d)), np.ones((d, d))
    usable = usable_columns(dataset)
    for j in np.flatnonzero(usable):
        inputs = usable & (True if allowed is None else allowed[:, j])
        inputs[j] = config.max_lag > 0
        seen = observed[:, j]
        design = predictors[seen][:, :, inputs].reshape(int(seen.sum()), lags * int(inputs.sum()))
        design = np.column_stack([np.ones(len(design)), design])
        freedom = len(design) - design.shape[1]
        if freedom < 1 or not inputs.any():
            continue
        inverse = np.linalg.pinv(design.T @ design)
        weights = inverse @ design.T @ targets[seen, j]
        variance = float(((targets[seen, j] - design @ weights) ** 2).sum()) / freedom
        t = weights / np.sqrt(np.maximum(variance * np.diag(inverse), 1e-300))
        t = np.abs(t[1:]).reshape(lags, -1).max(axis=0)
        score[inputs, j] = t
        p_value[inputs, j] = np.minimum(1.0, lags * two_sided_p(t, freedom))
    np.fill_diagonal(score, 0.0)
    np.fill_diagonal(p_value, 1.0)
    return score, p_value


def false_discovery(p_value: Floats, rate: float, allowed: Bools | None = None) -> Bools:
    """Keep the tests that pass at a false-discovery rate (Benjamini, Hochberg 1995).

    Args:
        p_value: (d, d).
        rate: in (0, 1).
        allowed: (d, d) bool, the tests that were made; all off the diagonal where None.
    """
    tested = ~np.eye(len(p_value), dtype=bool) & (True if allowed is None else allowed)
    ordered = np.sort(p_value[tested])
    passed = np.flatnonzero(ordered <= rate * np.arange(1, len(ordered) + 1) / max(len(ordered), 1))
    limit = ordered[passed[-1]] if len(passed) else -1.0
    return np.asarray(tested & (p_value <= limit))


def held_out_edges(dataset: Dataset, config: TrainerConfig, score: Floats) -> Bools:
    """Keep i -> j if leaving out i raises the held-out squared error of j by more than 1 %.

    The error is summed over five stretches of time, each predicted by a regression on the other four. Parents
    are tried for removal one by one, the weakest first, and stay away once removed.

    Args:
        dataset: standardised data; its true graph is not read.
        config: max_lag.
        score: (d, d), [i, j] is i -> j; the order of trial, such as |t|.

    Returns:
        (d, d) bool, [i, j] is i -> j.
    """
    targets, predictors, observed = lagged_design(dataset, config)
    m, lags, d = predictors.shape
    usable = usable_columns(dataset)
    fold = np.arange(m) * FOLDS // m
    graph = np.zeros((d, d), dtype=bool)
    for j in np.flatnonzero(usable):
        rows = np.column_stack([np.ones(m), predictors.reshape(m, -1), targets[:, j]]) * observed[:, j, None]
        moments = np.stack([rows[fold == k].T @ rows[fold == k] for k in range(FOLDS)])
        parents = usable.copy()
        parents[j] = config.max_lag > 0
        error = held_out_error(moments, parents, lags)
        for i in np.argsort(score[:, j], kind="stable"):
            if i == j or not parents[i]:
                continue
            parents[i] = False
            without = held_out_error(moments, parents, lags)
            parents[i] = without > (1.0 + HELD_OUT_SHARE) * error
            error = error if parents[i] else without
        graph[parents, j] = True
    np.fill_diagonal(graph, False)
    return graph


def held_out_error(moments: Floats, parents: Bools, lags: int) -> float:
    """Sum the squared errors on each fold, of the regression on all others.

    Args:
        moments: (folds, 1 + L d + 1, same), sums of products of a constant, L lags of d variables, and the target.
        parents: (d,) bool, the variables that the regression may use.
        lags: L.
    """
    columns = np.flatnonzero(np.concatenate([[True], np.tile(parents, lags)]))
    gram, product = moments[:, columns[:, None], columns], moments[:, columns, -1]
    weights = np.linalg.solve(ridged(gram.sum(0) - gram), (product.sum(0) - product)[..., None])[..., 0]
    explained = 2.0 * np.einsum("fi,fi->", weights, product) - np.einsum("fi,fij,fj->", weights, gram, weights)
    return float(moments[:, -1, -1].sum() - explained)


def ridged(gram: Floats) -> Floats:
    """Return Gram matrices (..., p, p) that can be inverted, with 1e-10 of each diagonal element added to it."""
    diagonal = np.diagonal(gram, axis1=-2, axis2=-1)
    return np.asarray(gram + np.eye(gram.shape[-1]) * (RIDGE * diagonal + 1e-12)[..., None, :])
