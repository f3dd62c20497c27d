"""The engine that reads slices for a model: the fastest runtime here that proves that it agrees with torch fp32."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ihd_core.engines.proof import Distance, distance, furthest
from ihd_core.engines.runtimes import REFERENCE, RUNTIMES, runtime_named
from ihd_core.errors import CannotPredict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from ihd_core.engines.runtimes import Reader, Runtime
    from ihd_core.model_file import Model, ModelInfo
    from ihd_core.networks.network import CnnOutput

    Samples = Callable[[ModelInfo], NDArray[np.float32]]

__all__ = ["AUTO", "ENGINES", "Engine", "engine_for"]

AUTO = "auto"
ENGINES = (AUTO, *(runtime.name for runtime in RUNTIMES))
"""What can be asked for."""


def engine_for(
    model: Model,
    wanted: str = AUTO,
    samples: NDArray[np.float32] | None = None,
    *,
    runtimes: Sequence[Runtime] = RUNTIMES,
    known: dict[str, Distance] | None = None,
) -> Engine:
    """Find the engine that reads for a model, and have it prove itself; takes as long as some slices.

    Args:
        model: from load_model().
        wanted: one of ENGINES. What strays is not used even then; torch fp32 is.
        samples: float32 (n, channels, side, side), 0..1, to be tried on; by default what each runtime names, slices of
            phantoms.
        runtimes: that may be taken, fastest first.
        known: by name of a runtime, how far it was found to stray for this model on this machine; it is not tried
            again, and what is found now is added.

    Raises:
        CannotPredict: weights or results are no finite numbers.
        ValueError: there is no engine of that name.
    """
    if wanted != AUTO:
        return Engine(model, [runtime_named(wanted, runtimes)], (samples, known), chosen=True)
    return Engine(model, runtimes, (samples, known), chosen=False)


class Engine:
    """Reads slices with the CNNs of a model, from any thread, one call at a time.

    A runtime that fails while it reads is replaced by the next one, which proves itself first; ask for the name after
    reading.

    Args:
        model: whose CNNs.
        candidates: to be tried in this order; torch fp32 comes last by itself.
        tried: samples and known, as engine_for() has them.
        chosen: somebody wants the candidate; otherwise those that are not installed or not made for this machine are
            passed over without a word.

    Raises:
        CannotPredict: weights or results are no finite numbers.
    """

    def __init__(
        self,
        model: Model,
        candidates: Sequence[Runtime],
        tried: tuple[NDArray[np.float32] | None, dict[str, Distance] | None],
        *,
        chosen: bool,
    ) -> None:
        _check_weights(model)
        self._model = model
        self._chosen = chosen
        self._lock = threading.RLock()
        self._refused: list[tuple[str, str]] = []
        self._waiting = [runtime for runtime in candidates if runtime.name != REFERENCE.name]
        self._given = tried[0]
        self._known = tried[1] if tried[1] is not None else {}
        self._references: dict[Samples, tuple[Tensor, list[CnnOutput]]] = {}
        self._runtime = REFERENCE
        self._readers: list[Reader] = []
        self._strayed: Distance | None = None
        self._advance()

    @property
    def name(self) -> str:
        """Of the runtime that reads now; one of ENGINES, not auto."""
        return self._runtime.name

    @property
    def title(self) -> str:
        """The name as people write it."""
        return self._runtime.title

    @property
    def why(self) -> str:
        """Which engine runs and why, one line."""
        if self._strayed is not None:
            bounds, place = self._runtime.bounds, "as chosen" if self._chosen else "the fastest here that agrees"
            return (
                f"{self.title}, {place}: within {self._strayed.probability:.1g} of torch fp32 in probability "
                f"(limit {bounds.probability:g}), {self._strayed.heatmap:.1g} of the peak in heatmaps "
                f"(limit {bounds.heatmap:g})"
            )
        if self._refused:
            return f"{self.title}: {' and '.join(title for title, _ in self._refused)} could not be used"
        return f"{self.title}, {'as chosen' if self._chosen else 'nothing faster is installed here'}"

    @property
    def refused(self) -> tuple[str, ...]:
        """A line for each engine that was tried and is not used: its name, the reason, what is used instead."""
        return tuple(f"{title} {reason}; {self.title} is used" for title, reason in self._refused)

    def read(self, member_number: int, pictures: Tensor) -> CnnOutput:
        """What the CNN of a member says of n pictures, as its forward() does; on the CPU, in float32.

        Args:
            member_number: place in the model's members.
            pictures: float32 (n, channels, side, side), 0..1, on the CPU, of the model's channels and side.

        Raises:
            CannotPredict: pictures or results are no finite numbers.
            ValueError: pictures have another shape.
        """
        cnn, side = self._model.members[member_number].cnn, self._model.info.side
        wanted = (len(cnn.mean), side, side)
        if tuple(pictures.shape[1:]) != wanted:
            raise ValueError(f"pictures are {tuple(pictures.shape[1:])}, must be {wanted}")
        if not bool(pictures.isfinite().all()):
            raise CannotPredict("A slice holds values that are no finite numbers; nothing can be said of this scan")
        with self._lock:
            while True:
                try:
                    output = self._readers[member_number](pictures)
                except Exception as error:
                    if self._runtime is REFERENCE:
                        raise
                    self._refuse(self._runtime, f"failed while it read ({_first_line(error)})")
                else:
                    if _finite(output):
                        return output
                    if self._runtime is REFERENCE:
                        raise CannotPredict("The model's result is not a number; nothing can be said of this scan")
                    self._refuse(self._runtime, "gave values that are no finite numbers")
                self._advance()

    @contextmanager
    def torch_beside(self) -> Iterator[None]:
        """A block of other work in torch, such as the BiLSTM's: on one thread where the runtime has threads of its own.

        Two pools of threads that wait for work by spinning take the cores from each other, a hundredfold in the worst
        case. The number of threads is the process's.
        """
        import torch

        with _beside.lock:
            if not _beside.blocks:
                _beside.threads = torch.get_num_threads()
            _beside.blocks += 1
            if self._runtime.own_threads:
                torch.set_num_threads(1)
        try:
            yield
        finally:
            with _beside.lock:
                _beside.blocks -= 1
                if not _beside.blocks:  # the last one out, of all threads, gives back what the first one found
                    torch.set_num_threads(_beside.threads)

    def _refuse(self, runtime: Runtime, reason: str) -> None:
        self._refused.append((runtime.title, reason))

    def _advance(self) -> None:
        """Take the next runtime that proves itself; torch fp32 in the end."""
        self._readers, self._strayed = [], None
        while self._waiting:
            runtime = self._waiting.pop(0)
            if not runtime.installed:
                if self._chosen:
                    self._refuse(runtime, f"is not installed here (packages {', '.join(runtime.modules)})")
                continue
            known = self._known.get(runtime.name)
            try:
                if not self._chosen and not runtime.suits(self._model.members[0].cnn):
                    continue
                if known is not None and (wrong := known.beyond(runtime.bounds)):
                    self._refuse(runtime, wrong)
                    continue
                readers = [runtime.load(member.cnn, self._model.info) for member in self._model.members]
                strayed = known or self._tried(readers, runtime.samples)
            except CannotPredict:
                raise
            except Exception as error:  # whatever a library raises means that this machine cannot use it
                self._refuse(runtime, f"cannot be used here ({_first_line(error)})")
                continue
            self._known[runtime.name] = strayed
            if wrong := strayed.beyond(runtime.bounds):
                self._refuse(runtime, wrong)
                continue
            self._runtime, self._readers, self._strayed = runtime, readers, strayed
            return
        self._runtime = REFERENCE
        self._readers = [REFERENCE.load(member.cnn, self._model.info) for member in self._model.members]

    def _tried(self, readers: Sequence[Reader], wanted: Samples) -> Distance:
        """The furthest that any member's reader is from torch fp32."""
        samples, references = self._reference(wanted)
        each = [
            distance(reader(samples), expected, member.cnn.head)
            for reader, expected, member in zip(readers, references, self._model.members, strict=True)
        ]
        return furthest(each)

    def _reference(self, wanted: Samples) -> tuple[Tensor, list[CnnOutput]]:
        """The samples, and what torch fp32 says of them for every member; both are kept."""
        import torch

        if wanted not in self._references:
            given = wanted(self._model.info) if self._given is None else self._given
            samples, references = torch.from_numpy(given.copy()), []
            for member in self._model.members:
                output = REFERENCE.load(member.cnn, self._model.info)(samples)
                if not _finite(output):
                    raise CannotPredict(f"{self._model.info.name}: results on sample slices are no finite numbers")
                references.append(output)
            self._references[wanted] = samples, references
        return self._references[wanted]


class _Beside:
    """Blocks of Engine.torch_beside() that are open in the process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.blocks = 0
        self.threads = 1


_beside = _Beside()


def _finite(output: CnnOutput) -> bool:
    """Whether all is; a ReLU may hide it in one of the three."""
    return all(bool(tensor.isfinite().all()) for tensor in output)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).partition("\n")[0][:200]


def _check_weights(model: Model) -> None:
    """Refuse weights that are no numbers before a runtime hides them, as max() and ReLU may."""
    for number, member in enumerate(model.members):
        for name, tensor in member.cnn.state_dict().items():
            if not bool(tensor.isfinite().all()):
                raise CannotPredict(
                    f"{model.info.name}: weights {name} of member {number} hold values that are no finite numbers"
                )
