"""Runs the commands for tests: in this process, as a process of their own, or forked from a warm one.

A warm process has torch, optuna and the rest imported and nothing trained; a command forked from it starts
in milliseconds, so that many can be killed in little time. Started as a script this module is that process.
"""

import contextlib
import csv
import errno
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[2]
STATES = ("complete", "pruned", "failed")
SMALL = (
    "-c", "smoke", "-j", "1", "-n", "10", "--confirm", "0", "--set", "data.rows=120", "--set", "trainer.epochs=8",
    "--set", "trainer.evaluate_every=2", "--set", "trainer.batch_size=16", "--set", "space.lr.low=0.01",
    "--set", "space.lr.high=0.3", "--set", "search.prune_keep=0.4",
)  # fmt: skip
"""A sweep of a third of a second, report aside, that completes some trials and prunes others."""
ALL_STATES = (*SMALL, "--set", "space.lambda_disen=[1e-4, 1e39]")
"""The same with trials that fail: float32 knows no 1e39, so those diverge at their first step."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CLOCK = ("seconds", "epoch_time")


def sweep(*words: str) -> int:
    """Run `python -m studies.lambda_sweep` in this process; return its exit code."""
    from studies.lambda_sweep import main

    return code_of(main, words)


def rerun(*words: str) -> int:
    """Run `python -m studies.rerun` in this process; return its exit code."""
    from studies.rerun import main

    return code_of(main, words)


def code_of(main: Any, words: Sequence[str]) -> int:
    """Call a command's main; what argparse exits with counts too."""
    try:
        return int(main(list(words)))
    except SystemExit as left:
        return int(left.code or 0)


def folders(where: Path | str = "runs") -> list[Path]:
    """The run folders below a folder."""
    return sorted(path.parent for path in Path(where).glob("*/sweep.lock"))


def only(where: Path | str = "runs") -> Path:
    """The one run folder below a folder."""
    (found,) = folders(where)
    return found


def table(path: Path) -> list[dict[str, str]]:
    """A CSV file's rows as texts, without what the clock says."""
    from studies.records import decompress

    text = decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    return [without_clock(row) for row in rows]


