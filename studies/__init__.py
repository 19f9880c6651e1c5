"""Who searches: the commands a person types, and what carries a sweep from its settings to its report.

A worker of a cluster imports this first, and maybe torch before: what `core` sets for it would then come too late.
"""

import os
import sys

TORCH_CAME_FIRST = "torch" in sys.modules and "MKL_CBWR" not in os.environ

from core.interrupts import end_quietly  # noqa: E402  (core sets MKL_CBWR before any module here imports torch)

end_quietly()
