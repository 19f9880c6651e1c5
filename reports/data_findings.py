"""What the data themselves find fault with: directions that sorting gives away, and variables that are copies."""

from collections.abc import Iterator

from reports import wording
from reports.finding import Finding
from reports.run import Run
from reports.wording import count, f1, listing

SORTABLE = 0.9
KINDS = (("sortnregress_var", "variance"), ("sortnregress_r2", "R\u00b2"))
MOST = 8


def sortable(run: Run) -> Iterator[Finding]:
    """Variance, or what the others explain of it (R squared), rises along over 90 % of the true graph's paths."""
    known = [(word, row) for name, word in KINDS if (row := run.baseline(name)) is not None]
    high = [(word, row) for word, row in known if row.sortability > SORTABLE]
    if not high:
        return
    parts = [f"{word} rises along {f1(row.sortability)} of them" for word, row in high]
    solved = [f"{row.label} alone reaches SHD {wording.shd(row.shd)}" for _, row in high if row.shd == row.shd]
    text = (
        "Along the true graph's directed paths the variables can be sorted without learning any cause: "
        f"{listing(parts)} (0.5 tells nothing). {listing(solved) or 'The method that sorts has no score'}."
    )
    advice = "A good score here is no proof of causes: compare with the sorting, and try data that cannot be sorted."
    yield Finding("Sortable data", text, "compared", advice)


def duplicated(run: Run) -> Iterator[Finding]:
    """Variables that are copies of others, |r| > 0.999, by name."""
    copies = run.data.get("duplicated")
    if not isinstance(copies, dict) or not copies:
        return
    told = [f"{wording.label(str(copy), 40)} (of {wording.label(str(of), 40)})" for copy, of in copies.items()]
    more = f" and {len(told) - MOST} more" if len(told) > MOST else ""
    are = "is a copy of another one" if len(told) == 1 else "are copies of others"
    text = (
        f"{count(len(told), 'variable')} {are} (|r| > 0.999): {', '.join(told[:MOST])}{more}. "
        "No data can tell which of two copies is the cause."
    )
    yield Finding("Duplicated variables", text, "setup", "Leave one of each out.")


DATA_RULES = (sortable, duplicated)
