"""One untrusted file as one typed DuckDB table, for the scans that run in the child.

CSV, JSON Lines and Parquet. The table is called ``t`` and its columns ``c0``, ``c1``, ...: names chosen by whoever
made the file never become part of a statement. It lies in a database file in the scratch folder, so that a table
larger than the memory limit is a matter of disk, and every later question reads only the columns it is about.
"""

# ruff: noqa: S608 - statements are built from this module's own words and numbers; all else is a parameter

import codecs
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from provenance.scan.contract import Limits, Progress, Refusal, ScanRefused

SCRATCH = "/proc/self/cwd"  # reachable whatever the folders above it allow
TRANSCODED = f"{SCRATCH}/transcoded"
DATABASE = f"{SCRATCH}/scan.duckdb"
_HEAD_BYTES = 4096
_CHUNK_BYTES = 1024 * 1024
_REASON_CHARACTERS = 300

for _encoding in ("gb18030", "utf-16"):
    codecs.lookup(_encoding)  # loads its tables while files can still be read

# Kinds a CSV value can look like, from the strictest pattern down. An integer has no leading zero («06» is a code, not
# a number) and fits 64 bits; longer runs of digits are identifiers, and a float would lose their last ones.
_KINDS: tuple[tuple[str, str, str], ...] = (
    ("integer", "BIGINT", r"-?(0|[1-9][0-9]{0,17})"),
    ("number", "DOUBLE", r"-?((0|[1-9][0-9]{0,17})(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?"),
    ("boolean", "BOOLEAN", r"(?i)true|false"),
    ("date", "DATE", r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    ("timestamp", "TIMESTAMP", r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"),
    (
        "timestamptz",
        "TIMESTAMPTZ",
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)",
    ),
)
_INTEGER_BIT, _NUMBER_BIT, _TEXT_BIT = 1, 2, 1 << len(_KINDS)

_DELIMITERS = ",;\t|"  # what the sniffer tries

_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
_NUMBERS = {"FLOAT", "DOUBLE", "HUGEINT", "UHUGEINT"}


@dataclass(frozen=True)
class Column:
    """A column: its name in the file and its type.

    Types: ``integer``, ``number``, ``boolean``, ``date``, ``timestamp`` (no zone), ``timestamptz`` (an instant),
    ``text``, and ``other`` for bytes and nested values, which are kept in their text form.
    """

    name: str
    type: str


@dataclass(frozen=True)
class Table:
    """The file's table, loaded as ``t`` behind ``connection``; what means nothing for its format is None."""

    connection: duckdb.DuckDBPyConnection
    format: str
    columns: tuple[Column, ...]
    rows: int
    encoding: str | None = None
    delimiter: str | None = None
    header: bool | None = None


def load(path: str, limits: Limits, progress: Progress) -> Table:
    """Load the file at ``path``.

    Raises:
        ScanRefused: empty, no table, a bomb, or more than memory or scratch can hold.
    """
    with Path(path).open("rb") as file:
        head = file.read(_HEAD_BYTES)
    # Text takes in scratch about what it takes in the file, and half the time if it is not compressed there. Parquet
    # may hold many times its size.
    compressed = head.startswith(b"PAR1") or Path(path).stat().st_size > limits.scratch_bytes // 16
    connection = _connect(path, limits, compressed=compressed)
    with _refusals(path):
        if head.startswith(b"PAR1"):
            return _load_decoded(connection, "parquet", "read_parquet($path)", {"path": path}, limits)
        encoding, text_path = _as_utf8(path)
        progress(10)
        if _is_json_lines(head):
            # All lines are looked at: a key that first occurs on the last is a column too. Nested values stay JSON.
            reader = (
                "read_json($path, format='newline_delimited', records='true', maximum_depth=2, sample_size=-1, "
                "map_inference_threshold=-1, field_appearance_threshold=0, compression='none')"
            )
            return _load_decoded(connection, "jsonl", reader, {"path": text_path}, limits, encoding=encoding)
        return _load_csv(connection, text_path, encoding, limits, progress)


def load_sheet(limits: Limits, progress: Progress) -> Table:
    """Load the sheet of a workbook that stands, as CSV in UTF-8, where text is transcoded to.

    Raises:
        ScanRefused: as `load`.
    """
    connection = _connect(TRANSCODED, limits)
    with _refusals(TRANSCODED):
        return _load_csv(connection, TRANSCODED, None, limits, progress, sheet=True)


def shown(text: str, characters: int) -> str:
    """``text`` fit to be shown and stored: no control, formatting or unpaired characters, at most so many in all."""
    safe = "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(c)[0] == "C" else c for c in text[: characters + 1]
    )
    return safe if len(safe) <= characters else safe[: characters - 1] + "…"


