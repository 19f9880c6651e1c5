"""Laws of a stability study's page: titles say what the numbers say, no truth means no scores, it is whole offline."""

import csv
import gzip
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_report_page import Page

from core.errors import RunFolderError
from reports.__main__ import main
from reports.stability import NAMES, write_stability_report
from reports.stability_folder import load_stability_folder
from reports.stability_results import bought, purchases
from reports.stability_standing import in_short, sentences
from reports.stability_words import big, moved

NORMS = {  # family, variant -> largest gradient norm
    "before": 40_000.0, "after": 2.5, "without-scale": 30_000.0, "without-log": None,
    "with-scale": 4.0, "with-log": 40_000.0,
}  # fmt: skip
MEASURES = (("scale", "standardised inputs"), ("log", "health log"))
VARIANTS = (
    ("before", "before", ""), ("after", "after", ""), ("without-scale", "without", "scale"),
    ("without-log", "without", "log"), ("with-scale", "with", "scale"), ("with-log", "with", "log"),
)  # fmt: skip
COLUMNS = (
    "family variant kind measure seed state failed_step max_grad_norm grad_clip_ratio_1 grad_clip_ratio_2 "
    "grad_clip_ratio_3 grad_clip_ratio_4 grad_clip_ratio_last train_loss_1 train_loss_last lr_drops val_f1 val_shd "
    "edge_count p_value weights_hash"
)
EPOCHS = "family variant seed epoch train_loss recon sparse acyclic disen grad_clip_ratio learning_rate graph_gradient"
STEPS = "family variant seed step grad_norm"
CLIPS = (0.96, 0.39, 0.04, 0.007)
EXPECTED_F1 = {"original": 0.15, "ours": 0.9}


