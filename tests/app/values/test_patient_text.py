import pytest

from app.values.patient_text import age_text, date_text, name_text


@pytest.mark.parametrize(
    ("make", "stored", "shown"),
    [
        (name_text, "Doe^Jo^^^", "Doe Jo"),
        (name_text, "", ""),
        (date_text, "20200131", "2020-01-31"),
        (date_text, "2020.01.31", "2020.01.31"),
        (age_text, "064Y", "64 y"),
        (age_text, "003W", "3 weeks"),
        (age_text, "64", "64"),
    ],
)
def test_values_of_dicom_are_written_as_readers_write_them(make, stored, shown):
    assert make(stored) == shown
