import csv

import pytest

from ihd_core.labels import Label
from ihd_core.study.answers import (
    Recorded,
    Undone,
    record_opinion,
    record_rating,
    record_show_ai,
    recorded,
    undo_last,
)
from ihd_core.study.journal import Circumstances, Journal
from ihd_core.study.opinion import Opinion, with_call, with_comment, with_rest_no, with_suspicion
from ihd_core.study.rating import RatingValue

SDH, ANY = Label.SUBDURAL, Label.ANY
HEATMAP = ("1.2.7", 7, SDH)
OPINION = with_rest_no(with_suspicion(Opinion(), SDH, 85))


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "r1.csv", reader="r1") as opened:
        yield opened


def rows(journal):
    with journal.path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_nothing_is_recorded_of_a_scan_nobody_answered(journal):
    record_opinion(journal, "1.3", OPINION)
    assert recorded(journal, "1.2") == Recorded()


def test_an_opinion_comes_back_when_the_scan_is_opened_again(journal):
    opinion = with_comment(OPINION, "midline shift?\nsee slice 12")
    record_opinion(journal, "1.2", opinion)
    journal.close()
    with Journal(journal.path, reader="r1") as again:
        found = recorded(again, "1.2")
    assert found.opinion == opinion
    assert found.opinion_time == rows(journal)[0]["time"]


def test_an_opinion_takes_one_row_a_label_any_first_and_one_for_the_comment(journal):
    record_opinion(journal, "1.2", with_comment(OPINION, "x"), Circumstances(mode="triage", ai_visible=True))
    found = rows(journal)
    assert [(row["event"], row["label"], row["value"], row["suspicion"]) for row in found] == [
        ("opinion", "any", "yes", "85"),
        ("opinion", "epidural", "no", "10"),
        ("opinion", "intraparenchymal", "no", "10"),
        ("opinion", "intraventricular", "no", "10"),
        ("opinion", "subarachnoid", "no", "10"),
        ("opinion", "subdural", "yes", "85"),
        ("comment", "", "", ""),
    ]
    assert {(row["mode"], row["ai_visible"], row["answer"]) for row in found} == {("triage", "1", "1")}


def test_a_partial_opinion_comes_back_with_its_gaps(journal):
    opinion = with_call(Opinion(), Label.EPIDURAL, False)
    record_opinion(journal, "1.2", opinion)
    assert recorded(journal, "1.2").opinion == opinion


def test_a_changed_opinion_names_what_it_replaces(journal):
    record_opinion(journal, "1.2", with_comment(OPINION, "old"))
    record_opinion(journal, "1.2", with_comment(with_suspicion(OPINION, SDH, 30), ""))
    found = [row for row in rows(journal) if row["answer"] == "8"]
    assert [row["previous"] for row in found if row["label"] == "subdural"] == ["yes 85"]
    assert [(row["previous"], row["comment"]) for row in found if row["event"] == "comment"] == [("old", "")]
    assert recorded(journal, "1.2").opinion.comment == ""


def test_the_newest_rating_of_a_heatmap_counts_and_names_the_one_before(journal):
    record_rating(journal, "1.2", HEATMAP, RatingValue.INCORRECT)
    record_rating(journal, "1.2", HEATMAP, RatingValue.PARTIALLY_CORRECT)
    record_rating(journal, "1.2", ("1.2.8", 8, ANY), RatingValue.CORRECT)
    assert recorded(journal, "1.2").ratings == {
        ("1.2.7", SDH, ""): RatingValue.PARTIALLY_CORRECT,
        ("1.2.8", ANY, ""): RatingValue.CORRECT,
    }
    assert [row["previous"] for row in rows(journal)] == ["", "incorrect", ""]
    assert rows(journal)[0]["slice_index"] == "7"


