#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A test in Python that lets the disk fail at a moment of its own, by bad-wal.fault:

    bedplate fault run bad-wal.fault -- python3 wal.py

An fsync that fails has to be seen, and what was not safe has to be written again.
"""
import errno
import os
import socket
import sys


def tell(name):
    """Have the scenario do what it has for "on NAME"; it is done when this returns."""
    path = os.environ.get("BEDPLATE_FAULT_SOCKET") or sys.exit("no scenario runs here")
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(path)
        control.sendall(f"{name}\n".encode())
        answer = control.makefile().readline().strip()
    if answer != "ok":
        sys.exit(f"{name}: {answer}")


def put(path, text):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.write(fd, text.encode())
        os.fsync(fd)
    finally:
        os.close(fd)


def main():
    wal = os.environ.get("BEDPLATE_FAULT_MOUNT", ".") + "/wal"
    put(wal, "one\n")
    tell("wal")
    try:
        put(wal, "two\n")
        sys.exit("the failing disk was not seen")
    except OSError as error:
        if error.errno != errno.EIO:
            raise
    tell("healed")
    put(wal, "two\n")
    print("two is safe")


main()
