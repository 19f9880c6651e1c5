"""The figures of a page as files: PNG, and a README that says in plain text what each of them shows."""

import textwrap
from collections.abc import Iterable
from pathlib import Path

from reports.drawing import DPI, Picture
from reports.files import replace_file

README = "README.txt"
WIDTH = 100


def write_pictures(folder: Path, heading: str, pictures: list[Picture], known: Iterable[str]) -> None:
    """Write the figures of a page into a folder, with a README; those of an earlier page that it lacks go.

    Args:
        folder: made where it is missing; files of other names stay.
        heading: what the figures belong to.
        pictures: the figures, in the order of the page.
        known: names that a page of this kind may have.

    Raises:
        OSError: the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        replace_file(folder / f"{picture.name}.png", picture.png)
    for name in set(known) - {picture.name for picture in pictures}:
        (folder / f"{name}.png").unlink(missing_ok=True)
    if pictures:
        replace_file(folder / README, readme(heading, pictures).encode("utf-8"))
    else:
        (folder / README).unlink(missing_ok=True)


def readme(heading: str, pictures: list[Picture]) -> str:
    """Name each figure with its finding and how to read it, in the order of the page."""
    blocks = [
        f"{heading}\n\nThe figures of ../report.html as PNG, {DPI} dots an inch, on white. Each title is what was "
        "found; below it stands how to read the figure. They are written anew with the report."
    ]
    blocks += [f"{picture.name}.png\n\n{picture.title}\n\n{picture.caption}" for picture in pictures]
    paragraphs = "\n\n\n".join(blocks).replace("\N{NO-BREAK SPACE}", " ").split("\n\n")
    return "\n\n".join(_wrapped(part) for part in paragraphs) + "\n"


def _wrapped(part: str) -> str:
    lead = "\n" if part.startswith("\n") else ""
    return lead + textwrap.fill(part.strip(), WIDTH, break_long_words=False, break_on_hyphens=False)
