/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The language of scenarios, and disks made of a log of writes. */
#include "unit.h"

#include <bedplate/bedplate.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

#include "core/context.h"
#include "core/endian.h"
#include "fault/scenario.h"

/* --- the language --- */

static const char whole[] = "# a comment\n"
			    "device\tloop 64MiB   # behind it\n"
			    "fs ext4\n"
			    "mount \"/run/a b\"\n"
			    "seed 7\n"
			    "until 2min\n"
			    "at 3s stall 500ms\n"
			    "every 100ms slow writes flushes 20ms for 1s\n"
			    "after 2000 writes error range 64KiB..\n"
			    "on wal error file \"log \\\"x\\\"\" range 0..8s\n"
			    "at 4s bad-sectors count 5\n"
			    "at 5s heal\n"
			    "at 5s full 1s metadata journal\n"
			    "at 6s power-cut\n"
			    "on end kill\n"
			    "check ./verify.sh \"a b\" # of the shell\n"
			    "expect exit 3\n"
			    "expect output \"all well\"\n"
			    "expect log EXT4-fs\n"
			    "  check [ \"$(cat \"a\"\"b\")\" = \"# x\n"
			    "\n";

static struct bp_ctx *context(void)
{
	struct bp_ctx *ctx;

	assert_ok(bp_ctx_new(&ctx));
	return ctx;
}

static void read_whole(void **state)
{
	struct bp_ctx *ctx = context();
	struct bp_scenario *s;
	const struct rule *rules;

	(void)state;
	assert_ok(bp_scenario_parse(ctx, whole, &s));
	rules = s->rules.items;
	assert_int_equal(bp_scenario_seed(s), 7);
	assert_int_equal(s->size_bytes, 64 << 20);
	assert_string_equal(s->mount, "/run/a b");
	assert_int_equal(s->until_ms, 120000);
	assert_true(s->cuts);
	assert_int_equal(s->rules.count, 9);
	assert_int_equal(rules[0].action.fault.kind, BP_FAULT_STALL);
	assert_int_equal(rules[0].action.fault.for_ms, 500);
	assert_int_equal(rules[1].trigger, TRIGGER_EVERY);
	assert_int_equal(rules[1].action.fault.delay_ms, 20);
	assert_int_equal(rules[1].action.fault.for_ms, 1000);
	assert_int_equal(rules[1].action.fault.io, BP_FAULT_WRITES | BP_FAULT_FLUSHES);
	assert_int_equal(rules[2].amount, 2000);
	assert_int_equal(rules[2].action.from, 65536);
	assert_int_equal(rules[2].action.to, 0);
	assert_string_equal(rules[3].name, "wal");
	assert_string_equal(rules[3].action.file, "log \"x\"");
	assert_int_equal(rules[3].action.to, 4096);
	assert_int_equal(rules[4].action.fault.bad_count, 5);
	assert_int_equal(rules[6].action.fault.kind, BP_FAULT_FULL);
	assert_int_equal(rules[6].action.fault.for_ms, 1000);
	assert_int_equal(rules[6].action.classes, BP_FAULT_JOURNAL | BP_FAULT_METADATA);
	assert_int_equal(rules[7].action.kind, ACTION_CUT);
	assert_int_equal(rules[8].line, 15);
	assert_int_equal(s->expects.count, 5);
	assert_string_equal(s->expects.items[4].text, "[ \"$(cat \"a\"\"b\")\" = \"# x");
	assert_string_equal(s->expects.items[0].text, "./verify.sh \"a b\" # of the shell");
	assert_int_equal(s->expects.items[1].status, 3);
	assert_string_equal(s->expects.items[2].text, "all well");
	bp_scenario_free(s);
	bp_ctx_free(ctx);
}

#define DEVICE "device loop 1M\n"

