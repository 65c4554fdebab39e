"""The public log over HTTP, read as a C2SP tlog-tiles client reads it."""

from opened import Site

from exchange import attest
from exchange.journal import checkpoint, merkle, note

IMMUTABLE = "public, max-age=31536000, immutable"


def test_the_checkpoint_verifies_with_the_key_and_fits_the_tiles(sealed: Site) -> None:
    client = sealed.client()
    vkey = client.get("/log/vkey").text.strip()
    assert vkey == attest.vkey()
    signed = checkpoint.parse(note.open(client.get("/log/checkpoint").text, [vkey]))
    assert (signed.origin, signed.size) == ("test.example/log", 3)
    tile = client.get("/log/tile/0/000.p/3").data
    leaves = [tile[at : at + 32] for at in range(0, len(tile), 32)]
    root = merkle.node_hash(merkle.node_hash(leaves[0], leaves[1]), leaves[2])
    assert root == signed.root


def test_the_checkpoint_is_asked_for_by_its_etag(sealed: Site) -> None:
    client = sealed.client()
    first = client.get("/log/checkpoint")
    assert first.mimetype == "text/plain"
    assert first.headers["Cache-Control"] == "public, max-age=1, must-revalidate"
    again = client.get("/log/checkpoint", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    sealed.record(1)
    sealed.seal()
    newer = client.get("/log/checkpoint", headers={"If-None-Match": first.headers["ETag"]})
    assert newer.status_code == 200
    assert newer.headers["ETag"] != first.headers["ETag"]


def test_a_tile_never_changes(sealed: Site) -> None:
    for width in (1, 2, 3):
        tile = sealed.client().get(f"/log/tile/0/000.p/{width}")
        assert (tile.status_code, len(tile.data)) == (200, 32 * width)
        assert tile.headers["Cache-Control"] == IMMUTABLE
        assert tile.mimetype == "application/octet-stream"


def test_only_the_exact_path_of_a_tile_that_is_there_is_served(sealed: Site) -> None:
    client = sealed.client()
    for path in (
        "0/000",  # not full yet
        "0/000.p/4",
        "0/000.p/0",
        "0/000.p/03",
        "0/000.p/256",
        "0/0",
        "0/00",
        "00/000.p/3",
        "0/x000/000.p/3",
        "0/001",
        "1/000.p/1",
        "64/000",
        "-1/000",
        "0/000.p/3/",
        "0/000.P/3",
        "0/../0/000.p/3",
        "",
    ):
        answer = client.get(f"/log/tile/{path}")
        assert answer.status_code == 404, path
        assert answer.headers["Cache-Control"] == "no-store", path


def test_entries_are_guarded(sealed: Site) -> None:
    client = sealed.client()
    for path in ("entries/000", "entries/000.p/3", "data/000"):
        answer = client.get(f"/log/tile/{path}")
        assert answer.status_code in {303, 401, 404}
        assert b"subject_" not in answer.data
