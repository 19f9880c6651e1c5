"""Laws of what a person sees: facts in one line each, numbers without exponents, one path on stdout."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.tables import Table
from studies.lines import (
    closing_lines,
    count,
    data_line,
    duration,
    edge_warnings,
    fixed,
    fresh_lines,
    missing_line,
    result_text,
    space_line,
)
from studies.terminal import Terminal, announce, wrapped
from sweeps.spec import load_spec

DONE: dict[str, Any] = {
    "number": 7, "state": "complete", "epochs": 8, "val_shd": 1, "val_f1": 0.963, "edge_count": 14, "blind_score": 1.25,
    "true_edge_count": 13, "avg_grad_clip_ratio": 0.061, "degenerate": None,
}  # fmt: skip
FAILED = {"number": 3, "state": "failed", "epochs": 3, "error": "loss is not finite"}


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def table_of(values: Any, truth: Any = None) -> Table:
    """A table of two variables."""
    values = np.asarray(values, dtype=float)
    return Table("my", ("a", "b"), values, np.zeros(len(values), dtype=np.int64), truth, "0" * 64)


def test_counts_and_numbers() -> None:
    """One is singular, thousands are separated, numbers have no exponent."""
    assert [count(1, "trial"), count(2, "trial"), count(0, "trial")] == ["1 trial", "2 trials", "0 trials"]
    assert count(2000, "row") == "2,000 rows"
    assert [fixed(value) for value in (0.0001, 1.0, 1e-6, 0.05, 300.0, 0.0)] == ["0.0001", "1", "0.000001", "0.05",
                                                                               "300", "0"]  # fmt: skip


@given(st.floats(1e-9, 1e5))
def test_numbers_stay_near(value: float) -> None:
    """A number as written is what was meant, to the digits shown."""
    assert "e" not in fixed(value)
    assert float(fixed(value)) == pytest.approx(value, rel=1e-5, abs=1e-10)


def test_the_first_lines() -> None:
    """Data, missing values and space are told in a line each."""
    truth = np.array([[False, True], [False, False]])
    table = table_of([[1, np.nan], [2, 2], [np.nan, np.nan], [4, 4]], truth)
    assert data_line("mine", table, 7) == "mine: my, 4 rows x 2 variables, 38 % missing, 1 true edge, seed 7"
    assert data_line("mine", table_of([[1, 2]]), 7).endswith("0 % missing, no true graph, seed 7")
    assert missing_line(table) == "missing    b 50 %, a 25 %"
    assert missing_line(table_of([[1, 2]])) == ""
    text = space_line(load_spec("smoke", [("space.lr", "[0.1, 0.2]")]))
    assert text == "search     lambda_sparse 0.0003-3 log, lambda_acyclic 0.000001-0.1 log, lr 2 values"


def test_result_text() -> None:
    """A result shows edges beside true edges; without a true graph the score, and no accuracy."""
    assert result_text(DONE) == "SHD 1  F1 0.96  edges 14/13  clip 6 %"
    assert result_text({**DONE, "val_shd": None}) == "score 1.250  edges 14  clip 6 %"


def test_plain_lines_without_a_terminal() -> None:
    """Without a terminal there are plain lines: best and failed trials, with -v every one; quiet says nothing."""
    texts = {}
    for quiet, verbose in ((False, False), (False, True), (True, True)):
        stream = io.StringIO()
        terminal = Terminal(5, quiet=quiet, verbose=verbose, stream=stream)
        terminal.open_bar(0, 5, 0.0)
        terminal.trial_ended(DONE, best=True)
        terminal.trial_ended(FAILED, best=False)
        terminal.trial_ended({**DONE, "number": 8, "state": "pruned"}, best=False)
        terminal.round_ended([DONE, FAILED], 0.5)
        terminal.close_bar()
        texts[quiet, verbose] = stream.getvalue().splitlines()
    usual = [
        "trial 7    SHD 1  F1 0.96  edges 14/13  clip 6 %  best",
        "trial 3    failed at epoch 3: loss is not finite, see errors/trial-0003.txt",
    ]
    assert texts[False, False] == usual
    assert texts[False, True] == [*usual, "trial 8    pruned at epoch 8  SHD 1  F1 0.96  edges 14/13  clip 6 %"]
    assert texts[True, True] == []


def test_a_plain_line_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no bar can be drawn the state is a line, at most every ten seconds."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    stream = io.StringIO()
    terminal = Terminal(5, quiet=False, verbose=False, stream=stream)
    for now[0] in (105.0, 111.0, 112.0, 122.0):
        terminal.round_ended([FAILED, {**DONE, "degenerate": "empty"}], 0.4)
    assert stream.getvalue().splitlines() == [" 40 %  2/5 trials  no result yet | 0 pruned 1 failed 1 empty"] * 2


@pytest.mark.parametrize(("width", "shown"), [(120, True), (80, False), (40, False)])
def test_the_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch, width: int, shown: bool) -> None:
    """On a terminal there is a bar with as much of the best result and the states as fits, removed in the end."""
    monkeypatch.setenv("COLUMNS", str(width))
    stream = Screen()
    terminal = Terminal(5, quiet=False, verbose=False, stream=stream)
    terminal.open_bar(0, 5, 0.0)
    terminal.trial_ended(DONE, best=True)
    terminal.round_ended([DONE], 0.2)
    text = stream.getvalue()
    assert "0/5 00:00<?" in text
    assert "1/5 00:00<00:0" in text
    assert ("best SHD 1 F1 0.96 edges 14/13" in text) == (width > 40)
    assert ("14/13 | 0 pruned 0 failed 0 empty" in text) == shown
    assert max(len(part) for part in text.replace("\n", "\r").split("\r")) <= width
    terminal.close_bar()
    assert stream.getvalue().endswith("\r")


def test_the_time_left_is_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an earlier process did counts as done, and not for the speed."""
    monkeypatch.setenv("COLUMNS", "120")
    stream, now = Screen(), [100.0]
    terminal = Terminal(100, quiet=False, verbose=False, stream=stream)
    terminal.open_bar(50, 100, 0.5)
    monkeypatch.setattr(terminal.bar, "_time", lambda: now[0])
    terminal.bar.start_t, now[0] = 100.0, 110.0
    terminal.round_ended([DONE] * 60, 0.6)
    assert "50/100 00:00<?" in stream.getvalue()
    assert "60/100 00:10<00:40" in stream.getvalue()


