"""Laws of a real terminal: lines fit it, a bar tells the time left, and Ctrl-C ends things without debris."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from commands import SMALL, environment, only, start

CTRL_C = b"\x03"
TYPED = ("hint:", "folder ", "Report ", "Run again ", "Continue ")


class Seen:
    """What a command showed, how it ended, and which of its processes are left."""

    def __init__(self, shown: bytes, code: int, left: list[str]) -> None:
        self.text, self.code, self.left = shown.decode(), code, left
        self.lines = [part for line in self.text.split("\r\n") for part in line.split("\r")[-1:] if part.strip()]


def in_terminal(*words: str, columns: int = 100, presses: tuple[tuple[str, float], ...] = ()) -> Seen:
    """Run `python -m studies.lambda_sweep` in a terminal of some width.

    Args:
        words: its arguments.
        columns: of the terminal.
        presses: when Ctrl-C is pressed, one after the other: a text that is shown before, and seconds after it.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", CONTROLLED, *words],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env={key: value for key, value in environment(TERM="xterm", NO_COLOR="1").items() if key != "COLUMNS"},
    )  # fmt: skip
    os.close(theirs)
    shown, waiting = b"", list(presses)
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the last process that held the terminal has ended
            break
        shown += part
        while waiting and waiting[0][0].encode() in shown:
            time.sleep(waiting.pop(0)[1])
            os.write(ours, CTRL_C)
        if not part:
            break
    code = process.wait(timeout=60)
    os.close(ours)
    for _ in range(50):  # on a busy machine a process that was told to end takes a while
        if not processes_of(process.pid):
            break
        time.sleep(0.1)
    return Seen(shown, code, processes_of(process.pid))


CONTROLLED = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from studies.lambda_sweep import main
sys.argv[0] = "lambda_sweep"
sys.exit(main(sys.argv[1:]))
"""


def processes_of(session: int) -> list[str]:
    """Processes that a session has left behind."""
    listed = subprocess.run(["ps", "-o", "pid=,args=", "-s", str(session)], capture_output=True, text=True, check=False)
    return [line for line in listed.stdout.splitlines() if "resource_tracker" not in line and "<defunct>" not in line]


@pytest.mark.parametrize("columns", [40, 80])
def test_a_run_in_a_terminal(columns: int) -> None:
    """Lines are broken at spaces to fit, what is typed or a path stays whole, and the last two say what to open."""
    seen = in_terminal(*SMALL, "--confirm", "1", columns=columns)
    assert seen.code == 0, seen.text
    assert "\x1b" not in seen.text
    assert [line for line in seen.lines if len(line) > columns and not line.startswith(TYPED)] == []
    name = only().name
    assert seen.lines[-2:] == [
        f"Report      runs/{name}/report.html", f"Run again   python -m studies.rerun runs/{name}",
    ]  # fmt: skip
    assert "| 10/10 00:" in seen.text
    assert ("  best SHD " in seen.text) == (columns == 80)
    assert "trial " in seen.text


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_ctrl_c_while_workers_start(backend: str) -> None:
    """Ctrl-C reaches the workers too, in the middle of their imports: no traceback, and how to go on comes last."""
    words = (*SMALL, "-n", "40", "-j", "2", "--backend", backend)
    seen = in_terminal(*words, presses=(("0/40", 0.3),))
    assert seen.code == 130, seen.text
    assert "Traceback" not in seen.text
    assert "Stopping after this round, then writing the report. Ctrl-C again to quit now." in seen.lines
    assert seen.lines[-1] == f"Continue    python -m studies.lambda_sweep {' '.join(words)}".replace("[", "'[")
    assert seen.left == []


@pytest.mark.parametrize("backend", ["loky", "threading"])
@pytest.mark.parametrize("where", ["0/40", "confirm  "])
def test_ctrl_c_twice_leaves_nothing(where: str, backend: str) -> None:
    """Twice: gone at once, with its workers, whether it searches or trains the winner again."""
    words = (*SMALL, "-n", "40", "-j", "2", "--confirm", "50", "--backend", backend)
    seen = in_terminal(*words, presses=((where, 0.2), ("Stopping after", 0.1)))
    assert seen.code == 130, seen.text
    assert "Traceback" not in seen.text
    assert not Path(only() / "report.html").exists()
    assert seen.left == []


def test_workers_do_not_outlive_a_killed_coordinator(tmp_path: Path) -> None:
    """SIGKILL of the coordinator alone: its workers notice within seconds and go."""
    with open(tmp_path / "err.txt", "w") as err:
        process = start(*SMALL, "-n", "400", "-j", "2", "--backend", "loky", stdout=err, stderr=err)
        while not list(Path().glob("runs/*/checkpoint.pt")):
            assert process.poll() is None
            time.sleep(0.05)
        assert processes_of(process.pid)
        process.kill()
        process.wait(timeout=60)
    until = time.monotonic() + 30
    while processes_of(process.pid) and time.monotonic() < until:
        time.sleep(0.2)
    assert processes_of(process.pid) == []
