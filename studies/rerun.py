"""The command: `python -m studies.rerun RUN` repeats a trial of a run and proves it by the hash of its weights."""

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import InputError, NoResultError, RunFolderError
from core.run_format import meant_inside
from studies.arguments import CommandParser, add_version, guarded
from studies.as_program import end_with
from studies.records import COMPLETE, FAILED, read_rows

if TYPE_CHECKING:
    from core.data import Dataset
    from core.tables import Table
    from studies.confirm import Trained
    from sweeps.spec import SweepSpec

NEEDED = ("sweep.yaml", "trials.csv", "environment.json")
PROVEN = ("weights_hash", "graph_hash", "val_shd", "val_f1", "edge_count", "avg_grad_clip_ratio", "blind_score")


def build_parser() -> CommandParser:
    """Return the parser of the command."""
    parser = CommandParser(
        prog="python -m studies.rerun",
        usage="%(prog)s RUN [options]",
        description="Repeat the best trial of a run (or another) and prove that it came out the same,\n"
        "or show how the same settings do on other seeds.",
        epilog="examples:\n  python -m studies.rerun runs/NAME\n"
        "  python -m studies.rerun runs/NAME --trial 7 --seeds 10\n",
    )
    parser.add_argument("run", metavar="RUN", help="folder of a run")
    parser.add_argument("--trial", metavar="N", type=whole, help="trial to repeat (the best)")
    seeds = parser.add_mutually_exclusive_group()
    seeds.add_argument("--seed", metavar="S", type=whole, help="train with this seed instead of the trial's own")
    seeds.add_argument("--seeds", metavar="K", type=whole, help="train on K fresh seeds: mean and interval")
    parser.add_argument("-d", "--data", metavar="FILE", help="where the data is now, if it was moved")
    parser.add_argument("-g", "--graph", metavar="FILE", help="where the graph is now, if it was moved")
    parser.add_argument("-o", "--out", metavar="DIR", help="write into this folder (RUN/rerun)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the graph's path")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    add_version(parser)
    return parser


def whole(text: str) -> int:
    """Read a whole number of 0 or more for argparse."""
    if not text.isascii() or not text.isdigit() or int(text[:20]) >= 2**63:
        import argparse

        raise argparse.ArgumentTypeError(f"must be a whole number of 0 or more, got `{text[:40]}`")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    args = build_parser().parse_args(arguments)
    return guarded(lambda: command(args), debug=args.debug)