def _connect(path: str, limits: Limits, *, compressed: bool = False) -> duckdb.DuckDBPyConnection:
    memory_mib = limits.memory_bytes // 4 // 1024**2  # decoding and grouping go beyond what DuckDB counts
    connection = duckdb.connect(
        DATABASE,
        config={
            "threads": "1",
            "async_threads": "1",
            "memory_limit": f"{memory_mib}MiB",
            "temp_directory": SCRATCH,
            "max_temp_directory_size": f"{limits.scratch_bytes // 2 // 1024**2}MiB",
            "preserve_insertion_order": "true",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "enable_external_file_cache": "false",
            "force_compression": "auto" if compressed else "uncompressed",
            "python_enable_replacements": "false",
        },
    )
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET allowed_paths = $paths", {"paths": [path, TRANSCODED]})
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


@contextmanager
def _refusals(path: str) -> Iterator[None]:
    """Translate what DuckDB says of a file; what it says of our own statements passes through and is a crash."""
    try:
        yield
    except duckdb.OutOfMemoryException:
        raise ScanRefused(Refusal.OUT_OF_MEMORY, "the table needs more memory or scratch than a scan may use") from None
    except (duckdb.CatalogException, duckdb.ParserException, duckdb.PermissionException):
        raise
    except duckdb.Error as error:
        first_line = str(error).partition("\n")[0].replace(TRANSCODED, "the file").replace(path, "the file")
        raise ScanRefused(Refusal.NOT_A_TABLE, shown(first_line, _REASON_CHARACTERS)) from None


def _is_json_lines(head: bytes) -> bool:
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if start[:1] == b"[" and start[1:].lstrip()[:1] == b"{":
        raise ScanRefused(Refusal.NOT_A_TABLE, "a JSON array: one object a line is wanted")
    return start[:1] == b"{"


def _as_utf8(path: str) -> tuple[str, str]:
    """The file's encoding, and a path where its text is UTF-8. All of the file is looked at, not a sample."""
    with Path(path).open("rb") as file:
        wide = file.read(2) in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}
    if not wide and _decodes(path, "utf-8"):
        return "utf-8", path
    with Path(TRANSCODED).open("wb") as target:
        if wide and _decodes(path, "utf-16", target.write):
            return "utf-16", TRANSCODED
        target.seek(0)
        target.truncate()
        if _decodes(path, "gb18030", target.write):
            return "gb18030", TRANSCODED
    raise ScanRefused(Refusal.NOT_A_TABLE, "neither Parquet nor text in UTF-8, UTF-16 or GB18030")


def _decodes(path: str, encoding: str, keep: Callable[[bytes], object] | None = None) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    blank = True
    with Path(path).open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            try:
                text = decoder.decode(chunk)
            except UnicodeDecodeError:
                return False
            if "\0" in text:
                return False
            blank = blank and not text.strip()
            if keep:
                keep(text.encode())
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    if blank:
        raise ScanRefused(Refusal.EMPTY, "the file is blank")
    return True


