"""What a comparison says first: what differs, which run does better and whether that can be said, what graphs share."""

from dataclasses import dataclass

import numpy as np

from reports.answer import GOOD, answer
from reports.blocks import TableBlock
from reports.headline import headline
from reports.run import number
from reports.scores import Fresh, fresh_blind, fresh_seeds, scale_of
from reports.several import Member, Overlay, same_cut, same_data
from reports.wording import count, decimals, either, listing, shd

MOST_NAMED = 4


@dataclass(frozen=True)
class Standing:
    """One run's SHD to compare by: a mean over fresh seeds with its interval, or the sweep's own number."""

    letter: str
    value: float
    fresh: Fresh | None


def sentences(members: tuple[Member, ...], differing: TableBlock, found: Overlay | str) -> tuple[str, str, str]:
    """Write the three sentences."""
    return _setting(members, differing), _better(members), _graphs(found)


def _setting(members: tuple[Member, ...], differing: TableBlock) -> str:
    runs = count(len(members), "run")
    data = "the same data" if same_data(members) else "different data"
    if all(member.run.data.get("sha256") is None for member in members):
        data = "data whose identity was not recorded"
    names = [row[0] for row in differing.rows if row[0] not in ("data set", "data sha256")]
    if not names:
        return f"{runs} on {data}; nothing else that was recorded of them differs."
    shown = [*names[:MOST_NAMED], *([f"{len(names) - MOST_NAMED:,} more"] if len(names) > MOST_NAMED else [])]
    return f"{runs} on {data}; they differ in {listing(shown)}."


def _better(members: tuple[Member, ...]) -> str:
    """Say which run has the lowest SHD, where SHDs of the runs mean the same; else why they do not."""
    lost = [member.letter for member in members if member.run.best is None]
    if lost:
        return f"No trial of {listing(lost)} completed, so there is nothing to compare by."
    unknown = [member.letter for member in members if not member.run.has_truth]
    if unknown:
        whose = "either run" if len(members) == len(unknown) == 2 else listing(unknown, "or")
        return f"Without a true graph of {whose} no accuracy tells which run is better."
    if not same_data(members):
        good = [member.letter for member in members if answer(member.run).verdict == GOOD]
        told = f"{listing(good)} {either(len(good), 'does', 'do')}" if good else "none does"
        return (
            "Their SHDs are distances to different true graphs or on different data and say little about each other; "
            f"what can be compared is whether a run beats all of its own references: {told}."
        )
    return _ranked(members)


def _ranked(members: tuple[Member, ...]) -> str:
    alike = same_cut(members)
    found = [_standing(member, blind=not alike) for member in members]
    where = "" if alike else "At the cut that never saw the true graph (some of the runs tuned theirs on it), "
    if any(not np.isfinite(one.value) for one in found):
        return "Not all runs recorded an SHD at the same kind of cut, so no number ranks them."
    fresh = all(one.fresh is not None for one in found)
    if not fresh:
        found = [
            Standing(one.letter, _own(member, blind=not alike), None)
            for one, member in zip(found, members, strict=True)
        ]
    found.sort(key=lambda one: (round(one.value, 6), one.letter))
    best, others = found[0], found[1:]
    where += "on fresh seeds" if fresh else "in the sweeps"
    where = where[0].upper() + where[1:]
    level = [one.letter for one in found if round(one.value - best.value, 6) == 0]
    told = "; ".join(f"{one.letter} {_written(one)}" for one in found)
    if len(level) == len(found):
        return f"{where} all have the same SHD: {told}.{_caution(fresh)}"
    first = f"{listing(level)} {either(len(level), 'has', 'have')} the lowest SHD: {told}"
    if not fresh:
        return f"{where} {first}.{_caution(fresh)}"
    close = [one.letter for one in others if one.letter not in level and _overlap(best, one)]
    apart = "no interval of another overlaps the lowest one's"
    if close:
        whose = f"{either(len(close), 'interval', 'intervals')} of {listing(close)}"
        apart = f"the {whose} {either(len(close), 'overlaps', 'overlap')} that of {best.letter}: treat them as equal"
    elif not _known(best) or not all(_known(one) for one in others):
        apart = "not all have an interval, so chance may be all of the difference"
    return f"{where} {first}; {apart}."


def _caution(fresh: bool) -> str:
    return (
        "" if fresh else " Not all were run again on fresh seeds, and a sweep's own number is the best of many: lucky."
    )


def _standing(member: Member, *, blind: bool) -> Standing:
    fresh = fresh_blind(member.run) if blind and scale_of(member.run).oracle else fresh_seeds(member.run)
    return Standing(member.letter, fresh.shd.mean if fresh is not None else _own(member, blind=blind), fresh)


def _own(member: Member, *, blind: bool) -> float:
    """Give the sweep's own SHD; of an oracle sweep among blind ones, its blind pick's."""
    head = headline(member.run)
    if blind and scale_of(member.run).oracle:
        return number(member.run.summary.get("blind"), "val_shd_blind")
    return head.shd if head is not None else float("nan")


def _written(one: Standing) -> str:
    if one.fresh is None:
        return shd(one.value)
    around = f" ({decimals(one.fresh.shd.low, 1)} to {decimals(one.fresh.shd.high, 1)})" if _known(one) else ""
    return f"{decimals(one.value, 1)}{around}"


def _known(one: Standing) -> bool:
    return one.fresh is not None and one.fresh.interval


def _overlap(one: Standing, other: Standing) -> bool:
    """Whether two 95 % intervals overlap; intervals that were not recorded are not said to."""
    if one.fresh is None or other.fresh is None or not _known(one) or not _known(other):
        return False
    return one.fresh.shd.low <= other.fresh.shd.high and other.fresh.shd.low <= one.fresh.shd.high


def _graphs(found: Overlay | str) -> str:
    if isinstance(found, str):
        return found
    total = int((found.votes > 0).sum())
    if not total:
        return "None of the best graphs has an edge."
    everyone = "both" if len(found.members) == 2 else "all"
    parts = [f"{found.having('all'):,} {either(found.having('all'), 'is', 'are')} in {everyone}"]
    parts += [f"{found.having('some'):,} in some"] if len(found.members) > 2 else []
    parts.append(f"{found.having('one'):,} in one only")
    text = f"Together the best graphs have {count(total, 'edge')}: {listing(parts)}"
    if found.truth is not None:
        shared = sum(found.kind(i, j) == "all" for i, j in np.argwhere(found.truth).tolist())
        right = int((found.truth & (found.votes > 0)).sum())
        text += f"; {shared:,} of those in {everyone} are true, {right - shared:,} of the others"
    return f"{text}."
