"""Training on a device other than the processor: that nothing of it stays behind, and what it comes to."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from core import losses, model
from core.batches import draw_ahead, draw_epoch
from core.data import TRAIN, samples
from core.lanes import join, over_tensors, select
from core.model import CPU, pack
from core.optimizer import double_norm
from core.trainer import start
from core.training import train_epoch, train_on
from tests.core import small

META = torch.device("meta")
"""A device without numbers: an operation on tensors of it and of the processor is refused, as on a GPU."""


@pytest.fixture
def without_numbers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Let tensors without numbers come back as noughts; what is kept between calls is forgotten afterwards."""
    back: list[str] = []
    real = Tensor.cpu

    def noughts(tensor: Tensor) -> Tensor:
        back.append(tensor.device.type)
        return torch.zeros(tensor.shape, dtype=tensor.dtype) if tensor.device == META else real(tensor)

    monkeypatch.setattr(Tensor, "cpu", noughts)
    yield back
    for kept in (model.off_diagonal, model.reads, losses.apart):
        kept.cache_clear()


@pytest.mark.parametrize(
    "changes",
    [{}, {"max_lag": 0}, {"acyclicity": "walks", "reduction": "sum"}, {"reconstruction": "mse", "noise_width": 2}],
)
def test_a_step_takes_nothing_from_the_processor(without_numbers: list[str], changes: dict[str, object]) -> None:
    """Law: all that a step reads is on the device, no number is waited for, and all comes back."""
    config = small.settings(evaluate_every=2, **changes)
    data = small.dataset(config)
    lanes = start(small.trials(3), data, config)
    after, logs = train_on(lanes, data, config, META, 4)
    assert META.type in without_numbers
    assert len(logs) == 2
    assert {part.device for part in (*after.value, *after.first, *after.second, after.step, logs[0].terms)} == {CPU}
    assert logs[0].norms.shape[1] == 3
    assert after.step.tolist() == [2 * len(logs[0].norms)] * 3


def test_operations_across_devices_are_refused() -> None:
    """What the test above rests on."""
    with pytest.raises(RuntimeError, match="device"):
        torch.zeros(3, device=META) * torch.zeros(3)


@pytest.mark.parametrize("changes", [{}, {"clip_norm": 0.05, "max_lag": 0}])
def test_its_epochs_are_those_of_compiled_steps(changes: dict[str, object]) -> None:
    """Law: the whole-tensor operations give the weights, terms and norms of the compiled steps, to float32's digits."""
    config = small.settings(evaluate_every=3, **changes)
    data = small.dataset(config, missing=0.1)
    compiled = lanes = start(small.trials(3), data, config)
    found, logs = train_on(lanes, data, config, CPU, 8)
    for log in logs:
        compiled, told = train_epoch(compiled, data, config)
        torch.testing.assert_close(log.terms, told.terms, rtol=1e-3, atol=1e-5)
        torch.testing.assert_close(log.norms, told.norms, rtol=5e-3, atol=1e-5)
    torch.testing.assert_close(pack(found.value), pack(compiled.value), rtol=1e-2, atol=2e-3)
    assert torch.equal(found.epoch, compiled.epoch)


def test_company_changes_no_bit() -> None:
    """Law: a lane comes out the same alone, beside others, and in any of several blocks; what is given stays."""
    config = small.settings(evaluate_every=2)
    data = small.dataset(config)
    lanes = start(small.trials(5), data, config)
    before = [part.clone() for part in lanes.value]
    together, logs = train_on(lanes, data, config, CPU, 3)
    alone = [train_on(select(lanes, [k]), data, config, CPU, 3) for k in range(5)]
    pairs: list[bool] = []
    over_tensors(
        lambda ours, theirs: pairs.append(torch.equal(ours, theirs)), together, join([one for one, _ in alone])
    )
    assert all(pairs)
    assert torch.equal(logs[1].norms, torch.cat([log[1].norms for _, log in alone], 1))
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(lanes.value, before, strict=True))


@pytest.mark.parametrize("jobs", [1, 3])
def test_what_is_drawn_ahead_is_what_an_epoch_draws(jobs: int) -> None:
    """Law: epochs drawn by threads while others train are those drawn one by one, of lanes at epochs of their own."""
    config = small.settings(evaluate_every=3)
    data = small.dataset(config)
    lanes = start(small.trials(4), data, config)
    lanes = lanes._replace(epoch=torch.tensor([0, 3, 1, 7]))
    count, d = samples(data, TRAIN, config).rows.shape[:2]
    for epoch, ahead in enumerate(draw_ahead(lanes, count, d, config, jobs)):
        one = draw_epoch(lanes._replace(epoch=lanes.epoch + epoch), count, d, config)
        assert torch.equal(ahead.order, one.order)
        assert torch.equal(ahead.noise, one.noise)
        assert ahead.order[:, 1].flatten().unique().numel() == ahead.order[:, 1].numel()
    assert epoch == 2


def test_norms_are_added_in_double_there() -> None:
    """Law: a norm whose squares overflow float32 is finite; one of numbers that are not finite is not."""
    found = double_norm(torch.tensor([[3.0, 4.0], [3e30, 4e30], [float("inf"), 0.0], [float("nan"), 0.0]]))
    assert found[:2].tolist() == pytest.approx([5.0, 5e30])
    assert not found[2:].isfinite().any()
