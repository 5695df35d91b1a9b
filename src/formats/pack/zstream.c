/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "formats/pack/zstream.h"

#ifdef HAVE_ISAL

#include <isa-l/igzip_lib.h>

struct zstream_deflater {
	struct isal_zstream stream;
	uint8_t level_buf[ISAL_DEF_LVL1_DEFAULT];
};

struct zstream_inflater {
	struct inflate_state state;
};

static void *aligned_new(size_t size)
{
	void *p;

	return posix_memalign(&p, 64, size) == 0 ? p : NULL;
}

int zstream_deflater_new(struct zstream_deflater **ret)
{
	*ret = aligned_new(sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

size_t zstream_deflate(struct zstream_deflater *z, const void *from, size_t len, void *to,
		       size_t to_size)
{
	struct isal_zstream *s = &z->stream;

	isal_deflate_init(s);
	s->level = 1;
	s->level_buf = z->level_buf;
	s->level_buf_size = sizeof(z->level_buf);
	s->gzip_flag = IGZIP_ZLIB;
	s->end_of_stream = 1;
	s->flush = NO_FLUSH;
	s->next_in = (uint8_t *)(uintptr_t)from; /* read only; not const there */
	s->avail_in = (uint32_t)len;
	s->next_out = to;
	s->avail_out = (uint32_t)to_size;
	isal_deflate(s);
	return s->total_out;
}

int zstream_inflater_new(struct zstream_inflater **ret)
{
	*ret = aligned_new(sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	zstream_inflate_reset(*ret);
	return 0;
}

void zstream_inflate_reset(struct zstream_inflater *z)
{
	isal_inflate_init(&z->state);
	z->state.crc_flag = ISAL_ZLIB;
}

int zstream_inflate(struct zstream_inflater *z, const uint8_t **from, size_t *from_len,
		    uint8_t **to, size_t *to_len)
{
	struct inflate_state *s = &z->state;
	int r;

	s->next_in = (uint8_t *)(uintptr_t)*from;
	s->avail_in = (uint32_t)*from_len;
	s->next_out = *to;
	s->avail_out = (uint32_t)*to_len;
	r = isal_inflate(s);
	*from = s->next_in;
	*from_len = s->avail_in;
	*to = s->next_out;
	*to_len = s->avail_out;
	if (r != ISAL_DECOMP_OK && r != ISAL_END_INPUT)
		return -EUCLEAN;
	return s->block_state == ISAL_BLOCK_FINISH;
}

void zstream_deflater_free(struct zstream_deflater *z)
{
	free(z);
}

void zstream_inflater_free(struct zstream_inflater *z)
{
	free(z);
}

#else

#include <zlib.h>

struct zstream_deflater {
	z_stream stream;
};

struct zstream_inflater {
	z_stream stream;
};

int zstream_deflater_new(struct zstream_deflater **ret)
{
	struct zstream_deflater *z = calloc(1, sizeof(*z));

	if (!z || deflateInit(&z->stream, 1) != Z_OK) {
		free(z);
		return -ENOMEM;
	}
	*ret = z;
	return 0;
}

size_t zstream_deflate(struct zstream_deflater *z, const void *from, size_t len, void *to,
		       size_t to_size)
{
	z_stream *s = &z->stream;

	deflateReset(s);
	s->next_in = (Bytef *)(uintptr_t)from; /* read only; not const there */
	s->avail_in = (uInt)len;
	s->next_out = to;
	s->avail_out = (uInt)to_size;
	deflate(s, Z_FINISH);
	return s->total_out;
}

void zstream_deflater_free(struct zstream_deflater *z)
{
	if (z)
		deflateEnd(&z->stream);
	free(z);
}

int zstream_inflater_new(struct zstream_inflater **ret)
{
	struct zstream_inflater *z = calloc(1, sizeof(*z));

	if (!z || inflateInit(&z->stream) != Z_OK) {
		free(z);
		return -ENOMEM;
	}
	*ret = z;
	return 0;
}

void zstream_inflate_reset(struct zstream_inflater *z)
{
	inflateReset(&z->stream);
}

int zstream_inflate(struct zstream_inflater *z, const uint8_t **from, size_t *from_len,
		    uint8_t **to, size_t *to_len)
{
	z_stream *s = &z->stream;
	int r;

	s->next_in = (Bytef *)(uintptr_t)*from;
	s->avail_in = (uInt)*from_len;
	s->next_out = *to;
	s->avail_out = (uInt)*to_len;
	r = inflate(s, Z_NO_FLUSH);
	*from = s->next_in;
	*from_len = s->avail_in;
	*to = s->next_out;
	*to_len = s->avail_out;
	if (r == Z_STREAM_END)
		return 1;
	return r == Z_OK || r == Z_BUF_ERROR ? 0 : -EUCLEAN;
}

void zstream_inflater_free(struct zstream_inflater *z)
{
	if (z)
		inflateEnd(&z->stream);
	free(z);
}

#endif
