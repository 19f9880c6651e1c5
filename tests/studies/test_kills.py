"""Laws of ending: whatever stops a run, and whenever, the same command gives what it would have given."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from commands import ROOT, SMALL, WarmProcess, ended, environment, only, results, signal_at, start, sweep
from tally import TALLY, keep, tried

from reports.page import draw, write_report
from reports.tables import load_run
from studies.journal import Journal
from studies.run_folder import RunFolder


class Killed(BaseException):
    """Ends the process that writes, as far as the code under test can tell."""


class Writes:
    """Counts the writes to a run folder and ends the process at one of them.

    Args:
        last: the write at which everything ends: after it, or, if `torn`, in the middle of it.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, last: int, *, torn: bool) -> None:
        self.count, self.last, self.torn = 0, last, torn
        self.watch(monkeypatch, os, "replace")
        self.watch(monkeypatch, RunFolder, "append")
        self.watch(monkeypatch, Journal, "append")

    def watch(self, monkeypatch: pytest.MonkeyPatch, holder: Any, name: str) -> None:
        """Count the calls of one function that writes."""
        original = getattr(holder, name)

        def counted(*arguments: Any, **how: Any) -> Any:
            self.count += 1
            ending = self.count == self.last
            if ending and self.torn and name == "replace":
                raise Killed
            before = sizes()
            done = original(*arguments, **how)
            if ending and self.torn:
                tear(before)
            if ending:
                raise Killed
            return done

        monkeypatch.setattr(holder, name, counted)


def sizes() -> dict[Path, int]:
    """How long every file is."""
    return {path: path.stat().st_size for path in Path().rglob("*") if path.is_file()}


