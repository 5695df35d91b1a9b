/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What log-writes has recorded, and a disk made of it as the power's end may leave it. Everything
 * read is checked: a log that is cut off or damaged is refused, never replayed in part.
 *
 * All integers little-endian; the unit is the sector of the recorded device (512 or more bytes).
 *
 *   SECTOR 0: magic u64, version u64, nr_entries u64, sectorsize u32
 *   then for each entry: one sector with sector u64, nr_sectors u64, flags u64, data_len u64 (and a
 *   mark's text), and nr_sectors sectors of data, but none for a discard or a mark.
 *
 * Writes that were done before a flush stand in front of it.
 */
#include <fcntl.h>
#include <inttypes.h>

#include "core/endian.h"
#include "fault/scenario.h"

#define MAGIC       UINT64_C(0x6a736677736872)
#define VERSION     1
#define SECTOR_MOST 65536u
#define PIECE       ((size_t)1 << 20)

struct super_disk {
	le64 magic, version, nr_entries;
	le32 sector_bytes;
};
struct entry_disk {
	le64 sector, nr_sectors, flags, data_len;
};
_Static_assert(sizeof(struct super_disk) == 28, "on-disk format");
_Static_assert(sizeof(struct entry_disk) == 32, "on-disk format");

void writes_log_done(struct writes_log *log)
{
	vec_done(&log->entries);
}

static int bad(struct bp_ctx *ctx, const char *what)
{
	bp_fail(ctx, -EUCLEAN, "log of writes: %s", what);
	error_set_code(ctx, BP_E_FORMAT);
	return -EUCLEAN;
}

static int read_at(struct bp_ctx *ctx, const struct log_source *source, void *buf, size_t len,
		   uint64_t offset)
{
	int r;

	if (offset > source->size_bytes || len > source->size_bytes - offset)
		return bad(ctx, "it ends before it should");
	r = source->read(source->user, buf, len, offset);
	return r < 0 ? bp_fail(ctx, r, "log of writes: %s", strerror(-r)) : 0;
}

static bool has_data(uint64_t flags)
{
	return !(flags & (LOG_DISCARD | LOG_MARK));
}

/*
 * Header and data are in units of the log's sectors. Source: Linux,
 * drivers/md/dm-log-writes.c.
 */
static int read_entry(struct bp_ctx *ctx, const struct log_source *source,
		      struct writes_log *log, uint64_t *offset)
{
	struct entry_disk disk;
	struct log_entry e;
	uint64_t bytes = 0;
	int r = read_at(ctx, source, &disk, sizeof(disk), *offset);

	if (r < 0)
		return r;
	e = (struct log_entry){
		.sector = le64_get(disk.sector),
		.nr_sectors = le64_get(disk.nr_sectors),
		.flags = le64_get(disk.flags),
		.data_bytes = *offset + log->sector_bytes,
	};
	/* The kernel logs none, and a file of holes would be full of them. */
	if (!e.nr_sectors && !e.flags)
		return bad(ctx, "an entry is nothing");
	if (has_data(e.flags) &&
	    (mul_overflow(e.nr_sectors, log->sector_bytes, &bytes) ||
	     bytes > source->size_bytes || e.data_bytes > source->size_bytes - bytes))
		return bad(ctx, "an entry reaches beyond its end");
	*offset = e.data_bytes + bytes;
	return vec_add(&log->entries, &e) < 0 ? bp_fail_memory(ctx) : 0;
}

/* The count in the superblock is of entries that are whole: the kernel writes it last. */
int writes_log_read(struct bp_ctx *ctx, const struct log_source *source, struct writes_log *ret)
{
	struct writes_log log = { 0 };
	struct super_disk super;
	uint64_t count = 0, offset;
	int r = read_at(ctx, source, &super, sizeof(super), 0);

	if (r < 0)
		return r;
	count = le64_get(super.nr_entries);
	log.sector_bytes = le32_get(super.sector_bytes);
	if (le64_get(super.magic) != MAGIC || le64_get(super.version) != VERSION)
		return bad(ctx, "it is none");
	if (log.sector_bytes < BP_SECTOR_BYTES || log.sector_bytes > SECTOR_MOST ||
	    !is_power_of_two(log.sector_bytes))
		return bad(ctx, "its sectors are of no size there is");
	offset = log.sector_bytes;
	for (uint64_t i = 0; r == 0 && i < count; i++)
		r = read_entry(ctx, source, &log, &offset);
	if (r < 0) {
		writes_log_done(&log);
		return r;
	}
	*ret = log;
	return 0;
}

/* --- replay --- */

/* Entries in front of this one were done before a flush that was acknowledged. */
static size_t flushed(const struct writes_log *log)
{
	for (size_t i = log->entries.count; i > 0; i--)
		if (log->entries.items[i - 1].flags & LOG_FLUSH)
			return i - 1;
	return 0;
}

int write_at(int fd, const void *bytes, size_t len, uint64_t to)
{
	const char *p = bytes;

	while (len) {
		ssize_t n = pwrite(fd, p, len, (off_t)to);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		to += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int replay_at(struct bp_ctx *ctx, int fd, const void *bytes, size_t len, uint64_t to)
{
	int r = write_at(fd, bytes, len, to);

	return r < 0 ? bp_fail(ctx, r, "replay: %s", strerror(-r)) : 0;
}

/* In pieces: an entry may be of many MiB. */
static int copy(struct bp_ctx *ctx, const struct log_source *source, uint64_t from, int fd,
		uint64_t to, uint64_t len)
{
	_cleanup_(freep) char *buf = malloc((size_t)MIN(len, PIECE));
	int r = buf ? 0 : bp_fail_memory(ctx);

	while (r == 0 && len) {
		size_t n = (size_t)MIN(len, PIECE);

		r = read_at(ctx, source, buf, n, from);
		if (r == 0)
			r = replay_at(ctx, fd, buf, n, to);
		from += n;
		to += n;
		len -= n;
	}
	return r;
}

/* A discarded range reads as zeros from the loop device that was under it. */
static int discard(struct bp_ctx *ctx, int fd, uint64_t to, uint64_t len)
{
	_cleanup_(freep) char *zeros = NULL;
	int r;

	/* A hole costs nothing; not every place can have one. */
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)to, (off_t)len) ==
	    0)
		return 0;
	zeros = calloc(1, (size_t)MIN(MAX(len, (uint64_t)1), PIECE));
	r = zeros ? 0 : bp_fail_memory(ctx);
	while (r == 0 && len) {
		size_t n = (size_t)MIN(len, PIECE);

		r = replay_at(ctx, fd, zeros, n, to);
		to += n;
		len -= n;
	}
	return r;
}

