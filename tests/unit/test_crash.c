/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records of what was written, and what is found at each point of them; on logs written here. */
#include "unit.h"

#include <bedplate/bedplate.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "core/endian.h"
#include "core/util.h"
#include "fault/scenario.h"
#include "temp.h"

#define SECTOR 512
#define DISK   (16 * SECTOR)

/* --- logs --- */

struct entry_disk {
	le64 sector, nr_sectors, flags, data_len;
};

struct record {
	struct bp_ctx *ctx;
	int fd;
	off_t used; /* bytes */
	uint64_t entries;
	char path[64];
};

static void begin(struct record *record)
{
	*record = (struct record){ .used = SECTOR };
	record->fd = memfd_create("record", MFD_CLOEXEC);
	assert_true(record->fd >= 0);
	snprintf(record->path, sizeof(record->path), "/proc/self/fd/%d", record->fd);
	assert_ok(bp_ctx_new(&record->ctx));
}

static void put_bytes(struct record *record, const void *bytes, size_t len)
{
	assert_int_equal(pwrite(record->fd, bytes, len, record->used), len);
	record->used += SECTOR;
}

static void put_entry(struct record *record, uint64_t sector, uint64_t nr, uint64_t flags,
		      const char *text)
{
	unsigned char bytes[SECTOR] = { 0 };
	const struct entry_disk e = { le64_make(sector), le64_make(nr), le64_make(flags),
				      le64_make(strlen(text)) };

	memcpy(bytes, &e, sizeof(e));
	memcpy(bytes + sizeof(e), text, strlen(text));
	put_bytes(record, bytes, sizeof(bytes));
	record->entries++;
}

/* A write of sectors that are all @with. */
static void put(struct record *record, uint64_t sector, uint64_t nr, uint64_t flags, char with)
{
	unsigned char bytes[SECTOR];

	put_entry(record, sector, nr, flags, "");
	memset(bytes, with, sizeof(bytes));
	for (uint64_t i = 0; i < nr && !(flags & LOG_DISCARD); i++)
		put_bytes(record, bytes, sizeof(bytes));
}

static void put_mark(struct record *record, const char *text)
{
	put_entry(record, 0, 0, LOG_MARK, text);
}

static void put_flush(struct record *record)
{
	put_entry(record, 0, 0, LOG_FLUSH, "");
}

static struct bp_crash *finish(struct record *record)
{
	unsigned char bytes[SECTOR] = { 0 };
	const struct {
		le64 magic, version, entries;
		le32 sector;
	} super = { le64_make(UINT64_C(0x6a736677736872)), le64_make(1),
		    le64_make(record->entries), le32_make(SECTOR) };
	struct bp_crash *crash;

