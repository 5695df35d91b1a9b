# SPDX-License-Identifier: LGPL-2.1-or-later
"""Metadata of pools, caches and eras, from the device or file it is on: neither root nor
device-mapper is needed. Damage found is a result; an exception says that a call could not be
carried out. What is not here are the tools themselves: see bedplate.sts.dmpd."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field

from . import _bedplate as c
from ._context import context
from ._types import Found, Progress, Text
from .device import _flags


@dataclass(frozen=True)
class Damage:
    """One thing that is wrong. harm: remark, non-fatal, fatal; kind and place: stable words;
    what: a line of words; details: all of it (block, device, begin, end ... where they apply)."""

    harm: str
    kind: str
    place: str
    what: str
    details: Found = field(repr=False, compare=False)


@dataclass(frozen=True)
class CheckResult:
    """What a check found. True in a condition where the metadata is good. numbers: the totals of
    this format, by name ("nr_mappings"); superblock: as read, or None."""

    damages: tuple[Damage, ...]
    nr_fatal: int
    nr_nonfatal: int
    nr_remarks: int
    superblock: Found | None = field(repr=False)
    numbers: Found = field(repr=False)

    def __bool__(self) -> bool:
        return not self.nr_fatal and not self.nr_nonfatal


def _damage(text: str) -> Damage:
    found = json.loads(text)
    return Damage(found.get('harm'), found.get('kind'), found.get('place'), found.get('message'),
                  found)


def _check(kind: str, path: Text, flags: int, workers: int, repair: bool, progress: Progress | None) -> CheckResult:
    found = getattr(context(), kind)(path, flags=flags, workers=workers, repair=repair,
                                     progress=progress)
    damages = tuple(_damage(text) for text in found.pop('damages'))
    superblock = found.pop('superblock')
    ok = found.pop('superblock_ok')
    counts = [found.pop(name) for name in ('nr_fatal', 'nr_nonfatal', 'nr_remarks')]
    return CheckResult(damages, counts[0], counts[1], counts[2], superblock if ok else None, found)


def thin_check(path: Text, *, super_block_only: bool = False, skip_mappings: bool = False, metadata_snap: bool = False,
               strict: bool = False, repair: bool = False, workers: int = 0, progress: Progress | None = None) -> CheckResult:
    """Check a thin pool's metadata. progress(stage, done, total) is called now and then; a true
    result stops the check (Canceled). repair: give leaked blocks back and put totals right, if that
    is all there is."""
    flags = _flags(THIN_CHECK_SUPER_ONLY=super_block_only,
                   THIN_CHECK_SKIP_MAPPINGS=skip_mappings, THIN_CHECK_SNAP=metadata_snap,
                   THIN_CHECK_STRICT=strict)
    return _check('thin_check', path, flags, workers, repair, progress)


def cache_check(path: Text, *, super_block_only: bool = False, skip_mappings: bool = False, skip_hints: bool = False,
                skip_discards: bool = False, strict: bool = False, repair: bool = False, workers: int = 0, progress: Progress | None = None) -> CheckResult:
    """Check a cache's metadata."""
    flags = _flags(CACHE_CHECK_SUPER_ONLY=super_block_only,
                   CACHE_CHECK_SKIP_MAPPINGS=skip_mappings,
                   CACHE_CHECK_SKIP_HINTS=skip_hints,
                   CACHE_CHECK_SKIP_DISCARDS=skip_discards, CACHE_CHECK_STRICT=strict)
    return _check('cache_check', path, flags, workers, repair, progress)


def era_check(path: Text, *, super_block_only: bool = False, strict: bool = False, repair: bool = False, workers: int = 0,
              progress: Progress | None = None) -> CheckResult:
    """Check an era's metadata."""
    flags = _flags(ERA_CHECK_SUPER_ONLY=super_block_only, ERA_CHECK_STRICT=strict)
    return _check('era_check', path, flags, workers, repair, progress)


@dataclass(frozen=True)
class ThinUsage:
    """A thin device and what it takes, in blocks of its pool's size."""

    id: int
    mapped_dblocks: int
    exclusive_dblocks: int
    shared_dblocks: int
    transaction_id: int
    creation_time: int
    snapshotted_time: int


def thin_ls(path: Text, *, metadata_snap: bool = False) -> list[ThinUsage]:
    """The devices of a pool, by id."""
    return [ThinUsage(**found) for found in context().thin_ls(path, metadata_snap)]


def thin_dump(path: Text, output: Text, *, human: bool = False, skip_mappings: bool = False, progress: Progress | None = None) -> bool:
    """Write metadata as text (XML) to a file. True: all of it; False: parts can't be read: what
    there is went to output, or beside it with ".partial" behind if something was there.
    progress: as of thin_check()."""
    flags = _flags(THIN_DUMP_HUMAN=human, THIN_DUMP_SKIP_MAPPINGS=skip_mappings)
    return context().thin_dump(path, output, flags, progress) == 0


def thin_restore(xml: Text, path: Text, *, progress: Progress | None = None) -> None:
    """Make metadata, on an existing file or device, of the XML in a file. progress: as of
    thin_check(), done and total are bytes of text."""
    with open(xml, 'rb') as source:
        context().thin_restore(source.fileno(), os.fspath(xml), path, progress)


def thin_metadata_size(block_size: int, pool_size: int, max_thins: int) -> int:
    """How large, in bytes, a pool's metadata should be."""
    return context().thin_metadata_size(block_size, pool_size, max_thins)


assert c
