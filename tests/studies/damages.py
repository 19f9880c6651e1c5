"""Everything that can be wrong with a run's folder when it is continued: one table of cases.

A case is repaired, and then gives the records of the undisturbed run, or refused with exit code 3 and left as it
is; in both ways every finished trial is still there.
"""

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from studies.records import compress, decompress

Harm = Callable[[Path], object]


class Damage(NamedTuple):
    """A case: its name, what is done to the folder, the exit code, and what must be said."""

    name: str
    harm: Harm
    code: int
    says: str = ""


def put(name: str, content: bytes) -> Harm:
    """Replace a file."""

    def change(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)

    return change


def gone(*names: str) -> Harm:
    """Remove files."""
    return lambda folder: [(folder / name).unlink() for name in names]


def add(name: str, tail: bytes) -> Harm:
    """Lengthen a file."""
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes() + tail)


def before(name: str, head: bytes) -> Harm:
    """Put something before a file's first byte."""
    return lambda folder: (folder / name).write_bytes(head + (folder / name).read_bytes())


def cut(name: str, count: int) -> Harm:
    """Shorten a file."""
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-count])


def edit(name: str, change: Callable[[str], str]) -> Harm:
    """Change the text of a record."""

    def apply(folder: Path) -> None:
        path = folder / name
        text = decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes().decode()
        changed = change(text)
        assert changed != text
        path.write_bytes(compress(changed) if path.suffix == ".gz" else changed.encode())

    return apply


def cells(column: str, change: Callable[[str], str]) -> Callable[[str], str]:
    """Change the first filled cell of a column."""

    def apply(text: str) -> str:
        lines = [line.split(",") for line in text.splitlines()]
        place = lines[0].index(column)
        row = next(row for row in lines[1:] if row[place] and row[1] != "failed")
        row[place] = change(row[place])
        return "\n".join(map(",".join, lines)) + "\n"

    return apply


def more(cell: str) -> str:
    """The next whole number."""
    return str(int(cell) + 1)


def tensor_byte(folder: Path) -> None:
    """Change one byte in the middle of the largest tensor of the checkpoint."""
    path = folder / "checkpoint.pt"
    data = bytearray(path.read_bytes())
    state = torch.load(path, weights_only=True)
    largest = max(state["lanes"], key=lambda tensor: tensor.numel())
    at = bytes(data).index(largest.numpy().tobytes()) + largest.numel() * largest.element_size() // 2
    data[at] ^= 64
    path.write_bytes(bytes(data))


class Command:
    """What a pickle can ask for when it is read."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        """Let whoever reads this make a file."""
        return os.system, ("touch taken-over",)


def hostile(folder: Path) -> None:
    """Let the checkpoint be one that runs a command where it is loaded in full trust."""
    torch.save({"format": 1, "lanes": Command()}, folder / "checkpoint.pt")


def garbled(folder: Path) -> None:
    """Put a line of garbage between the journal's second and third."""
    path = folder / "study.journal"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b'{"op_code": 99}\n', *lines[2:]]))


def newer(folder: Path) -> None:
    """Let the folder be of a newer graphsweep."""
    path = folder / "environment.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "graphsweep": "9.1", "format": 2}))


def without_sums(folder: Path) -> None:
    """Let the checkpoint be of the first version, which kept no checksums."""
    state = torch.load(folder / "checkpoint.pt", weights_only=True)
    del state["sums"], state["version"]
    torch.save(state, folder / "checkpoint.pt")


def lines_of(change: Callable[[list[str]], list[str]]) -> Callable[[str], str]:
    """Change a text by its lines, the header apart."""

    def apply(text: str) -> str:
        header, *lines = text.splitlines()
        return "\n".join([header, *change(lines)]) + "\n"

    return apply


def exchanged(lines: list[str]) -> list[str]:
    """Give the first two trials each other's number."""
    (one, first), (two, second) = (line.split(",", 1) for line in lines[:2])
    return [f"{two},{first}", f"{one},{second}", *lines[2:]]


