/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A vdo volume as rows and fields: what format, size and inspect print. */
#include "commands/vdo.h"

enum {
	UUID,
	NONCE,
	STATE,
	LOGICAL,
	PHYSICAL,
	USABLE,
	USED,
	SLAB,
	NR_SLABS,
	OPENED,
	LOGICAL_USED,
	MAP_USED,
	MEMORY,
	SPARSE,
	WINDOW,
	MAP,
	METADATA,
	INDEX,
	UNUSED,
	GROW_MAX,
	KERNEL,
	COMPLETE,
	READ_ONLY,
	ZONES,
	SEQUENCE,
	VERSION,
	RELEASE,
	OFFSET,
	INDEX_AT,
	SUPER_AT,
	ROOTS_AT,
	SLABS_AT,
	JOURNAL_AT,
	JOURNAL_BLOCKS,
	SUMMARY_AT,
};
/* clang-format off */
/* @more: flags of what only a volume that was used has. */
#define COLUMNS(more) \
	[UUID] = { "uuid", OUT_TEXT, OUT_DEFAULT, "its uuid" }, \
	[NONCE] = { "nonce", OUT_NUMBER, OUT_DEFAULT, "number that all its metadata carries" }, \
	[STATE] = { "state", OUT_TEXT, OUT_DEFAULT, \
		    "new, clean, dirty, recovering, read-only, force-rebuild ..." }, \
	[LOGICAL] = { "logical_size_bytes", OUT_SIZE, OUT_DEFAULT, "what the volume shows" }, \
	[PHYSICAL] = { "physical_size_bytes", OUT_SIZE, OUT_DEFAULT, "what it has of its device" }, \
	[USABLE] = { "usable_bytes", OUT_SIZE, OUT_DEFAULT, "of that, for data and block map" }, \
	[USED] = { "used_bytes", OUT_SIZE, more, "of that, in use, by the reference counts" }, \
	[SLAB] = { "slab_size_bytes", OUT_SIZE, OUT_DEFAULT, "size of a slab" }, \
	[NR_SLABS] = { "nr_slabs", OUT_NUMBER, OUT_DEFAULT, "slabs" }, \
	[OPENED] = { "nr_slabs_opened", OUT_NUMBER, more, "slabs ever written to" }, \
	[LOGICAL_USED] = { "logical_used_bytes", OUT_SIZE, more, \
			   "logical blocks that are mapped, at the last clean stop" }, \
	[MAP_USED] = { "map_used_bytes", OUT_SIZE, more, \
		       "pages of the block map in slabs, at the last clean stop" }, \
	[MEMORY] = { "index_memory_bytes", OUT_SIZE, OUT_DEFAULT, "memory setting of the index" }, \
	[SPARSE] = { "index_sparse", OUT_BOOL, OUT_DEFAULT, "the index is sparse" }, \
	[WINDOW] = { "index_window_bytes", OUT_SIZE, OUT_DEFAULT, \
		     "so much written data the index remembers" }, \
	[MAP] = { "map_bytes", OUT_SIZE, OUT_DEFAULT, \
		  "pages of the block map, once all of the volume was written" }, \
	[METADATA] = { "metadata_bytes", OUT_SIZE, OUT_DEFAULT, \
		       "index, journals, reference counts and so on" }, \
	[INDEX] = { "index_size_bytes", OUT_SIZE, OUT_DEFAULT, "of that, the index" }, \
	[UNUSED] = { "unused_bytes", OUT_SIZE, OUT_DEFAULT, "a rest too short for a slab" }, \
	[GROW_MAX] = { "grow_max_bytes", OUT_SIZE, OUT_DEFAULT, \
		       "the largest physical size it can grow to" }, \
	[KERNEL] = { "kernel_memory_bytes", OUT_SIZE, OUT_DEFAULT, \
		     "memory of the kernel while it is active, roughly" }, \
	[COMPLETE] = { "complete_recoveries", OUT_NUMBER, more, "times it recovered" }, \
	[READ_ONLY] = { "read_only_recoveries", OUT_NUMBER, more, \
			"times it was rebuilt after it had been read-only" }, \
	[ZONES] = { "physical_zones", OUT_NUMBER, more, "physical zones when it ran last" }, \
	[SEQUENCE] = { "journal_sequence", OUT_NUMBER, more, \
		       "number of the recovery journal's next block" }, \
	[VERSION] = { "geometry_version", OUT_NUMBER, more, "5, or 4 before 2021" }, \
	[RELEASE] = { "release", OUT_NUMBER, more, "number of the product that wrote it" }, \
	[OFFSET] = { "bio_offset_mblocks", OUT_NUMBER, more, "taken off all block numbers" }, \
	[INDEX_AT] = { "index_start_mblock", OUT_NUMBER, more, "where the index begins" }, \
	[SUPER_AT] = { "super_block_mblock", OUT_NUMBER, more, "where the super block is" }, \
	[ROOTS_AT] = { "map_roots_start_mblock", OUT_NUMBER, more, \
		       "where the block map's roots begin" }, \
	[SLABS_AT] = { "slabs_start_mblock", OUT_NUMBER, more, "where the slabs begin" }, \
	[JOURNAL_AT] = { "journal_start_mblock", OUT_NUMBER, more, \
			 "where the recovery journal begins" }, \
	[JOURNAL_BLOCKS] = { "journal_mblocks", OUT_NUMBER, more, "blocks of it" }, \
	[SUMMARY_AT] = { "summary_start_mblock", OUT_NUMBER, more, \
			 "where the slab summary begins" }, \
	OUT_COLUMNS_END
/* clang-format on */

