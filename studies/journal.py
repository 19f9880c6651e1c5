"""The run's copy of its finished trials as an Optuna journal, for `optuna.load_study` and optuna-dashboard."""

import warnings
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial

from studies.files import UNREADABLE, check_journal, cut_torn_line, folder_error, no_journal


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
            self.study_id = study._study_id
            self.written = len(study.get_trials(deepcopy=False))
        except OSError as error:
            raise folder_error(self.path, error) from error
        except (*UNREADABLE, AssertionError, optuna.exceptions.OptunaError) as error:
            raise no_journal(self.path, f"some line ({type(error).__name__})") from error

    def append(self, trials: list[FrozenTrial]) -> None:
        """Write finished trials; the first must be the one after the last written."""
        for trial in trials:
            try:
                self.storage.create_new_trial(self.study_id, template_trial=trial)
            except OSError as error:
                raise folder_error(self.path, error) from error
            self.written += 1
