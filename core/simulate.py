"""Built-in data with a known graph: sensors with lagged effects or rows without time, gaps, corruption."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from core.config import BUILT_IN, DataConfig
from core.corruption import corrupt
from core.errors import InputError
from core.feedback import simulate_feedback
from core.mechanisms import parents_effect
from core.random_graphs import draw_graph
from core.room import misfit
from core.structural import edge_weights, noise_factors, static_values
from core.tables import Table

__all__ = ["BUILT_IN", "simulate"]

BURN_IN = 200
EFFECT = 0.5
LARGEST = 1e100
SENSORS = (
    ("temperature", 18.0, 6.0), ("humidity", 55.0, 12.0), ("pressure", 1013.0, 7.0), ("wind_speed", 4.0, 1.5),
    ("solar_radiation", 420.0, 160.0), ("co", 2.1, 0.9), ("no2", 110.0, 35.0), ("nox", 240.0, 90.0),
    ("o3", 60.0, 22.0), ("benzene", 10.0, 4.0), ("pm10", 34.0, 11.0), ("traffic", 1450.0, 480.0),
    ("power_load", 3200.0, 700.0),
)  # fmt: skip


def sensor_scales(d: int) -> list[tuple[str, float, float]]:
    """Return d distinct (name, centre, spread) in physical units; names repeat with a number after 13."""
    rows = []
    for index in range(d):
        name, centre, spread = SENSORS[index % len(SENSORS)]
        turn = index // len(SENSORS)
        rows.append((name if turn == 0 else f"{name}_{turn + 1}", centre, spread))
    return rows


def simulate_rows(
    graph: NDArray[np.bool_],
    order: NDArray[np.int64],
    config: DataConfig,
    rng: np.random.Generator,
    structure: np.random.Generator,
) -> NDArray[np.float64]:
    """Run the static model x_j = sum_p w_pj f(x_p) + noise_j; (rows, d), not standardised."""
    weights = edge_weights(graph, structure)
    noise = noise_factors(config.variables, config.noise_kind, structure) * rng.standard_normal(
        (config.rows, config.variables)
    )
    return static_values(weights, order, config.mechanism, noise)


def simulate_states(
    graph: NDArray[np.bool_],
    order: NDArray[np.int64],
    config: DataConfig,
    rng: np.random.Generator,
    structure: np.random.Generator,
) -> NDArray[np.float64]:
    """Run S_j(t) = m S_j(t-1) + 0.5 sum_p f(S_p(t-1)) + noise, m = 0.8 (0.5 for square, abs, product).

    Feedback is calmed (`core.feedback`), so that the states of graphs with cycles stay bounded.

    Args:
        graph: (d, d) bool, [i, j] is i -> j. order: (d,), causes before effects but for `config.cycles` edges.
        config: rows, mechanism, noise, noise_kind, cycles.
        rng: source of the driving noise.
        structure: source of what belongs to the generator: unequal noise, pilot runs.

    Returns:
        (rows, d) states without units.
    """
    memory = 0.8 if config.mechanism in ("tanh", "linear") else 0.5
    steps, d = config.rows + BURN_IN, len(graph)
    draws = rng.standard_normal((steps, d))
    deviation = config.noise * noise_factors(d, config.noise_kind, structure)
    if config.cycles:
        return simulate_feedback(graph, memory, EFFECT, config.mechanism, deviation, draws, structure)[BURN_IN:]
    noise = deviation * draws
    states = np.zeros((steps, d))
    for child in order:
        drive = noise[:, child].copy()
        parents = np.flatnonzero(graph[:, child])
        if len(parents):
            effect = parents_effect(states[:, parents], config.mechanism)
            drive[1:] += EFFECT * effect[:-1]
        level, column = 0.0, np.empty(steps)
        for t, push in enumerate(drive.tolist()):
            level = memory * level + push
            column[t] = level
        states[:, child] = column
    return states[BURN_IN:]


def check(config: DataConfig) -> None:
    """Raise InputError unless the settings of a simulation fit each other."""
    wrong = misfit(config)
    if wrong is not None:
        raise InputError(f"data.{wrong.names[0]} {wrong.rule}", wrong.hint)


def standardise(states: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return columns of mean 0 and deviation 1; long chains of linear effects may be too large to be squared."""
    size = np.abs(states).max(0)
    states = states / np.where(size > LARGEST, size, 1.0)
    return np.asarray((states - states.mean(0)) / np.maximum(states.std(0), 1e-300))


def simulate(config: DataConfig, data_seed: int | None = None) -> Table:
    """Draw a built-in data set.

    `sensors` are series over time in physical units, `sem` rows without time, in standard deviations, with
    variables x1 to xd (`core.structural` says what can be told from such rows).

    Args:
        config: name, seed, rows, variables, edges, graph_kind, cycles, mechanism, noise, noise_kind, missing
            share and corruption.
        data_seed: None draws everything from `config.seed`. A number draws a fresh data set from the same
            generator: the true graph and its effects still come from `config.seed`, the noise, the
            corruption and the missing values from `data_seed`. `data_seed=config.seed` is as None.

    Returns:
        Table with its true graph; the same settings always give the same values.

    Raises:
        InputError: more edges than the graph has room for, an unknown corruption, or settings that `sem` has
            no use for.
    """
    check(config)
    structure = np.random.default_rng(np.random.SeedSequence(config.seed).spawn(1)[0])
    _, noise, spoiling, gaps = (
        np.random.default_rng(stream)
        for stream in np.random.SeedSequence(config.seed if data_seed is None else data_seed).spawn(4)
    )
    graph, order = draw_graph(config, structure)
    if config.name == "sem":
        states = simulate_rows(graph, order, config, noise, structure)
        scales = [(f"x{k + 1}", 0.0, 1.0) for k in range(config.variables)]
    else:
        states = simulate_states(graph, order, config, noise, structure)
        scales = sensor_scales(config.variables)
    scaled = corrupt(standardise(states), config.corruption, spoiling, graph)
    missing = gaps.random(scaled.shape) < config.missing
    values = scaled * np.array([spread for _, _, spread in scales]) + np.array([centre for _, centre, _ in scales])
    values[missing] = np.nan
    return Table(
        name=config.name,
        names=tuple(name for name, _, _ in scales),
        values=values,
        segment=np.zeros(config.rows, dtype=np.int64),
        truth=graph,
        sha256=hashlib.sha256(values.tobytes() + graph.tobytes()).hexdigest(),
        source=config.name,
    )
