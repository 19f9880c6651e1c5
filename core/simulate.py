"""Built-in sensor data with a known graph: lagged effects, physical scales, missing values, corruption."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from core.config import BUILT_IN, DataConfig
from core.corruption import corrupt
from core.errors import InputError
from core.tables import Table

__all__ = ["BUILT_IN", "simulate"]

BURN_IN = 200
EFFECT = 0.5
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


def random_graph(d: int, edges: int, rng: np.random.Generator) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Draw a directed acyclic graph with exactly that many edges, uniformly over pairs of a random order.

    Returns:
        graph (d, d) bool, [i, j] is i -> j, and an order in which causes come before effects.
    """
    order = rng.permutation(d)
    early, late = np.triu_indices(d, 1)
    chosen = rng.choice(len(early), size=edges, replace=False)
    graph = np.zeros((d, d), dtype=bool)
    graph[order[early[chosen]], order[late[chosen]]] = True
    return graph, order


def parents_effect(parents: NDArray[np.float64], mechanism: str) -> NDArray[np.float64]:
    """Return what the parents add to their child, (rows,), from their past states (rows, p).

    tanh and linear act on the states as they are; square, abs and product act on standardised states
    clipped at three deviations, so that chains of squares stay bounded. Products pair the parents in
    order; a parent without a partner acts through its square.
    """
    if mechanism in ("tanh", "linear"):
        return np.asarray((np.tanh(parents) if mechanism == "tanh" else parents).sum(1))
    unit = np.clip((parents - parents.mean(0)) / parents.std(0), -3.0, 3.0)
    if mechanism == "square":
        return np.asarray((unit**2 - 1.0).sum(1))
    if mechanism == "abs":
        return np.asarray((np.abs(unit) - np.abs(unit).mean(0)).sum(1))
    pairs = unit.shape[1] // 2
    total = (unit[:, 0 : 2 * pairs : 2] * unit[:, 1 : 2 * pairs : 2]).sum(1)
    return np.asarray(total + unit[:, -1] ** 2 - 1.0 if unit.shape[1] % 2 else total)


def simulate_states(
    graph: NDArray[np.bool_], order: NDArray[np.int64], config: DataConfig, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Run S_j(t) = m S_j(t-1) + 0.5 sum_p f(S_p(t-1)) + noise, m = 0.8 (0.5 for square, abs, product).

    Returns:
        (rows, d) states without units.
    """
    memory = 0.8 if config.mechanism in ("tanh", "linear") else 0.5
    steps, d = config.rows + BURN_IN, len(graph)
    noise = config.noise * rng.standard_normal((steps, d))
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


def simulate(config: DataConfig, data_seed: int | None = None) -> Table:
    """Draw a built-in data set.

    Args:
        config: seed, rows, variables, edges, mechanism, noise, missing share and corruption.
        data_seed: None draws everything from `config.seed`. A number draws a fresh data set from the same
            generator: the true graph and its effects still come from `config.seed`, the noise, the
            corruption and the missing values from `data_seed`. `data_seed=config.seed` is as None.

    Returns:
        Table with its true graph; the same settings always give the same values.

    Raises:
        InputError: more edges than an acyclic graph can have, or an unknown corruption.
    """
    d = config.variables
    if config.edges > d * (d - 1) // 2:
        raise InputError(
            f"data.edges must be at most {d * (d - 1) // 2} for {d} variables but got {config.edges}",
            f"--set data.edges={d}",
        )
    structure = np.random.SeedSequence(config.seed).spawn(1)[0]
    graph, order = random_graph(d, config.edges, np.random.default_rng(structure))
    streams = np.random.SeedSequence(config.seed if data_seed is None else data_seed).spawn(4)
    states = simulate_states(graph, order, config, np.random.default_rng(streams[1]))
    scaled = (states - states.mean(0)) / np.maximum(states.std(0), 1e-300)
    scaled = corrupt(scaled, config.corruption, np.random.default_rng(streams[2]))
    missing = np.random.default_rng(streams[3]).random(scaled.shape) < config.missing
    sensors = sensor_scales(d)
    values = scaled * np.array([spread for _, _, spread in sensors]) + np.array([centre for _, centre, _ in sensors])
    values[missing] = np.nan
    return Table(
        name="sensors",
        names=tuple(name for name, _, _ in sensors),
        values=values,
        segment=np.zeros(config.rows, dtype=np.int64),
        truth=graph,
        sha256=hashlib.sha256(values.tobytes() + graph.tobytes()).hexdigest(),
        source="sensors",
    )
