"""What is computed: data, the learner on lanes, metrics and baselines. Knows torch, numpy and numba only.

Bit-exact training needs MKL's reproducible kernels and quiet OpenMP threads, and both are read from
the environment once, when torch loads; so they are set here, before any module imports torch.
"""

import os

os.environ.setdefault("MKL_CBWR", "AUTO")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OMP_NUM_THREADS", "1")

__version__ = "0.1.0"
