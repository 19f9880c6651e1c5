"""The kill loop: sweeps of every kind, killed again and again at random moments, end as if nothing had been.

A kill counts only if it ended a process that was running. Every other one waits for a draft beside a file (written
before it takes the file's place) and falls into the write. The moments are drawn from a seed; where in its work
a process is at that moment is up to the machine.
"""

import contextlib
import os
import random
import signal
import time
from pathlib import Path

import pytest
from commands import ALL_STATES, SMALL, WarmProcess, ended, only, results
from tally import TALLY, keep, tried

PLAIN = (*SMALL, "-n", "12", "--set", "trainer.epochs=16", "-q")
NO_RANGE = tuple(
    word for pair in zip(SMALL[::2], SMALL[1::2], strict=True) if not pair[1].startswith("space.") for word in pair
)
GRID = (
    *NO_RANGE, "-q", "-n", "12", "--sampler", "grid", "--pruner", "none", "--set", "space.lambda_sparse=[0.01, 0.1]",
    "--set", "space.lambda_acyclic=[0.001, 0.01]", "--set", "space.lr=[0.01, 0.02, 0.05]",
)  # fmt: skip
KINDS = {
    "tpe": PLAIN,
    "tpe-two-jobs": (*PLAIN, "-j", "2", "--backend", "loky", "--lanes", "8"),
    "random-without-pruning": (*PLAIN, "--sampler", "random", "--pruner", "none", "--lanes", "3"),
    "qmc-threads": (*PLAIN, "--sampler", "qmc", "-j", "2", "--lanes", "8"),
    "cmaes-median": (*PLAIN, "--sampler", "cmaes", "--pruner", "median", "--lanes", "5"),
    "grid": GRID,
    "blind-confirmed": (*PLAIN, "--objective", "blind", "--confirm", "2"),
    "failures-hyperband-two-jobs": (
        *ALL_STATES, "-q", "-n", "12", "--set", "trainer.epochs=16", "-j", "2", "--confirm", "1",
        "--backend", "loky", "--pruner", "hyperband",
    ),
}  # fmt: skip
"""Samplers, pruners, lanes, jobs and backends; a grid, threads, confirmation, trials that fail."""
KILLS = 6
"""Of each sweep; of one with worker processes, which take seconds to start, two fewer."""
LOADING = 0.3
"""Share of a run with worker processes in which it is left alone: most of that is their start."""


def running(process: int) -> bool:
    """Tell whether a process is there and has not ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def worker_processes(process: int) -> list[int]:
    """The process ids of a coordinator's workers."""
    found = []
    for listed in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, listed.read_text().split()):
                if b"LokyProcess" in Path(f"/proc/{child}/cmdline").read_bytes() and running(child):
                    found.append(child)
    return found


def drafts(runs: Path) -> list[Path]:
    """Files that are being written."""
    return list(runs.glob("*/.*.part"))


def kill(process: int, runs: Path, *, in_a_write: bool) -> None:
    """SIGKILL a coordinator, now or at its next write."""
    while in_a_write and running(process) and not drafts(runs):
        pass
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def killed(warm: WarmProcess, words: tuple[str, ...], hit: Path, after: float, *, in_a_write: bool) -> bool:
    """Run a sweep and kill it after some seconds; tell whether the kill came before its end."""
    process = warm.start(*words, "-o", str(hit))
    time.sleep(after)  # any moment: there is no event to wait for
    kill(process, hit, in_a_write=in_a_write)
    code = warm.wait()
    assert code in (0, -signal.SIGKILL), warm.errors()
    if code == 0:
        return False
    TALLY["kills"] += 1
    TALLY["kills in a write"] += bool(drafts(hit))
    return True


def kill_again_and_again(warm: WarmProcess, name: str, words: tuple[str, ...]) -> int:
    """Kill a sweep until enough kills have hit it, and compare it with the undisturbed one; return the kills."""
    chance, kills, series = random.Random(name), 0, 0
    wanted, earliest = (KILLS - 2, LOADING) if "two-jobs" in name else (KILLS, 0.02)
    begin = time.monotonic()
    assert warm.run(*words, "-o", f"{name}-calm") == 0, warm.errors()
    lasts = time.monotonic() - begin
    calm = results(only(warm.where / f"{name}-calm"))
    while kills < wanted:
        series += 1
        assert series <= 4 * KILLS, "the sweep ends before it can be killed"
        hit, before = warm.where / f"{name}-hit{series}", []
        while kills < wanted:
            after = lasts * chance.uniform(earliest, 1.0)
            if not killed(warm, words, hit, after, in_a_write=kills % 2 == 1):
                break
            kills += 1
            before = ended(hit) or before
        with tried("kills"):
            assert warm.run(*words, "-o", str(hit)) == 0, warm.errors()
            assert results(only(hit)) == calm, name
            keep(before, calm["trials.csv"])
    return kills


@pytest.mark.slow
def test_the_kill_loop(warm: WarmProcess) -> None:
    """Eight kinds of sweeps, 40 kills and more that hit: records, choice and confirmation as undisturbed."""
    assert len(KINDS) >= 8
    written = TALLY["kills in a write"]
    assert sum(kill_again_and_again(warm, name, words) for name, words in KINDS.items()) >= 40
    assert TALLY["kills in a write"] > written


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in KINDS if "two-jobs" in name])
def test_a_killed_worker_costs_a_repeat(warm: WarmProcess, name: str) -> None:
    """A worker that dies is replaced: the sweep goes on by itself, and ends as the undisturbed one."""
    words, calm, hit = (*KINDS[name], "-n", "40"), warm.where / f"{name}-alone", warm.where / f"{name}-worker"
    with tried("kills"):
        assert warm.run(*words, "-j", "1", "-o", str(calm)) == 0, warm.errors()
        process = warm.start(*words, "-o", str(hit))
        while not list(hit.glob("*/checkpoint.pt")):
            assert running(process), warm.errors()
        victim = worker_processes(process)[0]
        os.kill(victim, signal.SIGKILL)
        TALLY["workers killed"] += 1
        assert running(process)
        assert warm.wait() == 0, warm.errors()
        assert results(only(hit)) == results(only(calm))


@pytest.mark.slow
def test_workers_killed_again_and_again(warm: WarmProcess) -> None:
    """Workers lost three times in a round: exit code 3 and one line, no trial fails, and the same command goes on."""
    words, hit = (*KINDS["tpe-two-jobs"], "-n", "24"), warm.where / "lost"
    with tried("kills"):
        said = len(warm.errors())
        process = warm.start(*words, "-o", str(hit))
        dead: set[int] = set()
        while running(process):
            for worker in set(worker_processes(process)) - dead:
                if list(hit.glob("*/trials.csv")) or dead:
                    os.kill(worker, signal.SIGKILL)
                    dead.add(worker)
        assert warm.wait() == 3
        TALLY["workers killed"] += len(dead)
        assert len(dead) >= 3
        text = warm.errors()[said:]
        assert text.startswith("error: worker processes were lost 3 times in one round\nhint: ")
        assert "Traceback" not in text
        before = ended(hit)
        assert before
        assert warm.run(*words, "-o", str(hit)) == 0, warm.errors()
        assert warm.run(*words, "-j", "1", "-o", str(warm.where / "kept")) == 0, warm.errors()
        assert results(only(hit)) == results(only(warm.where / "kept"))
        keep(before, ended(hit))
