# SPDX-License-Identifier: LGPL-2.1-or-later
"""The calls of a Python API for device-mapper that runs dmsetup and the metadata tools through a
shell and parses what they print: its command lines and its parsing, written anew. What it gets is printed, so
that two programs by the name of dmsetup can be compared.

dm_api.py DISK: prints one line a call. PATH says whose dmsetup and tools these are.
"""
import re
import subprocess
import sys

DISK = sys.argv[1]


def run(command):
    return subprocess.run(command, shell=True, capture_output=True, text=True, check=False)


def ok(command):
    return run(command).returncode == 0


def text(command):
    result = run(command)
    return result.stdout.strip() if result.returncode == 0 else None


def flags(**options):
    """Options as the API spells them: underscores are left out, True is a flag."""
    words = []
    for name, value in options.items():
        if value is True:
            words.append(f"--{name}")
        elif value not in (None, False):
            words.append(f'--{name} "{value}"')
    return " ".join(words)


def pairs(output):
    """"Key: value" lines, as info and version print them."""
    found = {}
    for line in (output or "").splitlines():
        key, colon, value = line.partition(":")
        if colon:
            found[key.strip()] = value.strip()
    return found


class Device:
    """One mapped device, by name."""

    def __init__(self, name, table=None, **options):
        self.name = name
        if table:
            self.created = ok(f'dmsetup create {name} {flags(**options)} --table "{table}"')

    def call(self, verb, *words, **options):
        return ok(f"dmsetup {verb} {self.name} {' '.join(words)} {flags(**options)}")

    def info(self, **options):
        return pairs(text(f"dmsetup info {self.name} {flags(**options)}"))

    def columns(self, fields, **options):
        return text(f"dmsetup info {self.name} --columns -o {fields} {flags(**options)}")

    def deps(self, output_format="devno"):
        found = re.findall(r"\(([^)]+)\)", text(f"dmsetup deps -o {output_format} {self.name}")
                           or "")
        return [dev.replace(", ", ":") for dev in found]

    def table(self, **options):
        return text(f"dmsetup table {self.name} {flags(**options)}")

    def status(self, **options):
        return text(f"dmsetup status {self.name} {flags(**options)}")

    def size(self):
        return int((self.table() or "0 0").split()[1])


def names(options=""):
    output = text(f"dmsetup ls {options}") or ""
    return [line.split()[0] for line in output.splitlines()]


def targets():
    return sorted(line.split()[0] for line in (text("dmsetup targets") or "").splitlines())


def events():
    """The number of the last event; None where it can't be told."""
    return pairs(text("dmsetup -v wait zero 77")).get("Event number")


CALLS = []


def tell(what, value):
    CALLS.append((what, value))
    print(f"{what}: {value!r}")


def whole_life():
    zero = Device("zero", "0 1000 zero")
    linear = Device("lin", f"0 100 linear {DISK} 8", uuid="API-1", readonly=True,
                    readahead="none", addnodeonresume=True)
    late = Device("late", None)
    tell("create", (zero.created, linear.created))
    tell("create again", Device("zero", "0 1 zero").created)
    tell("create notable", ok("dmsetup create late --notable"))
    tell("load", late.call("load", table="0 8 error"))
    tell("resume", late.call("resume", addnodeoncreate=True))
    tell("info", (linear.info(), linear.info(noflush=True).keys() == linear.info().keys()))
    tell("columns", linear.columns("name,uuid,attr", noheadings=True, separator="|"))
    tell("prefixes", linear.columns("name,major", noheadings=True, nameprefixes=True))
    tell("sorted", text("dmsetup info -c --noheadings -o name --sort -minor"))
    tell("deps", (linear.deps(), linear.deps("blkdevname"), linear.deps("devname"), zero.deps()))
    tell("table", (linear.table(), linear.table(concise=True), linear.table(target="zero")))
    tell("status", (linear.status(noflush=True), zero.status(target="linear"), zero.size()))
    tell("suspend", (zero.call("suspend", noflush=True, nolockfs=True), zero.info()["State"]))
    tell("resume", (zero.call("resume", noflush=True, nolockfs=True), zero.info()["State"]))
    tell("reload", (zero.call("load", table="0 1000 error"), zero.call("suspend"),
                    zero.call("resume"), zero.table()))
    tell("clear", (zero.call("load", table="0 5 zero"), zero.call("clear"),
                   zero.info()["Tables present"]))
    tell("message", (zero.call("message", "0", "@stats_list"), zero.call("message", "0", "x")))
    tell("rename", (late.call("rename", "later"), zero.call("rename", "lin"), names()))
    tell("set uuid", (zero.call("rename", setuuid=True), ok("dmsetup rename zero --setuuid U"),
                      ok("dmsetup rename zero --setuuid V")))
    tell("geometry", (zero.call("setgeometry", "10", "2", "3", "0"),
                      zero.call("setgeometry", "1", "2", "3", "99999")))
    tell("wait", events())
    tell("measure", linear.call("measure"))
    tell("mangle", zero.call("mangle"))
    tell("mknodes", (zero.call("mknodes"), ok("dmsetup mknodes")))
    tell("wipe", (zero.call("wipe_table", force=True, noflush=True), zero.table()))
    tell("remove", (zero.call("remove", retry=True), zero.call("remove"),
                    linear.call("remove", force=True, deferred=True)))
    tell("gone", names())


def of_the_system():
    tell("version", sorted(pairs(text("dmsetup version"))))
    tell("targets", {"linear", "zero"} <= set(targets()))
    tell("concise", ok('dmsetup create --concise "c1,,,,0 8 zero;c2,u,,ro,0 8 error"'))
    tell("ls", (names(), names("--target zero"), names("--tree -o ascii"),
                text("dmsetup ls --exec echo")))
    tell("splitname", text("dmsetup splitname vg-lv--x-real LVM"))
    tell("flags", text("dmsetup udevflags 0x00401234"))
    tell("cookies", (text("dmsetup udevcreatecookie"), ok("dmsetup udevcomplete 0xd4d1234"),
                     ok("dmsetup udevcomplete_all -y 5"), ok("dmsetup udevcookie")))
    tell("remove all", (ok("dmsetup remove_all"), names()))


def tools():
    for tool in ("thin_check", "thin_dump", "thin_restore", "thin_repair", "cache_check",
                 "cache_dump", "era_check"):
        tell(tool, (run(f"{tool} --help").returncode, run(f"{tool} -V").returncode,
                    run(f"{tool} --no-such-option").returncode != 0))


whole_life()
of_the_system()
tools()
print(len(CALLS), "calls")
