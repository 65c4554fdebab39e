"""Confinement of the calling process for good: resource limits, another user, Landlock and seccomp.

Linux on x86_64 and aarch64. The seccomp filter allows the calls a computation needs and answers EPERM to all others:
no sockets, no programs, no processes, no signals to anyone else, no shared memory that outlives the process
(seccomp(2), Linux `Documentation/userspace-api/seccomp_filter.rst`). Landlock (landlock(7)), where the kernel has it,
leaves of the file system only the scratch folder and the file to be read.
"""

import ctypes
import errno
import os
import platform
import resource
import signal
import struct
from collections.abc import Iterator
from pathlib import Path

from provenance.scan.contract import Limits

# Users that systemd reserves for short-lived services. Not «nobody»: that account also runs the embedded database
# server, and a scan must share a user with nothing it could signal or read.
_FIRST_UID = 61_184
_UID_COUNT = 4_336

_OPEN_FILES = 64
_THREADS = 32
_SHARED_BYTES = 1024 * 1024 * 1024  # address space above private memory: libraries, guard pages, allocator reserves

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NAME = 15
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_SET_MODE_FILTER = 1
_SECCOMP_FILTER_FLAG_TSYNC = 1
_CLONE_THREAD = 0x0001_0000

_KILL = 0x8000_0000  # SECCOMP_RET_KILL_PROCESS
_ALLOW = 0x7FFF_0000
_ERRNO = 0x0005_0000

_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06  # BPF: ld [k], jeq k, jset k, ret k
_NR, _ARCH, _ARG0 = 0, 4, 16  # offsets in struct seccomp_data; both machines are little-endian

_MACHINES = {"x86_64": (0, 0xC000_003E), "aarch64": (1, 0xC000_00B7)}  # column of _ALLOWED, AUDIT_ARCH_*

# Name: (x86_64, aarch64); None where the machine has no such call. From asm/unistd_64.h and asm-generic/unistd.h.
_ALLOWED: dict[str, tuple[int, int | None]] = {
    # files already open, and the scratch folder
    "read": (0, 63), "write": (1, 64), "readv": (19, 65), "writev": (20, 66),
    "pread64": (17, 67), "pwrite64": (18, 68), "preadv": (295, 69), "pwritev": (296, 70),
    "open": (2, None), "openat": (257, 56), "close": (3, 57), "lseek": (8, 62),
    "stat": (4, None), "fstat": (5, 80), "lstat": (6, None), "newfstatat": (262, 79), "statx": (332, 291),
    "access": (21, None), "faccessat": (269, 48), "faccessat2": (439, 439),
    "readlink": (89, None), "readlinkat": (267, 78), "getdents64": (217, 61), "getcwd": (79, 17),
    "statfs": (137, 43), "fstatfs": (138, 44), "fcntl": (72, 25), "flock": (73, 32),
    "dup": (32, 23), "dup3": (292, 24), "ftruncate": (77, 46), "fallocate": (285, 47), "fadvise64": (221, 223),
    "fsync": (74, 82), "fdatasync": (75, 83), "unlink": (87, None), "unlinkat": (263, 35),
    "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276),
    # memory
    "mmap": (9, 222), "munmap": (11, 215), "mprotect": (10, 226), "mremap": (25, 216), "madvise": (28, 233),
    "mincore": (27, 232), "brk": (12, 214), "membarrier": (324, 283), "get_mempolicy": (239, 236),
    # threads of this process, and its end
    "futex": (202, 98), "futex_waitv": (449, 449), "set_robust_list": (273, 99), "get_robust_list": (274, 100),
    "rseq": (334, 293), "set_tid_address": (218, 96), "exit": (60, 93), "exit_group": (231, 94),
    "restart_syscall": (219, 128), "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132), "sched_yield": (24, 124), "sched_getaffinity": (204, 123), "getcpu": (309, 168),
    # who and when
    "getpid": (39, 172), "gettid": (186, 178), "getppid": (110, 173), "getuid": (102, 174), "geteuid": (107, 175),
    "getgid": (104, 176), "getegid": (108, 177), "uname": (63, 160), "sysinfo": (99, 179), "getrusage": (98, 165),
    "getrlimit": (97, 163), "getrandom": (318, 278), "clock_gettime": (228, 113), "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115), "nanosleep": (35, 101), "gettimeofday": (96, 169), "time": (201, None),
    "times": (100, 153),
    # waiting on descriptors of its own
    "poll": (7, None), "ppoll": (271, 73), "select": (23, None), "pselect6": (270, 72), "pipe2": (293, 59),
    "eventfd2": (290, 19), "epoll_create1": (291, 20), "epoll_ctl": (233, 21), "epoll_wait": (232, None),
    "epoll_pwait": (281, 22),
}  # fmt: skip

# Calls judged by their first argument.
_CLONE = (56, 220)
_CLONE3 = (435, 435)
_TGKILL = (234, 131)
_PRLIMIT64 = (302, 261)
_PRCTL = (157, 167)

_SECCOMP = (317, 277)
_LANDLOCK_CREATE_RULESET = 444  # the same number on every machine, as the two below
_LANDLOCK_ADD_RULE = 445
_LANDLOCK_RESTRICT_SELF = 446
_LANDLOCK_CREATE_RULESET_VERSION = 1
_LANDLOCK_RULE_PATH_BENEATH = 1
_FS_WRITE_FILE, _FS_READ_FILE, _FS_READ_DIR, _FS_REMOVE_FILE = 1 << 1, 1 << 2, 1 << 3, 1 << 5
_FS_MAKE_REG, _FS_TRUNCATE = 1 << 8, 1 << 14
_FS_RIGHTS_BY_ABI = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # how many rights each version knows; later ones add none here

