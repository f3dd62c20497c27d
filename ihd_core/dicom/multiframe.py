"""What a multi-frame object says about each of its frames, out of its functional groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ihd_core.dicom.elements import DatasetElements, text, whole
from ihd_core.errors import DicomError
from ihd_core.scan import PART

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from pydicom.dataset import Dataset

CLASSES = frozenset({"1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"})
"""Enhanced CT Image Storage and Legacy Converted Enhanced CT Image Storage."""

SEQUENCES = ("ContrastBolusAgentSequence", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
"""What has to be read of a file beside the elements of every slice."""

MOST_FRAMES = 20_000
"""Frames of one object; an hour of perfusion imaging has fewer."""

_IN_GROUP: Mapping[str, tuple[tuple[str, str], ...]] = {
    "ImageType": (("CTImageFrameTypeSequence", "FrameType"),),
    "ImagePositionPatient": (("PlanePositionSequence", "ImagePositionPatient"),),
    "ImageOrientationPatient": (("PlaneOrientationSequence", "ImageOrientationPatient"),),
    "PixelSpacing": (("PixelMeasuresSequence", "PixelSpacing"),),
    "SliceThickness": (("PixelMeasuresSequence", "SliceThickness"),),
    "RescaleSlope": (("PixelValueTransformationSequence", "RescaleSlope"),),
    "RescaleIntercept": (("PixelValueTransformationSequence", "RescaleIntercept"),),
    "RescaleType": (("PixelValueTransformationSequence", "RescaleType"),),
    "WindowCenter": (("FrameVOILUTSequence", "WindowCenter"),),
    "WindowWidth": (("FrameVOILUTSequence", "WindowWidth"),),
    "ConvolutionKernel": (("CTReconstructionSequence", "ConvolutionKernel"),),
    "KVP": (("CTXRayDetailsSequence", "KVP"),),
    "AcquisitionNumber": (("FrameContentSequence", "FrameAcquisitionNumber"),),
    "AcquisitionTime": (
        ("FrameContentSequence", "FrameAcquisitionDateTime"),
        ("FrameContentSequence", "FrameReferenceDateTime"),
    ),
    "StackID": (("FrameContentSequence", "StackID"),),
    "TemporalPositionIndex": (("FrameContentSequence", "TemporalPositionIndex"),),
}
"""Keyword to the functional group that has it, and its keyword there; DICOM PS3.3 C.7.6.16.2 and C.8.15.3."""

_CONVERTED = ("UnassignedPerFrameConvertedAttributesSequence", "UnassignedSharedConvertedAttributesSequence")
"""Where a Legacy Converted object keeps what the slices it was made of said, under its own keyword."""

_OF_ONE_FRAME = frozenset({"ImagePositionPatient", "ImagePosition"})
"""What says nothing about a frame where the object says it for all of them."""


class FrameElements:
    """What an object says about one frame: its own functional groups, then the shared ones, then the object."""

    def __init__(self, instance: DatasetElements, groups: Sequence[Dataset], *, is_alone: bool) -> None:
        """Take the functional groups of the frame.

        Args:
            instance: the object itself.
            groups: the frame's own, then the shared ones.
            is_alone: it is the object's only frame.
        """
        self.transfer_syntax = instance.transfer_syntax
        self.said: dict[str, tuple[str, ...]] = {}
        """What is known of the frame otherwise, by keyword; it counts before everything else."""
        self._instance = instance
        self._groups = groups
        self._is_alone = is_alone
        self._items: dict[str, tuple[DatasetElements, ...]] = {}

    def texts(self, keyword: str) -> tuple[str, ...]:
        """As Elements.texts."""
        if keyword in self.said:
            return self.said[keyword]
        return next((elements.texts(name) for elements, name in self._where(keyword)), ())

    def numbers(self, keyword: str) -> tuple[float, ...] | None:
        """As Elements.numbers; a malformed value of the frame is not replaced by one of the whole object."""
        if keyword in self.said:
            try:
                return tuple(float(part) for part in self.said[keyword]) or None
            except ValueError:
                return None
        return next((elements.numbers(name) for elements, name in self._where(keyword)), None)

    def datasets(self, sequence: str) -> list[Dataset]:
        """The items of one functional group, the frame's own before the shared ones."""
        return [item for group in self._groups for item in _items(group, sequence)]

    def items(self, sequence: str) -> tuple[DatasetElements, ...]:
        """The same as elements."""
        if sequence not in self._items:
            self._items[sequence] = tuple(DatasetElements(item) for item in self.datasets(sequence))
        return self._items[sequence]

    def _where(self, keyword: str) -> Iterator[tuple[DatasetElements, str]]:
        """The places that have a value, best first, with the keyword used there."""
        for sequence, name in _IN_GROUP.get(keyword, ()):
            yield from ((item, name) for item in self.items(sequence) if item.texts(name))
        for sequence in _CONVERTED:
            yield from ((item, keyword) for item in self.items(sequence) if item.texts(keyword))
        if self._is_alone or keyword not in _OF_ONE_FRAME:
            yield self._instance, keyword


