"""Files that are whole: written by rename, checked when read, and kept when they are torn."""

import errno
import json
import lzma
import os
import pickle
import shutil
import struct
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

from core.errors import RunFolderError
from studies.records import is_whole

UNREADABLE = (
    OSError, RuntimeError, EOFError, ValueError, KeyError, TypeError, IndexError, AttributeError, StopIteration,
    OverflowError, RecursionError, pickle.UnpicklingError, zipfile.BadZipFile, zlib.error, struct.error,
    lzma.LZMAError,
)  # fmt: skip
LAST_OPERATION = 9  # of optuna.storages.journal, JournalOperation
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_whole(path: Path, content: bytes | str) -> None:
    r"""Write a file by write-then-rename; a kill leaves the old one.

    Text is written as UTF-8; what a path has that is no text (a byte of another encoding) stands as \udc.. in it.

    Raises:
        RunFolderError: the disk is full or the folder is read-only.
    """
    data = content.encode(errors="backslashreplace") if isinstance(content, str) else content
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise folder_error(path, error) from error


def folder_error(path: Path, error: OSError) -> RunFolderError:
    """Say in one line why a file could not be written, and on a full disk how much is free."""
    if error.errno not in FULL:
        return RunFolderError(f"{path}: cannot be written ({error.strerror})", "choose another folder with --out")
    there = next((parent for parent in path.absolute().parents if parent.exists()), Path("/"))
    free = shutil.disk_usage(there).free
    return RunFolderError(
        f"{path}: cannot be written ({error.strerror}; {free:,} bytes are free there)",
        "free some space, and the same command continues; or choose another folder with --out",
    )


def system_error(error: OSError) -> RunFolderError:
    """Say in one line what the system refused where nothing better is known."""
    return folder_error(Path(str(error.filename)) if error.filename else Path("standard output"), error)


def keep_torn(path: Path) -> Path | None:
    """Copy a record that is not whole to a new file beside it; return the copy, None for a whole record."""
    data = path.read_bytes() if path.exists() else b""
    if not data or is_whole(data, zipped=path.suffix == ".gz"):
        return None
    kept = torn_name(path)
    write_whole(kept, data)
    return kept


def cut_torn_line(path: Path) -> Path | None:
    """Cut what follows a file's last line, as a full disk leaves it; return where that is kept, None for none."""
    data = path.read_bytes() if path.exists() else b""
    whole = data.rfind(b"\n") + 1
    if whole == len(data):
        return None
    kept = torn_name(path)
    write_whole(kept, data[whole:])
    os.truncate(path, whole)
    return kept


def torn_name(path: Path) -> Path:
    """Return a name for what was cut off a file: NAME.torn, or the first of NAME.torn2, ... that is free."""
    kept, turn = path.with_name(f"{path.name}.torn"), 1
    while kept.exists():
        turn += 1
        kept = path.with_name(f"{path.name}.torn{turn}")
    return kept


def read_tensors(path: Path) -> Any:
    """Read what `torch.save` wrote, its checksums compared, which torch does not.

    Raises:
        any of `UNREADABLE`: the file is none, or its bytes were changed.
    """
    import torch

    with zipfile.ZipFile(path) as members:
        damaged = members.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(damaged)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.load(path, weights_only=True)


def check_journal(path: Path) -> None:
    """Raise RunFolderError, with the line, unless every whole line is an operation that Optuna's journal knows."""
    data = path.read_bytes() if path.exists() else b""
    for number, line in enumerate(data[: data.rfind(b"\n") + 1].split(b"\n")[:-1], start=1):
        try:
            entry = json.loads(line)
            known = isinstance(entry, dict) and 0 <= entry["op_code"] <= LAST_OPERATION
        except (ValueError, KeyError, TypeError, RecursionError):
            known = False
        if not known:
            raise no_journal(path, f"line {number}")


def no_journal(path: Path, what: str) -> RunFolderError:
    """Say that a file is none that Optuna can read."""
    return RunFolderError(f"{path}: {what} is not of an Optuna journal", "move the file away; the records are kept")
