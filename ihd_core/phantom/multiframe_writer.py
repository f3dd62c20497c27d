"""Write the slices of a CT series as the frames of one Enhanced or Legacy Converted CT object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom import config, dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames
from pydicom.uid import EnhancedCTImageStorage, ExplicitVRLittleEndian, LegacyConvertedEnhancedCTImageStorage

from ihd_core.files import file_errors

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from ihd_core.phantom.series_writer import Tags

_GROUPS: Mapping[str, Mapping[str, str]] = {
    "PlanePositionSequence": {"ImagePositionPatient": "ImagePositionPatient"},
    "PlaneOrientationSequence": {"ImageOrientationPatient": "ImageOrientationPatient"},
    "PixelMeasuresSequence": {"PixelSpacing": "PixelSpacing", "SliceThickness": "SliceThickness"},
    "PixelValueTransformationSequence": {
        "RescaleSlope": "RescaleSlope",
        "RescaleIntercept": "RescaleIntercept",
        "RescaleType": "RescaleType",
    },
    "FrameVOILUTSequence": {"WindowCenter": "WindowCenter", "WindowWidth": "WindowWidth"},
    "CTReconstructionSequence": {"ConvolutionKernel": "ConvolutionKernel"},
    "CTXRayDetailsSequence": {"KVP": "KVP"},
    "CTImageFrameTypeSequence": {"ImageType": "FrameType"},
    "FrameContentSequence": {"AcquisitionNumber": "FrameAcquisitionNumber"},
}
"""Functional group to what a slice says and what the group calls it; DICOM PS3.3 C.7.6.16.2 and C.8.15.3."""

_ASSIGNED_IN_LEGACY = frozenset(_GROUPS) - {"CTReconstructionSequence", "CTXRayDetailsSequence"}
_UNASSIGNED = "unassigned"
_EVERYWHERE = {"ImageType"}
"""What the object says as well as its frames."""


def write_multiframe(  # noqa: PLR0913  every oddity is one keyword, so that a test names exactly the one it is about
    path: Path,
    slices: Sequence[Path],
    *,
    legacy: bool = False,
    transfer_syntax: str = "",
    offset_table: str = "basic",
    fragments: int = 1,
    frame_content: Sequence[Tags] = (),
    shared: Tags | None = None,
    without: Collection[str] = (),
    tags: Tags | None = None,
) -> Path:
    """Write one object whose frames are the given slices, in the given order; equal arguments write equal files.

    What all slices say alike becomes a shared functional group, what differs one of every frame.

    Args:
        path: of the new file, in a folder that is there.
        slices: CT Image Storage files with native pixels, all of one transfer syntax, matrix and pixel format.
        legacy: Legacy Converted Enhanced CT, which keeps kernel and tube voltage as unassigned attributes.
        transfer_syntax: UID of a compressed one with an encoder that pydicom knows; by default that of the slices.
        offset_table: of compressed frames: "basic", "extended" or "" for none.
        fragments: so many of every compressed frame.
        frame_content: put into the Frame Content group, one a frame.
        shared: put into the shared functional groups, after everything else.
        without: functional groups to leave out.
        tags: put into the object, after everything else; None leaves an element out.

    Returns:
        path.

    Raises:
        FileError: the file cannot be written.
    """
    frames = [dcmread(file) for file in slices]
    instance = dcmread(slices[0])
    instance.SOPClassUID = LegacyConvertedEnhancedCTImageStorage if legacy else EnhancedCTImageStorage
    instance.file_meta.MediaStorageSOPClassUID = instance.SOPClassUID
    own = [_groups(frame, legacy=legacy, without=without) for frame in frames]
    for groups, content in zip(own, frame_content, strict=False):
        _put(groups.setdefault("FrameContentSequence", Dataset()), content)
    common = {name for name in own[0] if all(name in other and other[name] == own[0][name] for other in own)}
    common -= {"FrameContentSequence", "PlanePositionSequence"}
    if common or shared:
        item = _functional({name: own[0][name] for name in sorted(common)}, is_shared=True)
        _put(item, shared or {})
        instance.SharedFunctionalGroupsSequence = [item]
    instance.PerFrameFunctionalGroupsSequence = [
        _functional({name: group for name, group in groups.items() if name not in common}) for groups in own
    ]
    for keyword in {keyword for group in _GROUPS.values() for keyword in group} - _EVERYWHERE:
        if keyword in instance:
            del instance[keyword]
    instance.NumberOfFrames = len(frames)
    instance.PixelData = b"".join(frame.PixelData for frame in frames)
    if transfer_syntax:
        _compress(instance, transfer_syntax, offset_table, fragments)
    _put(instance, tags or {})
    with file_errors(path), config.disable_value_validation():
        instance.save_as(path, enforce_file_format=True)
    return path


def _groups(frame: Dataset, *, legacy: bool, without: Collection[str]) -> dict[str, Dataset]:
    """The functional groups of one slice."""
    found: dict[str, Dataset] = {}
    for sequence, keywords in _GROUPS.items():
        if sequence in without:
            continue
        is_assigned = not legacy or sequence in _ASSIGNED_IN_LEGACY
        for keyword, name in keywords.items():
            if frame.get(keyword) not in (None, ""):
                item = found.setdefault(sequence if is_assigned else _UNASSIGNED, Dataset())
                setattr(item, name if is_assigned else keyword, frame[keyword].value)
    return found


def _functional(groups: Mapping[str, Dataset], *, is_shared: bool = False) -> Dataset:
    item = Dataset()
    for name, group in groups.items():
        middle = "Shared" if is_shared else "PerFrame"
        keyword = f"Unassigned{middle}ConvertedAttributesSequence" if name == _UNASSIGNED else name
        setattr(item, keyword, [group])
    return item


def _compress(instance: Dataset, transfer_syntax: str, offset_table: str, fragments: int) -> None:
    instance.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    instance.compress(transfer_syntax, generate_instance_uid=False)
    encoded = list(generate_frames(instance.PixelData, number_of_frames=int(instance.NumberOfFrames)))
    if offset_table == "extended":
        pixels, offsets, lengths = encapsulate_extended(encoded)
        instance.ExtendedOffsetTable, instance.ExtendedOffsetTableLengths = offsets, lengths
        instance.PixelData = pixels
    else:
        instance.PixelData = encapsulate(encoded, fragments_per_frame=fragments, has_bot=offset_table == "basic")


def _put(dataset: Dataset, tags: Tags) -> None:
    for keyword, value in tags.items():
        if tag_for_keyword(keyword) is None:
            raise ValueError(f"{keyword} is no DICOM keyword")
        if value is None:
            if keyword in dataset:
                delattr(dataset, keyword)
        else:
            with config.disable_value_validation():
                setattr(dataset, keyword, value)
