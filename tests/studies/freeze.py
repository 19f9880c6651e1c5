"""Freezes a small run folder of today's format, for `test_frozen`: `python tests/studies/freeze.py`.

To be run once for every released format (`core.run_format.FORMAT`), with the release itself. It writes
`tests/studies/frozen/format-N/`: a finished run and one stopped half way, without the report, its figures and
what a test has no use for. What is there is never written again: a release's folder is its own.
"""

import contextlib
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
FROZEN = HERE / "frozen"
UNUSED = ("figures", "report.html", "sweep.log", "sweep.lock", "trained.pt")
WORDS = ("-n", "6", "--confirm", "1", "-q", "--set", "data.variables=4", "--set", "data.edges=3", "--lanes", "3",
         "--set", "trainer.hidden_width=4", "--set", "trainer.max_lag=1")  # fmt: skip
"""What is added to `commands.ALL_STATES`: complete, pruned and failed trials in little room."""


def freeze(target: Path) -> None:
    """Write a finished and a stopped run below a folder that is not there yet.

    Raises:
        FileExistsError: the format was frozen already.
    """
    import pytest
    from commands import ALL_STATES, only, signal_at, sweep

    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as place, contextlib.chdir(place), pytest.MonkeyPatch.context() as patch:
        patch.setattr("reports.page.write_report", lambda folder: folder / "report.html")
        assert sweep(*ALL_STATES, *WORDS, "-o", "finished") == 0
        signal_at(patch, signal.SIGINT, at_round=3)
        assert sweep(*ALL_STATES, *WORDS, "-o", "stopped") == 130
        for kind in ("finished", "stopped"):
            shutil.copytree(only(kind), target / kind / only(kind).name, ignore=shutil.ignore_patterns(*UNUSED))


if __name__ == "__main__":
    for folder in (str(HERE), str(HERE.parents[1])):
        sys.path.insert(0, folder)
    import core  # sets MKL_CBWR before torch loads
    from core.run_format import FORMAT

    freeze(FROZEN / f"format-{FORMAT}")
    sys.stdout.write(f"{FROZEN / f'format-{FORMAT}'}, written by graphsweep {core.__version__}{os.linesep}")
