/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * integrity DEV OFFSET TAG_SIZE MODE #OPTIONS [OPTION...]. Kernels print the values in effect:
 * those of the superblock, which need not be those that were given.
 * Source: Linux, drivers/md/dm-integrity.c.
 */
#include "targets/algorithm.h"
#include "targets/grammar/condition.h"
#include "targets/grammar/judge.h"

#include <inttypes.h>
#include <stdio.h>

/* The superblock, and less journal than any can have: no device so small works. */
#define TOO_SMALL_SECTORS 16

static const struct arg_word modes[] = {
	{ "J", BP_INTEGRITY_JOURNAL }, { "B", BP_INTEGRITY_BITMAP },
	{ "D", BP_INTEGRITY_DIRECT },  { "R", BP_INTEGRITY_RECOVERY },
	{ "I", BP_INTEGRITY_INLINE },  { NULL },
};

static const struct arg algorithm_args[] = {
	ARG_TEXT(struct bp_integrity_algorithm, name,
		 "the kernel's name: crc32c, hmac(sha256)"),
	ARG_TEXT(struct bp_integrity_algorithm, key, "its key, in hex",
		 .flags = ARG_OPTIONAL | ARG_SECRET | ARG_HEX),
	ARG_END,
};

/* In the order of kernels to 6.12. */
static const struct arg options[] = {
	ARG_DEV(struct bp_integrity, meta_dev, "keep tags and journal on this device",
		.word = "meta_device", .flags = ARG_JOINED),
	ARG_MAYBE(struct bp_integrity, block_bytes, 512, 4096,
		  "what one tag is of: a power of two", .word = "block_size", .def = "512",
		  .flags = ARG_JOINED),
	ARG_FLAG(struct bp_integrity, recalculate, "calculate all tags in the background",
		 .flags = ARG_CHOSEN),
	ARG_FLAG(struct bp_integrity, reset_recalculate, "the same from the start, once more"),
	ARG_FLAG(struct bp_integrity, allow_discards,
		 "pass discards on; their tags become void"),
	ARG_FLAG(struct bp_integrity, allow_discards_keyed, "the same with a keyed hash",
		 .absent = 0x0601, .since = 0x060c),
	ARG_MAYBE(struct bp_integrity, journal_sectors, 0, UINT32_MAX,
		  "size of the journal, when formatting",
		  .flags = ARG_JOINED | ARG_NOT_COMPARED),
	ARG_MAYBE(struct bp_integrity, interleave_sectors, 0, UINT32_MAX,
		  "data between tags, when formatting: a power of two",
		  .flags = ARG_JOINED | ARG_NOT_COMPARED),
	ARG_MAYBE(struct bp_integrity, buffer_sectors, 0, UINT32_MAX,
		  "tags read and written at a time: a power of two",
		  .flags = ARG_JOINED | ARG_NOT_COMPARED),
	ARG_MAYBE(struct bp_integrity, journal_watermark_percent, 0, 100,
		  "flush the journal when it is so full", .word = "journal_watermark",
		  .flags = ARG_JOINED | ARG_CHOSEN),
	ARG_MAYBE(struct bp_integrity, commit_time_ms, 0, UINT32_MAX,
		  "flush the journal after this time", .word = "commit_time",
		  .flags = ARG_JOINED | ARG_CHOSEN),
	ARG_MAYBE(struct bp_integrity, bit_sectors, 0, UINT32_MAX,
		  "what the bitmap keeps one bit for: a power of two",
		  .word = "sectors_per_bit", .flags = ARG_JOINED | ARG_NOT_COMPARED),
	ARG_MAYBE(struct bp_integrity, bitmap_flush_interval_ms, 0, UINT32_MAX,
		  "write the bitmap after this time", .word = "bitmap_flush_interval",
		  .flags = ARG_JOINED | ARG_CHOSEN),
	ARG_FLAG(struct bp_integrity, fix_padding, "tags without holes, when formatting",
		 .flags = ARG_CHOSEN),
	ARG_FLAG(struct bp_integrity, fix_hmac, "the superblock is authenticated too",
		 .flags = ARG_CHOSEN),
	ARG_FLAG(struct bp_integrity, legacy_recalculate,
		 "recalculate keyed hashes all the same"),
	ARG_POINTER(struct bp_integrity, internal_hash, algorithm_args,
		    "the kernel makes and checks the tags by this hash", .flags = ARG_JOINED),
	ARG_POINTER(struct bp_integrity, journal_crypt, algorithm_args, "encrypt the journal",
		    .flags = ARG_JOINED),
	ARG_POINTER(struct bp_integrity, journal_mac, algorithm_args,
		    "authenticate the journal", .flags = ARG_JOINED),
	ARG_END,
};

