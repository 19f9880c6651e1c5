"""Ways in which sensors spoil data; named, seeded, and joined with +."""

import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError

Values = NDArray[np.float64]
EXAMPLES = "clean, noise_0.3, mcar_30, regimes_3, level_noise, corrupted (= regimes_3+level_noise+mcar_30)"


def noise(values: Values, share: float, rng: np.random.Generator) -> Values:
    """Add measurement noise of `share` standard deviations."""
    return values + share * rng.standard_normal(values.shape)


def mcar(values: Values, percent: float, rng: np.random.Generator) -> Values:
    """Remove `percent` of the values, completely at random."""
    return np.where(rng.random(values.shape) < percent / 100.0, np.nan, values)


def regimes(values: Values, count: float, rng: np.random.Generator) -> Values:
    """Give each of `count` equal stretches of time its own gain (0.7 to 1.4) and offset (deviation 0.5)."""
    spoiled = values.copy()
    for rows in np.array_split(np.arange(len(values)), int(count)):
        gain = np.exp(rng.uniform(np.log(0.7), np.log(1.4), values.shape[1]))
        spoiled[rows] = values[rows] * gain + 0.5 * rng.standard_normal(values.shape[1])
    return spoiled


def level_noise(values: Values, _: float, rng: np.random.Generator) -> Values:
    """Add measurement noise that grows with the distance from the mean: 0.1 + 0.2 |z| deviations."""
    return values + (0.1 + 0.2 * np.abs(values)) * rng.standard_normal(values.shape)


KINDS: dict[str, tuple[Callable[[Values, float, np.random.Generator], Values], float, float]] = {
    "noise": (noise, 0.0, 10.0),
    "mcar": (mcar, 0.0, 95.0),
    "regimes": (regimes, 1.0, 100.0),
    "level_noise": (level_noise, 0.0, 0.0),
}
PRESETS = {"clean": "", "corrupted": "regimes_3+level_noise+mcar_30"}


def parse(text: str) -> list[tuple[str, float]]:
    """Read "regimes_3+mcar_30" into [("regimes", 3.0), ("mcar", 30.0)].

    Raises:
        InputError: an unknown kind, or an amount outside its range.
    """
    steps = []
    for part in "+".join(PRESETS.get(item.strip(), item.strip()) for item in text.split("+")).split("+"):
        if not part:
            continue
        match = re.fullmatch(r"([a-z_]+?)(?:_([0-9.]+))?", part)
        kind, amount = (match[1], match[2]) if match else (part, None)
        if kind not in KINDS or (amount is None) != (kind == "level_noise"):
            raise InputError(f"data.corruption: unknown corruption `{part}`", f"for example: {EXAMPLES}")
        _, low, high = KINDS[kind]
        try:
            value = float(amount or 0.0)
        except ValueError:
            raise InputError(f"data.corruption: `{part}` must end in a number", f"for example: {EXAMPLES}") from None
        if kind == "regimes" and value != int(value):
            raise InputError(f"data.corruption: `{part}` must end in a whole number")
        if not low <= value <= high:
            raise InputError(f"data.corruption: `{part}` must be from {low:g} to {high:g} but got {value:g}")
        steps.append((kind, value))
    return steps


def corrupt(values: Values, text: str, rng: np.random.Generator) -> Values:
    """Apply the named corruptions in order to standardised values (n, d); NaN marks what is removed."""
    for kind, amount in parse(text):
        values = KINDS[kind][0](values, amount, rng)
    return values