def tear(before: dict[Path, int]) -> None:
    """Cut what was appended to files since to its half."""
    for path, size in sizes().items():
        if size > before.get(path, 0):
            os.truncate(path, (size + before.get(path, 0)) // 2)


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("torn", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_ended_at_any_write_and_continued(monkeypatch: pytest.MonkeyPatch, torn: bool) -> None:
    """A run that ends after (or in) its n-th write, n = 1, 2, ..., and is continued gives the same results."""
    words = (*SMALL, "-n", "5", "--set", "search.lanes=4", "--set", "trainer.evaluate_every=4", "--confirm", "1", "-q")
    assert sweep(*words, "-o", "calm") == 0
    calm, last = results(only("calm")), 0
    while True:
        last += 1
        with monkeypatch.context() as patch:
            writes = Writes(patch, last, torn=torn)
            try:
                left = sweep(*words, "-o", f"hit{last}")
            except Killed:
                left = -1
        if writes.count < last:
            break
        assert left == -1
        with tried("kills at a write"):
            before = ended(f"hit{last}")
            assert sweep(*words, "-o", f"hit{last}") == 0
            assert results(only(f"hit{last}")) == calm, f"write {last}"
            keep(before, calm["trials.csv"])
    assert last > 15


@pytest.mark.usefixtures("no_report")
@tried("run folder")
def test_a_torn_journal_line_is_repaired() -> None:
    """A journal whose last line was cut, as a full disk leaves it, is whole again after continuing."""
    for where in ("torn", "calm"):  # both are continued: what a larger total adds meets what was pruned before
        assert sweep(*SMALL, "-n", "6", "-q", "-o", where) == 0
    file = only("torn") / "study.journal"
    os.truncate(file, file.stat().st_size - 20)
    for where in ("torn", "calm"):
        assert sweep(*SMALL, "-q", "-o", where) == 0
    assert results(only("torn")) == results(only("calm"))


def test_killed_at_random_moments(warm: WarmProcess) -> None:
    """SIGKILL at any moment, then the same command: the records of the undisturbed run. `test_kill_loop` has more."""
    chance, words = random.Random("short"), (*SMALL, "-n", "14", "--set", "trainer.epochs=16", "--confirm", "2")
    begin = time.monotonic()
    assert warm.run(*words, "-o", "calm") == 0, warm.errors()
    lasted = time.monotonic() - begin
    for _ in range(4):
        with tried("kills"):
            group = warm.start(*words, "-o", "hit")
            time.sleep(chance.uniform(0.02, lasted))  # any moment: there is no event to wait for
            warm.kill(group)
            code = warm.wait()
            assert code in (-signal.SIGKILL, 0)
            TALLY["kills"] += code != 0
            before = ended(warm.where / "hit")
            shutil.copytree(warm.where / "hit", "copy", dirs_exist_ok=True)
            assert warm.run(*words, "-o", str(Path("copy").absolute())) == 0, warm.errors()
            keep(before, ended("copy"))
            shutil.rmtree("copy")
    assert warm.run(*words, "-o", "hit") == 0, warm.errors()
    assert results(only(warm.where / "hit")) == results(only(warm.where / "calm"))


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=lambda n: str(int(n))
)
@tried("signals")
def test_a_signal_stops_after_the_round(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, code: int
) -> None:
    """One signal: exit code of its own, a partial report, the command that continues; and it does continue."""
    words = [*SMALL, "--confirm", "1"]
    monkeypatch.setattr("sys.argv", ["lambda_sweep", *words])
    with monkeypatch.context() as patch:
        signal_at(patch, number)
        assert sweep(*words) == code
    streams = capsys.readouterr()
    assert "Stopping after this round, then writing the report. Ctrl-C again to quit now." in streams.err
    assert f"Continue    python -m studies.lambda_sweep -c smoke {' '.join(words[2:5])}" in streams.err
    partial = results(only())
    assert partial["stopped_early"] is True
    assert 0 < len(partial["trials.csv"]) < 10 or not partial["trials.csv"]
    assert (only() / "report.html").exists()
    monkeypatch.setattr("reports.page.write_report", lambda folder: folder)
    assert sweep(*words) == 0
    assert "continuing: " in capsys.readouterr().err
    assert sweep(*words, "-o", "calm") == 0
    assert results(only()) == results(only("calm"))


DOUBLE = """
import os, signal, sys
from studies.lambda_sweep import main
from studies.terminal import Terminal
def ended(self, rows, share):
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGINT)
    print("still here")
Terminal.round_ended = ended
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.usefixtures("no_report")
@tried("signals")
def test_a_second_ctrl_c_ends_at_once() -> None:
    """Twice: gone with 130, nothing to clean up; continuing gives the results of an undisturbed run."""
    done = subprocess.run(
        [sys.executable, "-c", DOUBLE, *SMALL], capture_output=True, text=True, env=environment(), check=False
    )
    assert (done.returncode, done.stdout) == (130, "")
    assert "Traceback" not in done.stderr
    assert not (only() / "report.html").exists()
    assert sweep(*SMALL, "-q") == 0
    assert sweep(*SMALL, "-q", "-o", "calm") == 0
    assert results(only()) == results(only("calm"))


@pytest.mark.parametrize("seen", ["", "folder "], ids=["while it imports", "while workers start"])
@tried("signals")
def test_ctrl_c_of_a_terminal_while_starting(seen: str) -> None:
    """Ctrl-C, which reaches the workers too, leaves no traceback at any moment, and says 130."""
    process = start(
        *SMALL, "-n", "400", *(["-j", "2", "--backend", "loky"] if seen else [])
    )  # too many to be done before the signal
    assert process.stderr is not None
    if seen:
        while not process.stderr.readline().startswith(seen):
            pass
    else:
        maps = Path(f"/proc/{process.pid}/maps")
        if not maps.exists():
            process.kill()
            process.communicate()
            pytest.skip("needs /proc to see when the import of torch has begun")
        while "torch" not in maps.read_text() and process.poll() is None:
            pass
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert "Traceback" not in err
    assert process.returncode == 130


def children(process: int) -> list[int]:
    """The process ids of a process's children."""
    question = ["ps", "-o", "pid=", "--ppid", str(process)]
    return [int(line) for line in subprocess.run(question, capture_output=True, text=True, check=False).stdout.split()]


def alive(process: int) -> bool:
    """Tell whether a process is there and not just waiting to be read off."""
    question = ["ps", "-o", "stat=", "-p", str(process)]
    state = subprocess.run(question, capture_output=True, text=True, check=False).stdout.strip()
    return state != "" and not state.startswith("Z")


@pytest.mark.usefixtures("no_report")
@tried("kills")
def test_a_killed_coordinator_lets_go_of_its_folder(tmp_path: Path) -> None:
    """SIGKILL of the coordinator alone frees the lock at once; its workers end soon by themselves."""
    words = (*SMALL, "-n", "400", "-j", "2", "--backend", "loky")
    with open(tmp_path / "err.txt", "w") as err:
        process = start(*words, stderr=err)
        while not list(Path().glob("runs/*/checkpoint.pt")):
            assert process.poll() is None
        left = children(process.pid)
        assert left
        process.kill()
        process.wait(timeout=60)
        try:
            assert sweep(*SMALL, "-n", "1", "-q") == 0
            end = time.monotonic() + 60.0
            while any(map(alive, left)):
                assert time.monotonic() < end, "workers outlive their coordinator"
                time.sleep(0.1)  # nothing tells us of the end of another's child
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=60)


def test_a_report_ended_at_any_write(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill at any write of the report leaves the old page whole; written again it is the undisturbed one."""
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    pictures = draw(load_run(folder), folder)
    monkeypatch.setattr("reports.page.draw", lambda *_: pictures)
    calm = write_report(folder).read_bytes()
    (folder / "report.html").write_text("old")
    last = 0
    while True:
        last += 1
        with monkeypatch.context() as patch:
            writes = Writes(patch, last, torn=True)
            with contextlib.suppress(Killed):
                write_report(folder)
        if writes.count < last:
            break
        with tried("kills at a write"):
            assert (folder / "report.html").read_text() == "old"
    assert last > 5
    assert (folder / "report.html").read_bytes() == calm


def test_the_root_is_where_these_tests_think() -> None:
    """The processes started here run the code beside these tests."""
    assert (ROOT / "studies" / "lambda_sweep.py").exists()
