"""The built-in sensors: the graph asked for, effects that are there with a lag of one, the same every time."""

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core import simulate as simulation
from core.config import BUILT_IN, GRAPH_KINDS, MECHANISMS, DataConfig
from core.errors import InputError
from core.simulate import simulate
from core.tables import Table

QUIET = DataConfig(rows=150, variables=5, edges=6, missing=0.0)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_the_same_settings_give_the_same_values(mechanism: str) -> None:
    """Law: a seed is a data set, bit for bit; another seed is another graph and other values."""
    config = DataConfig(rows=100, mechanism=mechanism, corruption="corrupted")
    one, two, other = simulate(config), simulate(config), simulate(replace(config, seed=1))
    assert one.values.tobytes() == two.values.tobytes()
    assert one.sha256 == two.sha256 != other.sha256
    assert one.truth is not None
    assert np.array_equal(one.truth, two.truth)
    assert not np.array_equal(one.truth, other.truth)


@pytest.mark.parametrize(
    "change",
    [
        {"rows": 99}, {"variables": 6}, {"edges": 5}, {"mechanism": "linear"}, {"noise": 0.2}, {"missing": 0.3},
        {"corruption": "noise_0.3"}, {"seed": 2}, {"name": "sem"}, {"graph_kind": "scale_free"}, {"cycles": 2},
        {"noise_kind": "unequal"},
    ],
)  # fmt: skip
def test_every_setting_of_the_simulation_moves_something(change: dict[str, Any]) -> None:
    """Law: no setting of the simulation is without effect."""
    assert simulate(replace(QUIET, **change)).sha256 != simulate(QUIET).sha256


def test_corruption_changes_neither_the_graph_nor_the_states_beneath() -> None:
    """Law: graph, states, corruption and gaps have streams of their own, so that corruption is all that differs."""
    clean, noisy = simulate(QUIET), simulate(replace(QUIET, corruption="noise_0.1"))
    assert np.array_equal(clean.truth, noisy.truth)
    spread = [row[2] for row in simulation.sensor_scales(5)]
    difference = (noisy.values - clean.values) / spread
    assert 0.08 < difference.std() < 0.12
    gaps = simulate(replace(QUIET, missing=0.3))
    kept = ~np.isnan(gaps.values)
    assert np.array_equal(gaps.values[kept], clean.values[kept])


def test_too_many_edges_are_refused() -> None:
    """Law: an acyclic graph of d variables has at most d (d - 1) / 2 edges, and asking for more says so."""
    truth = simulate(DataConfig(rows=50, variables=4, edges=6)).truth
    assert truth is not None
    assert truth.sum() == 6
    with pytest.raises(InputError, match="data.edges must be 6 or less for 4 variables, got 7") as caught:
        simulate(DataConfig(rows=50, variables=4, edges=7))
    assert caught.value.hint == "--set data.edges=4, or more variables"


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize(("d", "edges"), [(2, 0), (2, 1), (3, 3), (13, 13), (30, 30), (30, 435)])
def test_every_mechanism_works_on_every_size(mechanism: str, d: int, edges: int) -> None:
    """Law: from 2 to 30 variables and from no edge to all, values are finite and every variable varies."""
    values = simulate(DataConfig(rows=120, variables=d, edges=edges, mechanism=mechanism, missing=0.0)).values
    assert values.shape == (120, d)
    assert np.isfinite(values).all()
    assert (values.std(0) > 0.5).all()


def test_the_default_sensors_look_like_sensors() -> None:
    """Law: 13 named sensors, 13 edges, raw values up to thousands, and about 8 per cent missing in every column."""
    table = simulate(DataConfig())
    assert table.names == tuple(name for name, _, _ in simulation.SENSORS)
    assert table.truth is not None
    assert table.truth.sum() == 13
    assert 3000 < np.nanmax(table.values) < 10_000
    assert np.isnan(table.values).mean() == pytest.approx(0.08, abs=0.01)
    assert np.abs(np.isnan(table.values).mean(0) - 0.08).max() < 0.025
    assert not np.isinf(table.values).any()
    assert (table.segment == 0).all()


def test_names_stay_distinct_beyond_the_thirteen() -> None:
    """Law: however many variables, each has a name of its own."""
    names = [name for name, _, _ in simulation.sensor_scales(60)]
    assert len(set(names)) == 60


FITTING = [(5, 6, 3), (13, 13, 0), (13, 20, 8), (50, 100, 10), (100, 300, 50)]


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("kind", GRAPH_KINDS)
def test_every_generator_stays_bounded(name: str, mechanism: str, kind: str) -> None:
    """Law: whatever the graph, values are finite, every variable varies, and no single row makes up its spread."""
    for d, edges, cycles in FITTING:
        for seed in range(5):
            config = DataConfig(
                name, seed=seed, rows=400, variables=d, edges=edges, cycles=0 if name == "sem" else cycles,
                graph_kind=kind, mechanism=mechanism, noise_kind="unequal", missing=0.0,
            )  # fmt: skip
            table = simulate(config)
            assert table.truth is not None
            assert table.truth.sum() == edges
            assert np.isfinite(table.values).all()
            unit = (table.values - table.values.mean(0)) / table.values.std(0)
            assert np.abs(unit).max() < 0.9 * len(unit) ** 0.5
            assert len(set(table.names)) == d


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_longest_chains_do_not_overflow(name: str) -> None:
    """Law: 500 variables with every edge and linear effects give finite columns that vary, without a warning."""
    config = DataConfig(name, rows=1500, variables=500, edges=124_750, mechanism="linear", missing=0.0)
    values = simulate(config).values
    assert np.isfinite(values).all()
    assert (values.std(0) > 0.5).all()


