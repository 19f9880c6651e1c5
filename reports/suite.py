"""Assemble the page of a suite: one HTML file that opens offline, and its figures as PNG beside it."""

from pathlib import Path

from markupsafe import Markup

from core.errors import RunFolderError
from reports import suite_tables as tables
from reports.drawing import Picture, rendered, theme
from reports.figures import suite_scores
from reports.files import replace_file
from reports.page import HERE, colour_style, compact, digest, templates
from reports.suite_folder import SuiteFolder, load_suite_folder
from reports.suite_standing import in_short, sentences
from reports.wording import count

PLOTS = (suite_scores.scores, suite_scores.seconds)
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
        out: folder to write report.html and the pictures into; the suite's folder where None.

    Returns:
        The path of report.html.

    Raises:
        RunFolderError: the folder is incomplete or damaged, or cannot be written to.
    """
    suite, target = load_suite_folder(path), path if out is None else out
    with theme():
        pictures = [rendered(plot) for plot in (draw(suite) for draw in PLOTS) if plot is not None]
    page = assemble(suite, pictures)
    try:
        target.mkdir(parents=True, exist_ok=True)
        for picture in pictures:
            replace_file(target / f"{picture.name}.png", picture.png)
        replace_file(target / "report.html", page.encode("utf-8"))
    except OSError as error:
        raise RunFolderError(
            f"{target}: the page cannot be written: {error.strerror or error}", "free some space"
        ) from error
    return target / "report.html"


def assemble(suite: SuiteFolder, pictures: list[Picture]) -> str:
    """Fill the page; everything that comes from files is escaped."""
    template = templates().get_template("suite.html.j2")
    style = compact(f"{colour_style()}\n{(HERE / 'page.css').read_text(encoding='utf-8')}\n{STYLE}")
    verdict, kind = in_short(suite)
    return template.render(
        title=f"{suite.facts.get('study') or 'suite'}: every method beside ours",
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
        pictures=pictures,
        markup=Markup,
        style=Markup(style),
        policy=f"default-src 'none'; style-src '{digest(style)}'; img-src data:; base-uri 'none'; form-action 'none'",
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
