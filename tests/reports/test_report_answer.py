"""Laws of the answer: its numbers are the folder's, each stands with its reference, and bad news comes first."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from run_folders import make_run

from reports.answer import Answer, answer
from reports.findings import findings
from reports.tables import load_run
from reports.trial_table import trial_table

Row = dict[str, Any]


def said_of(folder: Path) -> Answer:
    """Give the answer with plain spaces."""
    said = answer(load_run(folder))
    first, second, third = (text.replace("\N{NO-BREAK SPACE}", " ") for text in said.sentences)
    return Answer((first, second, third), said.verdict)


def summary_of(folder: Path) -> Row:
    return dict(json.loads((folder / "summary.json").read_text()))


def change(folder: Path, **values: Any) -> None:
    """Change values of the best trial, and of the summary where the name is one of its own."""
    summary = summary_of(folder)
    for name, value in values.items():
        (summary if name in summary else summary["best"])[name] = value
    (folder / "summary.json").write_text(json.dumps(summary))


def baselines_of(folder: Path) -> dict[str, Row]:
    with (folder / "baselines.csv").open(newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_numbers_are_the_folders(tmp_path: Path, seed: int) -> None:
    """SHD, F1, edges, references and fresh seeds in the three sentences equal what the files say."""
    folder = make_run(tmp_path / "run", seed=seed, trials=15 + seed, edges=9 + seed, confirm=2 + seed)
    best, confirm, references = summary_of(folder)["best"], summary_of(folder)["confirm"], baselines_of(folder)
    first, second, third = said_of(folder).sentences
    assert f"trial {best['number']}," in first.lower()
    assert f"SHD {best['val_shd']}, F1 {best['val_f1']:.2f}" in first
    assert f"{best['edge_count']} edge" in first
    assert f"{best['true_edge_count']} true" in first
    assert "oracle" in first
    assert f"empty graph has SHD {references['empty']['shd']} " in second
    assert f"F1 {best['chance_f1']:.2f}" in second
    assert f"{float(references['chance_floor']['f1']):.2f} on average" in second
    rival = min(
        (row for name, row in references.items() if name.startswith(("correlation", "var_t_test"))),
        key=lambda row: (float(row["shd"]), -float(row["f1"])),
    )
    assert f"{rival['label']}, has SHD {rival['shd']} and F1 {float(rival['f1']):.2f}" in second
    assert f"On {confirm['n']} fresh seeds" in third
    assert f"SHD {confirm['shd_mean']:.1f}" in third
    assert f"{confirm['shd_low']:.1f} to {confirm['shd_high']:.1f}" in third
    data = confirm["data"]
    interval = f"{data['shd_low']:.1f} to {data['shd_high']:.1f}"
    reached = f"SHD {data['shd_mean']:.1f} (95 % interval {interval}) and F1 {data['f1_mean']:.2f}"
    assert f"On 5 fresh data sets of the same generator they reach {reached}." in third


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"val_shd": 13}, "the empty graph (SHD 13)"),
        ({"val_shd": 40}, "the empty graph (SHD 13)"),
        ({"chance_p": 0.2}, "chance (p = 0.20)"),
        ({"val_f1": 0.3}, "best of 50 random graphs"),
    ],
)
def test_bad_news_is_in_the_first_sentence(tmp_path: Path, usual: Path, values: Row, told: str) -> None:
    """A best trial no better than nothing, chance or luck says so at once, with the number it fails against."""
    folder = make_run(tmp_path / "run")
    assert "not better" not in said_of(usual).sentences[0]
    change(folder, **values)
    said = said_of(folder)
    assert said.sentences[0].startswith("Do not rely on this graph")
    assert told in said.sentences[0]
    assert said.verdict == "doubt"


def test_a_simple_method_as_good_is_in_the_first_sentence(tmp_path: Path) -> None:
    """Where only a simple baseline does as well, or better, the first sentence names it with its SHD."""
    folder = make_run(tmp_path / "run")
    rival = min(
        float(row["shd"])
        for name, row in baselines_of(folder).items()
        if name.startswith(("correlation", "var_t_test"))
    )
    change(folder, val_shd=int(rival))
    assert (
        f"a simple method does just as well: VAR t-test, best cut (oracle), SHD {rival:.0f}"
        in said_of(folder).sentences[0]
    )
    change(folder, val_shd=int(rival) + 1)
    assert "a simple method is closer" in said_of(folder).sentences[0]
    assert said_of(folder).verdict == "doubt"


def test_luck_is_no_good_verdict(tmp_path: Path) -> None:
    """A winner whose fresh seeds fall behind a reference is called luck, and the third sentence names it."""
    folder = make_run(tmp_path / "run")
    summary = summary_of(folder)
    change(folder, confirm=summary["confirm"] | {"shd_mean": 0.4})
    assert said_of(folder).verdict == "good"
    change(folder, confirm=summary["confirm"] | {"shd_mean": 6.5})
    assert said_of(folder).verdict == "luck"
    assert "and no better than the 3 of VAR t-test, best cut (oracle). On 5" in said_of(folder).sentences[2]
    change(folder, confirm=summary["confirm"] | {"shd_mean": 14.0})
    assert "and no better than the empty graph's 13. On 5" in said_of(folder).sentences[2]


def test_a_blind_sweep_is_judged_blind(tmp_path: Path) -> None:
    """A blind sweep quotes its blind numbers, against baselines at their own cut, and no tuned fresh seeds."""
    folder = make_run(tmp_path / "run", objective="blind")
    best, references = summary_of(folder)["best"], baselines_of(folder)
    first, second, third = said_of(folder).sentences
    assert f"SHD {best['val_shd_blind']}, F1 {best['val_f1_blind']:.2f} and {best['edge_count_blind']} edge" in first
    assert "oracle" not in first
    rival = min((references["correlation"], references["var_t_test"]), key=lambda row: float(row["shd"]))
    assert f"{rival['label']}, has SHD {rival['shd']}" in second
    assert "at its own cut" in second
    with (folder / "confirm" / "seeds.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["pick"] for row in rows} == {"blind"}
    seeds = [float(row["val_shd_blind"]) for row in rows]
    recorded = summary_of(folder)["confirm"]["blind"]
    mean, low, high = (recorded[f"shd_{part}"] for part in ("mean", "low", "high"))
    assert mean == pytest.approx(sum(seeds) / len(seeds))
    assert f"SHD {mean:.1f} (95 % interval {low:.1f} to {high:.1f})" in third
    change(folder, confirm={"n": 5, "shd_mean": 1.0, "shd_low": 0.5, "shd_high": 1.5})  # as written by 0.1
    third = said_of(folder).sentences[2]
    assert f"SHD {sum(seeds) / len(seeds):.1f} (from {min(seeds):.1f} to {max(seeds):.1f})" in third


def test_without_a_truth_no_accuracy_is_claimed(blind: Path) -> None:
    """Without a true graph the answer says that no accuracy can be given, and gives no SHD and no F1."""
    said = said_of(blind)
    assert said.sentences[0].startswith("No true graph was given, so no accuracy can be given")
    assert f"{summary_of(blind)['best']['edge_count_blind']} edges" in said.sentences[0]
    assert not any(word in " ".join(said.sentences) for word in ("SHD", "F1"))
    alike = summary_of(blind)["confirm"]["blind"]
    assert f"{alike['edges_always']} of the {alike['edges_ever']} edges seen" in said.sentences[2]
    assert f"differ on {alike['pair_shd']:.1f} pairs" in said.sentences[2]
    assert said.verdict == "none"


def test_without_fresh_seeds_it_says_so(tmp_path: Path) -> None:
    """A run without fresh seeds calls its own number a best case."""
    folder = make_run(tmp_path / "run", confirm=0)
    assert "not run again on fresh seeds" in said_of(folder).sentences[2]
    assert "the best of 28 complete trials" in said_of(folder).sentences[2]


def test_all_failed_names_the_cause(tmp_path: Path) -> None:
    """A run in which every trial failed says so, and why most did."""
    folder = make_run(tmp_path / "run", failed=1.1, trials=9)
    said = said_of(folder)
    assert said.sentences[0] == "There is no graph to show, because no trial completed: all 9 failed."
    assert "cause of failure was: loss is not finite (" in said.sentences[1]
    assert "of 9)" in said.sentences[1]


def test_one_is_singular(tmp_path: Path) -> None:
    """One trial, one edge and one fresh seed are not called trials, edges and seeds."""
    small = {"trials": 1, "edges": 1, "names": ("a", "b", "c"), "failed": 0, "pruned": 0, "confirm": 1, "data": 1}
    folder = make_run(tmp_path / "run", **small)
    change(folder, edge_count=1, true_edge_count=1)
    text = " ".join(said_of(folder).sentences)
    assert "1 edge learned for 1 true one" in text
    assert "On 1 fresh seed the same" in text
    assert "On 1 fresh data set of" in text
    assert "interval" not in text
    assert not any(f" 1 {word}s" in text for word in ("trial", "edge", "fresh seed", "complete trial"))


def test_findings_carry_numbers_links_and_remedies(tmp_path: Path) -> None:
    """Degenerate graphs, heavy clipping, range ends, failures, luck and use of the truth are each found."""
    folder = make_run(tmp_path / "run", objective="val_shd")
    change(folder, lambda_sparse=1.1e-4, avg_grad_clip_ratio=0.8, is_dag=False, stopped_early=True, edge_count=99)
    rows = (folder / "trials.csv").read_text().replace("True,,0.", "True,empty,0.")
    (folder / "trials.csv").write_text(rows.replace("False,,0.", "False,dense,0."))
    everything = findings(load_run(folder))
    found = {finding.title: finding for finding in everything}
    assert "--set space.lambda_sparse.low=1e-05" in [finding.setting for finding in everything]
    assert found["Degenerate graphs"].text.startswith("100")
    assert "of its own" in found["Heavy clipping"].text
    assert found["Heavy clipping"].setting.startswith("--set trainer.clip_norm=")
    assert found["Failed trials"].text == "1 of 50 trials failed: loss is not finite (1)."
    assert found["Files disagree"].grave
    assert found["Stopped early"].grave
    assert "valid for benchmarks only" in found["Selection used the truth"].text
    assert {"Not acyclic", "Lucky winner"} <= set(found)


def test_trials_are_ranked_with_the_best_first(usual: Path, blind: Path) -> None:
    """The table starts with summary.json's best trial; complete come before pruned before failed."""
    for folder in (usual, blind):
        run = load_run(folder)
        table = trial_table(run, "")
        data = json.loads(table.payload)
        columns = {column["key"]: column for column in data["columns"]}
        assert columns["number"]["values"][0] == summary_of(folder)["best"]["number"]
        states = [columns["state"]["names"][place] for place in columns["state"]["values"]]
        assert states == sorted(states, key=["complete", "pruned", "failed"].index)
        assert len(data["curves"]) == data["rows"] == run.trials.rows
