"""Assemble the page that compares several runs: one HTML file that opens offline, and its figures as PNG beside it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from reports import several_tables as tables
from reports.answer import answer
from reports.drawing import Picture, Plot
from reports.figures import overlaid_fresh, overlaid_graphs, overlaid_progress
from reports.page import VERDICTS
from reports.publish import drawn, filled, write_page
from reports.several import Member, Overlay, default_folder, load_several, overlay
from reports.several_words import sentences
from reports.wording import count

NAMES = ("overlaid_fresh", "overlaid_graphs", "overlaid_progress")
STYLE = """\
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));gap:2rem 2.2rem}
.cards article{border-top:2px solid var(--line);padding-top:.7rem}
.cards h3{margin:0 0 .4rem}
.cards p{font-size:.95rem}
.cards .letter{color:var(--soft);margin-right:.5rem}
main section>.scroll:not(.picture){margin-bottom:2rem}
"""


def write_comparison(paths: list[Path], out: Path | None = None) -> Path:
    """Build the page that compares two or more runs, the same bytes each time from the same folders.

    Args:
        paths: the run folders, in the order that they get the letters A, B, C in.
        out: folder to write report.html and figures/ into; where None, `compare-<digest>` beside the first run.

    Returns:
        The path of report.html.

    Raises:
        InputError: a run is given twice, or too many are.
        RunFolderError: a folder is no run, incomplete or damaged, or the page cannot be written.
    """
    members = load_several(paths)
    target = default_folder(paths) if out is None else out
    found = overlay(members)
    pictures = drawn(plots(members, found))
    page = assemble(members, found, pictures, target)
    labels = ", ".join(f"{member.letter} {member.name}" for member in members)
    return write_page(target, page, f"{heading(members)}: {labels}", pictures, NAMES)


def plots(members: tuple[Member, ...], found: Overlay | str) -> Iterator[Plot | None]:
    """Draw the figures, one as each is asked for."""
    yield overlaid_fresh.plot(members)
    yield overlaid_graphs.plot(found) if isinstance(found, Overlay) else None
    yield overlaid_progress.plot(members)


def heading(members: tuple[Member, ...]) -> str:
    """Say how many runs are compared."""
    return f"{count(len(members), 'run')} compared"


def assemble(members: tuple[Member, ...], found: Overlay | str, pictures: list[Picture], target: Path) -> str:
    """Fill the page; everything that comes from files is escaped."""
    differing = tables.differences(members)
    return filled(
        "several.html.j2",
        pictures=pictures,
        style=STYLE,
        title=heading(members),
        facts=[f"{member.letter} {member.name}" for member in members],
        sentences=sentences(members, differing, found),
        cards=[card(member, target) for member in members],
        numbers=tables.numbers(members),
        differing=differing,
        edges=tables.edge_table(found) if isinstance(found, Overlay) and found.votes.any() else None,
        why=found if isinstance(found, str) else "",
        left_out=left_out(members, found),
    )


def card(member: Member, target: Path) -> dict[str, Any]:
    """Collect what a run's own report says first, and where that report is."""
    said = answer(member.run)
    return {
        "letter": member.letter,
        "name": member.name,
        "report": link(member.path / "report.html", target),
        "verdict": "No result" if member.run.best is None else VERDICTS[said.verdict],
        "kind": said.verdict,
        "sentences": said.sentences,
    }


def link(report: Path, target: Path) -> str:
    """Give the address of a run's own report as seen from the comparison; empty where there is none."""
    if not report.is_file():
        return ""
    try:
        return quote(Path(os.path.relpath(report.resolve(), target.resolve())).as_posix())
    except ValueError:  # on another drive
        return ""


def left_out(members: tuple[Member, ...], found: Overlay | str) -> str:
    """Name the runs that have no graph to lay over the others; empty where all have."""
    if isinstance(found, str):
        return ""
    missing = [member.letter for member in members if member not in found.members]
    return (
        f"{', '.join(missing)} saved no graph and {'is' if len(missing) == 1 else 'are'} left out." if missing else ""
    )