static const struct arg args[] = {
	ARG_DEV(struct bp_integrity, dev, "the device"),
	ARG_NUMBER(struct bp_integrity, offset_sectors, 0, UINT64_MAX, "where in it to begin"),
	ARG_MAYBE(struct bp_integrity, tag_bytes, 1, 255, "size of a tag; '-': the hash's",
		  .flags = ARG_DASH | ARG_CHOSEN),
	ARG_CHOICE(struct bp_integrity, mode, modes,
		   "J journal, B bitmap, D direct, R recovery, I inline"),
	ARG_OPTIONS(options, .max = 18, .flags = ARG_REPEAT),
	ARG_END,
};

static const struct arg status[] = {
	ARG_NUMBER(struct bp_integrity_status, mismatches, 0, UINT64_MAX,
		   "tags that did not match"),
	ARG_NUMBER(struct bp_integrity_status, provided_sectors, 0, UINT64_MAX,
		   "what a table can have at most"),
	ARG_MAYBE(struct bp_integrity_status, recalculated_sector, 0, UINT64_MAX,
		  "how far recalculation has come; '-': there is none",
		  .flags = ARG_OPTIONAL | ARG_DASH),
	ARG_END,
};

/* --- rules --- */

static bool is_keyed(const struct bp_integrity_algorithm *algorithm)
{
	return algorithm && (algorithm->key || algorithm_is_keyed(algorithm->name));
}

/*
 * Without a hash of its own the target only carries tags for a layer above (dm-crypt): it knows
 * neither their size nor how to make one, so all that has to make them is refused.
 */
static void check_hash(struct check *c, const struct bp_integrity *integrity)
{
	if (!integrity->internal_hash) {
		if (!integrity->tag_bytes.is_set)
			check_rule(c, NULL, NULL, "Unknown tag size");
		if (integrity->mode == BP_INTEGRITY_BITMAP)
			check_rule(c, NULL, NULL,
				   "Bitmap mode can be only used with internal hash");
		if (integrity->allow_discards || integrity->allow_discards_keyed)
			check_rule(c, integrity->allow_discards ? NULL : "allow_discards_keyed",
				   NULL, "Discard can be only used with internal hash");
		if (integrity->recalculate || integrity->reset_recalculate)
			check_rule(c, integrity->recalculate ? NULL : "reset_recalculate", NULL,
				   "Recalculate can only be specified with internal_hash");
		return;
	}
	if (integrity->allow_discards_keyed && !is_keyed(integrity->internal_hash))
		check_rule(c, NULL, NULL,
			   "Keyed discard can only be used with keyed internal hash");
	if ((integrity->recalculate || integrity->reset_recalculate) &&
	    is_keyed(integrity->internal_hash) && !integrity->legacy_recalculate &&
	    !(integrity->fix_hmac && integrity->journal_mac))
		check_rule(c, integrity->recalculate ? NULL : "reset_recalculate", NULL,
			   RULE_RECALCULATE_KEYED);
}

/* Whether this kernel has a hash shows only when it is asked. */
static void check_hash_known(struct check *c, const char *name,
			     const struct bp_integrity_algorithm *hash)
{
	if (hash && hash->name && !algorithm_digest_bytes(hash->name))
		check_found(c, BP_SEVERITY_UNKNOWN, name, NULL,
			    "a hash that is not known here: whether the kernel has it was not "
			    "checked");
}

