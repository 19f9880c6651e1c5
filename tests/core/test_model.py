"""Parents only: the graph's gates are the one way from a variable to another, and none leads to itself."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from core import model
from core.config import TrainerConfig
from core.data import TEST, TRAIN, VALIDATION, Dataset, build_samples, positions
from core.losses import reconstruction
from tests import oracles
from tests.core import small

LAGS = [(0, False), (1, False), (1, True), (2, False), (2, True), (3, False)]


def lanes_of(shape: model.Shape, count: int, seed: int) -> model.Parameters:
    """Draw the parameters of some lanes, none of them zero."""
    rng = np.random.default_rng(seed)
    drawn = [model.init_parameters(shape, rng) for _ in range(count)]
    return model.Parameters(*(torch.cat(parts) + 0.05 for parts in zip(*drawn, strict=True)))


def random_gates(count: int, d: int, seed: int) -> Tensor:
    """Draw gates of which about half are shut."""
    rng = np.random.default_rng(seed)
    gates = rng.uniform(0.05, 1.0, (count, d, d)) * (rng.random((count, d, d)) < 0.5) * ~np.eye(d, dtype=bool)
    return torch.from_numpy(gates.astype(np.float32))


@st.composite
def models(draw: st.DrawFn) -> tuple[TrainerConfig, int, int]:
    """Draw settings of the model, a number of variables and a seed."""
    max_lag, instantaneous = draw(st.sampled_from(LAGS))
    widths = {name: draw(st.integers(1, 4)) for name in ("signal_width", "bias_width", "noise_width", "hidden_width")}
    config = TrainerConfig(
        max_lag=max_lag, instantaneous=instantaneous, level_span=draw(st.sampled_from([0, 5])), **widths
    )
    return config, draw(st.integers(2, 6)), draw(st.integers(0, 10**6))


@settings(max_examples=60)
@given(models())
def test_only_open_gates_let_a_gradient_through(drawn: tuple[TrainerConfig, int, int]) -> None:
    """Law: d prediction_j / d features of i is exactly 0 where gate i -> j is shut, and not 0 where it is open."""
    config, d, seed = drawn
    shape, lanes = model.model_shape(d, config), 2
    value, gates = lanes_of(shape, lanes, seed), random_gates(lanes, d, seed)
    features = torch.randn(lanes, d, shape.features, 5, generator=torch.Generator().manual_seed(seed))
    features.requires_grad_()
    found = model.predict(value, gates, features, shape)
    own = torch.tensor(shape.own_reads, dtype=torch.bool)
    for j in range(d):
        both = found.mean[:, j].sum() + found.log_scale[:, j].sum()
        (slope,) = torch.autograd.grad(both, features, retain_graph=True)
        moved = slope.abs().sum(3)  # (K, d, F)
        for lane in range(lanes):
            for i in range(d):
                read = moved[lane, i] > 0
                if i == j:
                    assert torch.equal(read, own), "its own past, and nothing of this row"
                elif gates[lane, i, j] == 0:
                    assert not read.any(), "nothing through a shut gate"
                else:
                    assert torch.equal(read, torch.tensor(shape.signal_reads)), "everything sent, through an open one"
        (slope,) = torch.autograd.grad(found.log_scale[:, j].sum(), features, retain_graph=True)
        others = [i for i in range(d) if i != j]
        assert not slope[:, others].any(), "the error bar is the variable's own"


@settings(max_examples=60)
@given(models())
def test_only_open_gates_let_a_change_through(drawn: tuple[TrainerConfig, int, int]) -> None:
    """Law: other values of i leave the prediction of j the same to the bit behind a shut gate, and move it else."""
    config, d, seed = drawn
    shape = model.model_shape(d, config)
    value, gates = lanes_of(shape, 2, seed), random_gates(2, d, seed)
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(2, d, shape.features, 5, generator=generator)
    before = model.predict(value, gates, features, shape)
    for i in range(d):
        changed = features.clone()
        changed[:, i] += 0.5
        after = model.predict(value, gates, changed, shape)
        for lane in range(2):
            for j in (j for j in range(d) if j != i):
                same = torch.equal(before.mean[lane, j], after.mean[lane, j])
                assert same == (gates[lane, i, j].item() == 0)
                assert torch.equal(before.log_scale[lane, j], after.log_scale[lane, j])


@pytest.mark.parametrize("kind", ["likelihood", "mse"])
def test_the_reconstruction_moves_with_every_gate(kind: str) -> None:
    """Law: change any one entry of the graph, open it, shut it or half, and the reconstruction moves."""
    config = TrainerConfig(reconstruction=kind)
    shape, d = model.model_shape(4, config), 4
    value, gates = lanes_of(shape, 2, 3), random_gates(2, d, 3)
    generator = torch.Generator().manual_seed(3)
    features = torch.randn(2, d, shape.features, 30, generator=generator)
    target = torch.randn(2, d, 30, generator=generator)

    def loss(some: Tensor) -> Tensor:
        return reconstruction(model.predict(value, some, features, shape), target, torch.ones_like(target), config)

    base = loss(gates)
    for i in range(d):
        for j in (j for j in range(d) if j != i):
            for strength in (0.0, 0.5, 1.0):
                other = gates.clone()
                other[:, i, j] = strength
                moved = loss(other) != base
                assert torch.equal(moved, gates[:, i, j] != strength)


@settings(max_examples=40)
@given(models())
def test_predictions_equal_the_loops(drawn: tuple[TrainerConfig, int, int]) -> None:
    """Law: the stacked products are D_j(sum over i of g_ij V_ij s_i, b_j, 1), variable by variable."""
    config, d, seed = drawn
    shape = model.model_shape(d, config)
    value, gates = lanes_of(shape, 3, seed), random_gates(3, d, seed)
    features = torch.randn(3, d, shape.features, 4, generator=torch.Generator().manual_seed(seed))
    found = model.predict(value, gates, features, shape)
    arrays = {name: part.numpy() for name, part in value._asdict().items()}
    for lane in range(3):
        mean, log_scale = oracles.prediction(arrays, gates.numpy(), features.numpy(), shape, lane)
        np.testing.assert_allclose(found.mean[lane].numpy(), mean, rtol=2e-4, atol=2e-4)
        np.testing.assert_allclose(found.log_scale[lane].numpy(), log_scale, rtol=2e-4, atol=2e-4)


def own_prediction(data: Dataset, part: int, config: TrainerConfig, j: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return what j's own latents read and its predicted mean and error bar, with every gate into j open."""
    shape = model.model_shape(len(data.names), config)
    now = config.instantaneous or config.max_lag == 0
    rows = build_samples(data, part, config.max_lag, now, config.level_span).rows
    features = rows[:, :, 2:].permute(1, 2, 0).unsqueeze(0).contiguous()
    d = len(data.names)
    gates = model.off_diagonal(d).unsqueeze(0)
    found = model.predict(lanes_of(shape, 1, 11), gates, features, shape)
    read = features[0, j][torch.tensor(shape.own_reads, dtype=torch.bool)]
    return read, found.mean[0, j], found.log_scale[0, j]


