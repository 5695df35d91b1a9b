/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls that take a path, with each read, write and flush failing in turn: the failure is told, and
 * what was to become metadata has no superblock; where nothing fails, nothing is left unflushed. The path is one that only the context knows, by
 * the way in which it knows logical volumes.
 */
#include "context_test.h"

#include <bedplate/cache_check.h>
#include <bedplate/cache_dump.h>
#include <bedplate/era_dump.h>
#include <bedplate/metadata_generate.h>
#include <bedplate/thin.h>
#include <bedplate/thin_generate.h>
#include <bedplate/thin_migrate.h>
#include <bedplate/thin_stat.h>

#include "formats/thin/meta.h"
#include "image.h"
#include "temp.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define PATH "faulty"

/* --- the path --- */

struct faulty {
	struct io_resolver resolver;
	const struct image *image;
	struct io_fault_plan plan;
	struct io *io; /* opened last; its counts are looked at before it is closed */
	struct io_fault_counts counts;
};

/* Between the faults and whoever closes them, to keep their counts. */
struct watched {
	struct io io;
	struct faulty *faulty;
	bool unflushed; /* something was written since the last flush */
};

static void watched_close(struct io *io)
{
	struct watched *w = (struct watched *)(void *)io;

	assert_false(w->unflushed && w->faulty->plan.what == IO_FAULT_NONE);
	w->faulty->counts = io_fault_counts_get(w->faulty->io);
	io_close(w->faulty->io);
	free(w);
}

static int watched_read(struct io *io, const struct io_run *runs, size_t nr)
{
	struct io *below = ((struct watched *)(void *)io)->faulty->io;

	return below->ops->read(below, runs, nr);
}

static int watched_write(struct io *io, const struct io_run *run)
{
	struct watched *w = (struct watched *)(void *)io;

	w->unflushed = true;
	return w->faulty->io->ops->write(w->faulty->io, run);
}

static int watched_flush(struct io *io)
{
	struct watched *w = (struct watched *)(void *)io;

	w->unflushed = false;
	return io_flush(w->faulty->io);
}

static const struct io_ops watched_ops = {
	.name = "watched",
	.read = watched_read,
	.write = watched_write,
	.flush = watched_flush,
	.close = watched_close,
};

static int open_faulty(const struct io_resolver *resolver, struct bp_ctx *in, const char *path,
		       unsigned flags, struct io **ret)
{
	struct faulty *f = (struct faulty *)(uintptr_t)resolver;
	struct watched *w;

	(void)in;
	(void)flags;
	if (strcmp(path, PATH) != 0)
		return -ENOENT;
	w = calloc(1, sizeof(*w));
	assert_non_null(w);
	assert_ok(io_fault_new(image_io(f->image), &f->plan, &f->io));
	w->io = *f->io;
	w->io.ops = &watched_ops;
	w->faulty = f;
	*ret = &w->io;
	return 0;
}

/* --- the calls --- */

static int row_seen(void *user, const struct bp_thin_stat_row *row)
{
	(void)user;
	(void)row;
	return 0;
}

static int stat_all(void)
{
	struct bp_thin_open_opts how = { .size = sizeof(how), .workers = 1 };
	struct bp_thin_meta *meta;
	int r = bp_thin_open(ctx, PATH, &how, &meta);

	if (r < 0)
		return r;
	for (unsigned what = 0; r == 0 && what <= BP_THIN_STAT_DATA_RUNS; what++)
		r = bp_thin_stat(meta, (enum bp_thin_stat_what)what, row_seen, NULL);
	bp_thin_close(meta);
	return r;
}

static int generate_thin(void)
{
	const struct bp_thin_generate_opts opts = {
		.size = sizeof(opts),
		.nr_devices = 3,
		.nr_snapshots = 1,
		.nr_mappings = 700,
		.changed_permille = 100,
	};

	return bp_thin_generate(ctx, PATH, &opts);
}

static int generate_cache(void)
{
	const struct bp_cache_generate_opts opts = {
		.size = sizeof(opts),
		.nr_cache_blocks = 3000,
		.percent_resident = 50,
		.percent_dirty = 50,
	};

	return bp_cache_generate(ctx, PATH, &opts);
}

static int generate_era(void)
{
	const struct bp_era_generate_opts opts = {
		.size = sizeof(opts),
		.nr_blocks = 5000,
		.current_era = 9,
		.nr_writesets = 3,
	};

	return bp_era_generate(ctx, PATH, &opts);
}

