"""The object store: sealed goods and documents as immutable objects by key, in a local folder or on S3.

Keys are relative paths of plain ASCII (``goods/fil_01k9…``). An object appears whole or not at all: bytes are staged
(a multipart upload on S3, a file that listings pass over in a folder) and take their name when the last one is written.
``obstore``'s errors are translated here and nowhere else.
"""

import io
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit
from urllib.request import url2pathname

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from exchange.errors import Unavailable

#: A reader fetches at least this much with one request, and holds no more of the object in memory.
READ_AHEAD_BYTES = 1024 * 1024
#: S3 wants parts of 5 MiB or more; a folder takes any, and small ones stay in the processor's cache. At most
#: ``_PARTS_AT_ONCE`` of them are in memory.
_PART_BYTES = 8 * 1024 * 1024
_LOCAL_PART_BYTES = 1024 * 1024
_PARTS_AT_ONCE = 4
_CLIENT_OPTIONS: Mapping[str, timedelta] = {
    "connect_timeout": timedelta(seconds=5),
    "timeout": timedelta(seconds=60),
}
_MAX_RETRIES = 3
_RETRY_TIMEOUT = timedelta(seconds=20)

_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


class ObjectMissing(LookupError):
    """The store holds no object of this key."""


class StorageUnavailable(Unavailable):
    """The store does not answer, refuses the credentials, or has no room."""

    default_code = "storage_unavailable"


class Store:
    """Objects by key. ``open_store`` makes one; it may be shared between threads."""

    def __init__(self, backend: LocalStore | S3Store, folder: Path | None = None) -> None:
        """``folder`` is where ``backend`` keeps its files, if it is a local one."""
        self._backend = backend
        self._folder = folder

    def put(self, key: str, chunks: Iterable[bytes], *, headers: Mapping[str, str] | None = None) -> int:
        """Store what ``chunks`` yield under ``key``, replacing what was there; the size in bytes.

        ``headers`` are what S3 answers with when it serves the object itself; a folder keeps none.

        Chunks are consumed as they are sent. If they raise, their error comes through, and nothing is stored. Local
        objects are on the disk, not only in its cache, when this returns.

        Raises:
            StorageUnavailable: Nothing was stored.
            ValueError: The key is malformed.
        """
        _check(key)
        if self._folder is not None:
            with _refusing():
                _make_folders(self._folder, key)
        # A writer, not ``obstore.put``: that pulls its iterator from within the runtime that drives all stores, so
        # chunks that are themselves read from a store would panic there.
        part_bytes = _PART_BYTES if self._folder is None else _LOCAL_PART_BYTES
        writer = obstore.open_writer(
            self._backend,
            key,
            attributes=dict(headers) if headers and self._folder is None else None,
            buffer_size=part_bytes,
            max_concurrency=_PARTS_AT_ONCE,
        )
        size = 0
        try:
            for chunk in chunks:
                with _refusing():
                    writer.write(chunk)
                size += len(chunk)
        except BaseException as error:
            with suppress(BaseError, OSError):  # the first error is the one to tell
                writer.__exit__(type(error), error, error.__traceback__)  # gives the staged parts up
            raise
        with _refusing():
            writer.close()
            if self._folder is not None:
                _settle(self._folder / key)
        return size

    def open(self, key: str) -> BinaryIO:
        """The object as a seekable binary file, fetched by ranges with ``READ_AHEAD_BYTES`` of read-ahead.

        Raises:
            ObjectMissing: There is none (from a read: it was deleted meanwhile).
            StorageUnavailable: Now, or from a later read.
        """
        return io.BufferedReader(_RangeReader(self._backend, key, self.size(key)), READ_AHEAD_BYTES)

    def size(self, key: str) -> int:
        """Size of the object in bytes.

        Raises:
            ObjectMissing: There is none.
        """
        _check(key)
        with _translated(key):
            return obstore.head(self._backend, key)["size"]

    def delete(self, key: str) -> None:
        """Remove the object; a missing one is no error, so a deletion can be repeated."""
        _check(key)
        try:
            with _translated(key):
                obstore.delete(self._backend, key)
        except ObjectMissing:
            return

    def list(self, prefix: str = "") -> Iterator[str]:
        """The keys below the folder ``prefix`` (all keys if empty), in no particular order, fetched page by page."""
        if prefix:
            _check(prefix)
        with _translated(prefix):
            for page in obstore.list(self._backend, prefix or None):
                yield from (meta["path"] for meta in page)


