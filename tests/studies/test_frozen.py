"""Laws of formats: run folders of every released format open, go on, and are told apart from newer ones.

The stopped run of format 1 has, by hand, the lists and tables of its first checkpoints, where later ones have tensors.
"""

import contextlib
import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from commands import handlers_kept, only, rerun, results, sweep, table, trials
from freeze import FROZEN, freeze

from core.run_format import FORMAT
from reports.__main__ import main as build_report
from studies.artefacts import SURROUNDINGS, machine
from studies.run_folder import RunFolder

FORMATS = sorted(FROZEN.glob("format-*"))
pytestmark = pytest.mark.usefixtures("no_report")


@pytest.fixture(scope="session", params=FORMATS, ids=lambda path: path.name)
def frozen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A frozen format's runs, `finished` and `stopped`; a copy, only to be read."""
    where = tmp_path_factory.mktemp("frozen") / "format"
    shutil.copytree(request.param, where)
    for path in where.glob("*/*"):
        (path / "sweep.lock").touch()
    return where


def same_place(folder: Path) -> bool:
    """Tell whether a run was made with what is here, so that its numbers must come out to the bit.

    The code that trains may be another one: as long as the format is not released, a change of its rounding has to be
    made on purpose, and the format frozen anew.
    """
    then, now = json.loads((folder / "environment.json").read_text()), {**machine(), "device": "cpu"}
    return all(then.get(name) == now[name] for name in SURROUNDINGS if name != "training")


def test_the_format_of_today_is_frozen() -> None:
    """Each format up to today's has its frozen folders, small ones; nothing frozen is written again."""
    assert [path.name for path in FORMATS] == [f"format-{number}" for number in range(1, FORMAT + 1)]
    for path in FORMATS:
        assert sum(file.stat().st_size for file in path.rglob("*")) < 200_000
        with pytest.raises(FileExistsError):
            freeze(path)


def test_a_report_builds(frozen: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The report of a frozen run builds, with all its trials; so does that of a stopped one."""
    monkeypatch.undo()
    for kind in ("finished", "stopped"):
        with contextlib.chdir(frozen):
            assert build_report([str(only(kind)), "--out", f"page-{kind}"]) == 0
        assert capsys.readouterr().out.strip() == f"page-{kind}/report.html"
        assert (frozen / f"page-{kind}" / "report.html").stat().st_size > 20_000


def test_the_records_load(frozen: Path, tmp_path: Path) -> None:
    """What a finished and a stopped run left is taken up, row by row as it was written."""
    for kind, live in (("finished", False), ("stopped", True)):
        shutil.copytree(only(frozen / kind), tmp_path / kind)
        before = table(tmp_path / kind / "trials.csv"), table(tmp_path / kind / "epochs.csv.gz")
        with open(tmp_path / kind / "trials.csv", encoding="utf-8", newline="") as file:
            columns = next(csv.reader(file))
        folder = RunFolder(tmp_path / kind, columns[3 : columns.index("epochs")])
        saved = folder.load()
        folder.close()
        assert saved is not None
        assert bool(saved.live) == live
        assert [str(row["number"]) for row in saved.trials] == sorted((row["number"] for row in before[0]), key=int)
        assert folder.repairs == []
        assert (table(tmp_path / kind / "trials.csv"), table(tmp_path / kind / "epochs.csv.gz")) == before


def test_a_trial_is_repeated(frozen: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`rerun` repeats a frozen trial: to the bit where nothing has changed, else it says what has."""
    code = rerun(str(only(frozen / "finished")), "--out", "again")
    text = capsys.readouterr().err
    if same_place(only(frozen / "finished")):
        assert "reproduced exactly" in text
    assert code == 0 or (code == 4 and "then," in text)
    assert Path("again").is_dir()


def test_a_stopped_run_goes_on(frozen: Path) -> None:
    """With its own settings, whatever is the default by now, a frozen run goes on: none is lost or trained twice."""
    finished, stopped = only(frozen / "finished"), only(frozen / "stopped")
    words = ("-c", str(stopped / "sweep.yaml"), "-j", "1", "-q")
    assert sweep(*words, "-n", "1", "-o", "name", "--confirm", "0") in (0, 4)
    shutil.copytree(stopped, Path("runs") / only("name").name)  # whatever the hash of these settings is by now
    assert sweep(*words, "-n", "6", "--confirm", "1") == 0
    done = trials(only())
    assert [int(row["number"]) for row in done] == list(range(6))
    kept = {row["number"]: row for row in trials(stopped)}
    assert kept == {row["number"]: row for row in done if row["number"] in kept}
    if same_place(finished):
        assert recorded(only()) == recorded(finished)


def recorded(run: Path) -> dict[str, Any]:
    """What a run came to; its references are those of today's code, which may know an exact value by now."""
    return {name: value for name, value in results(run).items() if name != "baselines.csv"}


def test_a_new_freeze_is_the_same(frozen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is frozen today holds the files that were frozen then."""
    if frozen and FORMATS[-1].name != f"format-{FORMAT}":
        pytest.skip("an older format")
    monkeypatch.setattr("sys.argv", ["lambda_sweep"])
    with handlers_kept():
        freeze(tmp_path / "now")
    for kind in ("finished", "stopped"):
        now, then = only_files(tmp_path / "now" / kind), only_files(FORMATS[-1] / kind)
        assert now >= then


def only_files(runs: Path) -> set[str]:
    """The names of the files of the one run below a folder."""
    (folder,) = runs.iterdir()
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
