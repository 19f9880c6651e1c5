"""The compiled loss of rows that nothing is learned from, against the model and the losses in torch."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.config import TrainerConfig
from core.kernel_loss import loss_of
from core.losses import Weights, terms
from core.model import Parameters, init_parameters, model_shape, predict


@settings(max_examples=40)
@given(
    lanes=st.integers(1, 3), variables=st.integers(2, 6), lag=st.integers(0, 2), rows=st.integers(2, 70),
    seed=st.integers(0, 2**31), kind=st.sampled_from(["likelihood", "mse"]), reduction=st.sampled_from(["mean", "sum"]),
)  # fmt: skip
def test_the_compiled_loss_is_that_of_the_model(
    lanes: int, variables: int, lag: int, rows: int, seed: int, kind: str, reduction: str
) -> None:
    """Law: the validation loss is `losses.terms` of `model.predict`, to float32's digits.

    Where latents are constant, as those of rows without time are, their correlation is exactly 0; in float32 the other
    one is what rounding leaves.
    """
    config = TrainerConfig(max_lag=lag, reconstruction=kind, reduction=reduction)
    shape, rng = model_shape(variables, config), np.random.default_rng(seed)
    drawn = [init_parameters(shape, rng) for _ in range(lanes)]
    value = Parameters(*(torch.cat(parts) for parts in zip(*drawn, strict=True)))
    value = Parameters(*(part + torch.from_numpy(rng.normal(0, 0.3, part.shape)).float() for part in value))
    some = torch.from_numpy(rng.standard_normal((variables, 2 + shape.features, rows))).float()
    some[:, 1] = (some[:, 1] > -0.8).float()
    off = 1.0 - torch.eye(variables)
    gates, opened = (torch.from_numpy(rng.uniform(-0.5, 1.0, (lanes, variables, variables))) for _ in range(2))
    gates, opened = gates.clamp(min=0.0).float() * off, opened.abs().float() * off
    weight = Weights(*(torch.from_numpy(rng.uniform(0.1, 2.0, lanes)).float() for _ in range(4)))
    found = loss_of(value, gates, opened, some, weight, config, shape)
    stacked = some.double().expand(lanes, *some.shape)
    prediction = predict(Parameters(*(part.double() for part in value)), gates.double(), stacked[:, :, 2:], shape)
    given = (stacked[:, :, 0], stacked[:, :, 1], opened.double(), Weights(*(part.double() for part in weight)))
    expected = terms(prediction, *given, config, shape)
    for name in ("recon", "sparse", "acyclic", "disen"):
        ours, theirs = getattr(found, name).double(), getattr(expected, name)
        if name == "disen" and not any(shape.own_reads):
            assert not ours.any()
        else:
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
