"""Whatever happens to the bytes of a file: no crash, no hang, and never a picture that the file does not hold."""

import io

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import config
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from ihd_core.dicom.pixel_data.pixels import AIR_HU, LOWEST_HU
from ihd_core.dicom.reader import load_scan
from ihd_core.dicom.series import find_series
from ihd_core.errors import IhdError
from ihd_core.phantom.series_writer import write_series
from tests.ihd_core.dicom.fuzz import CHANGES, EXAMPLES, changed

NATIVE = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]
SYNTAXES = [*NATIVE, DeflatedExplicitVRLittleEndian, RLELossless, JPEG2000Lossless, JPEGLSLossless]
SLICES = 3
HU = np.random.default_rng(1).integers(-1000, 1000, (SLICES, 32, 40)).astype(np.int16)


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """The files of a short series in every transfer syntax."""
    return {s: write_series(tmp_path_factory.mktemp("original"), HU, transfer_syntax=s, signed=True) for s in SYNTAXES}


def plain_hu(content):
    """HU of native pixels in the simplest way there is: an element at a time, in Python's own numbers."""
    stream = io.BytesIO(content)
    with config.disable_value_validation():
        dataset = pydicom.dcmread(stream, force=True, stop_before_pixels=True)  # what follows the pixels may be damaged
    count = dataset.Rows * dataset.Columns
    is_implicit, is_little_endian = dataset.original_encoding
    start = stream.tell() + (8 if is_implicit else 12)
    raw = np.frombuffer(content, "<u2" if is_little_endian else ">u2", count, start).astype(int)
    bits = dataset.get("BitsStored", 16)
    bits = bits if 0 < bits <= 16 else 16
    values = raw % 2**bits
    representation = dataset.get("PixelRepresentation")
    # What the file leaves open is signed where 16 bits hold what no scanner measures.
    if representation == 1 or (representation != 0 and bits == 16 and values.max() >= 2**15):
        values = np.where(values >= 2 ** (bits - 1), values - 2**bits, values)
    hu = values * float(dataset.get("RescaleSlope", 1)) + float(dataset.get("RescaleIntercept", 0))
    return np.clip(np.rint(hu), -32768, 32767).reshape(dataset.Rows, dataset.Columns)


@given(syntax=st.sampled_from(SYNTAXES), which=st.integers(0, SLICES - 1), changes=CHANGES, deep=st.booleans())
@settings(max_examples=EXAMPLES)
def test_a_damaged_file_is_refused_or_shows_what_it_holds(tmp_path_factory, originals, syntax, which, changes, deep):
    contents = [path.read_bytes() for path in originals[syntax]]
    damaged = changed(contents[which], changes, within=10**6 if deep else 1300)
    folder = tmp_path_factory.mktemp("damaged", numbered=True)
    for index, content in enumerate(contents):
        (folder / f"{index}.dcm").write_bytes(damaged if index == which else content)
    try:
        found = find_series([folder])
        scan = load_scan(found.series[0])
    except IhdError as error:
        message, scan = str(error), None
    finally:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    if scan is None:
        assert len(message.splitlines()) == 1
        return
    whole = [index for index in range(SLICES) if index != which]
    shown = [any(np.array_equal(one, HU[index]) for one in scan.hu) for index in whole]
    if scan.hu.shape[1:] == HU.shape[1:] and len(scan) >= len(whole):
        assert all(shown), "a file that is whole shows as it is"
    strange = [one for one in scan.hu if not any(np.array_equal(one, known) for known in HU)]
    if strange and syntax in NATIVE:
        expected = plain_hu(damaged)
        (one,) = strange
        told = (one != AIR_HU) | (expected < LOWEST_HU)
        assert np.array_equal(one[told], np.where(expected < LOWEST_HU, AIR_HU, expected)[told])
    if len(scan) < SLICES:
        assert scan.warnings or found.left_out or len(found.series) > 1, "what is missing is said"