def open_store(url: str, options: Mapping[str, str] | None = None) -> Store:
    """The store at ``url``.

    Args:
        url: ``file:///folder`` (made if missing; nobody else may have access to it) or ``s3://bucket/prefix``.
        options: For S3, named as ``obstore.store.S3Config`` names them: ``endpoint``, ``region``,
            ``access_key_id``, ``secret_access_key`` ... Plain HTTP is allowed if the endpoint says so.

    Raises:
        ValueError: An unknown kind of URL, an unknown option, or a folder that others can enter.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path not in {"", "/"} and not parts.netloc and not options:
        folder = Path(url2pathname(parts.path))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if stat.S_IMODE(folder.stat().st_mode) & 0o077:
            raise ValueError(f"others can enter the folder {folder}; its mode must be 0700")
        return Store(LocalStore(folder), folder)
    if parts.scheme == "s3" and parts.netloc:
        given: dict[str, Any] = dict(options or {})
        client = {**_CLIENT_OPTIONS, "allow_http": given.get("endpoint", "").startswith("http://")}
        retry = {"max_retries": _MAX_RETRIES, "retry_timeout": _RETRY_TIMEOUT}
        try:
            backend = S3Store(
                parts.netloc,
                prefix=parts.path.strip("/") or None,
                config=given,  # type: ignore[arg-type]  # checked by the constructor
                client_options=client,  # type: ignore[arg-type]  # a TypedDict, built from a constant
                retry_config=retry,  # type: ignore[arg-type]  # as above
            )
        except BaseError as error:
            raise ValueError(f"the options of the store are not understood: {sorted(given)}") from error
        return Store(backend)
    raise ValueError("a store is file:///folder or s3://bucket/prefix")


class _RangeReader(io.RawIOBase):
    """An object as a raw file: every read is one ranged request."""

    def __init__(self, backend: LocalStore | S3Store, key: str, size: int) -> None:
        self._backend = backend
        self._key = key
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if origin + offset < 0:
            raise ValueError("a position is not negative")
        self._position = origin + offset
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        length = min(len(buffer), self._size - self._position)
        if length <= 0:
            return 0
        data = self._fetch(length)
        buffer[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        """The rest in one request: who asks for it has the room."""
        rest = self._size - self._position
        return bytes(self._fetch(rest)) if rest > 0 else b""

    def _fetch(self, length: int) -> memoryview:
        with _translated(self._key):
            data = memoryview(obstore.get_range(self._backend, self._key, start=self._position, length=length))
        self._position += len(data)
        return data


@contextmanager
def _translated(key: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise ObjectMissing(key) from error
    except (BaseError, OSError) as error:
        raise StorageUnavailable("The object store does not answer.") from error


@contextmanager
def _refusing() -> Iterator[None]:
    """While writing, a missing bucket or folder is no missing object."""
    try:
        yield
    except (BaseError, OSError) as error:
        raise StorageUnavailable("The object store does not take the object.") from error


def _check(key: str) -> None:
    if not _KEY.fullmatch(key):
        raise ValueError("a key is a relative path of letters, digits, dots, dashes and underscores")


def _make_folders(root: Path, key: str) -> None:
    """The folders above ``key``, each entered by nobody else and durable before anything is put into it."""
    folder = root
    for part in Path(key).parts[:-1]:
        folder /= part
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        _sync(folder.parent)


def _settle(path: Path) -> None:
    """Make a new file private and durable, its name included. Until then its folder alone kept others out."""
    path.chmod(0o600)
    _sync(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