def _load_csv(
    connection: duckdb.DuckDBPyConnection,
    path: str,
    encoding: str | None,
    limits: Limits,
    progress: Progress,
    *,
    sheet: bool = False,
) -> Table:
    known = """, delim=',', quote='"', escape='"'""" if sheet else ""
    sniffed = connection.execute(
        f"SELECT Delimiter, Quote, Escape, HasHeader, len(Columns) FROM sniff_csv($path, compression='none'{known})",
        {"path": path},
    ).fetchone()
    if sniffed is None:
        raise ScanRefused(Refusal.NOT_A_TABLE, "no delimiter fits")
    delimiter, quote, escape, has_header, width = sniffed
    _check_size(0, width, limits)
    dialect = {
        "path": path,
        "delimiter": delimiter,
        "quote": _character(quote) or '"',
        "escape": _character(escape) or _character(quote) or '"',
    }
    names = ", ".join(f"c{i}: 'VARCHAR'" for i in range(width))
    reader = (
        f"read_csv($path, auto_detect=false, columns={{{names}}}, delim=$delimiter, quote=$quote, escape=$escape, "
        "compression='none', header="
    )
    first = connection.execute(f"SELECT * FROM {reader}false) LIMIT 1", dialect).fetchone() or ()
    if width == 1 and not sheet and first and any(other in (first[0] or "") for other in _DELIMITERS):
        raise ScanRefused(Refusal.NOT_A_TABLE, "the rows differ in their number of fields")
    header = has_header or _could_be_names(connection, first)
    reader += "true)" if header else "false)"
    rows, kinds = _kinds(connection, reader, dialect, width)
    _check_size(rows, width, limits)
    progress(35)
    types = [_type_of_kinds(bits) for bits in kinds]
    casts = ", ".join(f"CAST(c{i} AS {sql}) AS c{i}" for i, (_, sql) in enumerate(types))
    connection.execute(f"CREATE TABLE t AS SELECT {casts} FROM {reader}", dialect)
    progress(60)
    columns = tuple(
        Column(name, kind) for name, (kind, _) in zip(_names(first if header else (None,) * width), types, strict=True)
    )
    if sheet:
        return Table(connection, "xlsx", columns, rows, header=header)
    return Table(connection, "csv", columns, rows, encoding, delimiter, header)


def _character(sniffed: str) -> str:
    return "" if sniffed == "(empty)" else sniffed


def _kind_sql(value: str) -> str:
    """The SQL for the bit of the strictest kind that ``value`` fits; 0 for NULL."""
    cases = " ".join(
        f"WHEN regexp_full_match({value}, '{pattern}') AND TRY_CAST({value} AS {sql}) IS NOT NULL THEN {1 << bit}"
        for bit, (_, sql, pattern) in enumerate(_KINDS)
    )
    # Most text is told by its first character: a sign, a point, a digit, or the t or f of a truth value.
    text = f"ascii({value}) NOT BETWEEN 45 AND 57 AND ascii({value}) NOT IN (70, 84, 102, 116)"
    return f"CASE WHEN {value} IS NULL THEN 0 WHEN {text} THEN {_TEXT_BIT} {cases} ELSE {_TEXT_BIT} END"


def _kinds(
    connection: duckdb.DuckDBPyConnection, reader: str, dialect: dict[str, str], width: int
) -> tuple[int, list[int]]:
    """The number of rows, and for each column the set of kinds that all its values show, as bits."""
    sets = ", ".join(f"bit_or({_kind_sql(f'c{i}')})" for i in range(width))
    row = connection.execute(f"SELECT count(*), {sets} FROM {reader}", dialect).fetchone()
    if row is None or row[0] == 0:
        raise ScanRefused(Refusal.EMPTY, "the table has no rows")
    return row[0], list(row[1:])


def _type_of_kinds(bits: int) -> tuple[str, str]:
    if bits == _INTEGER_BIT | _NUMBER_BIT:
        bits = _NUMBER_BIT
    for bit, (kind, sql, _) in enumerate(_KINDS):
        if bits == 1 << bit:
            return kind, sql
    return "text", "VARCHAR"


