/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kinds, places and harms of damage by name, as text output and JSON have them: names never change.
 */
#include <bedplate/damage.h>

#include "core/util.h"

static const char *const kinds[] = {
	[BP_DAMAGE_IO] = "io",
	[BP_DAMAGE_CHECKSUM] = "checksum",
	[BP_DAMAGE_WRONG_KIND] = "wrong-kind",
	[BP_DAMAGE_MISPLACED] = "misplaced",
	[BP_DAMAGE_POINTER] = "pointer",
	[BP_DAMAGE_NODE_HEADER] = "node-header",
	[BP_DAMAGE_KEY_ORDER] = "key-order",
	[BP_DAMAGE_KEY_RANGE] = "key-range",
	[BP_DAMAGE_LOOP] = "loop",
	[BP_DAMAGE_DEPTH] = "depth",
	[BP_DAMAGE_CROSS_LINK] = "cross-link",
	[BP_DAMAGE_LOW_OCCUPANCY] = "low-occupancy",
	[BP_DAMAGE_ODD_MAX_ENTRIES] = "odd-max-entries",
	[BP_DAMAGE_SUPERBLOCK] = "superblock",
	[BP_DAMAGE_DEVICE_NO_DETAILS] = "device-no-details",
	[BP_DAMAGE_DEVICE_NO_MAPPINGS] = "device-no-mappings",
	[BP_DAMAGE_DEVICE_COUNT] = "device-count",
	[BP_DAMAGE_DEVICE_LOST] = "device-lost",
	[BP_DAMAGE_DEVICE_FIELD] = "device-field",
	[BP_DAMAGE_DATA_BLOCK] = "data-block",
	[BP_DAMAGE_MAPPING_TIME] = "mapping-time",
	[BP_DAMAGE_LEAK] = "leak",
	[BP_DAMAGE_COUNT] = "count",
	[BP_DAMAGE_COUNT_BEYOND] = "count-beyond",
	[BP_DAMAGE_COUNT_ENTRY] = "count-entry",
	[BP_DAMAGE_INDEX] = "index",
	[BP_DAMAGE_NR_FREE] = "nr-free",
	[BP_DAMAGE_NONE_FREE_BEFORE] = "none-free-before",
	[BP_DAMAGE_NR_ALLOCATED] = "nr-allocated",
	[BP_DAMAGE_SNAPSHOT] = "snapshot",
	[BP_DAMAGE_INCOMPLETE] = "incomplete",
	[BP_DAMAGE_SNAPSHOTTED_TIME] = "snapshotted-time",
	[BP_DAMAGE_TIME_LIMIT] = "time-limit",
	[BP_DAMAGE_ARRAY_HEADER] = "array-header",
	[BP_DAMAGE_ARRAY_SIZE] = "array-size",
	[BP_DAMAGE_CACHE_MAPPING] = "cache-mapping",
	[BP_DAMAGE_ORIGIN_TWICE] = "origin-twice",
	[BP_DAMAGE_ORIGIN_BLOCK] = "origin-block",
	[BP_DAMAGE_DIRTY_UNUSED] = "dirty-unused",
	[BP_DAMAGE_BITS_BEYOND] = "bits-beyond",
	[BP_DAMAGE_ERA] = "era",
	[BP_DAMAGE_WRITESET] = "writeset",
};

static const char *const places[] = {
	[BP_PLACE_SUPERBLOCK] = "superblock",
	[BP_PLACE_DEVICE_DETAILS] = "device-details",
	[BP_PLACE_MAPPING_TOP_LEVEL] = "mapping-top-level",
	[BP_PLACE_MAPPINGS] = "mappings",
	[BP_PLACE_DATA_SPACE_MAP] = "data-space-map",
	[BP_PLACE_METADATA_SPACE_MAP] = "metadata-space-map",
	[BP_PLACE_METADATA_SNAPSHOT] = "metadata-snapshot",
	[BP_PLACE_HINTS] = "hints",
	[BP_PLACE_DIRTY] = "dirty-bitset",
	[BP_PLACE_DISCARDS] = "discards",
	[BP_PLACE_WRITESETS] = "writesets",
	[BP_PLACE_CURRENT_WRITESET] = "current-writeset",
	[BP_PLACE_ERA_ARRAY] = "era-array",
	[BP_PLACE_VDO_GEOMETRY] = "geometry",
	[BP_PLACE_VDO_BLOCK_MAP] = "block-map",
	[BP_PLACE_VDO_SLAB_SUMMARY] = "slab-summary",
	[BP_PLACE_VDO_COUNTS] = "reference-counts",
	[BP_PLACE_VDO_COMPRESSED] = "compressed-blocks",
};

static const char *const harms[] = {
	[BP_HARM_REMARK] = "remark",
	[BP_HARM_NONFATAL] = "non-fatal",
	[BP_HARM_FATAL] = "fatal",
};

static const char *name_of(const char *const *names, size_t nr, unsigned i)
{
	return i < nr && names[i] ? names[i] : "unknown";
}

const char *bp_damage_kind_name(enum bp_damage_kind kind)
{
	return name_of(kinds, ARRAY_SIZE(kinds), kind);
}

const char *bp_damage_place_name(enum bp_damage_place place)
{
	return name_of(places, ARRAY_SIZE(places), place);
}

const char *bp_harm_name(enum bp_harm harm)
{
	return name_of(harms, ARRAY_SIZE(harms), harm);
}

static void number(struct bp_json *json, const char *key, uint64_t value)
{
	if (value != BP_NONE)
		bp_json_uint(json, key, value);
}

/* Members that don't apply are left out or null, see number(). */
void bp_damage_json(struct bp_json *json, const char *key, const struct bp_damage *damage)
{
	bp_json_object(json, key);
	bp_json_string(json, "kind", bp_damage_kind_name(damage->kind));
	bp_json_string(json, "harm", bp_harm_name(damage->harm));
	bp_json_string(json, "place", bp_damage_place_name(damage->place));
	if (damage->in_snapshot)
		bp_json_bool(json, "only_in_metadata_snapshot", true);
	number(json, "block", damage->block);
	number(json, "parent_block", damage->parent);
	number(json, "device", damage->device);
	if (damage->nr_devices)
		bp_json_uint(json, "nr_devices", damage->nr_devices);
	number(json, "begin", damage->begin);
	number(json, "end", damage->end);
	number(json, "expected", damage->expected);
	number(json, "actual", damage->actual);
	bp_json_string(json, "message", damage->what);
	bp_json_object_close(json);
}
