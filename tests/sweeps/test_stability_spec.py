"""Laws of a stability study's settings: every variant is its family with its measures; errors have lines."""

from pathlib import Path

import pytest
import yaml

from core.errors import InputError, InputErrors
from sweeps.spec import load_spec, packaged_settings
from sweeps.stability_reader import load_stability
from sweeps.stability_spec import AFTER, BEFORE, OWN, WITH, WITHOUT, settled

MEASURES = """
measures:
  - {name: mean, after: {trainer.reduction: mean}, before: {trainer.reduction: sum}}
  - {name: rate, label: a slow rate, after: {hyper.lr: 5e-4}, before: {hyper.lr: 1e-3}}
"""
FAMILIES = """
families:
  - {name: ours, trainer: {epochs: 8, evaluate_every: 1}}
  - {name: own, measures: false}
"""


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def errors_of(text: str, *overrides: tuple[str, str], epochs: str | None = None) -> list[str]:
    """The messages of everything that is wrong with a file."""
    Path("x.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_stability("x.yaml", overrides, (), epochs)
    found = caught.value.errors if isinstance(caught.value, InputErrors) else [caught.value]
    return [error.message for error in found]


def test_the_packaged_study_has_all_measures_and_variants() -> None:
    """Seven measures; two families before, after, without each and with each; and the learner at its defaults."""
    spec = load_stability("stability")
    assert len(spec.measures) == 7
    assert [family.name for family in spec.families] == ["original", "parents_only", "graphsweep"]
    kinds = [variant.kind for variant in spec.variants()]
    assert kinds == 2 * [BEFORE, AFTER, *7 * [WITHOUT], *7 * [WITH]] + [OWN]
    assert len({variant.key for variant in spec.variants()}) == 33
    assert spec.seeds == (1337, 1, 2, 3, 4)


def test_the_sides_are_the_published_ones() -> None:
    """What the original system changed, to the number."""
    found = {variant.key: variant for variant in load_stability("stability").variants()}
    before, after = found["original.before"], found["original.after"]
    names = ("lr", "weight_decay", "lambda_recon", "lambda_sparse", "lambda_acyclic", "lambda_disen")
    assert [getattr(before.hyper, name) for name in names] == [1e-3, 1e-5, 1.0, 0.01, 0.1, 0.01]
    assert [getattr(after.hyper, name) for name in names] == [5e-4, 1e-4, 10.0, 1e-4, 1e-5, 1e-4]
    settings = ("clip_norm", "reduction", "standardise", "acyclicity", "plateau", "health_log", "thresholds")
    assert [getattr(before.trainer, name) for name in settings] == [
        10.0, "sum", "none", "trace_cubed", "none", False, "fixed",
    ]  # fmt: skip
    assert [getattr(after.trainer, name) for name in settings] == [
        1.0, "mean", "filled", "walks", "val_loss", True, "21",
    ]  # fmt: skip
    assert (after.trainer.plateau_factor, after.trainer.plateau_patience, after.trainer.plateau_cooldown) == (0.5, 3, 1)
    assert (after.trainer.architecture, after.trainer.window, after.trainer.batch_size) == ("original", 24, 8)


def test_each_variant_differs_by_its_measure_alone() -> None:
    """Putting the removed measure back into a variant gives after; taking the added one away gives before."""
    spec = load_stability("stability")
    measures = {measure.name: measure for measure in spec.measures}
    for family in ("original", "parents_only"):
        mine = {variant.name: variant for variant in spec.variants() if variant.family == family}
        for variant in mine.values():
            if variant.kind == WITHOUT:
                put_back = settled(variant.trainer, variant.hyper, measures[variant.measure].after)
                assert put_back == (mine["after"].trainer, mine["after"].hyper)
                assert (variant.trainer, variant.hyper) != put_back
            if variant.kind == WITH:
                taken = settled(variant.trainer, variant.hyper, measures[variant.measure].before)
                assert taken == (mine["before"].trainer, mine["before"].hyper)
                assert (variant.trainer, variant.hyper) != taken


@pytest.mark.parametrize("name", ["stability", "stability_smoke"])
def test_settings_read_back_equal(name: str) -> None:
    """What is written into the run folder gives the same study and the same identity."""
    spec = load_stability(name)
    Path("mine.yaml").write_text(yaml.safe_dump(spec.to_dict(), sort_keys=False), encoding="utf-8")
    again = load_stability("mine.yaml")
    assert again == spec
    assert again.identity() == spec.identity()


def test_what_the_command_line_changes() -> None:
    """--set reaches every family, --epochs those with measures only, and identity follows both but not the jobs."""
    Path("x.yaml").write_text(MEASURES + FAMILIES, encoding="utf-8")
    plain = load_stability("x.yaml")
    changed = load_stability("x.yaml", [("trainer.max_lag", "2")], [("--jobs", "backend.jobs", "2")], "12")
    assert [family.trainer.epochs for family in changed.families] == [12, 100]
    assert [family.trainer.max_lag for family in changed.families] == [2, 2]
    assert changed.identity() != plain.identity()
    assert load_stability("x.yaml", (), [("--jobs", "backend.jobs", "2")]).identity() == plain.identity()
    assert [len(plain.first(count).seeds) for count in (None, 2)] == [5, 2]
    assert plain.variants()[2].label == "after without mean"
    assert plain.variants()[3].label == "after without a slow rate"


WRONG = [
    (MEASURES.replace("reduction: mean}", "reduction: means}") + FAMILIES,
     "x.yaml, line 3: trainer.reduction must be one of mean, sum, got `means`"),
    (MEASURES.replace("before: {trainer.reduction: sum}", "before: {trainer.epochs: 3}") + FAMILIES,
     "x.yaml, line 3: after and before of a measure must set the same"),
    (MEASURES.replace("hyper.lr: 5e-4", "hyper.rl: 5e-4") + FAMILIES, "unknown setting `hyper.rl` in x.yaml, line 4"),
    (MEASURES.replace("name: rate", "name: mean") + FAMILIES, "x.yaml, line 4: a second measure is called `mean`"),
    (MEASURES.replace("name: rate, ", "") + FAMILIES, "x.yaml, line 4: measures.name must be 1 to 32"),
    (MEASURES.replace("hyper.lr: 5e-4", "trainer.reduction: sum")
     .replace("hyper.lr: 1e-3", "trainer.reduction: mean") + FAMILIES,
     "x.yaml, line 4: trainer.reduction is switched by the measure `mean` already"),
    (MEASURES + FAMILIES.replace("name: own", "name: ours"), "x.yaml, line 8: a second family is called `ours`"),
    (MEASURES + FAMILIES.replace("epochs: 8", "reduction: sum"),
     "x.yaml, line 7: trainer.reduction is switched by the measure `mean`"),
    (MEASURES + FAMILIES.replace("epochs: 8", "epochs: 0"), "x.yaml, line 7: trainer.epochs must be 1 or more, got 0"),
    (MEASURES, "x.yaml: families must be a list of families"),
    ("study: x\n", "x.yaml lists no measures"),
    (MEASURES + FAMILIES + "seeds: [1, 1]\n", "x.yaml, line 9: seeds must not repeat a value"),
    (MEASURES + FAMILIES + "datasets: []\n", "unknown setting `datasets` in x.yaml, line 9"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), WRONG, ids=range(len(WRONG)))
def test_errors_have_lines(text: str, message: str) -> None:
    """Whatever is wrong with a file is one message that starts with the place or the name."""
    found = errors_of(text)
    assert any(error.startswith(message) for error in found), found


def test_a_measures_setting_is_not_changed_by_hand() -> None:
    """--set of what a measure switches would leave variants that are not what they are called."""
    (message,) = errors_of(MEASURES + FAMILIES, ("hyper.lr", "0.1"))
    assert message == "--set hyper.lr=0.1: the measure `rate` switches this setting"
    (message,) = errors_of(MEASURES + FAMILIES, epochs="0")
    assert message == "--epochs must be 1 or more, got 0"


def test_every_study_names_its_own_files() -> None:
    """A stability file given to the sweep is refused with the command that reads it, and lists stay apart."""
    with pytest.raises(InputError, match="lists measures") as caught:
        load_spec("stability")
    assert caught.value.hint == "python -m studies.stability -c stability"
    assert packaged_settings("stability") == ["stability", "stability_smoke"]
    assert "stability" not in packaged_settings()
    assert packaged_settings("suite") == ["suite", "suite_smoke"]
