"""Text as instruments write it: encodings, decimal signs, column names, delimiters."""

import pytest

from svp_core.instruments.text_tables import (
    column_key,
    decode_text,
    normalise_name,
    parse_fields,
    parse_integer,
    parse_number,
    parse_positive,
    parse_table,
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_every_encoding_gives_the_same_text(encoding):
    assert decode_text("num-fields|3\r\nGröße µm²\r".encode(encoding)) == "num-fields|3\nGröße µm²\n"


def test_numbers_are_parsed_in_every_spelling():
    assert parse_number("0,5544") == parse_number(" 0.5544 ") == 0.5544
    assert parse_number("1.88e+00") == 1.88
    assert parse_number("1,234,567") is parse_number("nan") is parse_number("") is parse_number(None) is None
    assert parse_positive("0.0000") is parse_positive("-1") is None
    assert parse_positive("2") == 2
    assert parse_integer("12") == parse_integer("12.0000") == 12
    assert parse_integer("12.5") is parse_integer("x") is None


def test_column_keys_lose_units_but_keep_other_brackets():
    names = {"Area (ABD) (µm²)": "area (abd)", "Area (ABD)": "area (abd)", " Frame #": "frame #", "ECD(um)": "ecd"}
    names |= {"Capture X (px)": "capture x", "Elapsed Time (s)": "elapsed time", "Time Stamp(s)": "time stamp"}
    assert {name: column_key(name) for name in names} == names


def test_tables_with_any_delimiter_are_parsed():
    assert parse_table("a,b\n1,2\n").names == parse_table("a;b\n").names == parse_table("a\tb\n").names == ("a", "b")
    german = parse_table('Particle ID;Area (ABD);Name\n1;0,25;"a;b"\n\n2;1,5;c\n')
    assert [german.values(line) for line in german.lines] == [["1", "0.25", "a;b"], ["2", "1.5", "c"]]
    assert german.column("name") == ["a;b", "c"]
    assert german.value(["1"], "name") is None
    # With a comma between columns, a quoted comma is left unchanged: it may separate thousands.
    assert parse_table('a,b\n1,"2,5"\n').values('1,"2,5"') == ["1", "2,5"]
    assert parse_table("a,b,\n").values("1,2,") == ["1", "2"]
    assert parse_table("").names == ()
    assert parse_table("").lines == ()
    assert parse_table("a,b").values("x" * 200_000) == []


def test_fields_are_parsed_and_names_normalised():
    text = "Start Time,2024-04-08  10:14:01\n\tFluid Volume Imaged: 0.0174 ml\nnothing\nStart Time,later"
    assert parse_fields(text) == {"start time": "2024-04-08  10:14:01", "fluid volume imaged": "0.0174 ml"}
    assert normalise_name("C:\\data\\Ru\u0308n.TIF") == normalise_name("R\u00fcn.tif") == "r\u00fcn.tif"
