"""From values as written to typed settings: one rule per kind of value, every trouble collected.

Type, range, choices, default and meaning come from the field of the settings class, so that a file,
`--set` and an option obey one rule.
"""

import math
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from typing import Any, TypeVar, cast

from core.errors import InputError
from sweeps.findings import LIST_HINT, Findings
from sweeps.nearest import nearest
from sweeps.nodes import Node, shorten

TRUE = ("true", "yes", "on")
FALSE = ("false", "no", "off")
LARGEST = 2**63 - 1
HINTS = {"search.trials": "to check the settings without running, use --dry-run"}

T = TypeVar("T")


def read_section(kind: type[T], section: str, node: Node | None, findings: Findings) -> T:
    """Read a section of the settings into its dataclass.

    Args:
        kind: dataclass whose fields were declared with `core.config.setting`.
        section: its name in the settings, e.g. `trainer`.
        node: the section as written; None or null gives all defaults.
        findings: takes the errors.

    Returns:
        The settings; a wrong one has its default, and its error is in `findings`.
    """
    known = {item.name: item for item in fields(cast(Any, kind))}
    values = {}
    for key, child in section_entries(section, node, findings).items():
        name = f"{section}.{key}"
        if key in known:
            values[key] = findings.read(name, child, reader(known[key], name), default_of(known[key]))
        else:
            findings.unknown(name, child.where)
    return kind(**values)


def section_entries(section: str, node: Node | None, findings: Findings) -> dict[str, Node]:
    """The entries of a section; empty when it was left out or, with an error, when it is no mapping."""
    if node is None or node.is_null:
        return {}
    if node.entries is None:
        message = f"{node.where.of(section)} must be a section of settings, got {node.shown()}"
        findings.errors.append(InputError(message, f"indent its settings below `{section}:`. {LIST_HINT}"))
        return {}
    return node.entries


def default_of(item: "Field[Any]") -> Any:
    """A setting's default; a fresh copy when it is a list."""
    return item.default if item.default is not MISSING else cast(Any, item.default_factory)()


def reader(item: "Field[Any]", name: str) -> Callable[[Node], Any]:
    """The function that reads a field's value from a node, by the field's type and metadata."""
    readers = {int: read_whole, float: read_number, bool: read_flag, str: read_text_value, list[str]: read_texts}
    read = cast(Callable[[Node, str, "Field[Any]"], Any], readers[cast(Any, item.type)])
    return lambda node: read(node, name, item)


def read_whole(node: Node, name: str, item: "Field[Any]") -> int:
    """Read a whole number; `1e3` and `50.0` are whole, `2.5` and `true` are not."""
    number = _parse(int, node)
    if number is None:
        number = _parse(float, node)
        if number is None or not math.isfinite(number) or number != int(number) or abs(number) >= 2**53:
            raise _problem(node, name, "must be a whole number", item)
    return _within(int(number), node, name, item)


def read_number(node: Node, name: str, item: "Field[Any]") -> float:
    """Read a finite number; `1e-4` is one, although YAML reads it as text."""
    number = _parse(float, node)
    if number is None:
        raise _problem(node, name, "must be a number", item)
    if not math.isfinite(number):
        raise _problem(node, name, "must be a finite number", item)
    return _within(number + 0.0, node, name, item)  # + 0.0: -0.0 and 0.0 are one setting


def read_flag(node: Node, name: str, item: "Field[Any]") -> bool:
    """Read true or false, or YAML's yes, no, on and off."""
    word = node.text.strip().lower() if node.is_scalar else ""
    if word not in TRUE + FALSE:
        raise _problem(node, name, "must be true or false", item)
    return word in TRUE


def read_text_value(node: Node, name: str, item: "Field[Any]") -> str:
    """Read a text as written, so that `no`, `21` and `2024-01-01` stay what they are; nothing is ''."""
    if not node.is_scalar:
        raise _problem(node, name, "must be a text", item)
    text = "" if node.is_null else node.text
    choices = item.metadata["choices"]
    if choices and text not in choices:
        raise _not_a_choice(node, name, item)
    if not text and item.default:
        raise InputError(f"{node.where.of(name)} must not be empty", _meaning(name, item))
    return text


def read_texts(node: Node, name: str, item: "Field[Any]") -> list[str]:
    """Read a list of texts, each as written."""
    if node.items is None or not all(child.is_scalar for child in node.items):
        example = shorten(node.text) if node.is_scalar and not node.is_null else "n/a"
        error = _problem(node, name, "must be a list of texts", item)
        raise InputError(error.message, f"--set {name}='[\"{example}\"]'")
    return [child.text for child in node.items]


def _parse(kind: type[int] | type[float], node: Node) -> int | float | None:
    """The number that a scalar's text spells in ASCII, else None."""
    if not node.is_scalar or not node.text.isascii():
        return None
    try:
        return kind(node.text)
    except ValueError:
        return None


def _within(number: T, node: Node, name: str, item: "Field[Any]") -> T:
    """Return the number if it lies in the field's closed range."""
    low, high = item.metadata["low"], item.metadata["high"]
    value = cast(float, number)
    if low is not None and high is not None and not low <= value <= high:
        raise _problem(node, name, f"must be between {low:g} and {high:g}", item)
    if low is not None and value < low:
        raise _problem(node, name, f"must be {low:g} or more", item)
    if high is not None and value > high:
        raise _problem(node, name, f"must be {high:g} or less", item)
    if isinstance(number, int) and number > LARGEST:
        raise _problem(node, name, f"must be {LARGEST} or less", item)
    return number


def _problem(node: Node, name: str, rule: str, item: "Field[Any]") -> InputError:
    return InputError(f"{node.where.of(name)} {rule}, got {node.shown()}", _meaning(name, item))


def _not_a_choice(node: Node, name: str, item: "Field[Any]") -> InputError:
    choices = [choice for choice in item.metadata["choices"] if choice]
    error = _problem(node, name, f"must be one of {', '.join(choices)}", item)
    close = nearest(node.text, choices)
    return InputError(error.message, f"did you mean `{close}`?") if close else error


def _meaning(name: str, item: "Field[Any]") -> str:
    """What a setting is for, as the hint of an error about its value."""
    default = default_of(item)
    known = f" (default {default})" if default not in ("", []) else ""
    return HINTS.get(name) or f"{name}: {item.metadata['meaning']}{known}"