static int spoil(void)
{
	const struct bp_spoil_opts opts = {
		.size = sizeof(opts),
		.what = BP_SPOIL_LEAF,
		.how = BP_SPOIL_NOISE,
		.nr_blocks = 3,
	};

	return bp_thin_spoil(ctx, PATH, &opts);
}

static int spoil_counts(void)
{
	return bp_thin_leak(ctx, PATH, 5, 0, 1);
}

static int set_needs_check(void)
{
	return bp_thin_set_needs_check(ctx, PATH, true);
}

static int set_clean(void)
{
	return bp_cache_set(ctx, PATH, BP_CACHE_SET_CLEAN, 0);
}

static int leak_cache(void)
{
	return bp_cache_leak(ctx, PATH, 3, 0, 1);
}

static int leak_era(void)
{
	return bp_era_leak(ctx, PATH, 3, 0, 1);
}

static int spoil_cache(void)
{
	const struct bp_spoil_opts opts = {
		.size = sizeof(opts),
		.what = BP_CACHE_SPOIL_ANY,
		.how = BP_SPOIL_FLIP,
		.nr_blocks = 3,
	};

	return bp_cache_spoil(ctx, PATH, &opts);
}

static int spoil_era(void)
{
	const struct bp_spoil_opts opts = {
		.size = sizeof(opts),
		.what = BP_ERA_SPOIL_ANY,
		.how = BP_SPOIL_NOISE,
		.nr_blocks = 3,
	};

	return bp_era_spoil(ctx, PATH, &opts);
}

/* --- dumps, lists and restores of caches and eras --- */

static int nothing(void *user, const char *data, size_t size)
{
	(void)user;
	(void)data;
	(void)size;
	return 0;
}

/* Damage is a result, not a failure: here it is one. */
static int told(int r, uint64_t damages)
{
	return r == 0 && damages ? bp_fail(ctx, -EIO, "damage was told") : r;
}

static int dump_cache(void)
{
	uint64_t damages = 0;
	struct bp_cache_meta *meta;
	int r = bp_cache_open(ctx, PATH, NULL, &meta);

	if (r < 0)
		return r;
	r = bp_cache_dump(meta, NULL, nothing, NULL, &damages);
	bp_cache_close(meta);
	return told(r, damages);
}

static int dump_era(void)
{
	uint64_t damages = 0;
	struct bp_era_meta *meta;
	int r = bp_era_open(ctx, PATH, NULL, &meta);

	if (r < 0)
		return r;
	r = bp_era_dump(meta, NULL, nothing, NULL, &damages);
	bp_era_close(meta);
	return told(r, damages);
}

/* Without anybody who hears of damage: what can't be read is a failure. */
static int list_era(void)
{
	uint64_t damages = 0;
	struct bp_era_meta *meta;
	int r = bp_era_open(ctx, PATH, NULL, &meta);

	if (r < 0)
		return r;
	r = bp_era_blocks_text(meta, 1, NULL, NULL, nothing, NULL, &damages);
	bp_era_close(meta);
	return told(r, damages);
}

