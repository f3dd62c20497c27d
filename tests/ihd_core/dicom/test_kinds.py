from pathlib import Path

import pytest
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    EnhancedSRStorage,
    SecondaryCaptureImageStorage,
)

from ihd_core.dicom.kinds import LeftOut, why_left_out
from ihd_core.phantom.series_writer import write_series
from tests.ihd_core.dicom.header_of import header_of

SAGITTAL, CORONAL = [0, 1, 0, 0, 0, -1], [1, 0, 0, 0, 0, -1]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({}, ""),
        ({"Modality": None}, ""),
        ({"SOPClassUID": None}, ""),
        ({"ImageType": ["DERIVED", "SECONDARY", "AXIAL"]}, ""),
        ({"ImageType": None}, ""),
        ({"RescaleType": None}, ""),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "localizer"),
        ({"SOPClassUID": SecondaryCaptureImageStorage}, "dose screen or secondary capture"),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, "dose screen or secondary capture"),
        ({"SOPClassUID": EnhancedSRStorage, "Modality": "SR"}, "report"),
        ({"Modality": "MR", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.4"}, "MR, not CT"),
        ({"Modality": "PR", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.11.1"}, "presentation state"),
        ({"SamplesPerPixel": 3}, "colour picture"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "colour picture"),
        ({"ImageType": ["DERIVED", "PRIMARY", "PERFUSION", "RCBF"]}, "perfusion map"),
        ({"SOPClassUID": EnhancedCTImageStorage}, ""),
        ({"NumberOfFrames": 2}, "multi-frame picture without a place for each frame"),
        ({"NumberOfFrames": 2, "Modality": None}, "multi-frame picture without a place for each frame"),
        (
            {"SOPClassUID": EnhancedCTImageStorage, "NumberOfFrames": 2},
            "multi-frame picture without a place for each frame",
        ),
        ({"ImageType": ["DERIVED", "SECONDARY", "AXIAL", "CT_SOM5 SPI", "CBF"]}, "perfusion map"),
        ({"ImageType": ["DERIVED", "SECONDARY", "TMAXD"]}, "perfusion map"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "PERFUSION", "NONE"]}, ""),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"], "SeriesDescription": "Topogram 0.6"}, ""),
        ({"ImageOrientationPatient": SAGITTAL, "SeriesDescription": "Topogramm 0.6 T80s"}, "localizer"),
        ({"ImageOrientationPatient": SAGITTAL, "SeriesDescription": "SCOUT LAT"}, "localizer"),
        ({"ImageOrientationPatient": CORONAL, "SeriesDescription": "Übersicht"}, "localizer"),
        ({"ImageOrientationPatient": CORONAL, "SeriesDescription": "TOPOGRAMA"}, "localizer"),
        ({"ImageOrientationPatient": CORONAL, "SeriesDescription": "Kopf cor 3.0"}, ""),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.66.4", "Modality": "SEG"}, "segmentation"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.59", "Modality": "KO"}, "list of key images"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.67", "Modality": "SR"}, "report"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.66"}, "raw data"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1", "Modality": "DOC"}, "PDF document"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.481.3", "Modality": "RTSTRUCT"}, "contours for radiotherapy"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.481.2", "Modality": "RTDOSE"}, "dose of radiotherapy"),
        ({"Modality": "PT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.128"}, "PT, not CT"),
        ({"RescaleType": "MGML"}, "values that are not HU"),
        ({"ImagePositionPatient": None}, "no position, orientation or pixel spacing"),
        ({"ImageOrientationPatient": b"1\\0\\0"}, "no position, orientation or pixel spacing"),
        ({"PixelSpacing": None}, "no position, orientation or pixel spacing"),
        ({"PixelSpacing": [0, 0.5]}, "pixel spacing not above zero"),
    ],
)
def test_what_is_no_ct_slice_is_left_out_with_its_reason(tmp_path, hu, tags, expected):
    (path,) = write_series(tmp_path, hu[:1], tags={"SOPClassUID": CTImageStorage, **tags})
    assert why_left_out(header_of(path)) == expected


def test_a_reason_is_counted_and_a_single_file_is_named():
    assert LeftOut((Path("x/I10"),), "localizer").text == "1 × localizer: I10"
    assert LeftOut((Path("x/I10"), Path("x/I20")), "localizer").text == "2 × localizer"


def test_a_line_names_the_first_three_of_several_files_and_a_name_that_repeats_once():
    files = tuple(Path(f"x/I{number}0") for number in range(5))
    assert LeftOut(files[:2], "localizer").named_text == "2 × localizer: I00, I10"
    assert LeftOut(files, "localizer").named_text == "5 × localizer: I00, I10, I20 and 2 more"
    assert LeftOut((Path("a/I1"), Path("b/I1")), "localizer").named_text == "2 × localizer: I1 and 1 more"
