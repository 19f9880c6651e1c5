"""What one step of training needs at least, counted from the model's shapes, and what plain kernels reach on this core.

With K lanes, d variables, n = K d, B rows a batch, F features, P = S + b + N latents (signal, bias, noise), H hidden
units and M = H + 1, a step of the model (`core.gradient.gradients`, then clipping and Adam) needs these products, each
of 2 x rows x inner x columns operations:

    encoder                  2 n P F B, and as much for the gradient of its weights
    messages                 2 K (d M)(d S) B, and as much for each of the gradients of weights and signals
    memory                   2 n M b B, likewise three times
    read-out and error bar   2 n (H + N) B and its weights' gradient, and n (H + N) B back to the units
    correlation of latents   2 n P^2 B for the covariance, and as much for its gradient
    acyclicity               K (2/3 d^3 + 2 d^3) for a decomposition and an inverse
    optimizer                14 operations a parameter: clipping's norm 2, and Adam with weight decay 12

Element-wise work between the products (tanh, exp, gates) is not counted, so the floor is low. Of memory, each number
that a step must read or write crosses once, float32: value and both moments of every parameter in and out, the gradient
out and in (clipping needs all of it before any of it is applied), the batch and the gates' noise in. Everything else is
taken to stay in the cache. Such a step cannot be faster than the longer of operations / (operations a second of a large
plain product) and bytes / (bytes a second of a plain copy).

That is the floor of a program that steps all lanes together, with every gate open. The compiled step escapes parts of
it: it leaves out what shut gates would multiply, and trains a lane through a whole epoch before the next, so that its
parameters stay in the cache. Its own floor, operations with the share q of gates that are open, stands beside.
"""

import time
from collections.abc import Callable

import torch

from core.model import Shape

FLOAT = 4
LEAST_SECONDS = 0.05
Counted = tuple[str, str, float]
"""What, its formula, and the number it comes to."""


def parameters(shape: Shape) -> int:
    """Return how many numbers one lane learns, as laid out in `core.model.Parameters`."""
    d, p, m = shape.variables, shape.latents, shape.hidden + 1
    each = p * shape.features + p + m * d * shape.signal + m * (shape.bias + 1) + shape.hidden + shape.noise + 1
    return d * d + d * each


def step_operations(shape: Shape, lanes: int, rows: int, opened: float = 1.0) -> list[Counted]:
    """Count the floating-point operations of one step of all lanes, a share `opened` of whose gates is open."""
    d, s, b, noise = shape.variables, shape.signal, shape.bias, shape.noise
    n, p, h, m = lanes * d, shape.latents, shape.hidden, shape.hidden + 1
    return [
        ("encoder", "2 x 2 n P F B", 4.0 * n * p * shape.features * rows),
        ("messages", "3 x 2 K (d M)(d S) B", 6.0 * lanes * opened * (d * m) * (d * s) * rows),
        ("memory", "3 x 2 n M b B", 6.0 * n * m * b * rows),
        ("read-out and error bar", "5 n (H + N) B", 5.0 * n * (h + noise) * rows),
        ("correlation of latents", "2 x 2 n P^2 B", 4.0 * n * p * p * rows),
        ("acyclicity", "K 8/3 d^3", lanes * 8.0 / 3.0 * d**3),
        ("clipping and Adam", "14 K parameters", 14.0 * lanes * parameters(shape)),
    ]


def step_bytes(shape: Shape, lanes: int, rows: int) -> list[Counted]:
    """Count the bytes that one step of all lanes must read or write; the module says how."""
    d = shape.variables
    return [
        ("parameters and moments", "4 x 3 x 2 K parameters", float(FLOAT * 6 * lanes * parameters(shape))),
        ("gradient", "4 x 2 K parameters", float(FLOAT * 2 * lanes * parameters(shape))),
        ("batch", "4 n (2 + F) B", float(FLOAT * lanes * d * (2 + shape.features) * rows)),
        ("noise of the gates", "4 K d^2", float(FLOAT * lanes * d * d)),
    ]


def product_rate(matrices: int, rows: int, inner: int, columns: int) -> float:
    """Return the operations a second of `torch.bmm` or `torch.baddbmm`, whichever is faster, of float32 matrices."""
    left, right = torch.rand(matrices, rows, inner), torch.rand(matrices, inner, columns)
    out, added = torch.empty(matrices, rows, columns), torch.rand(matrices, rows, 1)
    once = 2.0 * matrices * rows * inner * columns
    return max(
        once / seconds_of(lambda: torch.bmm(left, right, out=out)),
        once / seconds_of(lambda: torch.baddbmm(added, left, right, out=out)),
    )


def copy_rate(numbers: int) -> float:
    """Return the bytes a second of a plain float32 copy, read and written."""
    source, target = torch.rand(numbers), torch.empty(numbers)
    return 2.0 * FLOAT * numbers / seconds_of(lambda: target.copy_(source))


def seconds_of(work: Callable[[], object]) -> float:
    """Return the shortest time of a call, of as many as fit into a moment, at least three."""
    work()
    best, spent, calls = float("inf"), 0.0, 0
    while spent < LEAST_SECONDS or calls < 3:
        begin = time.perf_counter()
        work()
        took = time.perf_counter() - begin
        best, spent, calls = min(best, took), spent + took, calls + 1
    return best
