"""Assemble the page of a benchmark: one HTML file that opens offline, and its figures as PNG beside it."""

from pathlib import Path

from reports.benchmark_folder import BenchmarkFolder, load_benchmark_folder
from reports.benchmark_standing import sentences
from reports.benchmark_tables import sections
from reports.drawing import Picture
from reports.figures import benchmark as figures
from reports.publish import drawn, filled, write_page
from reports.wording import clean, count, share

PLOTS = (figures.lanes, figures.plain, figures.ray, figures.growth, figures.best, figures.orchestration)
NAMES = tuple(f"benchmark_{plot.__name__}" for plot in PLOTS)
BUSY = 0.95
STYLE = """\
main section>.scroll:not(.picture){margin-bottom:2rem}
main section>p{max-width:68ch}
"""


def write_benchmark_report(path: Path, out: Path | None = None) -> Path:
    """Build the page of a benchmark's folder, the same bytes each time from the same files.

    Args:
        path: the benchmark's folder, with benchmark.json and benchmark.csv.
        out: folder to write report.html and figures/ into; the benchmark's folder where None.

    Returns:
        The path of report.html.

    Raises:
        RunFolderError: the folder is incomplete or damaged, or cannot be written to.
    """
    bench = load_benchmark_folder(path)
    pictures = drawn(draw(bench) for draw in PLOTS)
    return write_page(path if out is None else out, assemble(bench, pictures), heading(bench), pictures, NAMES)


def heading(bench: BenchmarkFolder) -> str:
    """Name the benchmark and the machine."""
    return clean(f"{bench.facts.get('study') or 'benchmark'} on {bench.machine.get('processor') or 'this machine'}")


def assemble(bench: BenchmarkFolder, pictures: list[Picture]) -> str:
    """Fill the page; everything that comes from files is escaped."""
    return filled(
        "benchmark.html.j2",
        pictures=pictures,
        style=STYLE,
        title=heading(bench),
        facts=facts(bench),
        sentences=sentences(bench),
        notes=notes(bench),
        sections=sections(bench),
    )


def facts(bench: BenchmarkFolder) -> list[str]:
    """Give the line under the heading: what the times depend on."""
    machine = bench.machine
    cores = machine.get("cores")
    found = [count(cores, "core")] if isinstance(cores, int) else []
    for name in ("torch", "optuna", "python", "cpu_capability"):
        found += [clean(f"{name.replace('_', ' ')} {machine[name]}")] if machine.get(name) else []
    devices = sorted({item.device for item in bench.numbers if item.device})
    repeats = ((bench.facts.get("settings") or {}).get("measure") or {}).get("repeats")
    found += [f"device {', '.join(devices)}"] if devices else []
    found += [count(repeats, "repetition")] if isinstance(repeats, int) else []
    return [*found, bench.path.resolve().name]


def notes(bench: BenchmarkFolder) -> list[str]:
    """Say what is missing, and whether the machine had something else to do."""
    units, finished = (int(bench.facts.get(name) or 0) for name in ("units", "finished"))
    found = []
    if finished < units:
        found.append(f"{finished} of {count(units, 'unit')} asked for have been measured.")
    commits = bench.facts.get("commits") or []
    if len(commits) > 1:
        found.append(
            f"Measured at {count(len(commits), 'commit')}: {clean(', '.join(str(one)[:7] for one in commits))}."
        )
    lowest = bench.spread("processor_share").median
    if lowest < BUSY:
        found.append(
            f"The machine was busy: in part lanes a single thread got {share(lowest)} of a core's time. Ratios hold, "
            "as both sides of each were measured in turns; times are longer than on an idle machine."
        )
    return found
