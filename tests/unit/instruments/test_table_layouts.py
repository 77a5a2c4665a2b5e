"""Tables as spreadsheets and locales leave them: the run in them is found and read, whatever precedes its header."""

import numpy as np
import pytest

from svp_core.instruments.detect import detect_source, read_particles
from svp_core.instruments.text_tables import decode_text, parse_table
from tests.helpers.case_files import case_folder
from tests.helpers.flowcam_csv_files import write_export
from tests.helpers.mfi_files import BOXES, draw_frames, write_table
from tests.helpers.records import pixels_of

LEADING = {
    "nothing": "",
    "sep": "sep=;\r\n",
    "quoted sep": '"sep=;"\r\n',
    "sep of Excel": "sep=;;;;;;;\r\n",
    "title": "Export of VisualSpreadsheet, 5 May 2024\r\n",
    "title and empty lines": "\r\nReport; sample 7\r\n\r\nOperator:;N. N.\r\n;;;;\r\n",
    "title with a line break": '"Report\r\nof sample; 7";;;;;\r\n',
    "comment": "# exported by; a script\r\n# id;5\r\n",
}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"]


def rewrite(path, change, *, encoding="utf-8"):
    text = change(path.read_bytes().decode("latin-1"))
    path.write_bytes(text.encode(encoding))


def assert_read(folder, truth):
    summary, records = detect_source(folder), list(read_particles(folder))
    assert summary.kind == "flowcam"
    assert summary.count == len(records) == len(truth)
    assert not any(r.rejected for r in records)
    by_number = {int(r.name.rpartition("#")[2]): r for r in records}
    for number, (pixels, mask) in enumerate(truth, 1):
        assert np.array_equal(pixels_of(by_number[number]), pixels)
        assert np.array_equal(by_number[number].mask, mask)
        assert by_number[number].um_per_px == 0.5545
        assert by_number[number].columns["Area (ABD)"] == "12.5000"
    assert summary.um_per_px == 0.5545


@pytest.mark.parametrize("leading", LEADING)
def test_lines_before_the_header_are_left_out(tmp_path, leading):
    truth = write_export(tmp_path, delimiter=";", scale="0,5545")
    rewrite(tmp_path / "run ä1.csv", lambda text: LEADING[leading] + text, encoding="latin-1")
    assert_read(tmp_path, truth)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_encoding_and_delimiter_is_read(tmp_path, encoding, delimiter):
    truth = write_export(tmp_path, delimiter=delimiter, scale="0.5545" if delimiter == "," else "0,5545")
    leading = f"Größe in µm – “neu”{delimiter}\r\n" if encoding != "latin-1" else ""
    rewrite(tmp_path / "run ä1.csv", lambda text: leading + text, encoding=encoding)
    assert_read(tmp_path, truth)


def test_line_breaks_in_quotes_belong_to_their_value(tmp_path):
    truth = write_export(tmp_path, delimiter=";", scale="0,5545")

    def change(text):
        header, *rows = text.rstrip("\r\n").split("\r\n")
        header = header.replace("Area (ABD)", '"Area (ABD)\r\n(µm²)"') + ';"Remark\r\n(free)"'
        noted = [f'{row};"seen twice\r\n\r\nsee ""p. 3""; {n}"' for n, row in enumerate(rows)]
        return "\r\n".join([header, *noted, ""])

    rewrite(tmp_path / "run ä1.csv", change)
    records = list(read_particles(tmp_path))
    assert len(records) == len(truth)
    assert not any(r.rejected for r in records)
    assert records[0].columns["Remark (free)"] == 'seen twice\n\nsee "p. 3"; 0'
    assert records[0].columns["Area (ABD) (µm²)"] == "12.5000"


def test_quote_that_is_never_closed_does_not_swallow_the_table(tmp_path):
    truth = write_export(tmp_path, delimiter=";", scale="0,5545")
    rewrite(tmp_path / "run ä1.csv", lambda text: text.replace(";?\r\n", ';5" syringe\r\n'), encoding="latin-1")
    assert_read(tmp_path, truth)
    rewrite(tmp_path / "run ä1.csv", lambda text: text.replace(';5" syringe', ';"open', 1), encoding="latin-1")
    records = list(read_particles(tmp_path))
    assert len(records) == len(truth)