@pytest.mark.parametrize("change", [{}, {"graph_kind": "scale_free"}, {"name": "sem"}, {"noise_kind": "unequal"}])
def test_a_graph_may_have_no_edge(change: dict[str, Any]) -> None:
    """Law: no edge is a graph like any other, for every generator."""
    table = simulate(replace(QUIET, edges=0, corruption="mnar_structural", **change))
    assert table.truth is not None
    assert not table.truth.any()
    assert 0.1 < np.isnan(table.values).mean() < 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"edges": 11, "cycles": 0}, "data.edges must be 10 or less for 5 variables, got 11"),
        ({"edges": 13, "cycles": 2}, "data.edges must be 12 or less for 5 variables of which 2 close cycles, got 13"),
        ({"edges": 21, "cycles": 10}, "data.edges must be 20 or less for 5 variables of which 10 close cycles, got 21"),
        ({"edges": 6, "cycles": 4}, "data.cycles must be 3 or less, half of data.edges (6), got 4"),
        ({"name": "sem", "cycles": 1}, "data.cycles must be 0 for sem"),
        ({"name": "sem", "noise": 0.5}, "data.noise has no meaning for sem"),
        ({"corruption": "fog"}, "data.corruption: unknown corruption `fog`"),
    ],
)
def test_settings_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    """Law: what a generator cannot do is an input error with something to type, never another data set."""
    with pytest.raises(InputError) as caught:
        simulate(replace(QUIET, **change))
    assert caught.value.message.startswith(message)
    assert caught.value.hint


def test_a_complete_cyclic_graph_has_room_for_every_pair_twice() -> None:
    """Law: with half of them closing cycles, d (d - 1) edges fit."""
    truth = simulate(replace(QUIET, edges=20, cycles=10)).truth
    assert truth is not None
    assert truth.sum() == 20


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("mechanism", ["tanh", "abs"])
def test_fresh_data_keep_the_generator(name: str, mechanism: str) -> None:
    """Law: fresh data have the same strengths of their effects: each column keeps its share of every other."""
    config = DataConfig(
        name, rows=4000, variables=5, edges=6, missing=0.0, mechanism=mechanism, noise_kind="unequal",
        cycles=2 if name == "sensors" else 0,
    )  # fmt: skip

    def moments(table: Table) -> np.ndarray:
        unit = (table.values - table.values.mean(0)) / table.values.std(0)
        lag = 1 if name == "sensors" else 0
        cause = unit if mechanism == "tanh" else np.abs(unit) - np.abs(unit).mean(0)
        return unit[lag:].T @ cause[: len(unit) - lag] / len(unit)

    usual, fresh, other = (moments(simulate(*how)) for how in ((config,), (config, 5), (replace(config, seed=5),)))
    assert np.abs(usual - fresh).max() < 0.35 * np.abs(usual - other).max()


def test_unequal_noise_is_drawn_for_each_variable() -> None:
    """Law: without edges each sensor's noise is 0.5 to 2 times the usual, log-uniform."""
    config = DataConfig(variables=400, edges=0, noise_kind="unequal")
    order, graph = np.arange(400), np.zeros((400, 400), dtype=bool)
    rng = np.random.default_rng(3)
    states = simulation.simulate_states(graph, order, config, rng, np.random.default_rng(4))
    factor = states.std(0) / (0.1 / (1 - 0.8**2) ** 0.5)
    assert 0.4 < factor.min() < 0.6
    assert 1.7 < factor.max() < 2.3
    assert np.median(factor) == pytest.approx(1.0, abs=0.15)


class Drawn:
    """Stands in for a generator: gives the noise it was made with."""

    def __init__(self, noise: np.ndarray) -> None:
        self.noise = noise

    def standard_normal(self, size: tuple[int, int]) -> np.ndarray:
        """Return the given noise."""
        assert size == self.noise.shape
        return self.noise


def states_of(noise: np.ndarray, graph: np.ndarray, mechanism: str) -> np.ndarray:
    """Run the simulation on given noise."""
    config = DataConfig(rows=len(noise) - simulation.BURN_IN, mechanism=mechanism, noise=1.0)
    drawn: Any = Drawn(noise)
    return simulation.simulate_states(graph, np.arange(len(graph)), config, drawn, np.random.default_rng(0))


