"""Everything on disk: the folder of a run, its lock, and its records, brought in line with its checkpoint.

Files appear whole, by write-then-rename. The two records are appended to once a round and then named in the
checkpoint, which is written while the next round is trained; on continuing, what the checkpoint does not name is
dropped, so a kill at any moment costs the round in progress, at worst the one before it too, and nothing else. What it
does name it knows by a checksum: records that were edited since, and a checkpoint whose bytes were, are refused. What
is cut off a torn file is kept beside it.
"""

import contextlib
import csv
import fcntl
import json
import os
import socket
import time
from array import array
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from core.errors import RunFolderError
from core.graph_text import edges_of
from core.run_format import check_format
from studies.checkpoint import Saved, as_bytes, read_checkpoint, state_of
from studies.checksums import Checksums
from studies.files import UNREADABLE, check_journal, cut_torn_line, folder_error, keep_torn, write_whole
from studies.later import Later
from studies.records import (
    COMPLETE,
    EPOCH_COLUMNS,
    FAILED,
    PRUNED,
    compress,
    decompress,
    odd_line,
    read_rows,
    trial_columns,
    write_rows,
)

TRIALS, EPOCHS, CHECKPOINT = "trials.csv", "epochs.csv.gz", "checkpoint.pt"
JOURNAL, CHECKSUMS = "study.journal", "checksums.json"


NEEDED = {
    TRIALS: ("number", "state", "seed", "epochs", "val_shd", "val_f1", "val_shd_blind", "blind_score"),
    EPOCHS: ("trial", "epoch", "epoch_time", "val_shd"),
}
"""Columns of a record without which a run cannot go on, beside the swept settings."""


def has_graph(row: dict[str, Any]) -> bool:
    """Tell whether a row's blind graph can be read; a failed trial has none."""
    try:
        return row["state"] == FAILED or len(edges_of(row["blind_edges"])) > 0
    except (ValueError, TypeError, KeyError):
        return False


