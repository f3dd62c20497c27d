"""What the CNNs of a model say of pictures, and what that rests on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from ihd_core.final_logits import mean_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from ihd_core.model_file import Member, Model
    from ihd_core.networks.network import CnnOutput

    Cnns = Callable[[int, Tensor], CnnOutput]
    """What runs the CNN of the member with that number on (n, channels, side, side)."""


REFERENCE_NAME = "torch fp32"
"""Of the engine that all others are measured by, which runs where none is named."""


class CnnEngine(Protocol):
    """What runs the CNNs of a model; an Engine is one."""

    @property
    def name(self) -> str:
        """For records, after reading."""

    def read(self, member_number: int, pictures: Tensor, /) -> CnnOutput:
        """What the CNN of a member says of n pictures, as its forward() does."""


def read(pictures: NDArray[np.float32], model: Model, cnns: Cnns | None = None) -> tuple[NDArray[np.float32], ...]:
    """What the CNNs say of n pictures.

    Args:
        pictures: float32 (n, 3 * (2 * neighbours + 1), side, side), 0..1, as SliceCnn.activations() wants them.
        model: whose members are averaged.
        cnns: run the members' CNNs, as Engine.read() does; by default torch does, where the networks are.

    Returns:
        Probabilities (n, labels), logits (n, members, labels), features (n, members, k), evidence (n, labels, map rows,
        map columns), maps (n, members, labels + k, map rows, map columns).
    """
    import torch

    with torch.inference_mode():
        x = torch.from_numpy(pictures)
        each = cnns or partial(_through_cnn, model)
        logits, features, evidence, maps = zip(
            *(
                _read_by(member, x, partial(each, number), flip=model.info.flip)
                for number, member in enumerate(model.members)
            ),
            strict=True,
        )
        own = [torch.cat(both, 1) for both in zip(evidence, maps, strict=True)]
        found = (
            torch.sigmoid(mean_of(logits)),
            torch.stack(logits, 1),
            torch.stack(features, 1),
            mean_of(evidence),
            torch.stack(own, 1),
        )
        return tuple(tensor.float().cpu().numpy() for tensor in found)


def _through_cnn(model: Model, number: int, x: Tensor) -> CnnOutput:
    cnn = model.members[number].cnn
    output: CnnOutput = cnn(x.to(cnn.mean.device))
    return output


def _read_by(
    member: Member, x: Tensor, cnn: Callable[[Tensor], CnnOutput], *, flip: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One member's logits (n, labels), reduced features (n, k), and the maps of both, (n, count, rows, columns)."""
    import torch

    logits, pooled, activations = (tensor.to(member.cnn.mean.device) for tensor in cnn(x))
    if flip:
        activations = (activations + cnn(x.flip(3)).activations.to(activations.device).flip(3)) / 2
        pooled = activations.mean((2, 3))
        logits = member.cnn.head(pooled)
    rows, columns = activations.shape[2:]
    weight = _by_pooled(member.cnn.head, pooled)
    evidence = torch.einsum("lk,nkrc->nlrc" if weight.ndim == 2 else "nlk,nkrc->nlrc", weight, activations)
    evidence = evidence / (rows * columns)
    if member.reduction is None:
        return logits, pooled[:, :0], evidence, evidence[:, :0]
    maps = torch.einsum("lk,nkrc->nlrc", member.reduction.components, activations) / (rows * columns)
    return logits, member.reduction(pooled), evidence, maps


def is_linear(head: nn.Module) -> bool:
    """Whether evidence is a closed form: with a linear head it adds up to the logit."""
    from torch import nn

    return isinstance(head, nn.Linear)


def _by_pooled(head: nn.Module, pooled: Tensor) -> Tensor:
    """How the logits change with the pooled features: a linear head's weights (labels, K), of others (n, labels, K)."""
    import torch

    if isinstance(head, torch.nn.Linear):
        return head.weight
    with torch.inference_mode(mode=False), torch.enable_grad():
        given = pooled.clone().requires_grad_()
        each = head(given).sum(0)
        rows = [torch.autograd.grad(logit, given, retain_graph=True)[0] for logit in each]
    return torch.stack(rows, 1)