@settings(max_examples=80)
@given(
    lags=st.sampled_from(LAGS),
    missing=st.sampled_from([0.0, 0.2, 0.6]),
    segments=st.sampled_from([1, 3]),
    part=st.sampled_from([TRAIN, VALIDATION, TEST]),
    seed=st.integers(0, 1000),
    where=st.integers(0, 10**6),
    j=st.integers(0, 2),
    span=st.sampled_from([0, 1, 7]),
)
def test_a_value_never_predicts_itself(
    lags: tuple[int, bool], missing: float, segments: int, part: int, seed: int, where: int, j: int, span: int
) -> None:
    """Law: from the data to the prediction, x_j(t) enters neither the features of j at t nor its prediction."""
    config = small.settings(max_lag=lags[0], instantaneous=lags[1], batch_size=4, level_span=span)
    data = small.dataset(config, d=3, rows=60, missing=missing, seed=seed, segments=segments)
    at = positions(data, part, config.max_lag)
    row = where % len(at)
    t = at[row]
    values, observed = data.values.copy(), data.observed.copy()
    values[t, j] += 3.0
    observed[t, j] = True
    gone = data.observed.copy()
    gone[t, j] = False
    versions = [
        small.with_values(data, values, observed),
        small.with_values(data, np.where(gone, data.values, 0).astype(np.float32), gone),
    ]
    read, mean, log_scale = own_prediction(data, part, config, j)
    for other in versions:
        now_read, now_mean, now_scale = own_prediction(other, part, config, j)
        assert torch.equal(read[:, row], now_read[:, row])
        assert torch.equal(mean[row], now_mean[row])
        assert torch.equal(log_scale[row], now_scale[row])


