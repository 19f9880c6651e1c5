"""Laws of the importances: shares add up, the right setting is found, noise is not, and pruned trials count."""

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from run_folders import edit_trials, make_run
from scipy.stats import rankdata

from reports.figures import matters
from reports.importance import Importances, explained, importances
from reports.swept import swept
from reports.tables import load_run

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def table(seed: int, trials: int = 60, kind: str = "noise") -> tuple[list[Floats], Floats]:
    """Three settings and a whole-numbered score in which only the second matters, or none."""
    rng = np.random.default_rng(seed)
    a, b, c = rng.random((3, trials))
    effect = {"noise": 0 * b, "bowl": 40 * (b - 0.4) ** 2, "slope": 8 * b}[kind]
    return [a, b, c], np.round(8 + effect + 2 * rng.normal(size=trials))


def loop_shares(columns: list[Floats], score: Floats, degree: int) -> list[float]:
    """The Shapley value as it is defined: the mean gain in R² over all orders of entering the fit."""
    ranks = [2 * (rankdata(column) - 0.5) / len(score) - 1 for column in columns]
    blocks = [[rank**power for power in range(1, degree + 1)] for rank in ranks]
    target = rankdata(score) - rankdata(score).mean()

    def r2(group: tuple[int, ...]) -> float:
        terms = np.stack([np.ones(len(score)), *(term for k in group for term in blocks[k])], axis=1)
        left = target - terms @ np.linalg.lstsq(terms, target, rcond=None)[0]
        return float(1 - (left @ left) / (target @ target))

    orders = list(permutations(range(len(columns))))
    return [
        sum(r2(order[: order.index(k) + 1]) - r2(order[: order.index(k)]) for order in orders) / len(orders)
        for k in range(len(columns))
    ]


@pytest.mark.parametrize("kind", ["noise", "bowl", "slope"])
def test_shares_are_shapley_values_of_the_fit(kind: str) -> None:
    """Shares equal the mean gain in R² over all orders, computed one regression at a time."""
    columns, score = table(3, kind=kind)
    share = explained(columns, score)[0]
    assert share == pytest.approx(loop_shares(columns, score, degree=3), abs=1e-9)


def test_the_right_setting_is_found() -> None:
    """A bowl in one of three settings is found in all of 20 tables, above chance, mostly with a clear order."""
    clear = 0
    for seed in range(20):
        share, low, high, null, leads = explained(*table(seed, kind="bowl"))
        assert share.argmax() == 1
        assert share[1] > null
        assert np.all((low <= share + 1e-12) & (share <= high + 1e-12) & (low >= 0) & (high <= 1))
        clear += leads >= 0.95
    assert clear >= 18


def test_noise_is_not_called_clear() -> None:
    """Without any effect, the largest share crosses the line in about one table in 20, not in many."""
    found = [explained(*table(seed)) for seed in range(100)]
    assert 0 < sum(share.max() > null for share, _, _, null, _ in found) <= 12


def test_only_orders_count_and_copies_share_alike() -> None:
    """Any rising function of a setting leaves all as it is; a setting written twice halves its share."""
    columns, score = table(1, kind="slope")
    plain = explained(columns, score)
    bent = explained([columns[0], np.exp(9 * columns[1]), columns[2]], 3 * score + 1)
    assert all(np.allclose(one, other) for one, other in zip(plain, bent, strict=True))
    twice = explained([columns[1], columns[1]], score)[0]
    assert twice[0] == pytest.approx(twice[1])
    assert twice.sum() == pytest.approx(explained([columns[1]], score)[0][0])


def test_pruned_trials_count(tmp_path: Path) -> None:
    """Where all bad trials were pruned, their last scores still say which setting made them bad."""

    def bad_pruned(row: dict[str, str]) -> None:
        row["val_shd"] = "3" if float(row["lambda_sparse"]) < 0.05 else "12"
        row["state"] = "complete" if row["val_shd"] == "3" else "pruned"

    folder = make_run(tmp_path / "run", failed=0.0, pruned=0.0)
    edit_trials(folder, bad_pruned)
    found = importances(load_run(folder))
    assert found is not None
    assert (found.trials, found.pruned) == (50, int((load_run(folder).states == "pruned").sum()))
    assert found.settings[found.order[0]].name == "lambda_sparse"
    assert matters.title(found).startswith("\N{GREEK SMALL LETTER LAMDA}_sparse matters most: it explains ")


@pytest.mark.parametrize(("trials", "measured"), [(11, False), (12, True)])
def test_too_few_trials_are_not_measured(tmp_path: Path, trials: int, measured: bool) -> None:
    """Three settings need four trials each; below there is no figure, and the page says why."""
    run = load_run(make_run(tmp_path / "run", trials=trials, failed=0.0))
    assert (importances(run) is not None) == measured
    assert (matters.plot(run) is not None) == measured


@pytest.mark.parametrize(
    ("share", "null", "leads", "words"),
    [
        ((0.30, 0.20, 0.10), 0.31, 1.0, "Not clear which setting matters"),
        ((0.30, 0.20, 0.10), 0.30, 1.0, "Not clear which setting matters"),
        ((0.30, 0.20, 0.10), 0.29, 1.0, "matters most: it explains 30 %"),
        ((0.30, 0.20, 0.10), 0.29, 0.94, "but whether more than"),
        ((0.30, 0.20, 0.10), 0.19, 0.94, "matter, but their order is not clear"),
        ((0.30, 0.20, 0.10), 0.19, 0.95, "explains 20 %"),
        ((0.06, 0.02, 0.01), 0.01, 1.0, "No setting matters much"),
        ((0.07, 0.02, 0.01), 0.01, 1.0, "matters most"),
    ],
)
def test_titles_say_what_is_clear(usual: Path, share: tuple[float, ...], null: float, leads: float, words: str) -> None:
    """A setting is said to matter only above chance, to matter most only if the order is clear, and much over 10 %."""
    settings = tuple(swept(load_run(usual)))
    shares = np.array(share)
    found = Importances(settings, shares, shares, shares, null, leads, trials=40, pruned=3)
    assert words in matters.title(found).replace("\N{NO-BREAK SPACE}", " ")


def test_a_score_without_differences_is_not_measured(tmp_path: Path) -> None:
    """Where all trials have one score nothing can be explained."""
    folder = make_run(tmp_path / "run", trials=20, failed=0.0)
    edit_trials(folder, lambda row: row.update(val_shd="4"))
    assert importances(load_run(folder)) is None


def test_one_setting_alone_is_measured(tmp_path: Path) -> None:
    """With a single swept setting the title speaks of it alone."""
    folder = make_run(tmp_path / "run", failed=0.0)
    edit_trials(folder, lambda row: row.update(lr="0.01", lambda_acyclic="0.001", val_shd=row["number"]))
    run = load_run(folder)
    found = importances(run)
    assert found is not None
    assert [setting.name for setting in found.settings] == ["lambda_sparse"]
    sure, unsure = replace(found, share=np.array([0.4]), null=0.3), replace(found, share=np.array([0.2]), null=0.3)
    assert "matters: it explains 40" in matters.title(sure)
    assert "does not clearly matter: it explains 20" in matters.title(unsure)
