"""What the CNNs of a model say of pictures, and what that rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ihd_core.final_logits import mean_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from ihd_core.model_file import Member, Model
    from ihd_core.network import CnnOutput


def read(pictures: NDArray[np.float32], model: Model) -> tuple[NDArray[np.float32], ...]:
    """What the CNNs say of n pictures.

    Args:
        pictures: float32 (n, 3 * (2 * neighbours + 1), side, side), 0..1, as SliceCnn.activations() wants them.
        model: whose members are averaged.

    Returns:
        Probabilities (n, labels), logits (n, members, labels), features (n, members, k), evidence (n, labels, map rows,
        map columns), maps (n, members, labels + k, map rows, map columns).
    """
    import torch

    with torch.inference_mode():
        x = torch.from_numpy(pictures)
        logits, features, evidence, maps = zip(
            *(_read_by(member, x, flip=model.info.flip) for member in model.members), strict=True
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


def _through_cnn(member: Member, x: Tensor) -> CnnOutput:
    """The CNN's word on n pictures; the only place where it is asked."""
    output: CnnOutput = member.cnn(x.to(member.cnn.mean.device))
    return output


def _read_by(member: Member, x: Tensor, *, flip: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One member's logits (n, labels), reduced features (n, k), and the maps of both, (n, count, rows, columns)."""
    import torch

    logits, pooled, activations = _through_cnn(member, x)
    if flip:
        activations = (activations + _through_cnn(member, x.flip(3)).activations.flip(3)) / 2
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
