/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which blocks of a cache's metadata there are to damage. What is done to them is not known here.
 */
#include <bedplate/metadata_generate.h>

#include "formats/cache/meta.h"
#include "formats/check/spoil.h"

/* By enum bp_cache_spoil_what. */
static const struct spoil_choice choices[] = {
	{ "block", BP_PLACE_SUPERBLOCK, 0 },
	{ "superblock", BP_PLACE_SUPERBLOCK, 0 },
	{ "mapping-root", BP_PLACE_MAPPINGS, SPOIL_ROOT },
	{ "mappings", BP_PLACE_MAPPINGS, SPOIL_PART },
	{ "hint-root", BP_PLACE_HINTS, SPOIL_ROOT },
	{ "hints", BP_PLACE_HINTS, SPOIL_PART },
	{ "dirty-root", BP_PLACE_DIRTY, SPOIL_ROOT },
	{ "dirty", BP_PLACE_DIRTY, SPOIL_PART },
	{ "discard-root", BP_PLACE_DISCARDS, SPOIL_ROOT },
	{ "discards", BP_PLACE_DISCARDS, SPOIL_PART },
	{ "metadata-bitmap", BP_PLACE_METADATA_SPACE_MAP, SPOIL_PART },
	{ "metadata-index", BP_PLACE_METADATA_SPACE_MAP, SPOIL_ROOT },
	{ "any", 0, SPOIL_ROOT | SPOIL_NODE | SPOIL_PART },
};

const char *bp_cache_spoil_what_name(enum bp_cache_spoil_what what)
{
	return (size_t)what < ARRAY_SIZE(choices) ? choices[what].name : NULL;
}

static int find(struct spoil *s)
{
	const struct loss_ears ears = spoil_ears(s);
	const struct array_reader reader = { .ears = &ears };
	struct bp_cache_meta *meta;
	int r = cache_meta_open_io(s->ctx, s->io, NULL, &meta);

	if (r < 0)
		return r;
	for (int id = 0; r == 0 && id < CACHE_ARRAYS; id++)
		if (id != CACHE_DIRTY || meta->sb.pub.version >= 2)
			r = cache_array_read(meta, (enum cache_array_id)id, &reader);
	if (r == 0)
		r = spoil_add_map(s, &meta->sb.metadata_sm);
	free(meta); /* the io is the caller's */
	return r;
}

int bp_cache_spoil(struct bp_ctx *ctx, const char *path, const struct bp_spoil_opts *opts)
{
	static const struct spoil_format format = { choices, ARRAY_SIZE(choices), find };

	return spoil_path(ctx, path, opts, &format);
}
