"""Laws of the sweep: how it is computed does not matter, the budget is a total, states add up."""

import json
from pathlib import Path
from typing import Any

import pytest
from commands import ALL_STATES, SMALL, folders, only, results, sweep, trials

from core.trainer import Evaluation
from studies.choice import best_row
from studies.sweep import Sweep

pytestmark = pytest.mark.usefixtures("no_report")


@pytest.mark.parametrize(
    "how",
    [
        ("-j", "3", "--backend", "threading"),
        ("-j", "2", "--backend", "loky"),
        pytest.param(("-j", "3", "--backend", "loky"), marks=pytest.mark.slow),
        pytest.param(("-j", "2", "--backend", "threading", "--set", "search.lanes=7"), marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
def test_jobs_and_backend_change_nothing(how: tuple[str, ...]) -> None:
    """The same settings and seed give the same results for any number of jobs and any backend."""
    lanes = how[4:]
    assert sweep(*ALL_STATES, *lanes, "--confirm", "3", "-q", "-o", "one") == 0
    assert sweep(*ALL_STATES, *how, "--confirm", "3", "-q", "-o", "many") == 0
    assert only("one").name == only("many").name
    assert results(only("many")) == results(only("one"))


def test_the_same_command_runs_nothing_new(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On a finished run the same command trains nothing, says so, changes no result, and reports again."""
    assert sweep(*SMALL) == 0
    before, reports = results(only()), []
    monkeypatch.setattr("reports.page.write_report", reports.append)
    monkeypatch.setattr("studies.rounds.Workers.advance", lambda *_: pytest.fail("trained"))
    capsys.readouterr()
    assert sweep(*SMALL) == 0
    assert results(only()) == before
    assert reports == [only()]
    assert "finished: 10 of 10 done; the report is written again" in capsys.readouterr().err


def test_a_larger_total_adds_the_difference() -> None:
    """--trials N means N in all: earlier rows stay as they are, seconds included, and as many come as lack."""
    assert sweep(*SMALL, "-n", "4", "-q") == 0
    first = (only() / "trials.csv").read_text().splitlines()
    assert sweep(*SMALL, "-n", "9", "-q") == 0
    later = (only() / "trials.csv").read_text().splitlines()
    assert len(later) == 1 + 9
    assert later[:5] == first
    assert sweep(*SMALL, "-n", "5", "-q") == 0
    assert (only() / "trials.csv").read_text().splitlines() == later


def test_fresh_starts_another_folder() -> None:
    """--fresh leaves the earlier run alone and gives the same results beside it."""
    for turn in range(3):
        assert sweep(*SMALL, "-q", *(["--fresh"] if turn else [])) == 0
    first, second, third = folders()
    assert (second.name, third.name) == (f"{first.name}-2", f"{first.name}-3")
    assert results(first) == results(second) == results(third)


def test_the_folder_is_named_by_what_is_searched() -> None:
    """Data, settings and seed change the folder's name; budget, machine and what comes after do not."""

    def name_of(*words: str) -> str:
        where = f"out{len(list(Path().iterdir()))}"
        assert sweep(*SMALL, "-n", "2", *words, "-q", "-o", where) == 0
        return only(where).name

    usual = name_of()
    same = (["-n", "3"], ["-j", "2", "--backend", "threading"], ["--confirm", "1"], ["--timeout", "9"])
    assert {name_of(*words) for words in same} == {usual}
    other = (
        ["--seed", "1"], ["--set", "data.rows=121"], ["--set", "data.seed=1"], ["--set", "trainer.clip_norm=2"],
        ["--sampler", "random"], ["--set", "space.lr.high=0.2"], ["--lanes", "3"], ["--objective", "blind"],
        ["--pruner", "none"], ["--set", "study=other"],
    )  # fmt: skip
    names = [name_of(*words) for words in other]
    assert len({usual, *names}) == 1 + len(other)


def test_the_seed_changes_the_trials() -> None:
    """Another study seed gives other suggestions and other weights."""
    assert sweep(*SMALL, "-q", "-o", "a") == 0
    assert sweep(*SMALL, "-q", "-o", "b", "--seed", "1") == 0
    for column in ("lr", "seed", "weights_hash"):
        values = {row[column] for where in "ab" for row in trials(only(where))}
        assert len(values) == 20


def test_a_timeout_starts_nothing_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time is up live trials run to their end, no new one starts, and the rest can be had later."""
    with monkeypatch.context() as patch:
        refill = Sweep.refill

        def late(self: Sweep, budget: int) -> None:
            self.out_of_time = lambda: self.search.asked >= 4
            refill(self, budget)

        patch.setattr(Sweep, "refill", late)
        assert sweep(*SMALL, "--pruner", "none", "-q", "--timeout", "5") == 0
    found = results(only())
    assert [row["state"] for row in found["trials.csv"]] == ["complete"] * 4
    assert found["stopped_early"] is True
    assert sweep(*SMALL, "--pruner", "none", "-q", "--timeout", "5") == 0
    assert len(trials(only())) == 10


def test_diverging_trials_fail_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """Trials that diverge are failed with a reason; the others are bit for bit what they are without them."""
    words = (*SMALL, "--sampler", "random", "--pruner", "none")
    assert sweep(*words, "--set", "space.lambda_disen=[1e-4, 1e39]", "-o", "ill") == 0
    assert sweep(*words, "--set", "space.lambda_disen=[1e-4, 2e-4]", "-q", "-o", "well") == 0
    ill, well = trials(only("ill")), trials(only("well"))
    failed = [row for row in ill if row["state"] == "failed"]
    assert {row["lambda_disen"] for row in failed} == {"1e+39"}
    assert all(row["error"].endswith(" is not finite at step 1") for row in failed)
    pairs = [(a, b) for a, b in zip(ill, well, strict=True) if a["state"] == "complete"]
    assert failed
    assert pairs
    assert all(a == b for a, b in pairs)
    text = capsys.readouterr().err
    for row in failed:
        file = only("ill") / "errors" / f"trial-{int(row['number']):04}.txt"
        assert row["error"] in file.read_text()
        assert row["seed"] in file.read_text()
        assert f"see errors/{file.name}" in text
    assert len(list((only("ill") / "errors").iterdir())) == len(failed)


def test_a_failure_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trial that fails late fails alone too, and its row has no numbers."""
    from studies.rounds import Workers

    assert sweep(*SMALL, "--pruner", "none", "--sampler", "random", "-q", "-o", "well") == 0
    advance = Workers.advance

    def failing(self: Workers, lanes: Any) -> tuple[Any, list[Evaluation]]:
        after, found = advance(self, lanes)
        hit = [item._replace(failed_step=41) if item.trial == 2 and item.epoch > 4 else item for item in found]
        return after, hit

    monkeypatch.setattr(Workers, "advance", failing)
    assert sweep(*SMALL, "--pruner", "none", "--sampler", "random", "-q", "-o", "ill") == 0
    ill, well = trials(only("ill")), trials(only("well"))
    assert ill[2]["state"] == "failed"
    assert ill[2]["error"].endswith(" is not finite at step 41")
    assert (ill[2]["epochs"], ill[2]["val_shd"], ill[2]["weights_hash"]) == ("6", "", "")
    assert [row for row in ill if row["number"] != "2"] == [row for row in well if row["number"] != "2"]


def test_all_failed_is_an_answer_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every trial fails the exit code is 4; records, summary and report say so; continuing adds trials."""
    reports = []
    monkeypatch.setattr("reports.page.write_report", reports.append)
    words = (*SMALL, "--set", "space.lambda_disen=[1e39]", "-q")
    assert sweep(*words, "-n", "3") == 4
    summary = json.loads((only() / "summary.json").read_text())
    assert (summary["best"], summary["blind"], summary["failed"], summary["complete"]) == (None, None, 3, 0)
    assert summary["confirm"] is None
    assert reports == [only()]
    assert sweep(*words, "-n", "5") == 4
    assert [row["state"] for row in trials(only())] == ["failed"] * 5


def row(number: int, **values: Any) -> dict[str, Any]:
    """A complete trial's row, as far as picking looks at it."""
    usual = {"number": number, "state": "complete", "val_shd": 3, "val_f1": 0.5, "val_shd_blind": 4, "blind_score": 1.0}
    return {**usual, **values}


def test_the_best_trial() -> None:
    """Lowest SHD, then highest F1, then the graph that depends least on its cut, then the first; complete only."""
    rows = [row(0, val_shd=4), row(1, val_f1=0.4), row(2, val_shd_blind=5), row(3), row(4), row(5, blind_score=0.5)]
    poor = [row(6, state="pruned", val_shd=0, blind_score=0.0), {"number": 7, "state": "failed"}]
    assert best_row([*poor, *rows], "val_shd") == rows[3]
    assert best_row([*poor, *rows], "blind") == rows[5]
    assert best_row(poor, "val_shd") is None
    assert best_row(poor, "blind") is None


def own_data() -> list[str]:
    """Write a simulated table and its graph as files; return the names of the two."""
    from core.config import DataConfig
    from core.simulate import simulate

    table = simulate(DataConfig(rows=150, variables=4, edges=3, missing=0.0))
    lines = [",".join(table.names), *(",".join(map(repr, values)) for values in table.values.tolist())]
    Path("own.csv").write_text("\n".join(lines) + "\n")
    assert table.truth is not None
    edges = [f"{table.names[i]},{table.names[j]}" for i, j in zip(*table.truth.nonzero(), strict=True)]
    Path("edges.csv").write_text("\n".join(["cause,effect", *edges]) + "\n")
    return ["own.csv", "edges.csv"]


def test_a_graph_changes_nothing_of_a_blind_search() -> None:
    """Under --objective blind a given graph is compared with and never acted on: the same weights, the same pick."""
    data, graph = own_data()
    assert sweep(*SMALL, "-d", data, "-q", "-o", "without") == 0
    assert sweep(*SMALL, "-d", data, "-g", graph, "--objective", "blind", "-q", "-o", "with") == 0
    without, beside = trials(only("without")), trials(only("with"))
    for column in ("state", "seed", "lr", "epochs", "best_epoch", "blind_score", "edge_count_blind", "weights_hash"):
        assert [a[column] for a in without] == [b[column] for b in beside], column
    picks = [json.loads((only(where) / "summary.json").read_text())["best"] for where in ("without", "with")]
    assert picks[0]["number"] == picks[1]["number"]
    assert without[picks[0]["number"]]["state"] == "complete"
    assert (picks[0]["val_shd"], picks[0]["chance_p"]) == (None, None)
    assert picks[1]["val_shd"] is not None
    needs_truth = ("val_shd", "val_f1", "precision", "recall", "skeleton_f1", "true_edge_count", "best_threshold",
                   "val_shd_blind", "val_f1_blind", "skeleton_f1_blind", "val_shd_directed")  # fmt: skip
    assert {a[column] for a in without for column in needs_truth} == {""}
    assert "" not in {b[column] for b in beside for column in needs_truth}
    assert not (only("without") / "graph.csv").exists()
    assert (only("with") / "graph.csv").read_text() == Path(graph).read_text()