def _could_be_names(connection: duckdb.DuckDBPyConnection, first: tuple[str | None, ...]) -> bool:
    """Whether no value of the first row looks like anything but text: a table all of text shows no other sign."""
    kinds = (connection.execute(f"SELECT {_kind_sql('$1')}", [value]).fetchone() for value in first)
    return all(kind in {(0,), (_TEXT_BIT,)} for kind in kinds) and any(first)


def _names(raw: tuple[str | None, ...]) -> list[str]:
    """Names for every column: empty ones by position (``column_3``), repeated ones with a number (``a_2``)."""
    names: list[str] = []
    taken = set(raw)
    for position, value in enumerate(raw, start=1):
        stem = value or f"column_{position}"
        name, number = stem, 1
        while name in names or (number > 1 and name in taken):
            number += 1
            name = f"{stem}_{number}"
        names.append(name)
    return names


def _load_decoded(
    connection: duckdb.DuckDBPyConnection,
    form: str,
    reader: str,
    parameters: dict[str, str],
    limits: Limits,
    *,
    encoding: str | None = None,
) -> Table:
    """Load a format that carries its own types.

    A few bytes can decode to any number of rows, and what the footer claims of them can be a lie: so no more than
    one row above the limit is ever asked for, and the decoded text is summed before anything is kept.
    """
    described = connection.execute(f"DESCRIBE SELECT * FROM {reader}", parameters).fetchall()
    width = len(described)
    _check_size(0, width, limits)
    types = [_type_of_sql(row[1]) for row in described]
    aliases = ", ".join(f"c{i}" for i in range(width))
    most_rows = limits.cells // width + 1
    source = f"(SELECT * FROM {reader} AS s({aliases}) LIMIT {most_rows})"
    texts = [f"coalesce(strlen(CAST(c{i} AS VARCHAR)), 0)" for i, (_, sql) in enumerate(types) if sql == "VARCHAR"]
    measure = f"SELECT count(*), coalesce(sum({' + '.join(texts) or '0'}), 0) FROM {source}"
    measured = connection.execute(measure, parameters).fetchone()
    rows, text_bytes = measured or (0, 0)
    _check_size(rows, width, limits)
    if text_bytes > limits.decoded_bytes:
        raise ScanRefused(Refusal.BOMB, f"its text decodes to {text_bytes} bytes, more than {limits.decoded_bytes}")
    if rows == 0:
        raise ScanRefused(Refusal.EMPTY, "the table has no rows")
    casts = ", ".join(f"CAST(c{i} AS {sql}) AS c{i}" for i, (_, sql) in enumerate(types))
    connection.execute(f"CREATE TABLE t AS SELECT {casts} FROM {source}", parameters)
    names = _names(tuple(row[0] for row in described))
    columns = tuple(Column(name, kind) for name, (kind, _) in zip(names, types, strict=True))
    return Table(connection, form, columns, rows, encoding)


def _check_size(rows: int, width: int, limits: Limits) -> None:
    if width == 0:
        raise ScanRefused(Refusal.NOT_A_TABLE, "the table has no columns")
    if width > limits.columns:
        raise ScanRefused(Refusal.BOMB, f"{width} columns, more than {limits.columns}")
    if rows * width > limits.cells:
        raise ScanRefused(Refusal.BOMB, f"more than {limits.cells} cells")


def _type_of_sql(sql: str) -> tuple[str, str]:
    """The column type, and the SQL type to keep it in, for a DuckDB type."""
    if sql in _INTEGERS:
        return "integer", sql
    if sql in _NUMBERS or sql.startswith("DECIMAL("):
        return "number", sql
    if sql in {"BOOLEAN", "DATE"}:
        return sql.lower(), sql
    if sql.startswith("TIMESTAMP"):
        return ("timestamptz", "TIMESTAMPTZ") if "TIME ZONE" in sql else ("timestamp", "TIMESTAMP")
    if sql in {"VARCHAR", "UUID"}:
        return "text", "VARCHAR"
    return "other", "VARCHAR"
