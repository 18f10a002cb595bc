"""Bytes of a file whatever its compression, and the encoding of its text."""

import bz2
import codecs
import gzip
import io
import lzma
import zipfile
from contextlib import ExitStack, contextmanager

from skimbalance._cli import Refusal

#: Bytes at the beginning of a file from which its form is detected.
LOOKED_AT = 65_536
_OPENERS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
# Bytes at the beginning of UTF-8 and UTF-16 with a mark, in the order in which they are looked for.
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class Content:
    """Bytes of a file, decompressed, that can be read several times; a pipe is read once and kept in memory."""

    def __init__(self, path):
        self.path = path if path.is_file() else None
        self.bytes = None if self.path else path.read_bytes()
        with self._raw() as raw:
            start = raw.read(6)
        self.opener = next((of for mark, of in _OPENERS.items() if start.startswith(mark)), None)
        self.is_zip = start[:4] in (b"PK\x03\x04", b"PK\x05\x06")
        with self.open() as stream:
            self.head = stream.read(LOOKED_AT)

    @property
    def is_compressed(self):
        """Whether the file holds fewer bytes than its text."""
        return self.is_zip or self.opener is not None

    def _raw(self):
        """Return a stream of the raw bytes."""
        return self.path.open("rb") if self.path else io.BytesIO(self.bytes)

    @contextmanager
    def open(self):
        """Open a stream of the decompressed bytes."""
        with ExitStack() as stack:
            stream = stack.enter_context(self._raw())
            if self.is_zip:
                archive = stack.enter_context(zipfile.ZipFile(stream))
                stream = stack.enter_context(archive.open(_only_file(archive.namelist())))
            elif self.opener:
                stream = stack.enter_context(self.opener(stream))
            yield stream

    def encoding(self, file, given=None):
        """Return the encoding of the whole text, and notes for the user.

        Parameters
        ----------
        file : str
            Name of the file, for messages.
        given : str or None
            Encoding that the user gives; None detects it.
        """
        marked = next((of for mark, of in _MARKS.items() if self.head.startswith(mark)), None)
        chosen = given or marked or "utf-8"
        if b"\0" in self.head and given is None and chosen != "utf-16":
            raise Refusal(
                f"{file} is neither CSV nor parquet: it contains zero bytes. If it is text in UTF-16, pass "
                "--encoding utf-16-le."
            )
        error = self._undecodable(chosen)
        if error is None:
            return chosen, []
        if chosen != "utf-8" or given:
            raise Refusal(f"{file} is not text in {chosen}: {error}. Pass its encoding by --encoding.")
        if self._undecodable("cp1252"):
            raise Refusal(f"{file} is not text in UTF-8; pass its encoding, such as --encoding latin-1.")
        return "cp1252", [f"{file} is not UTF-8; it is read as Windows-1252 (--encoding names another)."]

    def _undecodable(self, encoding):
        """Return why the text cannot be decoded, or None."""
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            with self.open() as stream:
                while part := stream.read(1 << 20):
                    decoder.decode(part)
                decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            return str(error)
        return None


def _only_file(names):
    """Return the name of the one file of an archive."""
    if len(names) != 1:
        raise ValueError(
            f"it is an archive of {len(names)} files{f', such as {names[0]!r}' if names else ''}. If it is an Excel "
            "workbook, save a sheet as CSV; else pass one of the files"
        )
    return names[0]
