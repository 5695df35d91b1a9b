/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * verity VERSION DATA_DEV HASH_DEV DATA_BLOCK HASH_BLOCK #DATA_BLOCKS HASH_START ALGORITHM
 * DIGEST SALT [#OPTIONS OPTION...] Source: Linux, drivers/md/dm-verity-target.c,
 * dm-verity-fec.c, dm-verity-verify-sig.c.
 */
#include "targets/algorithm.h"
#include "targets/grammar/condition.h"
#include "targets/grammar/judge.h"

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

/* Without a known algorithm only that it is hex can be said. */
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

/*
 * The tree's size follows from data blocks and digests a block. Source:
 * drivers/md/dm-verity-target.c, verity_ctr().
 */
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

/* Data blocks may be at most a page: the kernel verifies in the page cache. */
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

/* The three words come together. Source: drivers/md/dm-verity-fec.c, verity_fec_ctr(). */
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

/* clang-format off */
static const struct rule rules[] = {
	{ "device too large to use check_at_most_once", "check_at_most_once",
	  "there are more data blocks than the kernel can keep bits for", "no check_at_most_once" },
	RULE_NO_MEMORY("failed to allocate bitset for check_at_most_once"),
	{ "Invalid number of feature args", "#options",
	  "the count must be that of the words behind it, and no larger than this kernel takes: one "
	  "built without error correction (CONFIG_DM_VERITY_FEC) takes none of its eight words",
	  "no use_fec_from_device where the kernel can't; else the number of words that follow" },
	{ "Conflicting error handling parameters", "on_corruption",
	  "the words of one kind exclude each other", "one of them" },
	RULE_NO_MEMORY("Cannot allocate zero digest"),
	{ "Unrecognized verity feature request", "#options",
	  "the word is none of the options of this kernel; those of error correction need "
	  "CONFIG_DM_VERITY_FEC, that of signatures CONFIG_DM_VERITY_VERIFY_ROOTHASH_SIG",
	  "ignore_corruption, ignore_zero_blocks ..." },
	RULE_NO_MEMORY("Cannot allocate verity structure"),
	{ "Device must be readonly", NULL, "the table must be read-only", "a read-only table" },
	{ "Not enough arguments", NULL, "verity has ten arguments at least",
	  "VERSION DATA_DEV HASH_DEV DATA_BLOCK HASH_BLOCK #DATA_BLOCKS HASH_START ALGORITHM DIGEST SALT" },
	{ "Invalid version", "version", "there are two versions", "1, or 0" },
	RULE_NO_DEVICE("Data device lookup failed", "data_dev"),
	RULE_NO_DEVICE("Hash device lookup failed", "hash_dev"),
	{ "Invalid data device block size", "data_block_bytes",
	  "a data block is a power of two, from the device's logical block to a page", NULL },
	{ "Invalid hash device block size", "hash_block_bytes",
	  "a hash block is a power of two, the device's logical block or more", NULL },
	{ "Invalid data blocks", "nr_data_blocks",
	  "it must be a number, and so many blocks must be possible", "decimal digits" },
	{ "Data device is too small", "nr_data_blocks",
	  "the data blocks must reach to the end of the segment",
	  "more data blocks, or a shorter segment" },
	{ "Invalid hash start", "hash_start_blocks", "it must be a number of hash blocks",
	  "decimal digits" },
	RULE_NO_MEMORY("Cannot allocate algorithm name"),
	{ "Cannot initialize hash function", "algorithm", "this kernel has no such hash",
	  "one that /proc/crypto lists, or whose module can be loaded" },
	{ "Digest size too big", "hash_block_bytes", "a hash block must hold two digests",
	  "a larger block" },
	RULE_NO_MEMORY("Cannot allocate root digest"),
	{ "Invalid root digest", "root_digest", "it must be hex, as long as the hash gives", NULL },
	RULE_NO_MEMORY("Cannot allocate salt"),
	{ "Invalid salt", "salt", "it must be hex, two digits a byte", "hex digits, or '-'" },
	{ "Root hash verification failed", "root_hash_sig_key_desc",
	  "the signature is not of this digest, or by no key that the kernel trusts", NULL },
	{ "Too many tree levels", "nr_data_blocks", "the tree would be too high",
	  "larger hash blocks" },
	{ "Hash device offset overflow", "hash_start_blocks", "the tree would end behind the largest sector",
	  "a smaller number" },
	RULE_NO_MEMORY("Cannot allocate mempool"),
	RULE_NO_MEMORY("Cannot allocate dm io"),
	RULE_NO_MEMORY("Cannot initialize dm-bufio"),
	{ "Hash device is too small", "hash_dev", "the device must hold the whole tree", NULL },
	RULE_NO_MEMORY("Cannot allocate workqueue"),
	{ "FEC feature arguments require a value", "#options", "a word of error correction has a value",
	  "use_fec_from_device DEV fec_roots N fec_blocks N" },
	RULE_NO_DEVICE("FEC device lookup failed", "fec_dev"),
	{ "Invalid fec_blocks", "fec_blocks", "it must be a number, and cover data and hash blocks",
	  "data blocks and hash blocks together" },
	{ "Invalid fec_start", "fec_start_blocks", "it must be a number of blocks", "decimal digits" },
	{ "Invalid fec_roots", "fec_roots", "it is out of range", "2 to 24" },
	{ "Unrecognized verity FEC feature request", "#options",
	  "the word is none of error correction's", "use_fec_from_device, fec_blocks, fec_start, fec_roots" },
	RULE_NO_MEMORY("Cannot allocate FEC structure"),
	{ "Block sizes must match to use FEC", "hash_block_bytes",
	  "error correction needs data and hash blocks of one size", "data_block_bytes" },
	{ "Missing fec_roots", "fec_dev", "error correction needs fec_roots", "fec_roots N" },
	{ "Missing fec_blocks", "fec_dev", "error correction needs fec_blocks", "fec_blocks N" },
	{ "Hash device is too small for fec_blocks", "fec_blocks",
	  "fec_blocks reach behind the end of the hash device", "data and hash blocks together" },
	RULE_NO_MEMORY("Cannot initialize FEC bufio client"),
	{ "FEC device is too small", "fec_dev", "the device must hold parity for all blocks", NULL },
	RULE_NO_MEMORY("Cannot initialize FEC data bufio client"),
	RULE_NO_MEMORY("Cannot allocate RS pool"),
	RULE_NO_MEMORY("Cannot create FEC buffer cache"),
	RULE_NO_MEMORY("Cannot allocate FEC buffer prealloc pool"),
	RULE_NO_MEMORY("Cannot allocate FEC buffer extra pool"),
	RULE_NO_MEMORY("Cannot allocate FEC output pool"),
	{ "DM Verity Sig Verification Signature key not specified", "root_hash_sig_key_desc",
	  "the word needs a key's description", "root_hash_sig_key_desc DESCRIPTION" },
	{ "DM Verity Sig Verification Invalid key specified", "root_hash_sig_key_desc",
	  "the keyring has no such key", "a key of type user that holds the signature" },
	RULE_NO_MEMORY("Cannot allocate initial hash state"),
	{ "Cannot set up initial hash state", "salt", "the kernel could not hash the salt", NULL },
	RULE_NO_MEMORY("Cannot allocate root digest signature"),
	{ "FEC device already specified", "fec_dev", "it is given twice", "once" },
	{ "DM Verity Sig Verification root_hash_sig_key_desc already specified",
	  "root_hash_sig_key_desc", "it is given twice", "once" },
	RULE_NO_MEMORY("DM Verity Sig Verification Could not allocate memory for signature key"),
	RULE_NO_MEMORY("Cannot allocate FEC IO pool"),
	{ NULL },
};
/* clang-format on */

/* clang-format off */
/* What kernels say while it is in use, and its states. */
static const struct rule log_lines[] = {
	LOG_STOP("data block * is corrupted",
		"a block of the data is not what was signed: changed, or not read right. "
		"Reading it fails, unless ignore_corruption is set",
		"compare the image with its source; write it again"),
	LOG_STOP("metadata block * is corrupted",
		"a block of the tree of hashes is not what was signed: the data below it can't "
		"be checked, and reading them fails",
		"compare the image with its source; write the hash tree again"),
	LOG_STOP("reached maximum errors",
		"further corrupted blocks are no longer told",
		"compare the image with its source; write it again"),
	LOG_STOP("FEC *: failed to correct*",
		"a corrupted block could not be corrected: too much of it is lost",
		"write the image again"),
	LOG_ACT("FEC *: corrected *",
		"a corrupted block was corrected on the fly",
		"look at the device: it does not return what was written"),
	LOG_HARMLESS("* using implementation \"*\"",
		"which code computes the hashes"),
	LOG_HARMLESS("* using shash \"*\"",
		"which code computes the hashes"),
	LOG_HARMLESS("* using \"*\"",
		"which code computes the hashes"),
	LOG_ACT("unaligned io",
		"I/O came that is not in whole blocks",
		"use the device with the block size of its table"),
	LOG_ACT("io out of range",
		"I/O came behind the end of the data",
		NULL),
	LOG_STOP("crypto_*",
		"the hash could not be computed: data can't be checked",
		NULL),
	LOG_STOP("verity_* failed*",
		"the hash could not be computed: data can't be checked",
		NULL),
	LOG_STOP("FEC *: * failed *",
		"what error correction needs can't be read: the block stays corrupted",
		"look at the device of the parity data"),
	LOG_STOP("* failed updating salt: *",
		"the hash could not be computed: data can't be checked",
		NULL),
	LOG_STOP("Error hashing block: *",
		"the hash could not be computed: data can't be checked",
		NULL),
	LOG_HARMLESS("* using ahash \"*\"",
		"which code computes the hashes"),
	{ NULL },
};
/* clang-format on */

static const char *const log_names[] = { "verity-fec", NULL };

/* "C" stays until the device is removed: one bad block in its whole life. */
static void judge(struct judge *j, const void *p)
{
	const struct bp_verity_status *s = p;

	if (s->state == BP_VERITY_CORRUPTED)
		judge_say(j, BP_VERDICT_STOP, "the kernel's log says which blocks",
			  "a block was read that is not what was signed, since the device was "
			  "activated");
	judge_say(j, BP_VERDICT_HARMLESS, NULL,
		  "all blocks that were read are what was signed");
}

static void conditions(struct conditions *c, const struct bp_status *now, const void *p)
{
	const struct bp_verity_status *s = now->values;

	(void)p;
	if (s && s->state == BP_VERITY_CORRUPTED)
		condition_add(c, BP_EVENT_CORRUPTION, NULL,
			      "a block was read that is not what the root hash stands for");
}

static const struct brief brief[] = {
	{ NULL, "state", NULL },
	{ "corrected blocks", "corrected_blocks", NULL },
	{ NULL },
};

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
	.brief = brief,
	.check = check,
	.length = length,
	.rules = rules,
	.log_names = log_names,
	.log = log_lines,
	.judge = judge,
	.conditions = conditions,
};