def without_clock(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what the clock says."""
    return {name: value for name, value in row.items() if name not in CLOCK}


def trials(folder: Path) -> list[dict[str, str]]:
    """The rows of trials.csv without seconds."""
    return table(folder / "trials.csv")


def ended(where: Path | str = "runs") -> list[dict[str, str]]:
    """The whole rows of trials.csv of the one run below a folder, as any moment may leave it; none where it is not."""
    found = list(Path(where).glob("*/trials.csv"))
    text = found[0].read_text(encoding="utf-8", errors="replace") if found else ""
    rows = csv.DictReader(text[: text.rfind("\n") + 1].splitlines())
    return [without_clock(row) for row in rows]


def journal(folder: Path) -> list[tuple[Any, ...]]:
    """Number, state, parameters and value of every trial that Optuna reads from the run's journal."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    storage = JournalStorage(JournalFileBackend(str((folder / "study.journal").absolute())))
    (name,) = optuna.get_all_study_names(storage)
    study = optuna.load_study(study_name=name, storage=storage)
    return [(trial.number, trial.state.name, trial.params, trial.value) for trial in study.trials]


def results(folder: Path) -> dict[str, Any]:
    """All that the same settings and seed must give again, however often the run was stopped."""
    confirm = ("confirm/seeds.csv", "confirm/data.csv", "confirm/edges.csv")
    wanted = ("trials.csv", "epochs.csv.gz", "baselines.csv", *confirm, "best/adjacency.csv")
    found: dict[str, Any] = {name: table(folder / name) for name in wanted if (folder / name).exists()}
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    chosen = {pick: summary[pick] and without_clock(summary[pick]) for pick in ("best", "blind")}
    return {**found, "journal": journal(folder), **chosen, "stopped_early": summary["stopped_early"]}


def start(*words: str, module: str = "studies.lambda_sweep", **how: Any) -> subprocess.Popen[str]:
    """Start a command as a process group of its own, its stdout and stderr as text."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *words],
        text=True,
        start_new_session=True,
        **{"env": environment(), "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how},
    )


def run(*words: str, module: str = "studies.lambda_sweep", **how: Any) -> tuple[int, str, str]:
    """Run a command as a process; return its exit code, stdout and stderr."""
    process = start(*words, module=module, **how)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def environment(**changes: str) -> dict[str, str]:
    """The environment of a child process: it finds the packages wherever it runs."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **changes}


@contextlib.contextmanager
def handlers_kept() -> Iterator[None]:
    """The command takes the signals of its process; a test's process wants them back."""
    before = [signal.getsignal(number) for number in SIGNALS]
    yield
    for number, handler in zip(SIGNALS, before, strict=True):
        signal.signal(number, handler)


def signal_at(monkeypatch: Any, number: int, at_round: int = 2) -> None:
    """Send this process a signal when a round has ended."""
    from studies.terminal import Terminal

    original, rounds = Terminal.round_ended, [0]

    def ended(self: Terminal, rows: list[dict[str, Any]], share: float) -> None:
        rounds[0] += 1
        if rounds[0] == at_round:
            os.kill(os.getpid(), number)
        original(self, rows, share)

    monkeypatch.setattr(Terminal, "round_ended", ended)


class WarmProcess:
    """A process with everything imported, from which commands are forked; use as a context.

    Args:
        where: working directory of the commands, and where their output goes.
    """

    def __init__(self, where: Path) -> None:
        self.where = where
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", __file__],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=where, env=environment(),
        )  # fmt: skip

    def __enter__(self) -> Self:
        """Wait until everything is imported."""
        assert self.read() == "ready"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process; its commands are over."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()

    def read(self) -> str:
        """Read one line."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def start(self, *words: str, fail_at: int = 0) -> int:
        """Fork a command, the leader of a process group, whose n-th write may fail; return its process id."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps((words, fail_at)) + "\n")
        self.process.stdin.flush()
        return int(self.read())

    def wait(self) -> int:
        """Wait for the command; return its exit code, or minus the signal that ended it."""
        return int(self.read())

    def run(self, *words: str, fail_at: int = 0) -> int:
        """Run a command to its end."""
        self.start(*words, fail_at=fail_at)
        return self.wait()

    def kill(self, group: int) -> None:
        """Kill a command and its workers, if it has not ended by itself."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)

    def errors(self) -> str:
        """What the commands wrote on stderr."""
        told = self.where / "stderr.txt"
        return told.read_text(encoding="utf-8") if told.exists() else ""


def serve() -> None:
    """Read one command a line from stdin, fork, and print first its process id, then how it ended."""
    sys.path.insert(0, str(ROOT))
    import optuna.samplers
    import scipy.special

    import reports.page
    import studies.run
    from studies.lambda_sweep import main

    assert optuna.samplers
    assert scipy.special
    assert studies.run
    reports.page.write_report = lambda folder: folder / "report.html"
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.setsid()
            words, fail_at = json.loads(line)
            perform(main, words, fail_at)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        with contextlib.suppress(ProcessLookupError):  # workers that the command left behind
            os.killpg(child, signal.SIGKILL)
        print(os.waitstatus_to_exitcode(status), flush=True)


def fail_at_write(last: int) -> None:
    """Let the n-th write of this process find a full disk, and write to refused.txt which it was.

    A write is a file that is opened for writing, renamed or cut, as Python's audit hooks see it before the system
    does; devices and the like are none.
    """
    count, told = 0, os.open("refused.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)

    def hook(event: str, given: tuple[Any, ...]) -> None:
        nonlocal count
        writes = event in ("os.rename", "os.truncate") or (event == "open" and given[2] & (os.O_WRONLY | os.O_RDWR))
        if not writes or not isinstance(given[0], str | Path) or str(given[0]).startswith("/dev/"):
            return
        count += 1
        if count == last:
            os.write(told, f"{event} {given[0]}".encode())
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(given[0]))

    sys.addaudithook(hook)


def perform(main: Any, words: list[str], fail_at: int) -> None:
    """Run a command in a forked process and leave it, whatever happens, with the exit code of a process."""
    handle = os.open("stderr.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    quiet = os.open(os.devnull, os.O_RDWR)
    os.dup2(quiet, 0)
    os.dup2(quiet, 1)
    os.dup2(handle, 2)
    code = 1
    if fail_at:
        fail_at_write(fail_at)
    try:
        code = code_of(main, words)
    finally:  # as the interpreter would end, without going back into the warm process's own code
        if sys.exc_info()[0] is not None:
            traceback.print_exc()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
