"""Whether the records of a run are as the run wrote them: a changed digit looks like any other number.

A run leaves `checksums.json`: for each record and each trial that has ended, the sum of the BLAKE2b digests (7
bytes) of its rows, modulo 2^56, in hex. The sweep compares the same sums, from its checkpoint, before it goes on.
"""

import csv
import gzip
import hashlib
import io
import json
import zlib
from pathlib import Path

CHECKSUMS = "checksums.json"
RECORDS = {"trials.csv": "number", "epochs.csv.gz": "trial"}
"""Record -> the column with the trial's number."""


def altered(folder: Path) -> list[str]:
    """Say which records of a run folder are not as the run wrote them, one line each.

    Trials that ended since the checksums were written are not judged, as of a run that goes on. Folders without
    checksums (of earlier versions, suites, stability studies) have nothing to compare with.
    """
    path, lines = folder / CHECKSUMS, []
    if not path.exists():
        return []
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        for name, key in RECORDS.items():
            found = sums(folder / name, key)
            others = sorted(int(trial) for trial, value in known[name].items() if found.get(int(trial)) != value)
            if others:
                which = f"trial {others[0]} is" if len(others) == 1 else f"{len(others)} trials, {others[0]} first, are"
                lines.append(f"{folder / name}: {which} not as the run wrote it; the page shows what stands there now")
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, RecursionError, zlib.error, csv.Error):
        return [f"{path}: cannot be compared with the records, which may or may not be as the run wrote them"]
    return lines


def sums(path: Path, key: str) -> dict[int, str]:
    """Return the checksum of each trial's rows in a record, as 14 hex digits; rows may stand in any order."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
    lines = csv.reader(io.StringIO(text))
    place = next(lines, []).index(key)
    totals: dict[int, int] = {}
    for line in lines:
        written = io.StringIO()
        csv.writer(written, lineterminator="\n").writerow(line)  # line ends of another system are no change
        digest = hashlib.blake2b(written.getvalue().encode(), digest_size=7).digest()
        trial = int(line[place])
        totals[trial] = (totals.get(trial, 0) + int.from_bytes(digest)) % 2**56
    return {trial: f"{total:014x}" for trial, total in totals.items()}