	memcpy(bytes, &super, 28);
	assert_int_equal(pwrite(record->fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	assert_int_equal(ftruncate(record->fd, record->used), 0);
	if (bp_crash_open(record->ctx, record->path, &crash) < 0)
		fail_msg("%s", bp_errmsg(record->ctx));
	return crash;
}

static void done(struct record *record, struct bp_crash *crash)
{
	bp_crash_close(crash);
	bp_ctx_free(record->ctx);
	close(record->fd);
}

static const char start[] = "bedplate:begin,disk=8192,fs=none";

/* --- what a record is --- */

static void entries_and_marks(void **state)
{
	struct bp_crash_info info = { .size = sizeof(info) };
	struct bp_crash_entry e;
	struct record record;
	struct bp_crash *crash;

	(void)state;
	begin(&record);
	put(&record, 0, 1, 0, 'm');
	put_mark(&record, start);
	put(&record, 2, 2, LOG_FUA, 'a');
	put(&record, 4, 8, LOG_DISCARD, 0);
	put_flush(&record);
	put(&record, 3, 1, LOG_FLUSH | LOG_FUA, 'b');
	put_mark(&record, "one\ntwo");
	crash = finish(&record);
	assert_ok(bp_crash_info(crash, &info));
	assert_int_equal(info.disk_bytes, DISK);
	assert_string_equal(info.fs, "");
	assert_int_equal(info.entries, 7);
	assert_int_equal(info.first, 2);
	assert_int_equal(info.writes, 3);
	assert_int_equal(info.discards, 1);
	assert_int_equal(info.flushes, 2);
	assert_int_equal(info.fua, 2);
	assert_int_equal(info.marks, 2);
	assert_int_equal(bp_crash_count(crash), 7);
	assert_ok(bp_crash_get(crash, 2, &e));
	assert_int_equal(e.kind, BP_CRASH_WRITE);
	assert_int_equal(e.start_sectors, 2);
	assert_int_equal(e.length_sectors, 2);
	assert_true(e.fua && !e.flush);
	assert_ok(bp_crash_get(crash, 3, &e));
	assert_int_equal(e.kind, BP_CRASH_DISCARD);
	assert_ok(bp_crash_get(crash, 4, &e));
	assert_int_equal(e.kind, BP_CRASH_FLUSH);
	assert_ok(bp_crash_get(crash, 6, &e));
	assert_int_equal(e.kind, BP_CRASH_MARK);
	assert_string_equal(e.mark, "one?two");
	assert_err(bp_crash_get(crash, 7, &e), ERANGE);
	done(&record, crash);
}

/* By a limit for files: what stopped it is told, not what failed some time before. */
static void cut_short(void **state)
{
	struct rlimit before, small;
	char bytes[2000] = "";
	int fd = memfd_create("cut", MFD_CLOEXEC);

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_ok(getrlimit(RLIMIT_FSIZE, &before));
	small = (struct rlimit){ 1000, before.rlim_max };
	assert_ok(setrlimit(RLIMIT_FSIZE, &small));
	errno = ENOENT;
	assert_err(write_at(fd, bytes, sizeof(bytes), 0), EFBIG);
	assert_ok(write_at(fd, bytes, 1000, 0));
	assert_ok(setrlimit(RLIMIT_FSIZE, &before));
	assert_ok(write_at(fd, bytes, sizeof(bytes), 0));
	close(fd);
	signal(SIGXFSZ, SIG_DFL);
}

/* The disk after some of the entries. */
static void images(void **state)
{
	char dir[] = "/tmp/bp-crash-test.XXXXXX", path[64];
	struct record record;
	struct bp_crash *crash;
	char got[DISK];
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/image", dir);
	begin(&record);
	put_mark(&record, start);
	put(&record, 1, 2, 0, 'a');
	put(&record, 2, 1, LOG_DISCARD, 0);
	put(&record, 15, 1, 0, 'z');
	put(&record, 16, 1, 0, 'b');
	crash = finish(&record);
	assert_ok(bp_crash_image(crash, 4, path));
	assert_err(bp_crash_image(crash, 4, path), EEXIST);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, got, sizeof(got)), sizeof(got));
	assert_int_equal(read(fd, got, 1), 0);
	assert_int_equal(pread(fd, got, sizeof(got), 0), sizeof(got));
	close(fd);
	assert_int_equal(got[0], 0);
	assert_int_equal(got[SECTOR], 'a');
	assert_int_equal(got[2 * SECTOR], 0);
	assert_int_equal(got[15 * SECTOR], 'z');
	unlink(path);
	assert_err(bp_crash_image(crash, 6, path), ERANGE);
	/* The last entry lies beyond the disk: nothing is left. */
	assert_err(bp_crash_image(crash, 5, path), EUCLEAN);
	assert_int_equal(rmdir(dir), 0);
	done(&record, crash);
}