/* Only where the key is given inline. */
static void check_key(struct check *c, const char *name,
		      const struct bp_integrity_algorithm *algorithm, const char *text)
{
	if (algorithm && algorithm->key && !is_hex_bytes(algorithm->key))
		check_rule(c, name, NULL, text);
}

/* A hash that needs a key has one, and one that takes none has none. */
static void check_hash_key(struct check *c, const char *name,
			   const struct bp_integrity_algorithm *hash, const char *text)
{
	const char *algorithm = hash && hash->name ? hash->name : "";
	const size_t bytes = hash && hash->key ? strlen(hash->key) / 2 : 0;
	const char *right, *sizes;
	char sized[64];

	if (!hash)
		return;
	if (algorithm_is_keyed(algorithm)) {
		if (!bytes)
			check_rule(c, name, "ALGORITHM:HEXKEY", text);
		else if (!algorithm_mac_key_fits(algorithm, bytes, &sizes)) {
			snprintf(sized, sizeof(sized), "a key of %s bytes", sizes);
			check_rule(c, name, sized, text);
		}
	} else if (bytes && algorithm_digest_bytes(algorithm) &&
		   !algorithm_seed_fits(algorithm, bytes, &right)) {
		check_rule(c, name, right, text);
	}
}

/* "cbc(aes)": a block cipher in one mode, which must have a key of a size that it takes. */
static void check_cipher_key(struct check *c, const struct bp_integrity_algorithm *cipher)
{
	const char *open = cipher && cipher->name ? strchr(cipher->name, '(') : NULL;
	const size_t bytes = cipher && cipher->key ? strlen(cipher->key) / 2 : 0;
	const bool xts = open && strncmp(cipher->name, "xts(", 4) == 0;
	const char *sizes = NULL;
	char name[64], right[64];

	if (!cipher)
		return;
	if (!bytes) {
		check_rule(c, "journal_crypt", "ALGORITHM:HEXKEY",
			   "Error setting encryption key");
		return;
	}
	if (!open || strcspn(open + 1, "()") >= sizeof(name))
		return;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(open + 1, "()"), open + 1);
	if ((!xts || bytes % 2 == 0) &&
	    algorithm_key_fits(name, xts ? bytes / 2 : bytes, &sizes))
		return;
	algorithm_key_fits(name, 0, &sizes);
	snprintf(right, sizeof(right), "a key of %s%s bytes", xts ? "twice " : "",
		 sizes ? sizes : "other");
	check_rule(c, "journal_crypt", right, "Error setting encryption key");
}

/*
 * Each of the three algorithms may have a key of its own, and each has its own text in the
 * kernel.
 */
static void check_keys(struct check *c, const struct bp_integrity *integrity)
{
	check_hash_known(c, "internal_hash", integrity->internal_hash);
	check_hash_known(c, "journal_mac", integrity->journal_mac);
	check_hash_key(c, "internal_hash", integrity->internal_hash,
		       "Error setting internal hash key");
	check_hash_key(c, "journal_mac", integrity->journal_mac,
		       "Error setting journal mac key");
	check_cipher_key(c, integrity->journal_crypt);
}

/*
 * Inline mode stores tags in the room that the device itself has beside each sector, so there is no
 * journal to be encrypted, no device for tags, and no discard that could void them.
 */
