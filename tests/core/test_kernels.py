"""The compiled step against the gradient written in torch, its sums against their order, and its cache."""

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from core import gradient, kernel_train, kernels, training
from core.config import TrainerConfig
from core.kernel_pack import packed, unpacked
from core.kernel_plan import mix_of, plan_of, scratch_of
from core.kernel_rows import dot, fma, total
from core.kernel_step import lane_gradient
from core.losses import Terms, Weights
from core.model import Parameters, Shape, init_parameters, model_shape, pack, unpack
from core.trainer import start
from tests.core import small


def gradients(
    value: Parameters, heat: Tensor, noise: Tensor, rows: Tensor, weight: Weights, config: TrainerConfig, shape: Shape
) -> tuple[Terms, Tensor, Tensor]:
    """Return what `gradient.gradients` does, from the compiled step."""
    flat, lanes, d = packed(value), rows.shape[0], shape.variables
    gradient, terms, graph = torch.zeros_like(flat), torch.empty(lanes, 4), torch.empty(lanes, d, d)
    plan = plan_of(shape, config, dense=True)
    room = scratch_of(plan, rows.shape[3])
    given = [part.contiguous().numpy() for part in (flat, rows, noise, heat, torch.stack(weight, 1))]
    for k, (lane, batch, drawn, warmth, weights) in enumerate(zip(*given, strict=True)):
        room.rows[:], room.written[:] = batch, False
        lane_gradient(lane, gradient[k].numpy(), plan, room, drawn, warmth, weights, terms[k].numpy())
        graph[k] = torch.from_numpy(room.d_sampled)
    return Terms(*terms.unbind(1)), gradient, graph


@kernels.compiled
def sums(left: Any, right: Any, first: int, count: int) -> Any:
    """Sum of products, and sum, of part of two rows."""
    return dot(left, first, right, first, count), total(left, first, count)


@kernels.compiled
def bent(x: Any, curved: Any, grown: Any) -> None:
    """Hyperbolic tangents and exponentials of a row."""
    for i in range(x.size):
        curved[i], grown[i] = kernels.tanh(x[i]), kernels.exp(x[i])


@kernels.compiled
def fused(a: Any, b: Any, c: Any) -> Any:
    """A product and a sum, rounded once."""
    return fma(a, b, c)


def in_parts(rows: np.ndarray) -> np.float32:
    """Sum float32 numbers in sixteen parts, as `kernel_rows` says."""
    whole = len(rows) // 16 * 16
    parts = np.zeros(16, np.float32)
    for at in range(0, whole, 16):
        parts += rows[at : at + 16]
    while len(parts) > 1:
        parts = parts[: len(parts) // 2] + parts[len(parts) // 2 :]
    found = parts[0]
    for number in rows[whole:]:
        found += number
    return np.float32(found)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), first=st.integers(0, 20), count=st.integers(0, 100))
def test_sums_have_one_order(seed: int, first: int, count: int) -> None:
    """Law: a sum is that of its sixteen parts, to the last bit; a sum of products is as near as float32 can say."""
    rng = np.random.default_rng(seed)
    left, right = (rng.standard_normal(120).astype(np.float32) for _ in range(2))
    product, plain = sums(left, right, first, count)
    some = slice(first, first + count)
    assert np.float32(plain).tobytes() == in_parts(left[some]).tobytes()
    exact = left[some].astype(float) @ right[some].astype(float)
    assert abs(product - exact) <= 1e-6 * (1.0 + np.abs(left[some] * right[some]).sum())


def test_a_fused_product_is_rounded_once() -> None:
    """Law: fma keeps what a product rounded by itself would lose."""
    a = np.float32(1.0 + 2.0**-12)
    assert fused(a, a, -np.float32(a * a)) == np.float32(float(a) * float(a) - float(np.float32(a * a))) != 0.0


def test_curves_are_those_of_numpy() -> None:
    """Law: tanh to 3e-7 and exp to 2e-7 of their size; NaN stays NaN, and infinity is 1."""
    x = np.linspace(-20, 20, 200_001).astype(np.float32)
    curved, grown = np.empty_like(x), np.empty_like(x)
    bent(x, curved, grown)
    np.testing.assert_allclose(curved, np.tanh(x.astype(float)), rtol=3e-7, atol=0)
    np.testing.assert_allclose(grown, np.exp(x.astype(float)), rtol=2e-7, atol=0)
    odd = np.array([np.nan, np.inf, -np.inf, 0.0], np.float32)
    bent(odd, curved[:4], grown[:4])
    assert np.isnan(curved[0])
    assert np.isnan(grown[0])
    np.testing.assert_allclose(curved[1:4], [1.0, -1.0, 0.0], atol=3e-7)


