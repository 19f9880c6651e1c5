"""Laws of a benchmark: what was measured is kept, what could not be says why, and errors are lines."""

import contextlib
import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import code_of, handlers_kept

from core.errors import InputError
from core.training import train_on
from studies import benchmark_lanes, benchmark_run, benchmark_sweeps, rounds
from studies.benchmark_child import ChildError
from studies.benchmark_rows import COLUMNS, Sheet, StoppedError, rotated
from studies.benchmark_run import BenchmarkRun, kept, units
from studies.benchmark_sweeps import NO_REFILL, reached, tenths
from studies.run_folder import RunFolder
from sweeps.benchmark_spec import PARTS, BenchmarkSpec, load_benchmark
from sweeps.spec import load_spec, packaged_settings

SMOKE = ("-c", "benchmark_smoke")
LANES = (*SMOKE, "--only", "lanes", "--set", "variables=[4]")


def benchmark(*words: str) -> int:
    """Run `python -m studies.benchmark` in this process; return its exit code."""
    from studies.benchmark import main

    return code_of(main, words)


def folder(out: str | Path = "runs") -> Path:
    """The one benchmark's folder below a folder."""
    (found,) = Path(out).glob("*/sweep.lock")
    return found.parent


def table(path: Path) -> list[dict[str, str]]:
    """The rows of benchmark.csv."""
    with (path / "benchmark.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def quietly(spec: BenchmarkSpec, stopped: Callable[[], bool] = lambda: False) -> BenchmarkRun:
    """A benchmark in a folder of its own."""
    return BenchmarkRun(spec, RunFolder(Path("runs/b"), []), stopped, quiet=True)


@pytest.fixture(scope="module")
def lanes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A benchmark of part lanes with its page; only to be read."""
    where = tmp_path_factory.mktemp("benchmark")
    with contextlib.chdir(where), handlers_kept():
        assert benchmark(*LANES, "--repeats", "2", "-q") == 0
    return where / folder(where / "runs")


def test_every_lane_count_is_measured_beside_one_alone(lanes: Path) -> None:
    """Each repetition has a speed for each number of lanes and for one trial unpadded, and each row its columns."""
    rows = table(lanes)
    assert tuple(rows[0]) == COLUMNS
    speeds = [row for row in rows if row["quantity"] == "trial_steps_per_second"]
    expected = [("alone", "1"), *(("lanes", str(count)) for count in (1, 2, 4))]
    for repeat in ("0", "1"):
        assert sorted((row["method"], row["lanes"]) for row in speeds if row["repeat"] == repeat) == sorted(expected)
    assert all(float(row["value"]) > 0 for row in rows)
    assert {row["device"] for row in rows} == {"cpu"}
    assert {row["unit"] for row in rows} == {"lanes-4", "floor"}


def test_nothing_is_compiled_while_it_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: what a machine compiles once is compiled before the first part, and in no part's time."""
    done: list[str] = []
    monkeypatch.setattr(benchmark_run, "compile_kernels", lambda: done.append("compiled"))
    monkeypatch.setattr(benchmark_run.BenchmarkRun, "measure", lambda _run, unit, *_: done.append(unit.name))
    benchmark(*LANES, "-q")
    assert done == ["compiled", "lanes-4", "floor"]


def test_a_gpu_is_measured_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: with a GPU, here the processor in disguise, part lanes has its speeds too, and the page a table of them."""

    def here(lanes: Any, dataset: Any, config: Any, device: torch.device, width: int, jobs: int) -> Any:
        assert (device.type, width) == ("cuda", len(lanes.trial))
        return train_on(lanes, dataset, config, torch.device("cpu"), width, jobs)

    monkeypatch.setattr(rounds, "train_on", here)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Disguise 1")
    monkeypatch.setattr(benchmark_lanes, "GPU_LANES", (2, 6))
    assert benchmark(*LANES, "--repeats", "1", "-q") == 0
    rows = [row for row in table(folder()) if row["quantity"] == "trial_steps_per_second"]
    found = [(row["lanes"], row["device"]) for row in rows if row["method"] == "gpu"]
    assert sorted(found) == [("2", "cuda: Disguise 1"), ("6", "cuda: Disguise 1")]
    assert {row["device"] for row in rows if row["method"] != "gpu"} == {"cpu"}
    page = (folder() / "report.html").read_text(encoding="utf-8")
    assert "4 variables, trained on cuda: Disguise 1, evaluated on all cores" in page


def test_the_page_is_there_and_speaks_of_what_was_measured(lanes: Path) -> None:
    """Table, picture and page lie in one folder of their own."""
    page = (lanes / "report.html").read_text(encoding="utf-8")
    assert 'id="lanes"' in page
    assert 'id="plain"' not in page
    assert (lanes / "figures" / "benchmark_lanes.png").is_file()
    facts = json.loads((lanes / "benchmark.json").read_text())
    assert (facts["units"], facts["finished"]) == (2, 2)
    assert facts["machine"]["processor"]
    assert facts["machine"]["processor"] in page


def test_what_was_measured_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """The same command measures nothing again; a unit whose file is gone is measured, and no other."""
    assert benchmark(*LANES) == 0
    before = table(folder())
    assert benchmark(*LANES) == 0
    assert table(folder()) == before
    assert "0 now" in capsys.readouterr().err
    (folder() / "parts" / "floor.json").unlink()
    assert benchmark(*LANES, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["units"], found["finished"]) == (2, 2)
    after = table(folder())
    mine = [row for row in after if row["unit"] == "lanes-4"]
    assert mine == [row for row in before if row["unit"] == "lanes-4"]
    assert after != before


def test_a_torn_unit_is_measured_again() -> None:
    """A file of a unit that is no JSON, or holds no number, counts as not measured."""
    (unit,) = [unit for unit in units(load_benchmark("benchmark_smoke")) if unit.name == "floor"]
    path = Path("b/parts/floor.json")
    path.parent.mkdir(parents=True)
    for text in ("", "{", "[]", "null", '{"rows": [], "commit": null}', '{"rows": [{"error": "no"}], "commit": null}'):
        path.write_text(text)
        assert kept(Path("b"), unit) is None, text
    path.write_text('{"rows": [{"value": 1.5}], "commit": "abc"}')
    assert kept(Path("b"), unit) == ([{"value": 1.5}], "abc")


def test_a_signal_costs_the_unit_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ended before the signal is kept; the unit in progress is measured when the command goes on."""
    signals = [False]

    def measure(sheet: Sheet, _: Any, variables: int) -> None:
        sheet.add("lanes", 0, {"trial_steps_per_second": 1.0}, variables=variables, lanes=1)
        if variables == 6 and not signals[0]:
            signals[0] = True
            sheet.check()

    monkeypatch.setattr("studies.benchmark_lanes.measure_lanes", measure)
    spec = load_benchmark("benchmark_smoke", [("variables", "[4, 6, 8]")]).only(["lanes"])
    first = quietly(spec, lambda: signals[0])
    first.run()
    first.write()
    first.folder.close()
    assert sorted(first.done) == ["lanes-4"]
    second = quietly(spec)
    assert sorted(second.done) == ["lanes-4"]
    second.run()
    assert second.ran == 3
    assert sorted(second.done) == ["floor", "lanes-4", "lanes-6", "lanes-8"]
    second.folder.close()


def test_a_unit_that_fails_says_why_and_leaves_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep that ended early is a row with its reason; other units go on, and the next command tries it again."""

    def broken(*_: Any) -> Any:
        raise ChildError("studies.lambda_sweep ended early: killed")

    monkeypatch.setattr(benchmark_sweeps, "launch", broken)
    monkeypatch.setattr(benchmark_sweeps, "child", broken)
    spec = load_benchmark("benchmark_smoke", [("variables", "[4]")]).only(["lanes", "plain"])
    run = quietly(spec)
    run.run()
    run.write()
    rows = table(run.folder.path)
    assert [row["error"] for row in rows if row["unit"] == "plain-0"] == ["studies.lambda_sweep ended early: killed"]
    assert sorted(run.done) == ["floor", "lanes-4"]
    assert not (run.folder.path / "parts" / "plain-0.json").exists()
    run.folder.close()


def test_without_ray_its_row_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Part ray measures nothing where Ray is not installed, in one line; nothing is started for it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr(benchmark_sweeps, "launch", lambda *_: pytest.fail("a sweep was started"))
    run = quietly(load_benchmark("benchmark_smoke").only(["ray"]))
    run.run()
    run.write()
    (row,) = table(run.folder.path)
    assert (row["part"], row["value"]) == ("ray", "")
    assert row["error"].startswith("ray is not installed")
    assert run.finished == 0
    run.folder.close()


def test_without_refill_cannot_be_measured_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Part best has both searches, the time until what both reached, and a row for what cannot be switched off."""
    ends = {"cohort": [(1.0, None), (2.0, 3.0), (4.0, 1.0)], "none": [(3.0, 5.0), (5.0, 2.0)]}

    def told(_: str, spec: Any, *__: Any) -> Any:
        ended = ends[spec.search.pruner]
        best = min(value for _, value in ended if value is not None)
        result = {"ended": ended, "best_val_shd": best, "search_seconds": 6.0, "pruned": 1}
        return benchmark_sweeps.Ran(result, 7.0)

    monkeypatch.setattr(benchmark_sweeps, "child", told)
    sheet = Sheet("best", "best-0", lambda: None)
    benchmark_sweeps.measure_best(sheet, load_benchmark("benchmark_smoke"), 0, Path("w"))
    times = {(row["method"], row["quantity"]): row["value"] for row in sheet.rows if "value" in row}
    assert times["pruned and refilled", "seconds_to_common_best"] == 4.0
    assert times["no pruning", "seconds_to_common_best"] == 5.0
    assert times["pruned and refilled", "seconds_to_best"] == 4.0
    assert times["no pruning", "common_val_shd"] == 2.0
    assert [row["error"] for row in sheet.rows if row.get("error")] == [NO_REFILL]


def test_tenths_and_times() -> None:
    """Tenths add up to the whole run; a value is reached when a trial first gives it or a better one."""
    ended = [0.5 * place * place for place in range(1, 26)]
    found = tenths(ended)
    sizes = [25 * (part + 1) // 10 - 25 * part // 10 for part in range(10)]
    assert sum(size * seconds for size, seconds in zip(sizes, found, strict=True)) == pytest.approx(ended[-1])
    assert found == sorted(found)
    assert reached([(1.0, None), (2.0, 4.0), (3.0, 2.0)], 3.0) == 3.0
    assert reached([(1.0, None), (2.0, 4.0)], 3.0) is None
    assert reached([], None) is None
    assert rotated([1, 2, 3], 4) == [2, 3, 1]


def test_settings() -> None:
    """The settings read back equal; --only and the parts are no part of the folder's name, all else is."""
    spec = load_benchmark("benchmark")
    assert spec.parts == PARTS
    assert spec.variables == (13, 30, 50, 100)
    assert spec.lanes == (1, 2, 4, 8, 16, 32, 64, 128)
    assert (spec.sweep.search.trials, spec.sweep.search.confirm) == (50, 0)
    assert spec.growth.search.trials == 10_000
    assert spec.only(["plain"]).identity() == spec.identity()
    assert load_benchmark("benchmark", [("measure.repeats", "4")]).identity() != spec.identity()
    again = Path("again.yaml")
    again.write_text(json.dumps(spec.to_dict()))
    assert load_benchmark(again).to_dict() == spec.to_dict()
    with pytest.raises(InputError, match="so it is a benchmark") as error:
        load_spec("benchmark")
    assert error.value.hint == "python -m studies.benchmark -c benchmark"
    assert packaged_settings("benchmark") == ["benchmark", "benchmark_smoke"]
    assert "benchmark" not in packaged_settings()


WRONG = [
    (["--only", "lane"], r"error: --only: no part is called `lane`\nhint: did you mean `lanes`\?\n"),
    (["--repeats", "0"], r"error: --repeats must be between 1 and 100, got 0\nhint: measure.repeats: .*\n"),
    (["--set", "measure.trials=5"], r"error: unknown setting `measure.trials` in --set.*\nhint: .*\n"),
    (["--set", "lanes=[1, 1]"], r"error: .*lanes.* must not repeat a value.*\nhint: .*\n"),
    (["--set", "variables=[1]"], r"error: .*variables.* must be between 2 and 500, got 1\nhint: .*\n"),
    (["--set", "parts=[speed]"], r"error: .*parts.* must be of lanes, .*\nhint: .*\n"),
    (["--set", "measure.sweep=original"], r"error: original: trainer.architecture must be parents_only .*\nhint: .*\n"),
    (["-c", "suite"], r"error: sweeps/suite.yaml names no parts .* no benchmark\nhint: benchmarks: benchmark, .*\n"),
    (["-c", "benchmrk"], r"error: no settings file `benchmrk.*`\nhint: did you mean `benchmark`\? Packaged: .*\n"),
]


@pytest.mark.parametrize(("words", "told"), WRONG, ids=lambda item: item[-1] if isinstance(item, list) else "")
def test_wrong_input_is_one_line(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong is said in the house form, with exit code 2, and nothing is written."""
    assert benchmark(*words) == 2
    assert re.fullmatch(told, capsys.readouterr().err)
    assert not Path("runs").exists()


def test_dry_run_and_show_config(capsys: pytest.CaptureFixture[str]) -> None:
    """--dry-run lists the units and writes nothing; --show-config prints settings that can be read back."""
    assert benchmark(*SMOKE, "--dry-run") == 0
    told = capsys.readouterr().err
    assert "11 of 11 units to measure; nothing was run." in told
    assert not Path("runs").exists()
    assert benchmark(*SMOKE, "--show-config") == 0
    Path("mine.yaml").write_text(capsys.readouterr().out)
    assert load_benchmark("mine.yaml").to_dict() == load_benchmark("benchmark_smoke").to_dict()


def test_a_stopped_measurement_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal in the middle of a sweep ends that sweep's process before the command goes on."""
    import subprocess

    from studies.benchmark_child import child

    started: list[Any] = []
    original = subprocess.Popen

    def popen(*words: Any, **how: Any) -> Any:
        started.append(original(*words, **how))
        return started[-1]

    def check() -> None:
        raise StoppedError

    monkeypatch.setattr(subprocess, "Popen", popen)
    with pytest.raises(StoppedError):
        child("search", load_benchmark("benchmark_smoke").sweep, Path("w"), check)
    assert [process.returncode for process in started] == [-9]


@pytest.mark.slow
def test_the_smoke_benchmark_goes_through_every_part(capsys: pytest.CaptureFixture[str]) -> None:
    """Every part is on the page; the plain sweep ran the same trials; ray alone may be missing, and says why."""
    assert benchmark(*SMOKE, "--set", "measure.growth_trials=200", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    missing = {item["part"] for item in told["not_measured"]} - {"best"}
    assert missing <= {"ray"}
    rows = table(folder())
    assert {row["part"] for row in rows} == set(PARTS)
    page = (folder() / "report.html").read_text(encoding="utf-8")
    for part in PARTS:
        assert f'<section id="{part}"' in page
    plain = {(row["method"], row["quantity"]): float(row["value"]) for row in rows if row["part"] == "plain"}
    for method in ("graphsweep", "Optuna, processes", "Optuna, n_jobs=2"):
        assert plain[method, "trials"] == 6
        assert plain[method, "complete"] + plain[method, "pruned"] + plain[method, "failed"] == 6
    growth = {(row["sampler"], row["quantity"]): float(row["value"]) for row in rows if row["part"] == "growth"}
    for sampler in benchmark_run.SAMPLERS:
        assert growth[sampler, "trials"] == 200
        assert growth[sampler, "peak_memory_bytes"] <= growth[sampler, "peak_memory_with_report_bytes"]
        assert all(growth[sampler, f"tenth_{tenth}_seconds_per_trial"] > 0 for tenth in range(1, 11))
    assert not (folder() / "work").exists()
