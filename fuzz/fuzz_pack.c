/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Packs. First byte 0: the rest is one coded block; what decodes must encode to something that
 * decodes alike. 1: the rest is records, which are deflated here, so that what is behind zlib is
 * reached. Else: the rest is a whole pack.
 */
#include "fuzz.h"

#include "formats/pack/code.h"
#include "formats/pack/pack.h"
#include "formats/pack/zstream.h"

#define BLOCKS 64u

static void try_code(const uint8_t *data, size_t size)
{
	static uint8_t block[IO_BLOCK], back[IO_BLOCK], coded[CODE_MAX];
	size_t used = code_decode(data, size, block);

	promise(used <= size);
	promise(code_decode(data, size, NULL) == used);
	if (!used)
		return;
	used = code_encode(block, BLOCK_NODE, coded);
	promise(used && used <= CODE_MAX);
	promise(code_decode(coded, used, back) == used);
	promise(memcmp(block, back, IO_BLOCK) == 0);
}

struct bytes {
	const uint8_t *data;
};

static int read_bytes(void *user, uint64_t offset, size_t len, void *buf)
{
	memcpy(buf, ((struct bytes *)user)->data + offset, len);
	return 0;
}

static void try_pack(const uint8_t *data, size_t size)
{
	static const struct bp_thin_pack_opts opts = { .workers = 1 };
	struct bytes bytes = { data };
	const struct pack_source source = {
		.read = read_bytes,
		.user = &bytes,
		.size = size,
		.name = "fuzz",
	};
	uint8_t *to = calloc(BLOCKS, IO_BLOCK);
	struct bp_ctx *ctx;
	struct io *io;
	struct pack p;
	uint64_t records;

	promise(to && bp_ctx_new(&ctx) == 0);
	promise(io_memory_new(to, BLOCKS * IO_BLOCK, &io) == 0);
	if (pack_open(ctx, &source, &p) == 0) {
		if (pack_unpack(&p, io, true, &opts, &records) < 0)
			promise(strlen(bp_errmsg(ctx)) > 0);
		pack_close(&p);
	} else {
		promise(strlen(bp_errmsg(ctx)) > 0);
	}
	io_close(io);
	bp_ctx_free(ctx);
	free(to);
}

static void try_records(const uint8_t *data, size_t size)
{
	size_t room = zstream_bound(size);
	uint8_t *pack = malloc(PACK_HEADER_BYTES + sizeof(le64) + room);
	const struct pack_header_disk header = {
		.magic = le64_make(PACK_MAGIC),
		.version = le64_make(PACK_VERSION),
		.block_size = le64_make(IO_BLOCK),
		.nr_blocks = le64_make(BLOCKS),
	};
	struct zstream_deflater *z;
	le64 length;

	promise(pack && zstream_deflater_new(&z) == 0);
	memcpy(pack, &header, sizeof(header));
	length = le64_make(zstream_deflate(z, data, size, pack + sizeof(header) + 8, room));
	memcpy(pack + sizeof(header), &length, sizeof(length));
	try_pack(pack, sizeof(header) + sizeof(length) + (size_t)le64_get(length));
	zstream_deflater_free(z);
	free(pack);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] == 0)
		try_code(data + 1, size - 1);
	else if (data[0] == 1)
		try_records(data + 1, size - 1);
	else
		try_pack(data + 1, size - 1);
	return 0;
}
