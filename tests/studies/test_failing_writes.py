"""Laws of writes that fail: SQLite's method. The n-th write finds the disk full, n = 1, 2, ..., up to the last one."""

import re

import pytest
from commands import ALL_STATES, WarmProcess, ended, only, results
from tally import keep, tried

WORDS = (*ALL_STATES, "-q", "-n", "4", "--lanes", "2", "--set", "trainer.evaluate_every=4", "--confirm", "1")
FULL = re.compile(
    r"error: (?P<path>\S+): cannot be written \(No space left on device; [\d,]+ bytes are free there\)\n"
    r"hint: free some space, and the same command continues; or choose another folder with --out\n"
)


@pytest.mark.slow
def test_each_write_fails_once(warm: WarmProcess) -> None:
    """Exit code 3 and one line with a path of the run and the free bytes; the same command goes on, none is lost."""
    assert warm.run(*WORDS, "-o", "whole") == 0, warm.errors()
    calm, last, refused, harmless = results(only(warm.where / "whole")), 0, "", []
    while refused or last == 0:
        last += 1
        hit, said = warm.where / f"refused{last}", len(warm.errors())
        code = warm.run(*WORDS, "-o", str(hit), fail_at=last)
        refused = (warm.where / "refused.txt").read_text()
        if not refused:
            assert code == 0
            break
        with tried("failing writes"):
            text, before = warm.errors()[said:], ended(hit)
            if code == 0:  # a write that nothing depends on
                harmless.append(refused)
            else:
                assert code == 3, (refused, text)
                told = FULL.fullmatch(text)
                assert told, (refused, text)
                assert told["path"].startswith(str(hit)), refused
            assert warm.run(*WORDS, "-o", str(hit)) == 0, warm.errors()
            assert results(only(hit)) == calm, refused
            keep(before, calm["trials.csv"])
    assert last > 60
    assert all("sweep.log" in what for what in harmless), harmless
