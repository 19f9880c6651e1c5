"""Laws of a stability study: a row a variant and seed, whatever kills, -j or a diverging seed; errors are lines."""

import contextlib
import csv
import gzip
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import code_of, environment, handlers_kept
from commands import start as launch

from core.data import prepare
from core.trainer import advance, start
from studies import stability_train
from studies.data import load_table
from studies.run_folder import RunFolder
from studies.stability_train import Course, Piece, thinned, train_piece, watched
from sweeps.stability_reader import load_stability
from sweeps.stability_spec import Variant

SMOKE = ("-c", "stability_smoke", "-j", "1")
RECORDS = ("variants.csv", "epochs.csv.gz", "steps.csv.gz")
SHORT = """
study: short
seeds: [7, 8]
data: {rows: 120, variables: 3, edges: 2}
measures:
  - {name: rate, after: {hyper.lr: 5e-4}, before: {hyper.lr: 1e-3}}
families:
  - {name: ours, measures: false, trainer: {epochs: 2, evaluate_every: 2, batch_size: 32}}
  - {name: other, measures: false, hyper: {lambda_disen: 1e39}, trainer: {epochs: 2, evaluate_every: 1, batch_size: 32}}
"""
"""Two learners at their own settings; float32 knows no 1e39, so the second diverges at its first step."""


def study(*words: str) -> int:
    """Run `python -m studies.stability` in this process; return its exit code."""
    from studies.stability import main

    return code_of(main, words)


def folder(out: str | Path = "runs") -> Path:
    """The one study's folder below a folder."""
    (found,) = Path(out).glob("*/sweep.lock")
    return found.parent


def table(path: Path) -> list[dict[str, str]]:
    """A record's rows without what the clock says."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    return [{key: cell for key, cell in row.items() if key != "seconds"} for row in csv.DictReader(io.StringIO(text))]


def tables(out: str | Path = "runs") -> list[list[dict[str, str]]]:
    """All records without what the clock says."""
    return [table(folder(out) / name) for name in RECORDS]


@pytest.fixture
def no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the page, which takes longer than a small study."""
    monkeypatch.setattr("reports.stability.write_stability_report", lambda path: path / "report.html")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smoke study with its page, run once; only to be read."""
    where = tmp_path_factory.mktemp("stability")
    with contextlib.chdir(where), handlers_kept():
        assert study(*SMOKE, "-q") == 0
    return where / folder(where / "runs")


def test_every_variant_and_seed_has_its_row(whole: Path) -> None:
    """variants.csv has each variant and seed once, in the order of the settings; epochs and steps are theirs."""
    spec = load_stability("stability_smoke")
    rows = table(whole / "variants.csv")
    expected = [(variant.family, variant.name, str(seed)) for variant in spec.variants() for seed in spec.seeds]
    assert [(row["family"], row["variant"], row["seed"]) for row in rows] == expected
    assert {row["state"] for row in rows} == {"complete"}
    epochs = table(whole / "epochs.csv.gz")
    per = {variant.key: variant.trainer.epochs for variant in spec.variants()}
    for key, count in per.items():
        mine = [row for row in epochs if f"{row['family']}.{row['variant']}" == key]
        assert [row["epoch"] for row in mine] == 2 * [str(n + 1) for n in range(count)]
    assert len(table(whole / "steps.csv.gz")) > len(rows)


def test_numbers_are_those_of_the_trainer(whole: Path) -> None:
    """The study's loop is `advance`: hashes, clip ratios, norms and losses are what the trainer itself says."""
    spec = load_stability("stability_smoke")
    variant = next(item for item in spec.variants() if item.key == "original.after")
    data = load_table(spec.data)
    dataset = prepare(data, variant.trainer)
    lanes = start([(n, seed, variant.hyper) for n, seed in enumerate(spec.seeds)], dataset, variant.trainer)
    rows = [row for row in table(whole / "epochs.csv.gz") if (row["family"], row["variant"]) == ("original", "after")]
    for epoch in (1, 2):
        lanes, found = advance(lanes, dataset, variant.trainer)
        for evaluation, row in zip(found, [row for row in rows if row["epoch"] == str(epoch)], strict=True):
            for name in ("train_loss", "recon", "grad_clip_ratio", "grad_norm_max", "learning_rate", "val_loss"):
                assert float(row[name]) == getattr(evaluation, name), name
    mine = [row for row in table(whole / "variants.csv") if (row["family"], row["variant"]) == ("original", "after")]
    assert [float(row["max_grad_norm"]) for row in mine] == [
        max(float(row["grad_norm_max"]) for row in rows if row["seed"] == seed) for seed in ("1337", "1")
    ]
    assert [float(row["train_loss_last"]) for row in mine] == [
        float(row["train_loss"]) for row in rows if row["epoch"] == "2"
    ]


