"""The object store, in a folder and on a real S3 server that checks signatures."""

import io
import json
import socket
import stat
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import obstore
import pytest

from exchange import storage
from exchange.errors import Unavailable
from exchange.sealing import seal, unseal, unseal_range
from exchange.storage import ObjectMissing, StorageUnavailable, Store, open_store

ACCESS, SECRET = "databourse-test", "databourse-test-secret"


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """SeaweedFS on loopback with one pair of keys; the options that reach it."""
    home = tmp_path_factory.mktemp("weed")
    config = home / "s3.json"
    credentials = [{"accessKey": ACCESS, "secretKey": SECRET}]
    identity = {"name": "test", "credentials": credentials, "actions": ["Admin", "Read", "Write", "List"]}
    config.write_text(json.dumps({"identities": [identity]}), encoding="utf-8")
    services = ("s3", "master", "volume", "filer", "admin")
    ports = dict(zip([f"{s}.port{kind}" for s in services for kind in ("", ".grpc")], free_ports(10), strict=True))
    endpoint = f"http://127.0.0.1:{ports['s3.port']}"
    command = [
        str(Path(sysconfig.get_path("scripts")) / "weed"),
        "mini",
        f"-dir={home}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.telemetry=false",
        "-admin.ui=false",
        "-webdav=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.config={config}",
        "-bucket=goods",
        *(f"-{name}={port}" for name, port in ports.items()),
    ]
    with (home / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            options = {"endpoint": endpoint, "region": "us-east-1"}
            options |= {"access_key_id": ACCESS, "secret_access_key": SECRET}
            wait_for(options)
            yield options
        finally:
            process.kill()
            for port in ports.values():
                for socket_file in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108  (its fixed place)
                    socket_file.unlink()


def test_s3_keeps_the_headers_that_an_object_is_served_with(s3: dict[str, str]) -> None:
    store = open_store("s3://goods/headers", s3)
    store.put("tile", [b"1"], headers={"Content-Type": "text/plain", "Cache-Control": "public, max-age=1"})
    kept = obstore.get(store._backend, "tile").attributes
    assert (kept["Content-Type"], kept["Cache-Control"]) == ("text/plain", "public, max-age=1")


def wait_for(options: dict[str, str]) -> None:
    give_up = time.monotonic() + 30
    while True:
        try:
            open_store("s3://goods/ready", options).put("ready", [b"1"])
        except StorageUnavailable:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.1)
        else:
            return


