"""Masks and boxes in cells, against pixels that are counted and pictures that were laid by prepare."""

import cv2
import numpy as np
import pytest

from ihd_core.errors import FileError
from ihd_core.labels import LABELS, SUBTYPES, Label
from ihd_core.model_input import placement
from ihd_core.phantom.series_writer import write_series
from ihd_core.scan import Scan
from tests.training.data.indexed_run import indexed_run, slice_table
from training.data.masks import BOX_COLUMNS, Box, Lesions, cell_shares, is_known, read_boxes, read_mask
from training.data.pictures import open_pictures
from training.data.prepare import prepare

SDH, IPH = Label.SUBDURAL, Label.INTRAPARENCHYMAL
X, Y, Z = np.eye(3)


def truth(*labels):
    row = np.zeros(len(LABELS), np.int8)
    row[[label.column for label in labels]] = 1
    row[-1] = bool(labels)
    return row


def place_of(rows, columns, side):
    positions = np.array([[0, 0, 0], [0, 0, 5.0]])
    hu = np.zeros((2, rows, columns), np.int16)
    return placement(Scan(hu, (5.0, 0.5, 0.5), np.eye(3), positions, "1.2", ("1.2.1", "1.2.2")), side)


def counted(bits, index, count):
    """Share of every cell, pixel by pixel."""
    step = len(bits) // count
    shares = np.zeros((count, count))
    for row, column in zip(*np.nonzero(bits >> index & 1), strict=True):
        shares[row // step, column // step] += 1 / step**2
    return shares


def test_a_cell_holds_the_share_of_its_pixels_that_are_marked():
    bits = np.zeros((128, 128), np.uint8)
    bits[10:50, 60:90] |= 1 << SDH.column
    bits[40:70, 80:81] |= 1 << IPH.column
    found = cell_shares(bits, place_of(128, 128, 64))
    assert found.shape == (5, 4, 4)
    for index in range(len(SUBTYPES)):
        np.testing.assert_allclose(found[index], counted(bits, index, 4) * 255, atol=0.51)
    assert found[SDH.column, 0, 2] == round(255 * 22 * 26 / 32**2)


def test_a_single_marked_pixel_is_not_lost():
    bits = np.zeros((512, 512), np.uint8)
    bits[300, 20] = 1 << IPH.column
    found = cell_shares(bits, place_of(512, 512, 256))
    assert found.sum() == 1
    assert found[IPH.column, 300 // 32, 0] == 1


@pytest.mark.parametrize(
    ("orientation", "spacing", "shape"),
    [
        ((X, Y, Z), (5.0, 0.5, 0.5), (128, 128)),
        ((X, -Y, Z), (5.0, 0.5, 0.5), (128, 128)),
        ((-X, Y, Z), (5.0, 0.5, 0.5), (128, 160)),
        ((Y, X, Z), (5.0, 0.5, 0.5), (160, 96)),
        ((Y, -X, Z), (5.0, 1.0, 0.5), (96, 128)),
    ],
)
def test_cells_lie_where_the_picture_shows_what_is_marked(tmp_path, orientation, spacing, shape):
    """The lesion is drawn into the HU and into the mask of the stored slice; both are laid into the picture."""
    marked = np.zeros(shape, bool)
    marked[20:52, 30:70] = True
    hu = np.where(marked, 1000, 0).astype(np.int16)
    paths = write_series(
        tmp_path / "a", np.stack([hu, np.zeros_like(hu)]), orientation=np.stack(orientation), spacing_mm=spacing
    )
    masks = tmp_path / "masks"
    masks.mkdir()
    cv2.imwrite(str(masks / "a-001.png"), marked.astype(np.uint8) << SDH.column)
    table = slice_table(tmp_path, {"a": paths}, [truth(SDH), truth()])
    run = indexed_run(tmp_path / "run", tmp_path, table, side=64, masks=masks)
    prepare(run, processes=1)
    pictures = open_pictures(run)
    shares = np.clip(pictures.hu(0), 0, None).astype(np.float64).reshape(4, 16, 4, 16).mean(axis=(1, 3)) / 1000
    np.testing.assert_allclose(pictures.cells(0)[SDH.column] / 255, shares, atol=0.01)
    assert shares.max() > 0.2
    assert not pictures.cells(1).any()


def test_a_box_marks_what_a_mask_of_its_pixels_does(tmp_path):
    table = tmp_path / "boxes.csv"
    table.write_text("id,label,top,left,bottom,right\nx,subdural,10,60,50,90\nx,intraparenchymal,40,80,70,81\n")
    found = Lesions(None, read_boxes(table)).bits("x", (128, 128))
    bits = np.zeros((128, 128), np.uint8)
    bits[10:50, 60:90] |= 1 << SDH.column
    bits[40:70, 80:81] |= 1 << IPH.column
    np.testing.assert_array_equal(found, bits)
    assert Lesions(None, read_boxes(table)).bits("y", (128, 128)) is None


def test_mask_and_boxes_of_one_slice_are_joined(tmp_path):
    cv2.imwrite(str(tmp_path / "x.png"), np.full((8, 8), 1 << IPH.column, np.uint8))
    (tmp_path / "boxes.csv").write_text("id,label,top,left,bottom,right\nx,subdural,0,0,8,4\n")
    bits = Lesions(tmp_path, read_boxes(tmp_path / "boxes.csv")).bits("x", (8, 8))
    assert bits[0, 0] == 1 << IPH.column | 1 << SDH.column
    assert bits[0, 7] == 1 << IPH.column


def test_nothing_marked_in_a_slice_without_hemorrhage_is_known_and_otherwise_unknown():
    unknown = np.full(len(LABELS), -1, np.int8)
    assert is_known(None, truth())
    assert not is_known(None, truth(SDH))
    assert not is_known(None, unknown)


def test_a_label_that_nobody_marked_makes_a_slice_unknown():
    bits = np.zeros((4, 4), np.uint8)
    bits[1, 1] = 1 << SDH.column
    assert is_known(bits, truth(SDH))
    assert not is_known(bits, truth(SDH, IPH))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("x,any,1,1,2,2", "label any"),
        ("x,subdural,5,1,2,2", "edges 5, 1, 2, 2"),
        ("x,subdural,-1,1,2,2", "edges -1"),
        ("x,subdural,nan,1,2,2", "edges nan"),
        ("x,subdural,a,1,2,2", "could not convert"),
        ("x,subdural,1", "line 2"),
    ],
)
def test_a_row_that_is_no_box_is_refused_with_its_line(tmp_path, row, said):
    table = tmp_path / "boxes.csv"
    table.write_text(f"id,label,top,left,bottom,right\n{row}\n")
    with pytest.raises(FileError, match=rf"boxes\.csv: line 2 .*{said}|{said} is no box"):
        read_boxes(table)


