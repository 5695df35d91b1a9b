# SPDX-License-Identifier: LGPL-2.1-or-later
import os, pathlib, re, sys
from openmetrics import SUFFIX, Wrong, read

top = pathlib.Path(os.environ["CASE"]).resolve().parents[2]
page = (top / "man/bedplate.8.scd").read_text()
page = page[page.index("\n## metrics\n"):]
page = page[:page.index("\n## ", 5)].replace("\\_", "_")
manual = set(re.findall(r"\*(bedplate_\w+)\*", page.split("no field's:")[1]))

# What each field of a status is called, from the targets' pages; a field of words is a state set and so on.
BYTES = {"sectors": ("_sectors", "_sector"), "4096-byte blocks": ("_mblocks", "_blocks")}
fields = {}
for path in sorted((top / "docs/targets").glob("[a-z]*.md")):
    status = re.search(r"\n## Status\n(.*?)\n(?:## |States)", path.read_text() + "\n## ", re.S)
    for field, value in re.findall(r"\n\| `([\w.]+)` \|[^|]*\| ([^|]*) \|", status[1] if status else ""):
        for unit, ends in BYTES.items():
            end = next((e for e in ends if field.endswith(e)), None)
            if end and value.endswith("; " + unit):
                field = field[:-len(end)] + "_bytes"
        name = "bedplate_" + re.sub("[^a-z0-9]", "_", f"{path.stem}_{field}")
        if fields.get(name, path.stem) != path.stem:
            print("two fields of one name:", name)
        fields[name] = path.stem

seen = set()
for path in sys.argv[1:]:
    try:
        with open(path, encoding="utf-8", newline="") as text:
            families = read(text.read())
    except (Wrong, UnicodeDecodeError) as e:
        print(f"{path}: {e}")
        continue
    print(path, "devices", len(families["bedplate_device"]["samples"]))
    for name, family in families.items():
        shown = name + SUFFIX[family["type"]]
        seen.add(shown)
        if shown not in manual and name not in fields:
            print("a name that no page has:", shown)
    if path == "names.txt":
        print(*sorted(labels["device"] for labels, _ in families["bedplate_device"]["samples"]), sep="\n")

print("in the manual page, and never seen:", *sorted(manual - seen))
print("targets with fields:", *sorted({fields[name] for name in seen & fields.keys()}))

# The reader is strict: of each of these it says what is wrong.
GOOD = '# TYPE a_b gauge\n# UNIT a_b b\n# HELP a_b x\na_b{c="d"} 1\n# EOF\n'
read(GOOD)
for old, new in (("# EOF\n", ""), ("# EOF\n", "# EOF"), ("# EOF\n", "\n# EOF\n"), ("gauge", "counter"), ("_b b", "_b s"),
                 ("1\n", "1\na_b{c=\"d\"} 2\n"), ("1\n", "one\n"), ('"d"', '"d"d"'), ('"d"', '"\\d"'), ("gauge", "stateset"),
                 ("1\n", "1\n# HELP a_b y\n"), ("a_b{", "a_c{"), ("} 1", "}  1"), ("# HELP a_b x\n", ""), ("# EOF\n", "# EOF\n# EOF\n"),
                 ("gauge", "gouge"), ('"d"', '"d",c="e"'), ("1\n", "1\n# TYPE b info\n# HELP b x\nb_info 1\n# TYPE a_b gauge\n")):
    try:
        read(GOOD.replace(old, new, 1))
        print("taken:", (old, new))
    except Wrong:
        pass
