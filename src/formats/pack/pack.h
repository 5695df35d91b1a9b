/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pack files: reading and writing them, wherever their bytes are.
 *
 * A header, all little-endian, then chunks to the end of the file: a u64 length, and as many bytes
 * that are one zlib stream. Inflated, that is a row of records: u64 block number, and the block as
 * code.h has it. Blocks come in any order; those that don't come are zero.
 *
 *   OFFSET  SIZE  FIELD
 *        0     8  magic       0xa537a0aa6309ef77
 *        8     8  version     3
 *       16     8  block_size  4096
 *       24     8  nr_blocks   of the metadata device
 */
#ifndef FORMATS_PACK_PACK_H
#define FORMATS_PACK_PACK_H

#include <bedplate/json.h>
#include <bedplate/thin_pack.h>

#include "core/endian.h"
#include "core/vec.h"
#include "io/io.h"

#define PACK_MAGIC        UINT64_C(0xa537a0aa6309ef77)
#define PACK_VERSION      3
#define PACK_HEADER_BYTES 32u
/* Records of a chunk that we write. */
#define PACK_CHUNK_BLOCKS 1024u

struct pack_header_disk {
	le64 magic, version, block_size, nr_blocks;
};
_Static_assert(sizeof(struct pack_header_disk) == PACK_HEADER_BYTES, "on-disk format");

/* Do these bytes, 32 at least, begin a pack? */
bool pack_is_one(const void *data);

/* Where the bytes of a pack are. */
struct pack_source {
	/* Fill @buf from @offset; all of it lies inside of the size. 0 or -errno. Any thread. */
	int (*read)(void *user, uint64_t offset, size_t len, void *buf);
	void *user;
	uint64_t size;
	const char *name; /* for messages */
};

struct pack_chunk {
	uint64_t offset, length; /* of the stream */
};

/* A pack being read. Memory: 16 bytes a chunk. */
struct pack {
	struct bp_ctx *ctx;
	struct pack_source source;
	bp_mblock nr_blocks;
	VEC(struct pack_chunk) chunks;
};

/* Read the header, and where the chunks are. -EINVAL (not a pack), -EUCLEAN (cut), -EIO. */
int pack_open(struct bp_ctx *ctx, const struct pack_source *source, struct pack *ret);
void pack_close(struct pack *p);

/* How to go through a pack. */
struct pack_reading {
	unsigned workers; /* 0: as many as there are processors */
	/*
	 * Where block @nr is decoded to; @block follows with it, unless it is damaged. May be NULL.
	 * Non-zero stops.
	 */
	int (*place)(void *user, unsigned worker, bp_mblock nr, void **ret);
	/*
	 * Takes a block, from any worker; block numbers below 2^32 and nr_blocks. May be NULL.
	 * Non-zero stops.
	 */
	int (*block)(void *user, unsigned worker, bp_mblock nr, const void *data);
	/* At the end of each worker's work: what it holds back is to be written. May be NULL. */
	int (*done)(void *user, unsigned worker);
	int (*progress)(void *user, uint64_t done, uint64_t total); /* bytes; may be NULL */
	void *user, *progress_user;
};

unsigned pack_workers(unsigned wanted, uint64_t nr_pieces);
/*
 * Decode all. 0, what @block or @done returned, -EUCLEAN (with a message) for damage, -EIO,
 * -ECANCELED, -ENOMEM. @ret_records: how many blocks came. May be NULL.
 */
int pack_read(const struct pack *p, const struct pack_reading *how, uint64_t *ret_records);

/*
 * Write all of @p to @io, of nr_blocks or more. Block 0 is zeroed before and written last. @zero:
 * zero what is not in the pack. 0, -EUCLEAN, -EIO ...
 */
int pack_unpack(const struct pack *p, struct io *io, bool zero,
		const struct bp_thin_pack_opts *opts, uint64_t *ret_records);

/*
 * A pack file as blocks to read: unpacked to memory, 4096 bytes for each block that is in it. For
 * whoever reads metadata.
 */
int pack_io_open(struct bp_ctx *ctx, const char *path, struct io **ret);

/* Pack @io, which stays the caller's: header and chunks are given to @write, in order. */
int pack_write(struct bp_ctx *ctx, struct io *io, const struct bp_thin_pack_opts *opts,
	       bp_write_fn write, void *user, struct bp_thin_pack_result *ret);

/*
 * Run @fn in @nr threads, the calling one among them as worker 0. Returns the first non-zero
 * result by worker; the others must find out by themselves that it is over.
 */
int pack_work(unsigned nr, int (*fn)(void *user, unsigned worker), void *user);

#endif