def test_a_table_that_lacks_a_column_is_refused(tmp_path):
    table = tmp_path / "boxes.csv"
    table.write_text("id,label,x,y\n")
    with pytest.raises(FileError, match="no column top"):
        read_boxes(table)


def test_a_box_beyond_its_slice_is_refused():
    with pytest.raises(FileError, match=r"x: a box ends at \(9, 4\), the slice has 8 × 8"):
        Lesions(None, {"x": (Box(0, 0.0, 0.0, 9.0, 4.0),)}).bits("x", (8, 8))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (cv2.imencode(".png", np.zeros((8, 9), np.uint8))[1].tobytes(), "8 × 9 pixels, the slice has 8 × 8"),
        (cv2.imencode(".png", np.full((8, 8), 255, np.uint8))[1].tobytes(), "a value of 255, at most 31"),
        (cv2.imencode(".png", np.zeros((8, 8), np.uint16))[1].tobytes(), "not an 8 bit PNG"),
        (cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes(), "not an 8 bit PNG"),
        (b"no picture", "not an 8 bit PNG"),
        (b"", "not an 8 bit PNG"),
    ],
)
def test_what_is_no_mask_of_the_slice_is_refused(tmp_path, content, said):
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(FileError, match=rf"x\.png: {said}"):
        read_mask(path, (8, 8))


def test_a_mask_that_does_not_fit_is_named_and_the_slice_kept_without_known_cells(tmp_path):
    paths = write_series(tmp_path / "a", np.zeros((2, 64, 64), np.int16))
    cv2.imwrite(str(tmp_path / "a-001.png"), np.zeros((9, 9), np.uint8))
    table = slice_table(tmp_path, {"a": paths})
    run = indexed_run(tmp_path / "run", tmp_path, table, masks=tmp_path)
    prepare(run, processes=1)
    pictures = open_pictures(run)
    assert len(pictures) == 2
    assert pictures.cells(0) is None
    assert pictures.known_cells().tolist() == [False, True]
    assert "a-001,a/001.dcm,mask," in (run.path / "slices" / "problems.csv").read_text()
    refusing = indexed_run(tmp_path / "refusing", tmp_path, table, masks=tmp_path)
    with pytest.raises(FileError, match="no damaged mask is allowed"):
        prepare(refusing, damaged="refuse", processes=1)


def test_masks_and_boxes_of_slices_that_are_not_there_are_named(tmp_path):
    paths = write_series(tmp_path / "a", np.zeros((2, 64, 64), np.int16))
    for name in ("a-001", "ID_x", "ID_y"):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.zeros((64, 64), np.uint8))
    (tmp_path / "boxes.csv").write_text("id,label,top,left,bottom,right\nID_z,subdural,0,0,8,4\n")
    table = slice_table(tmp_path, {"a": paths})
    run = indexed_run(tmp_path / "run", tmp_path, table, masks=tmp_path, boxes=tmp_path / "boxes.csv")
    prepare(run, processes=1)
    log = (run.path / "log.txt").read_text()
    assert "masks of 2 slices that the index does not have: ID_x, ID_y\n" in log
    assert "boxes of 1 slices that the index does not have: ID_z\n" in log


@pytest.mark.parametrize(
    "content",
    [",".join(BOX_COLUMNS).encode("utf-16"), ",".join(BOX_COLUMNS).encode() + b'\n"x' + b"y" * 140_000],
    ids=["of another encoding", "of a quote that is never closed"],
)
def test_a_table_of_boxes_that_is_no_text_is_refused(tmp_path, content):
    (tmp_path / "boxes.csv").write_bytes(content)
    with pytest.raises(FileError, match=r"boxes\.csv: "):
        read_boxes(tmp_path / "boxes.csv")


def test_an_empty_mask_of_a_slice_with_hemorrhage_says_nothing():
    """Hemorrhage of no known subtype has a place, though no bit of a mask can say where."""
    any_alone = truth()
    any_alone[-1] = 1
    assert not is_known(np.zeros((4, 4), np.uint8), any_alone)
    assert is_known(np.zeros((4, 4), np.uint8), truth())


def test_a_folder_that_holds_no_mask_at_all_is_named(tmp_path):
    paths = write_series(tmp_path / "a", np.zeros((2, 32, 32), np.int16))
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "notes.txt").write_text("moved")
    run = indexed_run(tmp_path / "run", tmp_path, slice_table(tmp_path, {"a": paths}), masks=tmp_path / "masks")
    prepare(run, processes=1)
    assert f"prepare: no slice has masks in {tmp_path / 'masks'}" in (run.path / "log.txt").read_text()
