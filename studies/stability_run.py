"""The variants of a stability study on worker processes; each that ends is kept, so a kill costs those in progress."""

import json
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import joblib
import numpy as np
import yaml
from joblib.externals.loky.process_executor import BrokenProcessPool

from core.baselines import baseline_rows
from core.data import prepare
from core.processors import cores
from core.tables import Table
from studies.artefacts import as_json, machine
from studies.lines import count, data_line
from studies.processes import in_worker, leave_ctrl_c, one_thread
from studies.records import compress, decompress, write_rows
from studies.rounds import ATTEMPTS
from studies.run_folder import RunFolder
from studies.stability_train import (
    EPOCH_COLUMNS,
    STEP_COLUMNS,
    VARIANT_COLUMNS,
    Piece,
    Trained,
    train_piece,
)
from studies.terminal import Terminal
from sweeps.config import AUTO
from sweeps.stability_spec import OWN, StabilitySpec, Variant

FORMAT = 1
STOP = ".stop"
"""Name of the file whose presence asks the workers to stop."""


class StabilityRun:
    """One run of a stability study in its folder.

    Args:
        spec: what is run. table: the data. folder: the study's, locked.
        stopped: tells whether a signal has come.
        quiet: say nothing.
    """

    def __init__(
        self, spec: StabilitySpec, table: Table, folder: RunFolder, stopped: Callable[[], bool], *, quiet: bool
    ) -> None:
        self.spec, self.table, self.folder, self.stopped = spec, table, folder, stopped
        self.say = Terminal(0, quiet=quiet, verbose=False, log=folder.path / "stability.log").say
        self.variants = spec.variants()
        self.done: dict[str, Trained] = {}
        self.ran = 0
        one_thread()

    def run(self) -> None:
        """Train what is missing, and keep each variant as it ends."""
        self.say(data_line(self.spec.study, self.table, self.spec.seeds[0]))
        self.say(f"variants   {count(len(self.variants), 'variant')} x {count(len(self.spec.seeds), 'seed')}")
        self.say(f"folder     {self.folder.path}")
        self.done = {variant.key: found for variant in self.variants if (found := self.kept(variant)) is not None}
        left = [variant for variant in self.variants if variant.key not in self.done]
        if self.done and left:
            self.say(f"continuing {len(self.done)} of {len(self.variants)} done")
        for variant, trained in self.trained(left):
            self.folder.write(part_name(variant), compress(json.dumps(trained._asdict())))
            self.done[variant.key] = trained
            self.ran += 1
            self.say(f"{len(self.done):>3}/{len(self.variants)} {self.line(variant, trained)}")

    def kept(self, variant: Variant) -> Trained | None:
        """Return a variant that an earlier command trained; None where it is missing or torn."""
        try:
            found = json.loads(decompress((self.folder.path / part_name(variant)).read_bytes()))
            return Trained(**found)
        except (OSError, ValueError, TypeError):
            return None

    def trained(self, left: list[Variant]) -> Iterator[tuple[Variant, Trained]]:
        """Train variants on the workers and give each as it ends; a lost worker costs a repeat of what it had."""
        waiting = {variant.key: variant for variant in left}
        for attempt in range(ATTEMPTS):
            try:
                for key, trained in self.pool(list(waiting.values())):
                    if trained is not None:
                        yield waiting.pop(key), trained
                return
            except BrokenProcessPool:
                if attempt == ATTEMPTS - 1 or self.stopped():
                    raise

    def pool(self, left: list[Variant]) -> Iterator[tuple[str, Trained | None]]:
        """Give what the workers return, in the order in which they end; one job works here."""
        jobs = min(self.spec.backend.jobs or cores(), max(1, len(left)))
        pieces = [Piece(variant, self.spec.seeds, self.table, self.folder.path / STOP) for variant in left]
        if jobs == 1:
            yield from (keyed(piece) for piece in pieces if not self.stopped())
            return
        name = self.spec.backend.name
        pool = joblib.Parallel(  # most of its work is Python's, which threads would do in turns
            n_jobs=jobs, backend="loky" if name == AUTO else name, batch_size=1, max_nbytes=None, pre_dispatch=jobs,
            return_as="generator_unordered",
        )  # fmt: skip
        calls = [joblib.delayed(in_worker)(keyed, piece) for piece in pieces]
        with ThreadPoolExecutor(1, initializer=leave_ctrl_c) as caller:  # whose children never see a Ctrl-C
            yield from caller.submit(pool, calls).result()

    def line(self, variant: Variant, trained: Trained) -> str:
        """Say in one line how a variant went."""
        rows = [dict(zip(VARIANT_COLUMNS, row, strict=True)) for row in csv_rows(trained.variants)]
        parts = []
        norms, scores = numbers(rows, "max_grad_norm"), numbers(rows, "val_f1")
        failed = sum(row["state"] == "failed" for row in rows)
        if norms:
            parts.append(f"largest gradient norm {max(norms):.3g}")
        clips = [numbers(rows, f"grad_clip_ratio_{n}") for n in range(1, 5)]
        if all(clips):
            parts.append("clip " + " ".join(f"{100 * np.mean(clip):.1f}" for clip in clips) + " %")
        if scores:
            parts.append(f"F1 {np.mean(scores):.2f}")
        parts += [f"{count(failed, 'seed')} diverged"] if failed else []
        return f"{variant.family}, {variant.label}: {', '.join(parts) or 'nothing kept'}, {trained.seconds:.1f} s"

    def write(self) -> dict[str, Any]:
        """Write all records as far as the study has come; return summary.json."""
        found = [self.done[variant.key] for variant in self.variants if variant.key in self.done]
        records = (
            ("variants.csv", VARIANT_COLUMNS, [item.variants for item in found]),
            ("epochs.csv.gz", EPOCH_COLUMNS, [item.epochs for item in found]),
            ("steps.csv.gz", STEP_COLUMNS, [item.steps for item in found]),
        )
        for name, columns, parts in records:
            text = write_rows([], columns) + "".join(parts)
            self.folder.write(name, compress(text) if name.endswith(".gz") else text)
        settings = yaml.safe_dump(self.spec.to_dict(), sort_keys=False, allow_unicode=True)
        self.folder.write("stability.yaml", settings)
        self.folder.write("environment.json", as_json(environment(self.table)))
        facts = self.facts(found)
        self.folder.write("summary.json", as_json(facts))
        from reports.stability_folder import load_stability_folder
        from reports.stability_results import bought
        from reports.stability_standing import sentences

        study = load_stability_folder(self.folder.path)
        summary = {**facts, "sentences": sentences(study), "bought": bought(study)}
        self.folder.write("summary.json", as_json(summary))
        return summary

    def facts(self, found: list[Trained]) -> dict[str, Any]:
        """Return what is known beside the records: labels, the data, and what chance and doing nothing give."""
        table, spec = self.table, self.spec
        own = next((family for family in spec.families if not family.measures), spec.families[-1])
        reference = []
        if table.truth is not None:
            config = own.trainer
            rows = {row["name"]: row for row in baseline_rows(prepare(table, config), config, 1, table)}
            reference = [{**rows[name], "seconds": None} for name in ("empty", "chance_floor")]
        return {
            "format": FORMAT,
            "study": spec.study,
            "dataset": table.name,
            "seeds": list(spec.seeds),
            "variants": len(self.variants),
            "finished": len(found),
            "train_seconds": round(math.fsum(item.seconds for item in found), 1),
            "true_edge_count": None if table.truth is None else int(table.truth.sum()),
            "references": reference,
            "report": str(self.folder.path / "report.html"),
            "measures": [{"name": item.name, "label": item.label} for item in spec.measures],
            "families": [
                {
                    "name": item.name, "label": item.label, "measures": item.measures,
                    "epochs": item.trainer.epochs, "architecture": item.trainer.architecture,
                }
                for item in spec.families
            ],
            "labels": [
                {
                    "family": item.family, "variant": item.name, "kind": item.kind, "measure": item.measure,
                    "label": item.label, "clip_norm": item.trainer.clip_norm,
                }
                for item in self.variants
            ],
        }  # fmt: skip


