"""What the cut finds fault with: a result that a slightly different threshold would change."""

from collections.abc import Iterator

from reports.cuts import around, at, best_course, fragile, span
from reports.finding import Finding
from reports.run import Run
from reports.wording import shd, significant


def fragile_threshold(run: Run) -> Iterator[Finding]:
    """SHD moves by more than 2 within 20 % of the cut; of the graph alone, so only where a true one is known."""
    found = best_course(run)
    if found is None or run.truth is None:
        return
    course, cut = found
    if fragile(course, cut):
        low, high = span(course, course.shd, cut)
        first, last = (significant(end) for end in around(cut))
        text = (
            f"SHD is {shd(at(course, course.shd, cut))} at the cut {significant(cut)} and {shd(low)} to {shd(high)} "
            f"within 20 % of it (cuts {first} to {last})."
        )
        yield Finding("Fragile threshold", text, "fig-threshold", f"Quote the range: SHD {shd(low)} to {shd(high)}.")


CUT_RULES = (fragile_threshold,)
