"""Laws of the second process that draws: the same bytes with it, without it, and whatever becomes of it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reports import beside, page
from reports.beside import Beside, begin, drawing_beside
from reports.page import write_report

DRAWN = ("report.html", "figures")


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a second process be started on any machine."""
    monkeypatch.setattr(beside, "cores", lambda: 2)


@pytest.fixture
def run(usual: Path, tmp_path: Path) -> Path:
    """A run folder without a report."""
    folder = tmp_path / "run"
    shutil.copytree(usual, folder, ignore=lambda *_: DRAWN)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    """Return what was drawn of a run."""
    paths = [folder / "report.html", *(folder / "figures").iterdir()]
    return {path.name: path.read_bytes() for path in paths}


def here(monkeypatch: pytest.MonkeyPatch, before: Callable[[int], None] = lambda _: None) -> list[int]:
    """Return the places of the figures that this process draws, as it does; `before` is called with each."""
    places: list[int] = []
    real = page.picture_at

    def noted(run: page.Run, place: int) -> page.Picture | None:
        before(place)
        places.append(place)
        return real(run, place)

    monkeypatch.setattr(page, "picture_at", noted)
    return places


def until(done: Callable[[], bool]) -> None:
    """Wait for something that takes a second or two."""
    end = time.monotonic() + 60.0
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_both_draw_what_one_draws(run: Path, usual: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: each figure is drawn once, by either process, and the bytes are those of one process."""
    with drawing_beside():
        begin(run)
        (second,) = beside.running
        ours = here(monkeypatch, lambda place: until(lambda: place > 0 or len(second.found) > 1))
        write_report(run)
    assert files(run) == files(usual)
    assert sorted([*ours, *second.found]) == list(range(len(page.PLOTS)))
    assert ours
    assert second.process.returncode is not None


@pytest.mark.parametrize("when", ["importing", "drawing"])
def test_a_lost_process_costs_no_figure(run: Path, usual: Path, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    """Law: killed at any moment, its figures are drawn here."""
    with drawing_beside():
        (second,) = beside.running
        if when == "drawing":
            begin(run)
            until(lambda: bool(second.found))
        second.process.kill()
        begin(run)
        ours = here(monkeypatch)
        write_report(run)
    assert files(run) == files(usual)
    assert sorted([*ours, *second.found]) == list(range(len(page.PLOTS)))


def test_a_process_that_stands_still_is_not_waited_for(run: Path, usual: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: after a while it is ended, and what it was at is drawn here."""
    monkeypatch.setattr(beside, "PATIENCE", 0.2)
    with drawing_beside():
        begin(run)
        (second,) = beside.running
        until(lambda: bool(second.found))
        second.process.send_signal(signal.SIGSTOP)
        ours = here(monkeypatch)
        write_report(run)
    assert files(run) == files(usual)
    assert len(ours) + len(second.found) == len(page.PLOTS)


def test_a_run_that_cannot_be_read_there(run: Path, usual: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: where it fails, this process draws, and says what there is to say."""
    with drawing_beside():
        beside.running[0].folder = run.absolute()
        monkeypatch.setattr(beside.running[0], "ask", lambda what: Beside.ask(second, ("/nowhere", what[1])))
        (second,) = beside.running
        second.thread.start()
        write_report(run)
    assert files(run) == files(usual)
    assert second.found == {}


def test_another_run_is_drawn_alone(run: Path, usual: Path, tmp_path: Path) -> None:
    """Law: it draws the one run that it was told to."""
    with drawing_beside():
        begin(tmp_path / "other")
        write_report(run)
    assert files(run) == files(usual)


def test_it_ends_with_the_process_that_began_it() -> None:
    """Law: a kill of the first process ends the second, which Ctrl-C does not reach."""
    code = (
        "import os, signal, sys; from reports import beside; second = beside.Beside();"
        "second.answer(); print(second.process.pid, flush=True); sys.stdin.read()"
    )
    first = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert first.stdout is not None
    second = int(first.stdout.readline())
    assert os.getsid(second) == second
    first.kill()
    first.communicate()
    until(lambda: not alive(second))


def alive(process: int) -> bool:
    """Tell whether a process still runs; one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_one_core_has_no_second_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: where there is one core, nothing is started."""
    monkeypatch.setattr(beside, "cores", lambda: 1)
    with drawing_beside():
        assert beside.running == []


def test_a_system_without_room_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: where it cannot be started, the first process does without."""

    def full(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", full)
    with drawing_beside():
        assert beside.running == []


def test_it_is_gone_after_an_error() -> None:
    """Law: whatever ends the block ends the process."""

    def fail() -> None:
        with drawing_beside():
            started.extend(beside.running)
            raise ZeroDivisionError

    started: list[Beside] = []
    with pytest.raises(ZeroDivisionError):
        fail()
    assert started[0].process.returncode is not None
    assert beside.running == []
