"""Laws of the page: the same bytes each time, nothing from outside, names only as text, within its budgets."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from run_folders import HOSTILE, SENSORS, make_run

from reports import wording
from reports.__main__ import main
from reports.page import write_report

VOID = frozenset(["meta", "input", "br", "img", "link", "hr", "path", "use", "image"])


class Page(HTMLParser):
    """What a browser would find in a page: elements with attributes, and texts by the element they stand in."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def having(self, tag: str) -> list[dict[str, str]]:
        return [attributes for found, attributes in self.elements if found == tag]


def page_of(folder: Path) -> Page:
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_rebuilding_gives_the_same_bytes(usual: Path, tmp_path: Path) -> None:
    """The report is a function of the folder: from another process, elsewhere, it comes out byte for byte the same."""
    again = tmp_path / "elsewhere"
    command = [sys.executable, "-m", "reports", str(usual), "--out", str(again)]
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == f"{again / 'report.html'}\n"
    assert done.stderr == ""
    names = sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert len(names) == 17
    for name in names:
        assert (again / name).read_bytes() == (usual / name).read_bytes(), name


def test_nothing_comes_from_outside(usual: Path, hostile: Path) -> None:
    """No element loads anything but data in the page; the policy forbids it as well."""
    for folder in (usual, hostile):
        page = page_of(folder)
        for tag, attributes in page.elements:
            for key in ("src", "href", "data", "action", "poster", "srcset"):
                value = attributes.get(key, "")
                assert not re.match(r"\s*(?:[a-z]+:)?//", value), (tag, value)
                assert tag == "a" or not value or value.startswith(("#", "data:image/png")), (tag, value)
            assert "style" not in attributes
            assert not any(key.startswith("on") for key in attributes)
        assert not page.having("link")
        policy = page.having("meta")[1]["content"]
        assert policy.startswith("default-src 'none'; script-src 'sha256-")
        assert "unsafe" not in policy
        assert str(folder) not in (folder / "report.html").read_text(encoding="utf-8")


def test_links_lead_somewhere_and_ids_are_unique(usual: Path, blind: Path, hostile: Path) -> None:
    """Every id stands once, every inner link, label and drawing reference finds its target."""
    for folder in (usual, blind, hostile):
        page = page_of(folder)
        ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert len(ids) == len(set(ids))
        targets = [
            attributes["href"][1:] for _, attributes in page.elements if attributes.get("href", "").startswith("#")
        ]
        for _, attributes in page.elements:
            targets += attributes.get("aria-labelledby", "").split() + attributes.get("aria-describedby", "").split()
            targets += re.findall(r"url\(#([^)]+)\)", " ".join(attributes.values()))
        assert set(targets) <= set(ids)
        for attributes in page.having("a"):
            if attributes["href"].startswith("figures/"):
                assert (folder / attributes["href"]).is_file()


def test_hostile_names_are_text(hostile: Path) -> None:
    """Names that look like markup, formulas, templates or mathematics appear as written, and as nothing else."""
    page = page_of(hostile)
    assert len(page.having("script")) == 2
    assert not page.having("img")
    cells = {text for tag, text in page.texts if tag == "bdi"}
    for name in HOSTILE:
        assert wording.clean(name) in cells, name
    drawn = " ".join(text for tag, text in page.texts if tag == "text")
    assert r"$\frac{1}{$" in drawn
    assert "\u202e" not in (hostile / "report.html").read_text(encoding="utf-8")
    json.loads(next(text for tag, text in page.texts if tag == "script"))


def test_a_hostile_error_cannot_leave_its_script(tmp_path: Path) -> None:
    """An error message with a closing tag stays inside the JSON block, and reads back whole."""
    folder = make_run(tmp_path / "run", trials=3, failed=1.1)
    path = folder / "trials.csv"
    path.write_text(path.read_text().replace("failed at epoch", "</script><script>alert(3)//\u2028"))
    write_report(folder)
    page = page_of(folder)
    assert len(page.having("script")) == 2
    data = json.loads(next(text for tag, text in page.texts if tag == "script"))
    errors = next(column for column in data["columns"] if column["key"] == "error")
    assert "</script><script>alert(3)//" in json.dumps(errors)