@settings(max_examples=60)
@given(
    lanes=st.integers(1, 4),
    variables=st.integers(2, 7),
    lag=st.integers(0, 2),
    now=st.booleans(),
    widths=st.tuples(st.integers(1, 7), st.integers(1, 3), st.integers(1, 18), st.integers(1, 2)),
    rows=st.integers(2, 40),
    seed=st.integers(0, 2**31),
    kind=st.sampled_from(["likelihood", "mse"]),
    switches=st.tuples(st.sampled_from(["mean", "sum"]), st.sampled_from(["log_det", "walks", "trace_cubed"])),
)
def test_the_compiled_gradient_is_the_one_in_torch(
    lanes: int, variables: int, lag: int, now: bool, widths: tuple[int, int, int, int], rows: int, seed: int,
    kind: str, switches: tuple[str, str],
) -> None:  # fmt: skip
    """Law: terms, gradient, and d recon / d gates are those of `gradient.gradients` in float64, to float32's digits."""
    config = TrainerConfig(
        max_lag=lag, instantaneous=now, signal_width=widths[0], bias_width=widths[1], hidden_width=widths[2],
        noise_width=widths[3], reconstruction=kind, reduction=switches[0], acyclicity=switches[1],
    )  # fmt: skip
    shape, rng = model_shape(variables, config), np.random.default_rng(seed)
    drawn = [init_parameters(shape, rng) for _ in range(lanes)]
    value = Parameters(*(torch.cat(parts) for parts in zip(*drawn, strict=True)))
    value = Parameters(*(part + torch.from_numpy(rng.normal(0, 0.3, part.shape)).float() for part in value))
    batch = torch.from_numpy(rng.standard_normal((lanes, variables, 2 + shape.features, rows))).float()
    batch[:, :, 1] = (batch[:, :, 1] > -0.8).float()
    heat = torch.from_numpy(rng.uniform(0.2, 0.7, lanes)).float()
    noise = torch.from_numpy(2.0 * rng.logistic(size=(lanes, variables, variables))).float()
    weight = Weights(*(torch.from_numpy(rng.uniform(0.1, 2.0, lanes)).float() for _ in range(4)))
    exact = gradient.gradients(
        Parameters(*(part.double() for part in value)), heat.double(), noise.double(), batch.double(),
        Weights(*(part.double() for part in weight)), config, shape,
    )  # fmt: skip
    found = gradients(value, heat, noise, batch, weight, config, shape)
    for ours, theirs in zip(found[0], exact[0], strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-4, atol=1e-4)
    pairs = [*zip(unpacked(found[1], value), unpack(exact[1], value), strict=True), (found[2], exact[2])]
    size = max(1e-3, float(exact[1].abs().max()))
    for ours, theirs in pairs:
        torch.testing.assert_close(ours.double(), theirs, rtol=2e-3, atol=2e-4 * size)


@pytest.mark.parametrize(
    "changes",
    [{}, {"clip_norm": 0.05}, {"batch_size": 50}, {"max_lag": 0}, {"acyclicity": "walks", "reduction": "sum"}],
)
def test_compiled_epochs_are_those_of_the_tensor_program(changes: dict[str, Any]) -> None:
    """Law: three epochs give the weights, moments, terms and norms of the same steps as whole-tensor operations."""
    config = small.settings(**changes)
    data = small.dataset(config, missing=0.1)
    ours = theirs = start(small.trials(3, weight_decay=0.01), data, config)
    for _ in range(3):
        ours, log = training.train_epoch(ours, data, config)
        batches = training.learner(config).batches(theirs, data, config)
        theirs, told = training.train_steps(theirs, batches, len(data.names), config)
        torch.testing.assert_close(log.terms, told.terms, rtol=1e-3, atol=1e-5)
        torch.testing.assert_close(log.norms, told.norms, rtol=5e-3, atol=1e-5)
    assert torch.equal(ours.step, theirs.step)
    for name in ("value", "first"):
        torch.testing.assert_close(pack(getattr(ours, name)), pack(getattr(theirs, name)), rtol=1e-2, atol=2e-3)


def test_a_gradient_too_large_for_float32_is_measured() -> None:
    """Law: squares that overflow do not make a norm infinite; a gradient that is not finite does, wherever it is."""
    infinite = np.float32(np.inf)
    assert kernel_train.norm_of(np.full(4, 1e30, np.float32), 1, 3, infinite) == pytest.approx(2e30)
    assert kernel_train.norm_of(np.full(4, 3.0, np.float32), 1, 3, np.float32(18.0)) == pytest.approx(6.0)
    for odd, found in ((np.nan, math.isnan), (np.inf, math.isinf)):
        for at in range(3):
            gradient = np.ones(3, np.float32)
            gradient[at] = odd
            assert found(kernel_train.norm_of(gradient, 1, 2, np.float32(odd * odd if at == 1 else 1.0)))


