/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pdata/block.h"

#include "pdata/refuse.h"

#include "core/context.h"
#include "core/crc32c.h"

#include <errno.h>
#include <string.h>

/* Source of the salts: Linux, the validators in drivers/md and drivers/md/persistent-data. */
static const struct {
	uint32_t salt;
	uint32_t number_at; /* offset of the block's own number */
	const char *name;
} kinds[BLOCK_KINDS] = {
	[BLOCK_UNKNOWN] = { 0, 8, "unknown block" },
	[BLOCK_THIN_SUPERBLOCK] = { 160774, 8, "thin superblock" },
	[BLOCK_CACHE_SUPERBLOCK] = { 9031977, 8, "cache superblock" },
	[BLOCK_ERA_SUPERBLOCK] = { 146538381, 8, "era superblock" },
	[BLOCK_NODE] = { 121107, 8, "btree node" },
	[BLOCK_BITMAP] = { 240779, 8, "space map bitmap" },
	[BLOCK_INDEX] = { 160478, 8, "space map index" },
	[BLOCK_ARRAY] = { 595846735, 16, "array block" },
};

const char *block_kind_name(enum block_kind kind)
{
	return kinds[kind].name;
}

const char *block_kind_article(enum block_kind kind)
{
	return strchr("aeiou", kinds[kind].name[0]) ? "an" : "a";
}

int block_refuse(struct bp_ctx *ctx, const void *data, enum block_kind is,
		 enum block_kind wanted)
{
	if (is != BLOCK_UNKNOWN) {
		bp_fail(ctx, -EUCLEAN, "block 0 is %s %s, not %s %s", block_kind_article(is),
			kinds[is].name, block_kind_article(wanted), kinds[wanted].name);
		error_set_code(ctx, BP_E_NOT_METADATA);
		return -EUCLEAN;
	}
	bp_fail(ctx, -EBADMSG, "bad checksum in superblock");
	if (block_is_zero(data))
		error_set_cause(ctx, "block 0 is all zeros: not formatted, or wiped");
	else
		superblock_cause(ctx, data);
	return -EBADMSG;
}

static uint32_t register_of(const void *data)
{
	return crc32c(UINT32_MAX, (const uint8_t *)data + 4, BP_MBLOCK_BYTES - 4);
}

static uint32_t stored_csum(const void *data)
{
	return le32_get(*(const le32 *)data);
}

enum block_kind block_kind_of(const void *data)
{
	uint32_t salt = register_of(data) ^ stored_csum(data);

	for (int kind = BLOCK_UNKNOWN + 1; kind < BLOCK_KINDS; kind++)
		if (kinds[kind].salt == salt)
			return (enum block_kind)kind;
	return BLOCK_UNKNOWN;
}

bp_mblock block_number(const void *data, enum block_kind kind)
{
	return le64_get(
		*(const le64 *)(const void *)((const uint8_t *)data + kinds[kind].number_at));
}

/*
 * The checksum's salt differs by kind: a block that is sound as another kind is told as
 * that, not as a bad sum.
 */
enum block_error block_check(const void *data, enum block_kind kind, bp_mblock nr)
{
	enum block_kind found = block_kind_of(data);

	if (found == BLOCK_UNKNOWN)
		return BLOCK_BAD_CSUM;
	if (found != kind)
		return BLOCK_BAD_KIND;
	return block_number(data, kind) == nr ? BLOCK_OK : BLOCK_MISPLACED;
}

bool block_is_zero(const void *data)
{
	const uint64_t *words = data;

	for (size_t i = 0; i < BP_MBLOCK_BYTES / sizeof(*words); i++)
		if (words[i])
			return false;
	return true;
}

void block_seal(void *data, enum block_kind kind, bp_mblock nr)
{
	*(le64 *)(void *)((uint8_t *)data + kinds[kind].number_at) = le64_make(nr);
	*(le32 *)data = le32_make(register_of(data) ^ kinds[kind].salt);
}