def test_the_answer_needs_no_script(usual: Path) -> None:
    """Section 1, the headings and the best 25 trials are plain HTML, before any script runs."""
    text = (usual / "report.html").read_text(encoding="utf-8")
    before = text[: text.index('<script type="application/json"')]
    assert "The empty graph has SHD 13" in before
    page = page_of(usual)
    table = before[before.index('id="trials-table"') :]
    assert table[: table.index("</table>")].count("<tr>") == 26
    assert len(page.having("h1")) == 1
    assert page.having("html")[0]["lang"] == "en"
    sections = [attributes["id"] for attributes in page.having("section")]
    assert sections == [
        "answer",
        "check",
        "rerun",
        "progress",
        "graph",
        "threshold",
        "fresh",
        "landscape",
        "matters",
        "edges",
        "health",
        "pruning",
        "blind",
        "trials",
        "setup",
        "definitions",
    ]


def test_figures_carry_their_finding(usual: Path) -> None:
    """Each figure has a heading with a number in it, the same as its title, and a description with numbers."""
    page = page_of(usual)
    figures = [attributes["id"] for attributes in page.having("figure")]
    names = (
        "search_progress",
        "best_graph",
        "adjacency",
        "threshold",
        "fresh_seeds",
        "edge_returns",
        "landscape",
        "importances",
        "slices",
        "parallel",
        "edges",
        "clipping",
    )
    assert figures == [f"fig-{n}" for n in (*names, "training", "pruning", "blind_choice")]
    titles = [text for tag, text in page.texts if tag == "title"][1:]
    headings = [text.replace("\N{NO-BREAK SPACE}", " ") for tag, text in page.texts if tag == "h3"]
    assert len(titles) == 15
    for title in titles:
        assert title.replace("\N{NO-BREAK SPACE}", " ") in headings
        assert re.search(r"\d", title)
    for text in (text for tag, text in page.texts if tag == "desc"):
        assert re.search(r"\d", text)


def test_drawings_have_no_colour_of_their_own(usual: Path, blind: Path) -> None:
    """All colours in the drawings are classes, so that light, dark and print can recolour them."""
    for folder in (usual, blind):
        text = (folder / "report.html").read_text(encoding="utf-8")
        for drawing in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
            bare = re.sub(r'href="data:[^"]*"', "", drawing)
            assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?!-)", re.sub(r"#fig-[\w-]+", "", bare))
            assert not re.search(r'(?:fill|stroke)="(?!none|url)', bare)
            assert "rgb(" not in bare
            assert "font-family" not in bare


def test_figures_are_told_in_plain_text(usual: Path, hostile: Path) -> None:
    """figures/README.txt names each PNG with its finding and how to read it, in the order of the page."""
    for folder in (usual, hostile):
        text = (folder / "figures" / "README.txt").read_text(encoding="utf-8")
        page = page_of(folder)
        ids = [attributes["id"].removeprefix("fig-") for attributes in page.having("figure")]
        assert re.findall(r"^(\w+)\.png$", text, re.MULTILINE) == ids
        assert sorted(path.stem for path in (folder / "figures").glob("*.png")) == sorted(ids)
        flat = re.sub(r"\s+", " ", text)
        for title in (title for tag, title in page.texts if tag == "title"):
            if "graphsweep report" not in title:
                assert re.sub(r"\s+", " ", title) in flat
        for caption in (words for tag, words in page.texts if tag == "figcaption"):
            assert re.sub(r"\s+", " ", caption).strip() in flat
        assert max(map(len, text.splitlines())) <= 100


