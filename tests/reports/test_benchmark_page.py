"""Laws of a benchmark's page: every ratio is of one repetition, its words come from the table, it is whole offline."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
from test_report_page import Page

from core.errors import RunFolderError
from reports.__main__ import main
from reports.benchmark import write_benchmark_report
from reports.benchmark_folder import PARTS, load_benchmark_folder
from reports.benchmark_standing import floor, sentences, speeds, summary, times_longer
from reports.benchmark_tables import sections

COLUMNS = (
    "part", "unit", "method", "device", "variables", "lanes", "trials", "sampler", "seed", "repeat", "quantity",
    "value", "note", "error",
)  # fmt: skip
NONSENSE = re.compile(r"\b(nan|NaN|None|inf|undefined)\b")
Row = dict[str, Any]


def lanes_rows(speed: dict[int, list[float]], alone: list[float], variables: int = 13) -> list[Row]:
    """Speeds by lanes and repetition."""
    common = {"part": "lanes", "unit": f"lanes-{variables}", "variables": variables, "device": "cpu"}
    found = []
    for method, lanes, values in (("alone", 1, alone), *(("lanes", count, each) for count, each in speed.items())):
        for repeat, value in enumerate(values):
            row = {**common, "method": method, "lanes": lanes, "repeat": repeat}
            found.append({**row, "quantity": "trial_steps_per_second", "value": value})
            found.append({**row, "quantity": "processor_share", "value": 0.99})
    return found


def floor_rows() -> list[Row]:
    """A step of 40 microseconds that needs 10 by its operations and 20 by its bytes."""
    common = {"part": "lanes", "unit": "floor", "variables": 13, "lanes": 64, "device": "cpu"}
    measured = {
        "step": ("step_seconds", 40e-6), "large product": ("operations_per_second", 1e11),
        "product of the step's shape": ("operations_per_second", 5e10), "copy": ("bytes_per_second", 1e10),
    }  # fmt: skip
    needed = [("encoder", "operations", 6e5), ("messages", "operations", 4e5), ("parameters", "bytes", 2e5)]
    rows = [{**common, "method": name, "quantity": q, "value": v, "repeat": 0} for name, (q, v) in measured.items()]
    return rows + [{**common, "method": n, "quantity": q, "value": v, "note": "2 n P"} for n, q, v in needed]


def sweep_rows(part: str, walls: dict[str, list[float]]) -> list[Row]:
    """Whole sweeps by method and repetition; ours trains twice as many epochs as the others."""
    found = []
    for method, values in walls.items():
        for repeat, value in enumerate(values):
            row = {"part": part, "unit": f"{part}-{repeat}", "method": method, "repeat": repeat, "device": "cpu"}
            epochs = 2000 if method == "graphsweep" else 1000
            numbers = {"wall_seconds": value, "epochs": epochs, "trials": 50, "complete": 20, "pruned": 30}
            numbers |= {"best_val_shd": 1}
            found += [{**row, "quantity": name, "value": number} for name, number in numbers.items()]
    return found


def growth_rows() -> list[Row]:
    """Two runs whose trials take longer and longer."""
    found = []
    for sampler, last in (("random", 12), ("tpe", 30)):
        numbers = {f"tenth_{n}_seconds_per_trial": (10 + (last - 10) * (n - 1) / 9) / 1000 for n in range(1, 11)}
        numbers |= {"trials": 10_000, "peak_memory_bytes": 4e8, "peak_memory_with_report_bytes": 6e8,
                    "folder_bytes": 5e7, "report_seconds": 20, "search_seconds": 150}  # fmt: skip
        row = {"part": "growth", "unit": f"growth-{sampler}", "method": "graphsweep", "sampler": sampler}
        found += [{**row, "quantity": name, "value": value} for name, value in numbers.items()]
    return found


def best_rows() -> list[Row]:
    found = []
    for method, seconds in (("pruned and refilled", 4.0), ("no pruning", 10.0)):
        numbers = {"seconds_to_common_best": seconds, "seconds_to_best": seconds, "search_seconds": 20,
                   "best_val_shd": 1}  # fmt: skip
        row = {"part": "best", "unit": "best-0", "method": method, "repeat": 0}
        found += [{**row, "quantity": name, "value": value} for name, value in numbers.items()]
    return [*found, {"part": "best", "unit": "best-0", "method": "no refill", "error": "there is no setting for it"}]


def orchestration_rows() -> list[Row]:
    found = []
    for method, cost in (("graphsweep", 0.2), ("Optuna, journal file", 2.0), ("Optuna, SQLite", 20.0)):
        for size in (50, 10_000):
            row = {"part": "orchestration", "unit": f"orchestration-{size}", "method": method, "trials": size}
            row |= {"sampler": "random", "repeat": 0}
            found.append({**row, "quantity": "milliseconds_per_trial_report", "value": cost})
    numbers = {"search_seconds": 10.0, "trial_reports": 1000, "rounds": 100, "checkpoint_seconds": 0.5}
    row = {"part": "orchestration", "unit": "share-0", "method": "sweep", "repeat": 0}
    return found + [{**row, "quantity": name, "value": value} for name, value in numbers.items()]


WALLS = {"graphsweep": [10.0, 20.0, 30.0], "Optuna, processes": [40.0, 60.0, 150.0],
         "Optuna, n_jobs=2": [50.0, 120.0, 180.0]}  # fmt: skip
RAY = {"part": "ray", "unit": "ray-0", "method": "Ray Tune, ASHA", "error": "ray is not installed"}
SPEEDS = {1: [90.0, 100.0, 110.0], 64: [800.0, 900.0, 2000.0], 128: [900.0, 1000.0, 1200.0]}
FULL = [
    *lanes_rows(SPEEDS, [100.0, 100.0, 200.0]), *floor_rows(), *sweep_rows("plain", WALLS), RAY, *growth_rows(),
    *best_rows(), *orchestration_rows(),
]  # fmt: skip


def make(path: Path, rows: list[Row], **facts: Any) -> Path:
    """Write a benchmark's folder by hand."""
    path.mkdir(parents=True)
    with (path / "benchmark.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    told = {
        "format": 1, "study": "benchmark", "settings": {"measure": {"repeats": 3}}, "jobs": 2, "sweep_trials": 50,
        "machine": {"processor": "Good Processor 9000", "cores": 2, "torch": "2.13.0", "python": "3.11"},
        "units": 12, "finished": 12, "commits": ["a" * 40],
    }  # fmt: skip
    (path / "benchmark.json").write_text(json.dumps({**told, **facts}), encoding="utf-8")
    return path