static void no_record(void **state)
{
	struct bp_crash_info info = { .size = sizeof(info) };
	struct record record;
	struct bp_crash *crash;

	(void)state;
	begin(&record);
	assert_err(bp_crash_open(record.ctx, record.path, &crash), EUCLEAN);
	assert_int_equal(bp_error_get(record.ctx)->code, BP_E_FORMAT);
	assert_err(bp_crash_open(record.ctx, "/nothing", &crash), ENOENT);
	put(&record, 1, 2, 0, 'a');
	crash = finish(&record);
	bp_crash_close(crash);
	/* Of holes: a terabyte of entries that are nothing, for a few bytes. */
	record.entries = UINT64_C(1) << 31;
	assert_int_equal(pwrite(record.fd, &record.entries, 8, 16), 8);
	assert_int_equal(ftruncate(record.fd, INT64_C(1) << 40), 0);
	assert_err(bp_crash_open(record.ctx, record.path, &crash), EUCLEAN);
	record.entries = 1;
	assert_int_equal(pwrite(record.fd, &record.entries, 8, 16), 8);
	assert_int_equal(ftruncate(record.fd, record.used - 1), 0);
	assert_err(bp_crash_open(record.ctx, record.path, &crash), EUCLEAN);
	assert_int_equal(ftruncate(record.fd, record.used), 0);
	assert_ok(bp_crash_open(record.ctx, record.path, &crash));
	assert_ok(bp_crash_info(crash, &info));
	assert_int_equal(info.disk_bytes, 3 * SECTOR);
	done(&record, crash);
	bp_crash_close(NULL);
	bp_crash_result_free(NULL);
}

/* --- what is found --- */

/* Byte 0 of sector N as a letter, in the shell. */
#define AT(n)                                                                                  \
	"$(dd if=\"$BEDPLATE_CRASH_IMAGE\" bs=512 skip=" #n                                    \
	" count=1 2>/dev/null | tr '\\0' . | cut -c1)"

struct found {
	const char *fsck, *verify;
	uint32_t reorders, atomic_bytes;
};

static struct bp_crash_result *check(const struct record *record, const struct bp_crash *crash,
				     const struct found *with)
{
	const struct bp_crash_check_opts opts = {
		.size = sizeof(opts),
		.fsck = with->fsck,
		.verify = with->verify,
		.reorders = with->reorders,
		.atomic_bytes = with->atomic_bytes,
		.seed = 3,
		.work_dir = "/tmp",
		.jobs = 2,
	};
	struct bp_crash_result *result;

	if (bp_crash_check(crash, &opts, &result) < 0)
		fail_msg("%s", bp_errmsg(record->ctx));
	return result;
}

/* The only one that has more to do with it than being near. */
static const struct bp_crash_suspect *blamed(const struct bp_crash_result *result)
{
	const struct bp_crash_suspect *found = NULL;

	for (size_t i = 0; i < bp_crash_result_count(result); i++) {
		const struct bp_crash_suspect *s = bp_crash_result_get(result, i);

		if (s->role == BP_CRASH_NEAR)
			continue;
		assert_null(found);
		found = s;
	}
	assert_non_null(found);
	return found;
}

/* A store that tells of its second record before that is on the disk. */
static const struct found promise = {
	.verify = "case $BEDPLATE_CRASH_MARK in\n"
		  "two) [ " AT(0) AT(1) " = ab ] || { echo the second is lost; exit 3; } ;;\n"
					"one) [ " AT(0) " = a ] ;;\n"
							"'') : ;;\n"
							"*) exit 9 ;;\n"
							"esac",
	.reorders = 2,
};

static void put_store(struct record *record, bool fsyncs)
{
	begin(record);
	put_mark(record, start);
	put(record, 0, 1, 0, 'a');
	put_flush(record);
	put_mark(record, "one");
	if (fsyncs) {
		put(record, 1, 1, 0, 'b');
		put_flush(record);
	}
	put_mark(record, "two");
	put(record, 4, 1, LOG_FUA, 'x');
	if (!fsyncs)
		put(record, 1, 1, 0, 'b');
	put(record, 5, 1, 0, 'x');
	put_flush(record);
	put_mark(record, "dm-log-writes-end");
}

