/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Zlib streams (RFC 1950): ISA-L's code where it was built in, else zlib's. */
#ifndef FORMATS_PACK_ZSTREAM_H
#define FORMATS_PACK_ZSTREAM_H

#include "core/util.h"

/* Room that the stream of @len bytes may take. */
static inline size_t zstream_bound(size_t len)
{
	return len + len / 8 + 4096;
}

struct zstream_deflater;
/* 0 or -ENOMEM. */
int zstream_deflater_new(struct zstream_deflater **ret);
void zstream_deflater_free(struct zstream_deflater *z);
/* All of @from as one stream at @to, which has zstream_bound(). Returns its size. */
size_t zstream_deflate(struct zstream_deflater *z, const void *from, size_t len, void *to,
		       size_t to_size);

struct zstream_inflater;
int zstream_inflater_new(struct zstream_inflater **ret);
void zstream_inflater_free(struct zstream_inflater *z);
/* Begin a new stream. */
void zstream_inflate_reset(struct zstream_inflater *z);
/*
 * Go on: what was used of *@from and *@to is taken off. 0: give more input or room; 1: the stream
 * has ended, and its checksum is right; -EUCLEAN: it is damaged.
 */
int zstream_inflate(struct zstream_inflater *z, const uint8_t **from, size_t *from_len,
		    uint8_t **to, size_t *to_len);

#endif
