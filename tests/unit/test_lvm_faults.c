/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Labels, rings and texts of LVM, and the metadata that they lead to, with each read of a disk failing in turn: it fails and
 * says why, or it says what it could not read, or shows what it shows where nothing fails.
 */
#include "lvm_set.h"

#include <bedplate/rescue.h>
#include <bedplate/source.h>

#include <stdio.h>
#include <unistd.h>

static uint64_t nr_reads, fail_at;

ssize_t __real_pread64(int fd, void *buf, size_t count, off_t offset);
ssize_t __wrap_pread64(int fd, void *buf, size_t count, off_t offset);

ssize_t __wrap_pread64(int fd, void *buf, size_t count, off_t offset)
{
	if (nr_reads++ == fail_at) {
		errno = EIO;
		return -1;
	}
	return __real_pread64(fd, buf, count, offset);
}

/* What was seen, as one line of words. */
struct view {
	char text[4096];
	size_t len;
};

static void see(struct view *view, const char *name, uint64_t number)
{
	int n = snprintf(view->text + view->len, sizeof(view->text) - view->len, "%s %llu, ",
			 name ?: "-", (unsigned long long)number);

	assert_true(n > 0 && (size_t)n < sizeof(view->text) - view->len);
	view->len += (size_t)n;
}

static int see_volumes(struct bp_source *source, struct view *view)
{
	struct bp_source_volumes *volumes;
	int r = bp_source_volumes(source, &volumes);

	if (r < 0)
		return r;
	for (size_t i = 0; i < bp_source_volumes_count(volumes); i++)
		see(view, bp_source_volumes_get(volumes, i)->name,
		    bp_source_volumes_get(volumes, i)->mapped_dblocks);
	bp_source_volumes_free(volumes);
	return 0;
}

/* Each trouble is a thing that is said. */
static int see_rescue(struct bp_source *source, struct view *view)
{
	struct bp_rescue *rescue;
	int r = bp_rescue(source, &rescue);

	if (r < 0)
		return r;
	for (size_t i = 0; i < bp_rescue_volumes_count(rescue); i++)
		see(view, bp_rescue_volume_get(rescue, i)->name,
		    bp_rescue_volume_get(rescue, i)->intact_dblocks);
	r = (int)bp_rescue_troubles_count(rescue);
	bp_rescue_free(rescue);
	return r;
}

/* Less than 0: it failed. Else how much was said: warnings, troubles. */
static int look(struct lvm_set *set, const char *name, struct view *view)
{
	const struct bp_source_opts opts = {
		.size = sizeof(opts),
		.pvs = (const char *const *)set->paths,
		.nr_pvs = set->nr,
	};
	struct bp_source *source;
	int r, said;

	*view = (struct view){ 0 };
	nr_reads = 0;
	bp_warnings_clear(set->ctx);
	r = bp_source_open(set->ctx, name, &opts, &source);
	if (r < 0)
		return r;
	r = see_volumes(source, view);
	said = r < 0 ? r : see_rescue(source, view);
	bp_source_close(source);
	return said < 0 ? said : said + (int)bp_warnings_count(set->ctx);
}

static void fail_each(const char *set_name, const char *name)
{
	struct lvm_set set;
	struct view whole, view;
	uint64_t reads;
	int said;

	fail_at = UINT64_MAX;
	lvm_set_open(&set, set_name);
	said = look(&set, name, &whole);
	assert_true(said >= 0);
	reads = nr_reads;
	assert_true(reads > 0);
	for (fail_at = 0; fail_at < reads; fail_at++) {
		int r = look(&set, name, &view);

		if (r < 0 && !strlen(bp_errmsg(set.ctx)))
			fail_msg("%s: read %u: %d without a word", name, (unsigned)fail_at, r);
		if (r >= 0 && r <= said && !streq(view.text, whole.text))
			fail_msg("%s: read %u: nothing is said, and seen is %s instead of %s",
				 name, (unsigned)fail_at, view.text, whole.text);
	}
	fail_at = UINT64_MAX;
	lvm_set_done(&set);
	print_message("# %s: %u reads\n", name, (unsigned)reads);
}

static void each_read_fails(void **state)
{
	(void)state;
	fail_each("simple-pool", "vg0/pool");
	fail_each("removed-lv", "vgh/pool"); /* names are in older texts */
	fail_each("multi-pv", "vg_multi/pool");
	fail_each("raid1-tmeta", "vgr/pool");
	fail_each("two-mdas", "vgw/pool");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_read_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
