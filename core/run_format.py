"""The format of a run folder: one number, raised when a folder of today could not be read yesterday."""

import json
from collections.abc import Sequence
from pathlib import Path

from core import __version__
from core.errors import RunFolderError

FORMAT = 1
"""Raised with any change that an older graphsweep cannot read; a new column, key or file is none."""
HINTED = 3  # run folders that a hint names at most


def writer(folder: Path) -> str:
    """Return the version of graphsweep that wrote a run folder, as environment.json has it; "" where it has none."""
    facts = environment(folder)
    return str(facts.get("graphsweep") or "")


def environment(folder: Path) -> dict[str, object]:
    """Return environment.json; empty where it is absent or is none."""
    try:
        facts = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def check_format(folder: Path, written: object = None) -> None:
    """Refuse a folder that a newer graphsweep wrote.

    Args:
        folder: the run folder.
        written: the format that one of its files names; that of environment.json where None.

    Raises:
        RunFolderError: the format is newer than `FORMAT`; the line names both versions.
    """
    found = environment(folder).get("format") if written is None else written
    if isinstance(found, int) and not isinstance(found, bool) and found > FORMAT:
        version = writer(folder)
        raise RunFolderError(
            f"{folder}: written by {f'graphsweep {version}' if version else 'a newer graphsweep'} (format {found}), "
            f"this is {__version__} (format {FORMAT})",
            "update graphsweep, or use the version that wrote the folder",
        )


def meant_inside(folder: Path, needed: Sequence[str]) -> str:
    """Return a hint that names the run folders inside one that is none, the newest first; "" where there are none.

    Args:
        folder: what was given; needed: the files by which a run folder is known, its records among them.
    """
    inside = [path for path in folder.glob("*") if all((path / name).is_file() for name in needed)]
    inside.sort(key=lambda path: (-(path / "trials.csv").stat().st_mtime_ns, path.name))
    *others, last = map(str, inside[:HINTED]) if inside else ("",)
    return f"did you mean {', '.join(others)} or {last}?" if others else f"did you mean {last}?" if last else ""
