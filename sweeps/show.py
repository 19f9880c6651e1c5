"""A spec as YAML: bare for the run folder, and with the meaning of every setting for people."""

import textwrap
from dataclasses import fields
from typing import Any

import yaml

from sweeps.checks import default_of
from sweeps.space import SWEPT
from sweeps.spec import SECTIONS, SweepSpec

HEADINGS = {
    "data": "What is learned from",
    "trainer": "The fixed part of training",
    "space": "What is searched: {low, high, log}, or a list of values, or one value",
    "search": "How it is searched",
    "backend": "Where it runs; no part of what identifies the sweep",
}
WIDTH = 80


def dump_yaml(spec: SweepSpec) -> str:
    """The settings as YAML that `load_spec` reads back equal."""
    lines = []
    for section, settings in spec.to_dict().items():
        if isinstance(settings, dict):
            lines.append(f"{section}:")
            lines.extend(f"  {name}: {_flow(value)}" for name, value in settings.items())
        else:
            lines.append(f"{section}: {_flow(settings)}")
    return "\n".join(lines) + "\n"


def show_config(spec: SweepSpec) -> str:
    """The settings as YAML with the meaning and range of each above it; reads back equal.

    A default is named where the value is another. Settings that could be searched and are not stand in
    the space as comments, with their fixed value.
    """
    settings = spec.to_dict()
    lines = ["# Name of the study, part of the run folder's name", f"study: {_flow(spec.study)}"]
    for section, heading in HEADINGS.items():
        lines += ["", f"# {heading}", f"{section}:"]
        for item in SWEPT.values() if section == "space" else fields(SECTIONS[section]):
            value = settings[section].get(item.name)
            if value is None:
                lines += _comment(item.metadata, "") + [f"  # not searched: {item.name}: {_flow(item.default)}"]
                continue
            changed = section != "space" and value != default_of(item)
            lines += _comment(item.metadata, f"default {_flow(default_of(item))}" if changed else "")
            lines.append(f"  {item.name}: {_flow(value)}")
    return "\n".join(lines) + "\n"


def _comment(metadata: Any, default: str) -> list[str]:
    """Meaning, permitted values and default of one setting, as indented comment lines."""
    parts = [metadata["meaning"]]
    low, high, choices = metadata["low"], metadata["high"], metadata["choices"]
    if choices:
        parts.append(" | ".join(choice or "''" for choice in choices))
    elif low is not None and high is not None:
        parts.append(f"{low:g} to {high:g}")
    elif low is not None:
        parts.append(f"{low:g} or more")
    if default:
        parts.append(default)
    return textwrap.wrap("; ".join(parts), WIDTH, initial_indent="  # ", subsequent_indent="  #   ")


def _flow(value: Any) -> str:
    """A value on one line, with whatever quotes YAML needs."""
    one_line: dict[str, Any] = {"default_flow_style": True, "width": float("inf"), "sort_keys": False}
    text = str(yaml.safe_dump(value, allow_unicode=True, **one_line)).removesuffix("\n").removesuffix("\n...")
    if text.isprintable():
        return text
    # PyYAML writes line breaks as such, and reads some of them (U+0085) back as a space.
    return str(yaml.safe_dump(value, default_style='"', **one_line)).removesuffix("\n")