static const struct {
	const char *text, *why;
} wrong[] = {
	{ "", "no line 'device'" },
	{ "device", "line 1, column 7: 'loop SIZE' or a device is missing" },
	{ "device loop", "line 1, column 12: a size is missing" },
	{ "device loop 7x", "line 1, column 13: no size of whole sectors: '7x'" },
	{ "device loop 700B", "no size of whole sectors" },
	{ "device loop 0", "of no size" },
	{ "device loop 1M now", "line 1, column 16: not expected here: 'now'" },
	{ "device loop 99999999999999G", "no size" },
	{ "device \"loop 1M", "line 1, column 8: the quotes are not closed" },
	{ "device \"loop\"1M", "line 1, column 14: a blank is missing" },
	{ DEVICE "  wat 3", "line 2, column 3: no line begins with 'wat'" },
	{ DEVICE "at", "line 2, column 3: a time is missing" },
	{ DEVICE "at 3", "line 2, column 4: no time (500ms, 3s, 2min): '3'" },
	{ DEVICE "at -3s drop", "no time" },
	{ DEVICE "at 99999999999s drop", "no time" },
	{ DEVICE "at 3s", "line 2, column 6: an action is missing" },
	{ DEVICE "at 3s jump", "line 2, column 7: no action there is: 'jump'" },
	{ DEVICE "at 3s heal all", "not expected here: 'all'" },
	{ DEVICE "at 3s slow fast", "line 2, column 12: no word of an action: 'fast'" },
	{ DEVICE "at 3s slow 0ms", "no delay" },
	{ DEVICE "at 3s drop for", "a time is missing" },
	{ DEVICE "at 3s drop range", "a range is missing" },
	{ DEVICE "at 3s drop range 5", "line 2, column 18: a range is written A..B: '5'" },
	{ DEVICE "at 3s drop range 8..8", "the range is empty" },
	{ DEVICE "at 3s drop range x..8", "no size" },
	{ DEVICE "at 3s drop file", "a file of the mount is missing" },
	{ DEVICE "at 3s drop file a", "needs fs and mount" },
	{ DEVICE "at 3s drop journal range 0..8",
	  "line 2, column 30: journal and metadata are no parts of a file" },
	{ DEVICE "at 3s metadata", "no action there is: 'metadata'" },
	{ DEVICE "at 3s bad-sectors count", "a number is missing" },
	{ DEVICE "at 3s drop count 3", "no word of an action: 'count'" },
	{ DEVICE "every 0s drop", "line 2, column 7: every so often" },
	{ DEVICE "after 5", "'writes' is missing" },
	{ DEVICE "after 5 reads drop", "only writes are counted, not 'reads'" },
	{ DEVICE "after x writes drop", "no number" },
	{ DEVICE "on", "a name is missing" },
	{ DEVICE "seed x", "no number" },
	{ DEVICE "seed 18446744073709551616", "no number" },
	{ DEVICE "check", "line 2, column 6: a command is missing" },
	{ DEVICE "check # x", "line 2, column 10: a command is missing" },
	{ DEVICE "expect", "'exit', 'output' or 'log' is missing" },
	{ DEVICE "expect exit 256", "no number" },
	{ DEVICE "expect rain", "exit, output or log can be expected, not 'rain'" },
	{ "device loop 1M fs ext4 mount /m now",
	  "line 1, column 33: not expected here: 'now'" },
	{ "device loop 1M fs ext4 fs xfs",
	  "line 1, column 24: there is such a line already: 'fs'" },
	{ "device loop 1M fs ext4 at 1s heal", "line 1, column 24: not expected here: 'at'" },
	{ "device loop 1M fs", "line 1, column 18: a file system's name is missing" },
	{ "device loop 1M mount here", "line 1, column 22: a mount point begins with a slash" },
	{ DEVICE "seed 1 fs ext4 mount /m", "line 2, column 8: not expected here: 'fs'" },
	{ DEVICE "check true\nat 1s heal fs ext4",
	  "line 3, column 12: not expected here: 'fs'" },
	{ DEVICE "fs ext4", "fs and mount go together" },
	{ DEVICE "mount /m", "fs and mount go together" },
	{ DEVICE "fs ../evil", "line 2, column 4: no file system's name" },
	{ DEVICE "mount here", "begins with a slash" },
	{ "device /dev/sdb\nat 1s power-cut", "are for 'device loop'" },
	{ "device d\nfs ext4\nmount /m", "are for 'device loop'" },

	/* Word by word: what is missing, wrong, too much or said twice. */
	{ DEVICE "device /dev/sdb",
	  "line 2, column 1: there is such a line already: 'device'" },
	{ DEVICE "device loop 2M", "line 2, column 1: there is such a line already: 'device'" },
	{ "device d e", "line 1, column 10: not expected here: 'e'" },
	{ DEVICE "fs", "line 2, column 3: a file system's name is missing" },
	{ DEVICE "fs ext4 xfs", "line 2, column 9: not expected here: 'xfs'" },
	{ DEVICE "fs ext4\n fs xfs", "line 3, column 2: there is such a line already: 'fs'" },
	{ DEVICE "mount", "line 2, column 6: a mount point is missing" },
	{ DEVICE "mount /a /b", "line 2, column 10: not expected here: '/b'" },
	{ DEVICE "mount /a\nmount /a",
	  "line 3, column 1: there is such a line already: 'mount'" },
	{ DEVICE "mount /a", "fs and mount go together" },
	{ DEVICE "seed", "line 2, column 5: a number is missing" },
	{ DEVICE "seed 1 2", "line 2, column 8: not expected here: '2'" },
	{ DEVICE "seed 1\nseed 1", "line 3, column 1: there is such a line already: 'seed'" },
	{ DEVICE "until", "line 2, column 6: a time is missing" },
	{ DEVICE "until soon", "line 2, column 7: no time (500ms, 3s, 2min): 'soon'" },
	{ DEVICE "until 0s", "line 2, column 7: the program would never run" },
	{ DEVICE "until 1s 2s", "line 2, column 10: not expected here: '2s'" },
	{ DEVICE "until 1s\nuntil 2s",
	  "line 3, column 1: there is such a line already: 'until'" },
	{ DEVICE "at 3s 4s drop", "line 2, column 7: no action there is: '4s'" },
	{ DEVICE "every", "line 2, column 6: a time is missing" },
	{ DEVICE "every 1h drop", "line 2, column 7: no time" },
	{ DEVICE "every 1s", "line 2, column 9: an action is missing" },
	{ DEVICE "after", "line 2, column 6: a number is missing" },
	{ DEVICE "after 5 writes", "line 2, column 15: an action is missing" },
	{ DEVICE "after 5 writes writes drop",
	  "line 2, column 16: no action there is: 'writes'" },
	{ DEVICE "on a", "line 2, column 5: an action is missing" },
	{ DEVICE "on a b drop", "line 2, column 6: no action there is: 'b'" },
	{ DEVICE "expect exit", "line 2, column 12: a number is missing" },
	{ DEVICE "expect exit one", "line 2, column 13: no number that can be here: 'one'" },
	{ DEVICE "expect exit 1 2", "line 2, column 15: not expected here: '2'" },
	{ DEVICE "expect exit 1\nexpect exit 2", "line 3, column 8: it is said twice: 'exit'" },
	{ DEVICE "expect output", "line 2, column 14: a text is missing" },
	{ DEVICE "expect output a b", "line 2, column 17: not expected here: 'b'" },
	{ DEVICE "expect log", "line 2, column 11: a text is missing" },
	{ DEVICE "expect log a b", "line 2, column 14: not expected here: 'b'" },
	{ DEVICE "at 3s heal for 1s", "line 2, column 12: not expected here: 'for'" },
	{ DEVICE "at 3s kill 9", "line 2, column 12: not expected here: '9'" },
	{ DEVICE "at 3s power-cut 1s", "line 2, column 17: not expected here: '1s'" },
	{ DEVICE "at 3s slow reads reads", "line 2, column 18: it is said twice: 'reads'" },
	{ DEVICE "at 3s slow writes writes", "line 2, column 19: it is said twice: 'writes'" },
	{ DEVICE "at 3s stall flushes flushes",
	  "line 2, column 21: it is said twice: 'flushes'" },
	{ DEVICE "at 3s slow 1s 2s", "line 2, column 15: it is said twice: '2s'" },
	{ DEVICE "at 3s slow 1s for 2s for 3s", "line 2, column 22: it is said twice: 'for'" },
	{ DEVICE "at 3s slow for", "line 2, column 15: a time is missing" },
	{ DEVICE "at 3s stall 1s for 2s", "line 2, column 16: it is said twice: 'for'" },
	{ DEVICE "at 3s stall for 2s 1s", "line 2, column 20: it is said twice: '1s'" },
	{ DEVICE "at 3s stall for 0s", "line 2, column 17: no time that a fault lasts: '0s'" },
	{ DEVICE "at 3s stall 0ms", "line 2, column 13: no time that a fault lasts: '0ms'" },
	{ DEVICE "at 3s drop range 0..8 range 8..9",
	  "line 2, column 23: it is said twice: 'range'" },
	{ DEVICE "at 3s drop range 9..8", "line 2, column 18: the range is empty: '9..8'" },
	{ DEVICE "at 3s drop file a file b", "line 2, column 19: it is said twice: 'file'" },
	{ DEVICE "at 3s drop journal journal",
	  "line 2, column 20: it is said twice: 'journal'" },
	{ DEVICE "at 3s drop metadata metadata",
	  "line 2, column 21: it is said twice: 'metadata'" },
	{ DEVICE "at 3s drop journal file a", "line 2, column 26: journal and metadata" },
	{ DEVICE "at 3s bad-sectors count 0",
	  "line 2, column 25: no number that can be here: '0'" },
	{ DEVICE "at 3s bad-sectors count 65537", "line 2, column 25: no number" },
	{ DEVICE "at 3s bad-sectors count 1 count 2",
	  "line 2, column 27: it is said twice: 'count'" },
	{ DEVICE "at 3s slow count 1", "line 2, column 12: no word of an action: 'count'" },
	{ DEVICE "at 3s bad-sectors reads", "line 2, column 7: bad-sectors: such blocks" },
	{ DEVICE "at 3s drop reads", "line 2, column 7: drop: only writes" },
	{ DEVICE "at 3s full flushes", "line 2, column 7: full: only writes" },
	{ DEVICE "at 3s corrupt reads writes", "line 2, column 7: corrupt: reads or writes" },
	{ DEVICE "at 3s error flushes", "line 2, column 7: error: no target fails flushes" },
	{ DEVICE "at 3s error writes range 0..8",
	  "line 2, column 7: error: writes of a range" },
};

