import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ihd_core.study.toml_text import toml_text

PLAIN = st.one_of(
    st.text(max_size=20),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)
VALUES = st.recursive(
    st.one_of(PLAIN, st.lists(PLAIN, max_size=3)),
    lambda inner: st.one_of(
        st.dictionaries(st.text(max_size=8), inner, max_size=3),
        st.lists(st.dictionaries(st.text(max_size=8), inner, max_size=3), min_size=1, max_size=3),
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=8), VALUES, max_size=4))
def test_what_is_written_is_read_back(values):
    assert tomllib.loads(toml_text(values)) == values


def test_a_document_looks_as_a_person_would_write_it():
    values = {
        "study": 'the "first"',
        "points": {"scan": {"any": 0.5}},
        "seed": 7,
        "nothing": None,
        "cases": [{"name": "c1"}, {"name": "c2"}],
        "labels": ["any", "subdural"],
    }
    assert toml_text(values) == (
        'study = "the \\"first\\""\n'
        "seed = 7\n"
        'labels = ["any", "subdural"]\n'
        "\n[points]\n"
        "\n[points.scan]\n"
        "any = 0.5\n"
        '\n[[cases]]\nname = "c1"\n'
        '\n[[cases]]\nname = "c2"\n'
    )


def test_what_toml_cannot_hold_is_a_mistake_of_the_program():
    with pytest.raises(ValueError, match="finite"):
        toml_text({"x": float("nan")})
    with pytest.raises(TypeError, match="bytes"):
        toml_text({"x": b""})
