"""Laws of confirmation: fresh seeds and data, the trial's own settings, and an interval that is Student's."""

import contextlib
import json
import math
import os
import re
import shlex
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import SMALL, handlers_kept, only, results, sweep, table, trials
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.config import DataConfig, Hyperparameters, TrainerConfig
from core.data import Dataset, prepare
from core.results import Outcome
from core.simulate import simulate
from studies import fresh_training
from studies.confirm import (
    Fresh,
    fresh_data_seeds,
    fresh_dataset,
    fresh_seeds,
    interval,
    summary_of,
    train,
)
from studies.data import load_table
from studies.fresh import DATA_COLUMNS, EDGE_COLUMNS, FRESH_COLUMNS, agreement
from studies.fresh_training import FreshTraining
from studies.records import read_rows
from studies.rounds import Workers
from studies.search import derived_seed
from sweeps.config import BackendConfig
from sweeps.spec import load_spec
from tests import oracles

TRAINER = TrainerConfig(epochs=4, evaluate_every=2, batch_size=16)
PICKS = {7: Hyperparameters(lr=0.03), 2: Hyperparameters(lambda_sparse=0.1)}


def train_fresh(
    picks: dict[int, Hyperparameters], count: int, data: DataConfig, dataset: Dataset, backend: BackendConfig,
    store: Path | None = None, rounds: int = 100,
) -> list[Fresh] | None:  # fmt: skip
    """Train picks on fresh seeds and data; None where that takes more rounds than given."""
    left = iter([False] * rounds)
    with Workers(backend, dataset, TRAINER) as workers:
        training = FreshTraining(picks, 5, count, data, dataset, workers, store)
        return training.run(lambda: next(left, True), lambda *_: None)


def alike(one: list[Fresh] | None, other: list[Fresh] | None) -> bool:
    """Tell whether trainings are the same, bit for bit and in the same order."""
    assert one
    assert other
    same = [a[:3] + a[4:] == b[:3] + b[4:] for a, b in zip(one, other, strict=True)]
    for a, b in zip(one, other, strict=True):
        assert (a.outcome is None) == (b.outcome is None)
        if a.outcome is not None and b.outcome is not None:
            same.append(a.outcome.numbers == b.outcome.numbers)
            same += [np.array_equal(x, y) for x, y in zip(a.outcome[1:], b.outcome[1:], strict=True)]
    return all(same)


VALUES = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=20)


@given(VALUES)
def test_the_interval_is_students(values: list[float]) -> None:
    """Mean and bounds agree with scipy's interval for the mean."""
    mean, low, high = interval(values)
    spread = stats.sem(values)
    assert mean == pytest.approx(sum(values) / len(values), abs=1e-9)
    if spread > 1e-9:
        expected = stats.t.interval(0.95, len(values) - 1, loc=mean, scale=spread)
        assert (low, high) == pytest.approx(expected, abs=1e-6)


def test_one_value_has_no_interval() -> None:
    """A single seed gives a mean and no bounds."""
    assert interval([2.0])[0] == 2.0
    assert all(math.isnan(bound) for bound in interval([2.0])[1:])
    assert summary_of([{"val_shd": 2, "val_f1": 0.5}]) == {
        "n": 1, "shd_mean": 2.0, "shd_low": None, "shd_high": None, "f1_mean": 0.5, "f1_low": None, "f1_high": None,
    }  # fmt: skip


def test_bounds_stay_possible() -> None:
    """An SHD is not below 0 and an F1 not beyond 0 and 1; without a true graph there is nothing to bound."""
    block = summary_of([{"val_shd": 0, "val_f1": 1.0}, {"val_shd": 9, "val_f1": 0.1}])
    assert block is not None
    assert (block["shd_low"], block["f1_low"], block["f1_high"]) == (0.0, 0.0, 1.0)
    blind = summary_of([{"val_shd": None, "val_f1": None}] * 2)
    assert blind is not None
    assert {blind[name] for name in blind if name != "n"} == {None}
    assert summary_of([]) is None


@given(st.integers(0, 2**32), st.integers(0, 200), st.integers(1, 20))
def test_fresh_seeds_are_fresh(seed: int, number: int, count: int) -> None:
    """The seeds are the same whenever asked, start alike for any count, and are no trial's own."""
    seeds = fresh_seeds(seed, number, count)
    assert seeds == fresh_seeds(seed, number, count + 1)[:count]
    assert len(set(seeds)) == count
    assert not set(seeds) & {derived_seed(seed, other, 1) for other in range(50)}