static void missing_fsync(void **state)
{
	const struct bp_crash_verdict *v;
	struct bp_crash_result *result;
	struct record record;
	struct bp_crash *crash;

	(void)state;
	put_store(&record, false);
	crash = finish(&record);
	result = check(&record, crash, &promise);
	v = bp_crash_result_verdict(result);
	assert_true(v->bad);
	assert_int_equal(v->entries, 5);
	assert_int_equal(v->reorder, 0);
	assert_string_equal(v->mark, "two");
	assert_string_equal(v->what, "verify");
	assert_int_equal(v->status, 3);
	assert_string_equal(v->output, "the second is lost\n");
	assert_int_equal(blamed(result)->role, BP_CRASH_LATE);
	assert_int_equal(blamed(result)->index, 6);
	assert_string_equal(blamed(result)->files, "");
	bp_crash_result_free(result);
	done(&record, crash);
}

/* A disk that begins as ext4 does: whose its blocks are says debugfs, here a script. */
static void put_super(struct record *record)
{
	unsigned char bytes[SECTOR] = { 0 };

	bytes[56] = 0x53;
	bytes[57] = 0xef;
	put_entry(record, 2, 1, 0, "");
	put_bytes(record, bytes, sizeof(bytes));
}

static void debugfs_says(const char *dir, const char *inodes, const char *paths)
{
	char name[64];
	FILE *f;

	snprintf(name, sizeof(name), "%s/debugfs", dir);
	f = fopen(name, "we");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\ncase \"$2\" in icheck*) printf '%s' ;; *) printf '%s' ;; esac\n",
		inodes, paths);
	fclose(f);
	assert_int_equal(chmod(name, 0755), 0);
}

static const struct {
	const char *inodes, *paths, *files;
} owners[] = {
	{ "Block\\tInode number\\n0\\t12\\n", "Inode\\tPathname\\n12\\t//dir/a file\\n",
	  "/dir/a file" },
	{ "Block\\tInode number\\n0\\t12\\n", "Inode\\tPathname\\n13\\t/other\\n",
	  "<inode 12>" },
	{ "Block\\tInode number\\n0\\t8\\n", "", "<journal>" },
	{ "Block\\tInode number\\n0\\t<block not found>\\n", "", "" },
};

static void files_are_named(void **state)
{
	char dir[] = "/tmp/bedplate-debugfs.XXXXXX", path[4096],
	     *before = strdup(getenv("PATH"));
	struct bp_crash_result *result;
	struct record record;
	struct bp_crash *crash;

	(void)state;
	temp_dir(dir);
	snprintf(path, sizeof(path), "%s:%s", dir, before);
	setenv("PATH", path, 1);
	for (size_t i = 0; i < ARRAY_SIZE(owners); i++) {
		debugfs_says(dir, owners[i].inodes, owners[i].paths);
		begin(&record);
		put_mark(&record, start);
		put_super(&record);
		put(&record, 0, 1, 0, 'a');
		put_flush(&record);
		put_mark(&record, "one");
		put_mark(&record, "two");
		put(&record, 4, 1, LOG_FUA, 'x');
		put(&record, 1, 1, 0, 'b');
		put_flush(&record);
		crash = finish(&record);
		result = check(&record, crash, &promise);
		assert_string_equal(blamed(result)->files, owners[i].files);
		bp_crash_result_free(result);
		done(&record, crash);
	}
	setenv("PATH", before, 1);
	free(before);
	temp_remove(dir);
}

static void right_store(void **state)
{
	const struct bp_crash_verdict *v;
	struct bp_crash_result *result;
	struct record record;
	struct bp_crash *crash;

	(void)state;
	put_store(&record, true);
	crash = finish(&record);
	result = check(&record, crash, &promise);
	v = bp_crash_result_verdict(result);
	if (v->bad)
		fail_msg("after %d, %d: %s", (int)v->entries, (int)v->reorder, v->output);
	/* Start, three flushes, FUA, three marks; two states before each flush. */
	assert_int_equal(v->points, 14);
	assert_int_equal(v->tried, 14);
	assert_int_equal(bp_crash_result_count(result), 0);
	bp_crash_result_free(result);
	done(&record, crash);
}