static void check_inline(struct check *c, const struct bp_integrity *integrity)
{
	if (integrity->mode != BP_INTEGRITY_INLINE)
		return;
	if (check_release(c, 0x0602) == BP_ANSWER_NO)
		check_rule(c, "mode", "J, B, D or R", "Invalid mode (expecting J, B, D, R)");
	if (integrity->meta_dev)
		check_rule(c, NULL, NULL, "Metadata device not supported in inline mode");
	if (!integrity->internal_hash)
		check_rule(c, NULL, NULL, "Internal hash not set in inline mode");
	if (integrity->journal_crypt || integrity->journal_mac)
		check_rule(c, integrity->journal_crypt ? NULL : "journal_mac", NULL,
			   "Journal crypt not supported in inline mode");
	if (integrity->allow_discards || integrity->allow_discards_keyed)
		check_rule(c, integrity->allow_discards ? NULL : "allow_discards_keyed", NULL,
			   "Discards not supported in inline mode");
	check_found(c, BP_SEVERITY_UNKNOWN, "dev", NULL,
		    "whether the device has room for tags of its own was not checked");
}

/* The superblock says how many sectors there are; they are fewer than the device has. */
static void check_size(struct check *c, const struct bp_integrity *integrity)
{
	const char *meta = integrity->meta_dev ? integrity->meta_dev : integrity->dev;
	bp_sector offset = integrity->meta_dev ? 0 : integrity->offset_sectors, size;
	struct bp_bdev bdev;

	check_range(c, "dev", integrity->dev, integrity->offset_sectors, c->length_sectors);
	if (integrity->mode == BP_INTEGRITY_INLINE || !check_bdev(c, meta, &bdev))
		return;
	size = bp_bytes_to_sector(bdev.size_bytes);
	if (size < offset || size - offset <= TOO_SMALL_SECTORS)
		check_rule(c, integrity->meta_dev ? "meta_dev" : NULL, NULL,
			   "Could not initialize superblock");
	else if (!integrity->meta_dev && c->length_sectors == size - offset)
		check_rule(c, "length", NULL,
			   "Not enough provided sectors for requested mapping size");
}

/*
 * In the order of the kernel's constructor (drivers/md/dm-integrity.c, dm_integrity_ctr()),
 * so that the same fault of several is told.
 */
static void check(struct check *c, const void *params)
{
	const struct bp_integrity *integrity = params;

	if (integrity->block_bytes.is_set && !is_power_of_two(integrity->block_bytes.value))
		check_rule(c, NULL, NULL, "Invalid block_size argument");
	check_hash(c, integrity);
	check_key(c, "internal_hash", integrity->internal_hash,
		  "Invalid internal_hash argument");
	check_key(c, "journal_crypt", integrity->journal_crypt,
		  "Invalid journal_crypt argument");
	check_key(c, "journal_mac", integrity->journal_mac, "Invalid journal_mac argument");
	check_keys(c, integrity);
	check_inline(c, integrity);
	check_distinct(c, "meta_dev", integrity->meta_dev, "dev", integrity->dev);
	check_size(c, integrity);
}

/* To start again implies to calculate. */
static int canonical(void *params, struct arena *arena)
{
	struct bp_integrity *integrity = params;

	(void)arena;
	integrity->recalculate |= integrity->reset_recalculate;
	return 0;
}

/* clang-format off */
#define INTEGRITY_JOURNAL_CIPHER(text) \
	{ text, "journal_crypt", "the kernel can't encrypt the journal so", "another cipher" }

