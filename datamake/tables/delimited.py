"""CSV and TSV: one file → its columns as texts, and as values of given types.

Knows no other file. Rows are counted from 1, without the header and blank lines.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from functools import cached_property

import pyarrow as pa
import pyarrow.csv as pc

from datamake.errors import shortened
from datamake.tables import TableError
from datamake.tables.conversion import converted, first_fault
from datamake.tables.failures import brief, explaining
from datamake.tables.guessing import TextGuess
from datamake.tables.streams import ended, is_utf8, opened, pieces
from datamake.tables.types import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from datamake.formats import Reading

    Ragged = Callable[[pc.InvalidRow], str]

BLOCK = 4 << 20
"""Bytes that are taken apart at once: the longest row that there may be."""
ROW = re.compile(r"(?s)Row #(\d+): Expected (\d+) columns, got (\d+): (.*)")
"""What Arrow says of a row with more or fewer values than columns; it counts the header."""
UNKNOWN = "\N{REPLACEMENT CHARACTER}"
"""What Arrow shows in the place of what is not UTF-8."""
OTHER_ENCODING = 'say how it is encoded, as in `read = { encoding = "latin-1" }`'
DELIMITERS = {"csv": ",", "tsv": "\t"}


class Delimited:
    """A CSV or TSV file. Raises TableError for all that is wrong with it."""

    def __init__(self, path: str, format: str, reading: Reading) -> None:
        self.path = path
        self.format = format
        self.null = ("",) if reading.null is None else reading.null
        self.read = reading.read
        self.quote = str(self.read.get("quote", '"') or "")
        self.decimal = str(self.read.get("decimal", "."))
        self.header = bool(self.read.get("header", True))
        self.utf8 = is_utf8(self._stream, BLOCK)
        """Whether its first block is; Arrow cannot hand a row over that is not."""
        self.names = self._header()

    @cached_property
    def wholly_utf8(self) -> bool:
        """Whether all of it is."""
        return is_utf8(self._stream, BLOCK, whole=True)

    def rows(self) -> int | None:
        """Not known before all is read."""
        return None

    def looking(
        self,
        guesses: dict[str, TextGuess],
        known: Collection[str],
        ragged: Ragged | None = None,
    ) -> Iterator[int]:
        """Take in the kinds of text in the columns that are not known, some rows at a time.

        Gives how many there were. `ragged` is as of `texts`.
        """
        for name in self.names:
            guesses.setdefault(name, TextGuess(self.decimal))
        wanted = [name for name in self.names if name not in known]
        row = 1
        for batch in self.texts(wanted, ragged) if wanted else ():
            if all(guesses[name].settled for name in wanted):
                break
            for name, column in zip(wanted, batch.columns, strict=True):
                if not guesses[name].settled:
                    guesses[name].look(self._strings(column, name, row))
            row += batch.num_rows
            yield batch.num_rows

    def batches(
        self, types: Mapping[str, pa.DataType], columns: Collection[str]
    ) -> Iterator[pa.RecordBatch]:
        """The columns that are named, in their order in the file."""
        names = [name for name in self.names if name in columns]
        schema = pa.schema([(name, types[name]) for name in names])
        row = 1
        for batch in self.texts(names or self.names[:1]):
            if names:
                pairs = zip(schema, batch.columns, strict=True)
                made = [self.values(texts, field, row) for field, texts in pairs]
                yield pa.RecordBatch.from_arrays(made, schema=schema)
            else:
                yield batch.select([])
            row += batch.num_rows

    def values(self, texts: pa.Array, field: pa.Field, row: int) -> pa.Array:
        """The values of one column, whose first row is `row`, as the type of `field`."""

        def values(part: pa.Array) -> pa.Array:
            return converted(part, field.type, self.decimal)

        strings = texts
        if not pa.types.is_binary(field.type):
            strings = self._strings(texts, field.name, row)
        try:
            return values(strings)
        except pa.ArrowInvalid as error:
            at = first_fault(strings, values)
            where = f"`{self.path}`: row {row + at:,}, column `{field.name}`: "
            shown, wanted = shortened(strings[at].as_py()), text_of(field.type)
            where += f"`{shown}` is not of the type `{wanted}`"
            raise TableError(where, hint=other_decimal(shown, wanted)) from error

    def _strings(self, texts: pa.Array, name: str, row: int) -> pa.Array:
        try:
            return texts.cast(pa.string())
        except pa.ArrowInvalid as error:
            at = first_fault(texts, lambda part: part.cast(pa.string()))
            raise TableError(
                f"`{self.path}`: row {row + at:,}, column `{name}`: "
                f"`{shortened(texts[at].as_py().decode('latin-1'))}` is not UTF-8",
                hint=_encoding(self.path),
            ) from error

    def texts(
        self, columns: Collection[str], ragged: Ragged | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The columns that are named as they stand there, as binary; null where they mean it.

        A row with more or fewer values than the header is an error; or `ragged` is called with it
        (its `number` counts from 1, the header too), and says "skip" or "error".
        """
        names = list(dict.fromkeys([*columns, self.names[-1]]))
        options = pc.ConvertOptions(
            check_utf8=False,
            column_types=dict.fromkeys(names, pa.binary()),
            null_values=list(self.null),
            strings_can_be_null=True,
            include_columns=names,
        )
        try:
            with explaining(self.path, self.format):
                rows, last = 0, None
                told = ragged if ragged is not None and self.utf8 and self.wholly_utf8 else None
                for batch in self._reader(options, told, len(self.names) > 1):
                    yield batch.select(range(len(columns)))
                    if batch.num_rows:
                        rows, last = rows + batch.num_rows, batch.column(self.names[-1])[-1]
                self._closed(rows, last)
        except TableError as error:
            raise self._clearer(error) from error

    def _closed(self, rows: int, last: pa.Scalar | None) -> None:
        """Refuses a quote that is never closed: all that follows would be one value, the last."""
        text = None if last is None else last.as_py()
        if not text or b"\n" not in text:
            return
        end = b""
        for piece in pieces(self._stream(), BLOCK):
            end = (end + piece)[-64:].rstrip()
        if not end.endswith(self.quote.encode()):
            raise TableError(
                f"`{self.path}`: row {rows:,}, column `{self.names[-1]}`: "
                "a quote is opened and never closed",
                [shortened(text.decode("utf-8", "replace").partition("\n")[0])],
            )

    def _stream(self) -> pa.NativeFile:
        return opened(self.path, self.read.get("encoding", "utf-8"))

    def _reader(
        self, options: pc.ConvertOptions, ragged: Ragged | None, blank: bool
    ) -> pc.CSVStreamingReader:
        return pc.open_csv(
            ended(self._stream, BLOCK),
            pc.ReadOptions(
                use_threads=False,  # which would not know the numbers of rows
                block_size=BLOCK,
                autogenerate_column_names=not self.header,
            ),
            pc.ParseOptions(
                delimiter=self.read.get("delimiter", DELIMITERS[self.format]),
                quote_char=self.quote or False,
                newlines_in_values=True,
                ignore_empty_lines=blank,
                invalid_row_handler=ragged,
            ),
            options,
        )

    def _header(self) -> list[str]:
        try:
            with explaining(self.path, self.format):
                skip = (lambda _: "skip") if self.utf8 else None
                reader = self._reader(pc.ConvertOptions(), skip, blank=True)
                names: list[str] = reader.schema.names
        except UnicodeError as error:
            raise self._clearer(TableError(brief(error))) from error
        except TableError as error:
            raise self._clearer(error) from error
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise TableError(
                f"`{self.path}` has more than one column `{twice[0]}`",
                hint="columns are told apart by their names; change the header",
            )
        if "delimiter" not in self.read and self.header:
            _one_column(self.path, names)
        return names

    def _clearer(self, error: TableError) -> TableError:
        """What Arrow says of a file as a whole, in words that help."""
        said = error.facts[0] if error.facts else error.headline
        if said == "Empty CSV file":
            return TableError(f"`{self.path}` is empty: it has no header")
        if "cannot infer number of columns" in said and not self._stream().read(BLOCK).strip():
            return TableError(f"`{self.path}` has blank lines alone: it has no header")
        if "straddl" in said or "cannot infer number of columns" in said:
            return TableError(f"`{self.path}` has a row of more than {BLOCK >> 20} MiB")
        row = ROW.search(said) if self.utf8 else None
        if row and (UNKNOWN not in row[4] or self.wholly_utf8):
            return _ragged(self.path, int(row[1]) - self.header, int(row[3]), int(row[2]), row[4])
        wrong = "codec" in said or "UTF-" in said
        if row or wrong or not self.utf8:
            facts = [said] if wrong else []
            if row:
                text = shortened(row[4]).replace(UNKNOWN, "?")
                facts = [f"row {int(row[1]) - self.header:,}: {text}"]
            said = f"`{self.path}` is not encoded as {self.read.get('encoding', 'UTF-8')}"
            return TableError(said, facts, _encoding(self.path))
        return error


