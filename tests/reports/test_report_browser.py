"""Laws of the page in a real browser: it is quick, fits every width, asks nobody, and its table works."""

from pathlib import Path
from typing import Any

import pytest
from browsing import browser_marks, opened
from run_folders import make_run
from test_stability_page import make_study
from test_suite_page import THREE, make_suite

from reports.page import write_report
from reports.several_page import write_comparison
from reports.stability import write_stability_report
from reports.suite import write_suite_report

pytestmark = browser_marks


@pytest.fixture(scope="module")
def thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_run(tmp_path_factory.mktemp("thousand") / "run", trials=1000)
    return write_report(folder)


def test_it_asks_nobody_and_complains_of_nothing(browser: Any, usual: Path, hostile: Path) -> None:
    """Opening a report loads the one file, breaks no policy, and runs nothing that came with a name."""
    for folder in (usual, hostile):
        page, complaints, asked = opened(browser, folder / "report.html")
        assert complaints == []
        assert [url for url in asked if not url.startswith("data:")] == [(folder / "report.html").as_uri()]
        page.close()


@pytest.mark.parametrize("width", [400, 640, 900, 1280, 1600])
def test_it_fits_every_width(browser: Any, usual: Path, hostile: Path, width: int) -> None:
    """From 400 to 1600 pixels the page itself never scrolls sideways."""
    for folder in (usual, hostile):
        page, _, _ = opened(browser, folder / "report.html", viewport={"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.close()


@pytest.mark.parametrize("width", [400, 1280])
def test_a_suite_fits_too(browser: Any, tmp_path: Path, width: int) -> None:
    """A suite's page asks nobody, complains of nothing and never scrolls sideways."""
    report = write_suite_report(make_suite(tmp_path / "suite", THREE))
    page, complaints, asked = opened(browser, report, viewport={"width": width, "height": 900})
    assert complaints == []
    assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


@pytest.mark.parametrize(("width", "scheme"), [(400, "dark"), (1280, "light")])
def test_a_stability_study_fits_too(browser: Any, tmp_path: Path, width: int, scheme: str) -> None:
    """A stability study's page asks nobody, complains of nothing, never scrolls sideways and follows the scheme."""
    report = write_stability_report(make_study(tmp_path / "study"))
    size = {"width": width, "height": 900}
    page, complaints, asked = opened(browser, report, viewport=size, color_scheme=scheme)
    assert complaints == []
    assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ink = page.evaluate("getComputedStyle(document.querySelector('svg text.f-ink')).fill")
    assert ink == {"light": "rgb(31, 35, 40)", "dark": "rgb(230, 232, 235)"}[scheme]
    page.close()


@pytest.mark.parametrize(("width", "scheme"), [(400, "dark"), (900, "light"), (1280, "dark"), (1600, "light")])
def test_a_comparison_fits_too(
    browser: Any, usual: Path, hostile: Path, tmp_path: Path, width: int, scheme: str
) -> None:
    """A comparison asks nobody, complains of nothing, never scrolls sideways and follows the scheme."""
    report = write_comparison([usual, hostile], tmp_path / "out")
    size = {"width": width, "height": 900}
    page, complaints, asked = opened(browser, report, viewport=size, color_scheme=scheme)
    assert complaints == []
    assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ink = page.evaluate("getComputedStyle(document.querySelector('svg text.f-ink')).fill")
    assert ink == {"light": "rgb(31, 35, 40)", "dark": "rgb(230, 232, 235)"}[scheme]
    page.close()


def rows(page: Any) -> list[list[str]]:
    """Read the table as shown."""
    script = "[...document.querySelectorAll('#trials-table tbody tr')].map(r => [...r.cells].map(c => c.innerText))"
    return [[str(cell) for cell in row] for row in page.evaluate(script)]


def test_the_script_shows_what_the_page_says(browser: Any, usual: Path) -> None:
    """The 25 rows for readers without JavaScript are the script's first 25, to the character."""
    plain = browser.new_context(java_script_enabled=False)
    before = plain.new_page()
    before.goto((usual / "report.html").as_uri())
    cells = before.locator("#trials-table tbody tr")
    static = [cells.nth(k).locator("th, td").all_inner_texts() for k in range(25)]
    assert "The empty graph has SHD 13" in before.inner_text("#answer")
    assert before.locator("#trials-controls").is_hidden()
    plain.close()
    page, _, _ = opened(browser, usual / "report.html")
    assert rows(page)[:25] == static
    page.close()


def test_sorting_filtering_and_paging(browser: Any, thousand: Path) -> None:
    """A head sorts up, down and back; words, comparisons and states filter; pages turn."""
    page, _, _ = opened(browser, thousand)
    first = rows(page)
    head = page.locator("#trials-table thead button", has_text="F1")
    place = [text.strip() for text in page.locator("#trials-table thead th").all_inner_texts()].index("F1")
    head.click()
    values = [float(row[place]) for row in rows(page)]
    assert values == sorted(values)
    assert page.get_attribute("#trials-table th[aria-sort]", "aria-sort") == "ascending"
    head.click()
    values = [float(row[place]) for row in rows(page)]
    assert values == sorted(values, reverse=True)
    head.click()
    assert rows(page) == first
    page.click("#trials-next")
    assert page.inner_text("#trials-status") == "51\N{EN DASH}100 of 1,000"
    page.keyboard.press("/")
    page.keyboard.type("SHD<=3 complete")
    assert rows(page)
    assert all(row[1] == "complete" and float(row[place - 1]) <= 3 for row in rows(page))
    page.fill("#trials-filter", "nonsense")
    assert page.inner_text("#trials-status") == "no trial fits"
    page.fill("#trials-filter", "")
    page.select_option("#trials-state", "failed")
    assert {row[1] for row in rows(page)} == {"failed"}
    page.close()


def test_a_row_opens_with_the_keyboard(browser: Any, usual: Path) -> None:
    """Enter on a trial's number opens its settings, curve and rerun command, and closes them again."""
    page, _, _ = opened(browser, usual / "report.html")
    button = page.locator("#trials-table tbody button").first
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-expanded") == "true"
    detail = page.locator("tr.detail")
    assert f"--trial {button.inner_text()}" in detail.inner_text()
    assert "SHD over the epochs" in detail.inner_text()
    assert "weights hash" in detail.inner_text()
    page.keyboard.press("Enter")
    assert page.locator("tr.detail").count() == 0
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_drawings_follow_the_scheme(browser: Any, usual: Path, scheme: str) -> None:
    """Text in the drawings has the page's ink in light and in dark, and light ink in print."""
    page, _, _ = opened(browser, usual / "report.html", color_scheme=scheme)
    ink = "getComputedStyle(document.querySelector('svg text.f-ink')).fill"
    assert page.evaluate(ink) == {"light": "rgb(31, 35, 40)", "dark": "rgb(230, 232, 235)"}[scheme]
    page.emulate_media(media="print", color_scheme=scheme)
    assert page.evaluate(ink) == "rgb(31, 35, 40)"
    page.close()