static const struct rule rules[] = {
	RULE_NO_MEMORY("Out of memory for an argument"),
	{ "Journal doesn't fit into memory", "journal_sectors",
	  "the kernel holds the whole journal in memory", "a smaller journal" },
	RULE_NO_MEMORY("Could not allocate memory for journal"),
	{ "Invalid journal cipher", "journal_crypt", "this kernel has no such cipher",
	  "one that /proc/crypto lists, or whose module can be loaded" },
	{ "Error setting encryption key", "journal_crypt", "the cipher does not take this key",
	  "a key of a size that the cipher takes" },
	RULE_NO_MEMORY("Could not allocate memory for journal io"),
	RULE_NO_MEMORY("Could not allocate crypt request"),
	RULE_NO_MEMORY("Could not allocate iv"),
	RULE_NO_MEMORY("Could not allocate memory for journal xor"),
	RULE_NO_MEMORY("Unable to allocate sg list"),
	INTEGRITY_JOURNAL_CIPHER("Unable to encrypt journal"),
	RULE_NO_MEMORY("Unable to allocate crypt data"),
	RULE_NO_MEMORY("Unable to allocate sk requests"),
	INTEGRITY_JOURNAL_CIPHER("Unable to generate iv"),
	RULE_NO_MEMORY("Unable to allocate crypt request"),
	RULE_NO_MEMORY("Unable to allocate iv"),
	RULE_NO_MEMORY("Could not allocate memory for journal tree"),
	RULE_COUNT("Invalid number of feature args", "#options"),
	{ "Invalid argument count", NULL, "integrity has five arguments at least",
	  "DEV OFFSET TAG_SIZE MODE #OPTIONS" },
	RULE_NO_MEMORY("Cannot allocate integrity context"),
	RULE_NO_DEVICE("Device lookup failed", "dev"),
	RULE_SECTOR("Invalid starting offset", "offset_sectors"),
	{ "Invalid tag size", "tag_bytes", "a tag has one byte or more", "1 to 255, or '-'" },
	{ "Invalid mode (expecting J, B, D, R)", "mode", "there are four modes, inline is of newer kernels",
	  "J, B, D or R" },
	RULE_COUNT("Not enough feature arguments", "#options"),
	{ "Invalid block_size argument", "block_bytes", "a block is a power of two, 512 to 4096 bytes",
	  "512, 1024, 2048 or 4096" },
	{ "Invalid bitmap_flush_interval argument", "bitmap_flush_interval_ms", "the time is too long",
	  "a shorter time" },
	{ "Invalid internal_hash argument", "internal_hash", "a key is hex, two digits a byte",
	  "ALGORITHM:HEXKEY" },
	{ "Invalid journal_crypt argument", "journal_crypt", "a key is hex, two digits a byte",
	  "ALGORITHM:HEXKEY" },
	{ "Invalid journal_mac argument", "journal_mac", "a key is hex, two digits a byte",
	  "ALGORITHM:HEXKEY" },
	{ "Invalid argument", "#options",
	  "the word is none of the options of this kernel, or its value is out of range",
	  "an option as OPTION:VALUE" },
	{ "Error setting internal hash key", "internal_hash", "the hash does not take this key",
	  "a key, or another, for hmac(...)" },
	{ "Invalid internal hash", "internal_hash", "this kernel has no such hash",
	  "one that /proc/crypto lists, or whose module can be loaded" },
	{ "Error setting journal mac key", "journal_mac", "the hash does not take this key",
	  "a key, or another" },
	{ "Invalid journal mac", "journal_mac", "this kernel has no such hash",
	  "one that /proc/crypto lists, or whose module can be loaded" },
	{ "Unknown tag size", "tag_bytes", "'-' takes the tag's size from internal_hash, which is not given",
	  "a number, or internal_hash" },
	{ "Too big tag size", "tag_bytes", "a tag has 255 bytes at most", "1 to 255" },
	{ "Bitmap mode can be only used with internal hash", "mode",
	  "a bitmap needs internal_hash", "internal_hash:crc32c, or mode J" },
	{ "Discard can be only used with internal hash", "allow_discards",
	  "discards need internal_hash", "internal_hash:crc32c" },
	RULE_NO_MEMORY("Cannot allocate dm io"),
	RULE_NO_MEMORY("Cannot allocate mempool"),
	RULE_NO_MEMORY("Cannot allocate workqueue"),
	RULE_NO_MEMORY("Cannot allocate superblock area"),
	{ "Error reading superblock", "dev", "the device's first sectors can't be read",
	  "a device that works" },
	{ "The device is not initialized", "dev",
	  "a device without superblock must begin with 4 KiB of zeros to be formatted",
	  "another device, or one whose first 4 KiB are zeros, where nothing on it is needed" },
	{ "Could not initialize superblock", "dev",
	  "the device has no room for superblock, journal and data", "a larger device" },
	{ "Unknown version", "dev", "the superblock is of a newer kernel", "a newer kernel" },
	{ "Tag size doesn't match the information in superblock", "tag_bytes",
	  "the tag must be as large as when the device was formatted", NULL },
	{ "Block size doesn't match the information in superblock", "block_bytes",
	  "the block must be as large as when the device was formatted", NULL },
	{ "Corrupted superblock, journal_sections is 0", "dev", "the superblock is damaged",
	  "format the device again" },
	{ "Invalid interleave_sectors in the superblock", "dev", "the superblock is damaged",
	  "format the device again" },
	{ "Journal mac mismatch", "journal_mac",
	  "there is a journal_mac exactly if the device was formatted with one", NULL },
	{ "The device is too small", "dev", "the device is smaller than when it was formatted",
	  "the whole device" },
	{ "Not enough provided sectors for requested mapping size", NULL,
	  "the length must not exceed the sectors that are left beside tags and journal",
	  "provided_sectors of the status" },
	RULE_NO_MEMORY("Cannot allocate buffer for recalculating"),
	RULE_NO_MEMORY("Cannot allocate tags for recalculating"),
	{ "Recalculate can only be specified with internal_hash", "recalculate",
	  "recalculating needs internal_hash", "internal_hash:crc32c" },
	{ RULE_RECALCULATE_KEYED, "recalculate",
	  "whoever can write the device could have keyed tags made for anything",
	  "legacy_recalculate too, or fix_hmac with journal_mac" },
	RULE_NO_MEMORY("Cannot initialize dm-bufio"),
	RULE_NO_MEMORY("Could not allocate memory for bitmap"),
	{ "Error initializing journal", "dev", "the journal can't be written", "a device that works" },
	{ "Error initializing superblock", "dev", "the superblock can't be written",
	  "a device that works" },
	{ "Invalid mode (expecting J, B, D, R, I)", "mode", "there are five modes",
	  "J, B, D, R or I" },
	{ "Metadata device not supported in inline mode", "meta_dev",
	  "inline tags lie in the device itself", "no meta_device" },
	{ "Internal hash not set in inline mode", "internal_hash", "mode I needs internal_hash",
	  "internal_hash:crc32c" },
	{ "Journal crypt not supported in inline mode", "journal_crypt", "mode I has no journal",
	  "no journal_crypt, no journal_mac" },
	{ "Discards not supported in inline mode", "allow_discards", "mode I has no discards",
	  "no allow_discards" },
	{ "Integrity profile not supported", "dev", "mode I needs a device with tags of its own",
	  "another device or mode" },
	{ "The integrity profile is smaller than tag size", "tag_bytes",
	  "the tag must fit into the device's own", "a smaller tag" },
	{ "Too big tuple size", "dev", "the device's own tags are larger than 255 bytes",
	  "another device or mode" },
	{ "Integrity profile sector size mismatch", "block_bytes",
	  "in mode I the block is the device's logical block", "its logical block size" },
	{ "Keyed discard can only be used with keyed internal hash", "allow_discards_keyed",
	  "keyed discards need a keyed hash", "allow_discards, or internal_hash:hmac(...):KEY" },
	RULE_NO_MEMORY("Cannot allocate bio set"),
	RULE_NO_MEMORY("Cannot allocate bio integrity set"),
	{ "Inline flag mismatch", "mode", "mode I is for devices that were formatted in it", NULL },
	{ "Corrupted superblock, journal_sections is not 0", "dev", "the superblock is damaged",
	  "format the device again" },
	{ "Keyed discard cannot be disabled once enabled", "allow_discards_keyed",
	  "the device was used with keyed discards, which stay", "allow_discards_keyed" },
	RULE_NO_MEMORY("Cannot allocate superblock copy"),
	{ "fix_hmac is on the command line but not in the superblock", "fix_hmac",
	  "the device was formatted without fix_hmac", "no fix_hmac" },
	{ NULL },
};
/* clang-format on */

