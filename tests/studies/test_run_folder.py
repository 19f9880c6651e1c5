"""Laws of the run folder: one process at a time, whole files, and one line about whatever is wrong with it."""

import csv
import errno
import json
import os
import random
import re
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import SMALL, only, results, signal_at, start, sweep

import core
from core.errors import InputError, RunFolderError
from core.run_format import FORMAT
from studies.checkpoint import Saved
from studies.files import write_whole
from studies.records import compress, decompress
from studies.run_folder import RunFolder
from studies.run_names import open_run, run_name

NOTHING = Saved([], [], [], None, None, "{}", 0.0)


def said(error: RunFolderError) -> str:
    """An error's line and hint."""
    assert "\n" not in error.message + error.hint
    return f"{error.message} | {error.hint}"


def test_in_use_says_by_whom() -> None:
    """A folder that a process holds is refused with its process id; once closed it is free."""
    first = open_run(Path("runs"), "a", [], fresh=False)
    with pytest.raises(RunFolderError) as caught:
        open_run(Path("runs"), "a", [], fresh=False)
    text = said(caught.value)
    assert f"runs/a is in use by process {os.getpid()} on " in text
    assert "(last write 0 s ago)" in text
    assert "wait for it, or start a separate run with --fresh" in text
    other = open_run(Path("runs"), "a", [], fresh=True)
    assert other.path == Path("runs/a-2")
    other.close()
    first.close()
    open_run(Path("runs"), "a", [], fresh=False).close()


def test_the_same_command_twice_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """While a run goes on the same command exits with 3 and the other's process id, and disturbs nothing."""
    with open("err.txt", "w") as err:
        process = start(*SMALL, "-n", "400", stderr=err)
        while not list(Path().glob("runs/*/checkpoint.pt")):
            assert process.poll() is None
        try:
            assert sweep(*SMALL) == 3
            assert process.poll() is None
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=60)
    streams = capsys.readouterr()
    assert streams.out == ""
    assert f"is in use by process {process.pid} on " in streams.err
    open_run(Path("runs"), only().name, [], fresh=False).close()


@pytest.mark.parametrize("content", ["", "garbage", "[]", '{"pid": 1}', "\0\xff"])
def test_a_lock_file_with_anything_in_it(content: str) -> None:
    """What stands in the lock file matters to nobody but people."""
    Path("runs/a").mkdir(parents=True)
    Path("runs/a/sweep.lock").write_text(content)
    folder = open_run(Path("runs"), "a", [], fresh=False)
    assert json.loads(Path("runs/a/sweep.lock").read_text())["pid"] == os.getpid()
    Path("runs/a/sweep.lock").write_text(content)
    with pytest.raises(RunFolderError, match="is in use by another process"):
        open_run(Path("runs"), "a", [], fresh=False)
    folder.close()


def test_a_file_where_the_folder_should_be(capsys: pytest.CaptureFixture[str]) -> None:
    """--out that names a file is an error of the run folder."""
    Path("taken").write_text("mine")
    assert sweep(*SMALL, "-o", "taken") == 3
    assert "taken" in capsys.readouterr().err
    assert Path("taken").read_text() == "mine"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
