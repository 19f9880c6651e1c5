"""What trains, where it is not the processor: whether it is there, and what it is called."""

from dataclasses import replace
from typing import TYPE_CHECKING

from core.errors import InputError
from sweeps.config import CPU, BackendConfig

if TYPE_CHECKING:
    import torch


def there(backend: BackendConfig) -> bool:
    """Tell whether the device can be trained on from here."""
    if backend.device == CPU:
        return True
    import torch  # takes a second

    return torch.cuda.is_available()


def check_device(backend: BackendConfig) -> None:
    """Raise InputError unless the device is there."""
    if not there(backend):
        import torch

        raise InputError(
            f"--device {backend.device}: torch {torch.__version__} finds no GPU here",
            "a build of torch for CUDA, and NVIDIA's driver, are needed; without --device the processor trains",
        )


def as_it_is_here(backend: BackendConfig) -> BackendConfig:
    """Return the same backend, with the processor where its device is not there."""
    return backend if there(backend) else replace(backend, device=CPU)


def torch_device(backend: BackendConfig) -> "torch.device":
    """Return the device as torch has it."""
    import torch

    return torch.device(backend.device)


def device_name(backend: BackendConfig) -> str:
    """Return what a run records as its device: a GPU's model is part of it, as its kernels decide last digits."""
    if backend.device == CPU:
        return CPU
    import torch

    return f"{backend.device}: {torch.cuda.get_device_name()}"
