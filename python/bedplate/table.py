# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tables and lines of status: text in, typed out, and back. No kernel is needed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import _bedplate
from ._context import sectors, size_bytes
from ._types import Found, Text

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class Segment:
    """One line of a table. start and length are bytes; params the target's parameters by name,
    None where the target or its arguments are not understood (problem says why)."""

    start: int
    length: int
    target: str
    args: str
    params: Found | None = None
    extra: str | None = None
    problem: str | None = None


def _word(value: object) -> str:
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, (list, tuple)):
        return ' '.join(_word(part) for part in value)
    return os.fsdecode(value) if isinstance(value, (bytes, os.PathLike)) else str(value)


def _parameter(name: str, value: object) -> tuple[str, str]:
    """(name, text) for the library: NAME_bytes stands for its NAME_sectors."""
    if name.endswith('_bytes') and isinstance(value, int):
        return name[:-len('bytes')] + 'sectors', str(sectors(value, name))
    return name, _word(value)


def _set(table: _bedplate.Table, index: int, target: str, params: dict[str, object]) -> None:
    """Set parameters; those in bytes under the name that the target has."""
    known = {option['name'] for option in _bedplate.target_options(target) or []}
    for name, value in params.items():
        if value is None:
            continue
        if name not in known:
            name, value = _parameter(name, value)
        table.set(index, name, _word(value))


class Table(_bedplate.Table):
    """A list of segments.

    >>> table = Table('0 8 linear 8:16 0')
    >>> table = Table().append('linear', 4096, dev='8:16', offset_bytes=1 << 20)
    >>> str(table)
    '0 8 linear 8:16 2048\\n'
    """

    __slots__ = ()

    def append(self, target: str, length: int, **params: object) -> Self:
        """Add a segment of length bytes behind the last one, from parameters by name, as
        options(target) lists them; what is in sectors there may be given in bytes. Returns the
        table. On an error the table is as before."""
        built = _bedplate.Table()
        built.add(0, sectors(length, 'length'), target, None)
        _set(built, 0, target, params)
        str(built)
        segment = built.segments()[0]
        self.add(sectors(self.length), segment['length_sectors'], target,
                 segment['args'])
        return self

    def append_line(self, target: str, length: int, args: Text = '') -> Self:
        """The same from arguments as text; the target need not be known."""
        self.add(sectors(self.length), sectors(length, 'length'), target, args)
        return self

    @property
    def length(self) -> int:
        """In bytes: the size of a device with this table."""
        ends = [s['start_sectors'] + s['length_sectors'] for s in self.segments()]
        return size_bytes(max(ends, default=0))

    def __iter__(self) -> Iterator[Segment]:
        for plain, typed in zip(self.segments(), json.loads(self.json())):
            yield Segment(size_bytes(plain['start_sectors']),
                          size_bytes(plain['length_sectors']), plain['target'], plain['args'],
                          typed['params'], plain['extra'], plain['problem'])

    def __getitem__(self, index: int) -> Segment:
        return list(self)[index]

    def check(self) -> list[Found]:
        """What a kernel would refuse, as far as the table alone tells: a list of dicts. See
        bedplate.check_table() for what this system knows."""
        return json.loads(super().check())

    def __reduce__(self) -> tuple[Callable[[str], Table], tuple[str]]:
        return printed, (str(self),)

    def __repr__(self) -> str:
        return f'Table({str(self)!r})'


def printed(text: Text) -> Table:
    """A table as a kernel printed it: what is not understood is kept."""
    return Table(text, _bedplate.TABLE_PRINTED)


@dataclass(frozen=True)
class Status:
    """One line of status. values: its fields by name, or None; state: where the whole line is one
    word ("Fail"); problem: why it was not understood. start and length are bytes."""

    start: int
    length: int
    target: str
    text: str
    values: Found | None = None
    state: str | None = None
    extra: str | None = None
    problem: str | None = None
    raw: Found = field(default_factory=dict, repr=False, compare=False)


def parse_status(target: str, text: Text, start: int = 0, length: int = 0) -> Status:
    """A line's part behind START LENGTH TARGET, typed. Never fails on its content."""
    found = json.loads(_bedplate.Table().status_json(target, text))
    return Status(start, length, target, os.fsdecode(text), found.get('values'), found.get('state'),
                  found.get('extra'), found.get('problem'), found)


def targets() -> dict[str, str]:
    """The targets that this library knows: name to purpose."""
    return dict(_bedplate.known_targets())


def options(target: str) -> list[Found]:
    """A target's parameters: a list of dicts with name, kind, required, unit, min, max ..."""
    found = _bedplate.target_options(target)
    if found is None:
        raise KeyError(target)
    return found
