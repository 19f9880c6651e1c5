"""Laws of access: axe-core finds nothing serious on any page, keys suffice, and paper holds what the screen does."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from browsing import browser_marks, opened
from run_folders import HOSTILE, SENSORS, make_run
from test_benchmark_page import FULL, make
from test_report_figures import contrast
from test_stability_page import make_study
from test_suite_page import THREE, make_suite

from reports.benchmark import write_benchmark_report
from reports.colours import COLOURS
from reports.page import write_report
from reports.several_page import write_comparison
from reports.stability import write_stability_report
from reports.suite import write_suite_report

pytestmark = browser_marks
BOXES = ".command, .advice:has(code)"
MANY = [f"sensor_{number:03d}" for number in range(100)]
RUNS: dict[str, dict[str, Any]] = {
    "usual": {"trials": 50},
    "hostile": {"trials": 40, "names": HOSTILE},
    "no truth": {"trials": 20, "truth": False},
    "no edges": {"trials": 12, "edges": 0},
    "none complete": {"trials": 6, "failed": 1.1},
    "100 variables": {"trials": 12, "names": MANY, "edges": 160},
}


def of_run(recipe: dict[str, Any], folder: Path) -> Path:
    return write_report(make_run(folder / "run", **recipe))


def of_comparison(folder: Path) -> Path:
    runs = [make_run(folder / name, trials=12, names=names) for name, names in (("a", SENSORS), ("b", HOSTILE))]
    return write_comparison(runs, folder / "out")


PAGES: dict[str, Callable[[Path], Path]] = {
    **{name: partial(of_run, recipe) for name, recipe in RUNS.items()},
    "comparison": of_comparison,
    "suite": lambda folder: write_suite_report(make_suite(folder / "suite", THREE)),
    "stability": lambda folder: write_stability_report(make_study(folder / "study")),
    "benchmark": lambda folder: write_benchmark_report(make(folder / "benchmark", FULL)),
}


def faults(page: Any) -> list[tuple[str, str, str]]:
    """What axe-core finds serious or critical: rule, impact and the first element that breaks it."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found = axe.Axe().run(page).response["violations"]
    assert isinstance(found, list)
    return [
        (item["id"], item["impact"], item["nodes"][0]["html"][:200])
        for item in found
        if item["impact"] in {"serious", "critical"}
    ]


@pytest.mark.parametrize("kind", PAGES)
def test_nothing_serious_is_in_the_way(browser: Any, tmp_path: Path, kind: str) -> None:
    """In light and in dark, on a wide and a narrow window, with a row open, axe-core finds nothing serious."""
    report = PAGES[kind](tmp_path)
    for scheme, width in (("light", 1280), ("dark", 400)):
        page, _, _ = opened(
            browser, report, color_scheme=scheme, viewport={"width": width, "height": 900}, bypass_csp=True
        )
        row = page.locator("#trials-table tbody button")
        if row.count():
            row.first.click()
        assert faults(page) == []
        page.close()


def test_axe_would_find_a_fault(browser: Any, usual: Path) -> None:
    """The check itself sees pale text, a picture without words and a field without a name."""
    page, _, _ = opened(browser, usual / "report.html", bypass_csp=True)
    page.evaluate(
        "document.querySelector('main').insertAdjacentHTML('afterbegin', "
        '\'<p style="color:#ccc;background:#fff">pale</p><input><svg role="img"></svg>\')'
    )
    assert {rule for rule, _, _ in faults(page)} >= {"color-contrast", "label", "svg-img-alt"}
    page.close()


def test_text_in_drawings_can_be_read(browser: Any, usual: Path, hostile: Path) -> None:
    """Axe cannot tell what lies under text in a drawing: words have 4.5:1 on the ground, or are cut out of a mark."""
    readable = {f"f-{role}" for role, pair in COLOURS.items() if min(map(contrast, pair, COLOURS["ground"])) >= 4.5}
    assert readable >= {"f-ink", "f-soft"}
    for folder in (usual, hostile):
        page, _, _ = opened(browser, folder / "report.html")
        classes = page.evaluate(
            "[...document.querySelectorAll('.picture text')].map(t => [t.className.baseVal, t.textContent])"
        )
        assert len(classes) > 100
        for role, words in classes:
            assert role in {*readable, "f-ground"} or not re.search(r"\w", words), (role, words)
        page.close()


