"""Feedback over time: the same law step by step, calm on cycles, and the fast way's numbers where there is none."""

from typing import Any

import numpy as np
import pytest

from core.config import MECHANISMS, DataConfig
from core.feedback import LOOP_GAIN, calm, loop_shares, run_steps, simulate_feedback
from core.mechanisms import effect_terms, parents_effect, term_values
from core.random_graphs import draw_graph
from core.simulate import BURN_IN, EFFECT, simulate, simulate_states
from tests import oracles


def cyclic(seed: int, d: int = 13, edges: int = 20, cycles: int = 6) -> np.ndarray:
    """Return a random graph with cycles."""
    config = DataConfig(variables=d, edges=edges, cycles=cycles)
    return draw_graph(config, np.random.default_rng(seed))[0]


@pytest.mark.parametrize("mechanism", ["tanh", "linear"])
def test_without_cycles_both_ways_agree(mechanism: str) -> None:
    """Law: on an acyclic graph the steps give the states of the fast way, to rounding."""
    config = DataConfig(rows=300, mechanism=mechanism)
    graph, order = draw_graph(config, np.random.default_rng(2))
    fast = simulate_states(graph, order, config, np.random.default_rng(3), np.random.default_rng(0))
    draws = np.random.default_rng(3).standard_normal((300 + BURN_IN, 13))
    slow = simulate_feedback(graph, 0.8, EFFECT, mechanism, np.full(13, 0.1), draws, np.random.default_rng(0))
    np.testing.assert_allclose(slow[BURN_IN:], fast, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_states_follow_the_law_step_by_step(mechanism: str) -> None:
    """Law: S_j(t) = m_j S_j(t-1) + sum_p e_pj f(S_p(t-1)) + noise, by plain loops, on a graph with cycles."""
    graph = cyclic(1, 5, 8, 3)
    rng = np.random.default_rng(0)
    memories, effects = rng.uniform(0.3, 0.8, 5), graph * rng.uniform(0.1, 0.3, (5, 5))
    noise, centre, scale = rng.standard_normal((30, 5)), rng.standard_normal(5), rng.uniform(0.5, 2, 5)
    found = run_steps(memories, effects, mechanism, noise, centre, scale)
    expected = noise.copy()
    for t in range(1, 30):
        unit = np.clip((expected[t - 1] - centre) / scale, -2, 2)
        for j in range(5):
            parents = np.flatnonzero(graph[:, j]).tolist()
            push = 0.0
            if mechanism == "product":
                for a, b in zip(parents[::2], parents[1::2], strict=False):
                    push += min(effects[a, j], effects[b, j]) * unit[a] * unit[b]
                if len(parents) % 2:
                    push += effects[parents[-1], j] * (unit[parents[-1]] ** 2 - 1)
            for p in parents if mechanism != "product" else []:
                shape = {
                    "linear": expected[t - 1, p], "tanh": np.tanh(expected[t - 1, p]), "square": unit[p] ** 2 - 1,
                    "abs": abs(unit[p]) - (2 / np.pi) ** 0.5,
                }[mechanism]  # fmt: skip
                push += effects[p, j] * shape
            expected[t, j] += memories[j] * expected[t - 1, j] + push
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_feedback_dies_out(mechanism: str) -> None:
    """Law: effects between variables of one component gain as much as one plain cycle; off the cycles none is changed.

    For linear and tanh the spectral radius is 0.9 at most; a single cycle has the whole gain.
    """
    for seed in range(10):
        graph = cyclic(seed, 20, 60, 25)
        scale = np.random.default_rng(seed).uniform(0.1, 0.4, 20)
        effects = calm(graph, loop_shares(graph), EFFECT, mechanism, scale)
        on_cycle = np.array([any_walk_returns(graph, j) for j in range(20)])
        assert on_cycle.any()
        assert np.array_equal(effects > 0, graph)
        assert (effects[~on_cycle] == EFFECT * graph[~on_cycle]).all()
        assert (effects[:, ~on_cycle] == EFFECT * graph[:, ~on_cycle]).all()
        assert effects.max() <= EFFECT
        gain = effects if mechanism in ("tanh", "linear") else effects / scale[:, None]
        inside = np.where(loop_shares(graph) > 0, gain, 0.0)
        assert np.abs(np.linalg.eigvals(inside)).max() <= LOOP_GAIN[mechanism] + 1e-9
    ring, unit = oracles.cycle(5, [0, 1, 2, 3]).astype(bool), 1.0 if mechanism in ("tanh", "linear") else 0.1
    effects = calm(ring, loop_shares(ring), EFFECT, mechanism, np.full(5, 0.1))
    assert effects[ring] == pytest.approx(LOOP_GAIN[mechanism] * unit)


def any_walk_returns(graph: np.ndarray, start: int) -> bool:
    """Tell whether a variable lies on a directed cycle."""
    seen: set[int] = set()
    ahead = set(np.flatnonzero(graph[start]).tolist())
    while ahead:
        seen |= ahead
        ahead = {int(b) for a in ahead for b in np.flatnonzero(graph[a])} - seen
    return start in seen


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_long_run_does_not_wander_off(mechanism: str) -> None:
    """Law: with feedback, the second half of a long run is about as wide as the first."""
    memory = 0.8 if mechanism in ("tanh", "linear") else 0.5
    for seed in range(4):
        graph = cyclic(seed)
        draws, pilot = np.random.default_rng(1).standard_normal((2200, 13)), np.random.default_rng(2)
        states = simulate_feedback(graph, memory, EFFECT, mechanism, np.full(13, 0.1), draws, pilot)
        early, late = states[200:1200].std(0), states[1200:].std(0)
        assert (np.maximum(early / late, late / early) < 1.5).all()


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_every_edge_of_a_cycle_is_felt(mechanism: str) -> None:
    """Law: on a ring each variable follows the shape of its cause one step before, well beyond chance."""
    ring = oracles.cycle(4, [0, 1, 2, 3]).astype(bool)
    draws, pilot = np.random.default_rng(1).standard_normal((2200, 4)), np.random.default_rng(2)
    states = simulate_feedback(ring, 0.5, EFFECT, mechanism, np.full(4, 0.1), draws, pilot)[200:]
    unit = np.clip((states - states.mean(0)) / states.std(0), -2, 2)
    shape = unit if mechanism in ("tanh", "linear") else np.abs(unit) if mechanism == "abs" else unit**2
    for cause, effect in oracles.edge_set(ring):
        push = states[1:, effect] - 0.5 * states[:-1, effect]
        felt = np.corrcoef(shape[:-1, cause], push)[0, 1]
        assert felt > 8 / len(push) ** 0.5 * (1 if mechanism != "product" else 0.6)


def test_the_truth_of_a_cyclic_simulation_is_cyclic() -> None:
    """Law: the table's graph has the cycles asked for, and the same settings give the same values."""
    config = DataConfig(rows=100, cycles=4, mechanism="square")
    one, two = simulate(config), simulate(config)
    assert one.sha256 == two.sha256
    assert one.truth is not None
    assert not oracles.is_dag(one.truth)
    assert one.truth.sum() == 13


@pytest.mark.parametrize("mechanism", ["square", "product"])
@pytest.mark.parametrize("parents", [1, 2, 3, 4])
def test_terms_add_up_to_the_parents_effect(mechanism: str, parents: int) -> None:
    """Law: with equal weights the terms are those of the simulation without cycles."""
    rng = np.random.default_rng(0)
    states: Any = rng.standard_normal((500, parents + 1))
    weights = np.zeros((parents + 1, parents + 1))
    weights[:parents, -1] = 1.0
    unit = np.clip((states - states.mean(0)) / states.std(0), -3, 3)
    terms = effect_terms(weights, mechanism)
    found = (term_values(terms, unit, mechanism) * terms.weight).sum(1)
    np.testing.assert_allclose(found, parents_effect(states[:, :parents], mechanism), rtol=1e-9, atol=1e-9)
    assert set(terms.child.tolist()) == {parents}