/* What goes at the end of a line that is right: each word of the grammar once, alone. */
static const char *const right[] = {
	"seed 0",
	"until 1ms",
	"at 0s drop",
	"every 1ms heal",
	"after 0 writes kill",
	"on \"a b\" drop",
	"on seed power-cut",
	"check true",
	"expect exit 0",
	"expect output \"\"",
	"expect log for",
	"at 1s slow",
	"at 1s slow 20ms",
	"at 1s slow reads 20ms for 1s",
	"at 1s slow for 1s 20ms flushes",
	"at 1s stall",
	"at 1s stall reads writes flushes 5s",
	"at 1s stall for 5s range ..",
	"at 1s error",
	"at 1s error reads",
	"at 1s error writes",
	"at 1s error reads range 8s..",
	"at 1s corrupt",
	"at 1s corrupt reads",
	"at 1s corrupt writes range ..1MiB 1s",
	"at 1s drop",
	"at 1s drop writes 1s",
	"at 1s drop journal",
	"at 1s full",
	"at 1s full metadata 1min",
	"at 1s bad-sectors",
	"at 1s bad-sectors count 65536 range 1MiB.. for 1s",
	"at 1s heal",
	"at 1s kill",
	"at 1s power-cut",
	"at 1s drop metadata journal",
	"fs ext4\nmount /m\nat 1s error file for",
	"fs xfs\nmount /m\nat 1s slow file a range 0..8 1s",
	"expect output a\nexpect output a\nexpect log b\nexpect log c\ncheck a\ncheck a",
};