class Record:
    """What a run folder says of its settings, trials and surroundings.

    Args:
        path: the run folder.
        overrides: settings that say where the data is now.

    Raises:
        RunFolderError: it is not a run folder, or was not read to its end.
    """

    def __init__(self, path: Path, overrides: list[tuple[str, str]]) -> None:
        from sweeps.spec import load_spec

        self.path = path
        for name in NEEDED:
            if not (path / name).is_file():
                hint = meant_inside(path, NEEDED) or "name a folder that a sweep wrote"
                raise RunFolderError(f"{path}: not a run folder, it has no {name}", hint)
        self.spec: SweepSpec = load_spec(str(path / "sweep.yaml"), overrides)
        try:
            self.trials = read_rows((path / "trials.csv").read_bytes().decode())
            self.environment: dict[str, Any] = json.loads((path / "environment.json").read_text(encoding="utf-8"))
            self.sha256 = str(self.environment["data"]["sha256"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            what = "environment.json" if hasattr(self, "trials") else "trials.csv"
            raise RunFolderError(
                f"{path / what}: unreadable ({type(error).__name__})", "was the file edited?"
            ) from error

    def row(self, number: int | None) -> dict[str, Any]:
        """Return the row of a trial, or of the best one."""
        from studies.choice import best_row

        if number is None:
            best = best_row(self.trials, self.spec.search.objective)
            if best is None:
                raise NoResultError(
                    f"{self.path}: no trial was completed, so there is no best one", "name one: --trial N"
                )
            return best
        for row in self.trials:
            if row["number"] == number:
                return row
        last = max((row["number"] for row in self.trials), default=-1)
        raise InputError(f"--trial {number}: the run has no such trial", f"its trials are 0 to {last}")


def command(args: Namespace) -> int:
    """Repeat, or try other seeds."""
    overrides = [(key, value) for key, value in (("data.name", args.data), ("data.graph", args.graph)) if value]
    record = Record(Path(args.run), overrides)
    if args.seeds == 0:
        raise InputError("--seeds must be 1 or more, got 0", "for the trial's own seed leave it out")
    row = record.row(args.trial)
    from studies.data import load_table
    from studies.devices import as_it_is_here

    record.spec = replace(record.spec, backend=as_it_is_here(record.spec.backend))
    table = load_table(record.spec.data)
    from core.data import prepare

    dataset = prepare(table, record.spec.trainer)
    differences = compare_surroundings(record, table, dataset)
    if args.seeds:
        return other_seeds(args, record, row, dataset)
    return once(args, record, row, dataset, differences)


def compare_surroundings(record: Record, table: "Table", dataset: "Dataset") -> list[str]:
    """Return what differs between now and the run: data, versions, threads, processor, device."""
    from studies.artefacts import differences, environment
    from studies.processes import one_thread

    one_thread()
    found = differences(record.environment, environment(record.spec, table, dataset))
    if record.sha256 != table.sha256:
        found.insert(0, f"data sha256 {record.sha256[:12]} then, {table.sha256[:12]} now")
    return found


def train_once(record: Record, row: dict[str, Any], seed: int, dataset: "Dataset") -> "Trained":
    """Train a trial's settings with a seed, alone, for as long as the trial was."""
    from core.config import Hyperparameters
    from studies.confirm import train
    from studies.rounds import Workers
    from sweeps.spec import BackendConfig

    hyper = Hyperparameters(**{name: row[name] for name in record.spec.space})
    own = BackendConfig(jobs=1, device=record.spec.backend.device)
    with Workers(own, dataset, record.spec.trainer, record.spec.search.lanes) as workers:
        return train([(row["number"], seed, hyper)], dataset, workers, row["epochs"])[0]


def once(args: Namespace, record: Record, row: dict[str, Any], dataset: "Dataset", differences: list[str]) -> int:
    """Repeat a trial with one seed, write its graph, and say whether it is the same."""
    from studies.artefacts import as_json, write_trial
    from studies.terminal import announce

    own = args.seed is None or args.seed == row["seed"]
    seed = row["seed"] if args.seed is None else args.seed
    same_all = f"same data (sha256 {record.sha256[:8]}...), torch {record.environment.get('torch')} (same)"
    surroundings = "; ".join(differences) or same_all
    print(f"trial {row['number']}, seed {seed}, {surroundings}", file=sys.stderr)
    trained = train_once(record, row, seed, dataset)
    numbers = {**trained.outcome.numbers}
    failed = trained.log[-1].failed_step >= 0
    same = row["state"] == FAILED if failed else all(numbers[name] == row[name] for name in PROVEN)
    folder = target(args, record) / f"trial-{row['number']}-seed-{seed}"
    written = {**row, **numbers, "seed": seed, "seconds": sum(item.epoch_time for item in trained.log)}
    log = [item._asdict() for item in trained.log]
    write_trial(folder, written, log, trained.lanes, trained.outcome, record.spec, dataset.names)
    print(verdict(row, numbers, own=own, same=same, failed=failed), file=sys.stderr)
    if args.json:
        chosen = {name: numbers[name] for name in PROVEN}
        sys.stdout.write(
            as_json(
                {
                    "trial": row["number"],
                    "seed": seed,
                    "reproduced": same,
                    "differences": differences,
                    **chosen,
                    "folder": str(folder),
                }
            )
        )
    else:
        announce("Graph", str(folder / "adjacency.csv"))
    if own and not same:
        now, then = numbers["weights_hash"], row["weights_hash"]
        raise NoResultError(
            f"trial {row['number']} did not reproduce: weights hash {now}, recorded {then}",
            "; ".join([*differences, *str(record.environment.get("earlier") or "").split("; ")]).strip("; ")
            or "nothing recorded differs: another processor or library build?",
        )
    return 0


def target(args: Namespace, record: Record) -> Path:
    """Return the folder for what a repeat leaves."""
    return Path(args.out) if args.out else record.path / "rerun"


def verdict(row: dict[str, Any], numbers: dict[str, Any], *, own: bool, same: bool, failed: bool) -> str:
    """Say in a line how a repeat came out."""
    if failed:
        return f"failed as recorded: {row['error']}" if same else "failed: its loss is not finite"
    if numbers["val_shd"] is None:
        scores = f"score {numbers['blind_score']:.3f}, {numbers['edge_count']} edges"
    else:
        scores = f"SHD {numbers['val_shd']}, F1 {numbers['val_f1']:.2f}, {numbers['edge_count']} edges"
    if own:
        done = "" if row["state"] in (COMPLETE, FAILED) else f" (pruned at epoch {row['epochs']})"
        outcome = "reproduced exactly" if same else "NOT reproduced"
        return f"{scores}{done}: {outcome}, weights hash {numbers['weights_hash']}"
    if numbers["val_shd"] is None:
        return f"{scores}; the trial's own seed gave {row['blind_score']:.3f}, {row['edge_count']} edges"
    return (
        f"{scores}; the trial's own seed gave SHD {row['val_shd']}, F1 {row['val_f1']:.2f}, {row['edge_count']} edges"
    )


def other_seeds(args: Namespace, record: Record, row: dict[str, Any], dataset: "Dataset") -> int:
    """Train a trial's settings on fresh seeds, as lanes; print mean and interval."""
    from studies.artefacts import as_json
    from studies.confirm import SEED_COLUMNS, confirm, fresh_seeds, summary_of
    from studies.files import write_whole
    from studies.records import write_rows
    from studies.rounds import Workers
    from studies.terminal import announce
    from sweeps.spec import BackendConfig

    seeds = fresh_seeds(record.spec.search.seed, row["number"], args.seeds)
    params = {name: row[name] for name in record.spec.space}
    with Workers(BackendConfig(), dataset, record.spec.trainer) as workers:
        rows = confirm(row["number"], params, seeds, dataset, workers)
    path = target(args, record) / f"trial-{row['number']}-seeds-{args.seeds}" / "seeds.csv"
    write_whole(path, write_rows(rows, SEED_COLUMNS))
    block = summary_of(rows) or {}
    for item in rows:
        scores = f"SHD {item['val_shd']}  F1 {item['val_f1']:.2f}  " if item["val_shd"] is not None else ""
        print(
            f"seed {item['seed']:<11} {scores}score {item['blind_score']:.3f}  edges {item['edge_count']}",
            file=sys.stderr,
        )
    if block.get("shd_mean") is not None:
        known = block["shd_low"] is not None
        spread = f" (95 % interval {block['shd_low']:.1f} to {block['shd_high']:.1f})" if known else ""
        print(f"mean SHD {block['shd_mean']:.1f}{spread}; in the sweep it was {row['val_shd']}", file=sys.stderr)
    if args.json:
        sys.stdout.write(as_json({"trial": row["number"], **block, "file": str(path)}))
    else:
        announce("Seeds", str(path))
    return 0


if __name__ == "__main__":
    end_with(main)
