# SPDX-License-Identifier: LGPL-2.1-or-later
# A strict reader of OpenMetrics 1.0 text: openmetrics.read(text) -> {family: {"type", "unit", "help", "samples"}}, or Wrong.
# Of the grammar, what we may write: gauge, counter, stateset, info, unknown; no timestamps, no exemplars.
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{((?:{LABEL})(?:,{LABEL})*)?\}})? (\S+)")
ESCAPED = re.compile(r'(?:[^"\\\n]|\\[\\"n])*')
NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]?Inf|NaN")
SUFFIX = {"gauge": "", "counter": "_total", "stateset": "", "info": "_info", "unknown": ""}
RESERVED = ("_total", "_created", "_info", "_bucket", "_count", "_sum", "_gcount", "_gsum")


class Wrong(Exception):
    pass


def need(is_so, line, why):
    if not is_so:
        raise Wrong(f"{why}: {line!r}")


def describe(families, current, line):
    found = re.fullmatch(rf"# (TYPE|UNIT|HELP) ({NAME}) (.*)", line)
    need(found, line, "no description")
    what, name, text = found[1].lower(), found[2], found[3]
    if name != current:
        need(name not in families, line, "a family comes twice")
        families[name] = {"samples": []}
    family = families[name]
    need(not family["samples"], line, "described behind its samples")
    need(what not in family, line, "described twice")
    family[what] = text
    if what == "type":
        need(text in SUFFIX, line, "no type")
    if what == "unit":
        need(not text or name.endswith("_" + text), line, "the name does not end with the unit")
    if what == "help":
        need(ESCAPED.fullmatch(text), line, "not escaped")
    return name


def sample(families, current, series, line):
    found = SAMPLE.fullmatch(line)
    need(found, line, "no sample")
    need(current is not None, line, "a sample of no family")
    family = families[current]
    kind = family.get("type", "unknown")
    need(found[1] == current + SUFFIX[kind], line, "a sample of another family, or without the suffix of its type")
    pairs = re.findall(r'([a-zA-Z0-9_]+)="((?:[^"\\]|\\.)*)"', found[2] or "")
    labels = dict(pairs)
    need(len(labels) == len(pairs), line, "a label comes twice")
    key = (found[1], tuple(sorted(labels.items())))
    need(key not in series, line, "a series comes twice")
    series.add(key)
    need(NUMBER.fullmatch(found[3]), line, "no number")
    value = float(found[3])
    if kind == "counter":
        need(value >= 0, line, "a counter below 0")
    if kind == "info":
        need(value == 1, line, "an info that is not 1")
    if kind == "stateset":
        need(value in (0, 1) and current in labels, line, "no state")
    family["samples"].append((labels, value))


def read(text):
    families, series, current = {}, set(), None
    text.encode("utf-8")
    need(text.endswith("\n"), text[-40:], "the last line is cut")
    lines = text[:-1].split("\n")
    need(lines[-1] == "# EOF", lines[-1], "no end")
    for line in lines[:-1]:
        if line.startswith("#"):
            current = describe(families, current, line)
        else:
            sample(families, current, series, line)
    for name, family in families.items():
        need(family["samples"] and "type" in family and family.get("help"), name, "a family without type, help or samples")
        need(not name.endswith(RESERVED) or name.endswith("_open_count"), name, "a family with a suffix of samples")
        for suffix in RESERVED:
            need(name + suffix not in families, name, "two families whose samples look the same")
    return families