static void take_each(void **state)
{
	struct bp_ctx *ctx = context();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(right); i++) {
		_cleanup_(strbuf_done) struct strbuf text = { 0 };
		struct bp_scenario *s;

		strbuf_add(&text, DEVICE);
		strbuf_add(&text, right[i]);
		if (bp_scenario_parse(ctx, text.text, &s) < 0)
			fail_msg("'%s': '%s'", right[i], bp_errmsg(ctx));
		bp_scenario_free(s);
	}
	bp_ctx_free(ctx);
}

/* The disk in one line, and a file of one that is there already. */
static void the_disk(void **state)
{
	struct bp_ctx *ctx = context();
	struct bp_scenario *s;

	(void)state;
	assert_ok(bp_scenario_parse(
		ctx, "device loop 2GiB  fs ext4  mount /mnt/t # all of it\n", &s));
	assert_int_equal(s->size_bytes, INT64_C(2) << 30);
	assert_string_equal(s->fs, "ext4");
	assert_string_equal(s->mount, "/mnt/t");
	bp_scenario_free(s);
	assert_ok(bp_scenario_parse(ctx, "mount /m fs xfs device loop 1M\n", &s));
	assert_string_equal(s->fs, "xfs");
	bp_scenario_free(s);
	assert_ok(bp_scenario_parse(ctx, "device /srv\nat 1s error file wal\n", &s));
	assert_string_equal(s->target, "/srv");
	assert_string_equal(s->rules.items[0].action.file, "wal");
	bp_scenario_free(s);
	bp_ctx_free(ctx);
}

