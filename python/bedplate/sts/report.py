# SPDX-License-Identifier: LGPL-2.1-or-later
"""Texts as dmsetup's reports have them, of what the library tells."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

from .._context import context
from .._errors import NoDevice, TableError
from .._types import Found


def _state(info: Found) -> str:
    state = 'SUSPENDED' if info['suspended'] else 'ACTIVE'
    if info['internally_suspended']:
        state += ' (INTERNALLY SUSPENDED)'
    if info['read_only']:
        state += ' (READ-ONLY)'
    if info['deferred_remove']:
        state += ' (DEFERRED REMOVE)'
    return state


def _tables(info: Found) -> str:
    words = [word for word, there in (('LIVE', info['live_table']),
                                      ('INACTIVE', info['inactive_table'])) if there]
    return ' & '.join(words) or 'None'


def _read_ahead(info: Found) -> str:
    if not info['live_table']:
        return '0'
    return str(context().get_read_ahead((info['major'], info['minor'])))


def labels(info: Found) -> dict[str, str]:
    """What 'dmsetup info' prints, label by label; State has every fact there is."""
    found = {
        'Name': info['name'],
        'State': _state(info),
        'Read Ahead': _read_ahead(info),
        'Tables present': _tables(info),
        'Open count': str(info['open_count']),
        'Event number': str(info['event_nr']),
        'Major, minor': f"{info['major']}, {info['minor']}",
        'Number of targets': str(info['nr_segments']),
    }
    if info['uuid']:
        found['UUID'] = info['uuid']
    return found


def _attr(info: Found) -> str:
    return (('L' if info['live_table'] else '-') + ('I' if info['inactive_table'] else '-')
            + ('s' if info['suspended'] else '-') + ('r' if info['read_only'] else 'w'))


def _tables_word(info: Found) -> str:
    return {(True, False): 'Live', (False, True): 'Inactive', (True, True): 'Both'}.get(
        (info['live_table'], info['inactive_table']), 'None')


def _part(name: str) -> Callable[[Found], str]:
    return lambda info: context().name_split(info['name'], None, info['uuid'])[name]


def _deps_names(info: Found) -> str:
    found = context().device_deps((info['major'], info['minor']))
    return ','.join(deps(found, 'blkdevname'))


def _yes(member: str, yes: str, no: str = '') -> Callable[[Found], str]:
    return lambda info: yes if info[member] else no


# field: heading, prefix name, value. Sorting is by number where values are numbers.
FIELDS: dict[str, tuple[str, Callable[[Found], str]]] = {
    'name': ('Name', lambda info: info['name']),
    'mangled_name': ('MName', lambda info: context().name_mangle(info['name'])),
    'unmangled_name': ('UMName', lambda info: info['name']),
    'uuid': ('UUID', lambda info: info['uuid']),
    'mangled_uuid': ('MUUID', lambda info: info['uuid']),
    'unmangled_uuid': ('UMUUID', lambda info: info['uuid']),
    'read_ahead': ('RAhead', _read_ahead),
    'blkdevname': ('BlkDevName', lambda info: f"dm-{info['minor']}"),
    'attr': ('Stat', _attr),
    'tables_loaded': ('Tables', _tables_word),
    'suspended': ('Suspended', _yes('suspended', 'Suspended', 'Active')),
    'readonly': ('Read-only', _yes('read_only', 'Read-only', 'Writeable')),
    'devno': ('DevNo', lambda info: f"{info['major']}:{info['minor']}"),
    'major': ('Maj', lambda info: str(info['major'])),
    'minor': ('Min', lambda info: str(info['minor'])),
    'open': ('Open', lambda info: str(info['open_count'])),
    'segments': ('Targ', lambda info: str(info['nr_segments'])),
    'events': ('Event', lambda info: str(info['event_nr'])),
    'device_count': ('#Devs', lambda info: str(len(context().device_deps(
        (info['major'], info['minor']))))),
    'blkdevs_used': ('BlkDevNamesUsed', _deps_names),
    'subsystem': ('Subsys', _part('subsystem')),
    'vg_name': ('VG', _part('vg')),
    'lv_name': ('LV', _part('lv')),
    'lv_layer': ('LVLayer', _part('layer')),
}
DEFAULT_FIELDS = ['name', 'major', 'minor', 'attr', 'open', 'segments', 'events', 'uuid']


def headings() -> list[tuple[str, str]]:
    """Pairs of field and heading."""
    return [(name, heading) for name, (heading, _) in FIELDS.items()]


def _names(text: list[str] | str | None, default: list[str]) -> list[str]:
    names = default if text is None else (text.split(',') if isinstance(text, str) else text)
    for name in names:
        if name.lstrip('+-') not in FIELDS:
            raise ValueError(f"no field '{name}'; known: {', '.join(FIELDS)}")
    return list(names)


def _sorted(infos: list[Found], sort_fields: list[str] | str | None) -> list[Found]:
    for name in reversed(_names(sort_fields, [])):
        _, value = FIELDS[name.lstrip('+-')]
        texts = [value(info) for info in infos]
        numbers = all(text.isdigit() for text in texts)
        order = sorted(range(len(infos)), reverse=name.startswith('-'),
                       key=[(int(text) if numbers else 0, text) for text in texts].__getitem__)
        infos = [infos[i] for i in order]
    return infos


def _prefixed(name: str, text: str) -> str:
    return f"DM_{name.upper()}='{text}'"


def columns(infos: list[Found], *, noheadings: bool = False, fields: list[str] | str | None = None, separator: str | None = None, sort_fields: list[str] | str | None = None,
            nameprefixes: bool = False) -> str:
    """What 'dmsetup info -c' prints."""
    names = _names(fields, DEFAULT_FIELDS)
    rows = [[FIELDS[name][1](info) for name in names] for info in _sorted(infos, sort_fields)]
    if nameprefixes:
        rows = [[_prefixed(name, text) for name, text in zip(names, row)] for row in rows]
    elif not noheadings:
        rows.insert(0, [FIELDS[name][0] for name in names])
    if separator is not None or nameprefixes:
        between = ' ' if separator is None else separator
        return '\n'.join(between.join(row) for row in rows)
    widths = [max(len(row[i]) for row in rows) for i in range(len(names))] if rows else []
    return '\n'.join(' '.join(text.ljust(width) for text, width in zip(row, widths)).rstrip()
                     for row in rows)


def _kernel_name(major: int, minor: int) -> str:
    link = f'/sys/dev/block/{major}:{minor}'
    try:
        return os.path.basename(os.readlink(link))
    except OSError:
        return f'{major}:{minor}'


def _device_name(major: int, minor: int) -> str:
    try:
        return context().device_info((major, minor))['name']
    except NoDevice:
        return _kernel_name(major, minor)


def deps(found: list[tuple[int, int]], output_format: str) -> list[str]:
    """Pairs (MAJOR, MINOR) in one of dmsetup's three forms."""
    forms = {'devno': lambda major, minor: f'{major}:{minor}', 'blkdevname': _kernel_name,
             'devname': _device_name}
    if output_format not in forms:
        raise ValueError(f"output_format: '{output_format}' is not known")
    return [forms[output_format](*pair) for pair in found]


