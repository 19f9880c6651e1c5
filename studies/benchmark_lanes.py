"""Part lanes: trial-steps a second against the number of lanes, and how near a step comes to what the core can do."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from core.architecture import learner
from core.config import Hyperparameters, TrainerConfig
from core.data import Dataset, prepare
from core.lanes import Lanes, select
from core.model import Shape, model_shape, open_probability
from core.schedule import temperature
from core.simulate import simulate
from core.trainer import Evaluation, advance, evaluate, start
from core.training import train_epoch, train_steps
from studies.benchmark_floor import copy_rate, product_rate, step_bytes, step_operations
from studies.benchmark_rows import Sheet, rotated, timed
from studies.devices import device_name
from studies.devices import there as device_is_there
from studies.processes import one_thread
from studies.rounds import Workers
from sweeps.benchmark_spec import BenchmarkSpec
from sweeps.config import CUDA, BackendConfig
from sweeps.space import Range

FLOOR_LANES, DISTINCT = 64, 8
SPREAD = (4, 1, 6, 3, 5, 0, 7, 2)
"""The order of the eight prices: the first few are spread over them, too."""
LARGE = (16, 512, 512, 512)
"""A plain large product: matrices, and their rows, inner and columns."""
COPIED = 1 << 24
GPU_LANES = (64, 256, 1024)
"""Lanes that a GPU is measured with, where there is one."""
Advance = Callable[[Lanes, Dataset, TrainerConfig], tuple[Lanes, list[Evaluation]]]


def drawn(spec: BenchmarkSpec, variables: int) -> Dataset:
    """Draw the sweep's simulation with another number of variables, and as many edges."""
    data = replace(spec.sweep.data, variables=variables, edges=variables)
    return prepare(simulate(data), spec.sweep.trainer)


def typical_lanes(count: int, spec: BenchmarkSpec, dataset: Dataset) -> Lanes:
    """Return trials as a sweep has them: past their warm-up, prices of an edge spread over the space.

    What a compiled step costs depends on how many gates are open, from nearly all at the start to few or, where an edge
    is cheap, still most. Eight trials are trained, and repeated as often as they are needed.
    """
    config, entry = spec.sweep.trainer, spec.sweep.space.get("lambda_sparse")
    prices = [Hyperparameters().lambda_sparse] * DISTINCT
    if isinstance(entry, Range):
        prices = [entry.low * (entry.high / entry.low) ** ((place + 0.5) / DISTINCT) for place in SPREAD]
    trials = [(k, k, Hyperparameters(lambda_sparse=price)) for k, price in enumerate(prices[:count])]
    lanes = start(trials, dataset, config)
    for _ in range(max(1, round(config.warmup * config.epochs))):
        lanes, _ = train_epoch(lanes, dataset, config)
    return select(lanes, [place % len(trials) for place in range(count)])


def advance_alone(lanes: Lanes, dataset: Dataset, config: TrainerConfig) -> tuple[Lanes, list[Evaluation]]:
    """Advance one trial by whole-tensor operations of PyTorch: no step is compiled; the evaluation is everybody's."""
    begin, logs = time.perf_counter(), []
    for _ in range(config.evaluate_every):
        batches = learner(config).batches(lanes, dataset, config)
        lanes, log = train_steps(lanes, batches, len(dataset.names), config)
        logs.append(log)
    norms = torch.cat([log.norms for log in logs])
    with torch.no_grad():
        return evaluate(lanes, logs[-1], norms, len(logs), begin, dataset, config)


def advance_on_gpu(lanes: Lanes, dataset: Dataset, config: TrainerConfig) -> tuple[Lanes, list[Evaluation]]:
    """Advance as a sweep does with `--device cuda`: the GPU trains, all cores of the processor evaluate."""
    with Workers(BackendConfig(device=CUDA), dataset, config, len(lanes.trial)) as workers:
        return workers.advance(lanes)


