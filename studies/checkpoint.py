"""What a run's checkpoint holds beside the records: live trials and their lanes, and which rows it vouches for."""

import io
import json
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import core
from core.errors import RunFolderError
from core.run_format import FORMAT, check_format
from studies.checksums import Checksums
from studies.files import UNREADABLE, read_tensors

if TYPE_CHECKING:  # a folder in use is refused before torch is imported
    import torch

    from core.lanes import Lanes


class LiveTrial(NamedTuple):
    """A trial on a lane: its number, seed and swept settings, and what was reported of it so far."""

    number: int
    seed: int
    params: dict[str, float]
    reported: dict[int, float]


class Saved(NamedTuple):
    """What a run has behind it: records, live trials and their lanes, the best trial's lane, sampler state."""

    trials: list[dict[str, Any]]
    epochs: list[dict[str, Any]]
    live: list[LiveTrial]
    lanes: "Lanes | None"
    best: "Lanes | None"
    attributes: str
    search_seconds: float


class Checkpoint(NamedTuple):
    """A checkpoint that was read: `Saved` without the records, which it knows by what is in them.

    finished: numbers of the trials that ended. reached: number of a live trial -> epochs it has done. sums: by record
    and trial the checksum of its rows; None where an earlier version kept none.
    """

    finished: set[int]
    reached: dict[int, int]
    live: list[LiveTrial]
    lanes: "Lanes | None"
    best: "Lanes | None"
    attributes: str
    search_seconds: float
    sums: dict[str, dict[int, int]] | None


def state_of(saved: Saved, finished: "array[int]", sums: dict[str, Checksums]) -> dict[str, Any]:
    """Return what a checkpoint holds of what a run has behind it, which nothing that follows in the run changes.

    finished: numbers of the trials that ended; sums: of the rows of each record. Both are copied, in one piece.
    """
    import torch

    return {
        "format": FORMAT,
        "finished": copied(finished),
        "live": [(*trial[:-1], dict(trial.reported)) for trial in saved.live],
        "lanes": packed(saved.lanes),
        "best": packed(saved.best),
        "attributes": saved.attributes,
        "search_seconds": saved.search_seconds,
        "version": core.__version__,
        "sums": {name: torch.stack([copied(known.numbers), copied(known.sums)]) for name, known in sums.items()},
    }


def as_bytes(state: dict[str, Any]) -> bytes:
    """Return the file of a checkpoint."""
    import torch

    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def read_checkpoint(path: Path, records: Sequence[str]) -> Checkpoint:
    """Read a checkpoint; records: those whose checksums it keeps.

    Raises:
        RunFolderError: it cannot be read, or is of a newer format.
    """
    try:
        state = read_tensors(path)
        check_format(path.parent, state["format"])
        live = [LiveTrial(*item) for item in state["live"]]
        lanes, best = unpacked(state["lanes"]), unpacked(state["best"])
        reached = dict(zip((t.number for t in live), [] if lanes is None else lanes.epoch.tolist(), strict=True))
        attributes, seconds = str(state["attributes"]), float(state["search_seconds"])
        json.loads(attributes)
        sums = {name: summed(state["sums"][name]) for name in records} if "sums" in state else None
        return Checkpoint(set(listed(state["finished"])), reached, live, lanes, best, attributes, seconds, sums)
    except UNREADABLE as error:
        raise RunFolderError(f"{path}: unreadable ({type(error).__name__})", "start anew with --fresh") from error


def copied(numbers: "array[int]") -> "torch.Tensor":
    """Return whole numbers as a tensor of its own."""
    import numpy as np
    import torch

    return torch.from_numpy(np.array(numbers))


def listed(numbers: Any) -> list[int]:
    """Return whole numbers that a checkpoint has as a tensor, or, an older one, as a list."""
    return [int(number) for number in (numbers if isinstance(numbers, list) else numbers.tolist())]


def summed(sums: Any) -> dict[int, int]:
    """Return checksums by trial, which a checkpoint has as a tensor of both; an older one has them as they are."""
    return dict(sums) if isinstance(sums, dict) else dict(zip(*sums.tolist(), strict=True))


def packed(lanes: "Lanes | None") -> "list[torch.Tensor]":
    """Return lanes as a plain list of tensors; empty for none."""
    import torch

    from core.lanes import to_arrays

    return [] if lanes is None else [torch.from_numpy(array) for array in to_arrays(lanes)]


def unpacked(tensors: "list[torch.Tensor]") -> "Lanes | None":
    """Return the lanes that `packed` wrote."""
    from core.lanes import from_arrays

    return from_arrays([tensor.numpy() for tensor in tensors]) if tensors else None
