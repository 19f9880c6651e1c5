"""Assemble the page of a suite: one HTML file that opens offline, and its figures as PNG beside it."""

from pathlib import Path

from reports import suite_tables as tables
from reports.drawing import Picture
from reports.figures import suite_scores
from reports.publish import drawn, filled, write_page
from reports.suite_folder import SuiteFolder, load_suite_folder
from reports.suite_standing import in_short, sentences
from reports.wording import clean, count

PLOTS = (suite_scores.scores, suite_scores.seconds)
NAMES = ("suite", "suite_seconds")
STYLE = """\
.methods{position:relative}
.methods tbody th{padding-right:1.1rem}
.methods .group th{padding-top:1.6rem;border-bottom:1px solid var(--pruned)}
.methods .group span{color:var(--soft)}
.methods .ours th{font-weight:600}
.methods strong{font-weight:700}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
"""


def write_suite_report(path: Path, out: Path | None = None) -> Path:
    """Build the page of a suite's folder, the same bytes each time from the same files.

    Args:
        path: the suite's folder, with suite.json, suite.csv and summary.csv.
        out: folder to write report.html and figures/ into; the suite's folder where None.

    Returns:
        The path of report.html.

    Raises:
        RunFolderError: the folder is incomplete or damaged, or cannot be written to.
    """
    suite = load_suite_folder(path)
    pictures = drawn(draw(suite) for draw in PLOTS)
    return write_page(path if out is None else out, assemble(suite, pictures), heading(suite), pictures, NAMES)


def heading(suite: SuiteFolder) -> str:
    """Name the suite."""
    return clean(f"{suite.facts.get('study') or 'suite'}: every method beside ours")


def assemble(suite: SuiteFolder, pictures: list[Picture]) -> str:
    """Fill the page; everything that comes from files is escaped."""
    verdict, kind = in_short(suite)
    return filled(
        "suite.html.j2",
        pictures=pictures,
        style=STYLE,
        title=heading(suite),
        facts=facts(suite),
        verdict=verdict,
        kind=kind,
        sentences=sentences(suite),
        notes=notes(suite),
        tiles=tables.tiles(suite),
        glance=tables.glance(suite),
        goals=tables.goal_table(suite),
        heads=[head for head, *_ in tables.COLUMNS],
        groups=tables.groups(suite),
        sweeps=tables.sweep_lines(suite),
    )


def facts(suite: SuiteFolder) -> list[str]:
    """Give the line under the heading."""
    seeds = suite.facts.get("seeds") or []
    trials = suite.facts.get("trials")
    found = [count(len(suite.datasets), "data set"), f"seeds {', '.join(str(seed) for seed in seeds)}"]
    return [*found, *([count(trials, "trial") + " a sweep"] if trials else []), suite.path.resolve().name]


def notes(suite: SuiteFolder) -> list[str]:
    """Say what of the suite is missing."""
    found = []
    finished, total, failed = (int(suite.facts.get(name) or 0) for name in ("finished", "sweeps", "failed"))
    if finished + failed < total:
        found.append(f"{finished} of {count(total, 'sweep')} have finished: all numbers are of those alone.")
    if failed:
        found.append(f"{count(failed, 'sweep')} failed and {'is' if failed == 1 else 'are'} left out of the means.")
    missing = {
        row["method_label"]: row["error"]
        for row in suite.rows[::-1]
        if row.get("group") == "peer" and row.get("error") and row.get("method_label")
    }
    return found + [f"{name} gave no graph on some data: {reason}." for name, reason in sorted(missing.items())]
