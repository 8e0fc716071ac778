"""The programs that are compared, and what is known about them and this machine."""

import os
import platform
import re
import shutil
import subprocess

from weft import BIN, ROOT

CACHE = os.path.join(ROOT, "build", "bench")  # where scripts/setup --bench unpacks Debian's etcd and nginx
WEFTD = os.path.join(BIN, "weftd")
TOOLS = os.path.join(os.path.dirname(BIN), "tests", "bench")
_MEMORY_FILE_SYSTEMS = ("tmpfs", "ramfs", "hugetlbfs")


class Missing(Exception):
    """A program or a property of this machine that the benchmark needs; the message is for people."""


def _find(name, *places):
    """The unpacked package first: it is Debian's, whatever else is on the path."""
    for place in places:
        path = os.path.join(CACHE, "root", place)
        if os.access(path, os.X_OK):
            return path
    path = shutil.which(name)
    if path is None:
        raise Missing(f"{name} is not there: run scripts/setup --bench")
    return path


def etcd():
    return _find("etcd", "usr/bin/etcd")


def nginx():
    return _find("nginx", "usr/sbin/nginx")


def wrk():
    return _find("wrk", "usr/bin/wrk")


def tool(name):
    """One of the C load tools beside this file."""
    path = os.path.join(TOOLS, name)
    if not os.access(path, os.X_OK):
        raise Missing(f"{path} is not built: run scripts/build")
    return path


def stripped_size(path):
    """Bytes of a program without symbols."""
    copy = os.path.join(CACHE, f"stripped-{os.getpid()}")
    try:
        subprocess.run(["strip", "-o", copy, path], check=True, capture_output=True, timeout=60)
        return os.path.getsize(copy)
    finally:
        if os.path.exists(copy):
            os.unlink(copy)


def file_system_of(folder):
    """The type of the file system that holds a folder, "ext4"."""
    found, length = "unknown", -1
    with open("/proc/self/mounts", encoding="utf-8") as file:
        for line in file:
            place, kind = line.split()[1:3]
            place = place.replace("\\040", " ")
            is_above = os.path.commonpath([place, os.path.realpath(folder)]) == place
            if is_above and len(place) >= length:
                found, length = kind, len(place)
    return found


def refuse_memory(folder):
    kind = file_system_of(folder)
    if kind in _MEMORY_FILE_SYSTEMS:
        raise Missing(f"{folder} is {kind}, memory and no disk: nothing would be synced; name a folder with --dir")
    return kind


def version(find, option, pattern):
    """What a program calls itself; its exit status does not matter (wrk's is 1)."""
    try:
        done = subprocess.run([find(), option], capture_output=True, text=True, timeout=20, check=False)
    except Missing:
        return "missing"
    match = re.search(pattern, done.stdout + done.stderr)
    return match[1] if match else "unknown"


def facts(folder):
    """What a reader must know to compare figures; no host names."""
    processor = "unknown"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        match = re.search(r"^model name\s*:\s*(.*)$", file.read(), re.MULTILINE)
        processor = match[1] if match else processor
    versions = (
        version(lambda: WEFTD, "--version", r"(\d[\w.]*)"),
        version(etcd, "--version", r"etcd Version: (\S+)"),
        version(wrk, "--version", r"^wrk (?:debian/)?(\S+)"),
    )
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    return [
        f"{os.cpu_count()} cores ({processor}), {memory} MiB, {platform.system()} {platform.release()}",
        f"data on {file_system_of(folder)}; load average {os.getloadavg()[0]:.1f} before the run",
        f"weftd {versions[0]}, etcd {versions[1]}, wrk {versions[2]}",
    ]
