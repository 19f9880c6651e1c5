"""Laws of the settings: what is accepted, what each mistake says, and what identifies a search."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.config import DataConfig, Hyperparameters, TrainerConfig
from core.errors import InputError, InputErrors
from sweeps.show import dump_yaml, show_config
from sweeps.spec import BackendConfig, Choices, Range, SearchConfig, SweepSpec, check_data_name, load_spec

PACKAGED = ("lambda_sweep", "lambda_grid", "smoke", "original")
SPACE = "space: {lr: [0.01, 0.1]}\n"


def errors_of(path: Path | str, *arguments: Any) -> list[tuple[str, str]]:
    """The (message, hint) of everything that is wrong with these settings."""
    with pytest.raises(InputError) as caught:
        load_spec(path, *arguments)
    parts = caught.value.errors if isinstance(caught.value, InputErrors) else [caught.value]
    return [(part.message, part.hint) for part in parts]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write text as x.yaml into an empty current directory and return its relative path."""
    monkeypatch.chdir(tmp_path)

    def write_text(text: str) -> str:
        Path("x.yaml").write_text(text, encoding="utf-8")
        return "x.yaml"

    return write_text


DID_YOU_MEAN = "did you mean `{}`? --show-config lists all settings"
LR = "Adam's learning rate at the start (default 0.01)"

