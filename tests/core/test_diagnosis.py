"""Laws of the diagnosis: shares are those of autograd, a graph that the loss does not read has gradient 0."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core import trainer
from core.architecture import FEW_ROWS, original_gradient
from core.config import Hyperparameters, TrainerConfig
from core.diagnosis import NAMES, Diagnosis, diagnose
from core.lanes import Lanes, join, select
from core.losses import Weights, terms
from core.model import model_shape, open_probability, pack, predict, sample_gates, unpack
from core.schedule import progress, temperature, weights
from core.trainer import advance, start
from core.training import train_epoch
from tests.core import small

ORIGINAL = {"architecture": "original", "window": 8, "acyclicity": "walks", "standardise": "filled"}
KINDS: list[dict[str, Any]] = [
    {}, {"max_lag": 0}, {"reduction": "sum", "acyclicity": "trace_cubed"}, {"reconstruction": "mse"}, ORIGINAL,
    {**ORIGINAL, "reduction": "sum", "acyclicity": "trace_cubed"},
]  # fmt: skip


def an_epoch_of(config: TrainerConfig, count: int = 3, **changes: float) -> tuple[Lanes, Any]:
    """Train some lanes for an epoch; return them and a batch of it."""
    data = small.dataset(config, missing=0.1)
    lanes, log = train_epoch(start(small.trials(count, **changes), data, config), data, config)
    return lanes, log.batch


def by_autograd(lanes: Lanes, batch: Any, config: TrainerConfig) -> tuple[torch.Tensor, torch.Tensor]:
    """Return shares (4, K) and the gradient's norm in the gates (K,), as automatic differentiation has them."""
    shape = model_shape(batch.rows.shape[1], config)
    epoch = lanes.epoch - 1
    heat, weight = temperature(epoch, config), weights(lanes, progress(epoch, config))
    leaf = pack(lanes.value).requires_grad_()
    parts = unpack(leaf, lanes.value)
    gates = sample_gates(parts.gate, heat, batch.noise)
    prediction = predict(parts, gates, batch.rows[:, :, 2:], shape)
    opened = open_probability(parts.gate, heat)
    rows = batch.rows
    loss = terms(prediction, rows[:, :, 0], rows[:, :, 1], opened, weight, config, shape)
    norms = [torch.autograd.grad(part.sum(), leaf, retain_graph=True)[0].double().norm(dim=1) for part in loss]
    total = torch.stack(norms)
    (pull,) = torch.autograd.grad(loss.recon.sum(), gates)
    pull = pull * (1.0 - torch.eye(pull.shape[1]))  # no variable is its own parent
    return total / total.sum(0), pull.double().flatten(1).norm(dim=1) / weight.recon.double()


