"""Checks that look at more than one setting, or at what a setting names on disk."""

import os
import re
from dataclasses import replace

from core.config import BUILT_IN, TIMELESS, DataConfig, TrainerConfig
from core.corruption_kinds import parse
from core.errors import InputError
from core.room import misfit
from sweeps.config import CLUSTERS, CPU, BackendConfig, SearchConfig
from sweeps.findings import Findings
from sweeps.nearest import nearest, nearest_file
from sweeps.nodes import shorten
from sweeps.space import Choices, Space

ADDRESSES = {
    "dask": (r"(tcp|tls)://[^\s/:@]+:[0-9]{1,5}", "tcp://HOST:8786", "the scheduler's"),
    "ray": (r"auto|[^\s/:@]+:[0-9]{1,5}", "HOST:6379", "the head's, or auto on a machine of the cluster"),
}
"""What an address of a cluster looks like, an example, and whose it is."""


def check_data_name(name: str) -> None:
    """Raise an InputError unless `name` is a built-in data set or something that exists."""
    if name in BUILT_IN or os.path.exists(name):
        return
    close = nearest(name, list(BUILT_IN)) or nearest_file(name, ".csv", ".npz")
    meant = f"did you mean `{close}`? " if close else ""
    raise InputError(
        f"no dataset called `{shorten(name, 200)}`, and no such file",
        f"{meant}Built in: {', '.join(BUILT_IN)}. Your own: --data FILE.csv",
    )


def check_files(data: DataConfig, findings: Findings) -> None:
    """The data set and the graph exist."""
    if findings.right("data.name"):
        try:
            check_data_name(data.name)
        except InputError as error:
            findings.errors.append(InputError(_prefix("data.name", findings) + error.message, error.hint))
    if data.graph and (not os.path.exists(data.graph) or os.path.isdir(data.graph)):
        close = nearest_file(data.graph, ".csv")
        hint = (
            f"did you mean `{close}`?" if close else "a graph is a CSV: edge list `cause,effect`, or square with names"
        )
        message = f"{_prefix('data.graph', findings)}no graph file `{shorten(data.graph, 200)}`"
        findings.errors.append(InputError(message, hint))


def check_trainer_and_data(trainer: TrainerConfig, data: DataConfig, findings: Findings) -> None:
    """The gate only cools down, a trial ends on an evaluation, windows have their learner; then the simulation."""
    epochs, every = "trainer.epochs", "trainer.evaluate_every"
    if findings.right(epochs, every) and trainer.epochs % trainer.evaluate_every:
        rule = f"must be a multiple of {every} ({trainer.evaluate_every}), got {trainer.epochs}"
        near = max(1, round(trainer.epochs / trainer.evaluate_every)) * trainer.evaluate_every
        findings.errors.append(InputError(f"{findings.subject(epochs, every)} {rule}", f"--set {epochs}={near}"))
    end, start = "trainer.temperature_end", "trainer.temperature_start"
    if findings.right(end, start) and trainer.temperature_end > trainer.temperature_start:
        rule = f"must be {trainer.temperature_start:g} ({start}) or less, got {trainer.temperature_end:g}"
        hint = f"the gate only cools down: --set {end}={trainer.temperature_start:g}"
        findings.errors.append(InputError(f"{findings.subject(end, start)} {rule}", hint))
    window, architecture = "trainer.window", "trainer.architecture"
    if findings.right(window, architecture) and trainer.window > 0 and trainer.architecture != "original":
        rule = f"must be 0 for {trainer.architecture}, which draws single rows, got {trainer.window}"
        findings.errors.append(InputError(f"{findings.subject(window, architecture)} {rule}", f"--set {window}=0"))
    check_simulation(trainer, data, findings)


def check_simulation(trainer: TrainerConfig, data: DataConfig, findings: Findings) -> None:
    """The simulated graph has room for its edges, corruptions are known, and rows without time have no lag."""
    wrong = misfit(data) if data.name in BUILT_IN else None
    names = [f"data.{name}" for name in wrong.names] if wrong else []
    if wrong and findings.right(*names):
        findings.errors.append(InputError(f"{findings.subject(*names)} {wrong.rule}", wrong.hint))
    try:
        parse(data.corruption)
    except InputError as error:
        findings.errors.append(InputError(_prefix("data.corruption", findings) + error.message, error.hint))
    lag = "trainer.max_lag"
    if findings.right(lag, "data.name") and data.name in TIMELESS and trainer.max_lag:
        message = f"{findings.subject(lag, 'data.name')} must be 0 for {data.name}, whose rows have no time"
        findings.errors.append(InputError(f"{message}, got {trainer.max_lag}", f"--set {lag}=0, or leave it out"))


def fit_trainer(trainer: TrainerConfig, data: DataConfig, findings: Findings) -> TrainerConfig:
    """Fill in what the data decide where nothing was said: rows without time have no lag."""
    if data.name in TIMELESS and "trainer.max_lag" not in findings.given:
        return replace(trainer, max_lag=0)
    return trainer


def check_space(space: Space, search: SearchConfig, findings: Findings) -> None:
    """A grid has points only where values are listed."""
    if search.sampler != "grid":
        return
    for name, entry in space.items():
        if not isinstance(entry, Choices):
            full = f"space.{name}"
            message = f"{findings.subject(full)} must be a list of values for the sampler grid, got a range"
            example = f"[{entry.low:g}, {entry.high:g}]"
            findings.errors.append(InputError(message, f"--set {full}='{example}', or another --sampler"))


def check_backend(backend: BackendConfig, findings: Findings) -> None:
    """A cluster has an address of its kind, and what runs on this machine has none."""
    name, address = "backend.name", "backend.address"
    if not findings.right(name, address):
        return
    where = findings.subject(address, name)
    if backend.name not in CLUSTERS:
        if backend.address:
            message = f"{where} is for {' and '.join(CLUSTERS)}, and {backend.name} runs on this machine"
            findings.errors.append(InputError(message, f"--set {address}=, or another --backend"))
        return
    form, example, whose = ADDRESSES[backend.name]
    if not re.fullmatch(form, backend.address):
        got = f", got `{shorten(backend.address, 200)}`" if backend.address else ""
        message = f"{where} must be an address for {backend.name}, such as {example}{got}"
        hint = f"--set {address}={example}, {whose}; on one machine nothing need be set"
        findings.errors.append(InputError(message, hint))


def check_device(backend: BackendConfig, trainer: TrainerConfig, findings: Findings) -> None:
    """A GPU is one of this machine, and trains the learner whose steps need no look at their numbers."""
    device, name, architecture = "backend.device", "backend.name", "trainer.architecture"
    if backend.device == CPU or not findings.right(device, name, architecture):
        return
    if backend.name in CLUSTERS:
        message = (
            f"{findings.subject(device, name)} must be {CPU} for {backend.name}, whose workers train on processors"
        )
        findings.errors.append(InputError(message, f"--set {device}={CPU}, or leave --backend out"))
    if trainer.architecture == "original":
        message = f"{findings.subject(device, architecture)} must be {CPU} for the original, which a GPU does not train"
        findings.errors.append(InputError(message, f"--set {device}={CPU}"))


def _prefix(name: str, findings: Findings) -> str:
    """Place of a setting, to stand before a message that names its value; an option needs none."""
    given = findings.given.get(name)
    return "" if given is None or given.where.option else f"{given.where.place}: "
