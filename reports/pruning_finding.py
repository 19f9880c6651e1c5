"""What pruning may have done wrong: ending trials while their order still changed."""

from collections.abc import Iterator

import numpy as np

from reports.finding import Finding
from reports.pruned import SAFE, Pruning, collect
from reports.run import Run, number
from reports.wording import decimals, shd


def unsafe_pruning(run: Run) -> Iterator[Finding]:
    """The SHD at the median pruning epoch ranks the complete trials otherwise than their end does.

    Nothing is said where too few trials completed, or where they all end within one SHD: their order is then noise.
    """
    numbers = collect(run)
    if numbers is None or numbers.too_alike or not numbers.agreed < SAFE:
        return
    ends = numbers.final[numbers.complete]
    lost = (
        "Better trials than the best may have been pruned"
        if ends.min() > 0
        else "No trial can be better than SHD 0, but others as good may have been pruned"
    )
    text = (
        f"Half of the pruned trials were ended by epoch {numbers.median:,.0f}, where the SHD of the {numbers.judged:,} "
        f"complete trials (they end at {shd(float(ends.min()))} to {shd(float(ends.max()))}) goes with their final one "
        f"by a rank correlation of {decimals(numbers.agreed, 2)} only (under {SAFE}). {lost}; as "
        "only trials that survived are counted, this errs on the careful side."
    )
    advice, setting = remedy(numbers, number(run.settings.get("trainer"), "epochs"))
    yield Finding("Unsafe pruning", text, "fig-pruning", advice, setting)


def remedy(numbers: Pruning, planned: float) -> tuple[str, str]:
    """Give the longer warm-up after which the order holds, as advice and setting; no pruning where none is known.

    Args:
        numbers: what pruning did.
        planned: epochs of a complete trial.
    """
    later = np.flatnonzero(numbers.epoch > numbers.median)
    holds = [place for place in later if np.all(numbers.agreement[place:] >= SAFE)]
    first = float(numbers.epoch[holds[0]]) if holds else np.nan
    share = np.ceil(100 * first / planned) / 100
    if share < 1:
        return (
            f"Prune later, from epoch {first:,.0f} on, where the order holds:",
            f"--set search.prune_warmup={share:g}",
        )
    return "At no later epoch the order holds better, so train every trial to its end:", "--pruner none"
