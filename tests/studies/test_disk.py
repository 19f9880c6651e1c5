"""Laws of a full disk: stop, say how much is free and where, and continue later as if nothing had been."""

import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from commands import SMALL, ended, environment, only, results, sweep, trials
from tally import keep, tried

WORDS = (*SMALL, "-n", "6", "--set", "search.lanes=4", "--confirm", "1")
LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
from studies.lambda_sweep import main
sys.exit(main(sys.argv[2:]))
"""
FULL = r"error: \S+: .*(File too large|No space left on device).*[\d,]+ bytes are free"
"""What a full disk is answered with: a path, why, and the bytes that are free."""


def limited(size: int, *words: str) -> tuple[int, str]:
    """Run a sweep in which no file may grow beyond a size in bytes; return its exit code and stderr."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(size), *words], capture_output=True, text=True, env=environment(),
        check=False,
    )  # fmt: skip
    return done.returncode, done.stderr


def answered(code: int, text: str) -> None:
    """Check what was said of a full disk."""
    assert code == 3, text
    assert "Traceback" not in text
    assert re.search(FULL, text), text
    assert text.count("error: ") == 1


@pytest.mark.parametrize(
    "size",
    [0, *(pytest.param(size, marks=pytest.mark.slow) for size in (500, 3_000, 30_000, 100_000))],
    ids="{} bytes".format,
)
def test_files_of_a_limited_size(size: int) -> None:
    """At any limit: exit code 3, one line with path and free bytes; continued without it, the undisturbed records."""
    with tried("full disk"):
        assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
        answered(*limited(size, *WORDS, "-q"))
        before = ended()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("reports.page.write_report", lambda folder: folder / "report.html")
            assert sweep(*WORDS, "-q") == 0
            assert sweep(*WORDS, "-q", "-o", "calm") == 0
        assert results(only()) == results(only("calm"))
        keep(before, trials(only()))


ON_SMALL_DISK = """
mount -t tmpfs -o size=$0,nr_inodes=0 none runs || exit 77
"$@" > out.txt 2> err.txt; echo $? > code.txt
cp -a runs kept
"""


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [4, 16, 60, 150, 400])
def test_a_small_disk(kilobytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same on a real file system that fills up, from the lock to the report."""
    with tried("full disk"):
        Path("runs").mkdir()
        command = [sys.executable, "-m", "studies.lambda_sweep", *WORDS, "-q"]
        script = ["unshare", "--mount", "sh", "-c", ON_SMALL_DISK, f"{kilobytes}k", *command]
        done = subprocess.run(script, capture_output=True, text=True, env=environment(), check=False)
        if not Path("code.txt").exists():
            pytest.skip(f"takes a system that lets us mount: {done.stderr}")
        answered(int(Path("code.txt").read_text()), Path("err.txt").read_text())
        Path("runs").rmdir()
        Path("kept").rename("runs")
        before = ended()
        monkeypatch.setattr("reports.page.write_report", lambda folder: folder / "report.html")
        assert sweep(*WORDS, "-q") == 0
        assert sweep(*WORDS, "-q", "-o", "calm") == 0
        assert results(only()) == results(only("calm"))
        keep(before, trials(only()))
