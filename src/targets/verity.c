/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * verity VERSION DATA_DEV HASH_DEV DATA_BLOCK HASH_BLOCK #DATA_BLOCKS HASH_START ALGORITHM
 * DIGEST SALT [#OPTIONS OPTION...] Source: Linux, drivers/md/dm-verity-target.c,
 * dm-verity-fec.c, dm-verity-verify-sig.c.
 */
#include "targets/algorithm.h"
#include "targets/grammar/rule.h"

#include <inttypes.h>
#include <stdio.h>

/* Of a Reed-Solomon codeword, in bytes. */
#define FEC_CODEWORD 255

static const struct arg_word corruptions[] = {
	{ "ignore_corruption", BP_VERITY_IGNORE_CORRUPTION },
	{ "restart_on_corruption", BP_VERITY_RESTART_ON_CORRUPTION },
	{ "panic_on_corruption", BP_VERITY_PANIC_ON_CORRUPTION },
	{ NULL },
};

static const struct arg_word errors[] = {
	{ "restart_on_error", BP_VERITY_RESTART_ON_ERROR },
	{ "panic_on_error", BP_VERITY_PANIC_ON_ERROR },
	{ NULL },
};

static const struct arg options[] = {
	ARG_CHOICE(struct bp_verity, on_corruption, corruptions,
		   "what becomes of a read that does not match", .flags = ARG_BARE),
	ARG_CHOICE(struct bp_verity, on_error, errors, "what becomes of a read that fails",
		   .flags = ARG_BARE, .absent = 0x0601, .since = 0x060c),
	ARG_FLAG(struct bp_verity, ignore_zero_blocks, "don't read blocks that must be zero"),
	ARG_FLAG(struct bp_verity, check_at_most_once, "check a block at its first read only"),
	ARG_FLAG(struct bp_verity, try_verify_in_tasklet,
		 "check at once where the hashes are in memory"),
	ARG_DEV(struct bp_verity, fec_dev, "parity for error correction",
		.word = "use_fec_from_device"),
	ARG_MAYBE(struct bp_verity, fec_blocks, 1, UINT64_MAX,
		  "data and hash blocks that the parity covers"),
	ARG_MAYBE(struct bp_verity, fec_start_blocks, 0, UINT64_MAX,
		  "where the parity begins on its device", .word = "fec_start", .def = "0"),
	ARG_MAYBE(struct bp_verity, fec_roots, 2, 24, "parity bytes in 255"),
	ARG_TEXT(struct bp_verity, root_hash_sig_key_desc,
		 "key in the keyring that holds the root digest's signature",
		 .flags = ARG_KEY_NAME),
	ARG_END,
};

static const struct arg args[] = {
	ARG_NUMBER(struct bp_verity, version, 0, 1, "1: salt before the data; 0: behind"),
	ARG_DEV(struct bp_verity, data_dev, "the data"),
	ARG_DEV(struct bp_verity, hash_dev, "the hashes; it may be the same"),
	ARG_NUMBER(struct bp_verity, data_block_bytes, 512, UINT32_MAX,
		   "what one hash is of: a power of two"),
	ARG_NUMBER(struct bp_verity, hash_block_bytes, 512, INT32_MAX,
		   "block of hashes: a power of two"),
	ARG_NUMBER(struct bp_verity, nr_data_blocks, 1, UINT64_MAX, "how many data blocks"),
	ARG_NUMBER(struct bp_verity, hash_start_blocks, 0, UINT64_MAX,
		   "where the tree begins, in hash blocks"),
	ARG_TEXT(struct bp_verity, algorithm, "the kernel's name of the hash"),
	ARG_TEXT(struct bp_verity, root_digest, "hash of the tree's top block, in hex",
		 .flags = ARG_HEX),
	ARG_TEXT(struct bp_verity, salt, "in hex; '-': none", .flags = ARG_HEX | ARG_DASH),
	/* 5, 8 of error correction, 2 of signatures. */
	ARG_OPTIONS(options, .max = 15, .flags = ARG_OPTIONAL | ARG_NOCASE),
	ARG_END,
};

static const struct arg_word states[] = {
	{ "V", BP_VERITY_VALID },
	{ "C", BP_VERITY_CORRUPTED },
	{ NULL },
};

static const struct arg status[] = {
	ARG_CHOICE(struct bp_verity_status, state, states,
		   "V: all read so far was right, C: corruption was seen"),
	ARG_MAYBE(struct bp_verity_status, corrected_blocks, 0, UINT64_MAX,
		  "blocks that error correction mended", .flags = ARG_OPTIONAL | ARG_DASH),
	ARG_END,
};

/* --- rules --- */

/* A power of two, and no less than the device's logical block. */
static void check_block(struct check *c, const char *name, const char *dev, uint64_t bytes,
			uint64_t most, const char *text)
{
	struct bp_bdev bdev;
	uint64_t least = 512;
	char right[80];

	if (check_bdev(c, dev, &bdev))
		least = MAX(bdev.logical_block_bytes, least);
	if (is_power_of_two(bytes) && bytes >= least && bytes <= most)
		return;
	snprintf(right, sizeof(right), "a power of two, %" PRIu64 " to %" PRIu64, least, most);
	check_rule(c, name, right, text);
}

/* Hex digits of whole bytes; @bytes: how many, or 0 for any number. */
static bool is_hex(const char *text, size_t bytes)
{
	size_t digits = strspn(text, "0123456789abcdefABCDEF");

	return text[digits] == '\0' && digits % 2 == 0 && (!bytes || digits == 2 * bytes);
}

static void check_digest(struct check *c, const struct bp_verity *verity, uint32_t digest_bytes)
{
	char right[48];

	if (digest_bytes)
		snprintf(right, sizeof(right), "%" PRIu32 " hex digits", 2 * digest_bytes);
	if (verity->root_digest && !is_hex(verity->root_digest, digest_bytes))
		check_rule(c, NULL, digest_bytes ? right : NULL, "Invalid root digest");
	if (verity->salt && !is_hex(verity->salt, 0))
		check_rule(c, NULL, NULL, "Invalid salt");
}

/* Blocks of the tree of hashes: of each level those that the level below needs. */
static uint64_t tree_blocks(const struct bp_verity *verity, uint32_t digest_bytes)
{
	uint64_t per_block = verity->hash_block_bytes / digest_bytes,
		 nr = verity->nr_data_blocks;
	uint64_t total = 0;

	while (!is_power_of_two(per_block))
		per_block &= per_block - 1;
	while (nr > 1) {
		nr = DIV_UP(nr, per_block);
		total += nr;
	}
	return total;
}

static void check_hash_device(struct check *c, const struct bp_verity *verity,
			      uint32_t digest_bytes)
{
	uint64_t blocks;
	struct bp_bdev bdev;
	char right[48];

	if (verity->hash_block_bytes / 2 < digest_bytes) {
		check_rule(c, "hash_block_bytes", NULL, "Digest size too big");
		return;
	}
	blocks = tree_blocks(verity, digest_bytes);
	if (add_overflow(blocks, verity->hash_start_blocks, &blocks)) {
		check_rule(c, NULL, NULL, "Hash device offset overflow");
		return;
	}
	if (!check_bdev(c, verity->hash_dev, &bdev) ||
	    bdev.size_bytes / verity->hash_block_bytes >= blocks)
		return;
	snprintf(right, sizeof(right), "%" PRIu64 " hash blocks or more", blocks);
	check_rule(c, NULL, right, "Hash device is too small");
}

static void check_sizes(struct check *c, const struct bp_verity *verity)
{
	const uint32_t digest_bytes =
		verity->algorithm ? algorithm_digest_bytes(verity->algorithm) : 0;
	uint64_t bytes;

	check_block(c, "data_block_bytes", verity->data_dev, verity->data_block_bytes,
		    check_page_bytes(c), "Invalid data device block size");
	check_block(c, "hash_block_bytes", verity->hash_dev, verity->hash_block_bytes,
		    UINT64_C(1) << 30, "Invalid hash device block size");
	if (mul_overflow(verity->nr_data_blocks, (uint64_t)verity->data_block_bytes, &bytes) ||
	    bytes > INT64_MAX)
		check_rule(c, NULL, NULL, "Invalid data blocks");
	else if (bp_bytes_to_sector(bytes) < c->length_sectors)
		check_rule(c, "nr_data_blocks", NULL, "Data device is too small");
	check_range(c, "data_dev", verity->data_dev, 0, c->length_sectors);
	check_digest(c, verity, digest_bytes);
	if (!digest_bytes)
		check_found(c, BP_SEVERITY_UNKNOWN, "algorithm", NULL,
			    "a hash that is not known here: whether the kernel has it was not "
			    "checked");
	if (digest_bytes && is_power_of_two(verity->hash_block_bytes))
		check_hash_device(c, verity, digest_bytes);
}

/* Is there room for the parity of all blocks? */
static void check_fec_size(struct check *c, const struct bp_verity *verity)
{
	const uint64_t roots = verity->fec_roots.value;
	uint64_t blocks;
	struct bp_bdev bdev;
	char right[48];

	if (roots < 2 || roots > 24 || !verity->data_block_bytes ||
	    !check_bdev(c, verity->fec_dev, &bdev))
		return;
	blocks = DIV_UP(verity->fec_blocks.value, FEC_CODEWORD - roots) * roots;
	if (add_overflow(blocks, verity->fec_start_blocks.value, &blocks) ||
	    bdev.size_bytes / verity->data_block_bytes < blocks) {
		snprintf(right, sizeof(right), "%" PRIu64 " blocks or more", blocks);
		check_rule(c, NULL, right, "FEC device is too small");
	}
}

static void check_fec(struct check *c, const struct bp_verity *verity)
{
	const bool any = verity->fec_dev || verity->fec_blocks.is_set ||
			 verity->fec_start_blocks.is_set || verity->fec_roots.is_set;

	if (!any)
		return;
	if (!verity->fec_dev)
		check_found(c, BP_SEVERITY_WARNING, NULL, "use_fec_from_device DEV",
			    "there is no error correction without its device");
	else if (!verity->fec_roots.is_set)
		check_rule(c, NULL, NULL, "Missing fec_roots");
	else if (!verity->fec_blocks.is_set)
		check_rule(c, NULL, NULL, "Missing fec_blocks");
	else if (verity->data_block_bytes != verity->hash_block_bytes)
		check_rule(c, NULL, NULL, "Block sizes must match to use FEC");
	else if (verity->fec_blocks.value < verity->nr_data_blocks)
		check_rule(c, NULL, NULL, "Invalid fec_blocks");
	else
		check_fec_size(c, verity);
}

static void check(struct check *c, const void *params)
{
	const struct bp_verity *verity = params;

	check_sizes(c, verity);
	check_fec(c, verity);
}

/* What the hashes cover; the device may be larger. */
static int length(const struct length_query *query, const void *params, bp_sector *ret)
{
	const struct bp_verity *verity = params;
	bp_sector device;
	uint64_t bytes;
	int r = length_of(query, verity->data_dev, 0, &device);

	if (r < 0)
		return r;
	if (mul_overflow(verity->nr_data_blocks, (uint64_t)verity->data_block_bytes, &bytes))
		bytes = UINT64_MAX;
	*ret = MIN(device, bp_bytes_to_sector(bytes));
	return 0;
}

const struct bp_target target_verity = {
	.name = "verity",
	.summary = "read-only data, each block checked against a tree of hashes",
	.module = "dm-verity",
	.since = "3.4",
	.flags = BP_TARGET_SINGLETON_6_12 | BP_TARGET_IMMUTABLE | BP_TARGET_ONLY_READ_ONLY,
	.size = sizeof(struct bp_verity),
	.args = args,
	.ignores_extra = true,
	.status_size = sizeof(struct bp_verity_status),
	.status = status,
	.check = check,
	.length = length,
};
