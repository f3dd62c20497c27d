"""A CNN in 8-bit integers for ONNX Runtime, fitted to slices of phantoms; nothing is left on the disk."""

from __future__ import annotations

import logging
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray


def int8_bytes(network: bytes, pictures: NDArray[np.float32]) -> bytes:
    """The network with weights and maps as integers, their ranges taken from what it makes of some pictures.

    Args:
        network: an ONNX file, from onnx_bytes().
        pictures: float32 (n, channels, side, side), 0..1; another n than the network is tried on afterwards.

    Raises:
        ImportError: the packages onnx and onnxruntime are not installed.

    Source:
        Post-training static quantization, Jacob et al., CVPR 2018, section 2: weights symmetric, one scale for every
        output channel, maps with one scale and zero point each, from the least to the greatest value seen.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Pictures(CalibrationDataReader):  # type: ignore[misc,unused-ignore]
        def __init__(self) -> None:
            self._left = _fed(network, pictures)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            return next(self._left, None)

    with tempfile.TemporaryDirectory() as folder, _without_advice():
        given, joined, made = (str(Path(folder) / name) for name in ("given.onnx", "joined.onnx", "made.onnx"))
        Path(given).write_bytes(network)
        quant_pre_process(given, joined)
        quantize_static(
            joined,
            made,
            Pictures(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
        )
        return Path(made).read_bytes()


@contextmanager
def _without_advice() -> Iterator[None]:
    """Without what the library says of single layers: what counts is how the whole network does, which is tried."""

    def elsewhere(record: logging.LogRecord) -> bool:
        return "onnxruntime" not in record.pathname

    root = logging.getLogger()
    root.addFilter(elsewhere)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.removeFilter(elsewhere)


def _fed(network: bytes, pictures: NDArray[np.float32]) -> Iterator[dict[str, NDArray[np.float32]]]:
    import onnx

    name = onnx.load_from_string(network).graph.input[0].name
    return ({name: picture[None]} for picture in pictures)