def test_what_shuts_leaves_no_gradient_behind() -> None:
    """Law: a step's gradient does not depend on which gates were open in the step before."""
    config = small.settings()
    data = small.dataset(config)
    lanes = start(small.trials(2), data, config)
    batches = list(training.learner(config).batches(lanes, data, config))[:2]
    heat, weight = torch.full((2,), 0.3), Weights(*(torch.ones(2) for _ in range(4)))
    shape, rng = model_shape(len(data.names), config), np.random.default_rng(0)
    plan = plan_of(shape, config)
    room, kept = scratch_of(plan, batches[0].rows.shape[3]), np.zeros(packed(lanes.value).shape[1], np.float32)
    for batch in batches:
        noise = 5.0 * torch.from_numpy(rng.standard_normal(batch.noise.shape)).float()
        room.rows[:] = batch.rows[0].numpy()
        lane = packed(lanes.value)[0].numpy()
        terms, fresh = np.zeros(4, np.float32), np.zeros_like(kept)
        given = (noise[0].numpy(), heat.numpy()[0], torch.stack(weight, 1).numpy()[0], terms)
        lane_gradient(lane, kept, plan, room, *given)
        other = scratch_of(plan, batch.rows.shape[3])
        other.rows[:] = room.rows
        lane_gradient(lane, fresh, plan, other, *given)
        assert (room.sampled == 0.0).sum() > shape.variables
        assert kept.tobytes() == fresh.tobytes()
        first, last = mix_of(plan)
        squares = float(np.square(kept[first:last].astype(float)).sum())
        assert float(room.squares[0]) == pytest.approx(squares, rel=1e-5)


def test_a_lone_lane_trains_as_in_company() -> None:
    """Law: a lane's epoch is the same, bit for bit, alone and beside others."""
    config = small.settings()
    data = small.dataset(config)
    trials = small.trials(3)
    together, _ = training.train_epoch(start(trials, data, config), data, config)
    for lane, trial in enumerate(trials):
        alone, _ = training.train_epoch(start([trial], data, config), data, config)
        assert pack(alone.value)[0].numpy().tobytes() == pack(together.value)[lane].numpy().tobytes()


def test_machine_code_belongs_to_its_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Law: a change of any file that is compiled in is another cache; without a place to write there is none."""
    for file in Path(kernels.__file__).parent.glob("*.py"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(kernels, "__file__", str(tmp_path / "kernels.py"))
    before = kernels.digest()
    for name in ("kernel_rows.py", "kernel_step.py", "losses.py"):
        with open(tmp_path / name, "a", encoding="utf-8") as file:
            file.write("\n")
        assert kernels.digest() != before
        before = kernels.digest()
    with open(tmp_path / "trainer.py", "a", encoding="utf-8") as file:
        file.write("\n")
    assert kernels.digest() == before
    assert kernels.cache_folder() == tmp_path / "__pycache__" / f"kernels-{before}"
    (tmp_path / "blocked").write_text("")
    monkeypatch.setattr(kernels, "__file__", str(tmp_path / "blocked" / "kernels.py"))
    monkeypatch.setattr(kernels, "digest", lambda: "0")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "users"))
    assert kernels.cache_folder() == tmp_path / "users" / "graphsweep" / "kernels-0"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "blocked"))
    assert kernels.cache_folder() is None


@pytest.mark.slow
def test_compiled_anew_gives_the_same_bits(tmp_path: Path) -> None:
    """Law: code compiled in this process, loaded from the cache, or loaded in part gives the same weights."""
    script = (
        "import sys; from core import kernels, training; from core.model import pack; from core.trainer import start\n"
        "from tests.core import small\n"
        "config = small.settings(); data = small.dataset(config)\n"
        "lanes, _ = training.train_epoch(start(small.trials(2), data, config), data, config)\n"
        "print(pack(lanes.value).numpy().tobytes().hex())\n"
    )
    root = Path(kernels.__file__).parents[1]
    copy = tmp_path / "copy"
    for name in ("core", "tests"):
        for file in (root / name).rglob("*.py"):
            target = copy / file.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())

    def run() -> str:
        return subprocess.run(
            [sys.executable, "-c", script], cwd=copy, capture_output=True, text=True, check=True
        ).stdout  # fmt: skip

    first, second = run(), run()
    for index in list((copy / "core" / "__pycache__").rglob("kernel_step.lane_gradient*")):
        index.unlink()
    assert first == second == run()
