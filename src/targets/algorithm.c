/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "targets/algorithm.h"

#include "core/number.h"
#include "core/util.h"

#include <ctype.h>

/* Source: Linux, the include/crypto headers of each. */
static const struct {
	const char *name;
	uint32_t bytes;
} digests[] = {
	{ "crc32", 4 },        { "crc32c", 4 },       { "xxhash64", 8 },
	{ "md4", 16 },         { "md5", 16 },         { "rmd160", 20 },
	{ "sha1", 20 },        { "sha224", 28 },      { "sha256", 32 },
	{ "sha384", 48 },      { "sha512", 64 },      { "sha3-224", 28 },
	{ "sha3-256", 32 },    { "sha3-384", 48 },    { "sha3-512", 64 },
	{ "sm3", 32 },         { "streebog256", 32 }, { "streebog512", 64 },
	{ "wp256", 32 },       { "wp384", 48 },       { "wp512", 64 },
	{ "blake2b-160", 20 }, { "blake2b-256", 32 }, { "blake2b-384", 48 },
	{ "blake2b-512", 64 },
};

/*
 * hmac(x) is as long as x. 0: not known here, which is no fault: kernels have more hashes
 * than this table.
 */
uint32_t algorithm_digest_bytes(const char *name)
{
	size_t len = strlen(name);

	if (strncmp(name, "hmac(", 5) == 0 && name[len - 1] == ')') {
		name += 5;
		len -= 6;
	}
	for (size_t i = 0; i < ARRAY_SIZE(digests); i++)
		if (strlen(digests[i].name) == len && memcmp(digests[i].name, name, len) == 0)
			return digests[i].bytes;
	return 0;
}

/*
 * By the beginning of its name in the kernel's crypto API: "hmac(sha256)" needs a key,
 * "sha256" none.
 */
bool algorithm_is_keyed(const char *name)
{
	static const char *const keyed[] = { "hmac(", "cmac(", "xcbc(", "vmac", "poly1305" };

	for (size_t i = 0; i < ARRAY_SIZE(keyed); i++)
		if (strncmp(name, keyed[i], strlen(keyed[i])) == 0)
			return true;
	return false;
}

/*
 * Hashes without a key of their own that take one as their start value. All others answer
 * any key with an error. Source: Linux, crypto/, the setkey of each.
 */
bool algorithm_seed_fits(const char *name, size_t bytes, const char **ret_right)
{
	static const struct {
		const char *begins, *right;
		size_t least, most;
	} seeded[] = {
		{ "crc32", "no key, or four bytes", 4, 4 },
		{ "xxhash64", "no key, or eight bytes", 8, 8 },
		{ "blake2b-", "no key, or 64 bytes at most", 1, 64 },
	};

	*ret_right = "no key, or hmac(...) with one";
	for (size_t i = 0; i < ARRAY_SIZE(seeded); i++)
		if (strncmp(name, seeded[i].begins, strlen(seeded[i].begins)) == 0) {
			*ret_right = seeded[i].right;
			return bytes >= seeded[i].least && bytes <= seeded[i].most;
		}
	return false;
}

/*
 * True where the cipher is not known here: the kernel will say. aes-xts has two keys; the
 * caller divides before.
 */
bool algorithm_key_fits(const char *cipher, size_t bytes, const char **ret_sizes)
{
	/* A bit of @sizes: 8 bytes. */
	static const struct {
		const char *cipher, *text;
		uint32_t sizes;
	} known[] = {
		{ "aes", "16, 24 or 32", 1 << 2 | 1 << 3 | 1 << 4 },
		{ "camellia", "16, 24 or 32", 1 << 2 | 1 << 3 | 1 << 4 },
		{ "twofish", "16, 24 or 32", 1 << 2 | 1 << 3 | 1 << 4 },
		{ "aria", "16, 24 or 32", 1 << 2 | 1 << 3 | 1 << 4 },
		{ "sm4", "16", 1 << 2 },
		{ "cipher_null", "0", 1 << 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (!streq(known[i].cipher, cipher))
			continue;
		*ret_sizes = known[i].text;
		return bytes % 8 == 0 && bytes <= 32 && (known[i].sizes >> bytes / 8 & 1);
	}
	*ret_sizes = NULL;
	return true;
}

/* A mac made of a cipher takes the cipher's keys. */
bool algorithm_mac_key_fits(const char *name, size_t bytes, const char **ret_sizes)
{
	const char *open = strchr(name, '(');
	const size_t len = open ? strcspn(open + 1, "()") : 0;
	char cipher[32];

	if (!open || len >= sizeof(cipher) ||
	    (strncmp(name, "cmac(", 5) != 0 && strncmp(name, "xcbc(", 5) != 0 &&
	     strncmp(name, "cbcmac(", 7) != 0))
		return true;
	memcpy(cipher, open + 1, len);
	cipher[len] = '\0';
	return algorithm_key_fits(cipher, bytes, ret_sizes);
}

/* No word at all is hex too: who needs some looks at its length. */
bool is_hex_bytes(const char *text)
{
	size_t digits = strspn(text, "0123456789abcdefABCDEF");

	return text[digits] == '\0' && digits % 2 == 0;
}

/*
 * ":BYTES:TYPE:DESCRIPTION", the kernel's form of a key that lies in a keyring; the
 * description may have colons of its own.
 */
bool keyring_key_parse(const char *text, struct keyring_key *ret)
{
	const char *type, *description;

	if (*text != ':')
		return false;
	type = strchr(text + 1, ':');
	description = type ? strchr(type + 1, ':') : NULL;
	if (!description || description[1] == '\0')
		return false;
	ret->type = type + 1;
	ret->type_len = (size_t)(description - ret->type);
	ret->description = description + 1;
	return number_parse_len(text + 1, (size_t)(type - text - 1), UINT32_MAX, &ret->bytes) ==
	       0;
}

/*
 * The usual mistake of who writes a table by hand; told apart only where both words give it
 * away.
 */
bool key_is_first(const char *cipher, const char *key)
{
	struct keyring_key parsed;
	const bool is_key = (strlen(cipher) >= 16 && is_hex_bytes(cipher)) ||
			    keyring_key_parse(cipher, &parsed);

	return is_key && isalpha((unsigned char)key[0]) && !is_hex_bytes(key) &&
	       strchr(key, '-');
}