def test_keys_suffice(browser: Any, usual: Path) -> None:
    """Tab shows where it is on every stop; the slash reaches the filter from anywhere, Enter opens a row."""
    page, _, _ = opened(browser, usual / "report.html", viewport={"width": 1280, "height": 900})
    stops = []
    for _ in range(40):
        page.keyboard.press("Tab")
        outline, name = page.evaluate(
            "[document.activeElement].map(e => [getComputedStyle(e).outlineStyle + getComputedStyle(e).outlineWidth,"
            " e.outerHTML.slice(0, 80)])[0]"
        )
        assert outline != "none0px", name
        assert re.fullmatch(r"(?:solid|auto)[1-9].*", outline), (outline, name)
        stops.append(name)
    assert stops[0].startswith('<a class="skip"')
    assert len(set(stops)) > 30
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "trials-filter"
    page.keyboard.type("a/b")
    assert page.input_value("#trials-filter") == "a/b"
    page.fill("#trials-filter", "")
    page.locator("#trials-table tbody button").first.focus()
    page.keyboard.press("Enter")
    detail = page.locator("tr.detail")
    assert detail.locator("svg").get_attribute("aria-label").startswith("SHD over the epochs: from ")
    assert "--trial 38" in detail.locator("code").inner_text()
    page.close()


def test_every_command_can_be_copied(browser: Any, usual: Path) -> None:
    """Each command and each setting that is advised has a button that puts it, whole, on the clipboard."""
    page, _, _ = opened(browser, usual / "report.html", permissions=["clipboard-read", "clipboard-write"])
    page.locator("#trials-table tbody button").first.click()
    boxes = page.locator(BOXES)
    assert boxes.count() >= 4
    for index in range(boxes.count()):
        box = boxes.nth(index)
        wanted = box.locator("code").text_content()
        box.locator("button").click()
        box.locator("button", has_text="Copied").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == wanted
        assert wanted in (box.locator("button").get_attribute("aria-label") or "")
    page.close()


def test_without_script_nothing_is_lost(browser: Any, usual: Path) -> None:
    """Without JavaScript: section 1, all figures, the best 25 trials and every command; no button that does nothing."""
    page, complaints, _ = opened(browser, usual / "report.html", java_script_enabled=False)
    assert "The empty graph has SHD 13" in page.inner_text("#answer")
    assert page.locator("#tiles > div").count() == 7
    assert page.locator("figure svg[role=img]").count() == page.locator("figure").count() == 15
    for index in range(15):
        assert page.locator("figure svg[role=img]").nth(index).bounding_box()["height"] > 50
    assert page.locator("#trials-table tbody tr").count() == 25
    assert "python -m studies.rerun" in page.inner_text("#rerun")
    assert page.locator("button:visible, input:visible, select:visible").count() == 0
    assert complaints == []
    page.close()


@pytest.mark.parametrize("kind", ["usual", "hostile", "100 variables", "comparison", "suite", "stability"])
def test_paper_holds_it_all(browser: Any, tmp_path: Path, kind: str) -> None:
    """Printed on A4, no table is wider than the paper, nothing scrolls, and no control is left."""
    page, _, _ = opened(browser, PAGES[kind](tmp_path), viewport={"width": 718, "height": 1000}, color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 718
    wide = page.evaluate(
        "[...document.querySelectorAll('table')].filter(t => t.getBoundingClientRect().right > 719)"
        ".map(t => t.caption && t.caption.innerText)"
    )
    assert wide == []
    assert page.locator("input:visible, select:visible, nav:visible, .command button:visible").count() == 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.close()