/* What was there, and promised, is written over; that it is good again later makes it no missing fsync. */
static void written_over(void **state)
{
	const struct found kept = {
		.verify = "[ -z \"$BEDPLATE_CRASH_MARK\" ] || [ " AT(0) " = a ]",
	};
	struct bp_crash_result *result;
	struct record record;
	struct bp_crash *crash;

	(void)state;
	begin(&record);
	put_mark(&record, start);
	put(&record, 0, 1, 0, 'a');
	put_flush(&record);
	put_mark(&record, "one");
	put(&record, 5, 1, 0, 'y');
	put(&record, 0, 1, 0, 'x');
	put_flush(&record);
	put(&record, 0, 1, 0, 'a');
	put_flush(&record);
	crash = finish(&record);
	result = check(&record, crash, &kept);
	assert_true(bp_crash_result_verdict(result)->bad);
	assert_int_equal(bp_crash_result_verdict(result)->entries, 7);
	assert_int_equal(blamed(result)->role, BP_CRASH_BROKE);
	assert_int_equal(blamed(result)->index, 5);
	bp_crash_result_free(result);
	done(&record, crash);
}

/* b refers to a, and nothing orders them. */
static void lost_write(void **state)
{
	const struct found order = {
		.verify = "[ " AT(1) " != b ] || [ " AT(0) " = a ]",
		.reorders = 16,
	};
	struct bp_crash_result *result, *again;
	struct record record;
	struct bp_crash *crash;

	(void)state;
	begin(&record);
	put_mark(&record, start);
	put(&record, 0, 1, 0, 'a');
	put(&record, 7, 1, 0, 'x');
	put(&record, 1, 1, 0, 'b');
	put_flush(&record);
	crash = finish(&record);
	result = check(&record, crash, &order);
	assert_true(bp_crash_result_verdict(result)->bad);
	assert_true(bp_crash_result_verdict(result)->reorder > 0);
	assert_int_equal(bp_crash_result_verdict(result)->entries, 4);
	assert_int_equal(blamed(result)->role, BP_CRASH_LOST);
	assert_int_equal(blamed(result)->index, 1);
	again = check(&record, crash, &order);
	assert_int_equal(bp_crash_result_verdict(result)->reorder,
			 bp_crash_result_verdict(again)->reorder);
	bp_crash_result_free(again);
	bp_crash_result_free(result);
	done(&record, crash);
}

/* A page of two sectors that is believed to be written whole. */
static void torn_write(void **state)
{
	struct found whole = {
		.fsck = "true",
		.verify = "[ " AT(2) " = " AT(3) " ]",
		.reorders = 64,
	};
	struct bp_crash_result *result;
	struct record record;
	struct bp_crash *crash;

	(void)state;
	begin(&record);
	put_mark(&record, start);
	put(&record, 2, 2, 0, 'p');
	put_flush(&record);
	crash = finish(&record);
	result = check(&record, crash, &whole);
	assert_true(bp_crash_result_verdict(result)->bad);
	assert_int_equal(blamed(result)->role, BP_CRASH_TORN);
	assert_int_equal(blamed(result)->index, 1);
	assert_int_equal(blamed(result)->kept_sectors, 1);
	bp_crash_result_free(result);
	/* A disk of larger sectors tears none of its own. */
	whole.atomic_bytes = 1024;
	whole.reorders = 16;
	result = check(&record, crash, &whole);
	assert_false(bp_crash_result_verdict(result)->bad);
	bp_crash_result_free(result);
	done(&record, crash);
}

/* What was acknowledged with FUA is there, whole, in whatever comes after it. */
static void fua_is_kept(void **state)
{
	const struct found whole = {
		.verify = "[ " AT(2) " = " AT(3) " ] && { [ " AT(7) " != x ] || [ " AT(
			2) " = p ]; }",
		.reorders = 32,
	};
	struct bp_crash_result *result;
	struct record record;
	struct bp_crash *crash;

	(void)state;
	begin(&record);
	put_mark(&record, start);
	put(&record, 2, 2, LOG_FUA, 'p');
	put(&record, 7, 2, 0, 'x');
	put_flush(&record);
	crash = finish(&record);
	result = check(&record, crash, &whole);
	if (bp_crash_result_verdict(result)->bad)
		fail_msg("state %d", (int)bp_crash_result_verdict(result)->reorder);
	assert_true(bp_crash_result_verdict(result)->tried > 32);
	bp_crash_result_free(result);
	done(&record, crash);
}

