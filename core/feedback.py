"""The simulation over time for graphs with cycles: all variables step by step, effects calmed on the cycles."""

import numpy as np
from numpy.typing import NDArray

from core.mechanisms import effect_terms, term_values
from core.random_graphs import reachable

Floats = NDArray[np.float64]
MEMORY_ON_CYCLE = 0.5
LOOP_GAIN = {"linear": 0.4, "tanh": 0.4, "square": 0.3, "abs": 0.7, "product": 0.24}
WIDEST = 2.0  # deviations
PILOTS, PILOT_STEPS = 10, 400


def loop_shares(graph: NDArray[np.bool_]) -> Floats:
    """Return how much of a loop's gain an edge may have, (d, d), [i, j] of i -> j; 0 off the cycles.

    It is 1 / r for the edges between the variables of a strongly connected component whose adjacency has
    spectral radius r, so that together they gain as much as one plain cycle does, for which r = 1.
    """
    reach = reachable(graph)
    together = reach & reach.T
    shares = np.zeros(graph.shape)
    leads = np.diagonal(reach) & (np.argmax(together, axis=1) == np.arange(len(graph)))
    for first in np.flatnonzero(leads).tolist():
        members = np.ix_(together[first], together[first])
        inside = graph[members].astype(np.float64)
        radius = np.abs(np.linalg.eigvals(inside)).max()
        shares[members] = inside / np.round(radius, 9)  # the last bits depend on the processor
    return shares


def calm(graph: NDArray[np.bool_], shares: Floats, effect: float, mechanism: str, scale: Floats) -> Floats:
    """Choose effects under which feedback dies out; (d, d), [i, j] of i -> j, `effect` at most, as off the cycles.

    Linear and tanh: the component's linear system, with memory 0.5, has a spectral radius of 0.9 or less. The
    others act on standardised states, so that their effects are in units of the cause's deviation; they
    stay below where a cycle of states at the clip would hold itself there: for m = 0.5, u -> 2 g f(u) has no
    fixed point in (0, 2] but for g of 1/3 (square), 5/6 (abs) and 1/4 (product) or more.
    """
    limit = LOOP_GAIN[mechanism] * shares
    if mechanism not in ("tanh", "linear"):
        limit = limit * scale[:, None]
    return np.where(limit > 0, np.minimum(limit, effect), effect * graph)


def run_steps(
    memories: Floats, effects: Floats, mechanism: str, noise: Floats, centre: Floats, scale: Floats
) -> Floats:
    """Run S_j(t) = m_j S_j(t-1) + sum_p e_pj f(S_p(t-1)) + noise_j(t), from S = 0 before the first step.

    f is the identity or tanh of the state, or acts on (S - centre) / scale clipped at two deviations.

    Args:
        memories: (d,). effects: (d, d), [i, j] of i -> j. noise: (steps, d). centre, scale: (d,).

    Returns:
        (steps, d) states.
    """
    terms = effect_terms(effects, mechanism)
    bounded = mechanism not in ("tanh", "linear")
    states = np.empty_like(noise)
    now = noise[0]
    states[0] = now
    for t in range(1, len(noise)):
        sent = np.clip((now - centre) / scale, -WIDEST, WIDEST) if bounded else now
        pushes = terms.weight * term_values(terms, sent, mechanism)
        now = memories * now + np.bincount(terms.child, pushes, minlength=len(now)) + noise[t]
        states[t] = now
    return states


def simulate_feedback(
    graph: NDArray[np.bool_],
    memory: float,
    effect: float,
    mechanism: str,
    deviation: Floats,
    draws: Floats,
    pilot: np.random.Generator,
) -> Floats:
    """Run a graph that may have cycles.

    Variables on a cycle remember at most half of their last value. Where states act standardised, their
    centre and scale must be known before the run: pilot runs, each with what the last one measured, find
    them. They are part of the generator, as the graph is.

    Args:
        graph: (d, d) bool, [i, j] is i -> j.
        memory, effect: of a graph without cycles.
        mechanism: one of core.config.MECHANISMS.
        deviation: (d,) standard deviations of the driving noise.
        draws: (steps, d), the driving noise in those deviations.
        pilot: source of the pilot runs' noise.

    Returns:
        (steps, d) states.
    """
    shares = loop_shares(graph)
    memories = np.where(shares.any(0), min(memory, MEMORY_ON_CYCLE), memory)
    centre, scale = np.zeros(len(graph)), deviation / np.sqrt(1.0 - memories**2)
    effects = calm(graph, shares, effect, mechanism, scale)
    for _ in range(0 if mechanism in ("tanh", "linear") else PILOTS):
        noise = deviation * pilot.standard_normal((PILOT_STEPS, len(graph)))
        settled = run_steps(memories, effects, mechanism, noise, centre, scale)[PILOT_STEPS // 4 :]
        centre, scale = settled.mean(0), settled.std(0)
        effects = calm(graph, shares, effect, mechanism, scale)
    return run_steps(memories, effects, mechanism, deviation * draws, centre, scale)
