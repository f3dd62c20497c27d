import csv
import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ihd_core.errors import StudyError
from ihd_core.study.rows import FIELDS, FIRST_HASH, HEADER, LONGEST, Checked, checked, decode, encode, lines


def written(count, **values):
    content, previous = HEADER, FIRST_HASH
    for number in range(1, count + 1):
        line, previous = encode({"sequence": str(number), "reader": "r", **values}, previous)
        content += line
    return content


def read(content):
    return checked(tuple(lines(content)))


def in_spreadsheet(line):
    return dict(zip(FIELDS, next(csv.reader(io.StringIO(line.decode()))), strict=True))


@given(st.text(max_size=60))
def test_any_text_comes_back_as_it_was_written_and_takes_one_line(text):
    line, _ = encode({"sequence": "1", "comment": text, "reader": text}, FIRST_HASH)
    assert line.count(b"\n") == 1
    assert len(line.decode().splitlines()) == 1
    row = decode(line[:-1], 2).row
    assert row["comment"] == row["reader"] == text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "'=1", "＝1", '=HYPERLINK("x")', "=a,b"])
def test_a_spreadsheet_sees_no_formula_and_the_text_comes_back(text):
    line, _ = encode({"sequence": "1", "comment": text}, FIRST_HASH)
    assert in_spreadsheet(line)["comment"][0] == "'"
    assert decode(line[:-1], 2).row["comment"] == text


def test_a_negative_number_stays_a_number():
    line, _ = encode({"sequence": "1", "window_center": "-600.000"}, FIRST_HASH)
    assert in_spreadsheet(line)["window_center"] == "-600.000"


def test_a_line_break_is_written_as_two_characters():
    line, _ = encode({"sequence": "1", "comment": "a\nb\\n\r\tc\u2028"}, FIRST_HASH)
    assert in_spreadsheet(line)["comment"] == "a\\nb\\\\n\\r\\tc\\u{2028}"


def test_the_hash_is_sha256_of_the_line_before_it_and_the_line_holds_the_hash_before():
    first, first_hash = encode({"sequence": "1"}, FIRST_HASH)
    second, second_hash = encode({"sequence": "2"}, first_hash)
    body, _, in_file = second.rstrip(b"\n").rpartition(b",")
    assert in_file.decode() == second_hash == hashlib.sha256(body).hexdigest()
    assert body.endswith(b"," + first_hash.encode())
    assert first.rstrip(b"\n").endswith(first_hash.encode())


def test_a_text_too_long_to_be_read_back_is_refused():
    with pytest.raises(StudyError, match="comment: 20,001 characters, at most 20,000"):
        encode({"comment": "x" * (LONGEST + 1)}, FIRST_HASH)
    line, _ = encode({"sequence": "1", "comment": "\x01" * LONGEST}, FIRST_HASH)
    assert decode(line[:-1], 2).row["comment"] == "\x01" * LONGEST


def test_an_untouched_file_checks_out():
    assert read(written(4)) == Checked(4, (), ())


@pytest.mark.parametrize("step", [1, 7])
def test_every_changed_byte_of_a_row_is_found(step):
    content = written(3, comment='a "quoted", text')
    start = len(HEADER)
    end = content.rindex(b"\n", 0, -1)  # the last row of all is cut where its own hash ends
    for position in range(start, end, step):
        damaged = bytearray(content)
        damaged[position] ^= 1
        found = read(bytes(damaged))
        assert found.problems, f"byte {position}"


def test_a_changed_row_is_named_by_its_line():
    content = written(4, value="no").replace(b",no,", b",yes,", 2).replace(b",yes,", b",no,", 1)
    assert read(content).problems[0] == "line 3: changed after it was written (its hash does not fit)"


def test_a_missing_row_is_named():
    rows = written(4).splitlines(keepends=True)
    found = read(b"".join(rows[:2] + rows[3:]))
    assert found.problems == ("line 3: row 3 does not follow the row before it; row 2 is missing",)


def test_a_moved_row_is_named():
    rows = written(4).splitlines(keepends=True)
    found = read(b"".join([rows[0], rows[1], rows[3], rows[2], rows[4]]))
    assert found.problems[0].startswith("line 3: row 3 does not follow")


@pytest.mark.parametrize("kept", [1, 20, 60, -70, -66, -65, -64, -2, -1])
def test_a_row_torn_anywhere_costs_no_neighbour(kept):
    whole = written(2, comment='a "quoted", text')
    first, second = whole[len(HEADER) :].splitlines()
    following, _ = encode({"sequence": "2", "reader": "r"}, decode(first, 2).row["hash"])
    found = read(HEADER + first + b"\n" + second[:kept] + b"\n" + following)
    assert (found.rows, found.problems, found.torn) == (2, (), (3,))


def test_a_row_torn_inside_a_character_costs_no_neighbour():
    line, _ = encode({"sequence": "1", "comment": "über"}, FIRST_HASH)
    torn = line[: line.index("ü".encode()) + 1]
    assert decode(torn, 2).torn
