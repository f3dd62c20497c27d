"""Maps that sit where they should, and maps that do not."""

import numpy as np
import torch

from ihd_core.labels import LABELS, Label
from ihd_core.networks.network import SliceCnn
from ihd_core.phantom.phantom import phantom_scan
from tests.training.fitting.bright_spots import BrightSpots
from training.config import CnnConfig, RunConfig
from training.fitting import map_quality
from training.fitting.localised import lesions
from training.fitting.map_quality import FIELD_MM, judged, quality_on

SDH, ANY = Label.SUBDURAL.column, Label.ANY.column


def one_slice(peaks, marked, truth=(SDH, ANY), inside=None):
    maps = np.full((1, 6, 6, 6), -0.1, np.float32)
    for (row, column), value in peaks.items():
        maps[0, :, row, column] = value
    cells = np.zeros((5, 6, 6), np.uint8)
    for row, column in marked:
        cells[SDH, row, column] = 200
    true = np.zeros((1, 6), bool)
    true[0, list(truth)] = True
    return maps, true, [lesions(cells)], [inside]


def test_a_lesion_is_found_by_a_peak_on_one_of_its_cells():
    lesion_and_other = [(0, 0), (0, 1), (4, 4)]
    assert judged(*one_slice({(0, 1): 1.0}, lesion_and_other)).recall(Label.SUBDURAL) == 1 / 2
    assert judged(*one_slice({(0, 1): 1.0, (4, 4): 0.5}, lesion_and_other)).recall(Label.SUBDURAL) == 1
    assert judged(*one_slice({(2, 2): 1.0}, lesion_and_other)).recall(Label.SUBDURAL) == 0


def test_the_slope_of_a_peak_beside_a_lesion_finds_nothing():
    assert judged(*one_slice({(1, 1): 1.0, (1, 2): 0.9}, [(1, 2)])).recall(Label.SUBDURAL) == 0


def test_a_peak_too_faint_to_be_painted_finds_nothing():
    faint = {(1, 1): 1.0, (4, 4): 0.19}
    assert judged(*one_slice(faint, [(1, 1), (4, 4)])).recall(Label.SUBDURAL) == 1 / 2
    assert judged(*one_slice({**faint, (4, 4): 0.21}, [(1, 1), (4, 4)])).recall(Label.SUBDURAL) == 1


def test_lesions_of_labels_that_are_not_true_or_not_known_do_not_count():
    found = judged(*one_slice({(1, 1): 1.0}, [(1, 1)], truth=(ANY,)))
    assert found.lesions.tolist() == [0, 0, 0, 0, 0, 1]
    assert np.isnan(found.recall(Label.SUBDURAL))
    maps, truth, _, inside = one_slice({(1, 1): 1.0}, [(1, 1)])
    assert not judged(maps, truth, [None], inside).lesions.any()


def test_evidence_outside_the_skull_is_a_share_of_the_positive_evidence():
    inside = np.zeros((6, 6), bool)
    inside[1:5, 1:5] = True
    found = judged(*one_slice({(2, 2): 3.0, (0, 5): 1.0}, [], inside=inside))
    assert [found.share_outside(label) for label in LABELS] == [0.25] * 6
    assert np.isnan(judged(*one_slice({(0, 5): 1.0}, [])).share_outside(Label.ANY)), "no skull was found"


def test_counts_of_folds_are_added():
    one = judged(*one_slice({(1, 1): 1.0}, [(1, 1)]))
    two = judged(*one_slice({(1, 1): 1.0}, [(4, 4)]))
    assert (one + two).recall(Label.SUBDURAL) == 1 / 2


class Head(BrightSpots):
    """A phantom as prepared pictures."""

    def __init__(self, side):
        super().__init__(count=4, side=side)
        found = phantom_scan(3, size=side, slices=16)
        self.pictures = found.scan.hu[6:10]
        self.table.heights_mm[:] = found.scan.heights_mm[6:10]


def test_what_the_skull_encloses_is_found_on_prepared_pictures(monkeypatch):
    """A CNN that sees soft tissue has evidence inside; one that sees bright bone has more of it outside."""
    head = Head(128)
    torch.manual_seed(0)
    cnn = SliceCnn("small").eval()
    size = 128 // 16
    shares = []
    for low, high in ((10, 60), (600, 3000)):
        seen = ((head.pictures > low) & (head.pictures < high)).reshape(4, size, 16, size, 16).mean(axis=(2, 4))
        maps = np.repeat(seen[:, None], 6, axis=1).astype(np.float32)
        monkeypatch.setattr(map_quality, "_maps", lambda *_, maps=maps: maps)
        shares.append(quality_on(cnn, head, np.arange(4), RunConfig()).share_outside(Label.ANY))
    assert 0 <= shares[0] < 0.15
    assert shares[1] > shares[0]
    assert 0.5 < 128 * head_pixel_mm(head) / FIELD_MM < 2


def head_pixel_mm(head):
    return phantom_scan(3, size=head.side, slices=16).scan.spacing_mm[1]


def test_maps_are_those_of_the_network_and_their_cells_its_own():
    source = BrightSpots(count=6, side=32)
    torch.manual_seed(0)
    cnn = SliceCnn("small").eval()
    config = RunConfig(cnn=CnnConfig(backbone="small", batch=4))
    maps = map_quality._maps(cnn, source, np.arange(6), config, lambda done, total: None)
    from ihd_core.model_input import channels

    with torch.no_grad():
        logits = cnn(torch.from_numpy(np.stack([channels(one) for one in source.pictures]))).logits
        sums = torch.from_numpy(maps).sum((2, 3)) + cnn.head.bias
    torch.testing.assert_close(sums, logits, rtol=1e-4, atol=1e-5)
    assert quality_on(cnn, source, np.arange(6), config).lesions[ANY] == 3


def test_many_scans_are_thinned_to_whole_ones(monkeypatch):
    monkeypatch.setattr(map_quality, "MOST_SCANS", 2)
    source = BrightSpots(count=24)
    rows = map_quality._some_scans(source, np.arange(4, 24), seed=1)
    assert len(rows) == 8
    assert len(set(source.table.scans[rows])) == 2
    assert rows.min() >= 4
