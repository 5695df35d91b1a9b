/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * inlinecrypt CIPHER KEY IV_OFFSET DEV OFFSET [#OPTIONS OPTION...]. What kernels print has a
 * number behind the key and is no line they would take.
 * Source: Linux, drivers/md/dm-inlinecrypt.c.
 */
#include "targets/algorithm.h"
#include "targets/grammar/rule.h"

#include <inttypes.h>
#include <stdio.h>

static const struct arg_word key_types[] = {
	{ "raw", BP_INLINECRYPT_RAW },
	{ "hw-wrapped", BP_INLINECRYPT_HW_WRAPPED },
	{ NULL },
};

static const struct arg_word printed_key_types[] = {
	{ "1", BP_INLINECRYPT_RAW },
	{ "2", BP_INLINECRYPT_HW_WRAPPED },
	{ NULL },
};

static const struct arg options[] = {
	ARG_CHOICE(struct bp_inlinecrypt, key_type, key_types,
		   "raw, or wrapped by the hardware", .word = "keytype", .def = "raw",
		   .flags = ARG_JOINED),
	ARG_FLAG(struct bp_inlinecrypt, allow_discards,
		 "pass discards on; it shows what is unused"),
	ARG_MAYBE(struct bp_inlinecrypt, sector_bytes, 512, 4096,
		  "encrypted at a time: a power of two", .word = "sector_size", .def = "512",
		  .flags = ARG_JOINED),
	ARG_FLAG(struct bp_inlinecrypt, iv_large_sectors,
		 "IVs count sector_bytes, not 512 bytes"),
	ARG_END,
};

static const struct arg args[] = {
	ARG_TEXT(struct bp_inlinecrypt, cipher, "aes-xts-plain64"),
	ARG_TEXT(struct bp_inlinecrypt, key, "in hex, or :BYTES:logon:DESCRIPTION of a keyring",
		 .flags = ARG_SECRET | ARG_HEX),
	ARG_NUMBER(struct bp_inlinecrypt, iv_offset_sectors, 0, UINT64_MAX,
		   "added to the sector's number for its IV"),
	ARG_DEV(struct bp_inlinecrypt, dev, "the encrypted device"),
	ARG_NUMBER(struct bp_inlinecrypt, offset_sectors, 0, UINT64_MAX,
		   "where in it to begin"),
	ARG_OPTIONS(options, .max = 4, .flags = ARG_OPTIONAL),
	ARG_END,
};

static const struct arg printed[] = {
	ARG_TEXT(struct bp_inlinecrypt, cipher, "aes-xts-plain64"),
	ARG_TEXT(struct bp_inlinecrypt, key, "in hex", .flags = ARG_SECRET | ARG_HEX),
	ARG_CHOICE(struct bp_inlinecrypt, key_type, printed_key_types,
		   "1: raw, 2: wrapped by the hardware"),
	ARG_NUMBER(struct bp_inlinecrypt, iv_offset_sectors, 0, UINT64_MAX,
		   "added to the sector's number for its IV"),
	ARG_DEV(struct bp_inlinecrypt, dev, "the encrypted device"),
	ARG_NUMBER(struct bp_inlinecrypt, offset_sectors, 0, UINT64_MAX,
		   "where in it to begin"),
	ARG_OPTIONS(options, .max = 4, .flags = ARG_OPTIONAL),
	ARG_END,
};

/* Hex digits, or a reference to a key of type logon, which no program can read back. */
static void check_key(struct check *c, const struct bp_inlinecrypt *crypt)
{
	struct keyring_key parsed;

	if (crypt->key[0] != ':') {
		if (!is_hex_bytes(crypt->key))
			check_rule(c, NULL, NULL, "Malformed key string");
		return;
	}
	if (!keyring_key_parse(crypt->key, &parsed))
		check_rule(c, NULL, NULL, "Cannot parse key size");
	else if (parsed.type_len != 5 || memcmp(parsed.type, "logon", 5) != 0)
		check_rule(c, NULL, ":BYTES:logon:DESCRIPTION", "Malformed key string");
}

/* In the kernel's order. */
static void check_sectors(struct check *c, const struct bp_inlinecrypt *crypt)
{
	const uint64_t bytes = crypt->sector_bytes.is_set ? crypt->sector_bytes.value : 512;
	const bp_sector sectors = bp_bytes_to_sector(bytes);
	char right[48];

	if (!is_power_of_two(bytes) || sectors == 0) {
		check_rule(c, NULL, NULL, "Invalid sector_size");
		return;
	}
	snprintf(right, sizeof(right), "a multiple of %" PRIu64, sectors);
	if (sectors > 1 && !crypt->iv_large_sectors)
		check_rule(c, NULL, NULL, "iv_large_sectors must be specified");
	if (c->length_sectors % sectors)
		check_rule(c, "length", right, "Device size is not a multiple of sector_size");
	if (crypt->iv_offset_sectors % sectors)
		check_rule(c, NULL, right, "Wrong alignment of iv_offset sector");
}

/* One cipher so far; whether the disk's hardware has it only the kernel knows. */
static void check(struct check *c, const void *params)
{
	const struct bp_inlinecrypt *crypt = params;

	if (crypt->cipher && crypt->key && key_is_first(crypt->cipher, crypt->key)) {
		check_refuse(c, "cipher", "CIPHER KEY IV_OFFSET DEV OFFSET", "%s",
			     CIPHER_KEY_SWAPPED);
		return;
	}
	if (crypt->cipher && !streq(crypt->cipher, "aes-xts-plain64"))
		check_rule(c, NULL, NULL, "Unsupported cipher");
	if (crypt->key)
		check_key(c, crypt);
	check_sectors(c, crypt);
	check_range(c, "dev", crypt->dev, crypt->offset_sectors, c->length_sectors);
}

static int length(const struct length_query *query, const void *params, bp_sector *ret)
{
	const struct bp_inlinecrypt *crypt = params;

	return length_of_blocks(query, crypt->dev, crypt->offset_sectors,
				crypt->sector_bytes.value, ret);
}

/* clang-format off */
static const struct rule rules[] = {
	RULE_COUNT("Invalid number of feature args", "#options"),
	RULE_COUNT("Not enough feature arguments", "#options"),
	{ "Invalid block key type", "key_type", "there are two types", "raw or hw-wrapped" },
	{ "Invalid sector_size", "sector_bytes", "a sector is a power of two, 512 to 4096 bytes",
	  "512, 1024, 2048 or 4096" },
	{ "Invalid feature arguments", "#options", "the word is none of the options",
	  "keytype:TYPE, allow_discards, sector_size:BYTES or iv_large_sectors" },
	{ "iv_large_sectors must be specified", "sector_bytes",
	  "sectors larger than 512 bytes need iv_large_sectors", "iv_large_sectors too" },
	{ "Not enough arguments", NULL, "inlinecrypt has five arguments at least",
	  "CIPHER KEY IV_OFFSET DEV OFFSET" },
	RULE_NO_MEMORY("Out of memory"),
	{ "Unsupported cipher", "cipher", "there is one cipher", "aes-xts-plain64" },
	{ "Cannot parse key size", "key", "a key of the keyring is :BYTES:logon:DESCRIPTION",
	  ":64:logon:DESCRIPTION" },
	{ "Malformed key string", "key", "the key must be hex, two digits a byte, or of type logon",
	  "128 hex digits" },
	RULE_SECTOR("Invalid iv_offset sector", "iv_offset_sectors"),
	RULE_NO_DEVICE("Device lookup failed", "dev"),
	RULE_SECTOR("Invalid start sector", "offset_sectors"),
	{ "Device size is not a multiple of sector_size", NULL,
	  "the length must be whole sectors of sector_size", NULL },
	{ "Wrong alignment of iv_offset sector", "iv_offset_sectors",
	  "it must be whole sectors of sector_size", NULL },
	{ "Error initializing blk-crypto key", "key", "the block layer does not take this key",
	  "a key of 64 bytes" },
	{ "Error starting to use blk-crypto", "dev",
	  "neither the device nor a fallback can encrypt with this key and sector size",
	  "another device, or the target crypt" },
	{ NULL },
};
/* clang-format on */

const struct bp_target target_inlinecrypt = {
	.name = "inlinecrypt",
	.summary = "encryption by the block layer, in hardware where there is some",
	.reprint = "the key's kind is printed as a word more, and a hidden key can't be loaded",
	.module = "dm-inlinecrypt",
	.since = "7.2",
	.size = sizeof(struct bp_inlinecrypt),
	.args = args,
	.printed = printed,
	.ignores_extra = true,
	.check = check,
	.length = length,
	.rules = rules,
};
