"""Laws of errors: how they read, all at once, as a process, and with --debug. The cases are in `faults`."""

import errno
import importlib
import os
import re
from pathlib import Path

import pytest
from commands import SMALL, run, sweep
from faults import csv_of

TEXT_ROWS = 14


@pytest.fixture(autouse=True)
def _files() -> None:
    """The files that the commands below name."""
    Path("good.csv").write_text(csv_of())


EXACT = [
    (
        ["-c", "sweeps/mine.yaml"],
        "error: unknown setting `space.lambda_sprase` in sweeps/mine.yaml, line 7\n"
        "hint: did you mean `lambda_sparse`? --show-config lists all settings\n",
    ),
    (
        ["--data", "sensor"],
        "error: no dataset called `sensor`, and no such file\n"
        "hint: did you mean `sensors`? Built in: sensors, sem. Your own: --data FILE.csv\n",
    ),
    (
        ["--data", "data/my.csv"],
        'error: data/my.csv: column `pkc` is text in 14 of 853 rows (first: row 102, "n.b.")\n'
        "hint: --set data.missing_values='[\"n.b.\"]'\n",
    ),
    (
        ["--data", "good.csv", "--objective", "val_shd"],
        "error: val_shd needs a true graph, and none is given for good.csv\n"
        "hint: add --graph FILE.csv, or search without one: --objective blind\n",
    ),
    (
        ["--trials", "0"],
        "error: --trials must be 1 or more, got 0\nhint: to check the settings without running, use --dry-run\n",
    ),
]


@pytest.mark.parametrize(("words", "text"), EXACT, ids=lambda value: value[-1] if isinstance(value, list) else "")
def test_the_errors_of_the_manual(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The errors that the manual shows read exactly so, on stderr alone, with exit code 2."""
    Path("data").mkdir()
    Path("sweeps").mkdir()
    lines = ["a,pkc", *(f"{n % 11}.5,{n % 7}.25" for n in range(853))]
    for at in range(TEXT_ROWS):
        lines[102 + 10 * at] = f"{at}.5,n.b."
    Path("data/my.csv").write_text("\n".join(lines) + "\n")
    Path("sweeps/mine.yaml").write_text("# mine\nstudy: mine\n\nspace:\n  lr: [0.1]\n  #\n  lambda_sprase: [1]\n")
    assert sweep(*words) == 2
    assert capsys.readouterr() == ("", text)


def test_as_a_process() -> None:
    """The same holds for the command as people start it."""
    code, out, err = run("--trials", "0", "--data", "sensor")
    assert (code, out) == (2, "")
    assert err.count("error: ") == 2
    assert "Traceback" not in err


def in_house_form(text: str) -> bool:
    """Only printable `error:` and `hint:` lines, an error first."""
    lines = text.removesuffix("\n").split("\n")
    assert lines[0].startswith("error: ")
    assert "Traceback" not in text
    return all(re.match(r"(error|hint): \S", line) and line.isprintable() for line in lines)


def test_all_errors_of_a_pass_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Everything that is wrong with the settings is told in one go."""
    assert sweep("--trials", "0", "--lanes", "0", "--sampler", "x", "--set", "data.rows=0", "--data", "sensor") == 2
    assert capsys.readouterr().err.count("error: ") == 5


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """--debug adds the traceback and changes neither the lines nor the exit code."""
    assert sweep("--trials", "0", "--debug") == 2
    text = capsys.readouterr().err
    assert "Traceback" in text
    assert text.endswith("error: --trials must be 1 or more, got 0\n"
                         "hint: to check the settings without running, use --dry-run\n")  # fmt: skip


@pytest.mark.parametrize(("option", "name"), [("--device", "cuda"), ("--backend", "mpi")])
def test_what_this_version_cannot_do_is_wrong_input(capsys: pytest.CaptureFixture[str], option: str, name: str) -> None:
    """A device or backend that is not there is refused; no run is recorded as having used it."""
    assert sweep(*SMALL, option, name) == 2
    text = capsys.readouterr().err
    assert in_house_form(text)
    assert name in text


@pytest.mark.parametrize("name", ["lambda_sweep", "rerun", "stability", "suite"])
def test_what_the_system_refuses_is_one_line(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Law: an error of the system that nobody expected ends every command in the house form, with exit code 3."""
    module = importlib.import_module(f"studies.{name}")

    def refused(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "runs/some/file")

    monkeypatch.setattr(module, "command", refused)
    assert module.main(["runs/some"] if name == "rerun" else []) == 3
    text = capsys.readouterr().err
    assert text.startswith("error: runs/some/file")
    assert "Traceback" not in text