def other_decimal(text: str, dtype: str) -> str:
    """The hint at another decimal sign, where a text that is not of a type may have one."""
    number = re.fullmatch(r"\s*[+-]?[0-9]*,[0-9]+\s*", text)
    if number is None or not dtype.startswith(("decimal", "float")):
        return ""
    return 'if `,` is the decimal sign: `read = { decimal = "," }`'


def _encoding(path: str) -> str:
    """The hint at another encoding than UTF-8."""
    marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    other = "utf-16" if opened(path, "utf-8").read(2) in marks else "latin-1"
    return OTHER_ENCODING.replace("latin-1", other)


def _ragged(path: str, number: int, found: int, expected: int, text: str) -> TableError:
    return TableError(
        f"`{path}`: row {number:,} has {found:,} values, where there are {expected:,} columns",
        [shortened(text)],
    )


def _one_column(path: str, names: list[str]) -> None:
    """Refuses a header that is one column, and that another delimiter would make more of."""
    other = max(",;\t|", key=names[0].count)
    if len(names) > 1 or other not in names[0]:
        return
    text = {"\t": "\\t"}.get(other, other)
    raise TableError(
        f"`{path}` has one column, `{shortened(names[0])}`",
        hint=f'if `{text}` is between the columns: `read = {{ delimiter = "{text}" }}`',
    )
