/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The seam between metadata and what holds it: an array of 4096-byte blocks that can be read,
 * written and flushed. Kinds: file and block device (sync.c, with uring.c below it), memory
 * (memory.c), and any of these with faults on demand (fault.c).
 *
 * Nothing here but io_open() takes a context: a read or write returns a bare errno, and the
 * caller, who knows which block of what it was, says so.
 */
#ifndef IO_IO_H
#define IO_IO_H

#include <bedplate/units.h>

#include "core/bits.h"
#include "core/context.h"

#define IO_BLOCK BP_MBLOCK_BYTES

struct io;

/* One piece of a batch: blocks @first .. @first + @count - 1, to or from @buf. */
struct io_run {
	bp_mblock first;
	size_t count;
	void *buf; /* count * IO_BLOCK bytes, aligned to IO_BLOCK */
};

/* What a kind of io does. Functions get ranges that lie inside of nr_blocks. */
struct io_ops {
	const char *name;
	/* Read @nr runs, several at once where that helps. 0, or the first error met. */
	int (*read)(struct io *io, const struct io_run *runs, size_t nr);
	int (*write)(struct io *io, const struct io_run *run);
	int (*flush)(struct io *io);
	/* See io_zero(). NULL: there is no faster way. */
	int (*zero)(struct io *io, bp_mblock first, bp_mblock count);
	/* See io_data_next(). NULL: all of it is data. */
	int (*data_next)(struct io *io, bp_mblock from, bp_mblock *ret_begin,
			 bp_mblock *ret_end);
	void (*close)(struct io *io);
};

/* What every kind begins with. */
struct io {
	const struct io_ops *ops;
	bp_mblock nr_blocks; /* whole blocks; a shorter rest at the end is not used */
	uint32_t tail_bytes; /* that rest */
	bool writable;
	bool aligned;      /* buffers must be aligned to IO_BLOCK */
	size_t batch_runs; /* how many runs are worth giving to one read */
	unsigned workers;  /* threads that io_stream() uses unless told */
};

enum io_flags {
	IO_WRITE = 1 << 0, /* for writing too */
	IO_SHARED =
		1 << 1,   /* a block device in use is fine: metadata snapshots of live pools */
	IO_DATA = 1 << 3, /* data of whatever kind, no metadata: its content is not looked at */
	IO_OUTPUT = 1 << 2, /* to be overwritten: writable, and messages speak of an output */
};

/* The least size of an output: ten blocks, what the smallest metadata takes. */
#define IO_OUTPUT_MIN_BYTES 40960

/*
 * Open a regular file or a block device. Devices are opened O_EXCL (but for IO_SHARED) and read
 * past the page cache. Fails, with the phrases programs know, where @path is missing, neither
 * of both, too small, in use, or holds XML: -ENOENT, -EINVAL, -EBUSY, -EACCES ...
 */
int io_open(struct bp_ctx *ctx, const char *path, unsigned flags, struct io **ret);

/*
 * Who else knows names of metadata: asked by io_open() first, where the context has one
 * (CTX_ROOM_SOURCES). -ENOENT: the name is not its own.
 */
struct io_resolver {
	int (*open)(const struct io_resolver *resolver, struct bp_ctx *ctx, const char *path,
		    unsigned flags, struct io **ret);
};

/* The @size_bytes at @data, which stay the caller's and must outlive the io. */
int io_memory_new(void *data, size_t size_bytes, struct io **ret);

/* NULL is allowed. Written data is only safe after io_flush(). */
void io_close(struct io *io);

/*
 * The end of an open by path: @r, of what takes @io where that succeeds. Where it failed, the message
 * names @path, and @io is closed.
 */
int io_taken(struct bp_ctx *ctx, const char *path, struct io *io, int r);

/* Aligned for every kind of io; free() it. NULL: no memory. */
void *io_buffer_new(size_t nr_blocks);

/*
 * Read or write @count blocks from @first. -ERANGE past the end; -EIO where less than asked for
 * could be moved, and what the system says else. @buf should come from io_buffer_new(): others
 * are copied.
 */