def test_pictures_are_for_paper(usual: Path) -> None:
    """Every PNG has 150 dots an inch, the one width, and a white ground."""
    for path in (usual / "figures").glob("*.png"):
        with Image.open(path) as picture:
            assert [round(dots) for dots in picture.info["dpi"]] == [150, 150]
            assert picture.width == round(7.2 * 150)
            assert picture.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize(
    "recipe",
    [
        {"trials": 0},
        {"trials": 1, "failed": 0.0},
        {"trials": 6, "failed": 1.1},
        {"trials": 6, "truth": False},
        {"trials": 6, "truth": False, "failed": 1.1},
        {"trials": 6, "best_files": False},
        pytest.param({"trials": 6, "confirm": 0, "budget": 50}, marks=pytest.mark.slow),
        {"trials": 6, "objective": "blind"},
        pytest.param({"trials": 6, "names": SENSORS[:3], "edges": 2}, marks=pytest.mark.slow),
        {"trials": 6, "names": SENSORS[:2], "edges": 0, "evaluations": 1},
    ],
    ids=str,
)
def test_odd_runs_have_a_report(tmp_path: Path, recipe: dict[str, Any]) -> None:
    """Whatever a run lacks, its report builds, answers in three sentences and says what is missing."""
    report = write_report(make_run(tmp_path / "run", **recipe))
    text = report.read_text(encoding="utf-8")
    page = Page(text)
    assert len(page.having("section")) in {15, 16}
    for nonsense in (">nan<", "nan ", "None", "NaN", "inf "):
        assert nonsense not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL), nonsense


def test_the_bare_minimum_has_a_report(tmp_path: Path) -> None:
    """summary.json and trials.csv alone are enough."""
    folder = make_run(tmp_path / "run", trials=6)
    for path in folder.rglob("*"):
        if path.is_file() and path.name not in {"summary.json", "trials.csv"}:
            path.unlink()
    assert write_report(folder).exists()


def test_a_hundred_variables_are_listed_not_tangled(tmp_path: Path) -> None:
    """A large graph is shown as grid and list, says so, and stays within 6,000 elements."""
    names = [f"sensor_{number:03d}" for number in range(100)]
    report = write_report(make_run(tmp_path / "run", trials=8, names=names, edges=160))
    page = Page(report.read_text(encoding="utf-8"))
    text = " ".join(text for _, text in page.texts)
    assert "would make a tangle of arrows" in text
    assert re.search(r"100 shown of \d+ learned and \d+ missing edges", text)
    assert "fig-best_graph" not in [attributes["id"] for attributes in page.having("figure")]
    assert not (report.parent / "figures" / "best_graph.png").exists()
    assert len(page.elements) + 50 * 20 <= 6000


def test_a_kill_leaves_the_old_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted while writing, the old page stands whole and no draft is left behind."""
    folder = make_run(tmp_path / "run", trials=0)
    old = write_report(folder).read_bytes()
    make_run(folder, trials=2, failed=1.1)

    def killed(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        write_report(folder)
    assert (folder / "report.html").read_bytes() == old
    assert not list(folder.rglob("*.part"))


def test_figures_of_an_earlier_report_go(tmp_path: Path) -> None:
    """A figure that the run no longer has does not stay behind as a picture; pictures of others do."""
    folder = make_run(tmp_path / "run", trials=2, failed=1.1)
    (folder / "figures").mkdir()
    for name in ("best_graph.png", "README.txt", "mine.png"):
        (folder / "figures" / name).write_bytes(b"old")
    write_report(folder)
    assert [path.name for path in (folder / "figures").iterdir()] == ["mine.png"]


def test_errors_are_two_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bad folder ends in error and hint with exit code 3; wrong options in exit code 2."""
    assert main([str(tmp_path / "nowhere")]) == 3
    written = capsys.readouterr()
    assert re.fullmatch(r"error: no run folder at .*\nhint: .*\n", written.err)
    assert written.out == ""
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where no report can be written, the error says so and points to --out."""
    folder = make_run(tmp_path / "run", trials=3)
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert main([str(folder), "--out", str(blocked)]) == 3
    written = capsys.readouterr().err
    assert "the report cannot be written" in written
    assert "--out DIR" in written


def test_help_loads_nothing_heavy() -> None:
    """Parsing the command line imports neither matplotlib nor pandas nor numpy."""
    check = "import sys, reports.__main__; assert not {'matplotlib', 'pandas', 'numpy', 'jinja2'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)
