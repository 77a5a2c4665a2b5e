"""Columns of a large results.csv as a Parquet file beside it: any column is read without parsing the lines.

results.csv stays the interface; the store is made from it, holds the same values, and is used only while it matches the
file. Polars reads it: of the two column stores that were measured (benchmarks/large_results.py) it gives columns as
arrays faster and in less memory than DuckDB; filters take both about the same time.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from svp_core.errors import LabError
from svp_core.files import atomic_write

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from pyarrow.csv import ConvertOptions

STORE_FILE = "results.parquet"
MIN_BYTES = 16 * 1024**2  # of results.csv, about 50,000 particles: a smaller file is parsed as quickly
BLOCK_BYTES = 8 * 1024**2  # of results.csv that are converted at once
_ORIGIN = b"svp_results_csv"  # key of the metadata: which file the columns were read from


def store_columns(path: str | Path, types: Mapping[str, "pa.DataType"], *, number_if_all: Sequence[str] = ()) -> Path:
    """Make the store of this results.csv, in flat memory; returns its path.

    types: pyarrow type of every column. number_if_all: text columns that become float where all values are numbers.
    Raises LabError where the file is not such a table or the store cannot be written.
    """
    import pyarrow as pa
    from pyarrow import parquet

    path = Path(path)
    numbers = _all_numbers(path, types, number_if_all)
    origin, target = _origin(path), path.with_name(STORE_FILE)

    def write(temporary: Path) -> None:
        writer = None
        try:
            for batch in _batches(path, types):
                table = _with_numbers(pa.Table.from_batches([batch]), numbers)
                if writer is None:
                    schema = table.schema.with_metadata({_ORIGIN: origin})
                    texts: Any = [name for name in table.column_names if types[name] == pa.string() and name != "image"]
                    writer = parquet.ParquetWriter(temporary, schema, compression="zstd", use_dictionary=texts)
                writer.write_table(table.replace_schema_metadata({_ORIGIN: origin}))
        finally:
            if writer is not None:
                writer.close()

    atomic_write(target, write)
    return target


def has_store(path: str | Path) -> bool:
    """Whether there is a store that matches this results.csv as it is now."""
    from pyarrow import ArrowException, parquet

    path = Path(path)
    try:
        metadata = parquet.read_schema(path.with_name(STORE_FILE)).metadata or {}
        return metadata.get(_ORIGIN) == _origin(path)
    except (OSError, ArrowException):
        return False


def read_stored(path: str | Path, columns: Iterable[str]) -> "pd.DataFrame":
    """These columns of the store of this results.csv, as read_results gives them. Raises LabError where damaged."""
    import polars

    store = Path(path).with_name(STORE_FILE)
    try:
        frame = polars.scan_parquet(store).select(list(columns)).collect()
    except (OSError, polars.exceptions.PolarsError) as error:
        raise LabError(f"{store} is damaged ({str(error).splitlines()[0]}); remove it.") from None
    table = frame.to_arrow()
    del frame
    return table.to_pandas(split_blocks=True, self_destruct=True)  # without a second copy in memory


def _origin(path: Path) -> bytes:
    """Size and time of change of the file: another content has another one."""
    status = path.stat()
    return f"{status.st_size} {status.st_mtime_ns}".encode()


def _batches(
    path: Path, types: Mapping[str, "pa.DataType"], columns: Sequence[str] | None = None
) -> Iterator["pa.RecordBatch"]:
    from pyarrow import ArrowInvalid
    from pyarrow import csv as arrow_csv

    try:
        with arrow_csv.open_csv(
            path,
            read_options=arrow_csv.ReadOptions(block_size=BLOCK_BYTES),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=convert_options(types, list(types) if columns is None else columns),
        ) as reader:
            yield from reader
    except ArrowInvalid as error:
        raise LabError(f"{path} is not a table of results ({str(error).splitlines()[0]}).") from None


def convert_options(types: Mapping[str, "pa.DataType"], columns: Sequence[str]) -> "ConvertOptions":
    """How values of results.csv are read: only empty ones are missing."""
    from pyarrow import csv as arrow_csv

    return arrow_csv.ConvertOptions(
        column_types=dict(types), include_columns=list(columns), null_values=[""], strings_can_be_null=True
    )


def _all_numbers(path: Path, types: Mapping[str, "pa.DataType"], columns: Sequence[str]) -> list[str]:
    """Those of these text columns whose values are all numbers."""
    import pyarrow as pa

    remaining = list(columns)
    for batch in _batches(path, types, remaining) if remaining else ():
        for name in tuple(remaining):
            try:
                batch.column(name).cast(pa.float64())
            except pa.ArrowInvalid:
                remaining.remove(name)
        if not remaining:
            break
    return remaining


def _with_numbers(table: "pa.Table", numbers: Iterable[str]) -> "pa.Table":
    import pyarrow as pa

    for name in numbers:
        table = table.set_column(table.column_names.index(name), name, table.column(name).cast(pa.float64()))
    return table
