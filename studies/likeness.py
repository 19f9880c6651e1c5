"""What must be alike on every machine that trains a run: the code, and what decides the last digits."""

import functools
import hashlib
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import core
from core.errors import InputError

Result = TypeVar("Result")
SAME = ("torch", "numpy", "cpu_capability", "torch_came_first")


@functools.cache
def surroundings() -> dict[str, str]:
    """Return what decides the bits of a training: this code, versions, processor, and MKL's way of adding."""
    import numpy
    import torch

    import studies

    digest = hashlib.sha256()
    for file in sorted(Path(core.__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return {
        "code": f"{core.__version__} ({digest.hexdigest()[:8]})",
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "torch_came_first": str(studies.TORCH_CAME_FIRST),
    }


def check_code(expected: dict[str, str]) -> None:
    """Raise InputError, in a worker, if it has another graphsweep than the coordinator."""
    found = surroundings()["code"]
    if found != expected["code"]:
        raise InputError(
            f"a worker on {socket.gethostname()} has graphsweep {found}, this machine {expected['code']}",
            "install the same graphsweep on all workers, and restart them",
        )


def in_cluster(expected: dict[str, str], work: Callable[..., Result], *arguments: Any) -> tuple[dict[str, str], Result]:
    """Call `work` in a worker of a cluster, if it has the same graphsweep; return what else it has, and the result."""
    check_code(expected)
    return surroundings(), work(*arguments)


def differences(found: dict[str, str], expected: dict[str, str]) -> str:
    """Say in what a worker differs such that its trainings may differ in the last digits; empty for nothing."""
    if found["torch_came_first"] == "True":
        return "torch was loaded before graphsweep, and MKL_CBWR=AUTO was not set"
    return ", ".join(f"{name} {found[name]}, here {expected[name]}" for name in SAME if found[name] != expected[name])
