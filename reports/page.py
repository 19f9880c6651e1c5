"""Assemble the report of a run folder: one HTML file that opens offline, and its figures as PNG beside it."""

from pathlib import Path
from typing import Any

from reports import answer as answering
from reports import beside, sections, wording
from reports.comparison import compare
from reports.drawing import Picture
from reports.figures import (
    arrows,
    blind_choice,
    clipping,
    edges,
    fresh,
    gradient,
    grid,
    landscape,
    matters,
    parallel,
    progress,
    pruning,
    returns,
    slices,
    threshold,
    training,
)
from reports.findings import findings
from reports.pruned import note as pruning_note
from reports.publish import HERE, drawn, filled, write_page
from reports.references import compared
from reports.run import Run, number
from reports.setup import setup
from reports.tables import load_run
from reports.trial_table import trial_table

PLOTS = (
    progress.plot,
    arrows.plot,
    grid.plot,
    threshold.plot,
    fresh.plot,
    returns.plot,
    landscape.plot,
    matters.plot,
    slices.plot,
    parallel.plot,
    edges.plot,
    clipping.plot,
    training.plot,
    gradient.plot,
    pruning.plot,
    blind_choice.plot,
)
PICTURE_NAMES = (
    "search_progress",
    "best_graph",
    "adjacency",
    "threshold",
    "fresh_seeds",
    "edge_returns",
    "landscape",
    "importances",
    "slices",
    "parallel",
    "edges",
    "clipping",
    "training",
    "gradient",
    "pruning",
    "blind_choice",
)
SECTIONS = ("progress", "graph", "threshold", "fresh", "landscape", "matters", "edges", "health", "pruning", "blind")
VERDICTS = {
    answering.GOOD: "Better than every reference",
    answering.LUCK: "Better than every reference in the sweep, but not on fresh seeds",
    answering.EVEN: "Right that there is nothing to find",
    answering.DOUBT: "Not better than every reference",
    answering.NONE: "No accuracy can be given",
}


def write_report(run_dir: Path, out: Path | None = None) -> Path:
    """Build the report of a run folder, the same bytes each time.

    The page is written last and by rename: a kill leaves the old one.

    Args:
        run_dir: the run folder.
        out: folder to write report.html and figures/ into; the run folder where None.

    Returns:
        The path of report.html.

    Raises:
        RunFolderError: the folder is missing, incomplete, damaged or of a newer format, or cannot be written to.
    """
    run = load_run(Path(run_dir))
    target = Path(run_dir) if out is None else Path(out)
    pictures = draw(run, Path(run_dir))
    return write_page(target, assemble(run, pictures), heading(run), pictures, PICTURE_NAMES)


def draw(run: Run, folder: Path) -> list[Picture]:
    """Draw every figure that the run of a folder has numbers for, a second process helping where one is running."""
    second = beside.drawing(folder)
    if second is None:
        return drawn(plot(run) for plot in PLOTS)
    found = second.share(len(PLOTS), lambda place: picture_at(run, place))
    return [picture for picture in found if picture is not None]


def picture_at(run: Run, place: int) -> Picture | None:
    """Draw the figure at a place of `PLOTS`; None where the run has no numbers for it."""
    return next(iter(drawn(plot(run) for plot in PLOTS[place : place + 1])), None)


def assemble(run: Run, pictures: list[Picture]) -> str:
    """Fill the page; everything that comes from files is escaped."""
    return filled(
        "page.html.j2",
        script=(HERE / "page.js").read_text(encoding="utf-8"),
        pictures={section: [picture for picture in pictures if picture.section == section] for section in SECTIONS},
        **_content(run),
    )


def _content(run: Run) -> dict[str, Any]:
    """Collect what the sections say."""
    said = answering.answer(run)
    rerun = str(run.summary.get("rerun_command") or "")
    found = compare(run)
    return {
        "title": heading(run),
        "facts": _facts(run),
        "answer": said,
        "verdict": "No result" if run.best is None else VERDICTS[said.verdict],
        "findings": findings(run),
        "tiles": sections.tiles(run),
        "compared": compared(run),
        "rerun": rerun if run.best is not None else "",
        "rerun_words": sections.rerun_words(run),
        "has_truth": run.has_truth,
        "graph_note": sections.graph_note(run) if run.best is not None else "No trial completed, so there is no graph.",
        "edge_list": sections.edge_list(found),
        "pruning_note": pruning_note(run),
        "blind_note": blind_choice.note(run),
        "table": trial_table(run, rerun),
        "setup": setup(run),
    }


def heading(run: Run) -> str:
    """Name the study and its data."""
    study, dataset = (str(run.summary.get(name) or "") for name in ("study", "dataset"))
    return wording.clean(f"{study or run.name} on {dataset or 'unnamed data'}")


def _facts(run: Run) -> list[str]:
    """Give the line under the heading."""
    rows, seed = number(run.data, "rows"), number(run.summary, "seed")
    facts = [wording.count(run.trials.rows, "trial"), wording.count(len(run.names), "variable")]
    if rows == rows:  # noqa: PLR0124 - NaN where it was not recorded
        facts.append(wording.count(rows, "row"))
    if seed == seed:  # noqa: PLR0124
        facts.append(f"seed {seed:.0f}")
    return [*facts, wording.clean(run.name)]