def measure_lanes(sheet: Sheet, spec: BenchmarkSpec, variables: int) -> None:
    """Time an evaluation interval of every lane count, in rotation; rows of trial-steps a second.

    A trial-step is one optimiser step of one trial; the evaluation at the interval's end is in the time, as in a
    sweep. `advance` changes nothing it is given, so each repetition does the same work.
    """
    one_thread()
    config, dataset = spec.sweep.trainer, drawn(spec, variables)
    gpu = BackendConfig(device=CUDA)
    there = GPU_LANES if device_is_there(gpu) else ()
    whole = typical_lanes(max(*spec.lanes, *there), spec, dataset)
    cases: list[tuple[str, int, Advance]] = [("alone", 1, advance_alone)]
    cases += [("lanes", lanes, advance) for lanes in spec.lanes]
    cases += [("gpu", lanes, advance_on_gpu) for lanes in there]
    for once in (advance, *([advance_on_gpu] if there else [])):  # samples are built and kept, code is loaded
        once(select(whole, [0]), dataset, config)
    for repeat in range(spec.measure.repeats):
        for method, count, run in rotated(cases, repeat):
            sheet.check()
            lanes = select(whole, range(count))
            with timed() as clock:
                after, _ = run(lanes, dataset, config)
            steps = int((after.step - lanes.step).sum())
            values = {
                "trial_steps_per_second": steps / clock.seconds,
                "processor_share": clock.processor_seconds / clock.seconds,
            }
            device = {"device": device_name(gpu)} if method == "gpu" else {}
            sheet.add(method, repeat, values, variables=variables, lanes=count, **device)


def floor_case(spec: BenchmarkSpec) -> tuple[int, int]:
    """Return lanes and variables of the floor: 64 lanes where they are measured, of the smallest data."""
    return (FLOOR_LANES if FLOOR_LANES in spec.lanes else max(spec.lanes)), min(spec.variables)


def measure_floor(sheet: Sheet, spec: BenchmarkSpec) -> None:
    """Time a step, a plain large product, one of the step's own shape, and a copy, in rotation."""
    one_thread()
    count, variables = floor_case(spec)
    config, dataset = spec.sweep.trainer, drawn(spec, variables)
    lanes, shape = typical_lanes(count, spec, dataset), model_shape(variables, config)
    facts = {"variables": variables, "lanes": count}
    rows = min(config.batch_size, len(dataset.values))
    for name, formula, operations in step_operations(shape, count, rows):
        sheet.add(name, None, {"operations": operations}, note=formula, **facts)
    opened = float(open_probability(lanes.value.gate, temperature(lanes.epoch, config)).mean())
    left = sum(operations for _, _, operations in step_operations(shape, count, rows, opened))
    sheet.add("open gates alone", None, {"open_operations": left}, note=f"q = {opened:.2f}", **facts)
    for name, formula, size in step_bytes(shape, count, rows):
        sheet.add(name, None, {"bytes": size}, note=formula, **facts)
    own = message_product(shape, count, rows)
    measured: dict[str, Callable[[], dict[str, float]]] = {
        "step": lambda: step_seconds(lanes, dataset, config),
        "large product": lambda: {"operations_per_second": product_rate(*LARGE)},
        "product of the step's shape": lambda: {"operations_per_second": product_rate(*own)},
        "copy": lambda: {"bytes_per_second": copy_rate(COPIED)},
    }
    for repeat in range(spec.measure.repeats):
        for method, take in rotated(list(measured.items()), repeat):
            sheet.check()
            sheet.add(method, repeat, {**take()}, **facts)


def message_product(shape: Shape, lanes: int, rows: int) -> Sequence[int]:
    """Return the sizes of the largest product of a step: gated weights times signals, lane by lane."""
    return lanes, shape.variables * (shape.hidden + 1), shape.variables * shape.signal, rows


def step_seconds(lanes: Lanes, dataset: Dataset, config: TrainerConfig) -> dict[str, float]:
    """Time one epoch without its evaluation, the drawing of its batches included, a step."""
    with timed() as clock:
        after, _ = train_epoch(lanes, dataset, config)
    return {"step_seconds": clock.seconds / int(after.step[0] - lanes.step[0])}
