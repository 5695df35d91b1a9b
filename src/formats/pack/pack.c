/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Packs as files: what is opened, what may be overwritten, and when. */
#include <bedplate/output.h>
#include <bedplate/thin_pack.h>

#include "core/crc32c.h"
#include "core/opts.h"
#include "formats/pack/pack.h"
#include "io/output.h"
#include "pdata/block.h"
#include "pdata/refuse.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* --- a file as a source --- */

static int read_file(void *user, uint64_t offset, size_t len, void *buf)
{
	int fd = *(int *)user;
	uint8_t *to = buf;

	while (len > 0) {
		ssize_t n = pread(fd, to, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO; /* it was longer when it was opened */
		to += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

struct pack_file {
	int fd;
	struct pack pack;
};

static void file_close(struct pack_file *f)
{
	pack_close(&f->pack);
	closep(&f->fd);
}

static int open_failed(struct bp_ctx *ctx, const char *path, int r)
{
	if (r == -ENOENT)
		return bp_fail(ctx, r, "Couldn't find input file '%s'", path);
	return bp_fail(ctx, r, "%s: cannot open: %s", path, strerror(-r));
}

/* A regular file, as chunks are read in any order. */
static int file_open(struct bp_ctx *ctx, const char *path, struct pack_file *f)
{
	struct pack_source source = { .read = read_file, .user = &f->fd, .name = path };
	struct stat st;

	*f = (struct pack_file){ .fd = open(path, O_RDONLY | O_CLOEXEC) };
	if (f->fd < 0 || fstat(f->fd, &st) < 0)
		return open_failed(ctx, path, -errno);
	if (!S_ISREG(st.st_mode))
		return bp_fail(ctx, -EINVAL, "Not a regular file '%s'", path);
	source.size = (uint64_t)st.st_size;
	return pack_open(ctx, &source, &f->pack);
}

/* --- what would be lost --- */

/* Refuse to overwrite metadata or a pack. */
static int check_output(struct bp_ctx *ctx, const char *path, uint32_t flags)
{
	_cleanup_(freep) uint8_t *block = calloc(1, IO_BLOCK);
	_cleanup_(closep) int fd = -1;
	enum block_kind kind;

	if (!block)
		return bp_fail_memory(ctx);
	if (flags & BP_THIN_PACK_FORCE)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || pread(fd, block, IO_BLOCK, 0) < (ssize_t)PACK_HEADER_BYTES)
		return 0; /* there is nothing; if not, writing will say why */
	kind = block_kind_of(block);
	if (!pack_is_one(block) && kind != BLOCK_THIN_SUPERBLOCK &&
	    kind != BLOCK_CACHE_SUPERBLOCK && kind != BLOCK_ERA_SUPERBLOCK)
		return 0;
	bp_fail(ctx, -EEXIST, "%s holds %s already", path,
		pack_is_one(block) ? "packed metadata" : "metadata");
	error_set_code(ctx, BP_E_METADATA_EXISTS);
	error_set_hint(ctx, "force it to be overwritten if that is not needed any more");
	return -EEXIST;
}

/* --- packing --- */

/* The output, and what all of it should be when it is read again. */
struct to_file {
	struct bp_output *out;
	uint32_t crc;
};

static int write_file(void *user, const char *bytes, size_t len)
{
	struct to_file *to = user;

	to->crc = crc32c(to->crc, bytes, len);
	return bp_output_write(to->out, bytes, len);
}

/* A pack may become the only copy: that it can't be read must be known now. */
static int read_again(struct bp_ctx *ctx, const char *path, uint32_t expected, uint64_t size)
{
	_cleanup_(freep) uint8_t *buf = malloc(1 << 20);
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint32_t crc = ~0u;
	int r = fd < 0 ? -errno : 0;

	if (!buf)
		return bp_fail_memory(ctx);
	if (r == 0 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		return 0; /* a pipe */
	for (uint64_t at = 0; r == 0 && at < size;) {
		size_t len = (size_t)MIN(size - at, 1u << 20);

		r = read_file(&fd, at, len, buf);
		crc = crc32c(crc, buf, len);
		at += len;
	}
	if (r == 0 && crc == expected)
		return 0;
	return bp_fail(ctx, r < 0 ? r : -EIO, "%s: what was written does not read back: %s",
		       path, r < 0 ? strerror(-r) : "it is altered");
}

/* Takes its place when all of it was written, and never an input's. */
static int pack_to(struct bp_ctx *ctx, struct io *io, const char *path, const char *output,
		   const struct bp_thin_pack_opts *opts, struct bp_thin_pack_result *res)
{
	const char *const inputs[] = { path, NULL };
	const struct bp_output_opts how = { .size = sizeof(how), .inputs = inputs };
	struct to_file to = { .crc = ~0u };
	int r = bp_output_new(ctx, output, &how, &to.out);

	if (r == 0)
		r = check_output(ctx, output, opts->flags);
	if (r == 0)
		r = bp_output_error(to.out, pack_write(ctx, io, opts, write_file, &to, res));
	if (r == 0 && res->nr_packed == 0 && res->nr_damaged > 0)
		superblock_warn(ctx, io);
	if (r == 0)
		r = bp_output_commit(to.out);
	bp_output_free(to.out);
	return r < 0 ? r : read_again(ctx, output, to.crc, res->pack_bytes);
}

/* A result of the caller's size. */
static void give_result(struct bp_thin_pack_result *ret, const struct bp_thin_pack_result *res)
{
	size_t size = ret ? MIN(ret->size, sizeof(*res)) : 0;

	if (size > sizeof(size_t))
		memcpy((uint8_t *)ret + sizeof(size_t), (const uint8_t *)res + sizeof(size_t),
		       size - sizeof(size_t));
}

/* Only reads @path. */
int bp_thin_pack(struct bp_ctx *ctx, const char *path, const char *output,
		 const struct bp_thin_pack_opts *opts, struct bp_thin_pack_result *ret)
{
	struct bp_thin_pack_result res = { .size = sizeof(res) };
	struct bp_thin_pack_opts known;
	struct io *io;
	int r = opts_read(ctx, &known, sizeof(known), opts);

	if (r == 0)
		r = io_open(ctx, path, 0, &io);
	if (r < 0)
		return r;
	r = pack_to(ctx, io, path, output, &known, &res);
	io_close(io);
	if (r == 0)
		give_result(ret, &res);
	return r;
}

/* --- unpacking --- */

/* A file of the pack's size, all zeros; a device is left as it is. @fresh: it must be new. */
static int prepare_output(struct bp_ctx *ctx, const struct pack *p, const char *path,
			  bool fresh)
{
	_cleanup_(closep) int fd = -1;
	struct stat st;

	if (!fresh && stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return 0; /* io_open() judges it */
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (fresh ? O_EXCL : 0), 0666);
	if (fd < 0 || ftruncate(fd, 0) < 0 ||
	    ftruncate(fd, (off_t)bp_mblock_to_bytes(p->nr_blocks)) < 0)
		return bp_fail(ctx, -errno, "%s: cannot make it: %s", path, strerror(errno));
	return 0;
}

/* The output is opened when the pack proved good. */
static int unpack_to(struct bp_ctx *ctx, const struct pack *p, const char *output,
		     const struct bp_thin_pack_opts *opts, uint64_t *ret_records)
{
	struct io *io;
	int r = io_open(ctx, output, IO_WRITE, &io);

	if (r < 0)
		return r;
	r = pack_unpack(p, io, opts->flags & BP_THIN_UNPACK_ZERO, opts, ret_records);
	io_close(io);
	return r;
}

/* What is new needs no proof before: it is removed where the pack turns out to be damaged. */
static int unpack_new(struct bp_ctx *ctx, const struct pack *p, const char *output,
		      const struct bp_thin_pack_opts *opts, uint64_t *ret_records)
{
	int r = prepare_output(ctx, p, output, true);

	if (r < 0)
		return r;
	r = unpack_to(ctx, p, output, opts, ret_records);
	if (r < 0)
		unlink(output);
	return r;
}

/* All of it decodes. */
static int prove(const struct pack *p, const struct bp_thin_pack_opts *opts)
{
	const struct pack_reading how = { .workers = opts->workers };

	return pack_read(p, &how, NULL);
}

/* What is there is not touched before it is known that all of the pack decodes. */
static int unpack_over(struct bp_ctx *ctx, const struct pack *p, const char *output,
		       const struct bp_thin_pack_opts *opts, uint64_t *ret_records)
{
	int r = prove(p, opts);

	if (r == 0)
		r = prepare_output(ctx, p, output, false);
	return r < 0 || p->nr_blocks == 0 ? r : unpack_to(ctx, p, output, opts, ret_records);
}

static int unpack(struct bp_ctx *ctx, const struct pack *p, const char *output,
		  const struct bp_thin_pack_opts *opts, uint64_t *ret_records)
{
	struct stat st;

	/* A pack of no blocks opens no output: what it holds all the same is looked at. */
	if (p->nr_blocks > 0 && lstat(output, &st) < 0 && errno == ENOENT)
		return unpack_new(ctx, p, output, opts, ret_records);
	return unpack_over(ctx, p, output, opts, ret_records);
}

/* Result only where it succeeded: half an output is none. */
int bp_thin_unpack(struct bp_ctx *ctx, const char *path, const char *output,
		   const struct bp_thin_pack_opts *opts, struct bp_thin_pack_result *ret)
{
	struct bp_thin_pack_result res = { .size = sizeof(res) };
	struct bp_thin_pack_opts known;
	struct pack_file f = { .fd = -1 };
	uint64_t records = 0;
	int r = opts_read(ctx, &known, sizeof(known), opts);

	if (r == 0)
		r = file_open(ctx, path, &f);
	if (r == 0)
		r = output_refuse_input(ctx, f.fd, path, output);
	if (r == 0)
		r = check_output(ctx, output, known.flags);
	if (r == 0)
		r = unpack(ctx, &f.pack, output, &known, &records);
	if (r == 0) {
		res.nr_blocks = f.pack.nr_blocks;
		res.nr_packed = records;
		res.pack_bytes = f.pack.source.size;
		give_result(ret, &res);
	}
	file_close(&f);
	return r;
}

/* --- a pack as blocks --- */

struct pack_io {
	struct io io;
	struct io *memory;
	void *data;
	size_t size;
};

static struct pack_io *pack_io_of(struct io *io)
{
	return (struct pack_io *)(void *)io;
}

static int pack_io_read(struct io *io, const struct io_run *runs, size_t nr)
{
	struct io *memory = pack_io_of(io)->memory;

	return memory->ops->read(memory, runs, nr);
}

static void pack_io_close(struct io *io)
{
	struct pack_io *p = pack_io_of(io);

	io_close(p->memory);
	munmap(p->data, p->size);
	free(p);
}

static const struct io_ops pack_io_ops = {
	.name = "pack",
	.read = pack_io_read,
	.close = pack_io_close,
};

/* Memory of the device's size, of which only what is written is there. */
static int pack_io_new(struct bp_ctx *ctx, bp_mblock nr_blocks, struct pack_io **ret)
{
	struct pack_io *p = calloc(1, sizeof(*p));

	if (!p)
		return bp_fail_memory(ctx);
	if (nr_blocks > SIZE_MAX / IO_BLOCK) {
		free(p);
		return bp_fail(ctx, -E2BIG,
			       "%" PRIu64 " blocks do not fit this program's address space",
			       nr_blocks);
	}
	p->size = (size_t)bp_mblock_to_bytes(MAX(nr_blocks, 1));
	p->data = mmap(NULL, p->size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p->data == MAP_FAILED || io_memory_new(p->data, p->size, &p->memory) < 0) {
		if (p->data != MAP_FAILED)
			munmap(p->data, p->size);
		free(p);
		return bp_fail_memory(ctx);
	}
	p->io = *p->memory;
	p->io.ops = &pack_io_ops;
	p->io.writable = false;
	*ret = p;
	return 0;
}

/* All of it in memory, so that a pack can be checked like a device. */
int pack_io_open(struct bp_ctx *ctx, const char *path, struct io **ret)
{
	static const struct bp_thin_pack_opts none = { .size = sizeof(none) };
	struct pack_file f = { .fd = -1 };
	struct pack_io *p = NULL;
	uint64_t records;
	int r = file_open(ctx, path, &f);

	if (r == 0)
		r = pack_io_new(ctx, f.pack.nr_blocks, &p);
	if (r == 0)
		r = pack_unpack(&f.pack, p->memory, false, &none, &records);
	file_close(&f);
	if (r == 0)
		*ret = &p->io;
	else if (p)
		pack_io_close(&p->io);
	return r;
}