def make_study(path: Path, *, truth: bool = True, **changes: Any) -> Path:
    """Write a study's folder by hand: a family `original` and a family `ours`, 2 measures, 2 seeds, 4 epochs.

    Args:
        path: the folder. truth: whether a true graph is known.
        changes: label (of the second family), measure (label of the first measure), norms, failed (variants of the
            first family whose seeds diverge), variants (names to leave out), dataset.
    """
    path.mkdir(parents=True, exist_ok=True)
    norms, failed = {**NORMS, **changes.get("norms", {})}, changes.get("failed", ())
    rows, epochs, steps, labels = [], [], [], []
    names = dict(MEASURES) | {"scale": changes.get("measure", "standardised inputs")}
    for family in ("original", "ours"):
        for variant, kind, measure in VARIANTS:
            base = {"without": "after", "with": "before"}.get(kind, kind)
            labels.append({
                "family": family, "variant": variant, "kind": kind, "measure": measure, "clip_norm": 1.0,
                "label": f"{base} {kind} {names[measure]}" if measure else kind,
            })  # fmt: skip
            if variant in changes.get("variants", ()):
                continue
            for seed in (1337, 1):
                shared = {"family": family, "variant": variant, "seed": seed}
                norm, lost = norms[variant], family == "original" and variant in failed
                kept = norm is not None
                clip = [1.0] * 4 if variant == "before" else CLIPS
                score = EXPECTED_F1[family] if variant != "before" else 0.0
                row = {**shared, "kind": kind, "measure": measure, "state": "failed" if lost else "complete"}
                row |= {"failed_step": 3 if lost else "", "max_grad_norm": norm if kept else "", "weights_hash": "abc"}
                if kept:
                    row |= {f"grad_clip_ratio_{n + 1}": value for n, value in enumerate(clip)}
                    row |= {"grad_clip_ratio_last": clip[-1], "train_loss_1": 1.05, "train_loss_last": 0.0098}
                if truth and not lost:
                    row |= {"val_f1": score, "val_shd": 3, "edge_count": 13, "p_value": 0.5 if score < 0.5 else 1e-7}
                rows.append(row | {"lr_drops": 0})
                for epoch in range(1, 5):
                    line = {**shared, "epoch": epoch, "train_loss": 1.0 / epoch, "recon": 1.0 / epoch, "sparse": 0.0}
                    line |= {"acyclic": 1e-6, "disen": 1e-5, "learning_rate": 5e-4}
                    line |= {"grad_clip_ratio": clip[epoch - 1]} if kept else {}
                    line |= {"graph_gradient": 0.0 if family == "original" else 0.3} if kept else {}
                    epochs.append(line)
                steps += [
                    {**shared, "step": n + 1, "grad_norm": (norm or 0) / (n + 1)} for n in range(20 if kept else 0)
                ]
    (path / "variants.csv").write_text(text_of(rows, COLUMNS), encoding="utf-8")
    (path / "epochs.csv.gz").write_bytes(gzip.compress(text_of(epochs, EPOCHS).encode()))
    (path / "steps.csv.gz").write_bytes(gzip.compress(text_of(steps, STEPS).encode()))
    facts = {
        "format": 1, "study": "stability", "dataset": changes.get("dataset", "sensors"), "seeds": [1337, 1],
        "variants": 12, "finished": 12 - 2 * len(changes.get("variants", ())), "train_seconds": 3.0,
        "true_edge_count": 13 if truth else None,
        "references": [
            {"name": "empty", "f1": 0.0, "shd": 13}, {"name": "chance_floor", "f1": 0.2, "f1_high": 0.3, "shd": 12},
        ] if truth else [],
        "measures": [{"name": name, "label": label} for name, label in names.items()],
        "families": [
            {"name": "original", "label": "the original", "measures": True, "epochs": 4, "architecture": "original"},
            {"name": "ours", "label": changes.get("label", "parents-only decoding"), "measures": True, "epochs": 4,
             "architecture": "parents_only"},
        ],
        "labels": labels,
    }  # fmt: skip
    (path / "summary.json").write_text(json.dumps(facts), encoding="utf-8")
    settings = {"measures": [{"label": "scale", "after": {"trainer.standardise": "filled"}, "before": {}}]}
    (path / "stability.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    (path / "environment.json").write_text(json.dumps({"data": {"rows": 2000, "variables": changes.get("names", [])}}))
    return path


def text_of(rows: list[dict[str, Any]], columns: str) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns.split(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def page_of(path: Path) -> tuple[Page, str]:
    text = write_stability_report(path).read_text(encoding="utf-8")
    return Page(text), text


def said(page: Page) -> str:
    """What a reader can read."""
    return " ".join(text for tag, text in page.texts if tag != "style")


NONSENSE = re.compile(r"\b(nan|None|inf|undefined)\b")


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Page, str]:
    """A study whose measures work, with its page; only to be read."""
    path = make_study(tmp_path_factory.mktemp("stability") / "run")
    return path, *page_of(path)


def test_the_three_sentences_say_what_was_found(usual: tuple[Path, Page, str]) -> None:
    """What explodes and what tames it, which measure does it, and that one reconstruction does not read its graph."""
    first, second, third = (
        text.replace("\N{NO-BREAK SPACE}", " ") for text in sentences(load_stability_folder(usual[0]))
    )
    assert first == (
        "Without the measures the gradient norm of the original reaches 40,000, with all of them 2.5: 16,000 times "
        "less (medians of 2 seeds; in no pair of seeds less than 16,000 times). With them the clip ratio falls from "
        "96 % in the first epoch to 0.7 % in epoch 4. No seed diverged to NaN."
    )
    assert second == (
        "What lowers the largest norm most is standardised inputs (added to before ÷ 10,000, removed from after "
        "× 12,000); it moves by less than 2 times with health log."
    )
    assert third == (
        "The reconstruction of the original does not move with its graph: d reconstruction / d graph is exactly 0; "
        "that of parents-only decoding (0.3) does. F1 of the learned graph: the original 0.15 (better than chance in 0 "
        "of 2 seeds) and parents-only decoding 0.90 (better than chance in 2 of 2 seeds, p < 0.001)."
    )
    assert in_short(load_stability_folder(usual[0])) == ("The measures tame what explodes without them", "good")


def test_the_words_follow_the_numbers(tmp_path: Path) -> None:
    """Where nothing explodes, or with the measures something diverges, the page says that instead."""
    calm = load_stability_folder(make_study(tmp_path / "calm", norms={"before": 3.0, "with-scale": 3.0, "with-log": 3.0,
                                                                       "without-scale": 2.5}))  # fmt: skip
    assert sentences(calm)[0].startswith("On these data nothing explodes: the gradient norm of the original reaches 3 ")
    assert sentences(calm)[1].startswith("No measure alone lowers the largest norm much")
    assert in_short(calm)[1] == "luck"
    lost = load_stability_folder(make_study(tmp_path / "lost", failed=("before", "after")))
    assert "Diverged to NaN: 2 of 2 without the measures and 2 of 2 with the measures." in sentences(lost)[0]
    assert in_short(lost) == ("Some seeds diverge with all measures", "doubt")


def test_what_a_measure_buys_is_a_ratio_of_medians(usual: tuple[Path, Page, str]) -> None:
    """Removed: without over after; added: before over with; what was not kept has no ratio."""
    study = load_stability_folder(usual[0])
    scale, log = purchases(study, study.families[0])
    assert (scale.removed, scale.added) == (12_000.0, 10_000.0)
    assert log.removed != log.removed
    assert log.added == 1.0
    assert log.same_weights
    assert [row["removed"]["max_grad_norm_ratio"] for row in bought(study)][0] == 12_000.0


def test_every_figure_is_there_with_its_picture(usual: tuple[Path, Page, str]) -> None:
    """Eight figures, each with a finding as title, a caption, a description and a PNG; the title is computed."""
    path, page, text = usual
    ids = {attributes.get("id") for attributes in page.having("figure")}
    assert ids == {f"fig-{name}" for name in NAMES}
    for name in NAMES:
        assert (path / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    headings = [cell for tag, cell in page.texts if tag == "h3"]
    assert "Parents-only decoding (0.90) finds a graph better than chance; the original (0.15) does not" in headings
    assert any("40,000 without the measures, at 2.5 with them" in heading for heading in headings)
    assert any(
        "96\N{NO-BREAK SPACE}%, 39\N{NO-BREAK SPACE}%, 4.0\N{NO-BREAK SPACE}%" in heading for heading in headings
    )
    assert text.count("<svg") == len(NAMES)


def test_the_page_is_whole_and_offline(usual: tuple[Path, Page, str], tmp_path: Path) -> None:
    """Nothing is loaded, nothing runs, ids are unique, links lead somewhere, and no number is a NaN."""
    path, page, text = usual
    for tag in ("script", "link", "img", "iframe"):
        assert not page.having(tag)
    assert page.having("meta")[1]["content"].startswith("default-src 'none'; style-src 'sha256-")
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in page.elements:
        assert "style" not in attributes, tag
        for key in ("src", "href"):
            value = attributes.get(key, "")
            assert not re.match(r"\s*(?:[a-z]+:)?//", value)
            if value.startswith("#"):
                assert value[1:] in ids
            elif value:
                assert (path / value).is_file()
    assert not NONSENSE.search(said(page))
    assert len(page.having("h1")) == 1
    assert page.open == []
    assert str(tmp_path.parent) not in text


def test_without_a_true_graph_scores_are_left_out(tmp_path: Path) -> None:
    """No F1, no SHD, no chance; the page says why and what to type, and old score figures are gone."""
    path = make_study(tmp_path / "run", truth=False)
    (path / "figures").mkdir()
    (path / "figures" / "stability_graphs.png").write_text("of an earlier page")
    page, text = page_of(path)
    heads = [cell for tag, cell in page.texts if tag == "th"]
    assert "F1" not in heads
    assert "largest norm" in heads
    assert "No true graph is given, so F1 and SHD are left out." in text
    assert "without a true graph no score can be given" in text
    assert not (path / "figures" / "stability_graphs.png").exists()
    assert (path / "figures" / "stability_gradient.png").exists()
    assert not NONSENSE.search(said(page))


def test_unfinished_and_failed_studies_have_a_page(tmp_path: Path) -> None:
    """Whatever is missing, the page builds and says so."""
    missing = tuple(variant for variant, *_ in VARIANTS if variant != "after")
    page, text = page_of(make_study(tmp_path / "some", variants=missing))
    assert "2 of 12 variants have been trained" in text
    assert not NONSENSE.search(said(page))
    page, text = page_of(make_study(tmp_path / "none", variants=tuple(NORMS)))
    assert "nothing can be said" in text
    assert not NONSENSE.search(said(page))
    page, text = page_of(make_study(tmp_path / "lost", failed=tuple(NORMS)))
    assert "2 of 2" in text
    assert not NONSENSE.search(said(page))


def test_hostile_names_are_text(tmp_path: Path) -> None:
    """Labels and data names that look like markup or mathematics appear as written and do nothing."""
    label = "<script>alert(1)</script> $\\frac{1}{$ {{ 7*7 }}"
    path = make_study(tmp_path / "run", label=label, measure="<img src=x>", dataset="<b>x", names=["<i>"])
    page, text = page_of(path)
    for tag in ("script", "img", "b", "i"):
        assert not page.having(tag), tag
    assert "49" not in re.sub(r"<svg.*?</svg>|<style.*?</style>", "", text, flags=re.DOTALL)
    assert label in {cell for tag, cell in page.texts if tag == "bdi"}


def test_rebuilding_gives_the_same_bytes(
    usual: tuple[Path, Page, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page is a function of the folder; `python -m reports` knows a study's and can write elsewhere."""
    path, _, text = usual
    assert main([str(path), "--out", str(tmp_path / "elsewhere")]) == 0
    assert (tmp_path / "elsewhere" / "report.html").read_text(encoding="utf-8") == text
    assert capsys.readouterr().out.splitlines()[0] == f"{tmp_path}/elsewhere/report.html"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("summary.json", "{", "damaged"),
        ("summary.json", '{"format": 1}', "damaged"),
        ("summary.json", '{"format": 9, "families": [], "labels": [], "measures": []}', "written by format 9"),
        ("steps.csv.gz", None, "steps.csv.gz missing"),
        ("variants.csv", "seed\n1,2,3\n4,5,6,7\n", "damaged"),
    ],
)
def test_a_damaged_folder_is_one_line(tmp_path: Path, name: str, text: str | None, message: str) -> None:
    """A folder that cannot be read is an error with the file's name, not a traceback."""
    path = make_study(tmp_path / "run")
    if text is None:
        (path / name).unlink()
    else:
        (path / name).write_text(text)
    with pytest.raises(RunFolderError, match=message):
        write_stability_report(path)


def test_numbers_are_readable() -> None:
    """Three digits at any size; changes have a sign that says which way."""
    assert [big(value) for value in (2.5061, 46_767.0, 3.2e9)] == ["2.51", "46,800", "3.2\u00a0\u00d7\u00a010\u2079"]
    assert [moved(value) for value in (12.0, 0.1, 1.001, float("nan"))] == [
        "\u00d7\u00a012", "\u00f7\u00a010", "unchanged", "\N{EN DASH}",
    ]  # fmt: skip
