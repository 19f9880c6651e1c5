"""A lane's parameters end to end, in the order that compiled steps want, without a copy where they lie so already.

It is that of `model.pack` but for the weights of messages, (K, d, d, S, M) with target first and then the source: all
that is behind a gate lies together, and a shut gate is stepped over.
"""

from torch import Tensor

from core.kernels import Floats, compiled
from core.model import Parameters, unpack


def unpacked(flat: Tensor, like: Parameters) -> Parameters:
    """Return views of packed parameters (K, all of them), in the shapes of the given ones (of any K)."""
    _, d, units, _, signal = like.mix.shape
    parts: Parameters = unpack(flat, like._replace(mix=like.mix.flatten(1)))
    return parts._replace(mix=parts.mix.view(-1, d, d, signal, units).permute(0, 1, 4, 2, 3))


def packed(value: Parameters) -> Tensor:
    """Return parameters of K lanes end to end, (K, all of them): their own memory where they lie so, else a copy."""
    lanes, total, first = len(value.gate), sum(part[0].numel() for part in value), value.gate
    inside = first.storage_offset() + lanes * total <= first.untyped_storage().nbytes() // first.element_size()
    if inside and (lanes == 1 or first.stride(0) == total):
        flat = first.as_strided((lanes, total), (total, 1))
        if all(same_memory(*pair) for pair in zip(unpacked(flat, value), value, strict=True)):
            return flat
    flat = first.new_empty(lanes, total)
    views = unpacked(flat, value)
    for ours, theirs in zip(views._replace(mix=views.gate), value._replace(mix=value.gate), strict=True):
        ours.copy_(theirs)
    lay_mix(value.mix.contiguous().numpy(), flat.numpy(), views.mix.storage_offset())
    return flat


def copied(value: Parameters) -> Tensor:
    """Return parameters of K lanes end to end, in memory of their own."""
    flat = packed(value)
    return flat.clone() if flat.data_ptr() == value.gate.data_ptr() else flat


def same_memory(ours: Tensor, theirs: Tensor) -> bool:
    """Say whether two tensors of one shape are the same memory."""
    steps = zip(ours.shape, ours.stride(), theirs.stride(), strict=True)
    return ours.data_ptr() == theirs.data_ptr() and all(one == other for size, one, other in steps if size > 1)


@compiled
def lay_mix(mix: Floats, flat: Floats, first: int) -> None:
    """Write the weights of messages, (K, d, M, d, S), to packed parameters (K, all), from place `first` on."""
    lanes, d, units, _, signal = mix.shape
    for k in range(lanes):
        for j in range(d):
            for i in range(d):
                at = first + (j * d + i) * signal * units
                for m in range(units):
                    for s in range(signal):
                        flat[k, at + s * units + m] = mix[k, j, m, i, s]