static int xml_file(const char *text)
{
	int fd = memfd_create("xml", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static int restore_cache(void)
{
	static const char text[] =
		"<superblock uuid=\"\" block_size=\"64\" nr_cache_blocks=\"3000\" "
		"policy=\"smq\" "
		"hint_width=\"4\"><mappings><mapping cache_block=\"7\" origin_block=\"9\" "
		"dirty=\"true\"/><mapping cache_block=\"2999\" origin_block=\"1\" "
		"dirty=\"false\"/></mappings><hints><hint cache_block=\"7\" data=\"PwAAAA==\"/>"
		"</hints></superblock>";
	int fd = xml_file(text), r;

	r = bp_cache_restore(ctx, fd, "xml", PATH, NULL);
	close(fd);
	return r;
}

static int restore_era(void)
{
	static const char text[] =
		"<superblock uuid=\"\" block_size=\"128\" nr_blocks=\"3\" current_era=\"5\">"
		"<writeset era=\"5\" nr_bits=\"3\"><marked block_begin=\"1\" "
		"len=\"2\"/></writeset>"
		"<era_array><era block=\"0\" era=\"1\"/><era block=\"1\" era=\"2\"/>"
		"<era block=\"2\" era=\"3\"/></era_array></superblock>";
	int fd = xml_file(text), r;

	r = bp_era_restore(ctx, fd, "xml", PATH, NULL);
	close(fd);
	return r;
}

static int repair_thin(void)
{
	struct bp_thin_check_result res = { .size = sizeof(res) };

	return bp_thin_auto_repair(ctx, PATH, NULL, &res);
}

static int clear_needs_check(void)
{
	struct bp_thin_check_result res = { .size = sizeof(res) };

	return bp_thin_clear_needs_check(ctx, PATH, NULL, &res);
}

static int repair_cache(void)
{
	struct bp_cache_check_result res = { .size = sizeof(res) };

	return bp_cache_auto_repair(ctx, PATH, NULL, &res);
}

static const struct {
	const char *name;
	int (*call)(void);
	const char *image;   /* NULL: made, over what was there */
	bool reads_may_fail; /* what can't be read is no candidate, and that is all */
} calls[] = {
	{ "stat", stat_all, "thin-refs", false },
	{ "generate_thin", generate_thin, NULL, false },
	{ "generate_cache", generate_cache, NULL, false },
	{ "generate_era", generate_era, NULL, false },
	{ "spoil", spoil, "thin-refs", true },
	{ "spoil_counts", spoil_counts, "thin-refs", true },
	{ "set_needs_check", set_needs_check, "thin-refs", false },
	{ "set_clean", set_clean, "cache-v2-dirty", false },
	{ "leak_cache", leak_cache, "cache-v2-dirty", false },
	{ "leak_era", leak_era, "era-crash", false },
	{ "dump_cache", dump_cache, "cache-v2-dirty", false },
	{ "dump_era", dump_era, "era-several", false },
	{ "list_era", list_era, "era-crash", false },
	{ "restore_cache", restore_cache, NULL, false },
	{ "restore_era", restore_era, NULL, false },
	{ "repair_thin", repair_thin, "thin-data-leak", true },
	{ "clear_needs_check", clear_needs_check, "thin-needs-check", true },
	{ "repair_cache", repair_cache, "cache-meta-leak", true },
	{ "spoil_cache", spoil_cache, "cache-v2-dirty", true },
	{ "spoil_era", spoil_era, "era-msnap", true },
};

/* --- each failing in turn --- */

static int call_once(struct faulty *f, size_t i, enum io_fault_what what, uint64_t at,
		     struct image *image)
{
	int r;

	if (calls[i].image) {
		image_load(image, calls[i].image);
	} else {
		image_new(image, 512 * IO_BLOCK);
		memset(image->data, 0x5a, image->size);
	}
	f->image = image;
	f->plan = (struct io_fault_plan){ what, at, -EIO };
	r = calls[i].call();
	f->image = NULL; /* the caller's, for as long as that */
	return r;
}

static void fail_each(struct faulty *f, size_t i, enum io_fault_what what, uint64_t nr)
{
	bool may = what == IO_FAULT_READ_NTH && calls[i].reads_may_fail;

	for (uint64_t at = 0; at < nr; at++) {
		struct image image;
		int r = call_once(f, i, what, at, &image);

		if (r > 0 || (r == 0 && !may))
			fail_msg("%s: failure %u of %u is not told: %d", calls[i].name,
				 (unsigned)at, (unsigned)nr, r);
		if (r < 0)
			assert_true(strlen(bp_errmsg(ctx)) > 0);
		if (!calls[i].image && !(what == IO_FAULT_WRITE_NTH && at == 0))
			assert_true(block_is_zero(image_block(&image, 0)));
		image_done(&image);
	}
}

static void each_failure_is_told(void **state)
{
	struct faulty f = { .resolver.open = open_faulty };

	(void)state;
	ctx_room_set(ctx, CTX_ROOM_SOURCES, &f.resolver, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		struct io_fault_counts counts;
		struct image image;

		assert_ok(call_once(&f, i, IO_FAULT_NONE, 0, &image));
		image_done(&image);
		counts = f.counts;
		fail_each(&f, i, IO_FAULT_READ_NTH, counts.blocks_read);
		fail_each(&f, i, IO_FAULT_WRITE_NTH, counts.blocks_written);
		fail_each(&f, i, IO_FAULT_FLUSH_NTH, counts.flushes);
		print_message("# %s: %u reads, %u writes, %u flushes\n", calls[i].name,
			      (unsigned)counts.blocks_read, (unsigned)counts.blocks_written,
			      (unsigned)counts.flushes);
	}
	ctx_room_set(ctx, CTX_ROOM_SOURCES, NULL, NULL);
}

/* --- migrating --- */

#define DATA_BLOCK 65536u
#define MAPPINGS   12u

/* A pool of one device, and its data: each block full of its number. */
static void make_source(struct image *image, char *path)
{
	const struct bp_thin_generate_opts opts = {
		.size = sizeof(opts),
		.nr_data_blocks = 32,
		.nr_devices = 1,
		.nr_mappings = MAPPINGS,
	};
	_cleanup_(freep) char *meta = NULL;
	uint8_t block[DATA_BLOCK];
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	temp_later(path);
	for (uint8_t i = 0; i < 32; i++) {
		memset(block, i + 1, sizeof(block));
		assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
	}
	close(fd);
	image_new(image, 64 * IO_BLOCK);
	meta = image_file(image);
	assert_ok(bp_thin_generate(ctx, meta, &opts));
	fd = open(meta, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, image->data, image->size), (ssize_t)image->size);
	close(fd);
	image_unlink(steal(meta));
}

static int migrate(const struct image *image, const struct io_fault_plan *plan,
		   const char *source, const char *dest, uint64_t *ret_reads)
{
	const struct bp_thin_migrate_opts opts = {
		.size = sizeof(opts),
		.flags = BP_THIN_MIGRATE_POOL_DATA | BP_THIN_MIGRATE_WRITABLE,
		.buffer_bytes = DATA_BLOCK,
	};
	struct bp_thin_open_opts how = { .size = sizeof(how), .workers = 1 };
	struct bp_thin_meta *meta;
	struct io *io;
	int r;

	assert_ok(io_fault_new(image_io(image), plan, &io));
	r = thin_meta_open_io(ctx, io, &how, &meta);
	if (r < 0) {
		io_close(io);
		return r;
	}
	r = bp_thin_migrate(meta, source, dest, &opts, NULL);
	*ret_reads = io_fault_counts_get(io).blocks_read;
	bp_thin_close(meta);
	return r;
}

static char *content(const char *path, size_t *ret_size)
{
	char *data = malloc(64 * (size_t)DATA_BLOCK);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0 && data);
	n = read(fd, data, 64 * (size_t)DATA_BLOCK);
	assert_true(n >= 0);
	close(fd);
	*ret_size = (size_t)n;
	return data;
}

