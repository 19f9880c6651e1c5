"""Laws of damaged bytes: wherever a file of a run was changed, it opens, or one line says why it does not."""

import os
import random
import shutil
from pathlib import Path

import pytest
from commands import ALL_STATES, only, results, sweep, trials
from faults import Stopped
from tally import TALLY, keep, tried

from core.errors import RunFolderError
from reports.tables import load_run

CONTINUED = ("study.journal", "checkpoint.pt", "trials.csv", "epochs.csv.gz", "summary.json", "environment.json")
REPORTED = (
    "trials.csv", "epochs.csv.gz", "summary.json", "environment.json", "sweep.yaml", "baselines.csv", "graph.csv",
    "best/adjacency.csv", "confirm/seeds.csv", "confirm/data.csv", "confirm/edges.csv",
)  # fmt: skip
TURNS = [pytest.param(5, id="some"), pytest.param(150, id="many", marks=pytest.mark.slow)]


def damaged(data: bytes, chance: random.Random, turn: int) -> bytes:
    """Cut, overwrite, blank, lengthen, flip a bit of or take a piece out of a file, at its tail or its middle."""
    low = 0 if turn % 2 else max(0, len(data) - 64)
    at = chance.randrange(low, max(low + 1, len(data)))
    garbage = chance.randbytes(chance.randrange(1, 64))
    changed = (
        data[:at],
        data[:at] + garbage + data[at + len(garbage) :],
        data[:at] + bytes(chance.choice(b',\n-.0123456789e"') for _ in garbage) + data[at + len(garbage) :],
        data[:at] + data[at + len(garbage) :],
        data + garbage,
        data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :] if data else garbage,
        data[:at] + b"\n" + data[at:],
    )
    made = changed[turn // 2 % len(changed)]
    TALLY["bytes"] += harmed(data, made)
    return made


def harmed(old: bytes, new: bytes) -> int:
    """How many bytes were overwritten, taken out or put in: what lies between the beginning and the end they share."""
    head = len(os.path.commonprefix([old, new]))
    tail = len(os.path.commonprefix([old[head:][::-1], new[head:][::-1]]))
    return max(len(old), len(new)) - head - tail


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("turns", TURNS)
@pytest.mark.parametrize("name", CONTINUED)
def test_continued(stopped: Stopped, capsys: pytest.CaptureFixture[str], name: str, turns: int) -> None:
    """Continued: the records of the undisturbed run, or exit code 3 with every byte as it was."""
    chance = random.Random(name)
    original = (only(stopped.runs) / name).read_bytes()
    for turn in range(turns):
        with tried("bytes"):
            shutil.rmtree("runs", ignore_errors=True)
            shutil.copytree(stopped.runs, "runs")
            path = only() / name
            path.write_bytes(damaged(original, chance, turn))
            before = {file: file.read_bytes() for file in only().rglob("*") if file.is_file()}
            code = sweep(*ALL_STATES, "-q")
            text = capsys.readouterr().err
            assert code in (0, 3), (turn, text)
            assert "Traceback" not in text
            if code == 3:
                assert text.startswith("error: ")
                assert all(
                    file.read_bytes() == data for file, data in before.items() if file.suffix not in (".lock", ".log")
                )
            else:
                found = results(only())
                if name == "study.journal":  # a copy: nothing is ever read back from it but how many trials it has
                    found["journal"] = stopped.calm["journal"]
                    whole = before[path].rfind(b"\n") + 1
                    assert path.read_bytes().startswith(before[path][:whole])
                    kept = [file.read_bytes() for file in only().glob("study.journal.torn*")]
                    assert kept == ([before[path][whole:]] if before[path][whole:] else [])
                assert found == stopped.calm, turn
                keep(stopped.finished, trials(only()))


@pytest.mark.parametrize("turns", TURNS)
@pytest.mark.parametrize("name", REPORTED)
def test_reported(finished: Path, tmp_path: Path, name: str, turns: int) -> None:
    """Read for a report: as a run, or an error of the run folder that names a file."""
    chance = random.Random(name)
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    original = (folder / name).read_bytes()
    for turn in range(turns):
        with tried("bytes"):
            (folder / name).write_bytes(damaged(original, chance, turn))
            said = ""
            try:
                load_run(folder)
            except RunFolderError as error:
                said = error.message
            assert said == "" or (str(folder) in said and "\n" not in said)
