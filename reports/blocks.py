"""A small table of the page."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class TableBlock:
    """A small table: caption, heads, rows; the first cell of a row is its head."""

    caption: str
    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