def test_without_the_health_log_nothing_is_kept_and_nothing_changes(whole: Path) -> None:
    """The variant without it has the weights of after, and blanks where the log would have been."""
    rows = {(row["family"], row["variant"], row["seed"]): row for row in table(whole / "variants.csv")}
    for family in ("original", "parents_only"):
        for seed in ("1337", "1"):
            blind, seen = rows[family, "after-without-health_log", seed], rows[family, "after", seed]
            assert blind["weights_hash"] == seen["weights_hash"]
            assert (blind["max_grad_norm"], blind["grad_clip_ratio_1"], blind["graph_gradient"]) == ("", "", "")
            assert seen["max_grad_norm"] != ""
            assert rows[family, "before", seed]["max_grad_norm"] != ""
            assert rows[family, "before", seed] | {"variant": "", "kind": "", "measure": ""} == rows[
                family, "before-with-health_log", seed
            ] | {"variant": "", "kind": "", "measure": ""}


def test_the_original_does_not_read_its_graph(whole: Path) -> None:
    """Its reconstruction has no gradient in the graph, before and after; that of the other learner has."""
    rows = [row for row in table(whole / "epochs.csv.gz") if row["graph_gradient"]]
    still = [float(row["graph_gradient"]) for row in rows if row["family"] == "original"]
    moving = [float(row["graph_gradient"]) for row in rows if row["family"] != "original"]
    assert set(still) == {0.0}
    assert min(moving) > 0


def test_the_summary_and_the_folder(whole: Path) -> None:
    """summary.json says what each measure buys, with the norms it is a ratio of; the folder has all the files."""
    summary = json.loads((whole / "summary.json").read_text())
    assert (summary["variants"], summary["finished"]) == (17, 17)
    assert len(summary["bought"]) == 2 * 3
    rows = table(whole / "variants.csv")

    def median(family: str, variant: str) -> float:
        mine = [float(row["max_grad_norm"]) for row in rows if (row["family"], row["variant"]) == (family, variant)]
        return float(np.median(mine))

    (item,) = [
        row for row in summary["bought"] if (row["family"], row["measure"]) == ("original", "standardised_inputs")
    ]
    lacking, having = median("original", "after-without-standardised_inputs"), median("original", "after")
    assert item["removed"]["max_grad_norm_ratio"] == pytest.approx(lacking / having)
    assert item["removed"]["max_grad_norm_ratio"] > 1000
    assert len(summary["sentences"]) == 3
    names = ("stability.yaml", "environment.json", "report.html", "figures/stability_norms.png")
    assert all((whole / name).is_file() for name in names)
    assert load_stability(whole / "stability.yaml").identity() == load_stability("stability_smoke").identity()


@pytest.mark.usefixtures("no_page")
def test_any_number_of_jobs_gives_the_same(whole: Path) -> None:
    """Two workers give the records of one."""
    assert study("-c", "stability_smoke", "-j", "2", "-q") == 0
    assert tables() == [table(whole / name) for name in RECORDS]


class Killed(BaseException):
    """Ends the process that writes, as far as the code under test can tell."""


@pytest.mark.usefixtures("no_page")
def test_killed_and_continued(whole: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A study that is killed at its writes again and again, and continued, has the records of an undisturbed one."""
    left, original, kills = 0, os.replace, 0

    def counted(*arguments: Any, **how: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        return original(*arguments, **how)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", counted)
        for kills in range(20):  # noqa: B007 - counted after the loop
            left = 5
            try:
                assert study(*SMOKE, "-q") == 0
                break
            except Killed:
                continue
    assert kills > 3
    assert tables() == [table(whole / name) for name in RECORDS]
    assert study(*SMOKE) == 0
    assert "17 of 17 variants finished, 0 trained now" in capsys.readouterr().err


@pytest.mark.usefixtures("no_page")
def test_a_torn_part_is_trained_again(whole: Path) -> None:
    """A kept variant that cannot be read is no result."""
    shutil.copytree(whole, Path("runs") / whole.name)
    part = folder() / "variants" / "original.after.json.gz"
    part.write_bytes(part.read_bytes()[:100])
    assert study(*SMOKE, "-q") == 0
    assert tables() == [table(whole / name) for name in RECORDS]


@pytest.mark.usefixtures("no_page")
def test_ctrl_c_stops_cleanly(whole: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C ends the study with exit code 130 and the command that goes on, which finishes it."""
    original, calls = Course.advance, [0]

    def counted(self: Course) -> None:
        calls[0] += 1
        if calls[0] == 5:
            os.kill(os.getpid(), signal.SIGINT)
        original(self)

    with monkeypatch.context() as patch:
        patch.setattr(sys, "argv", ["stability.py", *SMOKE])
        patch.setattr(Course, "advance", counted)
        assert study(*SMOKE) == 130
    assert "Continue    python -m studies.stability -c stability_smoke -j 1\n" in capsys.readouterr().err
    assert len(table(folder() / "variants.csv")) < 34
    assert study(*SMOKE, "-q") == 0
    assert tables() == [table(whole / name) for name in RECORDS]


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_of_a_terminal_reaches_the_workers_too(jobs: str) -> None:
    """Ctrl-C while the workers start leaves no traceback, and says 130."""
    process = launch("-c", "stability_smoke", "-j", jobs, module="studies.stability")
    assert process.stderr is not None
    while not process.stderr.readline().startswith("folder"):
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert "Traceback" not in err
    assert process.returncode == 130


@pytest.mark.usefixtures("no_page")
def test_the_page_is_opened_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """--open hands the page to the browser."""
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: bool(opened.append(address) or True))
    assert study(*SMOKE, "--seeds", "1", "--open", "-q") == 0
    assert opened == [(folder() / "report.html").absolute().as_uri()]


