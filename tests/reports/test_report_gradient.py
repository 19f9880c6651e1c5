"""Laws of what the report says of gradients: findings follow their rules, old folders stay without, titles carry it."""

import csv
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from run_folders import make_run

from reports.figures import gradient
from reports.findings import findings
from reports.page import write_report
from reports.tables import load_run

NAMES = ("grad_share_recon", "grad_share_sparse", "grad_share_acyclic", "grad_share_disen", "graph_gradient")
Row = dict[str, Any]


def with_gradients(folder: Path, values: Callable[[Row], tuple[float | str, ...]]) -> Path:
    """Make a run folder whose trials and evaluations have these columns, from a row of either record."""
    make_run(folder, trials=12)
    with gzip.open(folder / "epochs.csv.gz", "rt", newline="") as file:
        epochs = list(csv.DictReader(file))
    with (folder / "trials.csv").open(newline="") as file:
        trials = list(csv.DictReader(file))
    for row in epochs:
        row |= dict(zip(NAMES, map(str, values(row)), strict=True))
    for row in trials:
        row |= dict(zip(NAMES, map(str, values({**row, "trial": row["number"]})), strict=True))
    with gzip.open(folder / "epochs.csv.gz", "wt", newline="") as file:
        writer = csv.DictWriter(file, list(epochs[0]))
        writer.writeheader()
        writer.writerows(epochs)
    with (folder / "trials.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(trials[0]))
        writer.writeheader()
        writer.writerows(trials)
    return folder


def titles(folder: Path) -> list[str]:
    """Name what is found."""
    return [item.title for item in findings(load_run(folder))]


def test_a_healthy_run_has_no_such_finding(tmp_path: Path) -> None:
    """Reconstruction may make nearly all of the gradient; the figure says that it moves with the graph."""
    run = with_gradients(tmp_path, lambda _: (0.998, 0.0015, 0.0003, 0.0002, 0.08))
    assert not {"The graph is disconnected from the loss", "One term makes the gradient"} & set(titles(run))
    numbers = gradient.collect(load_run(run))
    assert numbers is not None
    assert "reconstruction makes over 99\N{NO-BREAK SPACE}% of the gradient" in gradient.title(numbers)
    assert "moves with the graph (0.08 at the end)" in gradient.title(numbers)


@pytest.mark.parametrize(("term", "word"), [("sparse", "sparsity"), ("acyclic", "acyclicity")])
@pytest.mark.parametrize("who", ["all", "best", "half", "few"])
def test_a_penalty_that_drowns_the_data(tmp_path: Path, term: str, word: str, who: str) -> None:
    """Over 95 % in the best trial or in over half of all is found, with the term and its lambda; less is not."""
    make_run(tmp_path, trials=12)
    before = load_run(tmp_path)
    best = str(int(before.best["number"])) if before.best else ""
    order = [str(k) for k in range(12) if str(k) != best]
    chosen = {"all": [*order, best], "best": [best], "half": order[:8], "few": order[:5]}[who]
    heavy = {"sparse": (0.01, 0.98, 0.005, 0.005, 0.1), "acyclic": (0.01, 0.005, 0.98, 0.005, 0.1)}[term]
    plain = (0.9, 0.05, 0.03, 0.02, 0.1)
    run = with_gradients(tmp_path, lambda row: heavy if row["trial"] in chosen else plain)
    loaded = load_run(run)
    assert loaded.best is not None
    loaded.best.update(zip(NAMES, heavy if best in chosen else plain, strict=True))
    found = [item for item in findings(loaded) if item.title == "One term makes the gradient"]
    assert len(found) == (who != "few")
    for item in found:
        assert word in item.text
        assert f"\N{GREEK SMALL LETTER LAMDA}_{term}" in item.advice
        assert f"In {len(chosen)} of 12 trials" in item.text


@pytest.mark.parametrize(("pull", "found"), [(0.0, True), (1e-13, True), (1e-9, False), ("", False)])
def test_a_graph_that_the_loss_does_not_read(tmp_path: Path, pull: float | str, found: bool) -> None:
    """A gradient of 0 while there are edges is found, is grave, and says that no lambda helps; a blank says nothing."""
    run = with_gradients(tmp_path, lambda _: (0.9, 0.05, 0.03, 0.02, pull))
    items = [item for item in findings(load_run(run)) if item.title == "The graph is disconnected from the loss"]
    assert bool(items) == found
    for item in items:
        assert item.grave
        assert "No lambda can help" in item.advice
        assert item.link == "fig-gradient"
    numbers = gradient.collect(load_run(run))
    assert (numbers is None) == (pull == "")
    assert numbers is None or ("does not move with the graph" in gradient.title(numbers)) == found


def test_without_an_edge_nothing_is_said(tmp_path: Path) -> None:
    """An empty graph may have no gradient; that is another finding's business."""

    def shut(row: Row) -> tuple[float, ...]:
        row["edge_count"] = "0"
        return (0.9, 0.0, 0.08, 0.02, 0.0)

    run = with_gradients(tmp_path, shut)
    assert "The graph is disconnected from the loss" not in titles(run)


def test_the_page_has_the_figure_and_an_old_folder_does_not(tmp_path: Path) -> None:
    """The Health section shows it as SVG, with the PNG beside; a folder without these columns opens as ever."""
    new = with_gradients(tmp_path / "new", lambda _: (0.9, 0.05, 0.03, 0.02, 0.0))
    page = write_report(new).read_text()
    assert 'id="fig-gradient"' in page
    assert "The graph is disconnected from the loss" in page
    assert (new / "figures" / "gradient.png").stat().st_size > 1000
    make_run(tmp_path / "old", trials=12)
    page = write_report(tmp_path / "old").read_text()
    assert 'id="fig-gradient"' not in page
    assert not (tmp_path / "old" / "figures" / "gradient.png").exists()