WRONG_FILES = [
    (SPACE + "trainer: {epochs: 10}\n",
     "x.yaml, line 2: trainer.epochs must be a multiple of trainer.evaluate_every (4)", "--set trainer.epochs=8"),
    # Names
    ("space: {lr: [0.1]}\n\n\n\n\nspace.x: 1\n", "unknown setting `space.x` in x.yaml, line 6", None),
    ("space:\n  lr: 0.1\n  lambda_sprase: [1]\n", "unknown setting `space.lambda_sprase` in x.yaml, line 3",
     DID_YOU_MEAN.format("lambda_sparse")),
    (SPACE + "serach: {trials: 3}\n", "unknown section `serach` in x.yaml, line 2", DID_YOU_MEAN.format("search")),
    (SPACE + "trials: 3\n", "unknown setting `trials` in x.yaml, line 2", DID_YOU_MEAN.format("search.trials")),
    (SPACE + "trails: 3\n", "unknown setting `trails` in x.yaml, line 2", DID_YOU_MEAN.format("search.trials")),
    (SPACE + "trainer: {lr: 3}\n", "unknown setting `trainer.lr` in x.yaml, line 2", DID_YOU_MEAN.format("space.lr")),
    (SPACE + "trainer: {seed: 3}\n", "unknown setting `trainer.seed` in x.yaml, line 2",
     "did you mean `data.seed` or `search.seed`? --show-config lists all settings"),
    (SPACE + "data: {study: a}\n", "unknown setting `data.study` in x.yaml, line 2", DID_YOU_MEAN.format("study")),
    (SPACE + "data: {qqqq: a}\n", "unknown setting `data.qqqq` in x.yaml, line 2", "--show-config lists all settings"),
    ("space: {lr: {low: 0.1, hihg: 1}}\n", "unknown setting `space.lr.hihg` in x.yaml, line 1", "did you mean `high`?"),
    # Shapes
    ("- a\n", "x.yaml must hold sections of settings, got `[a]`", None),
    ("", "x.yaml: space: nothing to search", "give a range: --set space.lr='{low: 0.001, high: 0.05, log: true}'"),
    ("space:\n", "x.yaml, line 1: space: nothing to search", None),
    ("space: {}\n", "x.yaml, line 1: space: nothing to search", None),
    ("space: [lr]\n", "x.yaml, line 1: space must be a section of settings, got `[lr]`", None),
    (SPACE + "search: 5\n", "x.yaml, line 2: search must be a section of settings, got 5", None),
    (SPACE + "search: {trials: {a: 1}}\n", "x.yaml, line 2: search.trials must be a whole number, got `{a: 1}`", None),
    # Whole numbers
    (SPACE + "search:\n  trials: 2.5\n", "x.yaml, line 3: search.trials must be a whole number, got 2.5", None),
    (SPACE + "search: {trials: 0}\n", "x.yaml, line 2: search.trials must be 1 or more, got 0",
     "to check the settings without running, use --dry-run"),
    (SPACE + "search: {lanes: true}\n", "x.yaml, line 2: search.lanes must be a whole number, got `true`",
     "search.lanes: trials in flight (default 16)"),
    (SPACE + "search: {lanes: 1:30}\n", "x.yaml, line 2: search.lanes must be a whole number, got `1:30`", None),
    (SPACE + "search: {lanes: }\n", "x.yaml, line 2: search.lanes must be a whole number, got nothing", None),
    (SPACE + f"data: {{seed: {2**63}}}\n", f"x.yaml, line 2: data.seed must be {2**63 - 1} or less, got {2**63}", None),
    (SPACE + "trainer: {max_lag: 51}\n", "x.yaml, line 2: trainer.max_lag must be between 0 and 50, got 51", None),
    # Numbers
    (SPACE + "data: {noise: no}\n", "x.yaml, line 2: data.noise must be a number, got `no`", None),
    (SPACE + "data:\n  noise: 0,5\n", "x.yaml, line 3: data.noise must be a number, got `0,5`", None),
    (SPACE + "data: {noise: .inf}\n", "x.yaml, line 2: data.noise must be a number, got `.inf`", None),
    (SPACE + "data: {noise: nan}\n", "x.yaml, line 2: data.noise must be a finite number, got nan", None),
    (SPACE + "data: {noise: 1e999}\n", "x.yaml, line 2: data.noise must be a finite number, got 1e999", None),
    (SPACE + "data: {missing: -0.1}\n", "x.yaml, line 2: data.missing must be between 0 and 0.95, got -0.1", None),
    (SPACE + "search: {timeout: -1}\n", "x.yaml, line 2: search.timeout must be 0 or more, got -1", None),
    # Texts, choices, flags, lists
    (SPACE + "search: {pruner: off}\n",
     "x.yaml, line 2: search.pruner must be one of cohort, median, percentile, hyperband, none, got `off`",
     "search.pruner: what ends poor trials early (default cohort)"),
    (SPACE + "search: {sampler: TPE}\n",
     "x.yaml, line 2: search.sampler must be one of tpe, random, grid, qmc, cmaes, gp, got `TPE`",
     "did you mean `tpe`?"),
    (SPACE + "data: {name: }\n", "x.yaml, line 2: data.name must not be empty", None),
    (SPACE + "search: {lanes: " + "a" * 999 + "}\n",
     "x.yaml, line 2: search.lanes must be a whole number, got `" + "a" * 57 + "...`", None),
    (SPACE + "data: {name: [a]}\n", "x.yaml, line 2: data.name must be a text, got `[a]`", None),
    (SPACE + "trainer: {instantaneous: 1}\n", "x.yaml, line 2: trainer.instantaneous must be true or false, got 1",
     None),
    (SPACE + "data: {missing_values: n/a}\n", "x.yaml, line 2: data.missing_values must be a list of texts, got `n/a`",
     "--set data.missing_values='[\"n/a\"]'"),
    # The study's name
    ("study: ../evil\n" + SPACE,
     "x.yaml, line 1: study must be 1 to 64 letters, digits, dots, dashes or underscores, and not start with a dot, "
     "got `../evil`", "--set study=evil"),
    ("study: .hidden\n" + SPACE, "x.yaml, line 1: study must be 1 to 64", "--set study=hidden"),
    ("study: " + "a" * 65 + "\n" + SPACE, "x.yaml, line 1: study must be 1 to 64", "--set study=" + "a" * 64),
    ('study: "a\\n"\n' + SPACE, "x.yaml, line 1: study must be 1 to 64", "--set study=a"),
    # The space
    ("space: {lr: }\n", "x.yaml, line 1: space.lr has no range", None),
    ("space: {lr: []}\n", "x.yaml, line 1: space.lr lists no value", "--set space.lr='[0.01, 0.1]'"),
    ("space: {lr: {values: 3}}\n", "x.yaml, line 1: space.lr.values must be a list of numbers, got 3", None),
    ("space: {lr: {values: [1], low: 1}}\n", "x.yaml, line 1: space.lr has both values and a range", None),
    ("space: {lr: {low: 1}}\n", "x.yaml, line 1: space.lr has no high", None),
    ("space: {lr: {high: 1}}\n", "x.yaml, line 1: space.lr has no low", None),
    ("space: {lr: [0.1, 1e-1]}\n", "x.yaml, line 1: space.lr lists 0.1 twice", None),
    ("space: {lr: [0.1, a]}\n", "x.yaml, line 1: space.lr must be a number, got `a`", None),
    ("space: {lr: {low: 1, high: 0.5}}\n", "x.yaml, line 1: space.lr: low must be less than high, got 1 and 0.5",
     "swap the two"),
    ("space: {lr: {low: 1, high: 1}}\n", "x.yaml, line 1: space.lr: low must be less than high, got 1 and 1",
     "to fix the setting at one value: --set space.lr=1"),
    ("space: {lr: {low: .nan, high: 1}}\n", "x.yaml, line 1: space.lr.low must be a number, got `.nan`", None),
    ("space: {lr: {low: nan, high: 1}}\n", "x.yaml, line 1: space.lr.low must be a finite number, got nan", None),
    ("space: {lr: {low: 0, high: 1}}\n", "x.yaml, line 1: space.lr.low must be between 1e-08 and 10, got 0",
     "space.lr.low: " + LR),
    ("space: {lr: {low: 1, high: 11}}\n", "x.yaml, line 1: space.lr.high must be between 1e-08 and 10, got 11",
     "space.lr.high: " + LR),
    ("space: {lr: 0}\n", "x.yaml, line 1: space.lr must be between 1e-08 and 10, got 0", "space.lr: " + LR),
    ("space: {lambda_sparse: {low: 0, high: 1, log: true}}\n",
     "x.yaml, line 1: space.lambda_sparse: a log range must start above 0, got low 0",
     "--set space.lambda_sparse.low=1e-6, or search evenly: --set space.lambda_sparse.log=false"),
    ("space: {lr: {low: 0.1, high: 1, log: maybe}}\n",
     "x.yaml, line 1: space.lr.log must be true or false, got `maybe`", None),
    # Settings that must fit each other, and files
    (SPACE + "trainer:\n  temperature_end: 0.9\n",
     "x.yaml, line 3: trainer.temperature_end must be 0.7 (trainer.temperature_start) or less, got 0.9",
     "the gate only cools down: --set trainer.temperature_end=0.7"),
    (SPACE + "trainer:\n  temperature_start: 0.1\n",
     "x.yaml, line 3: trainer.temperature_end must be 0.1 (trainer.temperature_start) or less, got 0.2", None),
    (SPACE + "trainer:\n  window: 24\n",
     "x.yaml, line 3: trainer.window must be 0 for parents_only, which draws single rows, got 24",
     "--set trainer.window=0"),
    (SPACE + "data: {variables: 3, edges: 4}\n", "x.yaml, line 2: data.edges must be 3 or less for 3 variables, got 4",
     "--set data.edges=3, or more variables"),
    ("search: {sampler: grid}\nspace:\n  lr: {low: 0.1, high: 1}\n",
     "x.yaml, line 3: space.lr must be a list of values for the sampler grid, got a range",
     "--set space.lr='[0.1, 1]', or another --sampler"),
    (SPACE + "data: {name: sensor}\n", "x.yaml, line 2: no dataset called `sensor`, and no such file",
     "did you mean `sensors`? Built in: sensors, sem. Your own: --data FILE.csv"),
    (SPACE + "data: {graph: g.csv}\n", "x.yaml, line 2: no graph file `g.csv`", None),
    (SPACE + "data:\n  corruption: drfit_2\n", "x.yaml, line 3: data.corruption: unknown corruption `drfit_2`", None),
    (SPACE + "data: {edges: 5, cycles: 3}\n",
     "x.yaml, line 2: data.cycles must be 2 or less, half of data.edges (5), got 3",
     "--set data.cycles=2, or --set data.edges=6"),
    (SPACE + "data: {name: sem, cycles: 3}\n",
     "x.yaml, line 2: data.cycles must be 0 for sem, whose rows have no time for feedback, got 3",
     "for feedback over time: --data sensors"),
    (SPACE + "data: {name: sem}\ntrainer:\n  max_lag: 2\n",
     "x.yaml, line 4: trainer.max_lag must be 0 for sem, whose rows have no time, got 2",
     "--set trainer.max_lag=0, or leave it out"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message", "hint"), WRONG_FILES)
def test_a_wrong_file_says_where_what_rule_and_what_it_got(
    write: Any, text: str, message: str, hint: str | None
) -> None:
    """One mistake in a file is one error that names file, line, rule and value, and what to type."""
    found = errors_of(write(text))
    assert len(found) == 1
    assert found[0][0].startswith(message)
    if hint is not None:
        assert found[0][1] == hint


WRONG_ARGUMENTS = [
    ("search.trials", "0", "--set search.trials=0: search.trials must be 1 or more, got 0",
     "to check the settings without running, use --dry-run"),
    ("search.trials.x", "3", "unknown setting `search.trials.x` in --set search.trials.x=3",
     "--show-config lists all settings"),
    ("trials", "5", "unknown setting `trials` in --set trials=5", DID_YOU_MEAN.format("search.trials")),
    ("spcae.lr.high", "5", "unknown section `spcae` in --set spcae.lr.high=5", DID_YOU_MEAN.format("space")),
    ("space.lr.high", "0.0005",
     "--set space.lr.high=0.0005: space.lr: low must be less than high, got 0.001 and 0.0005", "swap the two"),
    ("space.weight_decay.high", "0.1", "--set space.weight_decay.high=0.1: space.weight_decay has no low", None),
    ("space.lr.values", "[1]", "sweeps/lambda_sweep.yaml, line 11: space.lr has both values and a range", None),
    ("space.lr", "[1, 2", "--set space.lr=[1, 2: expected ',' or ']', but got '<stream end>'", None),
    ("space.lr", "null", "--set space.lr=null: space.lr has no range", None),
    ("space.lr", "{low: 1, low: 2, high: 3}", "--set space.lr={low: 1, low: 2, high: 3}: `low` is set twice", None),
    ("search", "5", "--set search=5: search must be a section of settings, got 5", None),
    ("data.variables", "3", "--set data.variables=3: data.edges must be 3 or less for 3 variables, got 13", None),
    ("data.name", "sensor", "--set data.name=sensor: no dataset called `sensor`, and no such file", None),
    ("trainer.temperature_start", "0.1",
     "--set trainer.temperature_start=0.1: trainer.temperature_end must be 0.1 (trainer.temperature_start) or less, "
     "got 0.2", None),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value", "message", "hint"), WRONG_ARGUMENTS)
def test_a_wrong_set_names_itself(key: str, value: str, message: str, hint: str | None) -> None:
    """A mistake after --set is an error that names the argument instead of file and line."""
    found = errors_of("lambda_sweep", [(key, value)])
    assert found[0][0] == message
    assert len(found) == 1
    assert hint is None or found[0][1] == hint


KEYS = st.lists(
    st.sampled_from(
        ["space", "lr", "high", "values", "log", "data", "edges", "name", "missing_values", "study", "", "x"]
    ),
    min_size=1,
    max_size=4,
).map(".".join)
VALUES = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["[]", "{}", "[[1]]", "{low: [1], high: {a: 1}}", "[{}]", "1e-3", "-1", "no", "{lr: {values: {}}}"]
    ),
)


@given(st.lists(st.tuples(KEYS, VALUES), max_size=4))
def test_any_set_is_accepted_or_refused(overrides: list[tuple[str, str]]) -> None:
    """Whatever follows --set gives settings or an InputError of one line a part, never another exception."""
    try:
        load_spec("smoke", overrides)
    except InputError as error:
        parts = error.errors if isinstance(error, InputErrors) else [error]
    else:
        parts = []
    assert all(part.message.isprintable() and part.hint.isprintable() for part in parts)


def test_one_bound_of_a_list_cannot_be_changed() -> None:
    """A bound of something that is no range is refused, and both places are named."""
    found = errors_of("lambda_grid", [("space.lr.high", "0.5")])
    assert found[0][0] == "--set space.lr.high=0.5: space.lr is no range (sweeps/lambda_grid.yaml, line 12)"


def test_all_errors_are_raised_at_once(write: Any) -> None:
    """File, --set and options are all checked in one pass, and nothing is lost when they are many."""
    path = write(SPACE + "trainer: {epochs: 0}\nsearch: {sampler: tpee}\nsearch: {}\n")
    found = errors_of(path, [("data.rows", "x")], [("--graph", "data.graph", "g.csv")])
    assert [message for message, _ in found] == [
        "x.yaml, line 4: `search` is set twice, first in line 3",
        "--set data.rows=x: data.rows must be a whole number, got `x`",
        "x.yaml, line 2: trainer.epochs must be 1 or more, got 0",
        "x.yaml, line 3: search.sampler must be one of tpe, random, grid, qmc, cmaes, gp, got `tpee`",
        "no graph file `g.csv`",
    ]


def test_a_section_that_is_none_is_reported_once(write: Any) -> None:
    """Changing a setting of a section that is no section does not add a second, misleading error."""
    found = errors_of(write(SPACE + "search: 5\n"), [("search.seed", "2")], [("--trials", "search.trials", "3")])
    assert [message for message, _ in found] == ["x.yaml, line 2: search must be a section of settings, got 5"]


def test_an_unreadable_file_does_not_hide_wrong_options() -> None:
    """When there is no file, the options are still checked, and what is missing is not reported twice."""
    found = errors_of("mine.yaml", [], [("--trials", "search.trials", "0")])
    assert [message for message, _ in found] == ["no settings file `mine.yaml`", "--trials must be 1 or more, got 0"]


def test_a_missing_file_suggests_the_nearest(write: Any) -> None:
    """A mistyped path suggests a file beside it, a mistyped name a packaged one."""
    write("")
    assert errors_of("xx.yaml")[0][1] == "did you mean `x.yaml`? Packaged: lambda_grid, lambda_sweep, original, smoke"
    assert errors_of("smoek")[0][1] == "did you mean `smoke`? Packaged: lambda_grid, lambda_sweep, original, smoke"
    assert errors_of(".")[0][0] == "`.` is a folder, not a settings file"


RIGHT = [
    ("trainer.clip_norm", "1e-4", 1e-4),
    ("trainer.clip_norm", "1", 1.0),
    ("search.trials", "1e3", 1000),
    ("search.trials", "50.0", 50),
    ("search.seed", "0123", 123),
    ("data.missing", "-0.0", 0.0),
    ("trainer.thresholds", "21", "21"),
    ("trainer.instantaneous", "yes", True),
    ("trainer.instantaneous", "off", False),
    ("data.missing_values", "[no, 1e-4, null, '', n/a]", ["no", "1e-4", "null", "", "n/a"]),
    ("data.separator", ";", ";"),
    ("data.separator", '"\\t"', "\t"),
    ("data.graph", "null", ""),
    ("search.pruner", "none", "none"),
    ("space.lr.high", "0.5", Range(0.001, 0.5, True)),
    ("space.lr", "[0.1,0.2]", Choices((0.1, 0.2))),
    ("space.lr", "{values: [0.1]}", Choices((0.1,))),
    ("space.lr", "1e-2", Choices((0.01,))),
    ("space.lr", "{low: 0.1, high: 1}", Range(0.1, 1.0, False)),
    ("space.weight_decay", "{low: 1e-6, high: 1e-3, log: true}", Range(1e-6, 1e-3, True)),
]


@pytest.mark.parametrize(("key", "text", "value"), RIGHT)
def test_the_setting_decides_what_a_text_means(key: str, text: str, value: Any) -> None:
    """Numbers, flags, texts and ranges are read as the setting wants them, not as YAML guesses."""
    section, _, rest = key.partition(".")
    name = rest.split(".")[0]
    part = getattr(load_spec("lambda_sweep", [(key, text)]), section)
    found = part[name] if section == "space" else getattr(part, name)
    assert found == value
    assert type(found) is type(value)
    assert str(found) == str(value)


def test_the_last_change_of_a_setting_wins() -> None:
    """Later --set win over earlier ones, and options over --set."""
    sets = [("search.trials", "3"), ("search.trials", "4")]
    assert load_spec("smoke", sets).search.trials == 4
    assert load_spec("smoke", sets, [("--trials", "search.trials", "5")]).search.trials == 5


def test_an_options_value_is_taken_as_text(write: Any) -> None:
    """A file name is never read as YAML: `null`, `[a]` and `a: b` are names."""
    for name in ("null", "[a]", "a: b", "x # y"):
        Path(write(SPACE)).rename(name)
        path = write(SPACE)
        assert load_spec(path, [], [("--data", "data.name", name)]).data.name == name


def test_the_space_is_in_the_order_of_the_fields(write: Any) -> None:
    """The order of writing changes neither the order of drawing nor the identity."""
    forward = load_spec(write("space: {lr: [1], lambda_sparse: [1]}\n"))
    backward = load_spec(write("space: {lambda_sparse: [1], lr: [1]}\n"))
    assert list(forward.space) == list(backward.space) == ["lambda_sparse", "lr"]
    assert forward.identity() == backward.identity()


def test_a_study_without_a_name_has_that_of_its_file(write: Any) -> None:
    """The file's stem names the study when the file does not."""
    assert load_spec(write(SPACE)).study == "x"


def test_everything_but_the_space_has_a_default(write: Any) -> None:
    """A file with only a space gives the defaults of the settings classes."""
    spec = load_spec(write(SPACE))
    assert spec == SweepSpec(
        "x", DataConfig(), TrainerConfig(), {"lr": Choices((0.01, 0.1))}, SearchConfig(), BackendConfig()
    )


@pytest.mark.parametrize("name", PACKAGED)
def test_packaged_settings_are_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Every packaged file loads under three spellings whatever the current directory."""
    monkeypatch.chdir(tmp_path)
    spec = load_spec(name)
    assert spec.study == name
    assert load_spec(f"{name}.yaml") == load_spec(f"sweeps/{name}.yaml") == spec


def test_a_file_of_ones_own_wins_over_a_packaged_one(write: Any) -> None:
    """A path that exists means that file, even when it has a packaged name."""
    Path(write("study: mine\n" + SPACE)).rename("smoke.yaml")
    assert load_spec("smoke.yaml").study == "mine"
    assert load_spec("smoke").study == "smoke"


def test_the_packaged_sweep_states_the_defaults() -> None:
    """Where lambda_sweep.yaml shows a setting that has a default, it is the default."""
    spec = load_spec("lambda_sweep")
    assert (spec.data, spec.trainer, spec.search) == (DataConfig(), TrainerConfig(), SearchConfig())
    assert list(spec.space) == ["lambda_sparse", "lambda_acyclic", "lr"]


def test_the_packaged_grid_has_as_many_trials_as_points() -> None:
    """lambda_grid visits each point of its grid once."""
    spec = load_spec("lambda_grid")
    points = 1
    for entry in spec.space.values():
        assert isinstance(entry, Choices)
        points *= len(entry.values)
    assert spec.search.trials == points == 64


def values_of(item: "dataclasses.Field[Any]") -> st.SearchStrategy[Any]:
    """Permitted values of one setting."""
    low, high = item.metadata["low"], item.metadata["high"]
    if item.metadata["choices"]:
        return st.sampled_from(item.metadata["choices"])
    if item.type is int:
        return st.integers(int(low or 0), int(high) if high is not None else 2**63 - 1)
    if item.type is float:
        return st.floats(low, high if high is not None else 1e300, allow_nan=False, allow_infinity=False)
    if item.type is bool:
        return st.booleans()
    if item.type == list[str]:
        return st.lists(st.text())
    return st.text(min_size=0 if item.default == "" else 1)


def section_of(kind: type[Any], **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Permitted values of one section."""
    strategies = {item.name: values_of(item) for item in dataclasses.fields(kind)}
    return st.builds(kind, **(strategies | fixed))


@st.composite
def ranges(draw: st.DrawFn) -> Range | Choices:
    """A range or a list of values within the bounds of every swept setting."""
    values = draw(st.lists(st.floats(1e-8, 1.0), min_size=1, max_size=4, unique=True))
    if len(values) == 1 or draw(st.booleans()):
        return Choices(tuple(values))
    return Range(min(values), max(values), draw(st.booleans()))


SPECS = st.builds(
    SweepSpec,
    study=st.from_regex(r"(?!\.)[A-Za-z0-9._-]{1,64}", fullmatch=True),
    data=section_of(
        DataConfig, name=st.just("sensors"), graph=st.just(""), variables=st.integers(6, 500), edges=st.integers(0, 12),
        cycles=st.just(0), corruption=st.sampled_from(["clean", "severe", "drift_0.5 + mnar_self"]),
    ),
    trainer=section_of(
        TrainerConfig, temperature_start=st.floats(1, 5), temperature_end=st.floats(0.01, 1),
        epochs=st.integers(1, 10**6).map(lambda n: 4 * n), evaluate_every=st.sampled_from([1, 2, 4]), window=st.just(0),
    ),
    space=st.dictionaries(
        st.sampled_from([item.name for item in dataclasses.fields(Hyperparameters)]), ranges(), min_size=1
    ),
    search=section_of(SearchConfig, sampler=st.just("tpe")),
    backend=section_of(BackendConfig, name=st.sampled_from(["auto", "loky", "threading"]), address=st.just(""))
    | section_of(
        BackendConfig, name=st.just("dask"), address=st.just("tcp://scheduler.lab:8786"), device=st.just("cpu")
    )
    | section_of(
        BackendConfig, name=st.just("ray"), address=st.sampled_from(["auto", "10.0.0.7:6379"]), device=st.just("cpu")
    ),
).filter(lambda spec: spec.backend.device == "cpu" or spec.trainer.architecture != "original")  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spec=SPECS)
def test_what_is_written_reads_back_equal(tmp_path: Path, spec: SweepSpec) -> None:
    """dump_yaml and show_config lose nothing: load_spec gives the spec again, with the same identity."""
    for text in (dump_yaml(spec), show_config(spec)):
        (tmp_path / "sweep.yaml").write_text(text, encoding="utf-8")
        back = load_spec(tmp_path / "sweep.yaml")
        assert back == spec
        assert back.identity() == spec.identity()