def test_fresh_trainings_have_a_bar_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the picks are trained again the bar counts trainings; elsewhere a plain line does."""
    now, stream = [100.0], io.StringIO()
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    terminal = Terminal(5, quiet=False, verbose=False, stream=stream)
    now[0] = 111.0
    terminal.fresh_round_ended(3, 20, 0.4)
    assert stream.getvalue() == " 40 %  3/20 trainings  on fresh seeds and data\n"


@given(st.lists(st.text("abc,", min_size=1, max_size=12), min_size=1, max_size=30), st.integers(30, 130))
def test_long_lines_are_broken_at_spaces(words: list[str], width: int) -> None:
    """Broken lines have all words in order and fit, later ones stand below the text; what is typed stays whole."""
    line = "missing    " + " ".join(words)
    parts = wrapped(line, width).split("\n")
    assert " ".join(parts).split() == line.split()
    assert all(len(part) <= width for part in parts)
    assert all(part.startswith("  ") for part in parts[1:])
    assert wrapped(f"hint: --set {line}", width) == f"hint: --set {line}"


def test_where_later_lines_begin() -> None:
    """Below the text of a labelled line, two spaces in without a label or on a narrow terminal."""
    assert wrapped("missing    " + "abcd " * 12, 62).split("\n")[1].startswith(" " * 11 + "abcd")
    assert wrapped("smoke: " + "abcd " * 12, 62).split("\n")[1].startswith("  abcd")
    assert wrapped("missing    " + "abcd " * 12, 40).split("\n")[1].startswith("  abcd")


def test_a_number_keeps_its_percent_sign() -> None:
    """A line is not broken between a number and its percent sign."""
    assert wrapped("missing  " + "x" * 28 + " 8 % missing", 40).split("\n") == ["missing  " + "x" * 28, "  8 % missing"]


def test_durations() -> None:
    """Seconds, minutes or hours, as a person would say it."""
    assert [duration(value) for value in (0.4, 89, 90, 3600, 5400, 9000)] == [
        "0 s", "89 s", "2 min", "60 min", "1.5 h", "2.5 h",
    ]  # fmt: skip


def test_the_last_lines() -> None:
    """States add up, the interval is named as such, and a saving is an estimate."""
    rows = [DONE, FAILED, {**DONE, "state": "pruned"}]
    fresh = {"n": 5, "shd_mean": 1.8, "shd_low": 0.9, "shd_high": 2.7}
    summary = {"confirm": fresh, "search_seconds": 12.2, "pruning_saved_seconds": 5.1}
    assert closing_lines(summary, rows) == [
        "winner on 5 fresh seeds: SHD 1.8 (95 % interval 0.9 to 2.7)",
        "3 trials in 12 s: 1 complete, 1 pruned, 1 failed; pruning saved about 5 s of training.",
    ]
    one = {"confirm": {**fresh, "n": 1, "shd_low": None}, "search_seconds": 1.0, "pruning_saved_seconds": 0.0}
    assert closing_lines(one, [DONE]) == [
        "winner on 1 fresh seed: SHD 1.8", "1 trial in 1 s: 1 complete, 0 pruned, 0 failed.",
    ]  # fmt: skip
    assert len(closing_lines({**one, "confirm": None}, [DONE])) == 1
    assert closing_lines({**one, "confirm_seconds": 7.8}, [DONE])[-1].endswith(
        "0 failed. Fresh training took 8 s more."
    )


def test_the_lines_of_the_confirmation() -> None:
    """The blind pick and fresh data have a line each, with the interval; without a true graph the graphs' likeness."""
    more = {"n": 5, "f1_mean": 0.97, "f1_low": 0.93, "f1_high": 1.0, "failed": 0}
    block = {"n": 5, "shd_mean": 1.8, "shd_low": 0.9, "shd_high": 2.7, "failed": 1}
    blind = {**block, "trial": 7, "shd_mean": 4.25, "failed": 0}
    data = {**more, "shd_mean": 0.8, "shd_low": 0.1, "shd_high": 1.5}
    assert fresh_lines({**block, "blind": blind, "data": data}) == [
        "winner on 5 fresh seeds: SHD 1.8 (95 % interval 0.9 to 2.7)",
        "trial 7, picked and cut blind, on 5 fresh seeds: SHD 4.2 (0.9 to 2.7)",
        "fresh data  F1 0.97 (0.93 to 1.00), SHD 0.8 on 5 new data sets of the same generator",
        "warning: 1 training on fresh seeds failed, see confirm/seeds.csv",
    ]
    alike = {"n": 3, "shd_mean": None, "edges_always": 11, "edges_ever": 14, "pair_shd": 1.75, "failed": 0}
    assert fresh_lines({**alike, "blind": alike, "data": None}) == [
        "winner on 3 fresh seeds: 11 of 14 edges are in every graph, two graphs differ on 1.8 pairs on average",
    ]
    lone = {**alike, "n": 1, "pair_shd": None, "edges_ever": 1}
    assert fresh_lines(lone) == ["winner on 1 fresh seed: 1 edge, no true graph to compare with"]
    assert fresh_lines({"n": 0, "shd_mean": None, "failed": 2}) == [
        "warning: 2 trainings on fresh seeds failed, see confirm/seeds.csv"
    ]
    assert fresh_lines(None) == []


