"""Several processes that fit one network: several GPUs, several machines, or CPUs to prove that it works.

Start them with torchrun, which tells each process its place; nothing else is needed:

    torchrun --nproc-per-node 8 -m -- training cnn --run RUN
    torchrun --nnodes 2 --nproc-per-node 8 --rdzv-backend c10d --rdzv-endpoint HOST:29400 -m -- training cnn --run RUN

The second line is said on each of two machines, with the first one as HOST. The run folder then lies on a disk that all
of them see: every process reads slices and checkpoints there, the first alone writes. Every process takes its share of
every batch, so CnnConfig.batch is a multiple of their number.
"""

from __future__ import annotations

import gc
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import distributed, nn

from training.config import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

AGREE_EVERY = 10
"""Steps from one question to all processes whether to stop to the next: asking makes a GPU wait."""


@dataclass(frozen=True, slots=True)
class Processes:
    """This process's place among those that fit one network.

    Attributes:
        rank: 0 is the first, which alone writes and reports.
        count: of processes, on all machines.
        local_count: on this machine.
        device: this process's own.
    """

    rank: int
    count: int
    local_count: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def share(self, batch: int) -> slice:
        """This process's part of every batch.

        Raises:
            ConfigError: the batch cannot be divided evenly.
        """
        if batch % self.count:
            raise ConfigError(f"cnn.batch is {batch}, must be a multiple of the {self.count} processes")
        part = batch // self.count
        return slice(self.rank * part, (self.rank + 1) * part)

    def total(self, values: Tensor) -> Tensor:
        """The sum of every process's values, in place; all processes must call."""
        if self.count > 1:
            distributed.all_reduce(values)
        return values

    def any(self, is_so: bool) -> bool:
        """Whether it is so in one process at least; all processes must call."""
        return bool(self.total(torch.tensor(float(is_so), device=self.device)) > 0) if self.count > 1 else is_so

    def as_first(self, values: Sequence[Tensor]) -> None:
        """Let every process have the first one's values, in place; all processes must call."""
        if self.count > 1:
            for one in values:
                distributed.broadcast(one, 0)

    def wait(self) -> None:
        """Until all processes are here."""
        self.any(False)

    def wrapped(self, module: nn.Module, *, is_frozen: bool) -> nn.Module:
        """A module whose gradients are averaged over the processes in every backward pass.

        Args:
            module: on this process's device; its weights become those of the first process.
            is_frozen: batch norm is in evaluation mode and shares nothing.
        """
        if self.count == 1:
            return module
        if self.device.type == "cuda":
            if not is_frozen:
                module = nn.SyncBatchNorm.convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
            return nn.parallel.DistributedDataParallel(
                module, device_ids=[self.device.index], gradient_as_bucket_view=True
            )
        return nn.parallel.DistributedDataParallel(module)


@contextmanager
def joined() -> Iterator[Processes]:
    """Join the processes that torchrun started, for the block; without torchrun there is this one alone.

    Processes talk through NCCL on GPUs and through gloo on CPUs.
    """
    rank, count = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device("cuda", local) if torch.cuda.is_available() else torch.device("cpu")
    local_count = int(os.environ.get("LOCAL_WORLD_SIZE", str(count)))
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if count > 1:
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", rank=rank, world_size=count)
    try:
        here = Processes(rank, count, local_count, device)
        yield here
        here.wait()  # one that leaves while another still speaks to it takes that one down
    finally:
        if count > 1:
            gc.collect()  # a wrapped module in a cycle keeps gloo's threads until the interpreter is gone, which aborts
            distributed.destroy_process_group()