static void refuse_each(void **state)
{
	struct bp_ctx *ctx = context();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct bp_scenario *s;

		assert_err(bp_scenario_parse(ctx, wrong[i].text, &s), EINVAL);
		assert_int_equal(bp_error_get(ctx)->code, BP_E_FORMAT);
		if (!strstr(bp_errmsg(ctx), wrong[i].why))
			fail_msg("row %zu: '%s'", i, bp_errmsg(ctx));
	}
	bp_ctx_free(ctx);
}

static void lines_and_words(void **state)
{
	struct bp_ctx *ctx = context();
	struct strbuf text = { 0 };
	struct bp_scenario *s;

	(void)state;
	strbuf_add(&text, DEVICE "expect output");
	for (int i = 0; i < 70; i++)
		strbuf_add(&text, " w");
	assert_err(bp_scenario_parse(ctx, text.text, &s), EINVAL);
	assert_non_null(strstr(bp_errmsg(ctx), "too many words"));
	strbuf_clear(&text);
	for (int i = 0; i < 10001; i++)
		strbuf_add(&text, "#\n");
	assert_err(bp_scenario_parse(ctx, text.text, &s), EINVAL);
	strbuf_done(&text);
	bp_ctx_free(ctx);
}

/* --- the log --- */

#define SECTOR 512
#define SPACE  (64 * SECTOR)

struct image {
	unsigned char bytes[SPACE];
	size_t used; /* sectors */
	uint64_t entries;
};

struct entry_disk {
	le64 sector, nr_sectors, flags, data_len;
};

static void begin(struct image *image)
{
	*image = (struct image){ .used = 1 };
}

/* A write of sectors that are all @with. */
static void put(struct image *image, uint64_t sector, uint64_t nr, uint64_t flags, char with)
{
	const struct entry_disk e = { le64_make(sector), le64_make(nr), le64_make(flags),
				      le64_make(0) };

	memcpy(image->bytes + image->used++ * SECTOR, &e, sizeof(e));
	if (!(flags & (LOG_DISCARD | LOG_MARK))) {
		memset(image->bytes + image->used * SECTOR, with, (size_t)nr * SECTOR);
		image->used += (size_t)nr;
	}
	image->entries++;
}

static void finish(struct image *image)
{
	const struct {
		le64 magic, version, entries;
		le32 sector;
	} super = { le64_make(UINT64_C(0x6a736677736872)), le64_make(1),
		    le64_make(image->entries), le32_make(SECTOR) };

	memcpy(image->bytes, &super, sizeof(super));
}

static int read_image(void *user, void *buf, size_t len, uint64_t offset)
{
	const struct image *image = user;

	memcpy(buf, image->bytes + offset, len);
	return 0;
}

/* The first byte of each of eight sectors, 0 as a dot. */
static int replayed(struct bp_ctx *ctx, struct image *image, uint64_t seed, char *ret,
		    struct fates *fates)
{
	const struct log_source source = { read_image, image, image->used * SECTOR };
	struct log_disk disk = { memfd_create("disk", MFD_CLOEXEC), 8 * SECTOR };
	struct writes_log log;
	int r = writes_log_read(ctx, &source, &log);