/* A write that does not begin with a sector of the disk is cut at one all the same. */
static void cut_at_whole_sectors(void **state)
{
	const struct found whole = {
		.verify = "[ " AT(1) " = " AT(3) " ] && [ " AT(4) " = " AT(6) " ]",
		.reorders = 48,
		.atomic_bytes = 4 * SECTOR,
	};
	struct bp_crash_result *result;
	struct record record;
	struct bp_crash *crash;

	(void)state;
	begin(&record);
	put_mark(&record, start);
	put(&record, 1, 6, 0, 'p');
	put_flush(&record);
	crash = finish(&record);
	result = check(&record, crash, &whole);
	if (bp_crash_result_verdict(result)->bad)
		fail_msg("state %d", (int)bp_crash_result_verdict(result)->reorder);
	bp_crash_result_free(result);
	done(&record, crash);
}

/* What never is good again: the write that broke it. */
static void broken_since(void **state)
{
	const struct found clean = { .fsck = "f() { [ " AT(3) " != x ]; }; f" };
	struct bp_crash_result *result;
	struct record record;
	struct bp_crash *crash;

	(void)state;
	begin(&record);
	put_mark(&record, start);
	for (uint64_t i = 4; i < 10; i++)
		put(&record, i, 1, 0, 'o');
	put(&record, 3, 1, 0, 'x');
	put(&record, 10, 1, 0, 'o');
	put_flush(&record);
	crash = finish(&record);
	result = check(&record, crash, &clean);
	assert_true(bp_crash_result_verdict(result)->bad);
	assert_string_equal(bp_crash_result_verdict(result)->what, "fsck");
	assert_int_equal(blamed(result)->role, BP_CRASH_BROKE);
	assert_int_equal(blamed(result)->index, 7);
	bp_crash_result_free(result);
	done(&record, crash);
}

static int stop(void *user, uint64_t tried, uint64_t total)
{
	(void)user;
	(void)total;
	return tried == 2;
}

static void refused(void **state)
{
	struct bp_crash_check_opts opts = { .size = sizeof(opts) };
	struct bp_crash_result *result;
	struct record record;
	struct bp_crash *crash;

	(void)state;
	put_store(&record, true);
	crash = finish(&record);
	assert_err(bp_crash_check(crash, &opts, &result), EINVAL);
	opts.verify = "true";
	opts.reorders = 65;
	assert_err(bp_crash_check(crash, &opts, &result), EINVAL);
	opts.reorders = 0;
	opts.atomic_bytes = 1000;
	assert_err(bp_crash_check(crash, &opts, &result), EINVAL);
	opts.atomic_bytes = 0;
	opts.work_dir = "/nothing";
	assert_err(bp_crash_check(crash, &opts, &result), ENOENT);
	opts.work_dir = "/tmp";
	opts.progress = stop;
	assert_err(bp_crash_check(crash, &opts, &result), ECANCELED);
	opts.progress = NULL;
	opts.points = 3;
	assert_ok(bp_crash_check(crash, &opts, &result));
	assert_int_equal(bp_crash_result_verdict(result)->points, 3);
	bp_crash_result_free(result);
	assert_err(bp_crash_mark(record.ctx, "d", "two words"), EINVAL);
	assert_err(bp_crash_mark(record.ctx, "d", "bedplate:end"), EINVAL);
	assert_err(bp_crash_mark(record.ctx, "d", ""), EINVAL);
	done(&record, crash);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_and_marks), cmocka_unit_test(images),
		cmocka_unit_test(cut_short),         cmocka_unit_test(no_record),
		cmocka_unit_test(missing_fsync),     cmocka_unit_test(files_are_named),
		cmocka_unit_test(right_store),       cmocka_unit_test(written_over),
		cmocka_unit_test(lost_write),        cmocka_unit_test(torn_write),
		cmocka_unit_test(fua_is_kept),       cmocka_unit_test(cut_at_whole_sectors),
		cmocka_unit_test(broken_since),      cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
