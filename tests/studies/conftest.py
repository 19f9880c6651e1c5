"""Every test runs in a folder of its own, and leaves the signal handlers as they were."""

import contextlib
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
for folder in (str(HERE), str(HERE.parents[1])):
    if folder not in sys.path:
        sys.path.insert(0, folder)

from commands import ALL_STATES, WarmProcess, handlers_kept, only, results, signal_at, sweep, trials  # noqa: E402
from faults import Stopped  # noqa: E402
from tally import TALLY, fault_table  # noqa: E402

import core  # noqa: E402, F401  (sets MKL_CBWR before torch loads)


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty working directory, and signal handlers put back."""
    monkeypatch.chdir(tmp_path)
    with handlers_kept():
        yield


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the report, which takes longer than a small search."""
    monkeypatch.setattr("reports.page.write_report", lambda folder: folder / "report.html")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with complete, pruned and failed trials and a report; only to be read."""
    where = tmp_path_factory.mktemp("finished")
    with contextlib.chdir(where), handlers_kept():
        assert sweep(*ALL_STATES, "--confirm", "2", "-q") == 0
    return where / only(where / "runs")


@pytest.fixture(scope="session")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Stopped:
    """A run that was stopped in the middle, and what it gives when it is continued; only to be copied."""
    where = tmp_path_factory.mktemp("stopped")
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(where), handlers_kept():
        patch.setattr("reports.page.write_report", lambda folder: folder)
        with pytest.MonkeyPatch.context() as stop:
            signal_at(stop, signal.SIGINT, at_round=6)
            assert sweep(*ALL_STATES, "-q") == 130
        shutil.copytree("runs", "kept")
        assert sweep(*ALL_STATES, "-q") == 0
        return Stopped(where / "kept", trials(only("kept")), results(only()))


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmProcess]:
    """A process from which commands are forked."""
    with WarmProcess(tmp_path_factory.mktemp("warm")) as process:
        yield process


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many faults were tried, how many passed, and how many records were lost."""
    for place, line in enumerate(fault_table(TALLY)):
        if place == 0:
            terminalreporter.write_sep("=", "faults")
        terminalreporter.write_line(line)
