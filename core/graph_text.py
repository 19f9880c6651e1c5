"""A graph as one short cell of a record."""

import base64
import zlib

import numpy as np
from numpy.typing import NDArray


def edges_text(graph: NDArray[np.bool_]) -> str:
    """Return a graph (d, d) as a short text that `edges_of` reads: its bits, row by row, deflated, in base64."""
    return base64.b64encode(zlib.compress(np.packbits(graph).tobytes(), 9)).decode("ascii")


def edges_of(text: str) -> NDArray[np.uint8]:
    """Return the packed bits behind `edges_text`, (ceil(d d / 8),): enough to count on how many edges two differ.

    Raises:
        ValueError: not such a text.
    """
    try:
        return np.frombuffer(zlib.decompress(base64.b64decode(text, validate=True)), dtype=np.uint8)
    except zlib.error as error:
        raise ValueError(f"not a graph: {error}") from error