/* clang-format off */
/* What kernels say while it is in use, and its states. */
static const struct rule log_lines[] = {
	LOG_STOP("Checksum failed at sector *",
		"a sector is not what its checksum says: it was changed from outside, or never "
		"written. Reading it fails",
		"write the sector again, from a copy; after a first format: write all of the "
		"device once"),
	LOG_STOP("* Checksum failed at sector *",
		"a sector is not what its checksum says: it was changed from outside, or never "
		"written. Reading it fails",
		"write the sector again, from a copy; after a first format: write all of the "
		"device once"),
	LOG_STOP("Error on *",
		"the device below can't be read or written there: everything fails from now on",
		"look at the device below; then resume or reload"),
	LOG_ACT("Bio not aligned on * sectors: *",
		"I/O came that is not in whole blocks",
		"use the device with its block_size"),
	LOG_ACT("Bio vector * is not aligned on *",
		"I/O came that is not in whole blocks",
		"use the device with its block_size"),
	LOG_ACT("Too big sector number: *",
		"I/O came behind the end",
		"the device's size has changed below whoever uses it"),
	{ .text = "Invalid integrity data size *", .argument = "tag_bytes",
	  .rule = "what lies on it gives tags of another size than this has",
	  .expected = "the tag size of the target above",
	  .verdict = BP_VERDICT_ACT },
	LOG_STOP("journal_sections *",
		"the journal is too small for what is written",
		NULL),
	LOG_ACT("Unexpected integrity data when using internal hash",
		"whoever uses the device sends tags with its I/O, though it makes its own: such I/O fails",
		"without internal_hash where a target above (crypt) makes the tags"),
	LOG_STOP("The superblock was changed while the device was suspended",
		"the superblock is another one than before the suspend: somebody wrote to the device below",
		"who writes there; then check the data, and load the table again"),
	LOG_ACT("out of memory for * - recalculation disabled",
		"the kernel had no memory to compute the missing tags: reading sectors that have none fails",
		"free memory, and load the table again"),
	LOG_ACT("invalid bitmap access *",
		"a fault of the kernel: the bitmap was used behind its end",
		"report it to those who made the kernel"),
	{ NULL },
};
/* clang-format on */

