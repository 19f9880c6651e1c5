"""Laws of a suite's settings: what is accepted, what each mistake says, and what identifies a suite."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.config import TrainerConfig
from core.errors import InputError, InputErrors
from sweeps.spec import load_spec
from sweeps.suite_reader import load_suite
from sweeps.suite_spec import SuiteSpec, resolved

HEAD = "space: {lr: [0.01, 0.1]}\n"
LIST = "datasets: [{name: a}]\n"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write text as x.yaml into an empty current directory and return its relative path."""
    monkeypatch.chdir(tmp_path)

    def write_text(text: str) -> str:
        Path("x.yaml").write_text(text, encoding="utf-8")
        return "x.yaml"

    return write_text


def errors_of(path: str, *arguments: Any) -> list[tuple[str, str]]:
    """The (message, hint) of everything that is wrong with these settings."""
    with pytest.raises(InputError) as caught:
        load_suite(path, *arguments)
    parts = caught.value.errors if isinstance(caught.value, InputErrors) else [caught.value]
    return [(part.message, part.hint) for part in parts]


@pytest.mark.parametrize("name", ["suite", "suite_smoke", "sweeps/suite.yaml"])
def test_packaged_suites_load_from_anywhere(name: str, write: Any) -> None:
    """The packaged suites load under their names, and their data sets differ in what they say they do."""
    spec = load_suite(name)
    assert write
    assert len({json.dumps(entry.spec.to_dict()) for entry in spec.entries}) == len(spec.entries) >= 2
    assert all(entry.spec.data.missing == 0 for entry in spec.entries)


def test_goals_of_the_packaged_suite() -> None:
    """The stated goals stand in the file as numbers."""
    goals = {entry.name: entry.goals.given() for entry in load_suite("suite").entries}
    assert goals["tanh"] == {"oracle": 1.0, "blind": 0.99}
    assert goals["corrupted"] == {"oracle": 0.98, "blind": 0.93}
    assert goals["square"] == goals["abs"] == {"oracle": 1.0, "blind": 0.98}
    assert goals["product"] == {"oracle": 0.98, "blind": 0.85}
    assert goals["tanh-30"] == {"oracle": 0.95, "blind": 0.9}
    assert goals["corrupted-30"] == {"oracle": 0.85, "blind": 0.75}
    assert goals["no-edges"] == {"max_edges": 1.0}


def test_a_data_set_lies_over_the_shared_settings(write: Any) -> None:
    """What a data set says wins over the shared sections, and what it leaves out comes from them."""
    text = HEAD + "data: {rows: 300, edges: 4}\ntrainer: {epochs: 8}\nseeds: [3, 9]\nmethods: [blind]\n"
    text += "datasets:\n  - {name: a, data: {edges: 5}, trainer: {max_lag: 0}, skeleton: yes}\n  - {name: b}\n"
    spec = load_suite(write(text))
    first, second = spec.entries
    assert (first.spec.data.rows, first.spec.data.edges, first.spec.trainer.max_lag) == (300, 5, 0)
    assert (second.spec.data.edges, second.spec.trainer.max_lag, second.spec.trainer.epochs) == (
        4,
        TrainerConfig().max_lag,
        8,
    )
    assert (first.skeleton, second.skeleton, first.label) == (True, False, "a")
    assert (spec.seeds, spec.methods) == ((3, 9), ("blind",))


