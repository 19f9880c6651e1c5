"""Sweeps on a GPU: on a real one where there is one, else on a device that is the processor under another name."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import SMALL, code_of, only, rerun, results, signal_at, sweep, trials

from core.training import train_on
from studies import devices, rounds
from studies.suite import main as suite_main

ON_A_GPU = (*SMALL, "--device", "cuda", "--lanes", "3", "-n", "4", "-q")
"""More lanes than are in flight at the end."""


@pytest.fixture(params=["disguised", "real"])
def gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let `cuda` train; return how many lanes were trained at once, interval by interval, where that can be seen."""
    widths: list[int] = []
    monkeypatch.setattr("reports.page.write_report", lambda folder: folder / "report.html")
    if request.param == "real" and not torch.cuda.is_available():
        pytest.skip("torch finds no GPU here")
    if request.param == "disguised":

        def here(lanes: Any, dataset: Any, config: Any, device: torch.device, width: int, jobs: int) -> Any:
            assert device == torch.device("cuda")
            widths.append(width)
            return train_on(lanes, dataset, config, torch.device("cpu"), width, jobs)

        monkeypatch.setattr(rounds, "train_on", here)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Disguise 1")
    return widths


def test_a_sweep_does_not_depend_on_jobs(gpu: list[int]) -> None:
    """Law: one thread or several evaluate to the same records, with the device in the run's facts."""
    assert sweep(*ON_A_GPU, "-o", "one", "--jobs", "1") == 0
    assert sweep(*ON_A_GPU, "-o", "three", "--jobs", "3") == 0
    assert results(only(Path("one"))) == results(only(Path("three")))
    facts = json.loads((only(Path("one")) / "environment.json").read_text())
    assert facts["device"] == f"cuda: {torch.cuda.get_device_name()}"
    assert set(gpu) <= {3}


def test_a_sweep_goes_on_after_a_stop(gpu: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: stopped in the middle and continued, it comes to what it comes to at once."""
    assert sweep(*ON_A_GPU, "-o", "whole") == 0
    with monkeypatch.context() as stop:
        signal_at(stop, signal.SIGINT, at_round=3)
        assert sweep(*ON_A_GPU, "-o", "cut") == 130
    assert sweep(*ON_A_GPU, "-o", "cut") == 0
    assert results(only(Path("cut"))) == results(only(Path("whole")))
    assert set(gpu) <= {3}


def test_a_trial_is_repeated_there(gpu: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    """Law: a rerun trains among as many lanes, copies of it, and so gives the same bits."""
    assert sweep(*ON_A_GPU) == 0
    before = len(gpu)
    for row in trials(only()):
        assert rerun(str(only()), "--trial", str(row["number"])) == 0
    assert capsys.readouterr().err.count("reproduced exactly") == 4
    assert set(gpu[before:]) <= {3}


def test_a_trial_is_repeated_on_the_processor_where_there_is_no_gpu(
    gpu: list[int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run of a GPU can be read and repeated elsewhere; the repeat says that the device is another one."""
    assert sweep(*ON_A_GPU) == 0
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    done = len(gpu)
    assert rerun(str(only()), "--trial", "0") in (0, 4)
    assert f"device cuda: {torch.cuda.get_device_name()} then, cpu now" in capsys.readouterr().err
    assert len(gpu) == done


def test_a_dry_run_times_no_gpu(gpu: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    """An estimate from the processor would say nothing about a GPU."""
    assert sweep(*(word for word in ON_A_GPU if word != "-q"), "--dry-run") == 0
    assert f"on cuda: {torch.cuda.get_device_name()}, which is not timed here; nothing was run" in (
        capsys.readouterr().err
    )
    assert not gpu
    assert not Path("runs").exists()


def suite(*words: str) -> int:
    """Run the suite's command in this process; return its exit code."""
    return code_of(suite_main, words)


@pytest.mark.parametrize("command", [sweep, suite])
def test_a_gpu_that_is_not_there_is_refused(
    command: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, exit code 2, and nothing is written."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    words = ("--device", "cuda") if command is sweep else ("--set", "backend.device=cuda")
    assert command(*words) == 2
    text = capsys.readouterr().err
    assert text.startswith(f"error: --device cuda: torch {torch.__version__} finds no GPU here\nhint: ")
    assert not any(Path().iterdir())


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--backend", "dask", "--set", "backend.address=tcp://127.0.0.1:1"), "cpu for dask"),
        (("--set", "trainer.architecture=original"), "cpu for the original"),
    ],
)
def test_what_a_gpu_does_not_do(words: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Clusters and the original have no GPU, and are told so before anything is imported or looked for."""
    assert sweep(*SMALL, "--device", "cuda", *words) == 2
    assert why in capsys.readouterr().err


def test_the_processor_needs_no_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: without --device nobody asks for a GPU, and the run says cpu."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: pytest.fail("asked"))
    backend = rounds.BackendConfig()
    assert devices.as_it_is_here(backend) == backend
    assert devices.device_name(backend) == "cpu"
