"""Packed parameters: where they lie, what is copied, and that lanes which are given are not changed."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.config import TrainerConfig
from core.kernel_pack import copied, packed, unpacked
from core.lanes import over_tensors, select, to_arrays
from core.model import Parameters, init_parameters, model_shape, pack
from core.trainer import advance, start
from tests.core import small


def drawn(lanes: int, variables: int, config: TrainerConfig) -> Parameters:
    """Draw parameters of K lanes."""
    shape, rng = model_shape(variables, config), np.random.default_rng(lanes)
    return over_tensors(lambda *parts: torch.cat(parts), *(init_parameters(shape, rng) for _ in range(lanes)))


@settings(max_examples=30)
@given(lanes=st.integers(1, 3), variables=st.integers(2, 5), widths=st.tuples(st.integers(1, 4), st.integers(1, 5)))
def test_packed_parameters_are_the_parameters(lanes: int, variables: int, widths: tuple[int, int]) -> None:
    """Law: views of packed parameters are the parameters, each once; their own memory is taken where they lie so."""
    value = drawn(lanes, variables, TrainerConfig(signal_width=widths[0], hidden_width=widths[1]))
    flat = packed(value)
    views = unpacked(flat, value)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(views, value, strict=True))
    assert torch.equal(flat.sort(1).values, pack(value).sort(1).values)
    again, own = packed(views), copied(views)
    assert again.data_ptr() == flat.data_ptr()
    assert torch.equal(again, flat)
    assert own.data_ptr() != flat.data_ptr()
    assert torch.equal(own, flat)


def test_all_that_is_behind_a_gate_lies_together() -> None:
    """Law: the weights from one source to one target are neighbours in memory, units first."""
    value = drawn(2, 4, TrainerConfig())
    mix = unpacked(packed(value), value).mix
    units, signal = mix.shape[2], mix.shape[4]
    assert mix.stride()[1:] == (4 * signal * units, 1, signal * units, units)


@pytest.mark.parametrize("part", ["gate", "mix", "scale_bias"])
def test_what_lies_elsewhere_is_copied(part: str) -> None:
    """Law: parameters of which one is somewhere else are packed anew, and right."""
    views = unpacked(packed(drawn(3, 4, TrainerConfig())), drawn(3, 4, TrainerConfig()))
    mixed = views._replace(**{part: getattr(views, part) + 1.0})
    flat = packed(mixed)
    assert flat.data_ptr() != views.gate.data_ptr()
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(unpacked(flat, views), mixed, strict=True))


@pytest.mark.parametrize("lanes", [1, 3])
@pytest.mark.parametrize("architecture", ["parents_only", "original"])
def test_lanes_that_are_given_are_not_changed(lanes: int, architecture: str) -> None:
    """Law: an interval of several epochs leaves its lanes as they were, whether or not they lie packed."""
    config = small.settings(evaluate_every=3, architecture=architecture)
    data = small.dataset(config)
    before = start(small.trials(lanes), data, config)
    for _ in range(2):
        kept = [array.tobytes() for array in to_arrays(before)]
        after, _ = advance(before, data, config)
        same, _ = advance(select(before, range(lanes)), data, config)
        assert [array.tobytes() for array in to_arrays(before)] == kept
        assert [array.tobytes() for array in to_arrays(after)] == [array.tobytes() for array in to_arrays(same)]
        before = after