trials_csv, epochs_csv = partial(edit, "trials.csv"), partial(edit, "epochs.csv.gz")
TRIALS_KEPT, EPOCHS_KEPT = ("trials.csv.torn", "epochs.csv.gz.torn")
EDITED = "is not as the run wrote it"
LOST_TRIALS, LOST_EPOCHS = (f"{name}: rows of earlier rounds are gone" for name in ("trials.csv", "epochs.csv.gz"))
TORN = "was torn or not whole; repaired, what it was is in"
TEXT = b"8,complete,12"
DAMAGES = [
    Damage("journal cut in a line", cut("study.journal", 20), 0, f"study.journal: {TORN} study.journal.torn"),
    Damage("journal with a garbage tail", add("study.journal", b"\0\xffgarbage"), 0, f"study.journal: {TORN}"),
    Damage("journal with a garbage line", add("study.journal", b"garbage\n"), 3, "is not of an Optuna journal"),
    Damage(
        "journal with a garbage first line", before("study.journal", b"x\n"), 3, "line 1 is not of an Optuna journal"
    ),
    Damage("journal with a killed process's lock", put("study.journal.lock", b""), 0),
    Damage("journal with garbage in the middle", garbled, 3, "study.journal: line 3 is not of an Optuna journal"),
    Damage("journal gone", gone("study.journal"), 0),
    Damage("trials.csv with a torn row", add("trials.csv", TEXT), 0, f"{TORN} {TRIALS_KEPT}"),
    Damage("trials.csv with a garbage tail", add("trials.csv", b"\0\xff\xfe"), 0, f"{TORN} {TRIALS_KEPT}"),
    Damage("trials.csv with a short row", add("trials.csv", TEXT + b"\n"), 0, f"{TORN} {TRIALS_KEPT}"),
    Damage("trials.csv with line ends of Windows", trials_csv(lambda text: text.replace("\n", "\r\n")), 0),
    Damage("trials.csv in another order", trials_csv(lines_of(lambda rows: rows[::-1])), 0),
    Damage(
        "trials.csv with garbage in the middle",
        trials_csv(lines_of(lambda rows: [rows[0], "\0garbage", *rows[2:]])),
        3,
        f"{LOST_TRIALS} or unreadable (line 3 is no row)",
    ),
    Damage("trials.csv gone", gone("trials.csv"), 3, LOST_TRIALS),
    Damage("trials.csv empty", put("trials.csv", b""), 3, LOST_TRIALS),
    Damage("trials.csv without a row", trials_csv(lines_of(lambda rows: rows[1:])), 3, LOST_TRIALS),
    Damage("trials.csv with a row twice", trials_csv(lines_of(lambda rows: [*rows, rows[0]])), 3, LOST_TRIALS),
    Damage("trials.csv with two numbers exchanged", trials_csv(lines_of(exchanged)), 3, EDITED),
    *(
        Damage(f"trials.csv with another {name}", trials_csv(cells(name, change)), 3, EDITED)
        for name, change in {
            "val_shd": more,
            "val_f1": lambda cell: cell[:-1] + "1",
            "lr": lambda cell: cell[:-1],
            "blind_score": lambda cell: cell[:-1],
            "seed": more,
            "weights_hash": lambda cell: cell[::-1],
            "seconds": lambda cell: cell + "1",
        }.items()
    ),
    Damage("epochs.csv.gz cut", cut("epochs.csv.gz", 40), 3, "epochs.csv.gz: "),
    Damage("epochs.csv.gz with a garbage tail", add("epochs.csv.gz", b"garbage"), 0, f"{TORN} {EPOCHS_KEPT}"),
    Damage(
        "epochs.csv.gz with a torn part",
        add("epochs.csv.gz", compress("9,2,1.5\n" * 9)[:-9]),
        0,
        f"{TORN} {EPOCHS_KEPT}",
    ),
    Damage("epochs.csv.gz with another val_shd", epochs_csv(cells("val_shd", more)), 3, EDITED),
    Damage("epochs.csv.gz with another loss", epochs_csv(cells("train_loss", lambda cell: cell[:-1])), 3, EDITED),
    Damage("epochs.csv.gz gone", gone("epochs.csv.gz"), 3, LOST_EPOCHS),
    Damage("epochs.csv.gz no gzip", put("epochs.csv.gz", b"no gzip"), 3, LOST_EPOCHS),
    Damage("checkpoint gone", gone("checkpoint.pt"), 3, "checkpoint.pt: gone, and the folder holds trials"),
    Damage("checkpoint empty", put("checkpoint.pt", b""), 3, "checkpoint.pt: unreadable"),
    Damage("checkpoint a pickle", put("checkpoint.pt", b"\x80\x04\x95."), 3, "checkpoint.pt: unreadable"),
    Damage("checkpoint that runs a command", hostile, 3, "checkpoint.pt: unreadable"),
    Damage("checkpoint cut", cut("checkpoint.pt", 100), 3, "checkpoint.pt: unreadable"),
    Damage("checkpoint with another weight", tensor_byte, 3, "checkpoint.pt: unreadable"),
    Damage("checkpoint without checksums", without_sums, 0),
    Damage("a newer format", newer, 3, "written by graphsweep 9.1 (format 2), this is"),
    Damage("environment.json garbage", put("environment.json", b"\0{"), 0),
    Damage("sweep.yaml garbage", put("sweep.yaml", b"\0: ["), 0),
    Damage("summary.json garbage", put("summary.json", b"{" * 5000), 0),
    Damage("confirm/trained.pt garbage", put("confirm/trained.pt", b"PK\x03\x04"), 0),
    Damage("sweep.lock garbage", put("sweep.lock", b"\0\xff"), 0),
    Damage("a half written file", put(".trials.csv.part", b"number,sta"), 0),
]
