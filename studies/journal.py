"""The run's copy of its finished trials as an Optuna journal, for `optuna.load_study` and optuna-dashboard."""

import json
import warnings
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial

from core.errors import RunFolderError
from studies.files import cut_torn_line, folder_error

LAST_OPERATION = 9  # of optuna.storages.journal, JournalOperation


class Journal:
    """The run's Optuna journal: finished trials under their own numbers, one write each.

    Opens with `optuna.load_study` and optuna-dashboard. It is a copy: nothing is ever read back from it
    but the number of trials it has.

    Args:
        path: the file, absolute. A last line that a kill or a full disk has torn is cut off, and kept beside it.
        study_name: the study's name in it.

    Raises:
        RunFolderError: the file is not a journal, or cannot be written.
    """

    def __init__(self, path: str, study_name: str) -> None:
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

        self.path = Path(path)
        try:
            cut_torn_line(self.path)
            check_journal(self.path)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.storage = JournalStorage(JournalFileBackend(path, lock_obj=JournalFileOpenLock(path)))
                study = optuna.create_study(
                    study_name=study_name, storage=self.storage, direction="minimize", load_if_exists=True
                )
        except OSError as error:
            raise folder_error(self.path, error) from error
        self.study_id = study._study_id
        self.written = len(study.get_trials(deepcopy=False))

    def append(self, trials: list[FrozenTrial]) -> None:
        """Write finished trials; the first must be the one after the last written."""
        for trial in trials:
            try:
                self.storage.create_new_trial(self.study_id, template_trial=trial)
            except OSError as error:
                raise folder_error(self.path, error) from error
            self.written += 1


def check_journal(path: Path) -> None:
    """Raise RunFolderError, with the line, unless every line is an operation that Optuna's journal knows."""
    if not path.exists():
        return
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            entry = json.loads(line)
            known = isinstance(entry, dict) and 0 <= entry["op_code"] <= LAST_OPERATION
        except (ValueError, KeyError, TypeError):
            known = False
        if not known:
            raise RunFolderError(
                f"{path}: line {number} is not of an Optuna journal", "move the file away; the records are kept"
            )