@pytest.mark.usefixtures("no_page")
def test_a_family_that_diverges_is_recorded_and_the_others_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    """Failed seeds have a state and a step, and no score; with nothing complete the exit code is 4."""
    Path("x.yaml").write_text(SHORT)
    assert study("-c", "x.yaml", "-j", "1") == 0
    assert "2 seeds diverged" in capsys.readouterr().err
    rows = table(folder() / "variants.csv")
    assert [(row["family"], row["state"], row["failed_step"]) for row in rows] == [
        ("ours", "complete", ""), ("ours", "complete", ""), ("other", "failed", "1"), ("other", "failed", "1"),
    ]  # fmt: skip
    assert {row["val_f1"] for row in rows[2:]} == {""}
    lines = SHORT.splitlines()
    Path("y.yaml").write_text("\n".join(line for line in lines if "ours" not in line).replace("short", "none"))
    assert study("-c", "y.yaml", "-j", "1", "-o", "none") == 4


def test_a_seed_that_diverges_ends_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a number in one lane leaves the other seed's rows as they are; the records end where it happened."""
    spec = load_stability("stability_smoke")
    variant, data = spec.variants()[1], load_table(spec.data)
    calm = train_piece(Piece(variant, spec.seeds, data, Path("none")))
    original = stability_train.train_epoch

    def poisoned(lanes: Any, dataset: Any, config: Any) -> Any:
        if int(lanes.epoch[0]) == 1:
            first = lanes.value.first.clone()
            first[0] = float("nan")
            lanes = lanes._replace(value=lanes.value._replace(first=first))
        return original(lanes, dataset, config)

    monkeypatch.setattr(stability_train, "train_epoch", poisoned)
    hit = train_piece(Piece(variant, spec.seeds, data, Path("none")))
    assert calm is not None
    assert hit is not None
    (lost, kept), (_, expected) = (part.variants.splitlines() for part in (hit, calm))
    assert clockless(kept) == clockless(expected)
    steps = len(hit.steps.splitlines())
    assert ",failed," in lost
    assert int(next(csv.reader([lost]))[6]) * 2 - 1 <= steps * 2
    assert steps < len(calm.steps.splitlines())


def clockless(line: str) -> list[str]:
    """The cells of a row of variants.csv without its seconds."""
    cells = next(csv.reader([line]))
    at = stability_train.VARIANT_COLUMNS.index("seconds")
    return cells[:at] + cells[at + 1 :]


def test_one_seed_gives_the_numbers_it_has_among_several() -> None:
    """A lone seed is trained beside a copy of itself, which leaves no row."""
    spec = load_stability("stability_smoke")
    variant, data = spec.variants()[1], load_table(spec.data)
    both = train_piece(Piece(variant, spec.seeds, data, Path("none")))
    alone = train_piece(Piece(variant, spec.seeds[:1], data, Path("none")))
    assert both is not None
    assert alone is not None
    assert [clockless(line) for line in alone.variants.splitlines()] == [clockless(both.variants.splitlines()[0])]
    assert both.epochs.startswith(alone.epochs)
    assert both.steps.startswith(alone.steps)