@given(st.integers(0, 2**32), st.integers(1, 20))
def test_fresh_data_seeds_are_fresh(seed: int, count: int) -> None:
    """The seeds of the data are the same whenever asked, start alike for any count, and are no trial's own."""
    seeds = fresh_data_seeds(seed, count)
    assert seeds == fresh_data_seeds(seed, count + 1)[:count]
    assert len(set(seeds)) == count
    assert not set(seeds) & {derived_seed(seed, other, stream) for other in range(20) for stream in range(1, 6)}


def test_fresh_data_are_fresh() -> None:
    """A fresh data set has other values and the sweep's true graph, also where that is not the simulation's."""
    data = DataConfig(rows=120, variables=5, edges=4, missing=0.1)
    sweep_data = prepare(simulate(data), TRAINER)
    first, second = (fresh_dataset(data, seed, sweep_data, TRAINER) for seed in fresh_data_seeds(1337, 2))
    assert len({item.key for item in (sweep_data, first, second)}) == 3
    for fresh in (first, second):
        assert fresh.names == sweep_data.names
        assert np.array_equal(fresh.truth, sweep_data.truth)
        assert not np.array_equal(fresh.values, sweep_data.values)
        assert not np.array_equal(fresh.observed, sweep_data.observed)
    given = np.eye(5, k=1, dtype=bool)
    assert np.array_equal(fresh_dataset(data, 7, replace(sweep_data, truth=given), TRAINER).truth, given)


