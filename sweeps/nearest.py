"""What a mistyped word or path was probably meant to be."""

import difflib
import os


def nearest(word: str, known: list[str]) -> str:
    """The known word spelled most like `word`, or an empty text when none is close."""
    lowered = {name.lower(): name for name in reversed(known)}
    found = difflib.get_close_matches(word.lower(), lowered, n=1)
    return lowered[found[0]] if found else ""


def nearest_file(path: str, *suffixes: str) -> str:
    """The file beside a mistyped path whose name is most like it, as a path; empty when none is."""
    folder, name = os.path.split(path)
    try:
        beside = sorted(entry.name for entry in os.scandir(folder or ".") if entry.name.endswith(suffixes))
    except (OSError, ValueError):
        return ""
    found = nearest(name, beside)
    return os.path.join(folder, found) if found else ""