/* Discarded sectors read as zeros afterwards. */
int writes_log_apply(struct bp_ctx *ctx, const struct writes_log *log,
		     const struct log_source *source, const struct log_entry *e,
		     uint64_t sectors, const struct log_disk *disk)
{
	uint64_t to, len;

	if (e->flags & LOG_MARK || !sectors)
		return 0;
	if (mul_overflow(e->sector, log->sector_bytes, &to) || to > disk->size_bytes ||
	    mul_overflow(sectors, log->sector_bytes, &len) || len > disk->size_bytes - to)
		return bad(ctx, "an entry lies beyond the disk");
	return e->flags & LOG_DISCARD ? discard(ctx, disk->fd, to, len)
				      : copy(ctx, source, e->data_bytes, disk->fd, to, len);
}

/* Half of what nobody was promised stays; an eighth is torn where it can be. */
static enum fate fate_of(uint64_t *random, uint64_t nr_sectors)
{
	uint64_t n = fault_random(random) % 8;

	return n < 4 ? FATE_KEPT : n == 7 && nr_sectors > 1 ? FATE_TORN : FATE_LOST;
}

/* Of a write that was not flushed: all of it, nothing, or its first sectors. */
uint64_t writes_log_chance(uint64_t *random, const struct log_entry *e)
{
	switch (fate_of(random, e->nr_sectors)) {
	case FATE_KEPT:
		return e->nr_sectors;
	case FATE_TORN:
		return 1 + fault_random(random) % (e->nr_sectors - 1);
	case FATE_LOST:
		break;
	}
	return 0;
}

/* FUA is durable by itself. */
static uint64_t how_much(uint64_t *random, const struct log_entry *e, bool durable,
			 struct fates *fates)
{
	uint64_t sectors;

	if (durable || e->flags & LOG_FUA) {
		fates->durable++;
		return e->nr_sectors;
	}
	sectors = writes_log_chance(random, e);
	fates->kept += sectors == e->nr_sectors;
	fates->lost += sectors == 0;
	fates->torn += sectors && sectors < e->nr_sectors;
	return sectors;
}

/*
 * In the order of the log, so that of two writes to one place the later one wins if it
 * survived.
 */
int writes_log_replay(struct bp_ctx *ctx, const struct writes_log *log,
		      const struct log_source *source, const struct log_disk *disk,
		      uint64_t seed, struct fates *ret)
{
	size_t safe = flushed(log);
	uint64_t random = seed;
	int r = 0;

	*ret = (struct fates){ 0 };
	for (size_t i = 0; r == 0 && i < log->entries.count; i++) {
		const struct log_entry *e = &log->entries.items[i];

		if (e->flags & LOG_MARK || !e->nr_sectors)
			continue;
		r = writes_log_apply(ctx, log, source, e, how_much(&random, e, i < safe, ret),
				     disk);
	}
	if (r == 0 && fsync(disk->fd) < 0)
		r = bp_fail(ctx, -errno, "replay: %s", strerror(errno));
	return r;
}
