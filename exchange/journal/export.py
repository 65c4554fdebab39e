"""A log as a folder of files, laid out as its site serves it (C2SP tlog-tiles): any file server can serve it on.

Tiles and bundles come first and the checkpoint last, each file whole or not at all: a copy that was cut off is an older
log, or none, and going on is the same as beginning.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from exchange.journal import checkpoint, note, tiles
from exchange.journal.sources import Address, Source, Unreadable

#: Bundles between two reports of progress.
_STEP = 32


def export(address: Address, folder: Path) -> int:
    """Copy the log at ``address`` into ``folder``, which is made if missing; the leaves copied.

    Raises:
        Unreadable: The source has no checkpoint, or lacks a tile or an entry of the signed tree.
        OSError: The folder takes no files.
    """
    done = 0
    for done, _ in steps(address, folder):  # noqa: B007  (the last one is the answer)
        pass
    return done


def steps(address: Address, folder: Path) -> Iterator[tuple[int, int]]:
    """As ``export``, step by step: leaves done, and of how many.

    Raises:
        Unreadable: As ``export``.
        OSError: As ``export``.
    """
    with closing(address.open()) as source:
        text = source.newest()
        if text is None:
            raise Unreadable("the log has no checkpoint")
        try:
            size = checkpoint.parse(note.text_of(text)).size
        except note.InvalidNote as error:
            raise Unreadable(f"the checkpoint cannot be read: {error}") from error
        _write_tiles_above(source, folder, size)
        count = -(-size // tiles.WIDTH)
        for first in range(0, count, _STEP):
            for bundle in source.bundles(first, min(first + _STEP, count), size):
                _write(folder, tiles.entries_path(bundle.index, bundle.width), bundle.entries)
                _write(folder, tiles.tile_path(0, bundle.index, bundle.width), bundle.tile)
            yield min((first + _STEP) * tiles.WIDTH, size), size
        _write(folder, "checkpoint", text.encode())


def _write_tiles_above(source: Source, folder: Path, size: int) -> None:
    """The tiles of all levels but the lowest: one for each 65,536 leaves, and few above those."""
    level = 1
    while size >> (tiles.HEIGHT * level):
        index = 0
        while width := tiles.width_at(level, index, size):
            _write(folder, tiles.tile_path(level, index, width), source.tile(level, index, width))
            index += 1
        level += 1


def _write(folder: Path, path: str, data: bytes | None) -> None:
    if data is None:
        raise Unreadable(f"{path} is not there, or not given to this reader")
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as file:
        try:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            Path(file.name).replace(target)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
