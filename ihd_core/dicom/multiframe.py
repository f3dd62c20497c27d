"""What a multi-frame object says about each of its frames, out of its functional groups."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from ihd_core.dicom.elements import DatasetElements, text, whole
from ihd_core.errors import DicomError
from ihd_core.scan import PART

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from pydicom.dataset import Dataset

    from ihd_core.dicom.elements import Elements

CLASSES = frozenset({"1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"})
"""Enhanced CT Image Storage and Legacy Converted Enhanced CT Image Storage."""

SEQUENCES = ("ContrastBolusAgentSequence", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
"""What has to be read of a file beside the elements of every slice."""

MOST_FRAMES = 20_000
"""Frames of one object; an hour of perfusion imaging has fewer."""

_IN_GROUPS: Mapping[str, Mapping[str, str]] = {
    "CTImageFrameTypeSequence": {"FrameType": "ImageType"},
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
    "FrameContentSequence": {
        "FrameAcquisitionNumber": "AcquisitionNumber",
        "FrameReferenceDateTime": "AcquisitionTime",
        "FrameAcquisitionDateTime": "AcquisitionTime",
        "StackID": "StackID",
        "TemporalPositionIndex": "TemporalPositionIndex",
    },
}
"""Functional group to the keywords in it and what a slice calls the same; DICOM PS3.3 C.7.6.16.2 and C.8.15.3."""

_CONVERTED = ("UnassignedPerFrameConvertedAttributesSequence", "UnassignedSharedConvertedAttributesSequence")
"""Where a Legacy Converted object keeps what the slices it was made of said, under its own keyword."""

_OF_ONE_FRAME = frozenset({"ImagePositionPatient", "ImagePosition"})
"""What says nothing about a frame where the object says it for all of them."""


class FrameElements:
    """What an object says about one frame: first its own functional groups, then the shared ones, then the object."""

    def __init__(self, groups: Sequence[Dataset], beyond: Elements, *, hidden: frozenset[str] = frozenset()) -> None:
        """Take functional groups.

        Args:
            groups: the frame's own, or the shared ones; one item, or none.
            beyond: what counts where these say nothing.
            hidden: keywords for which nothing else counts.
        """
        self.transfer_syntax = beyond.transfer_syntax
        self.said: dict[str, tuple[str, ...]] = {}
        """What is known of the frame otherwise, by keyword; it counts before everything else."""
        self._places = _places(groups)
        self._beyond = beyond
        self._hidden = hidden

    def texts(self, keyword: str) -> tuple[str, ...]:
        """As Elements.texts."""
        if keyword in self.said:
            return self.said[keyword]
        if place := self._places.get(keyword):
            return place[0].texts(place[1])
        return () if keyword in self._hidden else self._beyond.texts(keyword)

    def numbers(self, keyword: str) -> tuple[float, ...] | None:
        """As Elements.numbers; a malformed value of the frame is not replaced by one of the whole object."""
        if keyword in self.said:
            return tuple(float(part) for part in self.said[keyword])
        if place := self._places.get(keyword):
            return place[0].numbers(place[1])
        return None if keyword in self._hidden else self._beyond.numbers(keyword)


class _Remembered:
    """What all frames have in common, looked up once."""

    def __init__(self, elements: Elements) -> None:
        self.transfer_syntax = elements.transfer_syntax
        self.texts = cache(elements.texts)
        self.numbers = cache(elements.numbers)


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
    common = _Remembered(FrameElements(shared, instance, hidden=_OF_ONE_FRAME if announced > 1 else frozenset()))
    frames = tuple(FrameElements([own], common) for own in groups)
    agents = [DatasetElements(agent) for agent in _items(dataset, SEQUENCES[0])]
    for frame, own in zip(frames, groups, strict=True):
        if agents:
            frame.said["ContrastBolusAgent"] = _agents((own, *shared), agents)
        if region := _region((own, *shared)):
            frame.said["BodyPartExamined"] = (region,)
    acquisitions = _acquisitions(frames)
    uid = text(instance, "SOPInstanceUID") or text(instance, "MediaStorageSOPInstanceUID")
    in_order = sorted(range(len(frames)), key=lambda index: (acquisitions[index], index))
    for place, index in enumerate(in_order, start=1):
        frame = frames[index]
        frame.said["AcquisitionNumber"] = (str(acquisitions[index]),)
        if announced > 1:
            frame.said["InstanceNumber"] = (str(place),)
            frame.said["SOPInstanceUID"] = (f"{uid}{PART}{index + 1}",) if uid else ()
    return frames


def _places(groups: Sequence[Dataset]) -> dict[str, tuple[DatasetElements, str]]:
    """Where functional groups have something to say: keyword of a slice to item, and keyword in the item."""
    found: dict[str, tuple[DatasetElements, str]] = {}
    for group in groups:
        for item in (item for sequence in _CONVERTED for item in _items(group, sequence)):
            found.update((keyword, (DatasetElements(item), keyword)) for keyword in item.dir())
        for sequence, keywords in _IN_GROUPS.items():
            for item in _items(group, sequence)[:1]:
                elements = DatasetElements(item)
                found.update((keyword, (elements, name)) for name, keyword in keywords.items() if _says(item, name))
    return found


def _says(item: Dataset, keyword: str) -> bool:
    """Whether there is a value, be it malformed."""
    element = item.get_item(keyword, keep_deferred=True)
    return element is not None and element.value not in (None, b"", "")


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


def _agents(groups: Sequence[Dataset], agents: Sequence[DatasetElements]) -> tuple[str, ...]:
    """Agents that were given when the frame was acquired; all of the object where it does not say when."""
    usage = [DatasetElements(item) for group in groups for item in _items(group, "ContrastBolusUsageSequence")]
    without = {
        whole(item, "ContrastBolusAgentNumber")
        for item in usage
        if text(item, "ContrastBolusAgentAdministered") == "NO" and text(item, "ContrastBolusAgentDetected") != "YES"
    }
    given = [agent for agent in agents if whole(agent, "ContrastBolusAgentNumber") not in without]
    return tuple(text(agent, "CodeMeaning") or text(agent, "CodeValue") or "not named" for agent in given)


def _region(groups: Sequence[Dataset]) -> str:
    """What the frame shows, in words."""
    for anatomy in (item for group in groups for item in _items(group, "FrameAnatomySequence")):
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
