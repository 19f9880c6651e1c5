"""Ways in which sensors spoil data; named, seeded, and joined with +. Names and amounts: `core.corruption_kinds`.

Each way takes standardised values (n, d) in the order of time, its amount, a source of chance and the graph,
(d, d) bool or None, [i, j] is i -> j; it returns new values, with NaN where it takes one away.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from core.corruption_kinds import parse

Values = NDArray[np.float64]
Graph = NDArray[np.bool_] | None
Rng = np.random.Generator
STRETCHES = 4
FAILURE_ROWS = 20
STEEPNESS = 2.0


def noise(values: Values, share: float, rng: Rng, _: Graph) -> Values:
    """Add measurement noise of `share` standard deviations."""
    return values + share * rng.standard_normal(values.shape)


def mcar(values: Values, percent: float, rng: Rng, _: Graph) -> Values:
    """Remove `percent` of the values, completely at random."""
    return np.where(rng.random(values.shape) < percent / 100.0, np.nan, values)


def regimes(values: Values, count: float, rng: Rng, _: Graph) -> Values:
    """Give each of `count` equal stretches of time its own gain (0.7 to 1.4) and offset (deviation 0.5)."""
    spoiled = values.copy()
    for rows in np.array_split(np.arange(len(values)), int(count)):
        gain = np.exp(rng.uniform(np.log(0.7), np.log(1.4), values.shape[1]))
        spoiled[rows] = values[rows] * gain + 0.5 * rng.standard_normal(values.shape[1])
    return spoiled


def level_noise(values: Values, _: float, rng: Rng, __: Graph) -> Values:
    """Add measurement noise that grows with the distance from the mean: 0.1 + 0.2 |z| deviations."""
    return values + (0.1 + 0.2 * np.abs(values)) * rng.standard_normal(values.shape)


def stretches(shape: tuple[int, ...], rng: Rng) -> NDArray[np.int64]:
    """Cut each column's time into stretches at rows of its own; (n, d) number of the stretch, from 0."""
    n, d = shape
    cuts = rng.integers(0, n + 1, (STRETCHES - 1, d))
    return np.asarray((np.arange(n)[:, None, None] >= cuts).sum(1), dtype=np.int64)


def bias_additive(values: Values, size: float, rng: Rng, _: Graph) -> Values:
    """Add a constant to each of four stretches of each sensor, normal with deviation `size`; each cuts its own time."""
    offsets = size * rng.standard_normal((STRETCHES, values.shape[1]))
    return np.asarray(values + np.take_along_axis(offsets, stretches(values.shape, rng), axis=0))


def bias_multiplicative(values: Values, size: float, rng: Rng, _: Graph) -> Values:
    """Multiply each of four stretches of each sensor by a gain; its logarithm is normal with deviation `size`."""
    gains = np.exp(size * rng.standard_normal((STRETCHES, values.shape[1])))
    return np.asarray(values * np.take_along_axis(gains, stretches(values.shape, rng), axis=0))


def drift(values: Values, size: float, rng: Rng, _: Graph) -> Values:
    """Add to each sensor, from 0 at the first row, a straight line or a random walk of deviation `size` at the last."""
    n, d = values.shape
    last = max(n - 1, 1)
    line = np.arange(n)[:, None] / last * rng.standard_normal(d)
    steps = rng.standard_normal((n, d)) / np.sqrt(last)
    steps[0] = 0.0
    return values + size * np.where(rng.random(d) < 0.5, line, np.cumsum(steps, axis=0))


def outliers(values: Values, percent: float, rng: Rng, _: Graph) -> Values:
    """Add spikes of 4 to 8 deviations, up or down, to `percent` of the values."""
    hit = rng.random(values.shape) < percent / 100.0
    size = rng.uniform(4.0, 8.0, values.shape) * rng.choice([-1.0, 1.0], values.shape)
    return values + np.where(hit, size, 0.0)