def test_a_sweep_has_its_seed_and_objective(write: Any) -> None:
    """The seeds are those of the simulation; files stay the same, so there the study is seeded."""
    Path(write("")).with_name("my.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    spec = load_suite(write(HEAD + "datasets: [{name: a}, {name: b, data: {name: my.csv}}]\n"))
    simulated, read = (entry.sweep("oracle", 7) for entry in spec.entries)
    assert (simulated.data.seed, simulated.search.seed, simulated.search.objective) == (7, 1337, "val_shd")
    assert (read.data.seed, read.search.seed) == (1337, 7)
    assert spec.entries[0].sweep("blind", 7).search.objective == "blind"
    assert (
        len({entry.sweep(m, s).identity() for entry in spec.entries for m in ("oracle", "blind") for s in (1, 2)}) == 8
    )


def test_set_wins_over_a_data_set(write: Any) -> None:
    """--set and options change every data set, also where it says otherwise."""
    path = write(HEAD + "datasets: [{name: a, data: {rows: 900}}, {name: b}]\n")
    spec = load_suite(path, [("data.rows", "500"), ("seeds", "[4]")], [("--trials", "search.trials", "9")])
    assert [entry.spec.data.rows for entry in spec.entries] == [500, 500]
    assert {entry.spec.search.trials for entry in spec.entries} == {9}
    assert spec.seeds == (4,)


def test_resolved_settings_read_back_equal(write: Any) -> None:
    """The settings written into the suite's folder are the same settings."""
    spec = load_suite("suite_smoke")
    assert load_suite(write(yaml.safe_dump(resolved(spec)))) == spec


def test_identity_is_that_of_the_shared_settings(write: Any) -> None:
    """More data sets, seeds or jobs leave the folder as it is; trials, confirm and training do not."""

    def digest(text: str, *pairs: tuple[str, str]) -> str:
        return load_suite(write(HEAD + text), pairs).identity()

    base = digest(LIST)
    assert digest("seeds: [5]\nbackend: {jobs: 2}\ndatasets: [{name: a}, {name: b, goals: {blind: 1}}]\n") == base
    for key, value in (("search.trials", "3"), ("search.confirm", "0"), ("trainer.epochs", "8"), ("data.rows", "99")):
        assert digest(LIST, (key, value)) != base


def test_only_takes_names_before_parts() -> None:
    """--only takes a data set by its name, else all whose name or label has the words in it."""
    spec = load_suite("suite")

    def names(*only: str) -> list[str]:
        return [entry.name for entry in spec.chosen(only, None).entries]

    assert names("tanh") == ["tanh"]
    assert names("30 VARIABLES") == ["tanh-30", "corrupted-30"]
    assert names("square", "tanh") == ["tanh", "square"]
    assert names() == [entry.name for entry in spec.entries]
    assert spec.chosen((), 2).seeds == (1, 2)
    for word, hint in (("sqare", "did you mean `square`? "), ("", "")):
        with pytest.raises(InputError, match=f"no data set called `{word}`") as caught:
            spec.chosen((word,), None)
        assert caught.value.hint.startswith(hint + "The file has: tanh, ")
    with pytest.raises(InputError, match="--seeds must be between 1 and 5, got 6"):
        spec.chosen((), 6)


WRONG = [
    (LIST, "x.yaml", "space"),
    (HEAD, "x.yaml lists no data sets (datasets:), so it is no suite", "python -m studies.lambda_sweep"),
    (HEAD + "datasets: []\n", "x.yaml, line 2: datasets must be a list of data sets, each with a name, got `[]`", ""),
    (HEAD + "datasets: [tanh]\n", "x.yaml, line 2: datasets must be a list of data sets", "datasets: [{name: tanh"),
    (HEAD + "datasets:\n  - {name: a}\n  - {label: b}\n", "x.yaml, line 4: datasets.name must be 1", "name: tanh"),
    (HEAD + "datasets:\n  - {name: ../a}\n", "x.yaml, line 3: datasets.name must be 1 to 32 letters", "name: tanh"),
    (HEAD + "datasets:\n  - {name: a}\n  - {name: a}\n", "x.yaml, line 4: a second data set is called `a`", ""),
    (HEAD + "datasets:\n  - {name: a, goal: {blind: 1}}\n", "unknown setting `datasets.goal` in x.yaml, line 3",
     "did you mean `goals`?"),
    (HEAD + "datasets:\n  - {name: a, skeleton: 3}\n", "x.yaml, line 3: datasets.skeleton must be true or false, got 3",
     "datasets.skeleton: judge by"),
    (HEAD + "datasets:\n  - {name: a, goals: {blnd: 1}}\n", "unknown setting `goals.blnd` in x.yaml, line 3",
     "did you mean `blind`?"),
    (HEAD + "datasets:\n  - {name: a, goals: {blind: 98}}\n",
     "x.yaml, line 3: goals.blind must be between 0 and 1, got 98", "goals.blind: lowest F1"),
    (HEAD + "datasets:\n  - {name: a, goals: 1}\n", "x.yaml, line 3: goals must be a section of settings, got 1", ""),
    (HEAD + "datasets:\n  - {name: a, data: {mechnism: abs}}\n", "unknown setting `data.mechnism` in x.yaml, line 3",
     "did you mean `mechanism`?"),
    (HEAD + "datasets:\n  - {name: a, data: abs}\n", "x.yaml, line 3: data must be a section of settings", ""),
    (HEAD + "datasets:\n  - name: a\n    trainer: {epochs: 10}\n",
     "x.yaml, line 4: trainer.epochs must be a multiple of trainer.evaluate_every (4)", "--set trainer.epochs=8"),
    (HEAD + "datasets:\n  - {name: a, data: {edges: 99}}\n",
     "x.yaml, line 3: data.edges must be 78 or less for 13 variables, got 99", "--set data.edges=13"),
    (HEAD + "datasets:\n  - {name: a, data: {name: my.csv}}\n",
     "x.yaml, line 3: no dataset called `my.csv`, and no such file", ""),
    (HEAD + LIST + "seeds: 5\n", "x.yaml, line 3: seeds must be a list, got 5", "seeds: [1]"),
    (HEAD + LIST + "seeds: [1, x]\n", "x.yaml, line 3: seeds must be a whole number, got `x`", ""),
    (HEAD + LIST + "seeds: [1, -2]\n", "x.yaml, line 3: seeds must be 0 or more, got -2", ""),
    (HEAD + LIST + "seeds: [1, 1]\n", "x.yaml, line 3: seeds must not repeat a value, got `[1, 1]`", "keep one"),
    (HEAD + LIST + "methods: [orcale]\n", "x.yaml, line 3: methods must be of oracle, blind, baselines, peers, got",
     "did you mean `oracle`?"),
    (HEAD + LIST + "methods: [baselines]\n", "x.yaml, line 3: methods must name oracle or blind", "the others stand"),
    (HEAD + LIST + "dataset: 3\n", "unknown setting `dataset` in x.yaml, line 3", "did you mean `datasets`?"),
    (HEAD + LIST + "trainer: {epochs: 0}\n", "x.yaml, line 3: trainer.epochs must be 1 or more, got 0", ""),
    (HEAD + LIST + "study: a/b\n", "x.yaml, line 3: study must be 1 to 64", ""),
    ("[1]\n", "x.yaml must hold sections of settings, got `[1]`", ""),
    ("datasets: [{name: a\n", "x.yaml, line 2:", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message", "hint"), WRONG, ids=range(len(WRONG)))
def test_a_wrong_file_is_said_once(text: str, message: str, hint: str, write: Any) -> None:
    """Each mistake gives one error with file and line, said once however many data sets share it."""
    found = errors_of(write(text))
    assert len(found) == 1, found
    assert found[0][0].startswith(message)
    assert hint in found[0][1]


def test_all_mistakes_are_said_at_once(write: Any) -> None:
    """A file with several mistakes is told about all of them in one pass."""
    text = HEAD + "seeds: x\ndatasets:\n  - {name: a, data: {rows: -1}}\n  - {name: b, trainer: {epochz: 3}}\n"
    messages = [message for message, _ in errors_of(write(text))]
    assert [message.partition(" in ")[0].partition(", line ")[0] for message in messages] == [
        "x.yaml", "unknown setting `trainer.epochz`", "x.yaml"
    ]  # fmt: skip


def test_a_missing_file_names_the_packaged_suites(write: Any) -> None:
    """No such file: the packaged suites are named, not the sweeps."""
    assert write
    assert errors_of("siute")[0] == ("no settings file `siute`", "did you mean `suite`? Packaged: suite, suite_smoke")


def test_a_suite_is_plain_data() -> None:
    """Specs of equal files are equal."""
    assert isinstance(load_suite("suite"), SuiteSpec)
    assert load_suite("suite") == load_suite("suite")


def test_a_suite_is_not_taken_for_a_sweep(write: Any) -> None:
    """The single sweep's reader says what the file is and which command takes it, and nothing else."""
    with pytest.raises(InputError, match="x.yaml lists data sets, so it is a suite") as caught:
        load_spec(write(HEAD + LIST + "seeds: [1]\n"))
    assert caught.value.hint == "python -m studies.suite -c x.yaml"
