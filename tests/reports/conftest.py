"""Run folders and reports that many tests look at, made once a session."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import ARGUMENTS, CHROMIUM
from run_folders import HOSTILE, make_run

from reports.page import write_report


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One Chromium for all tests that look at pages."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS.split())
        yield found
        found.close()


@pytest.fixture(scope="session")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of 50 trials on 13 sensors, with its report."""
    folder = make_run(tmp_path_factory.mktemp("usual") / "run")
    write_report(folder)
    return folder


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder whose variables are named by an enemy, with its report."""
    folder = make_run(tmp_path_factory.mktemp("hostile") / "run", names=HOSTILE, trials=12)
    write_report(folder)
    return folder


@pytest.fixture(scope="session")
def blind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder without a true graph, with its report."""
    folder = make_run(tmp_path_factory.mktemp("blind") / "run", truth=False, trials=20)
    write_report(folder)
    return folder
