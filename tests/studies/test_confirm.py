"""Laws of confirmation in a run: its files and summary, edge frequencies, the blind pick, and Ctrl-C."""

import contextlib
import json
import math
import os
import re
import shlex
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import SMALL, handlers_kept, only, results, sweep, table, trials
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.config import DataConfig, Hyperparameters
from core.data import prepare
from core.results import Outcome
from core.simulate import simulate
from studies.confirm import (
    fresh_data_seeds,
    fresh_seeds,
    train,
)
from studies.data import load_table
from studies.fresh import DATA_COLUMNS, EDGE_COLUMNS, FRESH_COLUMNS, agreement
from studies.records import read_rows
from studies.rounds import Workers
from sweeps.config import BackendConfig
from sweeps.spec import load_spec
from tests import oracles


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
    same = agreement(found)
    if not codes:
        assert set(same.values()) == {None}
        return
    pairs = [oracles.shd(a, b) for index, a in enumerate(found) for b in found[index + 1 :]]
    assert same["pair_shd"] == (None if not pairs else pytest.approx(sum(pairs) / len(pairs)))
    assert same["edges_always"] == sum(all(graph[place] for graph in found) for place in places)
    assert same["edges_ever"] == sum(any(graph[place] for graph in found) for place in places)
    assert same["edges_mean"] == pytest.approx(sum(int(graph.sum()) for graph in found) / len(found))


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