int io_read(struct io *io, bp_mblock first, size_t count, void *buf);
int io_write(struct io *io, bp_mblock first, size_t count, const void *buf);
/*
 * Zero blocks without handing zeros over, where the device can. -EOPNOTSUPP: it can't, and nothing
 * was done; after any other failure they may be anything.
 */
int io_zero(struct io *io, bp_mblock first, bp_mblock count);
/* All that was written is on stable storage. */
int io_flush(struct io *io);

/*
 * The next stretch at or after @from that holds data: blocks *@ret_begin .. *@ret_end - 1. The
 * rest is a hole and reads as zeros. Both are nr_blocks where nothing follows.
 */
int io_data_next(struct io *io, bp_mblock from, bp_mblock *ret_begin, bp_mblock *ret_end);

/* One block of io_read_many(): @error becomes 0 or why it can't be read. */
struct io_request {
	bp_mblock block;
	void *buf; /* IO_BLOCK bytes from io_buffer_new() */
	int error;
};

/*
 * Read many single blocks, in any order, several in flight, neighbours joined. Returns 0 once
 * all were tried: look at each request's error. -ENOMEM where none was.
 */
int io_read_many(struct io *io, struct io_request *requests, size_t nr);

/**
 * typedef io_block_fn - Takes one block of io_stream().
 * @worker: which worker calls, 0 .. workers - 1; 0 is the thread that called io_stream().
 * @index: how many wanted blocks have lower numbers.
 * @block: its number.
 * @data: its IO_BLOCK bytes, lent for the call; NULL where it can't be read.
 * @error: 0, or why there is no data.
 *
 * Called from several threads at once. Non-zero stops the stream.
 */
typedef int (*io_block_fn)(void *user, unsigned worker, size_t index, bp_mblock block,
			   const void *data, int error);

/* How many workers an io_stream() over @nr_wanted blocks will have; their ids are below it. */
unsigned io_workers(const struct io *io, unsigned wanted_workers, uint64_t nr_wanted);

/*
 * Read the blocks set in @wanted, each once, in large pieces with several in flight, and hand
 * them to @fn. Each worker takes ascending blocks; what is seen by which worker is not
 * determined, so results must not depend on it. @workers 0: as many as suit the device.
 * Takes 256 KiB a worker (2 MiB for devices). Returns what @fn returned, if that stopped it, 0,
 * or -ENOMEM. Blocks past the end are handed over with -ERANGE.
 */
int io_stream(struct io *io, const struct bits *wanted, unsigned workers, io_block_fn fn,
	      void *user);

/*
 * An io that reads as @base does, but for blocks that are replaced; they may lie behind its end,
 * which they move. @base stays the caller's and must outlive it. Each block is put once, before
 * io_overlay_seal(); then it can be read from several threads. 0 or -ENOMEM.
 */
int io_overlay_new(struct io *base, struct io **ret);
int io_overlay_put(struct io *overlay, bp_mblock block, const void *data);
void io_overlay_seal(struct io *overlay);

/* --- faults on demand, for tests --- */

/* What io_fault fails, and how. One at a time. */
struct io_fault_plan {
	enum io_fault_what {
		IO_FAULT_NONE,
		IO_FAULT_READ_BLOCK, /* each read of block @at */
		IO_FAULT_READ_NTH, /* the @at-th block read, from 0, in the order of reading */
		IO_FAULT_WRITE_BLOCK, /* each write of block @at; the run's blocks before it are
					 written */
		IO_FAULT_WRITE_NTH,   /* the @at-th block written, and all writes after it */
		IO_FAULT_FLUSH_NTH,   /* the @at-th flush */
	} what;
	uint64_t at;
	int error; /* negative errno */
};

struct io_fault_counts {
	uint64_t blocks_read, blocks_written, flushes;
};

/* Closes @take_inner when it is closed, on success. */
int io_fault_new(struct io *take_inner, const struct io_fault_plan *plan, struct io **ret);
/* What went through so far, failed ones included. */
struct io_fault_counts io_fault_counts_get(struct io *fault);

#endif
