"""What is searched: settings files, the ranges in them, and how they are read. Never imports torch or optuna."""
