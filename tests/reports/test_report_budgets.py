"""The report's budgets, in one place: bytes, elements and script as laws, times as a measurement.

At 50, 1,000 and 10,000 trials a report has at most 1, 2 and 4 MB, 6,000 elements with 50 rows of the table in the
document, and 15 kB of script; nobody is asked for anything. Seconds depend on the machine and are printed only:
`python -m pytest -m bench -s tests/reports/test_report_budgets.py`.
"""

import time
from pathlib import Path
from typing import Any

import pytest
from browsing import CHROMIUM, browser_marks, opened
from run_folders import make_run

from reports.page import HERE, write_report

NODES, SCRIPT = 6000, 15_000
SIZES = {50: 1.0, 1000: 2.0, 10_000: 4.0}  # trials: MB
KINDS: dict[str, dict[str, Any]] = {
    "100 variables": {"trials": 50, "names": [f"sensor_{number:03d}" for number in range(100)], "edges": 160},
    "100 variables, no truth": {
        "trials": 50, "names": [f"sensor_{number:03d}" for number in range(100)], "edges": 160, "truth": False,
    },
    "long names": {"trials": 50, "names": [f"{number}_{'x' * 197}" for number in range(100)], "edges": 160},
    "all failed": {"trials": 1000, "failed": 1.1},
}  # fmt: skip


@pytest.fixture(scope="module")
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Path]:
    """A report of so many trials."""
    return request.param, write_report(make_run(tmp_path_factory.mktemp("run") / "run", trials=request.param))


SIZED = [50, *(pytest.param(trials, marks=pytest.mark.slow) for trials in (1000, 10_000))]


@pytest.mark.parametrize("report", SIZED, indirect=True)
def test_bytes_and_script(report: tuple[int, Path]) -> None:
    """The page has at most 1, 2 and 4 MB, and its script 15 kB."""
    trials, page = report
    assert page.stat().st_size <= SIZES[trials] * 1e6
    text = page.read_text(encoding="utf-8")
    script = text[text.rindex("<script>") : text.rindex("</script>")]
    assert len(script.encode()) <= SCRIPT
    assert script[len("<script>") :] == (HERE / "page.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_that_could_grow(tmp_path: Path, kind: str) -> None:
    """Many variables, long names and many failures stay within the bytes of 50 trials."""
    assert write_report(make_run(tmp_path / "run", **KINDS[kind])).stat().st_size <= SIZES[50] * 1e6


class TestInABrowser:
    """What Chromium makes of it."""

    pytestmark = browser_marks

    @pytest.mark.parametrize("report", [50, 1000, 10_000], indirect=True)
    def test_nodes_at_rest(self, browser: Any, report: tuple[int, Path]) -> None:
        """At rest, a page turned and a row opened, there are at most 6,000 elements; one file is asked for."""
        trials, path = report
        page, complaints, asked = opened(browser, path)
        counts = [_nodes(page)]
        assert page.locator("#trials-table tbody tr").count() == min(trials, 50)
        page.locator("#trials-table tbody button").first.click()
        counts.append(_nodes(page))
        page.locator("#trials-table thead button").nth(5).click()
        counts.append(_nodes(page))
        assert max(counts) <= NODES
        assert complaints == []
        assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
        page.close()

    @pytest.mark.parametrize("kind", KINDS)
    def test_nodes_of_kinds_that_could_grow(self, browser: Any, tmp_path: Path, kind: str) -> None:
        """Many variables, long names and many failures stay within 6,000 elements, and the page within the window."""
        page, complaints, _ = opened(browser, write_report(make_run(tmp_path / "run", **KINDS[kind])))
        assert _nodes(page) <= NODES
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert complaints == []
        page.close()


def _nodes(page: Any) -> int:
    return int(page.evaluate("document.querySelectorAll('*').length"))


@pytest.mark.bench
@pytest.mark.parametrize("trials", SIZES)
def test_times(request: pytest.FixtureRequest, tmp_path: Path, trials: int) -> None:
    """Print bytes, seconds to build, and, with a Chromium, elements and the seconds to settle (best of three)."""
    folder = make_run(tmp_path / "run", trials=trials)
    begun, spent = time.perf_counter(), time.process_time()
    path = write_report(folder)
    wall, spent = time.perf_counter() - begun, time.process_time() - spent
    line = f"{trials:,} trials: {path.stat().st_size / 1e6:.2f} MB, built in {wall:.1f} s ({spent:.1f} s of processor)"
    if CHROMIUM is not None:
        browser, settled, nodes = request.getfixturevalue("browser"), [], 0
        for _ in range(3):
            begun = time.perf_counter()
            page, _, _ = opened(browser, path)
            page.locator("#trials-controls").wait_for(state="visible")
            page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
            settled.append(time.perf_counter() - begun)
            nodes = _nodes(page)
            page.close()
        line += f", {nodes:,} elements, settled in {min(settled):.2f} s"
    print(f"\n{line}")
