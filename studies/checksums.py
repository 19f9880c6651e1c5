"""Checksums of the rows of each trial: by them a run knows its records again."""

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from studies.records import write_rows


class Checksums(Mapping[int, int]):
    """For each trial a checksum of its rows in a record, in any order; the same for rows that are read back.

    key: the column with a trial's number; columns: what is written of a row. numbers, sums: all of them, in the order
    in which trials came: in one piece, which a checkpoint copies every round, however many trials there are.
    """

    def __init__(self, key: str, columns: Sequence[str]) -> None:
        self.key, self.columns = key, columns
        self.numbers, self.sums = array("q"), array("q")
        self.places: dict[int, int] = {}

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        """Add rows to the checksums of their trials."""
        for row in rows:
            text = write_rows([row], self.columns, header=False)
            digest = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest())
            number = int(row[self.key])
            place = self.places.setdefault(number, len(self.sums))
            if place == len(self.sums):
                self.numbers.append(number)
                self.sums.append(0)
            self.sums[place] = (self.sums[place] + digest) % 2**56

    def __getitem__(self, number: int) -> int:
        """Return the checksum of a trial's rows."""
        return self.sums[self.places[number]]

    def __iter__(self) -> Iterator[int]:
        """Iterate over the numbers of the trials."""
        return iter(self.numbers)

    def __len__(self) -> int:
        """Return how many trials have rows."""
        return len(self.numbers)
