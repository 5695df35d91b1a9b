/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a check of metadata found: typed, with place, extent and consequence. */
#ifndef BEDPLATE_DAMAGE_H
#define BEDPLATE_DAMAGE_H

#include <bedplate/json.h>
#include <bedplate/units.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum bp_harm - How much it matters.
 * @BP_HARM_REMARK: not as it should be, of no danger; does not count as damage. The strict
 *	check makes these fatal.
 * @BP_HARM_NONFATAL: wastes space or speed; nothing is lost.
 * @BP_HARM_FATAL: data or structure lost, or dangerous to use.
 */
enum bp_harm {
	BP_HARM_REMARK = 0,
	BP_HARM_NONFATAL = 1,
	BP_HARM_FATAL = 2,
};

/* enum bp_damage_kind - What is wrong. Numbers are never reused. */
enum bp_damage_kind {
	BP_DAMAGE_IO = 1,               /* the block can't be read */
	BP_DAMAGE_CHECKSUM = 2,         /* its checksum is wrong */
	BP_DAMAGE_WRONG_KIND = 3,       /* a valid block of another kind */
	BP_DAMAGE_MISPLACED = 4,        /* it says that it is another block */
	BP_DAMAGE_POINTER = 5,          /* a pointer past the end of the metadata */
	BP_DAMAGE_NODE_HEADER = 6,      /* flags, sizes or counts in a node that can't be */
	BP_DAMAGE_KEY_ORDER = 7,        /* keys in a node don't rise */
	BP_DAMAGE_KEY_RANGE = 8,        /* a node has keys outside its parent's range for it */
	BP_DAMAGE_LOOP = 9,             /* a node is below itself */
	BP_DAMAGE_DEPTH = 10,           /* too deep, or leaves at different depths */
	BP_DAMAGE_CROSS_LINK = 11,      /* one block is used as two things */
	BP_DAMAGE_LOW_OCCUPANCY = 12,   /* a node with fewer than a third of its entries */
	BP_DAMAGE_ODD_MAX_ENTRIES = 13, /* max_entries is not a multiple of 3 */
	BP_DAMAGE_SUPERBLOCK = 14,      /* a field of the superblock: what says which */
	BP_DAMAGE_DEVICE_NO_DETAILS = 15,  /* a device has mappings, but no details */
	BP_DAMAGE_DEVICE_NO_MAPPINGS = 16, /* a device has details, but no mapping tree */
	BP_DAMAGE_DEVICE_COUNT = 17,       /* mapped_blocks is not the number of mappings */
	BP_DAMAGE_DEVICE_LOST = 18,        /* mappings of a device can't be read: how many */
	BP_DAMAGE_DEVICE_FIELD = 19,       /* a detail that can't be: what says which */
	BP_DAMAGE_DATA_BLOCK = 20,         /* a mapping to a data block past the end */
	BP_DAMAGE_MAPPING_TIME = 21,       /* a mapping newer than the superblock */
	BP_DAMAGE_LEAK = 22,               /* counted, but nobody uses it */
	BP_DAMAGE_COUNT = 23,              /* reference count differs from the references */
	BP_DAMAGE_COUNT_BEYOND = 24,       /* counts for blocks past the end */
	BP_DAMAGE_COUNT_ENTRY = 25,        /* count tree and bitmap disagree about an entry */
	BP_DAMAGE_INDEX = 26,              /* space map index: entries missing or too many */
	BP_DAMAGE_NR_FREE = 27,            /* free count of an index entry */
	BP_DAMAGE_NONE_FREE_BEFORE = 28,   /* search hint of an index entry hides free blocks */
	BP_DAMAGE_NR_ALLOCATED = 29,       /* total of a space map */
	BP_DAMAGE_SNAPSHOT = 30,           /* the metadata snapshot can't be read */
	BP_DAMAGE_INCOMPLETE = 31,         /* counts can't be checked, for the reason given */
	BP_DAMAGE_SNAPSHOTTED_TIME = 32, /* of a device: not above times of blocks it shares */
	BP_DAMAGE_TIME_LIMIT = 33,       /* a time that mappings have no bits for, or nearly */
	BP_DAMAGE_ARRAY_HEADER = 40,     /* sizes in an array block that can't be */
	BP_DAMAGE_ARRAY_SIZE = 41,       /* an array has too few or too many elements */
	BP_DAMAGE_CACHE_MAPPING = 42,    /* a mapping of a cache that can't be: flags, unused */
	BP_DAMAGE_ORIGIN_TWICE = 43,     /* two cache blocks hold one block of the origin */
	BP_DAMAGE_ORIGIN_BLOCK = 44,     /* a mapping to a block past the origin's end */
	BP_DAMAGE_DIRTY_UNUSED = 45,     /* a cache block that is not in use is dirty */
	BP_DAMAGE_BITS_BEYOND = 46,      /* bits set past the end of a bitset */
	BP_DAMAGE_ERA = 47,              /* an era newer than the current one */
	BP_DAMAGE_WRITESET = 48,         /* writesets missing, too many, or of a wrong size */
};

