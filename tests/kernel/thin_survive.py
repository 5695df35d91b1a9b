#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Damaged metadata, repaired and activated: every block that a volume reads was its own once.

usage: thin_survive.py SEED TRIALS METADATA REPAIRED DATA    (as root of the lab; three devices, two of 4 MiB)

A pool is made whose blocks say what they are, the volume and a number of their own. Then the same
damage is done to copies of its metadata: in turn one block, and 5 and 20 % of those in use. Each is
repaired, checked by ours and by the reference (THIN_REFERENCE, its thin_check), activated by the
kernel, and all of its volumes are read. A repair that says that nothing is lost must read as before;
of the others a block may be missing, and one of before is for volumes that are called doubtful.
Content that the volume never had at that place fails. Prints one line a trial.
"""
import fcntl
import json
import os
import random
import struct
import subprocess
import sys

BLOCK, PAGE = 65536, 4096
META_SIZE = 4 << 20
VOLUME_BLOCKS = 300  # more than a leaf holds
DATA_BLOCKS = 4096
BLKDISCARD = 0x1277
BLKFLSBUF = 0x1261
IN_USE = 192 # the metadata space map's root in the superblock


def run(*args, ok=(0,)):
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode not in ok:
        sys.exit(f"{args} ended with {done.returncode}: {done.stdout.decode()}")
    return done


def wipe(path):
    with open(path, "r+b", buffering=0) as f:
        f.write(bytes(META_SIZE))


class Pool:
    """What each volume has, and ever had, at each of its blocks: numbers of writes."""

    def __init__(self, meta, data):
        self.meta, self.data = meta, data
        self.now, self.ever = {}, {}
        self.writes = 0

    def up(self, meta):
        run("dmsetup", "create", "pool", "--table",
            f"0 {DATA_BLOCKS * BLOCK // 512} thin-pool {meta} {self.data} 128 0 2 "
            "skip_block_zeroing no_discard_passdown")

    def down(self, ids):
        for dev in ids:
            run("dmsetup", "remove", f"thin{dev}")
        run("dmsetup", "remove", "pool")

    def volume(self, dev):
        run("dmsetup", "create", f"thin{dev}", "--table",
            f"0 {VOLUME_BLOCKS * BLOCK // 512} thin /dev/mapper/pool {dev}")

    def message(self, text):
        run("dmsetup", "message", "pool", "0", text)

    def new(self, dev):
        self.message(f"create_thin {dev}")
        self.volume(dev)
        self.now[dev], self.ever[dev] = {}, [set() for _ in range(VOLUME_BLOCKS)]

    def snapshot(self, dev, origin):
        run("dmsetup", "suspend", f"thin{origin}")
        self.message(f"create_snap {dev} {origin}")
        run("dmsetup", "resume", f"thin{origin}")
        self.volume(dev)
        self.now[dev] = dict(self.now[origin])
        self.ever[dev] = [{self.now[dev][at]} if at in self.now[dev] else set()
                          for at in range(VOLUME_BLOCKS)]

    def delete(self, dev):
        run("dmsetup", "remove", f"thin{dev}")
        self.message(f"delete {dev}")
        del self.now[dev], self.ever[dev]

    def write(self, dev, blocks, discards=()):
        fd = os.open(f"/dev/mapper/thin{dev}", os.O_RDWR)
        for at in blocks:
            self.writes += 1
            os.pwrite(fd, struct.pack("<4sQ", b"mine", self.writes).ljust(PAGE, b"."), at * BLOCK)
            self.now[dev][at] = self.writes
            self.ever[dev][at].add(self.writes)
        os.fsync(fd)
        for at in discards:
            fcntl.ioctl(fd, BLKDISCARD, struct.pack("QQ", at * BLOCK, BLOCK))
            self.now[dev].pop(at, None)
        os.fsync(fd)
        os.close(fd)


def make(rng, pool):
    def some(nr):
        return rng.sample(range(VOLUME_BLOCKS), nr)

    pool.up(pool.meta)
    for dev in (1, 2):
        pool.new(dev)
        pool.write(dev, range(VOLUME_BLOCKS - 20 * dev))
    for dev, origin in ((3, 1), (4, 2), (5, 3), (6, 5)):
        pool.snapshot(dev, origin)
        pool.write(dev, some(9 + dev), some(3))
        pool.write(origin, some(7), some(2))
    pool.delete(5)
    for dev in (6, 1, 4):
        pool.write(dev, some(5))
    ids = sorted(pool.now)
    pool.down(ids)


def in_use(meta):
    """Of one bitmap."""
    def le64(at):
        return int.from_bytes(meta[at:at + 8], "little")

    bitmap = le64(le64(IN_USE + 16) * PAGE + 16) * PAGE + 16
    return [b for b in range(le64(IN_USE)) if meta[bitmap + b // 4] >> 2 * (b % 4) & 3]


def check(path):
    run("bedplate", "thin_check", "--strict", path)
    reference = os.environ.get("THIN_REFERENCE", "/usr/sbin/thin_check")
    if os.access(reference, os.X_OK):
        run(reference, path)


def read(dev, length):
    """Numbers of what the volume has, by block."""
    found = {}
    fd = os.open(f"/dev/mapper/thin{dev}", os.O_RDONLY)
    fcntl.ioctl(fd, BLKFLSBUF)
    for at in range(length):
        page = os.pread(fd, 16, at * BLOCK)
        if page.strip(b"\0"):
            found[at] = struct.unpack_from("<4sQ", page)[1] if page[:4] == b"mine" else -1
    os.close(fd)
    return found


def compare(pool, dev, verdict, whole):
    """Blocks that are as they were, and older ones."""
    found, now, ever = read(dev, VOLUME_BLOCKS), pool.now[dev], pool.ever[dev]
    wrong = [at for at, nr in found.items() if nr not in ever[at]]
    old = [at for at, nr in found.items() if now.get(at) != nr]
    if wrong:
        sys.exit(f"volume {dev} ({verdict}) never had at {wrong[:9]} what it reads there")
    if old and verdict != "doubtful":
        sys.exit(f"volume {dev} ({verdict}) reads what it had before at {old[:9]}")
    if whole and found != now:
        sys.exit(f"volume {dev} lacks blocks, and nothing is said to be lost")
    return len(found) - len(old), len(old)


def trial(pool, hurt, repaired):
    size = [] if hurt[:PAGE].strip(b"\0") else ["--data-block-size", "128"]
    with open("hurt", "wb") as f:
        f.write(hurt)
    wipe(repaired)
    args = ["bedplate", "thin_repair", *size, "--nr-data-blocks", str(DATA_BLOCKS), "-i", "hurt"]
    whole = run(*args, "-o", repaired, ok=(0, 1)).returncode == 0
    plan = json.loads(subprocess.run(["bedplate", "--json", *args[1:], "--plan"], check=False,
                                     stdout=subprocess.PIPE).stdout)["data"]["plan"]
    check(repaired)
    pool.up(repaired)
    kept = old = 0
    ids = [d["id"] for d in plan["devices"]]
    for device in plan["devices"]:
        if device["id"] not in pool.now:
            sys.exit(f"volume {device['id']} is no more")
        pool.volume(device["id"])
        k, o = compare(pool, device["id"], device["verdict"], whole)
        kept, old = kept + k, old + o
    pool.down(ids)
    check(repaired)
    return kept, old


def main():
    seed, trials = int(sys.argv[1]), int(sys.argv[2])
    rng = random.Random(seed)
    pool = Pool(sys.argv[3], sys.argv[5])
    wipe(pool.meta)
    make(rng, pool)
    with open(pool.meta, "rb") as f:
        meta = f.read(META_SIZE)
    blocks, total = in_use(meta), sum(len(now) for now in pool.now.values())
    for i in range(trials):
        nr = (1, len(blocks) // 20, len(blocks) // 5)[i % 3]
        hurt = bytearray(meta)
        lost = rng.sample(blocks, max(nr, 1))
        for b in lost:
            hurt[b * PAGE:b * PAGE + PAGE] = bytes(PAGE) if b == 0 else rng.randbytes(PAGE)
        kept, old = trial(pool, hurt, sys.argv[4])
        print(f"trial {i}: {lost}: {kept} of {total}, {old} old", flush=True)


if __name__ == "__main__":
    main()
