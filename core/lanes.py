"""The state of K trials as one named tuple of tensors, and what one does with it: pick, join, ship."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.config import Hyperparameters
from core.model import Parameters
from core.optimizer import Plateau
from core.original import Original

HYPER_NAMES = tuple(item.name for item in fields(Hyperparameters))


class Lanes(NamedTuple):
    """The whole state of K trials; every tensor has leading axis K.

    trial, seed: (K,) int64. hyper: (K, H) float64, columns in the order of Hyperparameters' fields.
    value, first, second: parameters (`model.Parameters` or `original.Original`) and Adam's two moments.
    step, epoch: (K,) int64 done so far.
    plateau: learning rate and its counters. kept: parameters at the best evaluation after the warm-up,
    best its validation value (float64), best_epoch its epoch, stale the evaluations since then.
    clipped: (K,) int64 steps over the norm limit; norm_max: (K,) float32; failed_step: (K,) int64, the
    first step after which gradient or loss was not finite, or -1.
    """

    trial: Tensor
    seed: Tensor
    hyper: Tensor
    value: Any
    first: Any
    second: Any
    step: Tensor
    epoch: Tensor
    plateau: Plateau
    kept: Any
    best: Tensor
    best_epoch: Tensor
    stale: Tensor
    clipped: Tensor
    norm_max: Tensor
    failed_step: Tensor

    def setting(self, name: str) -> Tensor:
        """Return a hyperparameter of every lane, (K,) float32."""
        return self.hyper[:, HYPER_NAMES.index(name)].float()


def over_tensors(function: Callable[..., Any], *trees: Any) -> Any:
    """Apply a function to the matching tensors of nested named tuples."""
    first = trees[0]
    if isinstance(first, Tensor):
        return function(*trees)
    return type(first)(*(over_tensors(function, *parts) for parts in zip(*trees, strict=True)))


def select(lanes: Lanes, index: Sequence[int]) -> Lanes:
    """Copy some lanes, in the order given."""
    at = torch.tensor(list(index), dtype=torch.int64)
    chosen: Lanes = over_tensors(lambda tensor: tensor.index_select(0, at), lanes)
    return chosen


def join(parts: Sequence[Lanes]) -> Lanes:
    """Stack lanes of several parts, in order; at least one part."""
    joined: Lanes = over_tensors(lambda *tensors: torch.cat(tensors), *parts)
    return joined


def to_arrays(lanes: Lanes) -> list[NDArray[Any]]:
    """Flatten into arrays that any process, checkpoint or network can carry."""
    arrays: list[NDArray[Any]] = []
    over_tensors(lambda tensor: arrays.append(tensor.numpy()), lanes)
    return arrays


def from_arrays(arrays: Sequence[NDArray[Any]]) -> Lanes:
    """Rebuild lanes from `to_arrays`; their number tells the architecture."""
    tensors = iter(torch.from_numpy(np.array(array)) for array in arrays)
    trees = sum(hint is Any for hint in Lanes.__annotations__.values())
    others = len(Plateau._fields) + sum(hint is Tensor for hint in Lanes.__annotations__.values())
    known: dict[int, Any] = {others + trees * len(kind._fields): kind for kind in (Parameters, Original)}
    parameters = known[len(arrays)]

    def build(kind: Any) -> Any:
        hints = (parameters if hint is Any else hint for hint in kind.__annotations__.values())
        return kind(*(next(tensors) if hint is Tensor else build(hint) for hint in hints))

    lanes: Lanes = build(Lanes)
    return lanes
