/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crypt CIPHER KEY IV_OFFSET DEV OFFSET [#FEATURES FEATURE...].
 * Source: Linux, drivers/md/dm-crypt.c.
 */
#include "targets/algorithm.h"
#include "targets/grammar/rule.h"

#include "core/number.h"

#include <inttypes.h>
#include <stdio.h>

#define TAG_BYTES_MAX 480

static const struct arg_word kinds[] = {
	{ "aead", BP_CRYPT_AEAD },
	{ "none", BP_CRYPT_NONE },
	{ NULL },
};

static const struct arg integrity[] = {
	ARG_NUMBER(struct bp_crypt_integrity, tag_bytes, 1, TAG_BYTES_MAX,
		   "tag of each sector"),
	ARG_CHOICE(struct bp_crypt_integrity, kind, kinds,
		   "aead: the cipher authenticates; none: room for the IV only",
		   .flags = ARG_NOCASE),
	ARG_END,
};

static const struct arg features[] = {
	ARG_FLAG(struct bp_crypt, allow_discards, "pass discards on; it shows what is unused"),
	ARG_FLAG(struct bp_crypt, same_cpu_crypt, "encrypt on the CPU that submits"),
	ARG_FLAG(struct bp_crypt, high_priority, "encrypt with high priority", .absent = 0x0601,
		 .since = 0x060c),
	ARG_FLAG(struct bp_crypt, submit_from_crypt_cpus,
		 "no thread of its own that sorts and submits writes"),
	ARG_FLAG(struct bp_crypt, no_read_workqueue, "decrypt at once, not in a queue"),
	ARG_FLAG(struct bp_crypt, no_write_workqueue, "encrypt at once, not in a queue"),
	ARG_POINTER(struct bp_crypt, integrity, integrity,
		    "keep a tag for each sector, on a device that has room for it",
		    .flags = ARG_JOINED),
	ARG_MAYBE(struct bp_crypt, sector_bytes, 512, 4096,
		  "encrypted at a time: a power of two", .word = "sector_size", .def = "512",
		  .flags = ARG_JOINED),
	ARG_FLAG(struct bp_crypt, iv_large_sectors, "IVs count sector_bytes, not 512 bytes"),
	ARG_MAYBE(struct bp_crypt, integrity_key_bytes, 1, UINT32_MAX,
		  "how much of the key is for authentication", .word = "integrity_key_size",
		  .flags = ARG_JOINED, .absent = 0x0601, .since = 0x060c),
	ARG_END,
};

static const struct arg args[] = {
	ARG_TEXT(struct bp_crypt, cipher, "CIPHER-MODE-IV, or capi:SPECIFICATION-IV"),
	ARG_TEXT(struct bp_crypt, key, "in hex, or :BYTES:TYPE:DESCRIPTION of a keyring",
		 .flags = ARG_DASH | ARG_SECRET | ARG_HEX),
	ARG_NUMBER(struct bp_crypt, iv_offset_sectors, 0, UINT64_MAX,
		   "added to the sector's number for its IV"),
	ARG_DEV(struct bp_crypt, dev, "the encrypted device"),
	ARG_NUMBER(struct bp_crypt, offset_sectors, 0, UINT64_MAX, "where in it to begin"),
	ARG_OPTIONS(features, .max = 9, .flags = ARG_OPTIONAL | ARG_NOCASE | ARG_REPEAT),
	ARG_END,
};

static const struct arg_word actions[] = {
	{ "set", BP_CRYPT_KEY_SET },
	{ "wipe", BP_CRYPT_KEY_WIPE },
	{ NULL },
};

static const struct arg key_set[] = {
	ARG_TEXT(struct bp_crypt_key, key, "in hex, or :BYTES:TYPE:DESCRIPTION of a keyring",
		 .flags = ARG_SECRET),
	ARG_END,
};

static const struct arg message_key[] = {
	ARG_CHOICE(struct bp_crypt_key, action, actions, "set a key, or forget it",
		   .flags = ARG_NOCASE),
	ARG_WHEN(struct bp_crypt_key, action, BP_CRYPT_KEY_SET, key_set),
	ARG_END,
};

static const struct target_message messages[] = {
	{ "key", "set KEY|wipe", "set or forget the key; the device must be suspended",
	  sizeof(struct bp_crypt_key), message_key },
	{ NULL },
};

/* --- the cipher's parts --- */

#define PART_MAX 64

/* "aes:2-cbc-essiv:sha256". A part that is not there is "". */
struct cipher {
	bool capi; /* capi:SPECIFICATION-IV: only iv and iv_options are set */
	char name[PART_MAX], count[PART_MAX];
	char mode[PART_MAX], iv[PART_MAX], iv_options[PART_MAX];
	uint64_t keys;
};

/* Cut at PART_MAX: parts are compared with names that are all shorter. */
static void copy_part(char *to, const char *from, size_t len)
{
	len = MIN(len, PART_MAX - 1);
	memcpy(to, from, len);
	to[len] = '\0';
}

/* "NAME:OPTIONS" in two. */
static void split_options(char *name, char *options)
{
	char *colon = strchr(name, ':');

	if (!colon)
		return;
	memmove(options, colon + 1, strlen(colon + 1) + 1);
	*colon = '\0';
}

/*
 * "capi:" and a name of the kernel's own interface, whose cipher is not taken apart here;
 * what follows the last dash is the IV.
 */
static void parse_capi(const char *text, struct cipher *cipher)
{
	const char *dash = strrchr(text, '-');

	cipher->capi = true;
	if (!dash)
		return;
	copy_part(cipher->iv, dash + 1, strlen(dash + 1));
	split_options(cipher->iv, cipher->iv_options);
}

/* "aes" alone, and "aes-plain", are aes-cbc-plain. */
static void parse_classic(const char *text, struct cipher *cipher)
{
	const char *mode = strchr(text, '-'), *iv = mode ? strchr(mode + 1, '-') : NULL;

	copy_part(cipher->name, text, mode ? (size_t)(mode - text) : strlen(text));
	split_options(cipher->name, cipher->count);
	cipher->keys = 1;
	if (cipher->count[0] && number_parse(cipher->count, UINT32_MAX, &cipher->keys) < 0)
		cipher->keys = 0;
	if (mode)
		copy_part(cipher->mode, mode + 1,
			  iv ? (size_t)(iv - mode - 1) : strlen(mode + 1));
	if (iv)
		copy_part(cipher->iv, iv + 1, strlen(iv + 1));
	split_options(cipher->iv, cipher->iv_options);
	if (!mode || (!iv && streq(cipher->mode, "plain"))) {
		copy_part(cipher->mode, "cbc", 3);
		copy_part(cipher->iv, "plain", 5);
	}
}

/* Two spellings, the kernel's own behind "capi:". */
static void cipher_parse(const char *text, struct cipher *ret)
{
	*ret = (struct cipher){ .keys = 1 };
	if (strncmp(text, "capi:", 5) == 0)
		parse_capi(text + 5, ret);
	else
		parse_classic(text, ret);
}

/* --- rules --- */

/*
 * All of Linux 7.0; an older kernel may lack the last ones. Source: drivers/md/dm-crypt.c,
 * crypt_ctr_ivmode().
 */
static bool iv_is_known(const char *iv)
{
	static const char *const known[] = { "plain", "plain64",  "plain64be", "essiv",
					     "benbi", "null",     "lmk",       "tcw",
					     "eboiv", "elephant", "random" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (streq(known[i], iv))
			return true;
	return false;
}

/*
 * In the kernel's order, so that the same fault of several is told. Source:
 * crypt_ctr_cipher_old().
 */
static void check_cipher(struct check *c, const char *text, const struct cipher *cipher)
{
	if (!cipher->capi && strchr(text, '('))
		check_rule(c, NULL, NULL, "Bad cipher specification");
	else if (!cipher->capi && !is_power_of_two(cipher->keys))
		check_rule(c, NULL, NULL, "Bad cipher key count specification");
	else if (!cipher->capi && !cipher->iv[0] && !streq(cipher->mode, "ecb"))
		check_rule(c, NULL, NULL, "IV mechanism required");
	else if (cipher->iv[0] && !iv_is_known(cipher->iv))
		check_rule(c, NULL, NULL, "Invalid IV mode");
	else if (streq(cipher->iv, "essiv") && !cipher->iv_options[0])
		check_rule(c, NULL, NULL, "Digest algorithm missing for ESSIV mode");
}

/*
 * Which keys are in the keyring is not asked: reading a key's description needs rights on
 * it.
 */
static void check_keyring(struct check *c, const char *key)
{
	static const char *const types[] = { "logon", "user", "encrypted", "trusted" };
	struct keyring_key parsed;
	bool known = false;

	if (!keyring_key_parse(key, &parsed)) {
		check_rule(c, NULL, NULL, "Cannot parse key size");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		known |= strlen(types[i]) == parsed.type_len &&
			 memcmp(types[i], parsed.type, parsed.type_len) == 0;
	if (!known)
		check_rule(c, NULL, "logon, user, encrypted or trusted",
			   "Error decoding and setting key");
}

/* xts takes two keys in one, and some IVs a further one, which is left alone here. */
static void check_key_size(struct check *c, const struct cipher *cipher, size_t bytes)
{
	const bool xts = streq(cipher->mode, "xts");
	const bool more = streq(cipher->iv, "lmk") || streq(cipher->iv, "tcw") ||
			  streq(cipher->iv, "elephant");
	const size_t parts = (size_t)cipher->keys * (xts ? 2 : 1);
	const char *sizes;
	char right[80];

	if (cipher->capi || more || !parts)
		return;
	if (bytes % parts == 0 && algorithm_key_fits(cipher->name, bytes / parts, &sizes))
		return;
	algorithm_key_fits(cipher->name, 0, &sizes);
	if (!sizes)
		return;
	snprintf(right, sizeof(right), "%s bytes%s", sizes,
		 parts > 1 ? ", for each of its parts" : "");
	check_rule(c, NULL, right, "Error decoding and setting key");
}

/*
 * A key of zeros is what a status line has where it must not print one: given back as a
 * table it would encrypt with zeros.
 */
static void check_key(struct check *c, const struct bp_crypt *crypt,
		      const struct cipher *cipher)
{
	struct keyring_key parsed;

	if (crypt->key && crypt->key[0] == ':') {
		check_keyring(c, crypt->key);
		if (!keyring_key_parse(crypt->key, &parsed))
			return;
		check_key_size(c, cipher, (size_t)parsed.bytes);
		check_found(c, BP_SEVERITY_UNKNOWN, "key", NULL,
			    "whether the keyring has this key, of this size, was not checked");
	} else if (crypt->key && !is_hex_bytes(crypt->key)) {
		check_rule(c, NULL, "hex digits, two a byte", "Error decoding and setting key");
	} else {
		if (crypt->key && crypt->key[strspn(crypt->key, "0")] == '\0')
			check_found(
				c, BP_SEVERITY_WARNING, "key", "the key itself",
				"it is all zeros: that is how dmsetup hides a key, and how a "
				"wiped one is printed");
		check_key_size(c, cipher, crypt->key ? strlen(crypt->key) / 2 : 0);
	}
}

/*
 * The length, the start and the IV's offset have to be whole sectors of the device's own
 * size.
 */
static void check_sectors(struct check *c, const struct bp_crypt *crypt)
{
	const uint64_t bytes = crypt->sector_bytes.is_set ? crypt->sector_bytes.value : 512;
	const bp_sector sectors = bp_bytes_to_sector(bytes);
	char right[48];

	if (!is_power_of_two(bytes) || sectors == 0) {
		check_rule(c, NULL, NULL, "Invalid feature value for sector_size");
		return;
	}
	snprintf(right, sizeof(right), "a multiple of %" PRIu64, sectors);
	if (c->length_sectors % sectors)
		check_rule(c, "length", right,
			   "Device size is not multiple of sector_size feature");
	if (crypt->iv_offset_sectors % sectors)
		check_rule(c, NULL, right, "Invalid iv_offset sector");
	if (crypt->iv_large_sectors && sectors == 1)
		check_found(c, BP_SEVERITY_WARNING, "iv_large_sectors", NULL,
			    "without a larger sector_size it makes no difference");
}

/* Tags need a device with room for them; whether it has can't be seen from outside. */
static void check_integrity(struct check *c, const struct bp_crypt *crypt,
			    const struct cipher *cipher)
{
	if (!crypt->integrity && streq(cipher->iv, "random"))
		check_rule(c, "cipher", NULL, "Integrity profile not supported.");
	else if (crypt->integrity && (crypt->integrity->tag_bytes == 0 ||
				      crypt->integrity->tag_bytes > TAG_BYTES_MAX))
		check_rule(c, NULL, NULL, "Invalid integrity arguments");
	else if (crypt->integrity)
		check_found(c, BP_SEVERITY_UNKNOWN, "dev", NULL,
			    "whether the device has room for tags was not checked");
}

/* 6.1 reads eight words. */
static void check_count(struct check *c, const struct bp_crypt *crypt)
{
	const unsigned words = crypt->allow_discards + crypt->same_cpu_crypt +
			       crypt->high_priority + crypt->submit_from_crypt_cpus +
			       crypt->no_read_workqueue + crypt->no_write_workqueue +
			       (crypt->integrity != NULL) + crypt->sector_bytes.is_set +
			       crypt->iv_large_sectors + crypt->integrity_key_bytes.is_set;

	if (words == 9 && check_release(c, 0x0602) == BP_ANSWER_NO)
		check_rule(c, "#features", "8 words at most", "Invalid number of feature args");
}

/*
 * Key and cipher are easily swapped, as LUKS tools print them in another order: that is
 * told in full, where the kernel would only say that it knows no such cipher.
 */
static void check(struct check *c, const void *params)
{
	const struct bp_crypt *crypt = params;
	struct cipher cipher;

	cipher_parse(crypt->cipher ? crypt->cipher : "", &cipher);
	if (crypt->cipher && crypt->key && key_is_first(crypt->cipher, crypt->key)) {
		check_refuse(c, "cipher", "CIPHER KEY IV_OFFSET DEV OFFSET", "%s",
			     CIPHER_KEY_SWAPPED);
	} else if (crypt->cipher) {
		check_cipher(c, crypt->cipher, &cipher);
		check_key(c, crypt, &cipher);
	}
	check_sectors(c, crypt);
	check_integrity(c, crypt, &cipher);
	check_count(c, crypt);
}

/* Whole sectors of the encryption, which may be up to 4096 bytes. */
static int length(const struct length_query *query, const void *params, bp_sector *ret)
{
	const struct bp_crypt *crypt = params;

	return length_of_blocks(query, crypt->dev, crypt->offset_sectors,
				crypt->sector_bytes.value, ret);
}

/* clang-format off */
static const struct rule rules[] = {
	{ "cypher blocksize is not a power of 2", "cipher",
	  "this IV needs a cipher whose block is a power of two", "another IV or cipher" },
	{ "cypher blocksize is > 512", "cipher", "this IV needs a cipher whose block is 512 bytes or less",
	  "another IV or cipher" },
	{ "Unsupported sector size for LMK", "sector_bytes", "the IV lmk needs sectors of 512 bytes",
	  "512" },
	{ "Error initializing LMK hash", "cipher", "this kernel has no MD5, which the IV lmk needs",
	  "another IV" },
	RULE_NO_MEMORY("Error kmallocing seed storage in LMK"),
	{ "Unsupported sector size for TCW", "sector_bytes", "the IV tcw needs sectors of 512 bytes",
	  "512" },
	{ "Wrong key size for TCW", "key", "the key must hold the IV's seed and whitening as well",
	  "a longer key" },
	{ "Error initializing CRC32 in TCW", "cipher", "this kernel has no CRC32, which the IV tcw needs",
	  "another IV" },
	RULE_NO_MEMORY("Error allocating seed storage in TCW"),
	{ "AEAD transforms not supported for EBOIV", "cipher",
	  "the IV eboiv does not go with authenticated modes", "another IV" },
	{ "Block size of EBOIV cipher does not match IV size of block cipher", "cipher",
	  "the IV eboiv needs a mode whose IV is as long as a block", "another IV or mode" },
	{ "Integrity profile not supported.", "dev",
	  "tags, and the IV random, need the option integrity and a device with room for tags",
	  "an integrity device below, and integrity:BYTES:KIND" },
	{ "Integrity profile tag size mismatch.", "integrity",
	  "the tag must be as large as that of the device below", "its tag_bytes" },
	{ "Integrity profile sector size mismatch.", "sector_bytes",
	  "the sector must be as large as the block of the integrity device below",
	  "its block_bytes" },
	{ "Integrity AEAD auth tag size is not supported.", "integrity",
	  "the cipher can't make a tag of this size", "another tag_bytes" },
	{ "Not enough space for integrity tag in the profile.", "integrity",
	  "the tag must hold the IV and what authenticates, and fit into that of the device below",
	  "another tag_bytes" },
	{ "Invalid IV mode", "cipher", "there is no such IV",
	  "plain, plain64, plain64be, essiv:HASH, benbi, null, lmk, tcw, eboiv, elephant or random" },
	{ "Invalid AEAD cipher spec", "cipher", "authenticated modes are written authenc(MAC,CIPHER)",
	  "capi:authenc(hmac(sha256),xts(aes))-random" },
	{ "Digest algorithm missing for ESSIV mode", "cipher", "essiv needs a hash", "essiv:sha256" },
	RULE_NO_MEMORY("Cannot allocate cipher string"),
	{ "Error allocating crypto tfm", "cipher", "this kernel has no such cipher or mode",
	  "one that /proc/crypto lists, or whose module can be loaded" },
	{ "Bad cipher specification", "cipher",
	  "a cipher is CIPHER-MODE-IV; with parentheses it begins with capi:",
	  "aes-xts-plain64, or capi:xts(aes)-plain64" },
	{ "Bad cipher key count specification", "cipher", "the number of keys is a power of two",
	  "CIPHER:1, :2, :4 ..." },
	{ "IV mechanism required", "cipher", "all modes but ecb need an IV", "CIPHER-MODE-plain64" },
	{ "Cannot allocate cipher strings", "cipher",
	  "the kernel has no memory for it, or, more likely, the name of the cipher is too long",
	  "CIPHER-MODE-IV, with the key behind it" },
	{ "Error decoding and setting key", "key",
	  "the key must be hex, or be in the keyring, and have a size that the cipher takes", NULL },
	{ "Error decoding and setting key (-ENOKEY)", "key",
	  "the keyrings of whoever loads the table have no such key",
	  "a key of this type and description in one of them: 'keyctl show' lists them, 'keyctl add' "
	  "adds one" },
	{ "Error decoding and setting key (-EKEYEXPIRED)", "key", "the key in the keyring has expired",
	  "a new key of this type and description" },
	{ "Error decoding and setting key (-EKEYREVOKED)", "key", "the key in the keyring was revoked",
	  "a new key of this type and description" },
	{ "Error decoding and setting key (-EACCES)", "key",
	  "whoever loads the table may not read this key of the keyring",
	  "a key that may be read and searched: 'keyctl setperm'" },
	{ "Error creating IV", "cipher", "the kernel could not make the IV", "another IV" },
	{ "Error initialising IV", "cipher", "the kernel could not make the IV", "another IV" },
	RULE_COUNT("Invalid number of feature args", "#features"),
	RULE_COUNT("Not enough feature arguments", "#features"),
	{ "Invalid integrity arguments", "integrity", "a tag has 1 to 480 bytes",
	  "integrity:1 to 480:aead or none" },
	{ "Unknown integrity profile", "integrity", "there are two kinds of tag", "aead or none" },
	{ "Invalid feature value for sector_size", "sector_bytes",
	  "a sector is a power of two, 512 to 4096 bytes", "512, 1024, 2048 or 4096" },
	{ "Device size is not multiple of sector_size feature", NULL,
	  "the length must be whole sectors of sector_size", NULL },
	{ "Invalid feature arguments", "#features",
	  "the word is none of the features of this kernel, or has a wrong value",
	  "allow_discards, sector_size:BYTES, iv_large_sectors ..." },
	{ "Not enough arguments", NULL, "crypt has five arguments at least",
	  "CIPHER KEY IV_OFFSET DEV OFFSET" },
	{ "Cannot parse key size", "key", "a key of the keyring is :BYTES:TYPE:DESCRIPTION",
	  ":64:logon:DESCRIPTION" },
	RULE_NO_MEMORY("Cannot allocate encryption context"),
	RULE_NO_MEMORY("Cannot allocate crypt request mempool"),
	RULE_NO_MEMORY("Cannot allocate page mempool"),
	RULE_NO_MEMORY("Cannot allocate crypt bioset"),
	{ "Invalid iv_offset sector", "iv_offset_sectors",
	  "it must be a number of 512-byte sectors, and of whole sectors of sector_size", NULL },
	RULE_NO_DEVICE("Device lookup failed", "dev"),
	RULE_SECTOR("Invalid device sector", "offset_sectors"),
	RULE_NO_MEMORY("Cannot allocate integrity tags mempool"),
	RULE_NO_MEMORY("Couldn't create kcryptd io queue"),
	RULE_NO_MEMORY("Couldn't create kcryptd queue"),
	RULE_NO_MEMORY("Couldn't spawn write thread"),
	{ "AEAD transforms not supported for LMK", "cipher",
	  "the IV lmk does not go with authenticated modes", "another IV" },
	{ "Invalid integrity_key_size argument", "integrity_key_bytes",
	  "a key for authentication has one byte or more", "1 or more" },
	RULE_NO_MEMORY("Couldn't get workqueue id"),
	{ "LMK support is disabled due to FIPS", "cipher", "a kernel in FIPS mode has no IV lmk",
	  "another IV" },
	{ NULL },
};
/* clang-format on */

/* clang-format off */
/* What kernels say while it is in use, and its states. */
static const struct rule log_lines[] = {
	LOG_STOP("* INTEGRITY AEAD ERROR, sector *",
		"a sector is not what was written, or its tag isn't: changed from outside, "
		"never written, or another key. Reading it fails",
		"if it happens at sector 0 of a new device: write all of it once; else restore "
		"what lies there"),
	LOG_ACT("not suspended during key manipulation.",
		"a key can be set or wiped while the device is suspended only",
		"bedplate suspend NAME, then the message again"),
	LOG_ACT("unrecognised message received.",
		"the target has no such message",
		"bedplate targets crypt shows those it has"),
	LOG_ACT("dm-crypt: Integrity*",
		"the device below has no room for tags, or for tags of another size",
		"a device made by integrity for it"),
	LOG_ACT("aborting resume - crypt key is not set.",
		"the key was wiped: the device stays suspended until it has one",
		"cryptsetup luksResume NAME; or bedplate message NAME 0 key set KEY, and resume"),
	LOG_ACT("whitespace chars not allowed in key string",
		"a key in a table is one word",
		"hex digits, or :SIZE:TYPE:DESCRIPTION without blanks"),
	LOG_ACT("Selected cipher does not support IVs",
		"the cipher takes no IV, so that of the table is not used: equal sectors look equal on the disk",
		"a cipher of another mode, such as aes-xts-plain64"),
	LOG_HARMLESS("Zone append operations will be emulated",
		"on a zoned device writes are placed by crypt itself"),
	LOG_HARMLESS("* using implementation \"*\"",
		"which code does the encryption"),
	LOG_HARMLESS("* Additional per-sector space * bytes for IV.",
		"each sector has room for its IV in the tags of the device below"),
	LOG_HARMLESS("* Integrity AEAD, tag size *, IV size *",
		"each sector has a tag, by which changes are seen"),
	{ NULL },
};
/* clang-format on */

const struct bp_target target_crypt = {
	.name = "crypt",
	.summary = "encryption of a device",
	.reprint = "where the key is hidden the line can't be loaded, where it is not it is "
		   "secret",
	.module = "dm-crypt",
	.since = "2.6.4",
	.size = sizeof(struct bp_crypt),
	.args = args,
	.ignores_extra = true,
	.messages = messages,
	.maps = MAPS(struct bp_crypt, dev, offset_sectors),
	.check = check,
	.length = length,
	.rules = rules,
	.log = log_lines,
};
