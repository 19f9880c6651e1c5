"""The learned graph: what each edge saves, by loops; blind to the truth, to labels and to other lanes."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from core.config import TrainerConfig
from core.data import TEST, TRAIN, VALIDATION, Dataset, samples
from core.lanes import over_tensors
from core.model import Parameters, init_parameters, model_shape, open_probability
from core.strength import NEEDED_SHARE, edge_strengths, readout_rows
from tests import oracles
from tests.core import small


def lanes_of(config: TrainerConfig, d: int, count: int, seed: int) -> Parameters:
    """Draw lanes that carry something, no weight 0, about half of their gates shut, others of each lane."""
    rng = np.random.default_rng(seed)
    drawn = [init_parameters(model_shape(d, config), rng) for _ in range(count)]
    value = Parameters(*(torch.cat(parts) for parts in zip(*drawn, strict=True)))
    value = Parameters(*(part + torch.from_numpy(rng.normal(0, 0.1, part.shape).astype(np.float32)) for part in value))
    gate = np.where(rng.random((count, d, d)) < 0.5, 3.0, -3.0).astype(np.float32)
    return value._replace(gate=torch.from_numpy(gate))


def picked(value: Parameters, index: list[int]) -> Parameters:
    """Return some lanes, in the order given."""
    return Parameters(*(part[index] for part in value))


def trained(config: TrainerConfig, count: int = 3, missing: float = 0.1) -> tuple[Parameters, Tensor, Dataset]:
    """Return weights that have learned something, their temperature, and the data."""
    data = small.dataset(config, missing=missing)
    lanes, _ = small.trained(data, config, count, times=4, lr=0.08)
    return lanes.value, torch.full((count,), 0.3), data


@settings(max_examples=30)
@given(
    lags=st.sampled_from([(0, False), (1, False), (1, True), (2, False)]),
    widths=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4)),
    d=st.integers(2, 5),
    lanes=st.integers(2, 3),
    missing=st.sampled_from([0.0, 0.4]),
    seed=st.integers(0, 10**6),
)
def test_strengths_equal_the_loops(
    lags: tuple[int, bool], widths: tuple[int, int, int], d: int, lanes: int, missing: float, seed: int
) -> None:
    """Law: A_ij = r / (r + c), r what cutting the edge alone costs of the error of j without parents; never below 0."""
    config = small.settings(
        max_lag=lags[0], instantaneous=lags[1], signal_width=widths[0], bias_width=widths[1], hidden_width=widths[2]
    )
    data = small.dataset(config, d=d, rows=40, missing=missing, seed=seed)
    value, rows = lanes_of(config, d, lanes, seed), readout_rows(data, config, 1000)
    heat = torch.full((lanes,), 0.5)
    found = edge_strengths(value, heat, rows, config)
    assert found.shape == (lanes, d, d)
    assert found.dtype == torch.float32
    assert found.min() >= 0
    assert found.max() < 1
    opened = (open_probability(value.gate, heat) > 0.5).numpy()
    assert not found[torch.from_numpy(~opened)].any(), "exactly 0 where shut, and from a variable to itself"
    arrays = {name: part.numpy() for name, part in value._asdict().items()}
    for lane in range(lanes):
        expected = oracles.edge_strengths(arrays, opened, rows.numpy(), model_shape(d, config), lane, NEEDED_SHARE)
        np.testing.assert_allclose(found[lane].numpy(), expected, rtol=1e-3, atol=2e-3)


def test_an_edge_that_saves_what_is_needed_is_at_the_cut() -> None:
    """Law: one half is where an edge saves the needed share: r = c, whatever c is."""
    config = small.settings(max_lag=1, level_span=0, signal_width=1, bias_width=1, hidden_width=1)
    value = over_tensors(torch.zeros_like, lanes_of(config, 2, 2, 0))
    gate, encoder, mix = value.gate.clone(), value.encoder.clone(), value.mix.clone()
    gate[:, 0, 1], gate[:, 1, 0] = 3.0, -3.0
    encoder[:, 0, 0, 0] = 1.0  # variable 0 sends its last value, linearly
    mix[:, 1, 0, 0, 0] = 1.0  # and 1 predicts just that
    value = value._replace(gate=gate, encoder=encoder, mix=mix)
    for share in (0.5 * NEEDED_SHARE, NEEDED_SHARE, 2.0 * NEEDED_SHARE):
        rows = torch.zeros(2, 2 + model_shape(2, config).features, 2)
        rows[:, 1] = 1.0
        cause = torch.tensor([1.0, 1.0])
        # targets a and -b: error without the edge (a2 + b2) / 2 = 1, with it that less `share`
        mean = (share + 1.0) / 2.0
        apart = np.sqrt(1.0 - mean**2)
        rows[0, 2], rows[1, 0] = cause, torch.tensor([mean + apart, mean - apart])
        found = edge_strengths(value, torch.full((2,), 0.5), rows, config)
        assert found[0, 0, 1].item() == pytest.approx(share / (share + NEEDED_SHARE), abs=1e-4)
        assert found[0, 1, 0] == found[0, 0, 0] == found[0, 1, 1] == 0


def test_the_cut_is_described_as_it_is() -> None:
    """Law: report and README name the share that an edge at the cut of a half saves."""
    root = Path(__file__).parents[2]
    for page in ("README.md", "reports/page.html.j2"):
        text = (root / page).read_text()
        assert f"saves {100 * NEEDED_SHARE:g} %" in text, page
    assert f"r / (r + {NEEDED_SHARE:g})" in (root / "README.md").read_text()


def test_what_carries_nothing_or_does_harm_is_no_edge() -> None:
    """Law: an open edge has strength exactly 0 when its message is 0, and when the target is better off without it."""
    config = small.settings()
    value, heat, data = trained(config)
    value = value._replace(gate=torch.full_like(value.gate, 3.0))
    rows = readout_rows(data, config, 1000)
    base = edge_strengths(value, heat, rows, config)
    assert base[:, 0, 1].min() > 0.5, "edges worth checking"
    silent, harmful = value.mix.clone(), value.mix.clone()
    silent[:, 1, :, 0] = 0.0
    assert not edge_strengths(value._replace(mix=silent), heat, rows, config)[:, 0, 1].any()
    harmful[:, 1, :, 0] *= -3.0
    assert not edge_strengths(value._replace(mix=harmful), heat, rows, config)[:, 0, 1].any()


@settings(max_examples=20)
@given(order=st.permutations(range(5)), seed=st.integers(0, 10**6))
def test_relabelling_relabels_strengths(order: list[int], seed: int) -> None:
    """Law: permute the variables of weights and rows, and the strengths are permuted with them."""
    config = small.settings()
    data = small.dataset(config, d=5, missing=0.2, seed=seed % 100)
    value, rows, heat = lanes_of(config, 5, 2, seed), readout_rows(data, config, 1000), torch.full((2,), 0.5)
    turned = Parameters(
        gate=value.gate[:, order][:, :, order],
        mix=value.mix[:, order][:, :, :, order],
        **{name: part[:, order] for name, part in value._asdict().items() if name not in ("gate", "mix")},
    )
    found = edge_strengths(turned, heat, rows[order], config)
    torch.testing.assert_close(
        found, edge_strengths(value, heat, rows, config)[:, order][:, :, order], rtol=0, atol=2e-3
    )


@settings(max_examples=30)
@given(
    d=st.integers(2, 9),
    count=st.integers(3, 9),
    widths=st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 7)),
    limit=st.sampled_from([7, 16, 61, 1000]),
    seed=st.integers(0, 10**6),
)
def test_a_strength_is_the_same_in_any_company(
    d: int, count: int, widths: tuple[int, int, int], limit: int, seed: int
) -> None:
    """Law: a lane beside a copy of itself has the same strengths, to the bit, as among others in any order."""
    config = small.settings(signal_width=widths[0], bias_width=widths[1], hidden_width=widths[2])
    data = small.dataset(config, d=d, missing=0.1, seed=seed % 100)
    value, rows = lanes_of(config, d, count, seed), readout_rows(data, config, limit)
    heat = torch.linspace(0.2, 0.7, count)
    together = edge_strengths(value, heat, rows, config)
    order = np.random.default_rng(seed).permutation(count).tolist()
    shuffled = edge_strengths(picked(value, order), heat[order], rows, config)
    for place, lane in enumerate(order):
        alone = edge_strengths(picked(value, [lane, lane]), heat[[lane, lane]], rows, config)
        assert together[lane].numpy().tobytes() == alone[0].numpy().tobytes() == alone[1].numpy().tobytes()
        assert together[lane].numpy().tobytes() == shuffled[place].numpy().tobytes()


BAD = {"nan": torch.nan, "inf": torch.inf, "huge": 1e30}


@pytest.mark.parametrize("part", ["all", "gate", "encoder", "mix", "memory", "readout"])
@pytest.mark.parametrize("bad", sorted(BAD))
def test_a_lost_lane_has_numbers_and_touches_no_other(part: str, bad: str) -> None:
    """Law: weights that are not numbers give strengths in [0, 1], the same in any company, and alter no other lane."""
    config = small.settings()
    value, heat, data = trained(config)
    # the lost lane shuts what the others open, and the other way round: causes are visited for some lanes only
    gate = torch.full_like(value.gate, -3.0)
    gate[0, 0], gate[1, 1:3], gate[2, 3] = 3.0, 3.0, 3.0
    value, rows = value._replace(gate=gate), readout_rows(data, config, 1000)
    lost = over_tensors(torch.clone, value)
    for name in lost._fields if part == "all" else [part]:
        getattr(lost, name)[1] = BAD[bad]
    before, after = edge_strengths(value, heat, rows, config), edge_strengths(lost, heat, rows, config)
    for lane in (0, 2):
        assert before[lane].any(), "lanes worth checking"
        assert after[lane].numpy().tobytes() == before[lane].numpy().tobytes()
    assert after[1].isfinite().all()
    assert after[1].min() >= 0
    assert after[1].max() <= 1
    alone = edge_strengths(picked(lost, [1, 1]), heat[:2], rows, config)
    assert alone[0].numpy().tobytes() == after[1].numpy().tobytes()


@pytest.mark.parametrize("limit", [5, 20, 50, 1000])
def test_read_out_rows_are_known_ones_evenly_spread(limit: int) -> None:
    """Law: at most one row over the limit, training rows then validation rows, at one distance; all if they fit."""
    config = small.settings(max_lag=1)
    data = small.dataset(config, missing=0.1)
    rows = readout_rows(data, config, limit).permute(2, 0, 1).numpy()
    known = [samples(data, part, config).rows.numpy() for part in (TRAIN, VALIDATION)]
    assert len(rows) <= limit + 1
    if sum(map(len, known)) <= limit:
        assert np.array_equal(rows, np.concatenate(known))
    places = [
        (part, place) for row in rows for part in (0, 1) for place in range(len(known[part]))
        if np.array_equal(known[part][place], row)
    ]  # fmt: skip
    assert len(places) == len(rows)
    assert places == sorted(set(places))
    assert {part for part, _ in places} == {0, 1}
    steps = {b - a for (part, a), (other, b) in pairwise(places) if part == other}
    assert len(steps) <= 1, "one distance"


def test_neither_test_rows_nor_the_truth_are_read() -> None:
    """Law: other test rows and another true graph leave what strengths are read from as it is."""
    config = small.settings()
    data = small.dataset(config)
    values = data.values.copy()
    values[data.split == TEST] += 5.0
    rows = readout_rows(data, config, 60)
    assert torch.equal(readout_rows(small.with_values(data, values), config, 60), rows)
    assert torch.equal(readout_rows(replace(data, truth=None), config, 60), rows)


def test_a_variable_that_was_never_observed_has_no_edges() -> None:
    """Law: a target without one observed row is saved nothing by any edge, and no number is lost."""
    config = small.settings()
    value, heat, data = trained(config)
    rows = readout_rows(data, config, 1000).clone()
    rows[2, :2] = 0.0
    found = edge_strengths(value._replace(gate=torch.full_like(value.gate, 3.0)), heat, rows, config)
    assert found.isfinite().all()
    assert not found[:, :, 2].any()
    assert found[:, 0, 1].all()
