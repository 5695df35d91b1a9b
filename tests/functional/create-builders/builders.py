# SPDX-License-Identifier: LGPL-2.1-or-later
"""Turn each row's arguments into options of "bedplate create -n" and compare its line."""
import json
import subprocess
import sys

DEVICES = {"/dev/sdb": "8:16", "/dev/sdc": "8:32", "/dev/nvme0n1": "259:0", "/dev/loop7": "7:7",
           "/dev/mapper/x": "253:4"}
SIZES = {"8:16": 1 << 30, "8:32": 3 << 30, "259:0": 512 << 20, "7:7": 100 << 20, "253:4": 7 << 30}
RENAMED = {  # by target ("" for all): argument of the row -> option
    "": {"device_path": "device", "size_sectors": "size", "offset": "offset", "up_interval": "up",
         "down_interval": "down", "block_size_sectors": "data-block-sectors"},
    "thin": {"thin_id": "id"},
    "thin-pool": {"low_water_mark": "low-water-dblocks"},
    "cache": {"block_size_sectors": "block-sectors"},
    "vdo": {"device": "storage-device", "device_path": "storage-device",
            "logical_size_sectors": "size", "storage_size_blocks": "physical-mblocks",
            "minimum_io_size": "minimum-io-bytes", "block_map_period": "block-map-era",
            "block_map_cache_blocks": "block-map-cache-mblocks",
            "bioRotationInterval": "bio-rotation-interval", "maxDiscard": "max-discard-mblocks"},
}
DEFAULTS = {"vdo": {"minimum-io-bytes": 4096, "block-map-cache-mblocks": 32768,
                    "block-map-era": 16380},
            "thin-pool": {"low-water-dblocks": 0, "data-block-sectors": 128}}
MODES = ("writeback", "writethrough", "passthrough")


def options(target, name, value):
    """One argument of a row as words of the command line."""
    option = RENAMED.get(target, {}).get(name) or RENAMED[""].get(name) or name.replace("_", "-")
    if name == "features":
        return [f"--{feature.replace('_', '-')}" for feature in value]
    if name == "policy_args":
        return [f"--policy-arg={key} {arg}" for key, arg in value.items()]
    if name in MODES:
        return [f"--io-mode={name}"] if value else []
    if name == "corrupt_bio_byte":
        return [f"--corrupt-bio-byte={' '.join(map(str, value))}"]
    if name == "block_map_cache_size_mb":
        return [f"--block-map-cache={value}M"]
    if target == "vdo" and isinstance(value, bool):
        value = "on" if value else "off"
    if isinstance(value, bool):
        return [f"--{option}"] if value else []
    if isinstance(value, int) and option in ("size", "start", "offset"):
        value = f"{value}s"
    return [f"--{option}={DEVICES.get(value, value) if isinstance(value, str) else value}"]


def command(builder, arguments, line):
    target = line.split()[2]
    words = [word for name, value in arguments.items() for word in options(target, name, value)]
    given = {word.split("=")[0] for word in words}
    if "--size" not in given:  # elsewhere the size of the row's device is the default
        words.append(f"--size={line.split()[1]}s")
    if target == "vdo" and "--physical-mblocks" not in given:
        words.append(f"--physical-mblocks={SIZES[DEVICES[arguments['device']]] // 4096}")
    words += [f"--{name}={value}" for name, value in DEFAULTS.get(target, {}).items()
              if f"--{name}" not in given and f"--{name.rsplit('-', 1)[0]}" not in given]
    return ["bedplate", "create", "-n", "--no-check", "data", target, *words]


def canonical(line):
    """Features of a pool are a set: their order is not kept."""
    words = line.split()
    if len(words) > 2 and words[2] == "thin-pool":
        words[8:] = sorted(words[8:])
    return words


passed = failed = 0
for row in open(sys.argv[1], encoding="utf-8").read().splitlines()[1:]:
    builder, arguments, line = row.split("\t")
    want = " ".join(DEVICES.get(word, word) for word in line.split())
    words = command(builder, json.loads(arguments), line)
    got = subprocess.run(words, capture_output=True, text=True, check=False)
    if canonical(got.stdout) == canonical(want) and got.returncode == 0:
        passed += 1
    else:
        failed += 1
        print(builder, arguments, f"  {' '.join(words[4:])}", f"- {want}",
              f"+ {got.stdout}{got.stderr}", sep="\n")
print(f"{passed} rows the same, {failed} not")
sys.exit(failed != 0)