# What the database engine looks at to learn the machine's size; it aborts when it finds the first but cannot read it.
_MACHINE_SIZE = ("/proc/self/cgroup", "/sys/fs/cgroup", "/sys/devices/system/cpu")

_libc = ctypes.CDLL(None, use_errno=True)


class ConfinementUnavailable(RuntimeError):
    """This machine cannot confine a scan: no scan runs on it."""


class _Program(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def confine(limits: Limits, source_fd: int, parent_pid: int) -> None:
    """Confine this process, whose working directory is its scratch folder. There is no way back.

    Raises:
        ConfinementUnavailable: not Linux, another machine, or a kernel without seccomp filters.
        OSError: a step was refused by the kernel.
    """
    if platform.system() != "Linux" or platform.machine() not in _MACHINES:
        raise ConfinementUnavailable(f"no filter for {platform.system()} {platform.machine()}")
    column, arch = _MACHINES[platform.machine()]
    _limit_resources(limits)
    if os.getuid() == 0:
        _become_nobody_else(source_fd)
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "PR_SET_PDEATHSIG")
    if os.getppid() != parent_pid:  # it died before the line above
        raise ConfinementUnavailable("the parent is gone")
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS")
    _fence_files(source_fd)
    _filter_calls(column, arch)


def _limit_resources(limits: Limits) -> None:
    for what, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_DATA, limits.memory_bytes),
        (resource.RLIMIT_AS, limits.memory_bytes + _SHARED_BYTES),
        (resource.RLIMIT_FSIZE, limits.scratch_bytes),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        _, ceiling = resource.getrlimit(what)
        if ceiling == resource.RLIM_INFINITY:
            ceiling = value + 1
        # Above the soft limit lies a second between SIGXCPU, which names the cause, and SIGKILL, which does not.
        resource.setrlimit(what, (min(value, ceiling), min(value + 1, ceiling)))


def _become_nobody_else(source_fd: int) -> None:
    """Drop root for a user that nothing else runs as; the file and the scratch folder follow."""
    uid = _FIRST_UID + os.getpid() % _UID_COUNT
    os.fchown(source_fd, uid, uid)
    os.chown(".", uid, uid)
    # Counted per user: for an unprivileged parent it would count everything else that account runs.
    resource.setrlimit(resource.RLIMIT_NPROC, (_THREADS, _THREADS))
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    # Changing user took /proc/self away, and with it the way to reopen the file by its descriptor.
    _check(_libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0), "PR_SET_DUMPABLE")


def _fence_files(source_fd: int) -> None:
    version = _libc.syscall(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_CREATE_RULESET_VERSION)
    if version < 1:
        return  # an older kernel: user, scratch and seccomp still hold
    handled = (1 << _FS_RIGHTS_BY_ABI[min(version, max(_FS_RIGHTS_BY_ABI))]) - 1
    attributes = struct.pack("=Q", handled)
    ruleset = _check(_libc.syscall(_LANDLOCK_CREATE_RULESET, attributes, len(attributes), 0), "ruleset")
    scratch = _FS_WRITE_FILE | _FS_READ_FILE | _FS_READ_DIR | _FS_REMOVE_FILE | _FS_MAKE_REG | _FS_TRUNCATE
    rights = {os.open(".", os.O_PATH): scratch & handled, os.dup(source_fd): _FS_READ_FILE}
    rights |= {os.open(path, os.O_PATH): _FS_READ_FILE for path in _MACHINE_SIZE if Path(path).exists()}
    for descriptor, right in rights.items():
        rule = struct.pack("=Qi", right, descriptor)
        added = _libc.syscall(_LANDLOCK_ADD_RULE, ruleset, _LANDLOCK_RULE_PATH_BENEATH, rule, 0)
        _check(added, "Landlock rule")
        os.close(descriptor)
    _check(_libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0), "Landlock")
    os.close(ruleset)


def _filter_calls(column: int, arch: int) -> None:
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in _instructions(column, arch))
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    installed = _libc.syscall(
        _SECCOMP[column], _SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC, ctypes.byref(program)
    )
    # TSYNC covers the threads that imports may have started; a positive answer names one that could not follow.
    if _check(installed, "seccomp filter") != 0:
        raise ConfinementUnavailable("a thread escaped the seccomp filter")


def _instructions(column: int, arch: int) -> Iterator[tuple[int, int, int, int]]:
    """The filter as (code, jump if true, jump if false, operand); each test falls through to the next one."""
    refuse = _ERRNO | errno.EPERM
    yield (_LOAD, 0, 0, _ARCH)
    yield (_EQUAL, 1, 0, arch)
    yield (_RETURN, 0, 0, _KILL)
    yield (_LOAD, 0, 0, _NR)
    for numbers in _ALLOWED.values():
        number = numbers[column]
        if number is not None:
            yield (_EQUAL, 0, 1, number)
            yield (_RETURN, 0, 0, _ALLOW)
    # ENOSYS makes the C library fall back to clone, whose flags a filter can see.
    yield (_EQUAL, 0, 1, _CLONE3[column])
    yield (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)
    for numbers, test, operand in (
        (_CLONE, _ANY_BIT, _CLONE_THREAD),
        (_TGKILL, _EQUAL, os.getpid()),  # abort() signals its own process
        (_PRLIMIT64, _EQUAL, 0),  # getrlimit() of its own process
        (_PRCTL, _EQUAL, _PR_SET_NAME),  # threads name themselves
    ):
        yield (_EQUAL, 0, 4, numbers[column])
        yield (_LOAD, 0, 0, _ARG0)
        yield (test, 0, 1, operand)
        yield (_RETURN, 0, 0, _ALLOW)
        yield (_RETURN, 0, 0, refuse)
    yield (_RETURN, 0, 0, refuse)


def _check(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result
