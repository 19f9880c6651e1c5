"""Laws of clusters: the records are those of one machine, workers lost on the way included; what fails says so."""

import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster_processes import DaskProcesses, RayProcesses, dask_cluster, free_port, ray_cluster
from commands import ROOT, SMALL, only, results, run, start, sweep

from core.errors import InputError
from studies.clusters import check_cluster
from studies.likeness import differences
from sweeps.config import BackendConfig
from sweeps.spec import load_spec

__all__ = ["dask_cluster", "ray_cluster"]
LONGER = (*SMALL, "-n", "40", "--set", "trainer.epochs=40")
FORM = re.compile(r"error: \S.*\nhint: \S.*\n")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--backend", "dask"), "--backend: backend.address must be an address for dask, such as tcp://HOST:8786"),
        (
            ("--backend", "ray", "--set", "backend.address=tcp://a:1"),
            "--set backend.address=tcp://a:1: backend.address must be an address for ray, such as HOST:6379, "
            "got `tcp://a:1`",
        ),
        (
            ("--backend", "dask", "--set", "backend.address=tcp://me:pw@a:1"),
            "--set backend.address=tcp://me:***@a:1: backend.address must be an address for dask, such as "
            "tcp://HOST:8786, got `tcp://me:***@a:1`",
        ),
        (
            ("--set", "backend.address=tcp://a:1"),
            "--set backend.address=tcp://a:1: backend.address is for dask and ray, and auto runs on this machine",
        ),
    ],
)
def test_an_address_belongs_to_a_cluster(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], text: str) -> None:
    """A cluster needs an address of its kind, and what runs here takes none; exit code 2 and one line."""
    assert sweep(*SMALL, *words) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: {text}\n")
    assert FORM.fullmatch(err)


@pytest.mark.parametrize("name", ["dask", "ray"])
def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Without the extra one line says what to type."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match="not installed") as caught:
        check_cluster(BackendConfig(name=name, address="tcp://127.0.0.1:1"))
    assert f"pip install 'graphsweep[{name}]'" in caught.value.hint


