"""FlowCam's .cla: the real one byte for byte, new labels beside what stands there, and every broken file in words."""

import pytest

from svp_core.errors import LabError
from svp_core.instruments.flowcam.cla import Classification, LabelClass, read_cla, update_cla, write_cla

FILTER = "C:\\filter\\junk.flt"
TEXT = f"v3\n2\nby hand\n2\nJunk\nOR\n1\n{FILTER}\n2\n11\n13\nCells\nAND\n0\n1\n7\nauto\n0\n"


def test_every_line_has_its_meaning():
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


def test_the_real_one_is_read_written_and_read_again(real_data):
    data = next(real_data.glob("flowcam_run/*/*.cla")).read_bytes()
    found = read_cla(data)
    assert write_cla(found) == data
    assert read_cla(write_cla(found)) == found
    assert next((c.name, len(c.ids)) for c in found[0].classes) == ("Junk", 326)
    kept = read_cla(update_cla(data, {"Protein": [1, 2]}))
    assert kept[:-1] == found
    assert kept[-1].label_of() == {"1": "Protein", "2": "Protein"}


def test_new_labels_stand_beside_the_others():
    first = update_cla(TEXT.encode(), {"Protein": [1, 2], "Silicone oil": [11]})
    assert (
        first.decode()
        == TEXT.replace("v3\n2", "v3\n3") + "SvP Lab\n2\nProtein\nOR\n0\n2\n1\n2\nSilicone oil\nOR\n0\n1\n11\n"
    )
    assert update_cla(None, {"Protein": [1]}) == b"v3\n1\nSvP Lab\n1\nProtein\nOR\n0\n1\n1\n"


def test_our_own_classification_is_brought_up_to_date():
    first = update_cla(TEXT.encode(), {"Protein": [1, 2], "Fibre": [3]})
    by_hand, auto, ours = read_cla(update_cla(first, {"Protein": [2], "Silicone oil": [1]}))
    # Fibre 3 was not named again and stays; particle 1 has left Protein.
    assert ours.label_of() == {"2": "Protein", "3": "Fibre", "1": "Silicone oil"}
    assert [by_hand, auto] == read_cla(TEXT.encode())


def test_filters_of_our_classes_and_unknown_parts_are_kept():
    data = f"v3\r\n1\r\nSvP Lab\r\n1\r\nÖl\r\nAND\r\n1\r\n{FILTER}\r\n0\r\nsomething new\r\n".encode("latin-1")
    again = update_cla(data, {"Öl": [5]})
    assert again.decode("latin-1").split("\r\n") == [
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


def test_a_name_of_another_alphabet_is_written_as_utf8():
    data = update_cla(None, {"气泡": [1]})
    assert read_cla(data)[0].label_of() == {"1": "气泡"}


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "does not begin with its version, like v3"),
        (b"hello\n", "does not begin with its version"),
        (b"v2\n0\n", "has version 'v2'; v3 is read"),
        (TEXT[:40].encode(), "breaks off after line|where a number should stand"),
        (TEXT.replace("13\nCells", "Cells").encode(), "where AND or OR should stand"),
        (TEXT.replace("OR\n1", "OR\none").encode(), "Line 7 of the classification file is 'one' where a number"),
        (b"v3\n99999999999\n", "breaks off after line 2"),
    ],
)
def test_a_broken_file_is_one_sentence(data, sentence):
    with pytest.raises(LabError, match=sentence):
        read_cla(data)


def test_labels_that_cannot_be_written():
    with pytest.raises(LabError, match="Particle 1 is given two classes"):
        update_cla(None, {"Protein": [1], "Oil": ["1"]})
    with pytest.raises(LabError, match="cannot stand in a classification file"):
        update_cla(None, {"Pro\ntein": [1]})