	if (r == 0) {
		r = writes_log_replay(ctx, &log, &source, &disk, seed, fates);
		writes_log_done(&log);
	}
	for (int i = 0; r == 0 && i < 8; i++) {
		char c = 0;

		assert_true(pread(disk.fd, &c, 1, i * SECTOR) >= 0);
		ret[i] = c ? c : '.';
	}
	ret[8] = '\0';
	close(disk.fd);
	return r;
}

/* Before a flush, and with FUA: kept by every seed. Behind it: kept, lost and torn by some. */
static void what_is_kept(void **state)
{
	struct bp_ctx *ctx = context();
	unsigned kept = 0, lost = 0, torn = 0;
	struct fates fates;
	struct image image;
	char got[9];

	(void)state;
	begin(&image);
	put(&image, 0, 1, 0, 'a');
	put(&image, 1, 1, 0, 'b');
	put(&image, 0, 0, LOG_FLUSH, 0);
	put(&image, 0, 0, LOG_MARK, 0);
	put(&image, 2, 1, LOG_FUA, 'c');
	put(&image, 4, 4, 0, 'd');
	finish(&image);
	for (uint64_t seed = 0; seed < 100; seed++) {
		assert_ok(replayed(ctx, &image, seed, got, &fates));
		assert_memory_equal(got, "abc.", 4);
		assert_int_equal(fates.durable, 3);
		kept += streq(got + 4, "dddd") && fates.kept == 1;
		lost += streq(got + 4, "....") && fates.lost == 1;
		torn += got[4] == 'd' && got[7] == '.' && fates.torn == 1;
	}
	assert_int_equal(kept + lost + torn, 100);
	assert_true(kept && lost && torn);
	bp_ctx_free(ctx);
}

/* A flush promises what was before it, not what it carries itself. */
static void flush_with_data(void **state)
{
	struct bp_ctx *ctx = context();
	struct fates fates;
	struct image image;
	unsigned lost = 0;
	char got[9];

	(void)state;
	begin(&image);
	put(&image, 0, 1, 0, 'a');
	put(&image, 0, 2, LOG_DISCARD, 0);
	put(&image, 1, 1, LOG_FLUSH, 'b');
	finish(&image);
	for (uint64_t seed = 0; seed < 20; seed++) {
		assert_ok(replayed(ctx, &image, seed, got, &fates));
		assert_int_equal(got[0], '.');
		lost += got[1] == '.';
	}
	assert_in_range(lost, 1, 19);
	bp_ctx_free(ctx);
}

static void damaged_logs(void **state)
{
	struct bp_ctx *ctx = context();
	struct fates fates;
	struct image image;
	char got[9];

	(void)state;
	begin(&image);
	put(&image, 0, 2, 0, 'a');
	finish(&image);
	for (size_t used = 0; used < image.used; used++) {
		struct image cut = image;

		cut.used = used;
		assert_err(replayed(ctx, &cut, 0, got, &fates), EUCLEAN);
	}
	for (size_t at = 0; at < 28; at++) { /* any byte of the head but the count's low one */
		struct image bad = image;

		bad.bytes[at] ^= 0x41;
		assert_err(replayed(ctx, &bad, 0, got, &fates), EUCLEAN);
	}
	begin(&image);
	put(&image, 7, 2, LOG_FUA, 'a');
	finish(&image);
	assert_err(replayed(ctx, &image, 0, got, &fates), EUCLEAN);
	assert_non_null(strstr(bp_errmsg(ctx), "beyond the disk"));
	begin(&image);
	put(&image, UINT64_MAX / 512, UINT64_MAX, LOG_DISCARD | LOG_FUA, 0);
	finish(&image);
	assert_err(replayed(ctx, &image, 0, got, &fates), EUCLEAN);
	bp_ctx_free(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_whole),      cmocka_unit_test(the_disk),
		cmocka_unit_test(refuse_each),     cmocka_unit_test(take_each),
		cmocka_unit_test(lines_and_words), cmocka_unit_test(what_is_kept),
		cmocka_unit_test(flush_with_data), cmocka_unit_test(damaged_logs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