@pytest.mark.parametrize("span", [0, 60])
@pytest.mark.parametrize(("max_lag", "instantaneous"), LAGS)
def test_a_value_does_predict_the_others(max_lag: int, instantaneous: bool, span: int) -> None:
    """Law: x_i(t) moves its children at t + 1 ... t + max_lag, and all later through its level; at t if asked to."""
    config = small.settings(max_lag=max_lag, instantaneous=instantaneous, level_span=span)
    data = small.dataset(config, d=3, missing=0.0)
    at = positions(data, TRAIN, max_lag)
    row = len(at) // 2
    values = data.values.copy()
    values[at[row], 0] += 1.0
    other = small.with_values(data, values)
    moved = own_prediction(data, TRAIN, config, 1)[1] != own_prediction(other, TRAIN, config, 1)[1]
    first = 0 if instantaneous or max_lag == 0 else 1
    near, end = row + max_lag + 1, len(at) if max_lag and span else row + max_lag + 1
    assert moved[row + first : near].all()
    assert not moved[: row + first].any()
    assert not moved[end:].any()
    assert moved[near:end].double().mean().nan_to_num(1.0) > 0.9, "by its level ever after, but for rounding"


@pytest.mark.parametrize("span", [0, 60])
@pytest.mark.parametrize(("max_lag", "instantaneous"), LAGS)
def test_no_filled_feature_serves_both_a_message_and_oneself(max_lag: int, instantaneous: bool, span: int) -> None:
    """Law: what may be interpolated (messages) and what may not (own past) are laid out apart, and masked so."""
    shape = model.model_shape(3, TrainerConfig(max_lag=max_lag, instantaneous=instantaneous, level_span=span))
    now, level = 2 if instantaneous or max_lag == 0 else 0, 1 if max_lag and span else 0
    assert len(shape.signal_reads) == len(shape.own_reads) == shape.features
    assert shape.features == 3 * max_lag + 2 * level + now
    assert shape.own_reads[:max_lag] == (False,) * max_lag, "interpolated history"
    rest = (False,) * (level + now)
    assert shape.own_reads[3 * max_lag :] == (True,) * level + rest, "the level, nothing interpolated, not this row"
    assert shape.signal_reads[3 * max_lag :] == (True,) * (2 * level + now)
    assert shape.signal_reads[2 * max_lag : 3 * max_lag] == (False,) * max_lag, "carried history"
    mask = model.reads(shape)
    assert mask.shape == (shape.latents, shape.features)
    assert torch.equal(mask[0].bool(), torch.tensor(shape.signal_reads))
    assert torch.equal(mask[-1].bool(), torch.tensor(shape.own_reads))


@pytest.mark.parametrize("heat", [0.2, 0.5, 0.7, 1.0, 2.0])
def test_gates_open_as_often_as_said(heat: float) -> None:
    """Law: P(open) is the frequency with which a drawn gate is above 0, at every temperature; none opens to itself."""
    draws, logits = 20_000, torch.tensor([[0.0, -3.0, -1.0], [0.0, 0.0, 0.5], [1.5, 4.0, 0.0]])
    rng = np.random.default_rng(8)
    logistic = torch.from_numpy(rng.logistic(size=(draws, 3, 3)).astype(np.float32))
    gates = model.sample_gates(logits.expand(draws, 3, 3), torch.full((draws,), heat), logistic)
    assert gates.min() >= 0
    assert gates.max() <= 1
    frequency = (gates > 0).double().mean(0)
    expected = model.open_probability(logits[None], torch.tensor([heat]))[0].double()
    spread = (expected * (1 - expected) / draws).sqrt()
    assert ((frequency - expected).abs() <= 5 * spread).all()
    assert not gates.diagonal(dim1=1, dim2=2).any()
    assert not expected.diagonal().any()
    if heat < 1:  # exact zeros and ones: an edge cannot hide as a small gate
        assert ((gates == 0) | (gates == 1))[:, 0, 1].double().mean() > 0.5


def test_noise_free_gates_follow_their_formula() -> None:
    """Law: evaluation uses clamp(1.2 sigmoid(logit) - 0.1), and P(open) is the sigmoid of the shifted logit."""
    logits = torch.linspace(-6, 6, 49).reshape(1, 7, 7)
    off = 1 - torch.eye(7)
    expected = (1.2 * torch.special.expit(logits.double()) - 0.1).clamp(0, 1) * off
    gates = model.expected_gates(logits)
    torch.testing.assert_close(gates.double(), expected, rtol=0, atol=1e-6)
    opened = model.open_probability(logits, torch.tensor([0.2]))
    shift = 0.2 * math.log(0.1 / 1.1)
    torch.testing.assert_close(opened.double(), torch.special.expit(logits.double() - shift) * off, rtol=0, atol=1e-6)
    assert opened.max() <= 1