def effect_by_hand(states: np.ndarray, mechanism: str, parents: list[int]) -> np.ndarray:
    """Return what parents add to their child one step later, from their whole history."""
    x = states[:, parents]
    z = np.clip((x - x.mean(0)) / x.std(0), -3, 3)
    if mechanism == "tanh":
        return np.tanh(x).sum(1)
    if mechanism == "linear":
        return x.sum(1)
    if mechanism == "square":
        return (z**2 - 1).sum(1)
    if mechanism == "abs":
        return (np.abs(z) - np.abs(z).mean(0)).sum(1)
    return z[:, 0] * z[:, 1] + (z[:, 2] ** 2 - 1 if len(parents) == 3 else 0)


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("parents", [[0, 1], [0, 1, 2]])
def test_children_follow_their_parents_one_step_later(mechanism: str, parents: list[int]) -> None:
    """Law: a child without noise of its own is S(t) = m S(t-1) + 0.5 f(parents(t-1)), and nothing of the same row."""
    rng = np.random.default_rng(4)
    d = len(parents) + 1
    graph = np.zeros((d, d), dtype=bool)
    graph[parents, -1] = True
    noise = rng.standard_normal((500, d))
    noise[:, -1] = 0.0
    memory = 0.8 if mechanism in ("tanh", "linear") else 0.5
    parent_states = np.zeros((500, d - 1))
    for t in range(500):
        parent_states[t] = (memory * parent_states[t - 1] if t else 0) + noise[t, :-1]
    effect = effect_by_hand(parent_states, mechanism, parents)
    expected = np.zeros(500)
    for t in range(1, 500):
        expected[t] = memory * expected[t - 1] + 0.5 * effect[t - 1]
    found = states_of(noise, graph, mechanism)
    np.testing.assert_allclose(found[:, :-1], parent_states[simulation.BURN_IN :], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found[:, -1], expected[simulation.BURN_IN :], rtol=1e-9, atol=1e-9)
    assert found[:, -1].std() > 0.3, "the effect is really there"


@pytest.mark.parametrize("mechanism", ["tanh", "linear"])
def test_a_push_travels_along_edges_one_step_at_a_time(mechanism: str) -> None:
    """Law: push a cause at t: itself moves at t, its child from t + 1, its grandchild from t + 2, no one else ever."""
    graph = np.zeros((4, 4), dtype=bool)
    graph[0, 1] = graph[1, 2] = True
    noise = np.random.default_rng(0).standard_normal((260, 4))
    pushed = noise.copy()
    at = simulation.BURN_IN + 20
    pushed[at, 0] += 5.0
    moved = states_of(noise, graph, mechanism) != states_of(pushed, graph, mechanism)
    first = [int(np.argmax(column)) if column.any() else None for column in moved.T]
    assert first == [20, 21, 22, None]


def test_tables_carry_what_readers_carry() -> None:
    """Law: a simulation gives a table like any file: float64 values, int64 segments, a boolean graph, a digest."""
    table = simulate(QUIET)
    assert (table.values.dtype, table.segment.dtype) == (np.float64, np.int64)
    assert table.truth is not None
    assert table.truth.dtype == np.bool_
    assert len(table.sha256) == 64
    assert (table.name, table.source) == ("sensors", "sensors")


@pytest.mark.parametrize(
    ("settings", "digest"),
    [
        ({}, "16cb3429bf97b8d1"),
        ({"mechanism": "linear", "seed": 1, "corruption": "corrupted"}, "0f171e8c5caa3cce"),
        ({"mechanism": "square", "variables": 5, "edges": 6, "rows": 150, "corruption": "regimes_3+mcar_30"},
         "81187a4c74f52f2f"),
        ({"mechanism": "abs", "rows": 300, "corruption": "noise_0.3+level_noise", "missing": 0.3}, "d5d0bf4e25b6a5e5"),
        ({"mechanism": "product", "variables": 30, "edges": 60, "rows": 200, "seed": 7, "corruption": "mcar_20"},
         "2f74a61917cedba9"),
        ({"variables": 4, "edges": 0, "rows": 100}, "6f71ed2afe5a3224"),
        ({"variables": 100, "edges": 100, "rows": 300, "noise": 0.5}, "73f735b1c115cd93"),
    ],
)  # fmt: skip
def test_data_once_published_never_changes(settings: dict[str, Any], digest: str) -> None:
    """Law: settings that exist keep their values, whatever is added to the simulation.

    Rounded, as another processor's tanh may differ in the last bit.
    """
    table = simulate(DataConfig(**settings))
    assert table.truth is not None
    rounded = np.round(np.nan_to_num(table.values, nan=-1e9), 4) + 0.0
    assert hashlib.sha256(rounded.tobytes() + table.truth.tobytes()).hexdigest().startswith(digest)


def test_fresh_data_come_from_the_same_graph() -> None:
    """Law: a data seed changes noise, corruption and gaps, and neither the graph nor the settings' own data set."""
    config = replace(QUIET, corruption="noise_0.1", missing=0.2)
    usual, same, fresh = simulate(config), simulate(config, config.seed), simulate(config, 77)
    assert usual.sha256 == same.sha256 != fresh.sha256
    assert np.array_equal(usual.truth, fresh.truth)
    assert fresh.sha256 == simulate(config, 77).sha256 != simulate(config, 78).sha256
    assert not np.array_equal(np.isnan(usual.values), np.isnan(fresh.values))