def frame_elements(dataset: Dataset, name: str) -> tuple[FrameElements, ...]:
    """What a multi-frame object says about each frame, in the order of its pixels.

    The frames are told apart as slices are: SOPInstanceUID is that of the object with PART and the number of the frame,
    AcquisitionNumber the temporal position or the stack where these differ, InstanceNumber the frame's place in the
    order of acquisitions.

    Args:
        dataset: with SEQUENCES.
        name: of the file, for messages.

    Returns:
        Empty where there are no functional groups.

    Raises:
        DicomError: the number of frames is not that of the functional groups.
    """
    groups = _items(dataset, SEQUENCES[2])
    if not groups:
        return ()
    instance = DatasetElements(dataset)
    announced = whole(instance, "NumberOfFrames")
    if announced != len(groups):
        raise DicomError(f"{name}: is damaged (announces {announced:,} frames and describes {len(groups):,})")
    shared = _items(dataset, SEQUENCES[1])[:1]
    frames = tuple(FrameElements(instance, (own, *shared), is_alone=announced == 1) for own in groups)
    agents = [DatasetElements(agent) for agent in _items(dataset, SEQUENCES[0])]
    acquisitions = _acquisitions(frames)
    uid = text(instance, "SOPInstanceUID") or text(instance, "MediaStorageSOPInstanceUID")
    in_order = sorted(range(len(frames)), key=lambda index: (acquisitions[index], index))
    for place, index in enumerate(in_order, start=1):
        frame = frames[index]
        frame.said["AcquisitionNumber"] = (str(acquisitions[index]),)
        if agents:
            frame.said["ContrastBolusAgent"] = _agents(frame, agents)
        if region := _region(frame):
            frame.said["BodyPartExamined"] = (region,)
        if announced > 1:
            frame.said["InstanceNumber"] = (str(place),)
            frame.said["SOPInstanceUID"] = (f"{uid}{PART}{index + 1}",) if uid else ()
    return frames


def _acquisitions(frames: Sequence[FrameElements]) -> list[int]:
    """A number for every frame, from whichever of temporal position, stack and acquisition differ."""
    numbers = [whole(frame, "AcquisitionNumber") for frame in frames]
    stacks = [text(frame, "StackID") for frame in frames]
    times = [whole(frame, "TemporalPositionIndex") for frame in frames]
    differing: list[Sequence[Hashable]] = [values for values in (times, stacks, numbers) if len(set(values)) > 1]
    if not differing:
        return numbers
    if len(differing) == 1 and differing[0] is not stacks:
        return times if differing[0] is times else numbers
    keys = list(zip(times, map(_natural, stacks), numbers, strict=True))
    rank = {key: place for place, key in enumerate(sorted(set(keys)), start=1)}
    return [rank[key] for key in keys]


def _natural(stack: str) -> tuple[int, str]:
    """Stack 2 before stack 10."""
    return (int(stack) if stack.isdecimal() and len(stack) < 10 else 0), stack


def _agents(frame: FrameElements, agents: Sequence[DatasetElements]) -> tuple[str, ...]:
    """Agents that were given when the frame was acquired; all of the object where it does not say when."""
    usage = frame.items("ContrastBolusUsageSequence")
    without = {
        whole(item, "ContrastBolusAgentNumber")
        for item in usage
        if text(item, "ContrastBolusAgentAdministered") == "NO" and text(item, "ContrastBolusAgentDetected") != "YES"
    }
    given = [agent for agent in agents if whole(agent, "ContrastBolusAgentNumber") not in without]
    return tuple(text(agent, "CodeMeaning") or text(agent, "CodeValue") or "not named" for agent in given)


def _region(frame: FrameElements) -> str:
    """What the frame shows, in words."""
    for anatomy in frame.datasets("FrameAnatomySequence"):
        for region in _items(anatomy, "AnatomicRegionSequence"):
            return text(DatasetElements(region), "CodeMeaning")
    return ""


def _items(dataset: Dataset, sequence: str) -> list[Dataset]:
    """The items of a sequence; none where it is absent or malformed."""
    from pydicom.sequence import Sequence as Items

    try:
        value = dataset.get(sequence)
    except Exception:  # a malformed sequence raises whatever its parsing raised; it counts as absent
        return []
    return list(value) if isinstance(value, Items) else []
