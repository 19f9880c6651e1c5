"""Laws of the README: every command in it can be typed, and every option and setting it names is there."""

import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from commands import ROOT, code_of
from test_errors import csv_of

from studies import benchmark, lambda_sweep, rerun, stability, suite
from studies.data import load_table, resolve_objective
from studies.lambda_sweep import identity
from studies.run_names import run_name
from sweeps.spec import load_spec

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
LINES = [shlex.split(line, comments=True) for block in BLOCKS for line in block.splitlines() if line.strip()]
OTHERS = ("dask", "ray", "optuna-dashboard")
"""Other people's programs: what they are told is theirs to check."""
COMMANDS = [shlex.join(words) for words in LINES if words and words[0] not in OTHERS]
FOREIGN = {"--disable-usage-stats", "--head", "--address", "--nthreads", "--nworkers", "--preload"}
"""Options of those programs."""
NOT_RUN = {
    ".ci/run": "it runs this test",
    shlex.join(
        shlex.split("python3 -m venv .venv && .venv/bin/pip install -q '.[test]' && .venv/bin/python -m pytest")
    ): "so does this",
}
"""Commands that no test can run, and why. The first one installs; of it the sweep alone is run here."""
LONG = {"studies.lambda_sweep": ["--dry-run"], "studies.stability": ["-c", "stability_smoke", "--dry-run"],
        "studies.suite": ["-c", "suite_smoke", "--dry-run"],
        "studies.benchmark": ["-c", "benchmark_smoke", "--dry-run"]}  # fmt: skip
"""What is added to a command that takes long: all is checked, nothing is trained."""
MODULES = {"studies.lambda_sweep": lambda_sweep, "studies.rerun": rerun, "studies.suite": suite,
           "studies.stability": stability, "studies.benchmark": benchmark}  # fmt: skip


def test_commands_are_found() -> None:
    """The blocks are read at all, and what is not run is still in the README."""
    assert len(COMMANDS) > 8
    assert set(NOT_RUN) <= set(COMMANDS)


@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in NOT_RUN])
def test_every_command_can_be_typed(command: str, finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A command of the README, typed where the files and run folders that it names are, ends with 0."""
    words = shlex.split(command)
    words = words[len(words) - words[::-1].index("&&") :] if "&&" in words else words
    assert Path(words[0]).name == "python"
    assert words[1] == "-m"
    for place, word in enumerate(words):
        if word.startswith("runs/"):
            shutil.copytree(finished, word)
            if place > 3:  # a second run is another one
                (Path(word) / "sweep.yaml").write_text((finished / "sweep.yaml").read_text() + "\n")
        elif word.endswith("edges.csv"):
            Path(word).write_text("cause,effect\na,b\n")
        elif word.endswith(".csv"):
            Path(word).write_text(csv_of(rows=200))
    if words[2] == "reports":
        from reports.__main__ import main
    else:
        main = MODULES[words[2]].main
    if {"--backend", "--storage"} & set(words):  # their servers are another test's
        words.append("--show-config")
    more = [word for word in LONG.get(words[2], []) if word not in words]
    assert code_of(main, [*words[3:], *more]) == 0, capsys.readouterr().err


def test_every_setting_is_a_setting() -> None:
    """Each `--set KEY=VALUE` of the README is accepted."""
    found = re.findall(r"--set ((?:data|trainer|search|space|backend)\.[\w.]+=(?:'[^']*'|[^\s`]+))", README)
    assert len(found) > 5
    for text in found:
        key, _, value = text.partition("=")
        cluster = [("backend.name", "dask" if "tcp://" in value else "ray")] if key == "backend.address" else []
        load_spec("lambda_sweep", [*cluster, (key, shlex.split(value)[0])])


def test_every_option_is_an_option() -> None:
    """Each long option that the README names belongs to a command."""
    from reports.__main__ import parser

    parsers = [*(module.build_parser() for module in MODULES.values()), parser()]
    known = {name for item in parsers for name in item._option_string_actions}
    pages = re.sub(r"\.venv/bin/pip[^`\n]*", "", README)
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", re.sub(r"<!--.*?-->", "", pages)))
    assert named
    assert named <= known | FOREIGN, named - known


@pytest.mark.parametrize(("place", "settings"), [(0, []), (1, [("data.mechanism", "abs")])])
def test_the_run_folders_are_those_that_the_first_commands_make(place: int, settings: list[tuple[str, str]]) -> None:
    """The folder that `rerun` and the comparison name are made by the main command, and by the one with |x|."""
    named = list(dict.fromkeys(re.findall(r"runs/(lambda_sweep-sensors-\w{6})", README)))
    spec = load_spec("lambda_sweep", settings)
    data = load_table(spec.data)
    spec = replace(spec, search=replace(spec.search, objective=resolve_objective(spec, data)))
    assert len(named) == 2
    assert named[place] == run_name(spec.study, data.name, identity(spec, data))