def test_the_stable_sigmoid_is_the_sigmoid() -> None:
    """Law: 0.5 (1 + tanh(x / 2)) is 1 / (1 + exp(-x)) to rounding, and finite for every finite x."""
    x = torch.cat([torch.linspace(-30, 30, 1001), torch.tensor([-1e30, 1e30])])
    torch.testing.assert_close(model.stable_sigmoid(x).double(), torch.special.expit(x.double()), rtol=0, atol=1e-7)


def test_starting_weights_come_from_the_stream_alone() -> None:
    """Law: the same stream gives the same weights, another gives others, and all are finite float32 of one lane."""
    shape = model.model_shape(5, TrainerConfig())

    def drawn(seed: int) -> model.Parameters:
        return model.init_parameters(shape, np.random.default_rng(seed))

    assert small.differing(drawn(1), drawn(1)) == []
    assert not torch.equal(drawn(1).gate, drawn(2).gate)
    for name, part in drawn(3)._asdict().items():
        assert part.shape[0] == 1, name
        assert part.dtype == torch.float32, name
        assert part.isfinite().all(), name
    opened = model.open_probability(drawn(3).gate, torch.tensor([0.7]))
    assert (opened[0] + torch.eye(5) > 0.5).all(), "every gate starts open, so that every edge gets a gradient"


@settings(max_examples=40)
@given(models())
def test_training_starts_from_the_last_value_and_may_read_all(drawn: tuple[TrainerConfig, int, int]) -> None:
    """Law: encoders start at 0 but for the last value (and this row's); what is read, and learned, is everything."""
    config, d, seed = drawn
    shape, lags = model.model_shape(d, config), config.max_lag
    value = model.init_parameters(shape, np.random.default_rng(seed))
    sent, own = {0} & set(range(lags)), {2 * lags} & set(range(3 * lags))
    if config.instantaneous or lags == 0:
        sent |= {shape.features - 2}
    for latent in range(shape.latents):
        for feature in range(shape.features):
            starts = feature in (sent if latent < shape.signal else own)
            assert value.encoder[0, :, latent, feature].bool().tolist() == [starts] * d
    other = shape._replace(signal_starts=shape.signal_reads, own_starts=shape.own_reads)
    assert torch.equal(model.reads(shape), model.reads(other)), "where training starts is not what may be read"
    features = torch.randn(1, d, shape.features, 9, generator=torch.Generator().manual_seed(seed))
    leaf = value.encoder.clone().requires_grad_()
    found = model.predict(value._replace(encoder=leaf), torch.ones(1, d, d) - torch.eye(d), features, shape)
    (slope,) = torch.autograd.grad(found.mean.square().sum() + found.log_scale.square().sum(), leaf)
    assert torch.equal(slope.bool().any(1)[0], model.reads(shape).bool()), "no weight is stuck where it started"


def test_a_constant_bends_where_no_value_does() -> None:
    """Law: a decoder that is fed zeros predicts its constants: the first, and the others through tanh."""
    shape = model.model_shape(3, TrainerConfig())
    value = lanes_of(shape, 2, 5)
    silent = value._replace(encoder=torch.zeros_like(value.encoder), encoder_bias=torch.zeros_like(value.encoder_bias))
    found = model.predict(silent, torch.ones(2, 3, 3) - torch.eye(3), torch.ones(2, 3, shape.features, 4), shape)
    constant = value.memory[..., -1]
    expected = constant[..., 0] + (value.readout[:, :, 0] * torch.tanh(constant[..., 1:])).sum(2)
    torch.testing.assert_close(found.mean, expected[..., None].expand(2, 3, 4))


def test_error_bars_are_limited() -> None:
    """Law: the log-scale stays within its limit, so that no likelihood overflows on ordinary data."""
    shape = model.model_shape(2, TrainerConfig())
    value: Any = lanes_of(shape, 2, 0)
    for offset in (-100.0, 100.0):
        extreme = value._replace(scale_bias=value.scale_bias + offset)
        found = model.predict(extreme, torch.zeros(2, 2, 2), torch.ones(2, 2, shape.features, 3), shape)
        assert found.log_scale.abs().max() <= model.LOG_SCALE_LIMIT