def test_only_the_removed_health_log_is_not_watched() -> None:
    """Every other variant is watched, whatever its own switch says."""

    def kept(variant: Variant) -> bool:
        return watched(variant).health_log

    unwatched = [variant.name for variant in load_stability("stability").variants() if not kept(variant)]
    assert unwatched == 2 * ["after-without-health_log"]


def test_thinning_keeps_the_largest() -> None:
    """At most so many steps; of each stretch the one with the largest norm, what is not finite above all."""
    norms = [1.0, 5.0, 2.0, float("nan"), 9.0, 3.0, 4.0]
    assert thinned(norms, 10) == list(range(7))
    assert thinned(norms, 4) == [1, 3, 4, 6]
    assert thinned([], 4) == []


@pytest.mark.parametrize("words", [(), ("--data", "data.csv")])
def test_dry_run_writes_nothing(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """--dry-run lists the variants, says how long, and leaves no file; a file of one's own does too."""
    rng = np.random.default_rng(0)
    if words:
        lines = [",".join(f"{value:.4f}" for value in row) for row in rng.standard_normal((150, 3))]
        Path("data.csv").write_text("a,b,c\n" + "\n".join(lines) + "\n")
    before = sorted(Path().iterdir())
    assert study(*SMOKE, "--dry-run", *words) == 0
    streams = capsys.readouterr()
    assert sorted(Path().iterdir()) == before
    assert streams.out == ""
    lines = streams.err.splitlines()
    assert sum(line.startswith(("original, ", "parents_only, ", "graphsweep, ")) for line in lines) == 17
    assert lines[-1].startswith("17 variants of 2 seeds to train, about ")
    assert lines[-1].endswith("nothing was run.")


@pytest.mark.usefixtures("no_page")
def test_data_without_a_graph(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a true graph scores stay blank, and --json says what was found."""
    lines = [",".join(f"{v:.4f}" for v in row) for row in np.random.default_rng(0).standard_normal((150, 3))]
    Path("mine.csv").write_text("a,b,c\n" + "\n".join(lines) + "\n")
    assert study(*SMOKE, "--data", "mine.csv", "--seeds", "1", "--epochs", "1", "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["true_edge_count"], summary["references"], summary["dataset"]) == (None, [], "mine")
    rows = table(folder() / "variants.csv")
    assert {(row["val_f1"], row["val_shd"], row["p_value"]) for row in rows} == {("", "", "")}
    assert {row["seed"] for row in rows} == {"1337"}
    assert "no score can be given" in summary["sentences"][2]


WRONG = [
    (("--data", "sensor"), "error: no dataset called `sensor`, and no such file\nhint: did you mean `sensors`? "),
    (("--seeds", "9"), "error: --seeds must be between 1 and 2, got 9\n"),
    (("--epochs", "0"), "error: --epochs must be 1 or more, got 0\n"),
    (("--set", "hyper.lr=1"), "error: --set hyper.lr=1: the measure `optimizer` switches this setting\n"),
    (("--set", "trainer.epoch=1"), "error: unknown setting `trainer.epoch` in --set trainer.epoch=1\n"),
    (("-c", "smoke"), "error: sweeps/smoke.yaml lists no measures (measures:), so it is no stability study\n"),
    (("-c", "nowhere.yaml"), "error: no settings file `nowhere.yaml`\n"),
    (("--sed", "3"), "error: unknown option `--sed`\n"),
    (("--set", "data.rows=12"), "error: sensors: "),
]


@pytest.mark.parametrize(("words", "text"), WRONG, ids=range(len(WRONG)))
def test_errors_are_lines(words: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong words end in error and hint with exit code 2, and nothing is written."""
    assert study("-c", "stability_smoke", *words) == 2
    streams = capsys.readouterr()
    assert streams.err.startswith(text)
    assert "Traceback" not in streams.err
    assert list(Path().iterdir()) == []


def test_a_study_in_use_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Two commands do not share a folder."""
    from studies.stability import folder_name

    spec = load_stability("stability_smoke")
    held = RunFolder(Path("runs") / folder_name(spec, load_table(spec.data)), [])
    try:
        assert study(*SMOKE) == 3
    finally:
        held.close()
    assert "is in use by process" in capsys.readouterr().err


def test_help_and_errors_load_nothing_heavy() -> None:
    """--help and wrong settings are answered before torch, optuna, pandas, matplotlib or numpy is imported."""
    check = (
        "import sys\nfrom studies.stability import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "assert not {'torch', 'optuna', 'pandas', 'matplotlib', 'numpy'} & set(sys.modules)"
    )
    for words in (("--help",), ("--seeds", "99"), ("--set", "data.rows=x")):
        subprocess.run([sys.executable, "-c", check, *words], check=True, env=environment(), capture_output=True)
