/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of the kernel's hashes and keys by their names. */
#ifndef TARGETS_ALGORITHM_H
#define TARGETS_ALGORITHM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that a hash gives, "sha256" or "hmac(sha256)"; 0: not known here. */
uint32_t algorithm_digest_bytes(const char *name);

/* Does the name say that a hash takes a key? */
bool algorithm_is_keyed(const char *name);

/*
 * Can a block cipher of the kernel have a key of @bytes? True too where the cipher is not known
 * here. *@ret_sizes: those it can have, "16, 24 or 32".
 */
bool algorithm_key_fits(const char *cipher, size_t bytes, const char **ret_sizes);

/*
 * The same of a hash that is made of a cipher, "cmac(aes)". True where it is made of something
 * else, or of a cipher that is not known here.
 */
bool algorithm_mac_key_fits(const char *name, size_t bytes, const char **ret_sizes);

/*
 * Can a hash that is not keyed take @bytes, some, as its seed or key all the same? *@ret_right:
 * what would be right.
 */
bool algorithm_seed_fits(const char *name, size_t bytes, const char **ret_right);

/* Hex digits, two a byte. */
bool is_hex_bytes(const char *text);

/* A key in a keyring, ":BYTES:TYPE:DESCRIPTION", as crypt and inlinecrypt take it. */
struct keyring_key {
	uint64_t bytes;
	const char *type; /* not terminated */
	size_t type_len;
	const char *description;
};

/* Are the first two words of a line a key and then a cipher, not the other way round? */
bool key_is_first(const char *cipher, const char *key);
#define CIPHER_KEY_SWAPPED "key and cipher are swapped: the cipher comes first"

/* false: not of that form. */
bool keyring_key_parse(const char *text, struct keyring_key *ret);

#endif
