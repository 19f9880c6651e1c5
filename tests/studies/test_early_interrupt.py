"""Laws of Ctrl-C before a command is loaded: it ends quietly, and nothing outside a command is changed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOOK = """
import os, signal, sys
class Hook:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Hook())
"""


def interrupted(words: list[str], tmp_path: Path, name: str) -> subprocess.CompletedProcess[str]:
    """Run Python with Ctrl-C at the moment when a module is looked for."""
    (tmp_path / "sitecustomize.py").write_text(HOOK.format(name=name))
    surroundings = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    command = [sys.executable, *words]
    return subprocess.run(command, env=surroundings, cwd=tmp_path, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("command", "loaded"),
    [("studies.lambda_sweep", "studies.arguments"), ("studies.suite", "sweeps.spec"), ("reports", "argparse")],
)
def test_a_command_that_is_loaded_ends_quietly(command: str, loaded: str, tmp_path: Path) -> None:
    """Ctrl-C while modules are imported ends the process by the signal, without a word."""
    ended = interrupted(["-m", command, "--help"], tmp_path, loaded)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")


def test_a_command_that_runs_hears_it(tmp_path: Path) -> None:
    """Once it runs, Ctrl-C is its own to handle: exit code 130."""
    ended = interrupted(["-m", "studies.lambda_sweep", "--dry-run"], tmp_path, "studies.clusters")
    assert (ended.returncode, ended.stderr) == (130, "")


def test_an_import_changes_nothing(tmp_path: Path) -> None:
    """Who imports the packages keeps Python's own handling."""
    said = "import signal, studies, reports; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    ended = interrupted(["-c", said], tmp_path, "no such module")
    assert ended.stdout.split() == ["True"]
