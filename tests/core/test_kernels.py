"""Where machine code is kept, whose it is, and that compiling again changes no bit."""

import subprocess
import sys
from pathlib import Path

import pytest

from core import kernels


def test_machine_code_belongs_to_its_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Law: a change of any file that is compiled in is another cache; without a place to write there is none."""
    for file in Path(kernels.__file__).parent.glob("*.py"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(kernels, "__file__", str(tmp_path / "kernels.py"))
    before = kernels.digest()
    for name in ("kernel_rows.py", "kernel_step.py", "losses.py"):
        with open(tmp_path / name, "a", encoding="utf-8") as file:
            file.write("\n")
        assert kernels.digest() != before
        before = kernels.digest()
    with open(tmp_path / "trainer.py", "a", encoding="utf-8") as file:
        file.write("\n")
    assert kernels.digest() == before
    assert kernels.cache_folder() == tmp_path / "__pycache__" / f"kernels-{before}"
    (tmp_path / "blocked").write_text("")
    monkeypatch.setattr(kernels, "__file__", str(tmp_path / "blocked" / "kernels.py"))
    monkeypatch.setattr(kernels, "digest", lambda: "0")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "users"))
    assert kernels.cache_folder() == tmp_path / "users" / "graphsweep" / "kernels-0"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "blocked"))
    assert kernels.cache_folder() is None


@pytest.mark.slow
def test_compiled_anew_gives_the_same_bits(tmp_path: Path) -> None:
    """Law: code compiled in this process, loaded from the cache, or loaded in part gives the same weights."""
    script = (
        "import sys; from core import kernels, training; from core.model import pack; from core.trainer import start\n"
        "from tests.core import small\n"
        "config = small.settings(); data = small.dataset(config)\n"
        "lanes, _ = training.train_epoch(start(small.trials(2), data, config), data, config)\n"
        "print(pack(lanes.value).numpy().tobytes().hex())\n"
    )
    root = Path(kernels.__file__).parents[1]
    copy = tmp_path / "copy"
    for name in ("core", "tests"):
        for file in (root / name).rglob("*.py"):
            target = copy / file.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())

    def run() -> str:
        return subprocess.run(
            [sys.executable, "-c", script], cwd=copy, capture_output=True, text=True, check=True
        ).stdout  # fmt: skip

    first, second = run(), run()
    for index in list((copy / "core" / "__pycache__").rglob("kernel_step.lane_gradient*")):
        index.unlink()
    assert first == second == run()