@pytest.mark.parametrize("name", ["dask", "ray"])
def test_nothing_listens(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """An address at which nothing listens: exit code 2, one line, in seconds, and no run folder."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: True)
    address = f"{'tcp://' if name == 'dask' else ''}127.0.0.1:{free_port()}"
    begin = time.monotonic()
    assert sweep(*SMALL, "--backend", name, "--set", f"backend.address={address}") == 2
    assert time.monotonic() - begin < 5
    err = capsys.readouterr().err
    assert err.startswith(f"error: backend.address {address}: no {name} cluster answers (nothing listens there)\n")
    assert FORM.fullmatch(err)
    assert not Path("runs").exists()


def test_a_cluster_is_no_part_of_what_identifies_a_run() -> None:
    """A run of one machine continues on a cluster, in the same folder."""
    there = load_spec("smoke", [("backend.name", "dask"), ("backend.address", "tcp://a:1"), ("backend.wait", "9")])
    assert there.identity() == load_spec("smoke").identity()


def test_the_stability_study_stays_on_one_machine() -> None:
    """It has no use for a cluster, and says so."""
    code, out, err = run("-c", "stability_smoke", "--set", "backend.name=dask", module="studies.stability")
    assert (code, out) == (2, "")
    assert err.startswith("error: a stability study runs on one machine")


def test_what_differs_in_a_worker_is_said() -> None:
    """A worker whose versions, processor or start differ is described in half a line; a like one is not."""
    here = {"torch": "2", "numpy": "2", "cpu_capability": "AVX512", "torch_came_first": "False"}
    assert differences(here, here) == ""
    assert differences({**here, "cpu_capability": "AVX2"}, here) == "cpu_capability AVX2, here AVX512"
    assert "MKL_CBWR" in differences({**here, "torch_came_first": "True"}, here)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The records of the two sweeps on this machine."""
    where = tmp_path_factory.mktemp("calm")
    found = {}
    for name, words in (("small", (*SMALL, "--confirm", "2")), ("longer", LONGER)):
        code, _, err = run(*words, "-q", "-o", str(where / name))
        assert code == 0, err
        found[name] = results(only(where / name))
    return found


def after_first_trial(process: subprocess.Popen[str]) -> None:
    """Wait until a command has ended a trial, so that workers are at work."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("trial"):
            return
    raise AssertionError(f"ended with {process.wait()}")


def ended(process: subprocess.Popen[str]) -> str:
    """Wait for the command; it must have succeeded without a traceback."""
    _, err = process.communicate(timeout=120)
    assert (process.returncode, "Traceback" in err) == (0, False), err
    return err


@pytest.mark.cluster
def test_dask_gives_the_same_records(dask_cluster: DaskProcesses, calm: dict[str, Any]) -> None:
    """Two Dask workers, search and fresh training: records of one machine."""
    for _ in range(2):
        dask_cluster.add_worker()
    code, _, err = run(*SMALL, "--confirm", "2", *dask_cluster.words())
    assert (code, "Traceback" in err, "warning: a worker" in err) == (0, False, False), err
    assert results(only()) == calm["small"]


@pytest.mark.cluster
def test_dask_workers_killed(dask_cluster: DaskProcesses, calm: dict[str, Any]) -> None:
    """One of two workers killed in mid-round, then the other: a new one takes over, and the records are the same."""
    first, second = dask_cluster.add_worker(), dask_cluster.add_worker()
    process = start("-v", *LONGER, *dask_cluster.words())
    after_first_trial(process)
    dask_cluster.kill(first)
    after_first_trial(process)
    dask_cluster.kill(second)
    dask_cluster.add_worker()
    ended(process)
    assert results(only()) == calm["longer"]


@pytest.mark.cluster
def test_dask_without_workers_and_without_scheduler(dask_cluster: DaskProcesses, calm: dict[str, Any]) -> None:
    """No worker for too long, then a scheduler that dies: exit code 3, one line; the same command continues."""
    words = (*LONGER, *dask_cluster.words(), "--set", "backend.wait=2")
    code, _, err = run(*words)
    assert code == 3
    assert "waiting for a worker of" in err
    assert "has had no worker for 2 s\nhint: the same command continues the run" in err
    dask_cluster.add_worker()
    process = start("-v", *words, "--set", "backend.wait=60")
    after_first_trial(process)
    begin = time.monotonic()
    dask_cluster.kill(dask_cluster.scheduler)
    _, err = process.communicate(timeout=120)
    assert (process.returncode, "Traceback" in err) == (3, False), err
    assert "does not answer any more\nhint: the same command continues the run" in err
    assert time.monotonic() - begin < 45
    assert "distributed" not in err
    code, _, err = run(*LONGER)
    assert (code, "continuing: " in err) == (0, True)
    assert results(only()) == calm["longer"]


@pytest.mark.cluster
def test_dask_workers_with_another_graphsweep(dask_cluster: DaskProcesses, tmp_path: Path) -> None:
    """A worker with other code trains nothing: exit code 2, one line."""
    other = tmp_path / "other"
    for name in ("core", "sweeps", "studies", "reports"):
        shutil.copytree(ROOT / name, other / name)
    with open(other / "core" / "errors.py", "a", encoding="utf-8") as file:
        file.write("\nANOTHER = True\n")
    dask_cluster.add_worker(PYTHONPATH=str(other))
    code, _, err = run(*SMALL, *dask_cluster.words())
    assert (code, "Traceback" in err) == (2, False), err
    assert re.search(r"error: a worker on \S+ has graphsweep .*, this machine .*\nhint: install the same", err), err


@pytest.mark.cluster
def test_dask_workers_of_another_processor_are_named(dask_cluster: DaskProcesses) -> None:
    """A worker whose processor adds up in another order trains, and it is said, once."""
    dask_cluster.add_worker(ATEN_CPU_CAPABILITY="default")
    code, _, err = run(*SMALL, *dask_cluster.words())
    assert code == 0, err
    assert err.count("warning: a worker differs (cpu_capability ") == 1


@pytest.mark.cluster
def test_something_else_listens() -> None:
    """What answers at the address is no cluster: exit code 2, one line, in seconds."""
    pytest.importorskip("distributed")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        begin = time.monotonic()
        code, _, err = run(*SMALL, "--backend", "dask", "--set", f"backend.address={address}")
    assert (code, "Traceback" in err) == (2, False), err
    assert f"error: backend.address {address}: no dask cluster answers (" in err
    assert time.monotonic() - begin < 30


@pytest.mark.cluster
def test_ray_gives_the_same_records(ray_cluster: RayProcesses, calm: dict[str, Any]) -> None:
    """Two Ray workers, search and fresh training; then one killed in mid-round: records of one machine."""
    code, _, err = run(*SMALL, "--confirm", "2", *ray_cluster.words())
    assert (code, "Traceback" in err, "warning: a worker" in err) == (0, False, False), err
    assert results(only()) == calm["small"]
    process = start("-v", *LONGER, *ray_cluster.words(), "-o", "killed")
    after_first_trial(process)
    actors = ray_cluster.actors()
    assert len(actors) == 2
    os.kill(actors[0], signal.SIGKILL)
    ended(process)
    assert results(only("killed")) == calm["longer"]
    process = start("-v", *LONGER, *ray_cluster.words(), "-o", "headless")
    after_first_trial(process)
    ray_cluster.__exit__(None, None, None)
    _, err = process.communicate(timeout=120)
    assert process.returncode in (1, 3), err  # 1: Ray itself ends a process whose raylet has died, without a word
    assert process.returncode == 1 or "hint: the same command continues the run" in err
    code, _, err = run(*LONGER, "-o", "headless")
    assert (code, "continuing: " in err) == (0, True)
    assert results(only("headless")) == calm["longer"]