def test_edges_of_the_range() -> None:
    """A best value near a bound is told with the setting that widens the range; one in the middle is not."""
    spec = load_spec("smoke", [("space.lr", "{low: 0.1, high: 1.1}")])
    best = {"lambda_sparse": 2.9, "lambda_acyclic": 1e-3, "lr": 0.12}
    assert edge_warnings(best, spec) == [
        "warning: lambda_sparse 2.9 is at the edge of its range", "hint: --set space.lambda_sparse.high=30",
        "warning: lr 0.12 is at the edge of its range", "hint: --set space.lr.low=0.01",
    ]  # fmt: skip
    assert edge_warnings(None, spec) == []
    load_spec("smoke", [("space.lambda_sparse.high", "30"), ("space.lr", "{low: 0.01, high: 1.1}")])


@pytest.mark.parametrize("name", ["lr", "weight_decay"])
def test_a_widened_range_is_a_valid_one(name: str) -> None:
    """What the hint says to type is accepted by the settings, even at the end of what a setting may be."""
    bounds = {"lr": "{low: 0.001, high: 9.0, log: true}", "weight_decay": "{low: 0.0, high: 0.5}"}
    spec = load_spec("smoke", [(f"space.{name}", bounds[name])])
    usual = {"lambda_sparse": 0.1, "lambda_acyclic": 1e-3, "lr": 0.1}
    for value in (8.9, 0.0011) if name == "lr" else (0.49, 0.0):
        for line in edge_warnings({**usual, name: value}, spec):
            if line.startswith("hint: --set "):
                key, _, text = line.removeprefix("hint: --set ").partition("=")
                load_spec("smoke", [(f"space.{name}", bounds[name]), (key, text)])


def test_announce(capsys: pytest.CaptureFixture[str]) -> None:
    """Stdout gets the bare path, stderr the label; quiet keeps the path only."""
    announce("Report", "a/report.html")
    streams = capsys.readouterr()
    assert (streams.out, streams.err) == ("a/report.html\n", "Report      a/report.html\n")
    announce("Report", "a/report.html", quiet=True)
    streams = capsys.readouterr()
    assert (streams.out, streams.err) == ("a/report.html\n", "")