@pytest.mark.parametrize("how", [kind for kind in KINDS if "architecture" not in kind])
def test_shares_are_those_of_automatic_differentiation(how: dict[str, Any]) -> None:
    """Each term's share, and the reconstruction's gradient in the gates, equal autograd's on the same batch."""
    config = small.settings(**how)
    timed = config.max_lag > 0  # without time two kinds of latents hardly vary, and correlate by rounding alone
    lanes, batch = an_epoch_of(config, lambda_disen=0.05 * timed, lambda_acyclic=0.1, lambda_recon=0.7)
    lanes = lanes._replace(epoch=lanes.epoch + 1)  # the price of an edge is ramped up from 0
    found = diagnose(lanes, batch, config)
    shares, pull = by_autograd(lanes, batch, config)
    torch.testing.assert_close(torch.stack(found[:4]), shares, rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(found.graph_gradient, pull, rtol=1e-4, atol=1e-7)
    assert bool((found.grad_share_sparse > 0).all())


@pytest.mark.parametrize("how", KINDS)
def test_shares_add_up(how: dict[str, Any]) -> None:
    """The four shares are in [0, 1] and add up to 1 in every lane."""
    config = small.settings(**how)
    found = diagnose(*an_epoch_of(config), config)
    shares = torch.stack(found[:4])
    assert bool(((shares >= 0) & (shares <= 1)).all())
    torch.testing.assert_close(shares.sum(0), torch.ones(3, dtype=torch.float64))


@settings(max_examples=15)
@given(st.integers(0, 2**20), st.integers(3, 7))
def test_the_original_does_not_move_with_its_graph(seed: int, variables: int) -> None:
    """The gradient d recon / d A is exactly 0 for the original, not for parents-only prediction; a penalty's is not."""
    config = small.settings(**ORIGINAL)
    data = small.dataset(config, d=variables, seed=seed % 97)
    trials = [(k, seed + k, Hyperparameters(lambda_sparse=0.01)) for k in range(2)]
    lanes, log = train_epoch(start(trials, data, config), data, config)
    assert diagnose(lanes, log.batch, config).graph_gradient.tolist() == [0.0, 0.0]
    one = Weights(**{name: torch.full((2,), float(name == "sparse")) for name in Weights._fields})
    pull = original_gradient(lanes.value, log.batch, torch.ones(2), one, config)[1]
    assert bool(pull.flatten(1).any(1).all())
    config = small.settings()
    data = small.dataset(config, d=variables, seed=seed % 97)
    lanes, log = train_epoch(start(trials, data, config), data, config)
    assert bool((diagnose(lanes, log.batch, config).graph_gradient > 0).all())


@pytest.mark.parametrize("log_odds", [-40.0, 40.0])
def test_gates_at_their_end_still_have_a_gradient(log_odds: float) -> None:
    """Gates wholly open or shut have none in their log-odds, but the reconstruction does depend on them."""
    config = small.settings()
    lanes, batch = an_epoch_of(config)
    lanes = lanes._replace(value=lanes.value._replace(gate=torch.full_like(lanes.value.gate, log_odds)))
    assert bool((diagnose(lanes, batch, config).graph_gradient > 0).all())


@pytest.mark.parametrize("how", [{}, ORIGINAL])
@pytest.mark.parametrize("count", [2, 3, 5, 16])
def test_a_lane_is_diagnosed_alone_as_in_company(how: dict[str, Any], count: int) -> None:
    """The numbers of a lane are the same to the last bit in any company."""
    config = small.settings(**how)
    data = small.dataset(config, d=5)
    lanes = start(small.trials(count), data, config)
    _, together = advance(lanes, data, config)
    for lane in range(count):
        _, alone = advance(select(lanes, [lane]), data, config)
        assert small.timeless(alone[0]) == small.timeless(together[lane])
        assert np.isfinite([getattr(together[lane], name) for name in NAMES]).all()
    _, mirrored = advance(join([select(lanes, [k]) for k in reversed(range(count))]), data, config)
    assert [small.timeless(item) for item in reversed(mirrored)] == [small.timeless(item) for item in together]


@pytest.mark.parametrize("how", [{}, ORIGINAL])
def test_the_diagnosis_changes_no_weight(how: dict[str, Any]) -> None:
    """With and without the health log every bit of the state is the same; without it nothing is kept."""
    config = small.settings(**how)
    data = small.dataset(config)
    kept, seen = small.trained(data, config, times=3)
    bare, none = small.trained(data, replace(config, health_log=False), times=3)
    spared = {"clipped": kept.clipped, "norm_max": kept.norm_max}
    assert small.differing(kept, bare._replace(**spared)) == []
    assert all(np.isnan(getattr(item, name)) for item in none for name in NAMES)
    assert not any(np.isnan(getattr(item, name)) for item in seen for name in NAMES)


def test_a_larger_lambda_has_a_larger_share() -> None:
    """A term's share grows with its lambda, and a term that weighs nothing has none."""
    config = small.settings(warmup=0.0)
    lanes, batch = an_epoch_of(config, 2, lambda_disen=0.0)
    before = diagnose(lanes, batch, config)
    at = trainer.HYPER_NAMES.index("lambda_sparse")
    dearer = lanes._replace(hyper=lanes.hyper.clone())
    dearer.hyper[:, at] *= 1000
    after = diagnose(dearer, batch, config)
    assert before.grad_share_disen.tolist() == [0.0, 0.0]
    assert bool((after.grad_share_sparse > before.grad_share_sparse).all())
    assert torch.equal(after.graph_gradient, before.graph_gradient)


def test_a_loss_without_weight_has_no_shares() -> None:
    """Where no term pulls there is nothing to share, and that is said as such."""
    config = small.settings()
    zero = {"lambda_recon": 0.0, "lambda_sparse": 0.0, "lambda_acyclic": 0.0, "lambda_disen": 0.0}
    lanes, batch = an_epoch_of(config, 2, **zero)
    found = diagnose(lanes, batch, config)
    assert bool(torch.stack(found[:4]).isnan().all())
    assert bool((found.graph_gradient > 0).all()), "no lambda is in it"


def test_a_lane_that_diverged_leaves_its_neighbours_alone() -> None:
    """Weights that are not finite give numbers that are not, in their own lane only."""
    config = small.settings()
    lanes, batch = an_epoch_of(config)
    whole = diagnose(lanes, batch, config)
    broken = lanes._replace(value=lanes.value._replace(mix=lanes.value.mix.clone()))
    broken.value.mix[1] = torch.nan
    found = diagnose(broken, batch, config)
    for ours, theirs in zip(found, whole, strict=True):
        assert torch.equal(ours[[0, 2]], theirs[[0, 2]])
    assert bool(found.grad_share_recon[1].isnan())


def test_penalties_read_no_row() -> None:
    """The original's penalties have the same gradient on a few rows as on all, which is what they are measured on."""
    for how in KINDS[-2:]:
        config = small.settings(**how)
        lanes, batch = an_epoch_of(config)
        few = batch._replace(rows=batch.rows[..., :FEW_ROWS])
        heat = temperature(lanes.epoch, config)
        for term in ("sparse", "acyclic"):
            one = Weights(**{name: torch.full((3,), float(name == term)) for name in Weights._fields})
            found = [original_gradient(lanes.value, part, heat, one, config)[0] for part in (batch, few)]
            assert torch.equal(*found)


def test_names_are_those_of_an_evaluation() -> None:
    """What is measured has a column of its name in every evaluation."""
    assert set(Diagnosis._fields) <= set(trainer.Evaluation._fields)