def page_of(path: Path) -> tuple[Page, str]:
    text = write_benchmark_report(path).read_text(encoding="utf-8")
    return Page(text), text


def said(page: Page) -> str:
    """What a reader can read."""
    return " ".join(text for tag, text in page.texts if tag != "style")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make(tmp_path_factory.mktemp("b") / "benchmark-1", FULL)
    write_benchmark_report(path)
    return path


def test_ratios_are_of_one_repetition(whole: Path) -> None:
    """A ratio is the median of the ratios of each repetition, which is not the ratio of the medians."""
    bench = load_benchmark_folder(whole)
    one, many, most = speeds(bench, 13)
    assert (many.lanes, many.over_alone.median, many.over_alone.low, many.over_alone.high) == (64, 9.0, 8.0, 10.0)
    assert one.over_one.median == 1.0
    assert many.over_one.median == 9.0
    assert most.speed.median == 1000.0
    found = times_longer(bench, "plain", "Optuna, processes")
    assert (found.median, found.low, found.high, found.n) == (4.0, 3.0, 5.0, 3)


def test_a_repetition_without_its_pair_gives_no_ratio(tmp_path: Path) -> None:
    """Where ours is missing from a repetition, the other side's time there is compared with nothing."""
    walls = {"graphsweep": [10.0], "Optuna, processes": [40.0, 60.0]}
    bench = load_benchmark_folder(make(tmp_path / "b", sweep_rows("plain", walls)))
    found = times_longer(bench, "plain", "Optuna, processes")
    assert (found.median, found.n) == (4.0, 1)


def test_the_floor_is_the_longer_of_two(whole: Path) -> None:
    """A step is compared with its bytes where these take longer than its operations, and the other way round."""
    found = floor(load_benchmark_folder(whole))
    assert found is not None
    assert found.by_operations == pytest.approx(10e-6)
    assert found.by_bytes == found.seconds == pytest.approx(20e-6)
    assert found.ratio == pytest.approx(2.0)


def test_three_sentences_with_their_references(whole: Path) -> None:
    """The page opens with what lanes, a whole sweep and the study's own work come to, and what each is set beside."""
    first, second, third = sentences(load_benchmark_folder(whole))
    assert "64 lanes on one core train 9 times as many trial-steps a second as one trial at a time" in first
    assert "a step takes 2 times as long as the model's arithmetic and memory would need at least" in first
    assert "50 trials on 2 cores takes 20 s" in second
    assert "takes 1 min, 4 times as long, 8 times for each epoch trained (median of 3 pairs)" in second
    assert "study.optimize(n_jobs=2) 6 times." in second
    assert "costs 0.2 ms a trial-report, 2.0 % of a sweep, on a study of 50 trials" in third
    assert "journal file 10 times and SQLite 100 times as much" in third
    text = said(page_of(whole)[0])
    place = [text.index(sentence) for sentence in (first, second, third)]
    assert place == sorted(place)


def test_every_part_has_its_section(whole: Path) -> None:
    """Each part has heading, numbers or the reason why there are none, how it was measured, and its figure's PNG."""
    page, text = page_of(whole)
    bench = load_benchmark_folder(whole)
    assert [section.name for section in sections(bench)] == list(PARTS)
    words = said(page)
    for section in sections(bench):
        assert f'<section id="{section.name}"' in text
        assert section.how in words
    assert "Ray Tune, ASHA: ray is not installed." in words
    assert "no refill: there is no setting for it." in words
    drawn = {path.stem for path in (whole / "figures").glob("*.png")}
    assert drawn == {f"benchmark_{part}" for part in PARTS if part != "ray"}
    for name in drawn:
        assert f'href="figures/{name}.png"' in text
    assert "Good Processor 9000" in words
    assert not NONSENSE.search(words)


