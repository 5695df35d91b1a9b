#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""embed.py OUT FILE...: writes each FILE as a C array lab_guest_<name>: scripts as strings,
anything else as bytes with their number in lab_guest_<name>_size."""
import pathlib
import sys


def string(name, text):
    yield f"const char {name}[] ="
    for line in text.splitlines():
        line = line.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
        yield f'\t"{line}\\n"'
    yield ";"


def array(name, content):
    yield f"const unsigned char {name}[] = {{"
    for start in range(0, len(content), 16):
        yield "\t" + " ".join(f"{byte}," for byte in content[start:start + 16])
    yield "};"
    yield f"const size_t {name}_size = sizeof({name});"


with open(sys.argv[1], "w", encoding="ascii") as out:
    print('#include "lab/lab.h"', file=out)
    for file in map(pathlib.Path, sys.argv[2:]):
        name = "lab_guest_" + file.name.split(".")[0]
        if file.suffix == ".sh":
            lines = string(name, file.read_text(encoding="ascii"))
        else:
            lines = array(name, file.read_bytes())
        print(*lines, sep="\n", file=out)
