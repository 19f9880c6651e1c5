"""The original's model against an ordinary torch version of it, and the failure that it is kept for."""

from typing import Any

import pytest
import torch
from torch import nn

from core.batches import window_batches
from core.config import Hyperparameters, TrainerConfig
from core.losses import Weights
from core.model import pack
from core.original import Original
from core.trainer import start, train_epoch
from tests.core import small

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
