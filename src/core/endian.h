/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Little-endian integers as they lie on disk. One-member packed structs, so that the compiler
 * refuses arithmetic on them and allows them at any address.
 */
#ifndef CORE_ENDIAN_H
#define CORE_ENDIAN_H

#include <endian.h>
#include <stdint.h>

typedef struct {
	uint32_t raw;
} __attribute__((packed)) le32;

typedef struct {
	uint64_t raw;
} __attribute__((packed)) le64;

static inline uint32_t le32_get(le32 v)
{
	return le32toh(v.raw);
}

static inline uint64_t le64_get(le64 v)
{
	return le64toh(v.raw);
}

static inline le32 le32_make(uint32_t v)
{
	return (le32){ htole32(v) };
}

static inline le64 le64_make(uint64_t v)
{
	return (le64){ htole64(v) };
}

#endif
