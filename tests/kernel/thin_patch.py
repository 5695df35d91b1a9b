#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Change one value of a pool's metadata, checksums right: thin_patch.py DEVICE WHAT VALUE...

  sb OFFSET BYTES VALUE      a field of the superblock, a cache's too
  detail ID FIELD VALUE      of a device: mapped transaction creation snapshotted
  entry BLOCK COUNT          one more entry of the data space map's reference count tree; of a cache,
                             whose only space map has its root there, of the metadata's
  bitmap BLOCK COUNT         the two-bit count of a data block, which need not exist
  index FIELD VALUE          of the first index entry of the data space map: nr_free none_free_before
Trees must be one leaf.
"""
import struct
import sys

SALTS = {"sb": 160774, "node": 121107, "bitmap": 240779, "cache": 9031977}
FIELDS = {"mapped": ("Q", 0), "transaction": ("Q", 8), "creation": ("I", 16), "snapshotted": ("I", 20),
          "nr_free": ("I", 8), "none_free_before": ("I", 12)}


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc


class Device:
    def __init__(self, path):
        self.file = open(path, "r+b", buffering=0)

    def read(self, block):
        self.file.seek(block * 4096)
        return bytearray(self.file.read(4096))

    def write(self, block, data, kind):
        struct.pack_into("<I", data, 0, crc32c(data[4:]) ^ SALTS[kind])
        self.file.seek(block * 4096)
        self.file.write(data)


def leaf(device, root_at):
    block = struct.unpack_from("<Q", device.read(0), root_at)[0]
    node = device.read(block)
    nr, most, size = struct.unpack_from("<III", node, 16)
    keys = list(struct.unpack_from(f"<{nr}Q", node, 32))
    assert struct.unpack_from("<I", node, 4)[0] == 2, "not a leaf"
    return block, node, keys, 32 + 8 * most, size


def main(path, what, *args):
    device = Device(path)
    if what == "sb":
        offset, size, value = (int(a, 0) for a in args)
        data = device.read(0)
        data[offset:offset + size] = value.to_bytes(size, "little")
        device.write(0, data, "cache" if struct.unpack_from("<Q", data, 32)[0] == 1623043 else "sb")
    elif what == "detail":
        block, node, keys, values, size = leaf(device, 328)
        form, at = FIELDS[args[1]]
        struct.pack_into("<" + form, node, values + keys.index(int(args[0])) * size + at, int(args[2], 0))
        device.write(block, node, "node")
    elif what == "entry":
        block, node, keys, values, size = leaf(device, 64 + 24)
        assert not keys or keys[-1] < int(args[0])
        struct.pack_into("<I", node, 16, len(keys) + 1)
        struct.pack_into("<Q", node, 32 + 8 * len(keys), int(args[0]))
        struct.pack_into("<I", node, values + len(keys) * size, int(args[1]))
        device.write(block, node, "node")
    elif what == "index":
        block, node, _, values, _ = leaf(device, 64 + 16)
        form, at = FIELDS[args[0]]
        struct.pack_into("<" + form, node, values + at, int(args[1]))
        device.write(block, node, "node")
    elif what == "bitmap":
        _, node, _, values, _ = leaf(device, 64 + 16)
        block = struct.unpack_from("<Q", node, values)[0]
        data, nr, count = device.read(block), int(args[0]), int(args[1])
        word = struct.unpack_from("<Q", data, 16 + nr // 32 * 8)[0] & ~(3 << nr % 32 * 2)
        word |= ((count & 1) << 1 | count >> 1) << nr % 32 * 2
        struct.pack_into("<Q", data, 16 + nr // 32 * 8, word)
        device.write(block, data, "bitmap")
    else:
        sys.exit(__doc__)


main(*sys.argv[1:])
