# SPDX-License-Identifier: LGPL-2.1-or-later
"""place.py PREFIX MESONS: print the directory below PREFIX in which this interpreter looks for packages. Below /usr/local
Debian's has one of its own, which meson 1.0 does not know. Where it looks in none: MESONS, which meson chose, and exit status 3."""
import os
import site
import sys


def place(prefix, mesons, places):
    """The directory, and whether the interpreter looks there."""
    mesons = os.path.normpath(os.path.join(prefix, mesons))
    below = [p for p in places if p.startswith(prefix.rstrip('/') + '/')]
    return (mesons if mesons in below or not below else below[0]), bool(below)


if __name__ == '__main__':
    directory, found = place(*sys.argv[1:], site.getsitepackages())
    print(directory)
    sys.exit(0 if found else 3)