@pytest.fixture(params=["file", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "file":
        return open_store(f"file://{tmp_path}/goods here".replace(" ", "%20"))
    return open_store(f"s3://goods/{tmp_path.name}", request.getfixturevalue("s3"))


def test_put_open_size_delete(store: Store) -> None:
    assert store.put("a/b/one", iter([b"hello ", b"", b"world"])) == 11
    assert store.size("a/b/one") == 11
    with store.open("a/b/one") as file:
        assert file.read() == b"hello world"
    assert store.put("a/b/one", [b"again"]) == 5
    with store.open("a/b/one") as file:
        assert file.read() == b"again"
    store.delete("a/b/one")
    store.delete("a/b/one")
    for look in (store.size, store.open):
        with pytest.raises(ObjectMissing):
            look("a/b/one")


def test_an_empty_object(store: Store) -> None:
    assert store.put("empty", []) == 0
    with store.open("empty") as file:
        assert (file.read(), file.seek(0, io.SEEK_END)) == (b"", 0)


def test_multipart_and_seeks(store: Store) -> None:
    parts = [bytes([n]) * 1_000_003 for n in range(20)]
    whole = b"".join(parts)
    assert store.put("big", iter(parts)) == len(whole)
    with store.open("big") as file:
        assert file.seek(-5, io.SEEK_END) == len(whole) - 5
        assert file.read(100) == whole[-5:]
        assert file.seek(9_999_999) == 9_999_999
        assert file.read(3_000_000) == whole[9_999_999:12_999_999]
        assert file.seek(10, io.SEEK_CUR) == file.tell() == 13_000_009
        assert file.read(10) == whole[13_000_009:13_000_019]
        assert file.seek(1 << 40) == 1 << 40
        assert file.read(1) == b""
        with pytest.raises(ValueError, match="negative"):
            file.seek(-1)
        file.seek(0)
        assert file.read() == whole


class SourceError(OSError):
    """What a source of chunks may raise; an OSError, so as not to be taken for the store's."""


@pytest.mark.parametrize("sent", [0, 1, 20])
def test_nothing_is_visible_until_complete(store: Store, sent: int) -> None:
    seen: list[list[str]] = []

    def chunks() -> Iterator[bytes]:
        for _ in range(sent):
            yield bytes(1_000_000)
            seen.append(list(store.list()))
        raise SourceError("the source broke")

    with pytest.raises(SourceError, match="the source broke"):
        store.put("half", chunks())
    assert not any(seen)
    assert list(store.list()) == []
    store.put("half", [b"before"])
    with pytest.raises(SourceError):
        store.put("half", chunks())
    with store.open("half") as file:
        assert file.read() == b"before"


def test_an_object_may_be_made_of_another(store: Store) -> None:
    store.put("plain", (bytes(1_000_000) for _ in range(10)))
    with store.open("plain") as file:
        store.put("sealed", seal(file, bytes(32), b"again"))
    with store.open("sealed") as file:
        assert b"".join(unseal(file, bytes(32), b"again")) == bytes(10_000_000)


def test_list_walks_a_folder(store: Store) -> None:
    keys = {f"goods/{n:03}" for n in range(30)} | {"goods2/x", "top"}
    for key in keys:
        store.put(key, [b"x"])
    assert set(store.list()) == keys
    assert set(store.list("goods")) == {key for key in keys if key.startswith("goods/")}
    assert list(store.list("nothing")) == []


def test_list_crosses_pages(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    for number in range(1100):
        (tmp_path / f"k{number}").touch()
    assert len(set(store.list())) == 1100


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "../a", "a/../b", ".hidden", "a b", "a#1", "a%2fb", "数"])
def test_malformed_keys(tmp_path: Path, key: str) -> None:
    store = open_store(tmp_path.as_uri())
    for call in (lambda: store.put(key, [b"x"]), lambda: store.open(key), lambda: store.delete(key)):
        with pytest.raises(ValueError, match="key"):
            call()


def test_local_files_are_private(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}/new/goods")
    store.put("a/b/c", [b"x"])
    store.put("a/b/big", (bytes(5_000_000) for _ in range(3)))
    for path in (tmp_path / "new/goods").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert stat.S_IMODE((tmp_path / "new/goods").stat().st_mode) == 0o700


def test_a_folder_open_to_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    with pytest.raises(ValueError, match="0700"):
        open_store(f"file://{tmp_path}/open")


@pytest.mark.parametrize("url", ["", "file:///", "file://host/x", "http://x/y", "s3://", "memory:///", "/plain/path"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="a store is"):
        open_store(url)


def test_unknown_options_are_refused_without_their_values() -> None:
    with pytest.raises(ValueError, match="no_such_option") as caught:
        open_store("s3://goods", {"no_such_option": "hush"})
    assert "hush" not in str(caught.value)


def test_reads_stay_within_the_read_ahead(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("big", (bytes(1_000_000) for _ in range(8)))
    asked: list[int] = []
    real = obstore.get_range

    def counting(backend: Any, key: str, *, start: int, length: int) -> obstore.Bytes:
        asked.append(length)
        return real(backend, key, start=start, length=length)

    monkeypatch.setattr(obstore, "get_range", counting)
    with store.open("big") as file:
        while file.read(16_400):
            pass
    assert max(asked) <= storage.READ_AHEAD_BYTES
    assert sum(asked) == 8_000_000
    assert len(asked) == 8


def test_an_object_deleted_under_a_reader(store: Store) -> None:
    store.put("gone", [b"x" * 10])
    with store.open("gone") as file:
        store.delete("gone")
        with pytest.raises(ObjectMissing):
            file.read(1)


def test_wrong_credentials_are_refused_by_their_signature(s3: dict[str, str]) -> None:
    open_store("s3://goods/signed", s3).put("x", [b"secret goods"])
    forged = open_store("s3://goods/signed", {**s3, "secret_access_key": "guessed"})
    for call in (
        lambda: forged.put("y", [b"1"]),
        lambda: forged.put("y", (bytes(6_000_000) for _ in range(3))),
        lambda: forged.open("x"),
        lambda: forged.delete("x"),
        lambda: list(forged.list()),
    ):
        with pytest.raises(StorageUnavailable):
            call()
    assert list(open_store("s3://goods/signed", s3).list()) == ["x"]


def test_prefixes_keep_stores_apart(s3: dict[str, str]) -> None:
    open_store("s3://goods/one", s3).put("k", [b"1"])
    with pytest.raises(ObjectMissing):
        open_store("s3://goods/two", s3).size("k")
    assert list(open_store("s3://goods/two", s3).list()) == []


def test_a_store_that_is_down() -> None:
    (port,) = free_ports(1)
    options = {"endpoint": f"http://127.0.0.1:{port}", "region": "us-east-1", "access_key_id": "a"}
    store = open_store("s3://goods", {**options, "secret_access_key": "b"})
    with pytest.raises(StorageUnavailable) as caught:
        store.size("k")
    assert isinstance(caught.value, Unavailable)


def test_goods_sealed_into_the_store_and_read_by_range(store: Store) -> None:
    key, context = bytes(32), b"goods fil_x"
    plain = bytes(range(256)) * 8192
    store.put("goods", seal(io.BytesIO(plain), key, context))
    with store.open("goods") as file:
        assert b"".join(unseal_range(file, key, context, 1_000_000, 1_100_000)) == plain[1_000_000:1_100_000]
        file.seek(0)
        assert b"".join(unseal(file, key, context)) == plain
