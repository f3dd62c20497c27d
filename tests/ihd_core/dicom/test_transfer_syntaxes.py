import pytest
from pydicom import uid

from ihd_core.dicom import transfer_syntaxes
from ihd_core.dicom.pixel_data.decoders import _DECODERS
from ihd_core.dicom.transfer_syntaxes import is_lossy, name_of


def test_every_syntax_with_a_decoder_is_one_that_dicom_knows_and_encapsulates():
    assert all(uid.UID(syntax).is_encapsulated for syntax in _DECODERS)


@pytest.mark.parametrize(
    "syntax",
    [
        uid.JPEGBaseline8Bit,
        uid.JPEGExtended12Bit,
        uid.UID("1.2.840.10008.1.2.4.53"),
        uid.UID("1.2.840.10008.1.2.4.55"),
        uid.JPEGLSNearLossless,
        uid.JPEG2000,
        uid.HTJ2K,
    ],
)
def test_what_may_have_lost_detail_is_lossy(syntax):
    assert is_lossy(syntax)


@pytest.mark.parametrize(
    "syntax",
    [
        *[uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian],
        *[uid.DeflatedExplicitVRLittleEndian, uid.RLELossless, uid.JPEGLossless, uid.JPEGLosslessSV1],
        *[uid.JPEGLSLossless, uid.JPEG2000Lossless, uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, ""],
    ],
)
def test_what_keeps_every_value_is_not(syntax):
    assert not is_lossy(syntax)


@pytest.mark.parametrize(
    ("syntax", "name"),
    [
        (uid.RLELossless, "RLE Lossless (1.2.840.10008.1.2.5)"),
        (uid.CTImageStorage, "1.2.840.10008.5.1.4.1.1.2"),
        ("1.2.3", "1.2.3"),
        ("", "without UID"),
    ],
)
def test_a_message_names_a_syntax_by_name_and_uid(syntax, name):
    assert name_of(syntax) == name


def test_the_uids_of_the_native_syntaxes_are_those_of_the_standard():
    assert uid.ImplicitVRLittleEndian == transfer_syntaxes.IMPLICIT
    assert uid.ExplicitVRLittleEndian == transfer_syntaxes.EXPLICIT
    assert uid.ExplicitVRBigEndian == transfer_syntaxes.BIG_ENDIAN
    assert uid.DeflatedExplicitVRLittleEndian == transfer_syntaxes.DEFLATED
