"""The original's model against an ordinary torch version of it, and the failure that it is kept for."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from core.architecture import learner
from core.batches import window_batches
from core.config import DataConfig, Hyperparameters, TrainerConfig
from core.data import TRAIN, VALIDATION, Dataset, prepare, windows_of
from core.lanes import Lanes
from core.losses import Weights
from core.model import pack, unpack
from core.original import Original, init_original, original_graph
from core.results import finish
from core.schedule import weights
from core.trainer import advance, start
from core.training import train_epoch
from tests.core import small

AIR = Path(__file__).parents[3] / "shared" / "data" / "air_quality" / "AirQualityUCI.csv"
ROWS_OF_THE_FILE = 9471
PUBLISHED = Hyperparameters(
    lr=5e-4, weight_decay=1e-4, lambda_recon=10, lambda_sparse=1e-4, lambda_acyclic=1e-5, lambda_disen=1e-4
)


def configured(**changes: Any) -> TrainerConfig:
    """Return the original's settings, for a few quick epochs."""
    plain: dict[str, Any] = {
        "architecture": "original", "window": 24, "batch_size": 8, "standardise": "filled", "acyclicity": "walks",
        "epochs": 4, "evaluate_every": 1, "decay_start": 1.0, "warmup": 0.0,
    }  # fmt: skip
    return TrainerConfig(**{**plain, **changes})