@pytest.mark.parametrize("jobs", [2, 3, 9])
def test_fresh_trainings_do_not_depend_on_jobs(jobs: int) -> None:
    """Any number of workers gives, bit for bit and in the same order, what one gives."""
    data = DataConfig(rows=120, variables=4, edges=3)
    dataset = prepare(simulate(data), TRAINER)
    expected = train_fresh(PICKS, 3, data, dataset, BackendConfig(jobs=1))
    found = train_fresh(PICKS, 3, data, dataset, BackendConfig(name="threading", jobs=jobs))
    assert alike(expected, found)
    assert found is not None
    seeds = [(number, seed) for number in PICKS for seed in fresh_seeds(5, number, 3)]
    assert [item[:2] for item in found] == seeds + seeds
    assert [item.data_seed for item in found] == [None] * 6 + fresh_data_seeds(5, 3) * 2
    assert len({item.outcome.numbers["weights_hash"] for item in found if item.outcome}) == 12


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_stopped_after_any_round_and_continued(rounds: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped again and again, fresh training goes on where it was and gives what it would have given."""
    data = DataConfig(rows=120, variables=4, edges=3)
    dataset, store, one = prepare(simulate(data), TRAINER), tmp_path / "trained.pt", BackendConfig(jobs=1)
    calm = train_fresh(PICKS, 3, data, dataset, one)
    monkeypatch.setattr(fresh_training, "LANES_A_JOB", 7)  # six lanes on the sweep's data, two on each fresh set
    starts, found = 0, None
    while found is None:
        starts += 1
        found = train_fresh(PICKS, 3, data, dataset, one, store, rounds=rounds)
    assert starts == math.ceil(4 / rounds), "two data sets at a time, two rounds each"
    assert alike(calm, found)


def test_what_was_trained_is_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second time nothing is trained; of another pick, or of more seeds, only what is new."""
    data = DataConfig(rows=120, variables=4, edges=3)
    dataset, store, one = prepare(simulate(data), TRAINER), tmp_path / "trained.pt", BackendConfig(jobs=1)
    first = train_fresh(PICKS, 2, data, dataset, one, store)
    assert alike(first, train_fresh(PICKS, 2, data, dataset, one, store, rounds=0))
    begun: list[tuple[int, int]] = []
    original = fresh_training.start

    def start(trials: list[tuple[int, int, Hyperparameters]], *rest: Any) -> Any:
        begun.extend((number, seed) for number, seed, _ in trials)
        return original(trials, *rest)

    monkeypatch.setattr(fresh_training, "start", start)
    other = {7: PICKS[7], 3: Hyperparameters()}
    again = train_fresh(other, 2, data, dataset, one, store)
    assert {number for number, _ in begun} == {3}
    assert alike(again, train_fresh(other, 2, data, dataset, one))
    begun.clear()
    more = train_fresh(other, 3, data, dataset, one, store)
    assert sorted(begun) == sorted(2 * [(number, fresh_seeds(5, number, 3)[2]) for number in other])
    assert alike(more, train_fresh(other, 3, data, dataset, one))


@pytest.mark.parametrize("damage", [b"", b"no file of ours", "cut"])
def test_a_damaged_state_is_trained_again(damage: bytes | str, tmp_path: Path) -> None:
    """What cannot be read costs the time to train it again, nothing else."""
    data = DataConfig(rows=120, variables=4, edges=3)
    dataset, store, one = prepare(simulate(data), TRAINER), tmp_path / "trained.pt", BackendConfig(jobs=1)
    calm = train_fresh(PICKS, 2, data, dataset, one, store)
    store.write_bytes(damage if isinstance(damage, bytes) else store.read_bytes()[:-200])
    assert alike(calm, train_fresh(PICKS, 2, data, dataset, one, store))


def test_a_training_that_diverges_fails_alone() -> None:
    """A diverged training has a reason and no score; its neighbours are as if it were not there."""
    data = DataConfig(rows=120, variables=4, edges=3)
    dataset, one = prepare(simulate(data), TRAINER), BackendConfig(jobs=1)
    found = train_fresh({**PICKS, 4: Hyperparameters(lambda_disen=1e39)}, 2, data, dataset, one)
    assert found is not None
    assert [(item.trial, item.error, item.outcome is None) for item in found if item.error] == [
        (4, "loss is not finite", True)
    ] * 4
    assert alike([item for item in found if item.trial != 4], train_fresh(PICKS, 2, data, dataset, one))


def test_data_that_cannot_be_learned_from_fail() -> None:
    """A draw without enough values is a failed training with its reason, not an error of the run."""
    data = DataConfig(rows=120, variables=4, edges=3)
    dataset = prepare(simulate(data), TRAINER)
    found = train_fresh({0: Hyperparameters()}, 2, replace(data, rows=20), dataset, BackendConfig(jobs=1))
    assert found is not None
    assert [item.error == "" for item in found] == [True, True, False, False]
    assert all("rows" in item.error for item in found[2:])


def written(folder: Path, name: str) -> list[dict[str, str]]:
    """The rows of a file of confirm/."""
    return table(folder / "confirm" / name)


def retrained(folder: Path, trial: int, seeds: list[int]) -> list[Outcome]:
    """What a run's settings come to on some seeds, trained here and now."""
    spec = load_spec(str(folder / "sweep.yaml"))
    row = read_rows((folder / "trials.csv").read_text())[trial]
    dataset = prepare(load_table(spec.data), spec.trainer)
    hyper = Hyperparameters(**{name: row[name] for name in spec.space})
    with Workers(BackendConfig(jobs=1), dataset, spec.trainer) as workers:
        results = train([(trial, seed, hyper) for seed in seeds], dataset, workers, spec.trainer.epochs)
    return [result.outcome for result in results]


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished oracle sweep with three fresh seeds and three fresh data sets; only to be read."""
    where = tmp_path_factory.mktemp("tried")
    with contextlib.chdir(where), pytest.MonkeyPatch.context() as patch, handlers_kept():
        patch.setattr("reports.page.write_report", lambda folder: folder / "report.html")
        assert sweep(*SMALL, "--confirm", "3", "-q") == 0
    return where / only(where / "runs")


@pytest.mark.usefixtures("no_report")
def test_confirmation_does_not_touch_the_records(tried: Path) -> None:
    """The trials are the same with and without --confirm, which alone writes confirm/."""
    assert sweep(*SMALL, "--confirm", "0", "-q", "-o", "none") == 0
    assert trials(tried) == trials(only("none"))
    assert not (only("none") / "confirm").exists()
    assert json.loads((only("none") / "summary.json").read_text())["confirm"] is None


@pytest.mark.parametrize("name", ["seeds.csv", "data.csv"])
def test_the_summary_is_that_of_the_rows(tried: Path, name: str) -> None:
    """Each pick has its rows; means, intervals and gaps of the summary are theirs, at the pick's own cut."""
    summary = json.loads((tried / "summary.json").read_text())
    rows = written(tried, name)
    assert list(rows[0]) == list(FRESH_COLUMNS if name == "seeds.csv" else DATA_COLUMNS)
    block = summary["confirm"] if name == "seeds.csv" else summary["confirm"]["data"]
    for pick, found, own, suffix in (
        ("oracle", block, summary["best"], ""), ("blind", block["blind"], summary["blind"], "_blind"),
    ):  # fmt: skip
        mine = [row for row in rows if row["pick"] == pick]
        assert [int(row["seed"]) for row in mine] == fresh_seeds(1337, own["number"], 3)
        assert {int(row["trial"]) for row in mine} == {own["number"]} == {found["trial"]}
        if name == "data.csv":
            assert [int(row["data_seed"]) for row in mine] == fresh_data_seeds(1337, 3)
        assert (found["n"], found["failed"]) == (3, 0)
        for score, top in (("shd", math.inf), ("f1", 1.0)):
            values = [float(row[f"val_{score}{suffix}"]) for row in mine]
            assert found[f"{score}_mean"] == pytest.approx(np.mean(values))
            assert found[f"{score}_gap"] == pytest.approx(np.mean(values) - own[f"val_{score}{suffix}"])
            if len(set(values)) > 1:
                low, high = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
                assert found[f"{score}_low"] == pytest.approx(max(0.0, low))
                assert found[f"{score}_high"] == pytest.approx(min(top, high))
    hashes = {row["weights_hash"] for row in rows} | {summary["best"]["weights_hash"]}
    assert len(hashes) == 1 + len({(row["trial"], row["seed"]) for row in rows})


def test_edge_frequencies_are_counts(tried: Path) -> None:
    """confirm/edges.csv counts the graphs that the fresh seeds give when they are trained again, edge by edge."""
    summary = json.loads((tried / "summary.json").read_text())
    best, blind = (summary[name]["number"] for name in ("best", "blind"))
    tuned = sum(item.graph.astype(int) for item in retrained(tried, best, fresh_seeds(1337, best, 3)))
    plain = sum(item.blind_graph.astype(int) for item in retrained(tried, blind, fresh_seeds(1337, blind, 3)))
    own = retrained(tried, best, [summary["best"]["seed"]])[0].graph
    table_ = load_table(load_spec(str(tried / "sweep.yaml")).data)
    rows = written(tried, "edges.csv")
    assert list(rows[0]) == list(EDGE_COLUMNS)
    assert table_.truth is not None
    listed = np.zeros_like(own)
    for row in rows:
        i, j = table_.names.index(row["cause"]), table_.names.index(row["effect"])
        listed[i, j] = True
        assert float(row["frequency_oracle"]) == pytest.approx(tuned[i, j] / 3)
        assert float(row["frequency_blind"]) == pytest.approx(plain[i, j] / 3)
        assert row["in_sweep_graph"] == str(bool(own[i, j])).lower()
        assert row["true"] == str(bool(table_.truth[i, j])).lower()
    assert np.array_equal(listed, (tuned > 0) | (plain > 0) | own | table_.truth)
    assert summary["confirm"]["edges_always"] == (tuned == 3).sum()
    assert summary["confirm"]["blind"]["edges_ever"] == (plain > 0).sum()


@given(st.lists(st.integers(0, 2**12 - 1), max_size=5))
def test_agreement_is_counted_by_pairs(codes: list[int]) -> None:
    """The likeness of graphs is the mean SHD over their pairs, and the edges that all and any of them have."""
    places = [(i, j) for i in range(4) for j in range(4) if i != j]
    found = np.zeros((len(codes), 4, 4), dtype=bool)
    for graph, code in zip(found, codes, strict=True):
        for bit, place in enumerate(places):
            graph[place] = bool(code >> bit & 1)
    alike = agreement(found)
    if not codes:
        assert set(alike.values()) == {None}
        return
    pairs = [oracles.shd(a, b) for index, a in enumerate(found) for b in found[index + 1 :]]
    assert alike["pair_shd"] == (None if not pairs else pytest.approx(sum(pairs) / len(pairs)))
    assert alike["edges_always"] == sum(all(graph[place] for graph in found) for place in places)
    assert alike["edges_ever"] == sum(any(graph[place] for graph in found) for place in places)
    assert alike["edges_mean"] == pytest.approx(sum(int(graph.sum()) for graph in found) / len(found))


@pytest.mark.usefixtures("no_report")
def test_the_blind_pick_never_sees_the_truth() -> None:
    """Beside another true graph a blind sweep has the same pick, fresh graphs and frequencies; scores alone differ."""
    Path("other.csv").write_text("cause,effect\ntemperature,humidity\nwind_speed,temperature\n")
    some = ("--set", "space.lambda_sparse={low: 0.02, high: 0.3, log: true}", "--set", "trainer.epochs=16")
    words = (*SMALL, *some, "--set", "data.rows=400", "--objective", "blind", "--confirm", "2", "-q")
    assert sweep(*words, "-o", "own") == 0
    assert sweep(*words, "-g", "other.csv", "-o", "other") == 0
    own, other = only("own"), only("other")
    summaries = [json.loads((folder / "summary.json").read_text()) for folder in (own, other)]
    blocks = [summary["confirm"]["blind"] for summary in summaries]
    for name in ("trial", "n", "pair_shd", "edges_mean", "edges_always", "edges_ever"):
        assert blocks[0][name] == blocks[1][name]
    assert blocks[0]["shd_mean"] != blocks[1]["shd_mean"]
    for name in ("seeds.csv", "data.csv"):
        first, second = written(own, name), written(other, name)
        assert {row["pick"] for row in first} == {"blind"}
        assert [row["weights_hash"] for row in first] == [row["weights_hash"] for row in second]
    frequencies = [
        {(row["cause"], row["effect"]): row["frequency_blind"] for row in written(folder, "edges.csv")}
        for folder in (own, other)
    ]
    seen = [{edge: text for edge, text in found.items() if text != "0"} for found in frequencies]
    assert seen[0] == seen[1]
    assert 0 < len(seen[0]) < 20


@pytest.mark.usefixtures("no_report")
def test_without_a_true_graph(capsys: pytest.CaptureFixture[str]) -> None:
    """No score, no fresh data, but how often each edge returns, and how alike the graphs are."""
    table_ = simulate(DataConfig(rows=120, variables=4, edges=3, missing=0.0))
    lines = [",".join(table_.names), *(",".join(f"{value:.9g}" for value in row) for row in table_.values)]
    Path("data.csv").write_text("\n".join(lines) + "\n")
    assert sweep(*SMALL, "-d", "data.csv", "--confirm", "3") == 0
    summary = json.loads((only() / "summary.json").read_text())
    block = summary["confirm"]
    assert block["data"] is None
    assert not (only() / "confirm" / "data.csv").exists()
    for found in (block, block["blind"]):
        assert {found[f"{name}_{part}"] for name in ("shd", "f1") for part in ("mean", "low", "high", "gap")} == {None}
        assert found["pair_shd"] is not None
        assert found["edges_always"] <= found["edges_mean"] <= found["edges_ever"]
    rows = written(only(), "edges.csv")
    assert {(row["frequency_oracle"], row["true"]) for row in rows} == {("", "")}
    assert sum(float(row["frequency_blind"]) for row in rows) == pytest.approx(block["edges_mean"])
    text = capsys.readouterr().err
    assert "SHD" not in text
    assert f"winner on 3 fresh seeds: {block['edges_always']} of {block['edges_ever']} edge" in text


@pytest.mark.usefixtures("no_report")
def test_fewer_fresh_seeds_later() -> None:
    """A run that is finished again with --confirm 0 keeps no file that its summary does not speak of."""
    assert sweep(*SMALL, "--confirm", "2", "-q") == 0
    assert sweep(*SMALL, "--confirm", "0", "-q") == 0
    summary = json.loads((only() / "summary.json").read_text())
    assert summary["confirm"] is None
    assert [path.name for path in (only() / "confirm").iterdir()] == ["trained.pt"]


@pytest.mark.usefixtures("no_report")
def test_ctrl_c_while_confirming(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C while the picks are trained again ends after the round; the same command ends as if undisturbed."""
    words = (*SMALL, "--confirm", "2")
    monkeypatch.setattr("sys.argv", ["lambda_sweep", *words])
    rounds: list[int] = []

    def ended(_: Any, done: int, *__: Any) -> None:
        rounds.append(done)
        if len(rounds) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr("studies.terminal.Terminal.fresh_round_ended", ended)
        assert sweep(*words) == 130
    assert len(rounds) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == f"Continue    python -m studies.lambda_sweep {shlex.join(words)}"
    summary = json.loads((only() / "summary.json").read_text())
    assert (summary["stopped_early"], summary["confirm"], summary["trials"]) == (True, None, 10)
    assert sweep(*words) == 0
    text = capsys.readouterr().err
    assert re.search(r"confirm    trial .* again, on 2 fresh seeds and 2 fresh data sets, \d+ % done\n", text)
    assert "Continue" not in text
    assert sweep(*words, "-q", "-o", "calm") == 0
    assert results(only()) == results(only("calm"))
    capsys.readouterr()
    assert sweep(*words) == 0
    assert "confirm  " not in capsys.readouterr().err, "on a finished run nothing is trained again"
    assert results(only()) == results(only("calm"))
