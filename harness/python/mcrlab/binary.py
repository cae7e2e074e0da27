# SPDX-License-Identifier: MIT
"""A binary of one's own: a relay that runs from a copy of mcrd, which can be replaced on disk."""

import os
import re
import shutil
import struct
import subprocess
from contextlib import contextmanager

from . import paths

# Versions that a supervisor and its successor must share; see daemon/supervisor/upgrade.c.
VERSIONS = re.compile(rb"state[\d.]+,ipc\d+,snap\d+,arena\d+,page%zu\0")

# exit_group(3) on the machines that this is done on
EXIT_3 = {"x86_64": bytes.fromhex("bf03000000 b8e7000000 0f05"),
          "aarch64": bytes.fromhex("600080d2 c80b80d2 010000d4")}


@contextmanager
def _own_build(directory):
    """Programs are taken from `directory`, where mcrd is a copy and the others are links."""
    build = paths.BUILD
    (directory / "bin").mkdir(parents=True)
    for name in os.listdir(build / "bin"):
        if name != "mcrd":
            (directory / "bin" / name).symlink_to(build / "bin" / name)
    shutil.copy(build / "bin" / "mcrd", directory / "bin" / "mcrd")
    paths.BUILD = directory
    try:
        yield directory / "bin" / "mcrd"
    finally:
        paths.BUILD = build


def own_mcrd(t, node, **options):
    """A relay, and the path of its binary."""
    with _own_build(t.run_dir / "build") as binary:
        return t.mcrd(node, **options), binary


def replace(binary, content):
    """Put other content in place of the binary, as an installation does: rename over it."""
    new = binary.with_suffix(".new")
    new.write_bytes(content)
    new.chmod(0o755)
    new.rename(binary)


def version_of(binary):
    """The version that a binary says it has."""
    return subprocess.run([binary, "--version"], capture_output=True, text=True,
                          check=True).stdout.split()[1]


def other_version(binary):
    """The same program, but for the version that it says it has; and that version."""
    old = version_of(binary)
    new = ("next" + "+" * len(old))[:len(old)]
    content = binary.read_bytes()
    return content.replace(old.encode() + b"\0", new.encode() + b"\0"), new


def other_messages(content):
    """The same program, but that it speaks another version of the messages."""
    old = VERSIONS.search(content).group()
    return content.replace(old, re.sub(rb"ipc\d+", b"ipc9", old))


def _file_offset(content, address):
    """Where in an ELF file of 64 bits stands what is loaded at `address`."""
    table, = struct.unpack_from("=Q", content, 32)
    size, count = struct.unpack_from("=HH", content, 54)
    for at in range(table, table + size * count, size):
        kind, _, offset, start, _, length = struct.unpack_from("=IIQQQQ", content, at)
        if kind == 1 and start <= address < start + length:
            return address - start + offset
    raise LookupError(f"no segment holds {address:#x}")


def dies_in(binary, function):
    """The same program, but that it exits with status 3 where this function begins."""
    code = EXIT_3[os.uname().machine]
    symbols = subprocess.run(["nm", binary], capture_output=True, text=True, check=True).stdout
    [address] = [int(line.split()[0], 16) for line in symbols.splitlines()
                 if line.split()[1:] in (["T", function], ["t", function])]
    content = bytearray(binary.read_bytes())
    at = _file_offset(content, address)
    content[at:at + len(code)] = code
    return bytes(content)
