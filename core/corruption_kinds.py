"""Names of the ways in which sensors spoil data, their amounts, and how they are written; no arithmetic."""

import difflib
import re
from typing import NamedTuple

from core.errors import InputError

EXAMPLES = "clean, noise_0.3, mcar_30, mnar_self, severe, corrupted (= regimes_3+level_noise+mcar_30), drift+outliers_2"


class Kind(NamedTuple):
    """One way of spoiling data.

    low, high: closed range of its amount; default: the amount of a name without a number; whole: the amount
    counts something; unit: what the amount measures, empty where there is none; meaning: one line.
    """

    low: float
    high: float
    default: float
    whole: bool
    unit: str
    meaning: str


KINDS = {
    "noise": Kind(0, 10, 0.3, False, "deviations", "measurement noise"),
    "level_noise": Kind(0, 0, 0, False, "", "measurement noise that grows with the distance from the mean"),
    "bias_additive": Kind(0, 10, 0.5, False, "deviations", "a constant offset for each sensor and stretch of time"),
    "bias_multiplicative": Kind(0, 2, 0.3, False, "log gain", "a constant gain for each sensor and stretch of time"),
    "drift": Kind(0, 10, 1, False, "deviations at the end", "a slow straight line or random walk for each sensor"),
    "regimes": Kind(1, 100, 3, True, "stretches", "stretches of time that give every sensor another gain and offset"),
    "outliers": Kind(0, 50, 1, False, "per cent", "rare spikes of 4 to 8 deviations, up or down"),
    "sensor_failure": Kind(0, 80, 10, False, "per cent", "stretches in which a sensor is dead or stuck"),
    "mcar": Kind(0, 95, 30, False, "per cent", "values missing completely at random"),
    "mnar_self": Kind(0, 95, 30, False, "per cent", "a value is the likelier missing the farther it is from the mean"),
    "mnar_structural": Kind(
        0, 95, 30, False, "per cent", "a value is the likelier missing the higher its parents in the graph stand"
    ),
}
PRESETS = {
    "clean": "",
    "corrupted": "regimes_3+level_noise+mcar_30",
    "mild": "noise_0.1+mcar_10",
    "moderate": "bias_additive_0.3+drift_0.3+noise_0.2+outliers_0.5+mcar_20",
    "severe": "regimes_3+drift_0.5+noise_0.3+outliers_1+sensor_failure_5+mcar_25",
    "extreme": "regimes_5+drift_1+level_noise+noise_0.5+outliers_2+sensor_failure_10+mnar_self_20+mcar_20",
}


def parse(text: str) -> list[tuple[str, float]]:
    """Read "regimes_3+mcar_30" into [("regimes", 3.0), ("mcar", 30.0)]; presets are spelt out in place.

    Raises:
        InputError: an unknown kind, or an amount that is none, is outside its range or has no meaning.
    """
    parts = "+".join(PRESETS.get(item.strip(), item.strip()) for item in text.split("+")).split("+")
    return [(name, amount) for part in parts if part for name, amount in [_read(part)]]


def _read(part: str) -> tuple[str, float]:
    """Read one kind with its amount."""
    match = re.fullmatch(r"([a-z_]+?)(?:_([0-9.]+))?", part)
    name, written = (match[1], match[2]) if match else (part, None)
    kind = KINDS.get(name)
    if kind is None or (written is not None and not kind.unit):
        raise InputError(f"data.corruption: unknown corruption `{part}`", _meant(part))
    if written is None:
        return name, kind.default
    try:
        amount = float(written)
    except ValueError:
        raise InputError(f"data.corruption: `{part}` must end in a number", f"for example: {EXAMPLES}") from None
    if kind.whole and amount != int(amount):
        raise InputError(
            f"data.corruption: `{part}` must end in a whole number", f"for example: {name}_{kind.default:g}"
        )
    if not kind.low <= amount <= kind.high:
        rule = f"`{part}` must be from {kind.low:g} to {kind.high:g} {kind.unit} but got {amount:g}"
        raise InputError(f"data.corruption: {rule}", f"{name} alone is {name}_{kind.default:g}: {kind.meaning}")
    return name, amount


def _meant(part: str) -> str:
    """Name the kind or preset spelt most like this, or the examples."""
    stem = re.sub(r"_?[-+]?[0-9][0-9.e]*$", "", part.lower())
    close = difflib.get_close_matches(stem, [*KINDS, *PRESETS], n=1)
    return f"did you mean `{close[0]}`? For example: {EXAMPLES}" if close else f"for example: {EXAMPLES}"
