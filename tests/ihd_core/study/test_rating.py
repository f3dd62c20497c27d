from ihd_core.study.rating import RatingValue


def test_the_ratings_are_the_papers_three_best_first():
    assert [str(value) for value in RatingValue] == ["correct", "partially correct", "incorrect"]


def test_every_rating_says_what_it_means():
    assert "without focusing on other regions" in RatingValue.CORRECT.definition
    assert "missing some other hemorrhage region" in RatingValue.PARTIALLY_CORRECT.definition
    assert "completely outside the focus area" in RatingValue.INCORRECT.definition
