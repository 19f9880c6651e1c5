"""Assemble the page of a stability study: one HTML file that opens offline, and its figures as PNG beside it."""

import json
from pathlib import Path
from typing import Any

import yaml

from reports import stability_tables as tables
from reports.columns import parsed
from reports.drawing import Picture
from reports.figures import stability_courses as courses
from reports.figures import stability_effects as effects
from reports.figures import stability_graphs as graphs
from reports.figures import stability_losses as loss
from reports.publish import drawn, filled, write_page
from reports.stability_folder import StabilityFolder, load_stability_folder
from reports.stability_standing import in_short, sentences
from reports.wording import clean, count

PLOTS = (
    effects.measures, courses.norms, courses.clipping, loss.losses, courses.rate, effects.gradient, graphs.graphs,
    graphs.variants,
)  # fmt: skip
NAMES = (
    "stability_measures", "stability_norms", "stability_clipping", "stability_loss", "stability_rate",
    "stability_gradient", "stability_graphs", "stability_variants",
)  # fmt: skip
STYLE = """\
.methods tbody th{padding-right:1.1rem}
.methods .group th{padding-top:1.6rem;border-bottom:1px solid var(--pruned)}
.methods .group span{color:var(--soft)}
.methods strong{font-weight:650}
main section>.scroll:not(.picture){margin-bottom:2rem}
main ul{max-width:68ch;padding-left:1.2rem}
main li{margin-bottom:.5rem}
"""


def write_stability_report(path: Path, out: Path | None = None) -> Path:
    """Build the page of a stability study's folder, the same bytes each time from the same files.

    Args:
        path: the study's folder, with summary.json, variants.csv, epochs.csv.gz and steps.csv.gz.
        out: folder to write report.html and figures/ into; the study's folder where None.

    Returns:
        The path of report.html.

    Raises:
        RunFolderError: the folder is incomplete or damaged, or cannot be written to.
    """
    study = load_stability_folder(path)
    pictures = drawn(draw(study) for draw in PLOTS)
    return write_page(path if out is None else out, assemble(study, pictures), heading(study), pictures, NAMES)


def heading(study: StabilityFolder) -> str:
    """Name the study and its data."""
    return clean(f"{study.facts.get('study') or 'stability'} on {study.facts.get('dataset') or 'unnamed data'}")


def assemble(study: StabilityFolder, pictures: list[Picture]) -> str:
    """Fill the page; everything that comes from files is escaped."""
    verdict, kind = in_short(study)
    settings, environment = (_mapping(study.path / name) for name in ("stability.yaml", "environment.json"))
    return filled(
        "stability.html.j2",
        pictures=pictures,
        style=STYLE,
        title=heading(study),
        facts=facts(study, environment),
        verdict=verdict,
        kind=kind,
        sentences=sentences(study),
        notes=notes(study),
        tiles=tables.tiles(study),
        bought=tables.bought_tables(study),
        heads=tables.heads(study),
        groups=tables.groups(study),
        setup=tables.setup_tables(study, settings, environment),
        has_truth=study.has_truth,
    )


def _mapping(path: Path) -> dict[str, Any]:
    """Read a YAML or JSON file that the page can do without; empty where it is missing."""

    def read(text: str) -> Any:
        try:
            return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ValueError("not YAML") from error

    found = parsed(path, read) if path.is_file() else {}
    return found if isinstance(found, dict) else {}


def facts(study: StabilityFolder, environment: dict[str, Any]) -> list[str]:
    """Give the line under the heading."""
    data = environment.get("data") or {}
    rows = [f"{data['rows']:,} rows"] if isinstance(data.get("rows"), int) else []
    seeds = ", ".join(str(seed) for seed in study.facts.get("seeds") or [])
    return [*rows, count(len(study.facts["measures"]), "measure"), f"seeds {seeds}", study.path.resolve().name]


def notes(study: StabilityFolder) -> list[str]:
    """Say what is missing."""
    finished, total = int(study.facts.get("finished") or 0), int(study.facts.get("variants") or 0)
    found = []
    if finished < total:
        found.append(f"{finished} of {count(total, 'variant')} have been trained: the rest is missing everywhere.")
    if not study.has_truth:
        found.append("No true graph is given, so F1 and SHD are left out.")
    return found
