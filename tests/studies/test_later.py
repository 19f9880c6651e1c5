"""Laws of the checkpoint that is written beside the next round: in order, whole, and its failure is the run's."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from core.errors import RunFolderError
from studies import run_folder
from studies.checkpoint import LiveTrial, Saved
from studies.later import Later
from studies.run_folder import RunFolder


def saved(number: int) -> Saved:
    """What a run has behind it: nothing but a trial that is in flight."""
    return Saved([], [], [LiveTrial(number, 1, {"lr": 0.1}, {})], None, None, "{}", 0.0)


@pytest.fixture
def folder() -> RunFolder:
    """A new run's folder."""
    return RunFolder(Path("runs/a"), ["lr"])


def test_what_fails_is_raised_once_where_it_is_waited_for() -> None:
    """Law: an error waits for the next look, is told once, and the thread goes on."""
    later, done = Later(), list[int]()

    def fail() -> None:
        raise OSError("full")

    later.begin(fail)
    with pytest.raises(OSError, match="full"):
        later.settle()
    later.settle()
    later.begin(lambda: done.append(1))
    later.begin(lambda: done.append(2))
    later.close()
    assert done == [1, 2]


def test_records_wait_for_the_checkpoint_before_them(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: no row of a round is written before the checkpoint of the round before is there."""
    go, write = threading.Event(), run_folder.write_whole

    def slowly(path: Path, content: bytes | str) -> None:
        assert go.wait(60)
        write(path, content)

    monkeypatch.setattr(run_folder, "write_whole", slowly)
    folder.checkpoint(saved(0))
    rows = threading.Thread(target=folder.append, args=([], [{"trial": 0, "epoch": 2}]))
    rows.start()
    time.sleep(0.1)
    assert not (folder.path / "epochs.csv.gz").exists()
    go.set()
    rows.join()
    assert (folder.path / "checkpoint.pt").stat().st_mtime_ns <= (folder.path / "epochs.csv.gz").stat().st_mtime_ns
    folder.close()


@pytest.mark.parametrize(
    "next_step",
    [
        lambda folder: folder.append([], []), lambda folder: folder.rewrite([], []),
        lambda folder: folder.checkpoint(saved(1)), lambda folder: folder.settle(),
    ],
)  # fmt: skip
def test_a_checkpoint_that_cannot_be_written_ends_the_next_step(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, next_step: Callable[[RunFolder], None]
) -> None:
    """Law: nothing goes on from a checkpoint that is not there."""

    def full(path: Path, _: bytes | str) -> None:
        raise RunFolderError(f"{path}: cannot be written")

    monkeypatch.setattr(run_folder, "write_whole", full)
    folder.checkpoint(saved(0))
    with pytest.raises(RunFolderError, match=r"checkpoint\.pt: cannot be written"):
        next_step(folder)
    assert not list(folder.path.glob("*.csv*"))
    folder.close()


def test_a_checkpoint_is_of_its_own_moment(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: what the run does to its trials afterwards is not in it."""
    go, write = threading.Event(), run_folder.write_whole

    def slowly(path: Path, content: bytes | str) -> None:
        assert go.wait(60)
        write(path, content)

    monkeypatch.setattr(run_folder, "write_whole", slowly)
    now = saved(3)
    folder.checkpoint(now)
    now.live[0].reported[2] = 1.0
    now.live.append(LiveTrial(4, 2, {"lr": 0.2}, {}))
    go.set()
    folder.close()
    state = torch.load(folder.path / "checkpoint.pt", weights_only=True)
    assert state["live"] == [(3, 1, {"lr": 0.1}, {})]


def test_closing_waits_for_the_checkpoint(folder: RunFolder) -> None:
    """Law: when the lock is released the checkpoint is there."""
    folder.checkpoint(saved(0)._replace(live=[], search_seconds=1.5))
    folder.close()
    assert (folder.path / "checkpoint.pt").is_file()
    again = RunFolder(folder.path, ["lr"])
    found = again.load()
    assert found is not None
    assert found.search_seconds == 1.5
    again.close()