def test_the_words_come_from_the_table(whole: Path, tmp_path: Path) -> None:
    """Other numbers in the table give other words; the same table gives the same bytes."""
    slower = {**{name: [2 * value for value in WALLS[name]] for name in WALLS}, "graphsweep": WALLS["graphsweep"]}
    rows = [*(row for row in FULL if row["part"] != "plain"), *sweep_rows("plain", slower)]
    other = make(tmp_path / "benchmark-1", rows)
    assert "8 times as long, 16 times for each epoch trained (median of 3 pairs)" in said(page_of(other)[0])
    again = make(tmp_path / "again" / "benchmark-1", FULL)
    assert write_benchmark_report(again).read_bytes() == (whole / "report.html").read_bytes()


def test_nothing_comes_from_outside(whole: Path) -> None:
    """No element loads anything; the policy forbids it as well, and every link leads somewhere."""
    page, _ = page_of(whole)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in page.elements:
        for key in ("src", "href", "data", "action", "poster", "srcset"):
            value = attributes.get(key, "")
            assert not re.match(r"\s*(?:[a-z]+:)?//", value), (tag, value)
            if value.startswith("#"):
                assert value[1:] in ids
        assert "style" not in attributes
    assert not page.having("script")
    assert not page.having("link")
    assert page.having("meta")[1]["content"].startswith("default-src 'none'; style-src 'sha256-")


def test_a_benchmark_that_has_only_begun(tmp_path: Path) -> None:
    """A part that was not measured says so where it would stand; an empty table gives a page too."""
    begun = make(tmp_path / "begun", lanes_rows({1: [90.0], 2: [150.0]}, [100.0]), finished=1)
    words = said(page_of(begun)[0])
    assert "2 lanes on one core train 1.5 times" in words
    assert "Part plain was not measured." in words
    assert "1 of 12 units asked for have been measured." in words
    empty = make(tmp_path / "empty", [], finished=0)
    words = said(page_of(empty)[0])
    assert "Part lanes was not measured." in words
    assert not NONSENSE.search(words)


def test_a_busy_machine_and_two_commits_are_said(tmp_path: Path) -> None:
    """Who shared the core with something else, or changed the source in between, reads it on the page."""
    known = [row for row in FULL if "quantity" in row]
    rows = [{**row, "value": 0.6} if row["quantity"] == "processor_share" else row for row in known]
    words = said(page_of(make(tmp_path / "b", rows, commits=["a" * 40, "b" * 40]))[0])
    assert "The machine was busy: in part lanes a single thread got 60\N{NO-BREAK SPACE}% of a core's time." in words
    assert "Measured at 2 commits: aaaaaaa, bbbbbbb." in words


def test_names_are_text(tmp_path: Path) -> None:
    """Words from the files stand on the page as written, and as nothing else."""
    rows = [{**RAY, "error": "<script>alert(1)</script> {{ 7 * 7 }}"}, *lanes_rows({1: [1.0], 2: [2.0]}, [1.0])]
    hostile = make(tmp_path / "b", rows, machine={"processor": "<b>CPU</b>", "cores": "many"})
    page, text = page_of(hostile)
    assert not page.having("script")
    assert not page.having("b")
    assert "<script>alert(1)</script> {{ 7 * 7 }}" in said(page)
    assert "49" not in re.sub(r"<svg.*?</svg>|<style.*?</style>|content=\".*?\"", "", text, flags=re.DOTALL)


def test_json_has_every_ratio(whole: Path) -> None:
    """What --json prints can be written as JSON, and has the ratios with their ranges."""
    found = json.loads(json.dumps(summary(load_benchmark_folder(whole))))
    assert [item["lanes"] for item in found["lanes"]] == [1, 64, 128]
    assert found["times_as_long_as_ours"]["plain: Optuna, processes"]["median"] == 4.0
    assert found["floor"]["ratio"] == pytest.approx(2.0)
    assert found["checkpoint_share"]["median"] == pytest.approx(0.05)
    assert {item["part"] for item in found["not_measured"]} == {"ray", "best"}


def test_a_damaged_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no benchmark's folder, is damaged or of a newer format says so; `python -m reports` knows the kind."""
    with pytest.raises(RunFolderError, match="benchmark.json missing"):
        write_benchmark_report(tmp_path)
    newer = make(tmp_path / "newer", FULL, format=2)
    with pytest.raises(RunFolderError, match="written by format 2, this graphsweep reads 1"):
        write_benchmark_report(newer)
    torn = make(tmp_path / "torn", FULL)
    (torn / "benchmark.json").write_text("{")
    assert main([str(torn)]) == 3
    assert "is damaged" in capsys.readouterr().err
    whole = make(tmp_path / "whole", FULL)
    assert main([str(whole), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'out' / 'report.html'}\n"
    assert (tmp_path / "out" / "figures" / "README.txt").is_file()
