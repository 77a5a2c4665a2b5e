"""FlowCam's .cla: round trip of a real file, new labels beside existing ones, and malformed files."""

import pytest

from svp_core.errors import LabError
from svp_core.instruments.flowcam.cla import Classification, LabelClass, read_cla, update_cla, write_cla

FILTER = "C:\\filter\\junk.flt"
TEXT = f"v3\n2\nby hand\n2\nJunk\nOR\n1\n{FILTER}\n2\n11\n13\nCells\nAND\n0\n1\n7\nauto\n0\n"


def test_every_line_is_parsed():
    by_hand, auto = read_cla(TEXT.encode())
    assert by_hand.classes == (
        LabelClass("Junk", "OR", (FILTER,), ("11", "13")),
        LabelClass("Cells", "AND", (), ("7",)),
    )
    assert by_hand.label_of() == {"11": "Junk", "13": "Junk", "7": "Cells"}
    assert auto == Classification("auto", ())
    assert write_cla([by_hand, auto]) == TEXT.encode()
    assert read_cla(b"v3\n0\n") == []
    assert write_cla([]) == b"v3\n0\n"


def test_real_file_survives_a_round_trip(real_data):
    data = next(real_data.glob("flowcam_run/*/*.cla")).read_bytes()
    classifications = read_cla(data)
    assert write_cla(classifications) == data
    assert read_cla(write_cla(classifications)) == classifications
    assert next((c.name, len(c.ids)) for c in classifications[0].classes) == ("Junk", 326)
    updated = read_cla(update_cla(data, {"Protein": [1, 2]}))
    assert updated[:-1] == classifications
    assert updated[-1].label_of() == {"1": "Protein", "2": "Protein"}


def test_new_labels_are_added_to_existing_classifications():
    first = update_cla(TEXT.encode(), {"Protein": [1, 2], "Silicone oil": [11]})
    assert (
        first.decode()
        == TEXT.replace("v3\n2", "v3\n3") + "SvP Lab\n2\nProtein\nOR\n0\n2\n1\n2\nSilicone oil\nOR\n0\n1\n11\n"
    )
    assert update_cla(None, {"Protein": [1]}) == b"v3\n1\nSvP Lab\n1\nProtein\nOR\n0\n1\n1\n"


def test_existing_svp_lab_classification_is_updated():
    first = update_cla(TEXT.encode(), {"Protein": [1, 2], "Fibre": [3]})
    by_hand, auto, svp_lab = read_cla(update_cla(first, {"Protein": [2], "Silicone oil": [1]}))
    # Fibre 3 has no new label and stays; particle 1 has left Protein.
    assert svp_lab.label_of() == {"2": "Protein", "3": "Fibre", "1": "Silicone oil"}
    assert [by_hand, auto] == read_cla(TEXT.encode())


def test_filters_and_unknown_lines_are_kept():
    data = f"v3\r\n1\r\nSvP Lab\r\n1\r\nÖl\r\nAND\r\n1\r\n{FILTER}\r\n0\r\nsomething new\r\n".encode("latin-1")
    updated = update_cla(data, {"Öl": [5]})
    assert updated.decode("latin-1").split("\r\n") == [
        "v3",
        "1",
        "SvP Lab",
        "1",
        "Öl",
        "AND",
        "1",
        FILTER,
        "1",
        "5",
        "something new",
        "",
    ]


def test_name_in_another_alphabet_is_written_as_utf8():
    data = update_cla(None, {"气泡": [1]})
    assert read_cla(data)[0].label_of() == {"1": "气泡"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "does not start with a version such as v3"),
        (b"hello\n", "does not start with a version"),
        (b"v2\n1\nname\n1\nFibre\nMAYBE\n", "has version 'v2', not laid out like v3"),
        (TEXT[:40].encode(), "truncated after line|not a number"),
        (TEXT.replace("13\nCells", "Cells").encode(), "not AND or OR"),
        (TEXT.replace("OR\n1", "OR\none").encode(), "Line 7 of the classification file is 'one', not a number"),
        (b"v3\n99999999999\n", "truncated after line 2"),
    ],
)
def test_malformed_file_raises_a_lab_error(data, message):
    with pytest.raises(LabError, match=message):
        read_cla(data)


def test_labels_that_cannot_be_written_raise_lab_errors():
    with pytest.raises(LabError, match="Particle 1 has two classes"):
        update_cla(None, {"Protein": [1], "Oil": ["1"]})
    with pytest.raises(LabError, match="cannot be written to a classification file"):
        update_cla(None, {"Pro\ntein": [1]})