/* A mismatch is final for its sector until it is written again. */
static void judge(struct judge *j, const void *p)
{
	const struct bp_integrity_status *s = p;

	if (s->mismatches)
		judge_say(j, BP_VERDICT_STOP,
			  "the kernel's log says where; write those sectors again, from a copy",
			  "%" PRIu64 " times a sector was not what its checksum says",
			  s->mismatches);
	if (s->recalculated_sector.is_set)
		judge_say(j, BP_VERDICT_HARMLESS, NULL,
			  "the checksums are being calculated, up to sector %" PRIu64 " so far",
			  s->recalculated_sector.value);
	judge_say(j, BP_VERDICT_HARMLESS, NULL, "no checksum has failed");
}

static void conditions(struct conditions *c, const struct bp_status *now, const void *p)
{
	const struct bp_integrity_status *s = now->values;

	(void)p;
	if (s && s->mismatches)
		condition_add(c, BP_EVENT_CORRUPTION, NULL,
			      "sectors were read that are not what their checksums say");
}

static const struct brief brief[] = {
	{ "mismatches", "mismatches", NULL },
	{ NULL },
};

const struct bp_target target_integrity = {
	.name = "integrity",
	.summary = "a checksum or tag for each block",
	.reprint = "values are printed as in effect, a recalculate would begin again, and "
		   "hidden keys can't be loaded",
	.module = "dm-integrity",
	.since = "4.12",
	.flags = BP_TARGET_SINGLETON | BP_TARGET_FORMATS,
	.size = sizeof(struct bp_integrity),
	.args = args,
	.ignores_extra = true,
	.status_size = sizeof(struct bp_integrity_status),
	.status = status,
	.brief = brief,
	.canonical = canonical,
	.check = check,
	.rules = rules,
	.log = BP_RESCUE ? NULL : log_lines,
	.judge = judge,
	.conditions = conditions,
};