@pytest.mark.parametrize(
    "text", ["a\nb", "\x85", "\u2028", "\x00", "\ufeff", "\udcff", "Größe", "null", "no", "#", "  "]
)
def test_no_text_breaks_a_line(write: Any, text: str) -> None:
    """Whatever a text holds, it is written on the one line of its setting and reads back."""
    spec = load_spec(write(SPACE))
    odd = dataclasses.replace(spec, data=dataclasses.replace(spec.data, missing_values=[text], separator=text))
    assert len(dump_yaml(odd).splitlines()) == len(dump_yaml(spec).splitlines())
    data = load_spec(write(dump_yaml(odd))).data
    assert (data.missing_values, data.separator) == ([text], text)


def test_other_readers_see_the_same_settings() -> None:
    """PyYAML's safe_load reads what dump_yaml writes as the same plain types, numbers as numbers."""
    for name in PACKAGED:
        spec = load_spec(name)
        assert yaml.safe_load(dump_yaml(spec)) == yaml.safe_load(show_config(spec)) == spec.to_dict()


def other(item: "dataclasses.Field[Any]", value: Any) -> Any:
    """Another value of a setting."""
    choices = [choice for choice in item.metadata["choices"] if choice != value]
    if choices:
        return choices[0]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value * 2 + 1
    return [*value, "x"] if isinstance(value, list) else value + "x"


