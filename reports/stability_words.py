"""Numbers of a stability study as a reader sees them: of any size, as changes, as shares."""

import math

from reports.wording import NO_VALUE, decimals, significant

UNCHANGED = 0.005
RAISED = str.maketrans("0123456789", "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")


def times(value: float) -> str:
    """Write a factor: `18,700 times`, `2.5 times`."""
    return f"{big(value)} times"


def big(value: float) -> str:
    """Write a number of any size with three digits: `46,800`, `2.51`, `3.2 \u00d7 10\u2078`."""
    if not math.isfinite(value) or abs(value) < 1e3:
        return significant(value, 3)
    if abs(value) < 1e7:
        return f"{float(f'{value:.3g}'):,.0f}"
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa}\u00a0\u00d7\u00a010{str(int(exponent)).translate(RAISED)}"


def capital(text: str) -> str:
    """Start a title with a capital letter; labels in settings files start as they stand in a sentence."""
    return f"{text[:1].upper()}{text[1:]}"


def percent(share: float) -> str:
    """Write a clip ratio with one decimal under 10 %."""
    value = 100 * share
    return NO_VALUE if not math.isfinite(value) else f"{decimals(value, 0 if value >= 9.95 else 1)} %"


def moved(factor: float) -> str:
    """Write a change as \u00d7 12 or \u00f7 340; what three digits cannot tell apart is unchanged."""
    if not math.isfinite(factor) or factor <= 0:
        return NO_VALUE
    if abs(factor - 1) < UNCHANGED:
        return "unchanged"
    return f"\u00d7\u00a0{big(factor)}" if factor > 1 else f"\u00f7\u00a0{big(1 / factor)}"