/* enum bp_damage_place - What it is wrong with. */
enum bp_damage_place {
	BP_PLACE_SUPERBLOCK = 1,
	BP_PLACE_DEVICE_DETAILS = 2,
	BP_PLACE_MAPPING_TOP_LEVEL = 3,
	BP_PLACE_MAPPINGS = 4,
	BP_PLACE_DATA_SPACE_MAP = 5,
	BP_PLACE_METADATA_SPACE_MAP = 6,
	BP_PLACE_METADATA_SNAPSHOT = 7,
	BP_PLACE_HINTS = 16,
	BP_PLACE_DIRTY = 17,
	BP_PLACE_DISCARDS = 18,
	BP_PLACE_WRITESETS = 24,
	BP_PLACE_CURRENT_WRITESET = 25,
	BP_PLACE_ERA_ARRAY = 26,
	BP_PLACE_VDO_GEOMETRY = 40,
	BP_PLACE_VDO_BLOCK_MAP = 41,
	BP_PLACE_VDO_SLAB_SUMMARY = 42,
	BP_PLACE_VDO_COUNTS = 43,
	BP_PLACE_VDO_COMPRESSED = 44,
};

/* Stands for "none" in members of struct bp_damage. */
#define BP_NONE UINT64_MAX

/**
 * struct bp_damage - One thing found. Valid during the callback only; members are only added.
 * @kind, @harm, @place: what, how bad, where.
 * @in_snapshot: it is only in what the metadata snapshot holds; live devices are whole.
 * @block: the metadata block concerned; BP_NONE.
 * @parent: the metadata block that points to it; BP_NONE.
 * @device: the (first) thin device concerned; BP_NONE.
 * @nr_devices: how many devices are concerned; 0 where that does not apply.
 * @begin, @end: what is concerned: [begin, end). For mappings virtual blocks of @device, for
 *	device trees device ids, for space maps blocks they count, for
 *	arrays of caches cache blocks (of discards, discard blocks), for those of eras blocks. Both
 *	BP_NONE: unknown;
 *	@end BP_NONE: to the end.
 * @expected, @actual: numbers that should be equal; BP_NONE.
 * @what: all of it in one line of words, numbers included.
 */
struct bp_damage {
	enum bp_damage_kind kind;
	enum bp_harm harm;
	enum bp_damage_place place;
	bool in_snapshot;
	bp_mblock block, parent;
	uint64_t device, nr_devices;
	uint64_t begin, end;
	uint64_t expected, actual;
	const char *what;
};

/* "checksum", "key-order" ...: names for programs, stable. */
BP_API const char *bp_damage_kind_name(enum bp_damage_kind kind);
/* "superblock", "mappings" ... */
BP_API const char *bp_damage_place_name(enum bp_damage_place place);
/* "remark", "non-fatal", "fatal". */
BP_API const char *bp_harm_name(enum bp_harm harm);

/* bp_damage_json() - Write @damage as a JSON object; members that are BP_NONE are left out. */
BP_API void bp_damage_json(struct bp_json *json, const char *key,
			   const struct bp_damage *damage);

#ifdef __cplusplus
}
#endif

#endif
