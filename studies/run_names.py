"""How runs are named, and which folder of a name is meant."""

import csv
import re
from pathlib import Path

from core.errors import InputError
from studies.records import read_rows
from studies.run_folder import TRIALS, RunFolder


def run_name(study: str, dataset: str, digest: str) -> str:
    """Return the folder's name: study, data set and six digits over all that defines the search."""
    for text in (study, dataset):
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", text) or text.startswith("."):
            raise InputError(f"name `{text}` must be 1 to 64 of A-Z a-z 0-9 . _ - and not start with a dot")
    return f"{study}-{dataset}-{digest[:6]}"


def run_path(out: Path, name: str, *, fresh: bool) -> Path:
    """Return the folder of a run: the newest of name, name-2, name-3 ...; with `fresh` the next, which is not there."""
    turn = 1
    while (out / f"{name}-{turn + 1}").exists():
        turn += 1
    if fresh and (turn > 1 or (out / name).exists()):
        turn += 1
    return out / (name if turn == 1 else f"{name}-{turn}")


def trials_done(path: Path) -> int:
    """Return how many trials a run has behind it; 0 for a folder that is not there or cannot be read."""
    try:
        return len(read_rows((path / TRIALS).read_text(encoding="utf-8")))
    except (OSError, ValueError, csv.Error):
        return 0


def open_run(out: Path, name: str, swept: list[str], *, fresh: bool) -> RunFolder:
    """Open (and lock) the folder of a run, the one that `run_path` names."""
    return RunFolder(run_path(out, name, fresh=fresh), swept)