def test_a_rating_is_about_the_heatmap_of_one_model(journal):
    first, second = (Circumstances(model_sha256=letter * 64) for letter in "ab")
    record_rating(journal, "1.2", HEATMAP, RatingValue.CORRECT, first)
    record_rating(journal, "1.2", HEATMAP, RatingValue.INCORRECT, second)
    assert [row["previous"] for row in rows(journal)] == ["", ""]
    assert recorded(journal, "1.2", model_sha256="a" * 64).ratings == {("1.2.7", SDH, ""): RatingValue.CORRECT}
    assert recorded(journal, "1.2", model_sha256="b" * 64).ratings == {("1.2.7", SDH, ""): RatingValue.INCORRECT}
    assert recorded(journal, "1.2", model_sha256="c" * 64).ratings == {}


def test_a_rating_is_about_the_heatmap_of_one_method(journal):
    first, second = Circumstances(method="grad-cam-cnn"), Circumstances(method="grad-cam-result-slice")
    record_rating(journal, "1.2", HEATMAP, RatingValue.CORRECT, first)
    record_rating(journal, "1.2", HEATMAP, RatingValue.INCORRECT, second)
    record_rating(journal, "1.2", HEATMAP, RatingValue.PARTIALLY_CORRECT, second)
    assert [row["previous"] for row in rows(journal)] == ["", "", "incorrect"]
    assert recorded(journal, "1.2").ratings == {
        ("1.2.7", SDH, "grad-cam-cnn"): RatingValue.CORRECT,
        ("1.2.7", SDH, "grad-cam-result-slice"): RatingValue.PARTIALLY_CORRECT,
    }


def test_undo_takes_back_the_newest_answer_by_a_row_that_names_it(journal):
    record_opinion(journal, "1.2", OPINION)
    answer = record_rating(journal, "1.2", HEATMAP, RatingValue.INCORRECT)
    assert undo_last(journal, "1.2") == Undone("rating", "1.2.7", SDH, "incorrect", "rating incorrect of SDH")
    last = rows(journal)[-1]
    assert (last["event"], last["undoes"], last["previous"], last["slice_index"]) == (
        "undo",
        str(answer),
        "incorrect",
        "7",
    )
    assert recorded(journal, "1.2").ratings == {}
    assert recorded(journal, "1.2").opinion == OPINION


def test_undo_brings_back_what_the_answer_replaced_and_goes_on_to_the_first(journal):
    record_opinion(journal, "1.2", OPINION)
    record_opinion(journal, "1.2", with_call(OPINION, SDH, False))
    assert undo_last(journal, "1.2") == Undone("opinion", text="opinion")
    assert recorded(journal, "1.2").opinion == OPINION
    assert undo_last(journal, "1.2").event == "opinion"
    assert recorded(journal, "1.2").opinion is None
    assert undo_last(journal, "1.2") is None


def test_an_answer_after_an_undo_can_be_undone_itself(journal):
    record_rating(journal, "1.2", HEATMAP, RatingValue.INCORRECT)
    undo_last(journal, "1.2")
    record_rating(journal, "1.2", HEATMAP, RatingValue.CORRECT)
    assert undo_last(journal, "1.2").value == "correct"
    assert undo_last(journal, "1.2") is None


def test_undo_leaves_other_scans_alone(journal):
    record_rating(journal, "1.2", HEATMAP, RatingValue.CORRECT)
    assert undo_last(journal, "1.3") is None
    assert len(recorded(journal, "1.2").ratings) == 1


def test_it_stays_known_that_the_result_was_seen(journal):
    assert not recorded(journal, "1.2").ai_seen
    record_show_ai(journal, "1.2")
    assert recorded(journal, "1.2").ai_seen
    assert undo_last(journal, "1.2") is None


def test_a_result_that_was_seen_stays_seen_when_the_answer_is_undone(journal):
    seen = Circumstances(mode="triage", ai_visible=True)
    record_opinion(journal, "1.2", OPINION, seen)
    record_rating(journal, "1.3", HEATMAP, RatingValue.CORRECT, seen)
    for uid in ("1.2", "1.3"):
        assert undo_last(journal, uid)
        assert recorded(journal, uid).ai_seen