/* Each write to the copy ends at a limit, one after the other; a second run makes it whole. */
static void a_failing_copy_is_told(void **state)
{
	static const struct io_fault_plan none = { IO_FAULT_NONE, 0, 0 };
	char source[] = "/tmp/bedplate-source-XXXXXX", dest[] = "/tmp/bedplate-dest-XXXXXX";
	struct rlimit before, limit;
	struct image image;
	size_t size, size_now;
	char *whole, *now;
	uint64_t reads;
	int fd = mkstemp(dest);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	temp_later(dest);
	make_source(&image, source);
	assert_ok(migrate(&image, &none, source, dest, &reads));
	whole = content(dest, &size);
	assert_true(size >= MAPPINGS * DATA_BLOCK);

	for (uint64_t at = 0; at < reads; at++) {
		const struct io_fault_plan plan = { IO_FAULT_READ_NTH, at, -EIO };
		uint64_t ignored;

		assert_err(migrate(&image, &plan, source, dest, &ignored), EIO);
		assert_true(strlen(bp_errmsg(ctx)) > 0);
	}
	signal(SIGXFSZ, SIG_IGN);
	assert_ok(getrlimit(RLIMIT_FSIZE, &before));
	for (size_t bytes = 0; bytes < size; bytes += DATA_BLOCK) {
		limit = before;
		limit.rlim_cur = bytes + 100;
		assert_ok(truncate(dest, 0));
		assert_ok(setrlimit(RLIMIT_FSIZE, &limit));
		assert_true(migrate(&image, &none, source, dest, &reads) < 0);
		assert_ok(setrlimit(RLIMIT_FSIZE, &before));
		assert_true(strlen(bp_errmsg(ctx)) > 0);
	}
	assert_ok(migrate(&image, &none, source, dest, &reads));
	now = content(dest, &size_now);
	assert_int_equal(size, size_now);
	assert_memory_equal(now, whole, size);
	free(now);
	free(whole);
	temp_remove(source);
	temp_remove(dest);
	image_done(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_failure_is_told),
		cmocka_unit_test(a_failing_copy_is_told),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
