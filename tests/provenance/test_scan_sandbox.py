import fcntl
import io
import os
import platform
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from provenance.scan import confine, sandbox
from provenance.scan.contract import Limits, Refusal, ScanCrashed, ScanRefused

MEBIBYTE = 1024 * 1024
SMALL = Limits(wall_seconds=20, cpu_seconds=10, memory_bytes=256 * MEBIBYTE, scratch_bytes=4 * MEBIBYTE)

Run = Callable[..., dict[str, Any]]


def children() -> list[str]:
    return [pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run a function of hostile_scans.py; afterwards neither a process, a file nor a descriptor may be left."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setattr(sandbox, "_SCANS", dict(sandbox._SCANS))
    before = children(), descriptors()

    def start(name: str, content: bytes = b"a\n1\n", limits: Limits = SMALL, **options: Any) -> dict[str, Any]:
        sandbox.register(name, f"hostile_scans:{name}")
        return sandbox.run(name, io.BytesIO(content), limits, scratch_root=tmp_path, **options)

    yield start
    assert (children(), descriptors()) == before
    assert list(tmp_path.iterdir()) == []


def test_result_and_progress_come_back(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_SECRET", "not for the child")
    told: list[int] = []
    result = run("honest", "数衡".encode(), progress=told.append)
    assert result["text"] == "数衡"
    assert result["cells"] == SMALL.cells
    assert result["scratch"] == 0
    assert "DATABASE_SECRET" not in result["environment"]
    assert told == [50]


def test_progress_callback_that_raises_ends_the_scan(run: Run) -> None:
    def cancel(_per_cent: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("flood", progress=cancel)


def test_unknown_scan_and_taken_name() -> None:
    with pytest.raises(LookupError):
        sandbox.run("no such scan", io.BytesIO(b"a"))
    with pytest.raises(ValueError, match="is registered as"):
        sandbox.register("profile", "elsewhere:profile")


def test_surroundings_are_out_of_reach(run: Run) -> None:
    seen = run("surroundings")
    assert len(seen.pop("fds")) == 5  # standard streams, the file and the answer pipe
    assert (seen.pop("uid") >= 61_184) == (os.getuid() == 0)
    assert seen.pop("own file") == "done"
    assert set(seen.values()) == {"PermissionError"}, seen


def test_loopback_listener_is_never_reached(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        with pytest.raises(ScanCrashed, match="PermissionError"):
            run("connect", str(listener.getsockname()[1]).encode())
        with pytest.raises(TimeoutError):
            listener.accept()


@pytest.mark.parametrize("name", ["unix_socket", "fork", "execute"])
def test_forbidden_call_is_a_crash(run: Run, name: str) -> None:
    with pytest.raises(ScanCrashed, match="PermissionError"):
        run(name)


@pytest.mark.parametrize("name", ["private_memory", "shared_memory"])
def test_memory_hog(run: Run, name: str) -> None:
    with pytest.raises(ScanRefused) as refused:
        run(name)
    assert refused.value.code is Refusal.OUT_OF_MEMORY


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("burn", Limits(cpu_seconds=1)),
        ("sleep", Limits(wall_seconds=1)),
        ("silent_sleep", Limits(wall_seconds=1)),
    ],
)
def test_time_hog(run: Run, name: str, limits: Limits) -> None:
    with pytest.raises(ScanRefused) as refused:
        run(name, limits=limits)
    assert refused.value.code is Refusal.TIMEOUT


@pytest.mark.parametrize("name", ["big_file", "many_files"])
def test_disk_hog(run: Run, name: str) -> None:
    with pytest.raises(ScanRefused) as refused:
        run(name)
    assert refused.value.code is Refusal.TOO_LARGE


@pytest.mark.parametrize("name", ["flood", "large_result"])
def test_output_flood(run: Run, name: str) -> None:
    with pytest.raises(ScanCrashed, match="said more than"):
        run(name, limits=Limits(result_bytes=100_000))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fractional", "is a float"),
        ("surrogate", "surrogates not allowed"),
        ("listing", "out of turn"),
        ("vanish", "status 3"),
        ("abort", "status -6"),
    ],
)
def test_nonsense_is_a_crash(run: Run, name: str, message: str) -> None:
    with pytest.raises(ScanCrashed, match=message):
        run(name)


def test_refusal_of_the_scan_passes_through(run: Run) -> None:
    with pytest.raises(ScanRefused, match="not_a_table: for the test"):
        run("refuse")


def test_file_larger_than_its_limit_starts_no_child(run: Run) -> None:
    with pytest.raises(ScanRefused) as refused:
        run("honest", b"x" * 1001, Limits(source_bytes=1000))
    assert refused.value.code is Refusal.TOO_LARGE


def test_empty_file(run: Run) -> None:
    with pytest.raises(ScanRefused) as refused:
        run("honest", b"")
    assert refused.value.code is Refusal.EMPTY


@pytest.mark.usefixtures("run")
def test_module_that_does_not_exist_is_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sandbox._SCANS, "lost", "provenance.scan.lost:scan")
    with pytest.raises(ScanCrashed, match="ModuleNotFoundError"):
        sandbox.run("lost", io.BytesIO(b"a"))


def test_scratch_of_a_killed_scan_is_swept_and_that_of_a_running_one_is_not(run: Run, tmp_path: Path) -> None:
    left, busy = tmp_path / "databourse-scan-left", tmp_path / "databourse-scan-busy"
    for folder in (left, busy):
        folder.mkdir()
        (folder / "scan.duckdb").write_bytes(b"decoded goods")
        os.utime(folder, (0, 0))
    lock = os.open(busy, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    run("honest")
    assert not left.exists()
    assert busy.exists()
    os.close(lock)
    run("honest")
    assert not busy.exists()


def test_files_outside_scratch_cannot_be_written(run: Run) -> None:
    if confine._libc.syscall(confine._LANDLOCK_CREATE_RULESET, None, 0, 1) < 1:
        pytest.skip("this kernel has no Landlock")
    with pytest.raises(ScanCrashed, match="PermissionError"):
        run("outside_file")


def test_machine_without_a_filter_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(confine.ConfinementUnavailable, match="riscv64"):
        confine.confine(SMALL, source_fd=0, parent_pid=os.getppid())


@pytest.mark.parametrize("machine", confine._MACHINES)
def test_filter_is_well_formed(machine: str) -> None:
    column, arch = confine._MACHINES[machine]
    program = list(confine._instructions(column, arch))
    assert len(program) < 4096
    assert program[-1] == (0x06, 0, 0, 0x0005_0001)
    for position, (_, jump_true, jump_false, _) in enumerate(program[:-1], start=1):
        assert position + max(jump_true, jump_false) < len(program)
    for name in ("x86_64", "aarch64"):
        numbers = [call[confine._MACHINES[name][0]] for call in confine._ALLOWED.values()]
        known = [number for number in numbers if number is not None]
        assert len(known) == len(set(known))


@pytest.mark.parametrize(
    "line",
    [b"[" * 100_000, b'{"progress": NaN}', b'{"result": {"n": ' + b"9" * 5_000 + b"}}", b"\xff\xfe", b"{"],
)
def test_answers_that_are_not_acceptable_json(line: bytes) -> None:
    with pytest.raises(ScanCrashed):
        sandbox._parse(bytearray(line))
