"""Laws of the landscape, the slices and the parallel lines: what they draw is what the trials have."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from matplotlib.path import Path as Line
from run_folders import edit_trials, make_run

from reports.drawing import rendered, theme
from reports.figures import landscape, parallel, slices
from reports.importance import importances
from reports.landscape import FEW_TRIALS, FINE, chosen, collect, title
from reports.smooth import smoothed
from reports.swept import Setting, swept
from reports.tables import load_run

Row = dict[str, str]


def searched(folder: Path, **space: object) -> None:
    """Replace the search space on record."""
    settings = yaml.safe_load((folder / "sweep.yaml").read_text())
    settings["space"] = space
    (folder / "sweep.yaml").write_text(yaml.safe_dump(settings))


def as_grid(folder: Path, sparse: list[float], acyclic: list[float]) -> None:
    """Turn a run into a grid of two lambdas, with lr between."""

    def place(row: Row) -> None:
        at = int(row["number"])
        row["lambda_sparse"] = str(sparse[at % len(sparse)])
        row["lambda_acyclic"] = str(acyclic[at // len(sparse) % len(acyclic)])

    edit_trials(folder, place)
    searched(folder, lambda_sparse={"values": sparse}, lambda_acyclic={"values": acyclic})


@pytest.mark.parametrize(("trials", "cells"), [(FEW_TRIALS - 1, None), (FEW_TRIALS, (8, 6))])
def test_under_sixty_trials_are_drawn_one_by_one(tmp_path: Path, trials: int, cells: tuple[int, int] | None) -> None:
    """59 trials are points; 60 are cells."""
    numbers = collect(load_run(make_run(tmp_path / "run", trials=trials, failed=0.0)))
    assert numbers is not None
    assert numbers.cells == cells
    assert [panel.label for panel in numbers.panels] == ["SHD", "F1"]


def test_cells_hold_the_best_and_the_count(tmp_path: Path) -> None:
    """Each cell has the best SHD and F1 of its complete trials and the number of all its trials, read from the file."""
    run = load_run(make_run(tmp_path / "run", trials=200))
    numbers = collect(run)
    assert numbers is not None
    rows = run.trials
    for panel, column, best_of in zip(numbers.panels, ("val_shd", "val_f1"), (min, max), strict=True):
        best, count = numbers.reached(panel)
        held: dict[tuple[int, int], list[float]] = {}
        total = np.zeros_like(count)
        for n in range(rows.rows):
            if not np.isfinite(rows.number("val_shd")[n]):
                continue
            x = np.log10(rows.number("lambda_sparse")[n] / 1e-4) / 4 * 8
            y = np.log10(rows.number("lambda_acyclic")[n] / 1e-6) / 5 * 6
            cell = (min(int(y), 5), min(int(x), 7))
            total[cell] += 1
            if run.states[n] == "complete":
                held.setdefault(cell, []).append(float(rows.number(column)[n]))
        assert np.array_equal(count, total)
        for cell in np.ndindex(best.shape):
            assert best[cell] == best_of(held[cell]) if cell in held else np.isnan(best[cell])


def test_a_grid_has_a_cell_a_point(tmp_path: Path) -> None:
    """Values from lists give one cell each, however few trials there are, and the axes write the values."""
    folder = make_run(tmp_path / "run", trials=24, failed=0.0, pruned=0.0)
    as_grid(folder, [0.0, 0.001, 0.01, 0.1], [1e-6, 1e-5, 1e-3])
    run = load_run(folder)
    numbers = collect(run)
    assert numbers is not None
    assert numbers.cells == (4, 3)
    best, count = numbers.reached(numbers.panels[0])
    assert count.tolist() == [[2] * 4] * 3
    shd, sparse, acyclic = (run.trials.number(name) for name in ("val_shd", "lambda_sparse", "lambda_acyclic"))
    for row, y in enumerate([1e-6, 1e-5, 1e-3]):
        for column, x in enumerate([0.0, 0.001, 0.01, 0.1]):
            assert best[row, column] == shd[(sparse == x) & (acyclic == y)].min()
    assert numbers.settings[0].ticks() == [0.0, 0.001, 0.01, 0.1]
    with theme():
        plot = landscape.plot(run)
        assert plot is not None
        axes = plot.figure.axes[0]
        assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "0.001", "0.01", "0.1"]
        written = [text.get_text() for text in axes.texts]
    assert written.count("2") >= 12
    filled = [patch for patch in axes.patches if patch.get_fill()]
    assert sum(int(np.sum(patch.get_path().codes == Line.MOVETO)) for patch in filled) == 12
    alphas = [float(patch.get_facecolor()[3]) for patch in filled]
    assert max(alphas) - min(alphas) > 0.4


def test_a_large_grid_is_an_image(tmp_path: Path) -> None:
    """A grid of 441 points costs one element of the page, stacked so that it keeps its width."""
    folder = make_run(tmp_path / "run", trials=441, failed=0.0, pruned=0.0, evaluations=2)
    as_grid(folder, [round(0.01 * k, 2) for k in range(21)], [round(0.1 * k, 1) for k in range(21)])
    with theme():
        plot = landscape.plot(load_run(folder))
        assert plot is not None
        first, second = plot.figure.axes
        assert rendered(plot).svg.count("<") < 300
    assert len(first.images) == 1
    assert first.get_position().y0 > second.get_position().y1


def test_the_true_number_of_edges_is_found(tmp_path: Path) -> None:
    """Where edges fall with lambda_sparse as 0.13 / lambda_sparse, the true 13 lie at 0.01."""
    folder = make_run(tmp_path / "run", trials=150, failed=0.0)
    edit_trials(folder, lambda row: row.update(edge_count_blind=str(0.13 / float(row["lambda_sparse"]))))
    numbers = collect(load_run(folder))
    assert numbers is not None
    span = numbers.true_range()
    assert span is not None
    assert 0.006 < span[0] <= span[1] < 0.016
    assert "graphs have about the true 13 edges at \N{GREEK SMALL LETTER LAMDA}_sparse 0.0" in title(numbers)
    edit_trials(folder, lambda row: row.update(edge_count_blind="40"))
    far = collect(load_run(folder))
    assert far is not None
    assert (far.true_range(), far.levels_met()) == (None, [])
    edit_trials(folder, lambda row: row.update(edge_count_blind="13"))
    same = collect(load_run(folder))
    assert same is not None
    assert same.levels_met() == []
    with theme():
        assert landscape.plot(load_run(folder)) is not None


def test_local_planes_follow_a_plane() -> None:
    """The smoother gives a plane back, and nothing where no trial is near or where there are too few."""
    rng = np.random.default_rng(0)
    points = rng.random((300, 2))
    where = np.array([[0.5, 0.5], [0.3, 0.7], [9.0, 9.0]])
    found = smoothed(points, 2 + 3 * points[:, 0] - points[:, 1], where, np.array([0.15, 0.15]))
    assert found[:2] == pytest.approx([3.0, 2.2], abs=0.03)
    assert np.isnan(found[2])
    assert np.isnan(smoothed(points[:7], points[:7, 0], where, np.array([0.15, 0.15]))).all()


def test_one_setting_makes_a_line(tmp_path: Path) -> None:
    """With a single swept setting the score is drawn against it."""
    folder = make_run(tmp_path / "run")
    edit_trials(folder, lambda row: row.update(lambda_acyclic="0.001", lr="0.01"))
    run = load_run(folder)
    numbers = collect(run)
    assert numbers is not None
    assert [setting.name for setting in numbers.settings] == ["lambda_sparse"]
    assert numbers.surface.shape == (FINE,)
    with theme():
        plot = landscape.plot(run)
        assert plot is not None
        assert plot.figure.axes[0].get_xlabel() == "\N{GREEK SMALL LETTER LAMDA}_sparse (nats per row)"
        assert any(len(line.get_xdata()) == FINE for line in plot.figure.axes[0].lines)
        assert "svg" in rendered(plot).svg
        assert parallel.plot(run) is None
        assert slices.plot(run) is not None


def test_without_a_truth_the_blind_score_is_drawn(blind: Path) -> None:
    """No accuracy is invented: one panel, the blind score, and no true number of edges."""
    run = load_run(blind)
    numbers = collect(run)
    assert numbers is not None
    assert [panel.label for panel in numbers.panels] == ["blind score"]
    assert numbers.true_range() is None
    assert title(numbers).startswith("The blind pick has blind score \N{MINUS SIGN}")
    cut = slices.collect(run)
    assert cut is not None
    assert slices.title(cut).startswith("The best tenth by blind score, 1 trial: ")


def test_lambdas_come_first_then_what_matters(tmp_path: Path) -> None:
    """Both lambdas are drawn where both were swept; else what explains most joins or replaces them."""
    folder = make_run(tmp_path / "run", failed=0.0)
    run = load_run(folder)
    assert [setting.name for setting in chosen(run, importances(run))] == ["lambda_sparse", "lambda_acyclic"]
    edit_trials(folder, lambda row: row.update(lambda_acyclic="0.001", weight_decay=str(int(row["number"]) % 7 / 70)))
    settings = yaml.safe_load((folder / "sweep.yaml").read_text())["space"]
    searched(folder, **settings, weight_decay={"low": 0.0, "high": 0.1})
    edit_trials(folder, lambda row: row.update(val_shd=str(round(100 * float(row["weight_decay"])))))
    run = load_run(folder)
    assert [setting.name for setting in swept(run)] == ["lambda_sparse", "lr", "weight_decay"]
    assert [setting.name for setting in chosen(run, importances(run))] == ["lambda_sparse", "weight_decay"]
    edit_trials(folder, lambda row: row.update(lambda_sparse="0.01"))
    run = load_run(folder)
    assert [setting.name for setting in chosen(run, importances(run))] == ["weight_decay", "lr"]


def test_an_old_folder_has_its_settings_guessed(tmp_path: Path) -> None:
    """Without a space on record, few values are a list, a wide range is logarithmic, and one value is no setting."""
    folder = make_run(tmp_path / "run", failed=0.0)
    (folder / "sweep.yaml").unlink()
    edit_trials(folder, lambda row: row.update(lr=["0.01", "0.03"][int(row["number"]) % 2], lambda_acyclic="0"))
    sparse, lr = swept(load_run(folder))
    assert (sparse.name, sparse.log, sparse.levels) == ("lambda_sparse", True, ())
    assert (lr.name, lr.levels) == ("lr", (0.01, 0.03))


@pytest.mark.parametrize(
    ("low", "high", "log", "gap", "ticks"),
    [
        (1e-4, 1.0, True, 0.1, [1e-4, 1e-3, 0.01, 0.1, 1.0]),
        (1e-3, 0.05, True, 0.19, [0.001, 0.003, 0.01, 0.05]),
        (0.01, 0.012, True, 0.1, [0.01, 0.012]),
        (0.0, 0.1, False, 0.1, [0.0, 0.02, 0.04, 0.06, 0.08, 0.1]),
        (-3.0, 11.0, False, 0.3, [0.0, 5.0, 10.0]),
    ],
)
def test_ticks_are_round_and_apart(low: float, high: float, log: bool, gap: float, ticks: list[float]) -> None:
    """Ticks are round numbers inside the range, no nearer than asked, and never fewer than two."""
    setting = Setting("lr", np.array([low, high]), low, high, log, ())
    assert setting.ticks(gap) == pytest.approx(ticks)
    places = setting.place(np.array(setting.ticks(gap)))
    assert np.all(np.diff(places) >= gap - 1e-9)
    assert [setting.at(float(place)) for place in places] == pytest.approx(setting.ticks(gap))


def test_strength_follows_the_score() -> None:
    """The best is 1, the worst fifth 0, in the right direction, and equal scores are all best."""
    shd = np.array([3.0, 5, 7, 9, 11, 200])
    down, up = (landscape.goodness(values, low_is_good=low) for values, low in ((shd, True), (-shd, False)))
    assert down.tolist() == up.tolist()
    assert down[0] == 1
    assert down[-1] == down[-2] == 0
    assert np.all(np.diff(down[:-1]) < 0)
    assert landscape.goodness(np.array([4.0, 4.0]), low_is_good=True).tolist() == [1, 1]


def test_slices_count_the_good(usual: Path) -> None:
    """The title counts the complete trials within one SHD of the best and gives their range of each setting."""
    run = load_run(usual)
    numbers = slices.collect(run)
    assert numbers is not None
    shd = np.where(run.states == "complete", run.trials.number("val_shd"), np.inf)
    good = shd <= shd.min() + 1
    low, high = (np.format_float_positional(f(run.trials.number("lr")[good]), 2, fractional=False) for f in (min, max))
    assert f"SHD {shd.min() + 1:.0f} or less: {good.sum()} trials" in slices.title(numbers)
    assert f"lr {float(low):g} to {float(high):g}" in slices.title(numbers)
    assert numbers.best == int(np.flatnonzero(run.trials.number("number") == run.summary["best"]["number"])[0])


@pytest.mark.parametrize(("trials", "drawn"), [(320, 300), (40, 40), (9, None)])
def test_the_best_three_hundred_lines(tmp_path: Path, trials: int, drawn: int | None) -> None:
    """At most the best 300 complete trials are drawn, one line each through every axis; under 10 none."""
    run = load_run(make_run(tmp_path / "run", trials=trials, failed=0.0, pruned=0.0, evaluations=2))
    numbers = parallel.collect(run)
    if drawn is None:
        assert numbers is None
        return
    assert numbers is not None
    shd = np.sort(run.trials.number("val_shd"))
    assert numbers.score.tolist() == shd[:drawn].tolist()
    assert np.all(numbers.score[: numbers.top] <= numbers.score[numbers.top - 1])
    assert numbers.top == len(numbers.score) or numbers.score[numbers.top] > numbers.score[numbers.top - 1]
    with theme():
        plot = parallel.plot(run)
        assert plot is not None
        starts = sum(int(np.sum(patch.get_path().codes == Line.MOVETO)) for patch in plot.figure.axes[0].patches)
    assert starts == drawn
    assert (f"{drawn} shown of {trials} complete trials" in plot.caption) == (trials > 300)