@pytest.mark.parametrize("trailing", [";", ";;", ";;;;;;", " ; ;"])
@pytest.mark.parametrize("header_too", [True, False])
def test_empty_rows_and_trailing_delimiters_are_left_out(tmp_path, trailing, header_too):
    truth = write_export(tmp_path, delimiter=";", scale="0,5545")

    def change(text):
        header, *rows = text.rstrip("\r\n").split("\r\n")
        lines = [header + trailing * header_too, ";;;;;;;;;;", *(row + trailing for row in rows)]
        return "\r\n\r\n".join([*lines, ";;;;;;;;;;", '"";"";""', "   "])

    rewrite(tmp_path / "run ä1.csv", change, encoding="latin-1")
    assert_read(tmp_path, truth)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_mfi_table_with_a_title_is_read(tmp_path, encoding):
    draw_frames(tmp_path)
    write_table(tmp_path, BOXES, delimiter=";")
    expected = {r.name: r for r in read_particles(tmp_path)}
    rewrite(
        tmp_path / "day 1.csv",
        lambda text: "sep=;\n" + text.replace(".", ",").replace("(um)", "(µm)"),
        encoding=encoding,
    )
    summary, records = detect_source(tmp_path), list(read_particles(tmp_path))
    assert summary.kind == "mfi"
    assert summary.count == len(records) == len(BOXES)
    for record in records:
        assert np.array_equal(pixels_of(record), pixels_of(expected[record.name]))
        assert record.um_per_px == expected[record.name].um_per_px == summary.um_per_px
        assert record.diameter_um == 78.125


NUMBERS = {
    "0,25;1.234,5": ["0.25", "1234.5"],
    "0,25;1.234": ["0.25", "1234"],
    "0,25;1 234,5": ["0.25", "1234.5"],
    "0,25;1\u202f234": ["0.25", "1234"],
    "0,25;12.345.678": ["0.25", "12345678"],
    "0.25;1,234.5": ["0.25", "1234.5"],
    "0.25;1,234": ["0.25", "1234"],
    "0.25;1'234.5": ["0.25", "1234.5"],
    "0.25;1\u00a0234.5": ["0.25", "1234.5"],
    "1,5;-2,25e+03": ["1.5", "-2.25e+03"],
    "7;1,234": ["7", "1.234"],  # nothing but the delimiter says what the comma is
    "0.25;01.02.2024": ["0.25", "01.02.2024"],
    "0,25;10.0.1": ["0.25", "10.0.1"],
}


@pytest.mark.parametrize("row", NUMBERS)
def test_decimal_and_thousands_signs_are_told_apart_by_the_table(row):
    table = parse_table(f"a;b\n{row}\n")
    assert table.values(table.lines[0]) == NUMBERS[row]


def test_numbers_between_commas_are_read_by_the_other_numbers():
    german = parse_table('a,b\n"0,25","1.234,5"\n"0,5","1.234"\n')
    assert [german.values(line) for line in german.lines] == [["0.25", "1234.5"], ["0.5", "1234"]]
    english = parse_table('a,b\n0.25,"1,234.5"\n0.5,"1,234"\n')
    assert [english.values(line) for line in english.lines] == [["0.25", "1234.5"], ["0.5", "1234"]]


def test_text_that_is_cut_within_a_character_keeps_its_encoding():
    data = "Größe µm²".encode()
    for length in range(1, len(data) + 1):
        assert "Größe µm²".startswith(decode_text(data[:length]))
    assert decode_text("30 € – “x”".encode("cp1252")) == "30 € – “x”"
    assert decode_text(b"\x81\xe4") == "\x81ä"
    assert decode_text("größe".encode("utf-32")) == "größe"


def test_run_of_the_case_is_read(real_data):
    folder = case_folder(real_data, "csv-sep-line")
    summary, records = detect_source(folder), list(read_particles(folder))
    assert summary.kind == "flowcam"
    assert summary.count == len(records) == 6
    assert summary.um_per_px == 0.5545
    assert not any(r.rejected for r in records)
    assert all(r.mask is not None and pixels_of(r).shape[:2] == (64, 64) for r in records)