static const struct out_column plan_columns[] = { COLUMNS(0) };
/* An inspector holds nothing back. */
static const struct out_column inspect_columns[] = { COLUMNS(OUT_DEFAULT) };

const struct out_schema vdo_format_schema = {
	.name = "bedplate.vdo.format",
	.columns = plan_columns,
	.flags = OUT_RECORD | OUT_ONE,
};
const struct out_schema vdo_size_schema = {
	.name = "bedplate.vdo.size",
	.columns = plan_columns,
	.flags = OUT_RECORD | OUT_ONE,
};
const struct out_schema vdo_inspect_schema = {
	.name = "bedplate.vdo.inspect",
	.columns = inspect_columns,
	.flags = OUT_RECORD | OUT_ONE,
};

const char *vdo_uuid_text(const uint8_t uuid[BP_VDO_UUID_BYTES], char *buf)
{
	char *p = buf;

	for (unsigned i = 0; i < BP_VDO_UUID_BYTES; i++)
		p += sprintf(p, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			     uuid[i]);
	return buf;
}

static int digit(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *p = c ? strchr(digits, c) : NULL;

	return p ? (int)((p - digits) % 16) : -1;
}

/* Two digits, no more, and none behind the end of the string. */
bool hex_byte(const char *text, uint8_t *ret)
{
	int high = digit(text[0]);
	int low = high < 0 ? -1 : digit(text[1]);

	if (low < 0)
		return false;
	*ret = (uint8_t)(high << 4 | low);
	return true;
}

/* Dashes at their usual places, or none. */
bool vdo_uuid_parse(const char *text, uint8_t ret[BP_VDO_UUID_BYTES])
{
	for (unsigned i = 0; i < BP_VDO_UUID_BYTES; i++, text += 2) {
		if ((i == 4 || i == 6 || i == 8 || i == 10) && *text == '-')
			text++;
		if (!hex_byte(text, &ret[i]))
			return false;
	}
	return !*text;
}

static void add_sizes(struct out_row *row, const struct bp_vdo_volume *v,
		      const struct bp_vdo_needs *needs)
{
	out_number(row, LOGICAL, bp_mblock_to_bytes(v->logical_mblocks));
	out_number(row, PHYSICAL, bp_mblock_to_bytes(v->physical_mblocks));
	out_number(row, USABLE, needs->usable_bytes);
	out_number(row, SLAB, bp_mblock_to_bytes(v->slab_mblocks));
	out_number(row, NR_SLABS, v->nr_slabs);
	out_number(row, MEMORY, v->index_memory_bytes);
	out_bool(row, SPARSE, v->index_sparse);
	out_number(row, WINDOW, needs->window_bytes);
	out_number(row, MAP, needs->map_bytes);
	out_number(row, METADATA, needs->metadata_bytes);
	out_number(row, INDEX, needs->index_bytes);
	out_number(row, UNUSED, needs->unused_bytes);
	out_number(row, GROW_MAX, needs->grow_max_bytes);
	out_number(row, KERNEL, needs->memory_bytes);
}

/* No nonce, no volume yet: only sizes were asked for. */
static void add_state(struct out_row *row, const struct bp_vdo_volume *v)
{
	char uuid[VDO_UUID_TEXT];

	out_text(row, STATE, bp_vdo_state_name(v->state));
	if (v->nonce) {
		out_text(row, UUID, vdo_uuid_text(v->uuid, uuid));
		out_number(row, NONCE, v->nonce);
	}
	out_number(row, LOGICAL_USED, bp_mblock_to_bytes(v->logical_used_mblocks));
	out_number(row, MAP_USED, bp_mblock_to_bytes(v->map_mblocks));
	out_number(row, COMPLETE, v->complete_recoveries);
	out_number(row, READ_ONLY, v->read_only_recoveries);
	out_number(row, ZONES, v->nr_zones);
	out_number(row, SEQUENCE, v->journal_sequence);
	out_number(row, VERSION, v->geometry_version);
	out_number(row, RELEASE, v->release);
}

/* In blocks of 4096 bytes from the beginning of the device. */
static void add_places(struct out_row *row, const struct bp_vdo_volume *v)
{
	out_number(row, OFFSET, v->bio_offset_mblocks);
	out_number(row, INDEX_AT, v->index_start_mblock);
	out_number(row, SUPER_AT, v->data_start_mblock);
	out_number(row, ROOTS_AT, v->root_start_mblock);
	out_number(row, SLABS_AT, v->depot_start_mblock);
	out_number(row, JOURNAL_AT, v->journal_start_mblock);
	out_number(row, JOURNAL_BLOCKS, v->journal_mblocks);
	out_number(row, SUMMARY_AT, v->summary_start_mblock);
}

/* The same for format, size and inspect: what isn't known is left out. */
int vdo_volume_print(struct cli *cli, const struct out_opts *opts,
		     const struct out_schema *schema, const struct bp_vdo_volume *volume,
		     bp_mblock cache_mblocks, const struct vdo_usage *usage)
{
	_cleanup_(out_freep) struct out *out = NULL;
	struct bp_vdo_needs needs = { .size = sizeof(needs) };
	struct out_row *row;
	int r = bp_vdo_needs(cli->ctx, volume, cache_mblocks, &needs);

	if (r < 0)
		return cli_fail(cli, NULL, r);
	r = out_open(cli, opts, schema, &out);
	if (r || !out)
		return r;
	row = out_row(out, NULL);
	add_sizes(row, volume, &needs);
	add_state(row, volume);
	add_places(row, volume);
	if (usage) {
		out_number(row, USED, bp_mblock_to_bytes(usage->used_mblocks));
		out_number(row, OPENED, usage->nr_opened);
	}
	return out_print(steal(out));
}
