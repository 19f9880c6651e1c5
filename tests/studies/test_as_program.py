"""What a command leaves to the collector of garbage: all of it in another program, nothing imported in its own."""

import gc
import subprocess
import sys

import pytest

from studies import as_program


def test_a_command_within_another_program_changes_nothing() -> None:
    """Law: only a process that runs one command and ends takes what is imported out of collections."""
    before = gc.get_freeze_count()
    as_program.all_is_imported()
    assert gc.get_freeze_count() == before


def test_what_is_imported_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: in a process of its own what is there at that time is not gone over again."""
    monkeypatch.setattr(as_program.OWN, "is_set", lambda: True)
    before = gc.get_freeze_count()
    try:
        as_program.all_is_imported()
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()


@pytest.mark.parametrize("code", [0, 3])
def test_the_process_ends_with_the_commands_exit_code(code: int) -> None:
    """Law: the exit code is the command's."""
    words = f"from studies.as_program import end_with; end_with(lambda: {code})"
    assert subprocess.run([sys.executable, "-c", words], check=False).returncode == code


def test_a_library_that_still_works_is_not_torn_down() -> None:
    """Law: where one would crash at the end, the process ends at once; what was said stands, and so does the code."""
    words = (
        "import atexit; from studies.as_program import UNENDED, end_with; atexit.register(print, 'torn down');"
        "end_with(lambda: (print('said'), UNENDED.set(), 3)[-1])"
    )
    ended = subprocess.run([sys.executable, "-c", words], check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (3, "said\n")