def has_target(name: str, target: str) -> bool:
    """Has the live table of a device a segment of this target?"""
    try:
        lines = context().device_table(('name', name)).splitlines()
    except NoDevice:
        return False
    return any(line.split()[2] == target for line in lines)


def tree(nodes: list[Found], options: list[str] | str | None = None) -> str:
    """Which device lies on which, drawn. options: 'uuid', 'nodevice'; a list or by commas."""
    words = options.split(',') if isinstance(options, str) else list(options or [])
    lines = []

    def draw(index: int, prefix: str, own: str, path: frozenset[int]) -> None:
        node = nodes[index]
        text = node['name'] or '?'
        if 'nodevice' not in words:
            text += f" ({node['major']}:{node['minor']})"
        if 'uuid' in words and node['uuid']:
            text += f" [{node['uuid']}]"
        again = index in path
        lines.append(prefix + own + text + (' (again: a cycle)' if again else ''))
        if again:
            return
        deeper = prefix + {'': '', ' `-': '   ', ' |-': ' | '}[own]
        for below in node['below']:
            last = below == node['below'][-1]
            draw(below, deeper, ' `-' if last else ' |-', path | {index})

    for index, node in enumerate(nodes):
        if not node['above'] or node['in_cycle']:
            draw(index, '', '', frozenset())
    return '\n'.join(lines)


def refuse(findings: str) -> None:
    """Raise the gravest finding of a check, where the kernel would refuse the table."""
    for severity in ('crash', 'refused'):
        for finding in json.loads(findings):
            if finding['severity'] == severity:
                raise TableError(finding['message'],
                                 {**finding, 'code': 'BP_E_TABLE', 'verb': 'create',
                                  'hint': finding.get('expected')}, 22)
