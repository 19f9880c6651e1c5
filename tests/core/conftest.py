"""The numeric tests run as training does: from the project's root, on one torch thread."""

import importlib
import sys
from pathlib import Path

ROOT = str(Path(__file__).parents[2])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

importlib.import_module("core")  # sets MKL_CBWR, which must come before torch
importlib.import_module("torch").set_num_threads(1)