def sensor_failure(values: Values, percent: float, rng: Rng, _: Graph) -> Values:
    """Let each sensor fail for `percent` of the time, in stretches of 20 rows on average.

    In half of the stretches it is dead, its values missing; in the others it is stuck, repeating its last
    good value (the first of the series where there is none before).
    """
    n, d = values.shape
    share = percent / 100.0
    onset = share / (1.0 - share) / FAILURE_ROWS
    chance, kind = rng.random((n, d)), rng.random((n, d)) < 0.5
    if share == 0.0:
        return values.copy()
    failed, dead = np.zeros((n, d), dtype=bool), np.zeros((n, d), dtype=bool)
    now, kind_now = chance[0] < share, kind[0]
    for t in range(n):
        if t:
            begins = ~now & (chance[t] < onset)
            kind_now = np.where(begins, kind[t], kind_now)
            now = np.where(now, chance[t] >= 1.0 / FAILURE_ROWS, begins)
        failed[t], dead[t] = now, now & kind_now
    last_good = np.maximum.accumulate(np.where(failed, 0, np.arange(n)[:, None]), axis=0)
    stuck = np.take_along_axis(values, last_good, axis=0)
    return np.where(dead, np.nan, np.where(failed, stuck, values))


def chances(level: Values, percent: float) -> Values:
    """Return each value's chance of missing, (n, d): logistic in its level, and `percent` on average in a column."""
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = np.nan_to_num((level - level.mean(0)) / level.std(0), posinf=0.0, neginf=0.0)
    low, high = np.full(level.shape[1], -60.0), np.full(level.shape[1], 60.0)
    for _ in range(60):
        middle = (low + high) / 2.0
        over = (0.5 + 0.5 * np.tanh((STEEPNESS * unit + middle) / 2.0)).mean(0) > percent / 100.0
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    return np.asarray(0.5 + 0.5 * np.tanh((STEEPNESS * unit + low) / 2.0)) if percent else np.zeros(level.shape)


def mnar_self(values: Values, percent: float, rng: Rng, _: Graph) -> Values:
    """Remove `percent` of the values, each the likelier the farther it is from its column's mean.

    Self-masking: in the m-graph, an arrow from a variable to its own missingness.
    Source: Mohan, Pearl, Tian 2013; Mohan 2018 on self-masking.
    """
    return np.where(rng.random(values.shape) < chances(np.abs(values - values.mean(0)), percent), np.nan, values)


def mnar_structural(values: Values, percent: float, rng: Rng, graph: Graph) -> Values:
    """Remove `percent` of the values, each the likelier the higher its variable's parents stand in the same row.

    The level is the mean of the parents' values; a variable without parents (all, where no graph is given)
    follows another one, drawn for it. As the parents are missing at times too, this is not at random: in
    the m-graph, arrows from variables that are observed in part to the missingness of others.
    Source: Mohan, Pearl, Tian 2013; Mohan, Pearl 2021.
    """
    d = values.shape[1]
    other = (np.arange(d) + rng.integers(1, max(d, 2), d)) % d
    level = values[:, other].copy()
    if graph is not None:
        for child in np.flatnonzero(graph.any(axis=0)).tolist():
            level[:, child] = values[:, graph[:, child]].mean(1)
    return np.where(rng.random(values.shape) < chances(level, percent), np.nan, values)


WAYS: dict[str, Callable[[Values, float, Rng, Graph], Values]] = {
    "noise": noise,
    "level_noise": level_noise,
    "bias_additive": bias_additive,
    "bias_multiplicative": bias_multiplicative,
    "drift": drift,
    "regimes": regimes,
    "outliers": outliers,
    "sensor_failure": sensor_failure,
    "mcar": mcar,
    "mnar_self": mnar_self,
    "mnar_structural": mnar_structural,
}


def corrupt(values: Values, text: str, rng: Rng, graph: Graph = None) -> Values:
    """Apply the named corruptions in the order written, each to what the ones before left.

    What is missing stays missing, yet later ones work on the reading that it would have been: that a parent
    is hidden does not change what it does to the missingness of its children.

    Args:
        values: (n, d) standardised, in the order of time; NaN where missing already (taken as 0 beneath).
        text: such as `regimes_3+mcar_30`; see `core.corruption_kinds.KINDS` and `PRESETS`.
        rng: source of chance; the corruptions draw from it in turn.
        graph: (d, d) bool true graph for mnar_structural, [i, j] is i -> j; None if unknown.

    Returns:
        (n, d) new values, NaN where missing.

    Raises:
        InputError: see `parse`.
    """
    gone = np.isnan(values)
    readings = np.where(gone, 0.0, values)
    for kind, amount in parse(text):
        spoiled = WAYS[kind](readings, amount, rng, graph)
        lost = np.isnan(spoiled)
        gone |= lost
        readings = np.where(lost, readings, spoiled)
    return np.where(gone, np.nan, readings)