def part_name(variant: Variant) -> str:
    """Return the name of the file that keeps a finished variant."""
    return f"variants/{variant.key}.json.gz"


def keyed(piece: Piece) -> tuple[str, Trained | None]:
    """Train a variant and return it with its name."""
    return piece.variant.key, train_piece(piece)


def csv_rows(text: str) -> list[list[str]]:
    """Return the rows of CSV text."""
    import csv
    import io

    return list(csv.reader(io.StringIO(text)))


def numbers(rows: list[dict[str, str]], name: str) -> list[float]:
    """Return a column's numbers, blanks left out."""
    return [float(row[name]) for row in rows if row[name] != ""]


def environment(table: Table) -> dict[str, Any]:
    """Return what a repeat must match: versions, processor, threads, and the data's digest and shape."""
    return {
        **machine(),
        "data": {
            "source": table.source,
            "sha256": table.sha256,
            "rows": len(table.values),
            "variables": list(table.names),
            "missing_share": float(np.isnan(table.values).mean()),
            "true_edge_count": None if table.truth is None else int(table.truth.sum()),
        },
    }


def estimate(spec: StabilitySpec, table: Table) -> dict[str, float]:
    """Time two epochs of one variant of each family; return the seconds that a variant of it takes."""
    from dataclasses import replace

    from studies.stability_train import Course

    one_thread()
    found: dict[str, float] = {}
    for variant in spec.variants():
        if variant.family in found or variant.kind not in ("after", OWN):
            continue
        config = replace(variant.trainer, evaluate_every=1)
        course = Course(variant, config, spec.seeds, prepare(table, config))
        times = []
        for _ in range(2):
            begin = time.perf_counter()
            course.advance()
            times.append(time.perf_counter() - begin)
        found[variant.family] = times[-1] * variant.trainer.epochs
    return found
