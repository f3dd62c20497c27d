import io
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ihd_core.dicom.inflating_file import InflatingFile
from ihd_core.errors import DicomError

START, CONTENT = b"meta", bytes(range(256)) * 4096
PACKING = zlib.compressobj(9, zlib.DEFLATED, -15)
DEFLATED = PACKING.compress(CONTENT) + PACKING.flush()
END = len(START) + len(CONTENT)

PLACES = st.one_of(st.integers(0, END + 10), st.integers(0, 300_000))
STEPS = st.one_of(
    st.tuples(st.just("read"), st.one_of(st.integers(-1, 300_000), st.none())),
    st.tuples(st.just("seek"), PLACES),
    st.tuples(st.just("on"), st.integers(0, 300_000)),
    st.tuples(st.just("end"), st.integers(-300_000, 0)),
)


@given(st.lists(STEPS, max_size=12))
def test_it_reads_as_the_inflated_file_would(steps):
    found, expected = InflatingFile(io.BytesIO(DEFLATED), START, "x", 1 << 30), io.BytesIO(START + CONTENT)
    for how, value in steps:
        if how == "read":
            assert found.read(value) == expected.read(value)
        else:
            whence = {"seek": io.SEEK_SET, "on": io.SEEK_CUR, "end": io.SEEK_END}[how]
            assert found.seek(value, whence) == expected.seek(value, whence)
        assert found.tell() == expected.tell()


def test_what_is_not_read_is_not_inflated():
    damaged = DEFLATED[:1000] + b"\xff" * 100
    whole = zlib.decompressobj(-15).decompress(DEFLATED[:1000])
    found = InflatingFile(io.BytesIO(damaged[:1000]), START, "x.dcm", 1 << 30)
    assert found.read(4 + len(whole)) == START + whole
    with pytest.raises(DicomError, match=r"^x\.dcm: is damaged \(breaks off before the end of its deflated data\)$"):
        found.read(300_000)


def test_more_than_the_limit_is_refused_until_it_is_raised():
    found = InflatingFile(io.BytesIO(DEFLATED), START, "x.dcm", 300_000)
    with pytest.raises(DicomError, match=r"^x\.dcm: inflates to more than 300,000 bytes"):
        found.read()
    found.most = 1 << 30
    assert found.read() == START + CONTENT
