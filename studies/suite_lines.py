"""The suite's table on the terminal: ours beside the best other method, a line a data set and cut."""

import math
import shutil
from pathlib import Path

from reports.suite_folder import load_suite_folder
from reports.suite_standing import CUTS, Goal, at_most, goals, sentences, standing
from reports.wording import decimals, label

NARROWEST, WIDEST = 40, 100


def table_lines(folder: Path) -> list[str]:
    """Return the table, then the sentences of the page; fits a narrow terminal by shortening names."""
    suite = load_suite_folder(folder)
    width = min(max(shutil.get_terminal_size((80, 24)).columns, NARROWEST), WIDEST)
    reached = {(goal.dataset.name, goal.name): goal for goal in goals(suite)}
    names = max(8, min(24, (width - 36) // 2))
    lines = [f"{'data set':<{names}} cut    {'ours':<11} {'goal':<9} best other method"]
    for dataset in suite.datasets:
        for cut in CUTS:
            ours, found = dataset.method(f"ours_{cut}"), standing(dataset, cut)
            score = ours.values[dataset.score] if ours is not None else None
            mean = "-" if score is None else decimals(score.mean, 2)
            spread = "" if score is None or not math.isfinite(score.sd) else f" ±{decimals(score.sd, 2)}"
            asked = reached.get((dataset.name, cut))
            goal = "" if asked is None else f"{asked.goal:.2f} {held(asked, 'no', '-')}"
            other = "" if found is None else f"{decimals(found.other, 2)} {found.best.label}"
            first = label(dataset.label, names) if cut == CUTS[0] else ""
            line = f"{first:<{names}} {cut:<6} {mean + spread:<11} {goal:<9} {other}"
            lines.append(line)
        edges = reached.get((dataset.name, "max_edges"))
        if edges is not None:
            met = held(edges, "not met", "not run")
            lines.append(f"{'':<{names}} edges  {decimals(edges.reached, 1):<11} {at_most(edges.goal)}: {met}")
    return [*(fitted(line.rstrip(), width) for line in lines), "", *sentences(suite)]


def held(goal: Goal, missed: str, not_run: str) -> str:
    """Say whether a goal holds, in the words given where it does not or nothing was run."""
    if not math.isfinite(goal.reached):
        return not_run
    return "met" if goal.holds else missed


def fitted(line: str, width: int) -> str:
    """Cut what stands beyond the terminal's edge: the end of the best other method's name."""
    return line if len(line) <= width else f"{line[: width - 1]}\N{HORIZONTAL ELLIPSIS}"