@pytest.mark.parametrize("section", ["data", "trainer", "search", "backend"])
def test_identity_follows_what_defines_the_search(section: str) -> None:
    """Every setting changes the identity, except trials, confirm, timeout and the backend."""
    spec = load_spec("lambda_sweep")
    part = getattr(spec, section)
    for item in dataclasses.fields(part):
        changed = dataclasses.replace(part, **{item.name: other(item, getattr(part, item.name))})
        same = section == "backend" or item.name in ("trials", "confirm", "timeout")
        moved = dataclasses.replace(spec, **{section: changed})
        assert (moved.identity() == spec.identity()) is same, item.name


def test_identity_follows_study_and_space() -> None:
    """Another study, bound, scale, list or swept setting is another search."""
    changes = [
        ("study", "other"),
        ("space.lr.high", "0.5"),
        ("space.lr.log", "false"),
        ("space.lr", "0.01"),
        ("space.lr", "[0.01, 0.02]"),
        ("space.weight_decay", "0.1"),
    ]
    found = {load_spec("lambda_sweep", [change]).identity() for change in changes}
    found.add(load_spec("lambda_sweep").identity())
    assert len(found) == len(changes) + 1
    assert all(len(digest) == 64 for digest in found)


def test_show_config_explains_every_setting() -> None:
    """Every setting and its meaning stands in --show-config, within 80 columns, the unsearched as comments."""
    text = show_config(load_spec("lambda_sweep", [("search.trials", "60")]))
    words = " ".join(text.replace("#", " ").split())
    for kind in (DataConfig, TrainerConfig, Hyperparameters, SearchConfig, BackendConfig):
        for item in dataclasses.fields(kind):
            assert " ".join(item.metadata["meaning"].split()) in words
            assert f" {item.name}: " in text
    assert "  # not searched: weight_decay: 0.0001" in text
    assert "1 or more; default 50\n  trials: 60" in text
    assert max(map(len, text.splitlines())) <= 80