class RunFolder:
    """One run's folder, locked for this process from `open_run` until `close`.

    finished: numbers of the trials that the last checkpoint says ended. sums: of each record, a checksum of the rows of
    each trial. repairs: what `load` cut off torn files, in words.
    """

    def __init__(self, path: Path, swept: list[str]) -> None:
        self.path = path
        self.swept, self.columns = swept, trial_columns(swept)
        self.finished = array("q")
        self.sums = {name: self.no_sums(name) for name in (TRIALS, EPOCHS)}
        self.repairs: list[str] = []
        self.lock = self.acquire()
        self.later = Later()

    def no_sums(self, name: str) -> Checksums:
        """Return the checksums of a record without rows."""
        return Checksums("number", self.columns) if name == TRIALS else Checksums("trial", EPOCH_COLUMNS)

    def acquire(self) -> int:
        """Take the folder's lock, which the system releases when the process ends, however it ends."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path / "sweep.lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise folder_error(self.path, error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 1000).decode(errors="replace")
            os.close(handle)
            raise in_use(self.path, holder) from None
        holder = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "time": time.time()})
        try:
            os.ftruncate(handle, 0)
            os.write(handle, holder.encode())
        except OSError as error:
            os.close(handle)
            raise folder_error(self.path / "sweep.lock", error) from error
        return handle

    def close(self) -> None:
        """Release the lock, once the last checkpoint is written."""
        self.later.close()
        os.close(self.lock)

    def write(self, name: str, content: bytes | str) -> Path:
        """Write a file of the folder whole; return its path."""
        write_whole(self.path / name, content)
        return self.path / name

    def append(self, trials: list[dict[str, Any]], epochs: list[dict[str, Any]]) -> None:
        """Add a round's rows to the records, once the checkpoint of the round before is written."""
        self.settle()
        self.sums[TRIALS].add(trials)
        self.sums[EPOCHS].add(epochs)
        try:
            if trials:
                new = not (self.path / TRIALS).exists()
                with open(self.path / TRIALS, "a", encoding="utf-8") as file:
                    file.write(write_rows(trials, self.columns, header=new))
            if epochs:
                new = not (self.path / EPOCHS).exists()
                with open(self.path / EPOCHS, "ab") as binary:
                    binary.write(compress(write_rows(epochs, EPOCH_COLUMNS, header=new)))
        except OSError as error:
            raise folder_error(self.path, error) from error

    def rewrite(self, trials: list[dict[str, Any]], epochs: list[dict[str, Any]]) -> None:
        """Write both records whole and in order: by trial, then by epoch."""
        self.settle()
        ordered = sorted(trials, key=lambda row: int(row["number"]))
        self.write(TRIALS, write_rows(ordered, self.columns))
        by_epoch = sorted(epochs, key=lambda row: (int(row["trial"]), int(row["epoch"])))
        self.write(EPOCHS, compress(write_rows(by_epoch, EPOCH_COLUMNS)))

    def checkpoint(self, saved: Saved) -> None:
        """Save the live lanes and name the finished trials, while the next round is trained; `settle` waits for it.

        A kill before it is written costs one round more, as the records of the next one are not written before.
        """
        self.finished.extend(row["number"] for row in saved.trials[len(self.finished) :])
        state = state_of(saved, self.finished, self.sums)
        self.later.begin(lambda: write_whole(self.path / CHECKPOINT, as_bytes(state)))

    def settle(self) -> None:
        """Wait until the last checkpoint is written.

        Raises:
            RunFolderError: it could not be.
        """
        self.later.settle()

    def write_checksums(self, finished: Iterable[int]) -> None:
        """Write the checksums of the rows of ended trials, for readers that cannot open the checkpoint."""
        chosen = sorted(finished)
        known = {name: {f"{trial}": f"{sums[trial]:014x}" for trial in chosen} for name, sums in self.sums.items()}
        self.write(CHECKSUMS, json.dumps(known) + "\n")

    def load(self) -> Saved | None:
        """Return what an earlier process left, with the records brought in line; None for a new run.

        Raises:
            RunFolderError: the checkpoint cannot be read, or is of a newer format.
        """
        self.settle()
        check_format(self.path)
        check_journal(self.path / JOURNAL)
        path = self.path / CHECKPOINT
        if not path.exists():
            self.begin_anew()
            return None
        found = read_checkpoint(path, list(self.sums))
        trials, epochs = self.read_records(found.finished, found.reached, found.sums)
        self.note_repair(JOURNAL, cut_torn_line(self.path / JOURNAL))
        for name in (TRIALS, EPOCHS):
            self.note_repair(name, keep_torn(self.path / name))
        self.rewrite(trials, epochs)
        return Saved(trials, epochs, found.live, found.lanes, found.best, found.attributes, found.search_seconds)

    def begin_anew(self) -> None:
        """Drop what a first round that was cut off has left.

        Raises:
            RunFolderError: there is more than that, so the checkpoint is gone.
        """
        rounds = Counter(row["trial"] for row in self.rows(EPOCHS, "epoch"))
        try:
            ended = int(json.loads((self.path / "summary.json").read_text(encoding="utf-8"))["trials"])
        except UNREADABLE:
            ended = 0
        if ended or max(rounds.values(), default=0) > 1:
            raise RunFolderError(
                f"{self.path / CHECKPOINT}: gone, and the folder holds trials that cannot go on without it",
                "put the file back, or start anew with --fresh",
            )
        for name in (TRIALS, EPOCHS):
            (self.path / name).unlink(missing_ok=True)

    def check_sums(self, name: str, rows: list[dict[str, Any]], sums: dict[str, dict[int, int]] | None) -> None:
        """Take the checksums of a record's rows, once they are those of the checkpoint.

        Args:
            name: of the record; rows: of it.
            sums: what the checkpoint has; None where an earlier version kept none.

        Raises:
            RunFolderError: a row is not as it was written; the files stay as they are.
        """
        found = self.no_sums(name)
        found.add(rows)
        changed = [] if sums is None else [number for number in found if found[number] != sums[name].get(number)]
        if changed:
            raise RunFolderError(
                f"{self.path / name}: trial {min(changed)} is not as the run wrote it",
                "put the file back as it was, or start anew with --fresh",
            )
        self.sums[name] = found

    def note_repair(self, name: str, kept: Path | None) -> None:
        """Note that a file was repaired, if anything was kept of what was cut off."""
        if kept is not None:
            self.repairs.append(f"{self.path / name}: was torn or not whole; repaired, what it was is in {kept.name}")

    def read_records(
        self, finished: set[int], reached: dict[int, int], sums: dict[str, dict[int, int]] | None
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Read the rows that the checkpoint knows of; those of a round that was cut off are left out.

        Args:
            finished: numbers of the trials that ended.
            reached: number of a live trial -> epochs it has done.
            sums: the checkpoint's checksums, by record and trial; None where it has none.

        Raises:
            RunFolderError: rows that the checkpoint knows of are gone or others; the files stay as they are.
        """
        trials = [row for row in self.rows(TRIALS, "number") if row["number"] in finished]
        known = {row["number"] for row in trials} == finished and len(trials) == len(finished)
        if not known or not all(self.sound(row) for row in trials):
            raise self.damaged(TRIALS)
        self.check_sums(TRIALS, trials, sums)
        last = {**{row["number"]: row["epochs"] for row in trials}, **reached}
        epochs = [row for row in self.rows(EPOCHS, "epoch") if row["epoch"] <= last.get(row["trial"], -1)]
        seen: dict[int, list[int]] = {number: [] for number, epoch in last.items() if epoch > 0}
        for row in epochs:
            seen[row["trial"]].append(row["epoch"])
        for number, steps in seen.items():
            if not steps or min(steps) < 1 or sorted(steps) != list(range(min(steps), last[number] + 1, min(steps))):
                raise self.damaged(EPOCHS)
        self.check_sums(EPOCHS, epochs, sums)
        return trials, epochs

    def sound(self, row: dict[str, Any]) -> bool:
        """Tell whether a finished trial's row has all that continuing needs of it."""
        numbers = (row["seed"], row["epochs"], *(row[name] for name in self.swept))
        scores = [row[name] is None for name in ("val_shd", "val_f1", "val_shd_blind")]
        whole = row["state"] == FAILED or (len(set(scores)) == 1 and row["blind_score"] is not None)
        return row["state"] in (COMPLETE, PRUNED, FAILED) and None not in numbers and whole and has_graph(row)

    def rows(self, name: str, key: str) -> list[dict[str, Any]]:
        """Read a record's rows, a torn last one left out."""
        path = self.path / name
        try:
            data = path.read_bytes() if path.exists() else b""
            text = decompress(data) if name.endswith(".gz") else data.decode(errors="replace")
            rows = read_rows(text)
            needed = (*NEEDED[name], *(self.swept if name == TRIALS else ()))
            whole = all(isinstance(row[key], int) for row in rows)
            if not whole or any(column not in row for row in rows[:1] for column in needed):
                raise self.damaged(name)
        except (OSError, ValueError, KeyError, csv.Error) as error:
            raise self.damaged(name) from error
        return rows

    def damaged(self, name: str) -> RunFolderError:
        """Say that a record has lost what it once had, and where it is no table."""
        line = None
        with contextlib.suppress(OSError):
            data = (self.path / name).read_bytes()
            line = odd_line(decompress(data) if name.endswith(".gz") else data.decode(errors="replace"))
        where = f" (line {line} is no row)" if line is not None else ""
        return RunFolderError(
            f"{self.path / name}: rows of earlier rounds are gone or unreadable{where}", "start anew with --fresh"
        )


def in_use(path: Path, holder: str) -> RunFolderError:
    """Say who uses a run folder."""
    try:
        owner = json.loads(holder)
        newest = max(file.stat().st_mtime for file in path.iterdir() if file.is_file())
        who = f"process {owner['pid']} on {owner['host']} (last write {max(0, time.time() - newest):.0f} s ago)"
    except (ValueError, KeyError, TypeError, OSError):
        who = "another process"
    return RunFolderError(f"{path} is in use by {who}", "wait for it, or start a separate run with --fresh")
