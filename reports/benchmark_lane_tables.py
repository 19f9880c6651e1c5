"""The tables of part lanes: speeds by lanes, on a processor's core and a GPU, and the floor of a step."""

import math

from reports import benchmark_standing as standing
from reports.benchmark_folder import BenchmarkFolder
from reports.benchmark_words import count_text, processor_of, ranged, ratio_text, whole_text
from reports.blocks import TableBlock
from reports.wording import NO_VALUE, count, decimals


def lane_tables(bench: BenchmarkFolder) -> list[TableBlock]:
    """Give the speeds by lanes of every number of variables, then the floor of a step."""
    tables = []
    heads = ("lanes", "trial-steps a second", "against PyTorch alone", "against lanes 1")
    for variables in standing.sizes(bench):
        alone = bench.spread("trial_steps_per_second", method="alone", variables=variables)
        rows = [("1, PyTorch alone", ranged(alone, whole_text), ratio_text(1.0), NO_VALUE)]
        for item in standing.speeds(bench, variables):
            texts = (ranged(item.over_alone, ratio_text), ranged(item.over_one, ratio_text))
            rows.append((str(item.lanes), ranged(item.speed, whole_text), *texts))
        caption = f"{count(variables, 'variable')}, one core of the {processor_of(bench)}: median and range"
        tables += [TableBlock(caption, heads, rows), *gpu_tables(bench, variables)]
    return [*tables, *floor_tables(bench)]


def gpu_tables(bench: BenchmarkFolder, variables: int) -> list[TableBlock]:
    """Give the speeds of a GPU, whose lanes all cores evaluate, where there was one."""
    name, alone = "trial_steps_per_second", {"method": "alone", "variables": variables}
    numbers = bench.pick(name, method="gpu", variables=variables)
    rows = []
    for lanes in sorted({int(item.lanes) for item in numbers}):
        mine = {"method": "gpu", "variables": variables, "lanes": lanes}
        ratio = ranged(bench.ratio(name, mine, alone), ratio_text)
        rows.append((str(lanes), ranged(bench.spread(name, **mine), whole_text), ratio))
    devices = ", ".join(sorted({item.device for item in numbers}))
    caption = f"{count(variables, 'variable')}, trained on {devices}, evaluated on all cores: median and range"
    return [TableBlock(caption, ("lanes", "trial-steps a second", "against PyTorch alone on a core"), rows)]


def floor_tables(bench: BenchmarkFolder) -> list[TableBlock]:
    """Give what a step takes beside what it must take, and how that is counted."""
    found = standing.floor(bench)
    if found is None:
        return []
    needs = [
        (item.method, item.note, count_text(item.value, name))
        for name in (standing.OPERATIONS, standing.BYTES)
        for item in bench.pick(name)
    ]
    needs += [("together", "", f"{count_text(found.operations, 'operations')}, {count_text(found.bytes, 'bytes')}")]
    micro = 1e6
    rows = [
        ("step, measured", f"{decimals(found.step.median * micro, 0)} µs", ratio_text(found.ratio)),
        (
            f"the model's operations at {decimals(found.product_rate / 1e9, 1)} billion a second (large product)",
            f"{decimals(found.by_operations * micro, 0)} µs",
            ratio_text(found.by_operations / found.seconds),
        ),
        (
            f"the model's operations at {decimals(found.own_rate / 1e9, 1)} billion a second (its largest product)",
            f"{decimals(found.operations / found.own_rate * micro, 0)} µs",
            ratio_text(found.operations / found.own_rate / found.seconds),
        ),
        (
            f"the model's bytes at {decimals(found.copy_rate / 1e9, 1)} GB a second (copy)",
            f"{decimals(found.by_bytes * micro, 0)} µs",
            ratio_text(found.by_bytes / found.seconds),
        ),
    ]
    open_seconds = found.open_operations / found.product_rate
    if math.isfinite(open_seconds):
        told = f"its operations without those of shut gates ({bench.pick('open_operations')[0].note})"
        rows.append((told, f"{decimals(open_seconds * micro, 0)} µs", ratio_text(open_seconds / found.seconds)))
    case = f"{count(found.lanes, 'lane')}, {count(found.variables, 'variable')}"
    words = (
        f"What a step needs at least ({case}): K lanes, d variables, n = K d, B rows, F features, P = S + b + N "
        "latents, H hidden units, M = H + 1. Element-wise work is not counted; what is not listed stays in the cache"
    )
    return [
        TableBlock(f"One step of {case}, against the longer of the two floors", ("what", "time", "floors"), rows),
        TableBlock(words, ("what", "formula", "comes to"), needs),
    ]