def test_data_names(tmp_path: Path) -> None:
    """A built-in name, a file and a folder are data sets; a near miss of a file is suggested."""
    (tmp_path / "pump.csv").touch()
    check_data_name("sensors")
    check_data_name(str(tmp_path))
    check_data_name(str(tmp_path / "pump.csv"))
    with pytest.raises(InputError) as caught:
        check_data_name(str(tmp_path / "pmup.csv"))
    assert f"did you mean `{tmp_path / 'pump.csv'}`?" in caught.value.hint
    for name in ("\x00", "a" * 5000, "\udcff"):
        with pytest.raises(InputError):
            check_data_name(name)


def test_settings_load_without_the_heavy_libraries() -> None:
    """Reading settings and arguments imports none of the libraries that take seconds to load."""
    script = (
        "import sys, studies.arguments, sweeps.show\n"
        "studies.arguments.spec_from_arguments(studies.arguments.build_parser().parse_args([]))\n"
        "print([n for n in ('torch','optuna','numpy','pandas','matplotlib','joblib') if n in sys.modules])\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_rows_without_time_need_no_word_about_lags(write: Any) -> None:
    """The simulation sem has max_lag 0 unless something is said, and what is written says it."""
    spec = load_spec(write(SPACE), [], [("--data", "data.name", "sem")])
    assert spec.trainer.max_lag == 0
    assert load_spec(write(dump_yaml(spec))) == spec
    assert load_spec(write(SPACE)).trainer.max_lag == TrainerConfig().max_lag
