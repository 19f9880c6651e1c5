"""Numbers and names as a reader sees them: plurals, shares, durations, labels that fit."""

import math
import unicodedata

MINUS = "\N{MINUS SIGN}"
PERCENT = "\N{NO-BREAK SPACE}%"
NO_VALUE = "\N{EN DASH}"
LAMBDA = "\N{GREEK SMALL LETTER LAMDA}"


def count(number: float, noun: str, plural: str = "") -> str:
    """Say how many: `1 edge`, `14 edges`, `10,000 trials`."""
    word = noun if number == 1 else plural or noun + "s"
    return f"{number:,.0f} {word}"


def either(number: float, singular: str, plural: str) -> str:
    """Choose the word that goes with a number."""
    return singular if number == 1 else plural


def decimals(value: float, digits: int) -> str:
    """Write a number with fixed decimals; a dash where there is none."""
    if not math.isfinite(value):
        return NO_VALUE
    return _minus(f"{value:,.{digits}f}")


def _minus(text: str) -> str:
    """Write a negative number with a minus sign, not with a hyphen; exponents keep theirs."""
    return MINUS + text[1:] if text.startswith("-") else text


def shd(value: float) -> str:
    """Write an SHD: whole where it is whole, else one decimal (a mean over seeds)."""
    return decimals(value, 0 if value == round(value, 6) // 1 else 1) if math.isfinite(value) else NO_VALUE


def f1(value: float) -> str:
    """Write an F1 with two decimals."""
    return decimals(value, 2)


def significant(value: float, digits: int = 3) -> str:
    """Write a setting or a loss with some significant digits: `0.0123`, `1.2e-5`, `12,300`."""
    if not math.isfinite(value):
        return NO_VALUE
    if value != 0 and (abs(value) < 1e-3 or abs(value) >= 1e5):
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        if "." in mantissa:
            mantissa = mantissa.rstrip("0").rstrip(".")
        return _minus(f"{mantissa}e{int(exponent)}")
    return _minus(f"{float(f'{value:.{digits}g}'):.10f}".rstrip("0").rstrip("."))


def share(value: float) -> str:
    """Write a share from 0 to 1 as a percentage; never rounds something to nothing or part to all."""
    if not math.isfinite(value):
        return NO_VALUE
    percent = 100 * value
    if 0 < percent < 1:
        return f"under 1{PERCENT}"
    if 99 < percent < 100:
        return f"over 99{PERCENT}"
    return f"{percent:.0f}{PERCENT}"


def duration(seconds: float) -> str:
    """Write a time: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`."""
    if not math.isfinite(seconds):
        return NO_VALUE
    if 0 < seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60:,} h"


def p_value(value: float) -> str:
    """Write a p-value with its sign: `p < 0.001`, `p = 0.03`."""
    if value < 0.001:
        return "p < 0.001"
    return f"p = {value:.3f}" if value < 0.1 else f"p = {value:.2f}"


def listing(parts: list[str], last: str = "and") -> str:
    """Join parts as a sentence does: `a, b and c`."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def unbroken(text: str) -> str:
    """Keep a number and its percent sign on one line."""
    return text.replace(" %", PERCENT)


def axis_name(setting: str) -> str:
    """Name a setting on an axis or in a sentence: `λ_sparse` for `lambda_sparse`."""
    return setting.replace("lambda_", LAMBDA + "_") if setting.startswith("lambda_") else setting


def clean(name: str) -> str:
    """Make a name from a stranger's file safe to draw: no control or direction-changing characters."""
    kept = ("\N{REPLACEMENT CHARACTER}" if unicodedata.category(char) in {"Cc", "Cs", "Cn"} else char for char in name)
    return "".join(char for char in kept if unicodedata.category(char) != "Cf").strip() or "(blank)"


def label(name: str, width: int) -> str:
    """Shorten a name to at most `width` characters for a figure; the end is kept, as it tells names apart."""
    text = clean(name)
    if len(text) <= width:
        return text
    tail = max(1, (width - 1) // 3)
    return f"{text[: width - 1 - tail]}\N{HORIZONTAL ELLIPSIS}{text[-tail:]}"


def labels(names: tuple[str, ...], width: int) -> list[str]:
    """Shorten names for a figure so that they stay distinct."""
    short = [label(name, width) for name in names]
    seen: dict[str, int] = {}
    for text in short:
        seen[text] = seen.get(text, 0) + 1
    return [
        f"{label(text, max(2, width - 4))} #{index + 1}" if seen[text] > 1 else text for index, text in enumerate(short)
    ]
