"""What was found: builds the report of a run folder. Reads run folders only, never torch or optuna.

`reports.page.write_report` is the way in. Import it when a report is to be built: it brings pandas and
matplotlib, which take half a second that `--help` and wrong settings should not wait for.
"""

from core.interrupts import end_quietly

end_quietly()