class Module(nn.Module):
    """The original as anyone would write it."""

    def __init__(self, d: int, config: TrainerConfig, weight: dict[str, float]) -> None:
        super().__init__()
        self.graph = nn.Parameter(torch.zeros(d, d))
        self.encoders = nn.ModuleList(nn.Sequential(nn.Linear(d, 32), nn.ReLU(), nn.Linear(32, 16)) for _ in range(3))
        self.decoder = nn.Sequential(nn.Linear(48, 32), nn.ReLU(), nn.Linear(32, d))
        self.config, self.weight = config, weight

    def load(self, value: Original, lane: int) -> None:
        """Take over the weights of one lane."""
        with torch.no_grad():
            self.graph.copy_(value.graph[lane])
            for k, encoder in enumerate(self.encoders):
                encoder[0].weight.copy_(value.first[lane, 32 * k : 32 * (k + 1)])
                encoder[0].bias.copy_(value.first_bias[lane, 32 * k : 32 * (k + 1), 0])
                encoder[2].weight.copy_(value.second[lane, k])
                encoder[2].bias.copy_(value.second_bias[lane, 16 * k : 16 * (k + 1), 0])
            for layer, weight, bias in ((0, value.third, value.third_bias), (2, value.fourth, value.fourth_bias)):
                self.decoder[layer].weight.copy_(weight[lane])
                self.decoder[layer].bias.copy_(bias[lane, :, 0])

    def flat(self) -> torch.Tensor:
        """Return all weights in the order of `Original`."""
        encoders = list(self.encoders)
        parts = [self.graph, *(e[0].weight for e in encoders), *(e[0].bias for e in encoders)]
        parts += [*(e[2].weight for e in encoders), *(e[2].bias for e in encoders)]
        parts += [self.decoder[0].weight, self.decoder[0].bias, self.decoder[2].weight, self.decoder[2].bias]
        return torch.cat([part.detach().flatten() for part in parts])

    def adjacency(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the largest tenth of the sigmoids, and all of them."""
        soft, flat = torch.sigmoid(self.graph), self.graph.flatten()
        kept = torch.zeros_like(flat)
        kept[flat.topk(max(1, int(0.1 * len(flat)))).indices] = 1.0
        return soft * kept.view_as(soft), soft

    def terms(self, rows: torch.Tensor, observed: torch.Tensor) -> list[torch.Tensor]:
        """Return the four weighted terms of rows (B, d)."""
        reduce = torch.sum if self.config.reduction == "sum" else torch.mean
        latents = [encoder(rows) for encoder in self.encoders]
        output = self.decoder(torch.cat(latents, 1))
        rebuilt = torch.where(observed > 0, output, rows)
        graph, soft = self.adjacency()
        d = len(graph)
        if self.config.acyclicity == "trace_cubed":
            cyclic = torch.trace(soft @ soft @ soft)
        else:
            cyclic = torch.relu(torch.trace(torch.matrix_power(torch.eye(d) + graph / d, 3)) - d)
        pairs = [(0, 1), (0, 2), (1, 2)]
        disen = sum(reduce(torch.corrcoef(torch.cat([latents[a], latents[b]], 1).T).abs()) for a, b in pairs)
        parts = {
            "recon": reduce((rebuilt - rows) ** 2), "sparse": reduce(graph.abs()), "acyclic": cyclic, "disen": disen,
        }  # fmt: skip
        return [self.weight[name] * torch.as_tensor(part) for name, part in parts.items()]


def weights_of(h: Hyperparameters) -> dict[str, float]:
    """Return the four lambdas under the terms' names."""
    return {name: getattr(h, f"lambda_{name}") for name in Weights._fields}


@pytest.mark.parametrize(
    ("changes", "h"),
    [
        ({}, PUBLISHED),
        ({"clip_norm": 10.0, "reduction": "sum", "acyclicity": "trace_cubed", "standardise": "none"},
         Hyperparameters(lr=1e-3, weight_decay=1e-5, lambda_recon=1, lambda_sparse=0.01, lambda_acyclic=0.1,
                         lambda_disen=0.01)),
        ({"window": 0, "batch_size": 32, "standardise": "observed"}, PUBLISHED),
    ],
)  # fmt: skip
def test_it_trains_as_an_ordinary_torch_module(changes: dict[str, Any], h: Hyperparameters) -> None:
    """Law: an epoch gives the losses, norms and weights of torch.nn, torch.optim.Adam and clip_grad_norm_."""
    config = configured(**changes)
    data = small.dataset(config, d=6, rows=300, missing=0.2)
    lanes = start([(0, 7, h), (1, 8, h)], data, config)
    after, log = train_epoch(lanes, data, config)
    for lane in range(2):
        module = Module(6, config, weights_of(h))
        module.load(lanes.value, lane)
        optimizer = torch.optim.Adam(module.parameters(), lr=h.lr, weight_decay=h.weight_decay)
        for step, batch in enumerate(window_batches(lanes, data, config)):
            terms = module.terms(batch.rows[lane, :, 0].T, batch.rows[lane, :, 1].T)
            optimizer.zero_grad()
            torch.stack(terms).sum().backward()
            norm = nn.utils.clip_grad_norm_(module.parameters(), config.clip_norm)
            optimizer.step()
            expected = torch.stack(terms).detach()
            torch.testing.assert_close(log.terms[step, lane], expected, rtol=2e-3, atol=1e-6)
            torch.testing.assert_close(log.norms[step, lane], norm, rtol=2e-3, atol=1e-6)
        torch.testing.assert_close(pack(after.value)[lane], module.flat(), rtol=1e-3, atol=2e-5)


def two_lanes(config: TrainerConfig, **how: Any) -> tuple[Lanes, Dataset]:
    """Return two trials, not trained, and their data."""
    data = small.dataset(config, **{"d": 6, "rows": 300, "missing": 0.2, **how})
    return start([(0, 7, PUBLISHED), (1, 8, PUBLISHED)], data, config), data


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_reconstruction_has_no_gradient_in_the_graph(reduction: str) -> None:
    """Law: it is the failure to be seen: another graph, the same reconstruction, and only penalties pull at it."""
    config = configured(reduction=reduction)
    lanes, data = two_lanes(config)
    model, batch = learner(config), next(window_batches(lanes, data, config))
    zero, one = torch.zeros(2), torch.ones(2)
    blind = Weights(recon=one, sparse=zero, acyclic=zero, disen=one)
    terms, gradient = model.step_terms(lanes.value, batch, one, blind, config)
    assert not unpack(gradient, lanes.value).graph.any(), "exactly none"
    assert all(part.any() for part in unpack(gradient, lanes.value)[1:])
    other = lanes.value._replace(graph=-lanes.value.graph)
    assert not torch.equal(original_graph(other), original_graph(lanes.value))
    again, same = model.step_terms(other, batch, one, blind, config)
    assert torch.equal(again.recon, terms.recon)
    assert torch.equal(same, gradient)
    for penalty in ({"sparse": one}, {"acyclic": one}):
        pulled = unpack(
            model.step_terms(lanes.value, batch, one, Weights(*[zero] * 4)._replace(**penalty), config)[1], lanes.value
        )
        assert pulled.graph.any()
        assert not any(part.any() for part in pulled[1:]), "and they pull at nothing else"


@pytest.mark.parametrize(("d", "kept"), [(13, 16), (5, 2), (2, 1)])
def test_the_graph_is_the_largest_tenth_less_the_diagonals_share(d: int, kept: int) -> None:
    """Law: 10 % of all entries keep their sigmoid; what the diagonal takes of them is lost, and shown as 0."""
    value = init_original(d, np.random.default_rng(d))
    graph, logits = original_graph(value)[0], value.graph[0].numpy()
    chosen = sorted(np.argsort(-logits.ravel())[:kept].tolist())
    expected = [at for at in chosen if at // d != at % d]
    assert torch.nonzero(graph.flatten()).flatten().tolist() == expected
    at = np.array(expected, dtype=int)
    np.testing.assert_allclose(graph.flatten().numpy()[at], 1 / (1 + np.exp(-logits.ravel()[at])), rtol=1e-5)
    crowded = value._replace(graph=value.graph + 9.0 * torch.eye(d))
    assert int((original_graph(crowded) > 0).sum()) == max(0, kept - d)


def test_the_start_is_that_of_torchs_layers() -> None:
    """Law: every layer is uniform within 1 / sqrt(inputs) as torch.nn.Linear is, and logits are N(0, 0.1^2)."""
    value = init_original(13, np.random.default_rng(3))
    inputs = {"first": 13, "first_bias": 13, "second": 32, "second_bias": 32, "third": 48, "third_bias": 48,
              "fourth": 32, "fourth_bias": 32}  # fmt: skip
    for name, count in inputs.items():
        part = getattr(value, name) * np.sqrt(count)
        assert part.abs().max() <= 1.0
        assert part.abs().max() > 0.85
        if part.numel() > 300:
            assert part.std().item() == pytest.approx(1 / np.sqrt(3), rel=0.1)
    assert value.graph.std().item() == pytest.approx(0.1, rel=0.15)


def test_an_epoch_visits_every_training_window_once() -> None:
    """Law: batches are whole windows in an order of the lane's own; the last, smaller batch is trained too."""
    config = configured(window=10, batch_size=8)
    lanes, data = two_lanes(config, rows=90, segments=2)
    starts = windows_of(data, TRAIN)
    steps = list(window_batches(lanes, data, config))
    assert [step.rows.shape[3] for step in steps] == [80] * (len(starts) // 8) + [10 * (len(starts) % 8)]
    assert len(starts) % 8 > 0, "a remainder worth checking"
    known = Counter(data.values[s : s + 10].tobytes() for s in starts.tolist())
    orders = []
    for lane in range(2):
        values = torch.cat([step.rows[lane, :, 0] for step in steps], dim=1).T.reshape(-1, 10, 6)
        seen = [window.contiguous().numpy().tobytes() for window in values]
        assert Counter(seen) == known
        orders.append(seen)
    assert orders[0] != orders[1]
    assert all(torch.equal(step.rows[:, :, 1] > 0, step.rows[:, :, 1] == 1) for step in steps)


@pytest.mark.parametrize("window", [0, 10])
def test_validation_reads_every_validation_window(window: int) -> None:
    """Law: recon is the error over all validation windows laid end to end (or over the validation rows)."""
    config = configured(window=window, batch_size=32)
    lanes, data = two_lanes(config)
    full = weights(lanes, torch.ones(2))
    found = learner(config).validate(lanes.value, torch.ones(2), full, data, config)
    at = np.flatnonzero(data.split == VALIDATION)
    if window:
        at = np.concatenate([np.arange(s, s + window) for s in windows_of(data, VALIDATION)])
    rows, observed = torch.from_numpy(data.values[at]), torch.from_numpy(data.observed[at]).float()
    for lane in range(2):
        module = Module(6, config, weights_of(PUBLISHED))
        module.load(lanes.value, lane)
        expected = module.terms(rows, observed)
        assert found.recon[lane].item() == pytest.approx(expected[0].item(), rel=1e-4)
        assert found.sparse[lane].item() == pytest.approx(expected[1].item(), rel=1e-4)
        assert found.acyclic[lane].item() == pytest.approx(expected[2].item(), rel=1e-3)


@pytest.mark.parametrize(
    "name", ["lambda_recon", "lambda_sparse", "lambda_acyclic", "lambda_disen", "lr", "weight_decay"]
)
def test_every_swept_setting_moves_something(name: str) -> None:
    """Law: the original's sweeps search settings that act, and yet no lambda can bring its graph nearer the truth."""
    config = configured(clip_norm=1e6)
    _, data = two_lanes(config)
    other = replace(PUBLISHED, **{name: 50 * getattr(PUBLISHED, name)})
    lanes, _ = advance(start([(0, 7, PUBLISHED), (1, 7, other)], data, config), data, config)
    assert any(not torch.equal(part[0], part[1]) for part in lanes.value)


def test_it_ends_with_numbers() -> None:
    """Law: rows without time and data without a true graph leave no number of the original unknown."""
    for changes in ({"max_lag": 0}, {"window": 0, "max_lag": 0, "batch_size": 32}, {}):
        config = configured(**changes)
        lanes, data = two_lanes(config)
        lanes, _ = advance(lanes, data, config)
        for given_data in (data, replace(data, truth=None)):
            for outcome in finish(lanes, given_data, config):
                assert np.isfinite([outcome.numbers["blind_score"], outcome.numbers["val_loss"]]).all()
                assert outcome.adjacency.shape == (6, 6)
                assert not np.diagonal(outcome.adjacency).any()


@pytest.mark.slow
@pytest.mark.skipif(not AIR.exists(), reason="the air-quality file is not beside this checkout")
def test_the_published_curve() -> None:
    """Law: on the air-quality file, over five seeds, clip ratios and losses of four epochs are the published ones.

    A seed's clip ratio in the second epoch has a deviation of 8 points, so that a mean over five has one of 4: over
    20 other seeds ours are 96.3, 40.5, 4.3 and 1.0 %, and an ordinary torch version gives 40.0 % over 10. The file
    ends in 114 rows of separators alone, which are usually left out and which the original counted.
    """
    from studies.data import load_table

    table = load_table(DataConfig(name=str(AIR), blank_rows="keep"))
    assert len(table.values) == ROWS_OF_THE_FILE
    config = configured(clip_norm=1.0)
    data = prepare(table, config)
    assert -(-len(windows_of(data, TRAIN)) // 8) == 827
    lanes = start([(k, seed, PUBLISHED) for k, seed in enumerate([1337, 1, 2, 3, 4])], data, config)
    bands = [(93, 98, 0.95, 1.2), (28, 44, 0.045, 0.07), (1.5, 6, 0.013, 0.021), (0.2, 1.5, 0.0085, 0.0125)]
    for low, high, least, most in bands:
        lanes, found = advance(lanes, data, config)
        assert low < 100 * np.mean([item.grad_clip_ratio for item in found]) < high
        assert least < np.mean([item.train_loss for item in found]) < most
    assert lanes.failed_step.tolist() == [-1] * 5