@pytest.mark.parametrize("what", ["lock", "whole file", "record", "journal"])
def test_a_disk_that_refuses(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], what: str, number: int
) -> None:
    """A full or read-only disk is one line with the path and exit code 3; afterwards the run continues."""
    monkeypatch.setattr("reports.page.write_report", lambda folder: folder)
    error = OSError(number, os.strerror(number))

    def refuse(*_: Any, **__: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        if what == "lock":
            patch.setattr("fcntl.flock", lambda *_: None)
            patch.setattr("os.open", refuse)
        elif what == "whole file":
            patch.setattr("os.replace", refuse)
        elif what == "record":
            patch.setattr("studies.run_folder.compress", refuse)
        else:
            patch.setattr("optuna.storages.journal.JournalFileBackend.append_logs", refuse)
        assert sweep(*SMALL) == 3
    text = capsys.readouterr().err
    assert os.strerror(number) in text
    assert "runs/smoke-sensors-" in text
    assert not list(Path("runs").rglob("*.part"))
    assert sweep(*SMALL, "-q") == 0


def test_a_write_is_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails leaves the old file and nothing beside it."""
    write_whole(Path("a/b.txt"), "old")

    def full(self: Path, data: bytes) -> int:
        with open(self, "wb") as file:
            file.write(data[:1])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(
        RunFolderError, match=r"a/b.txt: cannot be written \(No space left on device; [\d,]+ bytes are free"
    ):
        write_whole(Path("a/b.txt"), "new")
    assert Path("a/b.txt").read_text() == "old"
    assert [path.name for path in Path("a").iterdir()] == ["b.txt"]


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that was stopped after some rounds, with finished and live trials."""
    monkeypatch.setattr("reports.page.write_report", lambda folder: folder)
    with monkeypatch.context() as patch:
        signal_at(patch, signal.SIGINT, at_round=6)
        assert sweep(*SMALL, "-q") == 130
    return only()


def continued(words: tuple[str, ...] = (*SMALL, "-q")) -> str:
    """Continue a damaged run: "same" results as undisturbed, or "refused" with 3; anything else is a failure."""
    code = sweep(*words)
    assert code in (0, 3)
    if code == 3:
        return "refused"
    assert sweep(*words, "-o", "calm") == 0
    assert results(only()) == results(only("calm"))
    return "same"


GARBAGE = (
    b"", b"garbage", b"\0" * 100, b"PK\x03\x04 not a zip", b"\x80\x04.",
)  # fmt: skip


@pytest.mark.parametrize("content", GARBAGE)
def test_a_garbage_checkpoint(stopped: Path, capsys: pytest.CaptureFixture[str], content: bytes) -> None:
    """A checkpoint that is none is refused with the remedy, and left as it is."""
    (stopped / "checkpoint.pt").write_bytes(content)
    assert continued() == "refused"
    text = capsys.readouterr().err
    assert "checkpoint.pt: unreadable" in text
    assert "--fresh" in text
    assert (stopped / "checkpoint.pt").read_bytes() == content
    assert sweep(*SMALL, "-q", "--fresh") == 0


@pytest.mark.parametrize(
    "content",
    [[1, 2], {}, {"format": 1}, {"format": "new"}, {"format": 1, "finished": [0], "live": 3, "lanes": [], "best": [],
     "attributes": "no JSON", "search_seconds": 0.0}, torch.zeros(3)],
)  # fmt: skip
def test_a_checkpoint_of_something_else(stopped: Path, content: Any) -> None:
    """A readable file that is no checkpoint of a run is refused like garbage."""
    torch.save(content, stopped / "checkpoint.pt")
    assert continued() == "refused"


def test_a_newer_format_is_named(stopped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder of a newer graphsweep is refused; the line names both versions, wherever the format stands."""
    facts = json.loads((stopped / "environment.json").read_text())
    (stopped / "environment.json").write_text(json.dumps({**facts, "graphsweep": "9.1"}))
    state = torch.load(stopped / "checkpoint.pt", weights_only=True)
    torch.save({**state, "format": FORMAT + 1}, stopped / "checkpoint.pt")
    assert continued() == "refused"
    line = f"written by graphsweep 9.1 (format {FORMAT + 1}), this is {core.__version__} (format {FORMAT})"
    assert line in capsys.readouterr().err
    (stopped / "environment.json").write_text(json.dumps({**facts, "graphsweep": "9.1", "format": FORMAT + 1}))
    (stopped / "checkpoint.pt").write_bytes(b"a container of the future")
    assert continued() == "refused"
    assert line in capsys.readouterr().err
    (stopped / "environment.json").unlink()
    torch.save({**state, "format": FORMAT + 1}, stopped / "checkpoint.pt")
    assert continued() == "refused"
    assert f"written by a newer graphsweep (format {FORMAT + 1})" in capsys.readouterr().err


def damaged(data: bytes, chance: random.Random, turn: int) -> bytes:
    """Cut, overwrite, blank or lengthen a file somewhere."""
    at = chance.randrange(len(data))
    garbage = chance.randbytes(chance.randrange(1, 64))
    changed = (
        data[:at],
        data[:at] + garbage + data[at + len(garbage) :],
        data[:at] + bytes(chance.choice(b',\n-.0123456789e"') for _ in garbage) + data[at + len(garbage) :],
        data[:at] + data[at + len(garbage) :],
        data + garbage,
    )
    return changed[turn % len(changed)]


@pytest.mark.parametrize("name", ["checkpoint.pt", "trials.csv", "epochs.csv.gz"])
def test_bytes_can_be_anything(stopped: Path, name: str) -> None:
    """Whatever bytes are damaged, what a run left is read or refused, never a traceback."""
    chance = random.Random(name)
    kept = {path: path.read_bytes() for path in stopped.iterdir() if path.is_file()}
    refused: list[str] = []
    for turn in range(150):
        for path, data in kept.items():
            path.write_bytes(data)
        (stopped / name).write_bytes(damaged(kept[stopped / name], chance, turn))
        folder = RunFolder(stopped, ["lr"])
        try:
            folder.load()
        except RunFolderError as error:
            refused.append(said(error))
        finally:
            folder.close()
    assert len(refused) > 30
    assert all(name in text or "trials.csv" in text for text in refused)


@pytest.mark.parametrize("name", ["trials.csv", "epochs.csv.gz"])
@pytest.mark.parametrize("damage", ["gone", "empty", "half", "garbage", "middle", "tail"])
def test_a_damaged_record(stopped: Path, name: str, damage: str) -> None:
    """Records that lost rows of finished trials are refused; a garbage tail changes nothing."""
    path = stopped / name
    data = path.read_bytes()
    third = len(data) // 3
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes({
            "empty": b"", "half": data[: len(data) // 2], "garbage": b"\x00garbage,\n" * 20,
            "middle": data[:third] + b"x,garbage" + data[third + 9 :], "tail": data + b"8,complete,12",
        }[damage])  # fmt: skip
    before = path.read_bytes() if path.exists() else None
    outcome = continued()
    assert outcome == ("same" if damage == "tail" else "refused")
    if outcome == "refused":
        assert (path.read_bytes() if path.exists() else None) == before


@pytest.mark.parametrize(
    ("column", "value"), [("state", "x"), ("state", ""), ("epochs", ""), ("lr", ""), ("val_shd", ""), ("val_f1", "")]
)
def test_an_edited_cell(stopped: Path, column: str, value: str) -> None:
    """A cell that no run has written, in a row that continuing needs, is refused with the record's name."""
    with open(stopped / "trials.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    done = next(row for row in rows if row[1] == "complete")
    done[rows[0].index(column)] = value
    with open(stopped / "trials.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    assert continued() == "refused"


def test_an_epoch_that_is_none(stopped: Path) -> None:
    """The same for the log of the epochs: an evaluation at epoch 0 cannot be."""
    lines = decompress((stopped / "epochs.csv.gz").read_bytes()).split("\n")
    lines[1] = re.sub(r"^(\d+),\d+,", r"\1,0,", lines[1])
    (stopped / "epochs.csv.gz").write_bytes(compress("\n".join(lines)))
    assert continued() == "refused"


def test_another_space_cannot_slip_in(stopped: Path) -> None:
    """Other settings go to another folder, so a run is never continued with other columns."""
    assert sweep(*SMALL, "--set", "space.weight_decay=[0.0, 0.001]", "-q") == 0
    assert len(list(Path("runs").iterdir())) == 2
    assert sweep(*SMALL, "-q") == 0
    assert len((stopped / "trials.csv").read_text().splitlines()) == 11


def test_a_new_run_has_nothing_to_load() -> None:
    """Records without a checkpoint are from a round that was cut off: they go."""
    folder = open_run(Path("runs"), "a", [], fresh=False)
    folder.append([{"number": 0}], [{"trial": 0, "epoch": 2}])
    assert folder.load() is None
    assert [path.name for path in folder.path.iterdir()] == ["sweep.lock"]
    folder.checkpoint(NOTHING)
    assert folder.load() == NOTHING._replace(attributes="{}")
    folder.close()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "é", "-" * 65, ".hidden", "a\n"])
def test_names_stay_inside_the_output_folder(name: str) -> None:
    """A study or data set whose name could lead elsewhere is refused."""
    for pair in ((name, "data"), ("study", name)):
        with pytest.raises(InputError, match="name"):
            run_name(*pair, "0123456789")
    assert run_name("study", "data", "0123456789") == "study-data-012345"


@pytest.mark.parametrize("column", ["seed", "epochs", "val_shd", "blind_score", "lr"])
def test_a_record_without_a_column_is_refused(stopped: Path, capsys: pytest.CaptureFixture[str], column: str) -> None:
    """A changed name in the header is a line and exit code 3, never a traceback."""
    table = stopped / "trials.csv"
    header, rest = table.read_text().split("\n", 1)
    names = [f"{name}x" if name == column else name for name in header.split(",")]
    table.write_text("\n".join([",".join(names), rest]))
    assert continued() == "refused"
    assert "gone or unreadable" in capsys.readouterr().err
