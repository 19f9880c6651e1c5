"""Laws of surroundings: a bare, old or full machine, and others on it at the same time."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commands import ALL_STATES, ROOT, SMALL, environment, folders, only, results, run, start, sweep, trials
from faults import csv_of
from tally import tried

BARE = {
    "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": "/nonexistent", "NO_COLOR": "1", "COLUMNS": "40",
    "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii",
}  # fmt: skip


NO_NETWORK = """
import sys
def refuse(event, given):
    if event.startswith("socket.") and event not in ("socket.gethostname", "socket.__new__"):
        raise AssertionError(f"network: {event}")
sys.addaudithook(refuse)
from studies.lambda_sweep import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_bare_machine() -> None:
    """No display, terminal, home, network, color, nothing beside the packages; 40 columns, ASCII: all the same."""
    with tried("surroundings"):
        Path("m\N{LATIN SMALL LETTER E WITH ACUTE}ss.csv").write_text(csv_of(header="\N{DEGREE SIGN}C,b,c"), "utf-8")
        words = (*SMALL, "-n", "4", "--confirm", "1", "-d", "m\N{LATIN SMALL LETTER E WITH ACUTE}ss.csv")
        for package in ("core", "sweeps", "studies", "reports"):
            shutil.copytree(ROOT / package, Path("elsewhere/code") / package)
        bare = {**BARE, "PYTHONPATH": str(Path("elsewhere/code").absolute())}
        done = subprocess.run(
            [sys.executable, "-c", NO_NETWORK, *words], env=bare, stdin=subprocess.DEVNULL, capture_output=True,
            encoding="utf-8", check=False,
        )  # fmt: skip
        code, out, err = done.returncode, done.stdout, done.stderr
        assert (code, "Traceback" in err, "\x1b" in err + out) == (0, False, False), err
        assert out.strip() == str(only() / "report.html")
        assert (only() / "report.html").exists()


@pytest.mark.slow
def test_a_path_that_is_no_text() -> None:
    """A file whose name is of another encoding is read, and its run is one like any other."""
    with tried("surroundings"):
        name = os.fsdecode(b"caf\xe9.csv")
        try:
            Path(name).write_text(csv_of())
        except OSError:
            pytest.skip("this file system takes no such name")
        code, _, err = run(*SMALL, "-n", "2", "-d", name, env=environment(PYTHONUTF8="1"))
        assert (code, "Traceback" in err) == (0, False), err
        assert (only() / "report.html").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    """What cannot be printed is one line and exit code 3."""
    with tried("surroundings"):
        with open("/dev/full", "w") as full:
            code = subprocess.run(
                [sys.executable, "-m", "studies.lambda_sweep", "--show-config"],
                stdout=full,
                env=environment(),
                check=False,
            ).returncode
        text = capfd.readouterr().err
        assert code in (3, 120)
        assert text.startswith("error: standard output: cannot be written (No space left on device")


TIMED = """
import json, sys, time
asked = []
sys.addaudithook(lambda event, _: asked.append(time.time()) if event == "fcntl.flock" else None)
from studies.lambda_sweep import main
code = main(sys.argv[1:])
heavy = [name for name in ("torch", "optuna", "pandas", "matplotlib", "scipy") if name in sys.modules]
print(json.dumps({"asked": asked[0], "left": time.time(), "heavy": heavy}), file=sys.stderr)
sys.exit(code)
"""


def test_five_starts_of_one_command() -> None:
    """Of five at once one runs; four say who is at it, with exit code 3, a second after it is, at most.

    What a process needs to come as far as the lock is not counted: on a busy machine it may be long. But nothing
    heavy is imported before.
    """
    with tried("surroundings"):
        words = [sys.executable, "-c", TIMED, *SMALL, "-n", "4", "-q"]
        processes = [
            subprocess.Popen(words, text=True, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment())
            for _ in range(5)
        ]
        said = [process.communicate(timeout=300)[1] for process in processes]
        assert sorted(process.returncode for process in processes) == [0, 3, 3, 3, 3], said
        times = [json.loads(text.splitlines()[-1]) for text in said]
        (first,) = (time["asked"] for time, process in zip(times, processes, strict=True) if process.returncode == 0)
        for process, text, time in zip(processes, said, times, strict=True):
            if process.returncode:
                assert text.startswith(f"error: {only()} is in use by ")
                assert text.count("\n") == 3
                assert time["heavy"] == []
                assert time["left"] - max(first, time["asked"]) < 1.0
        assert len(trials(only())) == 4


@pytest.mark.slow
def test_four_starts_of_different_commands() -> None:
    """Four different commands at once in one output folder all run, and give what each gives alone."""
    with tried("surroundings"):
        kinds = [(*SMALL, "--seed", str(seed), "-q") for seed in range(4)]
        processes = [start(*words) for words in kinds]
        for process in processes:
            _, err = process.communicate(timeout=300)
            assert process.returncode == 0, err
        assert len(folders()) == 4
        for words in kinds:
            assert sweep(*words, "-o", "calm") == 0
        for calm in folders("calm"):
            assert results(Path("runs") / calm.name) == results(calm)


READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'


def on_read_only(folder: str, *words: str) -> tuple[int, str]:
    """Run a command to which a folder is read-only, as on an archive; return its exit code and stderr."""
    command = ["unshare", "--mount", "sh", "-c", READ_ONLY, folder, sys.executable, "-m", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    return done.returncode, done.stderr


@pytest.mark.skipif(
    subprocess.run(
        ["sh", "-c", "unshare --mount mount -t tmpfs none /mnt"], capture_output=True, check=False
    ).returncode,
    reason="takes a system that lets us mount",
)
@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("reports", "RUN", "--out", "page"), 0, ""),
        pytest.param(
            ("reports", "RUN"), 3, "hint: free some space, or write elsewhere: --out DIR", marks=pytest.mark.slow
        ),
        pytest.param(
            ("studies.rerun", "RUN", "--trial", "0", "--out", "again"), 0, "reproduced exactly", marks=pytest.mark.slow
        ),
        pytest.param(
            ("studies.rerun", "RUN", "--trial", "0"),
            3,
            "hint: choose another folder with --out",
            marks=pytest.mark.slow,
        ),
        (("studies.lambda_sweep", *ALL_STATES), 3, "cannot be written (Read-only file system)"),
    ],
    ids=["report elsewhere", "report", "rerun elsewhere", "rerun", "continue"],
)
def test_a_read_only_archive(words: tuple[str, ...], code: int, says: str, finished: Path) -> None:
    """Of an archive that cannot be written to the report builds elsewhere; what would write there says so."""
    with tried("surroundings"):
        shutil.copytree(finished, Path("runs") / finished.name)
        before = {path: path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()}
        found, err = on_read_only("runs", *(word.replace("RUN", f"runs/{finished.name}") for word in words))
        assert (found, "Traceback" in err) == (code, False), err
        assert says in err
        assert Path("page/report.html").exists() == ("page" in words)
        assert {path: path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()} == before
