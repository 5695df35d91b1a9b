/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which blocks of an era's metadata there are to damage: of what is in use itself, and the metadata
 * snapshot's superblock. What is done to them is not known here.
 */
#include <bedplate/metadata_generate.h>

#include "formats/check/spoil.h"
#include "formats/era/salvage.h"

/* By enum bp_era_spoil_what. */
static const struct spoil_choice choices[] = {
	{ "block", BP_PLACE_SUPERBLOCK, 0 },
	{ "superblock", BP_PLACE_SUPERBLOCK, 0 },
	{ "writeset-root", BP_PLACE_WRITESETS, SPOIL_ROOT },
	{ "writeset", BP_PLACE_WRITESETS, SPOIL_PART },
	{ "current-writeset", BP_PLACE_CURRENT_WRITESET, SPOIL_ROOT | SPOIL_NODE | SPOIL_PART },
	{ "era-root", BP_PLACE_ERA_ARRAY, SPOIL_ROOT },
	{ "eras", BP_PLACE_ERA_ARRAY, SPOIL_PART },
	{ "metadata-snap", BP_PLACE_METADATA_SNAPSHOT, SPOIL_ROOT },
	{ "metadata-bitmap", BP_PLACE_METADATA_SPACE_MAP, SPOIL_PART },
	{ "metadata-index", BP_PLACE_METADATA_SPACE_MAP, SPOIL_ROOT },
	{ "any", 0, SPOIL_ROOT | SPOIL_NODE | SPOIL_PART },
};

const char *bp_era_spoil_what_name(enum bp_era_spoil_what what)
{
	return (size_t)what < ARRAY_SIZE(choices) ? choices[what].name : NULL;
}

static int add_snap(struct spoil *s, const struct era_sb *sb)
{
	bool wanted = !s->choice->place || s->choice->place == BP_PLACE_METADATA_SNAPSHOT;

	return wanted && sb->pub.metadata_snap ? spoil_add(s, sb->pub.metadata_snap) : 0;
}

static int find(struct spoil *s)
{
	const struct loss_ears ears = spoil_ears(s);
	const struct era_taker nobody = { 0 };
	struct bp_era_meta *meta;
	int r = era_meta_open_io(s->ctx, s->io, NULL, &meta);

	if (r < 0)
		return r;
	r = era_salvage_writesets(meta, 0, &ears, &nobody);
	if (r == 0)
		r = era_salvage_array(meta, 0, &ears, &nobody);
	if (r == 0)
		r = add_snap(s, &meta->sb);
	if (r == 0)
		r = spoil_add_map(s, &meta->sb.metadata_sm);
	free(meta); /* the io is the caller's */
	return r;
}

int bp_era_spoil(struct bp_ctx *ctx, const char *path, const struct bp_spoil_opts *opts)
{
	static const struct spoil_format format = { choices, ARRAY_SIZE(choices), find };

	return spoil_path(ctx, path, opts, &format);
}
