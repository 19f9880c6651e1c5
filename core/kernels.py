"""What is compiled, by numba, and how: small functions that the compiled training step is made of.

A step of a model this small is made of hundreds of operations on a few thousand numbers. As whole-tensor operations
they cost more to start, and to carry through memory, than to compute; compiled, a lane's numbers stay in the cache from
one operation to the next.

Every rounding is said: the compiler reorders no sum and fuses none with a product but where `fma` says so, and `dot`
and `total` add a row in one order. So the numbers are the same wherever and however the code was compiled, and in any
company, as a lane's numbers never meet another lane's.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from core.kernel_rows import float_of_bits, fma

Floats = NDArray[np.float32]
"""float32, contiguous, in every argument that is not said to be something else."""

Places = NDArray[np.int64]
"""Where rows begin, counted in numbers from an address."""

COMPILED_IN = ("model.py", "losses.py", "optimizer.py")
"""Files beside the kernels' own whose constants are compiled in."""

ZERO, HALF, ONE, TWO = np.float32(0.0), np.float32(0.5), np.float32(1.0), np.float32(2.0)
TANH_LIMIT = np.float32(7.90531110763549805)
T1, T3, T5, T7 = map(
    np.float32, (4.89352455891786e-03, 6.37261928875436e-04, 1.48572235717979e-05, 5.12229709037114e-08)
)
T9, T11, T13 = map(np.float32, (-8.60467152213735e-11, 2.00018790482477e-13, -2.76076847742355e-16))
U0, U2, U4, U6 = map(
    np.float32, (4.89352518554385e-03, 2.26843463243900e-03, 1.18534705686654e-04, 1.19825839466702e-06)
)
LOG2E, LN2_HIGH, LN2_LOW = map(np.float32, (1.44269504088896341, 0.693359375, -2.12194440e-4))
E0, E1, E2 = map(np.float32, (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3))
E3, E4, E5 = map(np.float32, (4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1))


def digest() -> str:
    """Return a digest of all that is compiled: numba looks at the file of a function, not of those it calls."""
    here = Path(__file__).parent
    files = [*sorted(here.glob("kernel*.py")), *(here / name for name in COMPILED_IN)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def cache_folder() -> Path | None:
    """Return where machine code is kept: beside this file, else in the user's cache; None if neither can be written."""
    name = f"kernels-{digest()}"
    users = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "graphsweep"
    for folder in (Path(__file__).parent / "__pycache__" / name, users / name):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return None


CACHE = cache_folder()


def cached(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Compile a function when it is first called, and keep the machine code."""
    settings: Any = numba.config
    earlier, settings.CACHE_DIR = settings.CACHE_DIR, str(CACHE)
    try:
        made: Callable[..., Any] = numba.njit(cache=CACHE is not None, nogil=True, error_model="numpy", **options)(
            function
        )
    finally:
        settings.CACHE_DIR = earlier
    return made


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that makes no arrays, only views of those that it is given.

    It does not count who holds an array, which took a tenth of a step; so one that returns views must be called only by
    functions compiled so.
    """
    return cached(function, _nrt=False)


def compiled_owner(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that makes arrays."""
    return cached(function)


@compiled
def tanh(x: Any) -> Any:
    """Hyperbolic tangent of one number, to 3e-7 of its size: the quotient of polynomials that Eigen uses."""
    held = x
    if x > TANH_LIMIT:
        held = TANH_LIMIT
    if x < -TANH_LIMIT:
        held = -TANH_LIMIT
    q = held * held
    over = fma(q, fma(q, fma(q, fma(q, fma(q, fma(q, T13, T11), T9), T7), T5), T3), T1)
    return held * over / fma(q, fma(q, fma(q, U6, U4), U2), U0)


@compiled
def exp(x: Any) -> Any:
    """Exponential function of one number between -87 and 87, to 2e-7 of its size: Cephes' polynomial."""
    whole = np.floor(fma(x, LOG2E, HALF))
    rest = fma(whole, -LN2_LOW, fma(whole, -LN2_HIGH, x))
    q = fma(fma(fma(fma(fma(E0, rest, E1), rest, E2), rest, E3), rest, E4), rest, E5)
    power = float_of_bits((np.int32(whole) + np.int32(127)) << np.int32(23))
    return (fma(q, rest * rest, rest) + ONE) * power
