"""Time to write a long results table into a workbook: our writer against XlsxWriter in constant-memory mode.

    python benchmarks/workbook.py [--rows 20000] [--rounds 7]

Both write the same table, with the columns of results.csv for three classes and random numbers, one after the other in
each round. Printed: seconds of each (median) and their ratio, XlsxWriter / ours, with its 95 % interval over rounds (t
on logarithms). Our writer is kept while the ratio is above 2. Needs XlsxWriter (requirements-test.txt).
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from openpyxl import Workbook
from scipy.stats import t as student

from svp_core.classification.results_csv import columns
from svp_core.exports.worksheet_writer import insert_rows

CLASS_KEYS = ("protein", "silicone_oil", "air_bubble")
TEXTS = {"image": "run 7/run 7.lst#1234", "label": "protein", "touches_edge": "no", "run": "run 7", "status": "ok"}


def main() -> None:
    """Time both writers and print the ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    table = random_table(options.rows)
    with tempfile.TemporaryDirectory() as folder:
        seconds = np.array([time_round(table, Path(folder)) for _ in range(options.rounds)])
    ours, theirs = np.median(seconds, axis=0)
    logs = np.log(seconds[:, 1] / seconds[:, 0])
    half = student.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / np.sqrt(len(logs))
    low, ratio, high = np.exp([logs.mean() - half, logs.mean(), logs.mean() + half])
    print(f"{len(table):,} rows x {table.shape[1]} columns, {options.rounds} rounds")
    print(f"ours {ours:.2f} s, XlsxWriter {theirs:.2f} s; ratio {ratio:.2f} (95 % {low:.2f} to {high:.2f})")


def random_table(rows: int) -> pd.DataFrame:
    """A table with the columns of results.csv."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            name: [TEXTS[name]] * rows if name in TEXTS else np.round(rng.random(rows) * 100, 4)
            for name in columns(CLASS_KEYS)
        }
    )


def time_round(table: pd.DataFrame, folder: Path) -> tuple[float, float]:
    """Seconds of our writer and of XlsxWriter."""
    return _timed(write_ours, table, folder / "ours.xlsx"), _timed(write_xlsxwriter, table, folder / "theirs.xlsx")


def write_ours(table: pd.DataFrame, path: Path) -> None:
    """As svp_core.exports.workbook writes its sheet Results."""
    book = Workbook()
    book.worksheets[0].append(list(table.columns))
    with tempfile.TemporaryFile() as prepared:
        book.save(prepared)
        insert_rows(prepared, path, "xl/worksheets/sheet1.xml", table)


def write_xlsxwriter(table: pd.DataFrame, path: Path) -> None:
    """The same with XlsxWriter, text never as a formula or link."""
    import xlsxwriter

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        sheet = book.add_worksheet("Results")
        sheet.write_row(0, 0, list(table.columns))
        numeric = [dtype.kind in "fiu" for dtype in table.dtypes]
        for row, values in enumerate(zip(*(column.tolist() for _, column in table.items()), strict=True), 1):
            for column, (value, is_number) in enumerate(zip(values, numeric, strict=True)):
                if is_number and value == value:
                    sheet.write_number(row, column, value)
                elif isinstance(value, str):
                    sheet.write_string(row, column, value)


def _timed(write, table: pd.DataFrame, path: Path) -> float:
    start = time.perf_counter()
    write(table, path)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
