#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""thin_load.py SEED WRITES DISCARDS DEVICE...: write to thin volumes, and discard, at random.

The same arguments do the same. Data blocks are of 64 KiB; 4 KiB are written to each that is hit,
and of every fourth all, in runs; one to 16 blocks are discarded at once. What was written is on the
disk when it ends.
"""
import fcntl
import os
import random
import struct
import sys

BLOCK = 65536
BLKDISCARD = 0x1277


def work(rng, path, writes, discards):
    fd = os.open(path, os.O_RDWR)
    blocks = os.lseek(fd, 0, os.SEEK_END) // BLOCK
    todo = ["write"] * writes + ["discard"] * discards
    rng.shuffle(todo)
    for job in todo:
        at = rng.randrange(blocks)
        length = min(rng.randrange(1, 17), blocks - at)
        if job == "discard":
            fcntl.ioctl(fd, BLKDISCARD, struct.pack("QQ", at * BLOCK, length * BLOCK))
        elif rng.randrange(4):
            os.pwrite(fd, rng.randbytes(4096), at * BLOCK + 4096 * rng.randrange(16))
        else:
            os.pwrite(fd, rng.randbytes(64) * (min(length, 4) * BLOCK // 64), at * BLOCK)
    os.fsync(fd)
    os.close(fd)


def main():
    seed, writes, discards = (int(word) for word in sys.argv[1:4])
    rng = random.Random(seed)
    for path in sys.argv[4:]:
        work(rng, path, writes, discards)


main()
