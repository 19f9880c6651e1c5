"""Why trials failed, grouped by cause."""

from reports import wording
from reports.run import Run


def failure_causes(run: Run) -> list[tuple[str, int]]:
    """Group the failed trials by cause, most frequent first; numbers in the messages do not tell causes apart."""
    causes: dict[str, int] = {}
    for state, error in zip(run.states, run.trials.text("error"), strict=True):
        if state == "failed":
            cause = cause_of(error)
            causes[cause] = causes.get(cause, 0) + 1
    return sorted(causes.items(), key=lambda item: (-item[1], item[0]))


def cause_of(error: str) -> str:
    """Take what differs between trials (epoch, values in brackets) off an error message."""
    line = wording.clean(error.splitlines()[0]) if error.strip() else "no reason was recorded"
    _, found, rest = line.partition(": ")
    line = rest if found and line.startswith("failed at epoch") else line
    return wording.label(line.partition(" (")[0], 160)
