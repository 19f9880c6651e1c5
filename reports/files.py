"""Writing files of which no reader and no kill ever sees half."""

import os
from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Write a file by rename.

    Raises:
        OSError: it cannot be written; the old one stands and no draft is left.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
