/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Single fields of metadata that kernels wrote are changed at random, the checksums made right
 * again. What check, its repairs, dump, restore and repair make of that must fit together; and what
 * thin-provisioning-tools' thin_check finds our check must find. The references find less (0.9.0 does not count data blocks, 1.1.0 does not look at
 * most of the superblock), so that the strict check has to find whatever is not known to be
 * harmless.
 *
 * BEDPLATE_REFERENCE: the thin_check to compare with, /usr/sbin/thin_check if unset.
 * BEDPLATE_SEED: other changes than usual.
 */
#include "core/strbuf.h"
#include "draw.h"
#include "formats/thin/meta.h"
#include "formats/thin/plan.h"
#include "formats/thin/restore.h"
#include "image.h"
#include "unit.h"
#include "xml_text.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define CHANGES 500

/* What a field was and is, and the pool's numbers to measure it by. */
struct change {
	uint64_t before, after;
	uint32_t time;
	uint64_t transaction_id;
};

static bool any(const struct change *c)
{
	(void)c;
	return true;
}

static bool rises(const struct change *c)
{
	return c->after > c->before;
}

static bool falls(const struct change *c)
{
	return c->after < c->before;
}

static bool is_up_to_time(const struct change *c)
{
	return c->after <= c->time;
}

static bool is_up_to_transaction(const struct change *c)
{
	return c->after <= c->transaction_id;
}

static bool has_other_time(const struct change *c)
{
	return thin_mapping_block(c->after) == thin_mapping_block(c->before) &&
	       thin_mapping_time(c->after) <= c->time;
}

static bool has_as_many_bitmaps(const struct change *c)
{
	return DIV_UP(c->after, SM_BITMAP_ENTRIES) == DIV_UP(c->before, SM_BITMAP_ENTRIES);
}

static bool falls_a_little(const struct change *c)
{
	return falls(c) && has_as_many_bitmaps(c);
}

static bool is_version(const struct change *c)
{
	return c->after == 1 || c->after == THIN_VERSION;
}

static bool is_block_size(const struct change *c)
{
	return c->after <= UINT32_MAX && thin_block_sectors_valid((uint32_t)c->after);
}

/* Changes that are no damage: metadata may well be so. Anything else must be found. */
static const struct {
	const char *field;
	bool (*may_be)(const struct change *c);
	const char *why;
} harmless[] = {
	{ "superblock flags", any, "needs_check; the kernel ignores other bits" },
	{ "superblock time", rises, "a clock may be ahead" },
	{ "superblock trans_id", rises, "user space counts as it likes" },
	{ "superblock compat_flags", any, "may be ignored by definition" },
	{ "superblock metadata_nr_blocks", any, "stale after growing, so nobody uses it" },
	{ "superblock data_block_size", is_block_size, "another valid size" },
	{ "superblock version", is_version, "two versions, one layout" },
	{ "superblock metadata nr_blocks", falls_a_little, "the device may be larger" },
	{ "empty node max_entries", any, "no value is anywhere" },
	{ "superblock data nr_blocks", has_as_many_bitmaps, "no block beyond is in use" },
	{ "node padding", any, "not used" },
	{ "empty node padding", any, "not used" },
	{ "node key", falls, "of a child whose first keys have been removed" },
	{ "mapping key", any, "another virtual block that nothing is mapped to" },
	{ "none_free_before", falls, "a hint where to search from" },
	{ "nr_free", falls, "old tools count only the entries that exist" },
	{ "device transaction_id", is_up_to_transaction, "whenever it was made" },
	{ "device creation_time", is_up_to_time, "whenever it was made" },
	{ "device snapshotted_time", is_up_to_time, "whenever it was" },
	{ "mapping", has_other_time, "whenever it was made" },
};

static struct bp_ctx *ctx;
static const char *reference;

/* One field, in a block. */
struct field {
	char name[64];
	size_t at, bytes;
};

#define FIELD(text, type, member)                                                              \
	{                                                                                      \
		text, offsetof(type, member), sizeof(((type *)0)->member)                      \
	}

static const struct {
	const char *name;
	size_t at, bytes;
} superblock_fields[] = {
	FIELD("flags", struct thin_superblock_disk, flags),
	FIELD("blocknr", struct thin_superblock_disk, blocknr),
	FIELD("magic", struct thin_superblock_disk, magic),
	FIELD("version", struct thin_superblock_disk, version),
	FIELD("time", struct thin_superblock_disk, time),
	FIELD("trans_id", struct thin_superblock_disk, trans_id),
	FIELD("held_root", struct thin_superblock_disk, held_root),
	{ "data nr_blocks", 64, 8 },
	{ "data nr_allocated", 72, 8 },
	{ "data bitmap_root", 80, 8 },
	{ "data ref_count_root", 88, 8 },
	{ "metadata nr_blocks", 192, 8 },
	{ "metadata nr_allocated", 200, 8 },
	{ "metadata bitmap_root", 208, 8 },
	{ "metadata ref_count_root", 216, 8 },
	FIELD("data_mapping_root", struct thin_superblock_disk, data_mapping_root),
	FIELD("device_details_root", struct thin_superblock_disk, device_details_root),
	FIELD("data_block_size", struct thin_superblock_disk, data_block_size),
	FIELD("metadata_block_size", struct thin_superblock_disk, metadata_block_size),
	FIELD("metadata_nr_blocks", struct thin_superblock_disk, metadata_nr_blocks),
	FIELD("compat_flags", struct thin_superblock_disk, compat_flags),
	FIELD("incompat_flags", struct thin_superblock_disk, incompat_flags),
}, node_fields[] = {
	FIELD("flags", struct btree_node_disk, flags),
	FIELD("blocknr", struct btree_node_disk, blocknr),
	FIELD("nr_entries", struct btree_node_disk, nr_entries),
	FIELD("max_entries", struct btree_node_disk, max_entries),
	FIELD("value_size", struct btree_node_disk, value_size),
	FIELD("padding", struct btree_node_disk, padding),
}, details_fields[] = {
	FIELD("mapped_blocks", struct thin_details_disk, mapped_blocks),
	FIELD("transaction_id", struct thin_details_disk, transaction_id),
	FIELD("creation_time", struct thin_details_disk, creation_time),
	FIELD("snapshotted_time", struct thin_details_disk, snapshotted_time),
}, index_fields[] = {
	FIELD("blocknr", struct sm_index_entry_disk, blocknr),
	FIELD("nr_free", struct sm_index_entry_disk, nr_free),
	FIELD("none_free_before", struct sm_index_entry_disk, none_free_before),
};

#define DRAW(prefix, fields, base, ret)                                                        \
	do {                                                                                   \
		size_t i_ = (size_t)draw(ARRAY_SIZE(fields));                                  \
                                                                                               \
		name_field(ret, prefix, (fields)[i_].name);                                    \
		(ret)->at = (base) + (fields)[i_].at;                                          \
		(ret)->bytes = (fields)[i_].bytes;                                             \
	} while (0)

static void name_field(struct field *f, const char *prefix, const char *name)
{
	snprintf(f->name, sizeof(f->name), "%s%s", prefix, name);
}

/* Leaves of the top level have values of 8 bytes as well: block numbers, so small ones. */
static bool is_mapping_leaf(const struct btree_node_disk *node)
{
	uint32_t nr = le32_get(node->nr_entries), max = le32_get(node->max_entries);

	return le32_get(node->flags) == NODE_LEAF && le32_get(node->value_size) == 8 && nr &&
	       le64_get(node->keys[max + nr - 1]) >= UINT64_C(1) << THIN_TIME_BITS;
}

/* A header field, a key, or a value, or part of it. */
static void draw_node_field(const struct btree_node_disk *node, struct field *ret)
{
	uint32_t nr = le32_get(node->nr_entries), size = le32_get(node->value_size);
	uint64_t which = draw(4);
	size_t i = nr ? (size_t)draw(nr) : 0;
	size_t value = 32 + 8 * (size_t)le32_get(node->max_entries) + i * size;

	if (nr == 0 || which == 0) {
		DRAW(nr ? "node " : "empty node ", node_fields, 0, ret);
	} else if (which == 1) {
		*ret = (struct field){ "", 32 + 8 * i, 8 };
		name_field(ret, is_mapping_leaf(node) ? "mapping" : "node", " key");
	} else if (size == sizeof(struct thin_details_disk)) {
		DRAW("device ", details_fields, value, ret);
	} else if (size == sizeof(struct sm_index_entry_disk)) {
		DRAW("", index_fields, value, ret);
	} else if (size == 4) {
		*ret = (struct field){ "count", value, 4 };
	} else {
		*ret = (struct field){ "", value, 8 };
		name_field(ret, "", is_mapping_leaf(node) ? "mapping" : "pointer");
	}
}

static void draw_field(const void *block, enum block_kind kind, struct field *ret)
{
	if (kind == BLOCK_THIN_SUPERBLOCK) {
		DRAW("superblock ", superblock_fields, 0, ret);
	} else if (kind == BLOCK_NODE) {
		draw_node_field(block, ret);
	} else if (kind == BLOCK_BITMAP) {
		if (draw(4))
			*ret = (struct field){ "bitmap word", 16 + 8 * (size_t)draw(32), 8 };
		else
			*ret = (struct field){ "bitmap blocknr", 8, 8 };
	} else {
		assert_int_equal(kind, BLOCK_INDEX);
		if (draw(4))
			DRAW("", index_fields, 16, ret);
		else
			*ret = (struct field){ "index blocknr", 8, 8 };
	}
}

/* Another value for it: near, far, or a common one. */
static void change_field(void *block, const struct field *f, struct change *ret)
{
	uint8_t *at = (uint8_t *)block + f->at;
	le64 before = le64_make(0), after = before, changed;
	uint64_t value;

	memcpy(&before, at, f->bytes);
	do {
		value = le64_get(before);
		switch (draw(5)) {
		case 0:
			value++;
			break;
		case 1:
			value--;
			break;
		case 2:
			value = draw(300);
			break;
		default:
			value ^= UINT64_C(1) << draw(8 * f->bytes);
			break;
		}
		changed = le64_make(value);
	} while (!memcmp(&changed, &before, f->bytes));
	memcpy(at, &changed, f->bytes);
	memcpy(&after, &changed, f->bytes);
	ret->before = le64_get(before);
	ret->after = le64_get(after);
}

/* --- both checks --- */

/* Its exit status; -1 where it crashed or took too long. */
static int run_reference(const char *path)
{
	/* It takes sizes from damaged fields at their word. */
	const struct rlimit memory = { 1u << 30, 1u << 30 }, core = { 0, 0 };
	pid_t child = fork();
	int status, null;

	assert_true(child >= 0);
	if (child == 0) {
		setrlimit(RLIMIT_AS, &memory);
		setrlimit(RLIMIT_CORE, &core);
		alarm(20);
		null = open("/dev/null", O_RDWR);
		dup2(null, 1);
		dup2(null, 2);
		execl(reference, "thin_check", "-q", path, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFEXITED(status))
		return -1;
	assert_int_not_equal(WEXITSTATUS(status), 127);
	return WEXITSTATUS(status);
}

static void keep_damage(void *user, const struct bp_damage *damage)
{
	fprintf(user, "%s\n", damage->what);
}

/* Does our check find anything? All that it says becomes @ret_text, which the caller frees. */
static bool finds(const struct image *image, uint32_t flags, char **ret_text)
{
	struct bp_thin_check_result found = { .size = sizeof(found) };
	size_t len;
	FILE *text = open_memstream(ret_text, &len);
	struct bp_thin_check_opts opts = {
		.size = sizeof(opts),
		.flags = flags,
		.workers = 1,
		.damage = keep_damage,
		.user = text,
	};
	struct io *io = image_io(image);

	assert_ok(thin_check_io(ctx, io, CHECK_ONLY, &opts, &found));
	io_close(io);
	fclose(text);
	return found.nr_fatal || found.nr_nonfatal;
}

static bool is_harmless(const char *field, const struct change *change)
{
	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++)
		if (!strcmp(harmless[i].field, field))
			return harmless[i].may_be(change);
	return false;
}

/* --- the images, in memory and as files --- */

static const char *const names[] = { "thin-empty", "thin-many",       "thin-mix-k7",
				     "thin-msnap", "thin-refs",       "thin-refs",
				     "thin-small", "thin-needs-check" };
static struct subject {
	const char *name;
	struct image_twin twin;
} subjects[ARRAY_SIZE(names)];

static bp_mblock draw_block(const struct image *image)
{
	bp_mblock nr;

	if (draw(5) == 0)
		return 0;
	do
		nr = draw(image->size / IO_BLOCK);
	while (!image_used(image, nr));
	return nr;
}

struct counts {
	unsigned both, ours, strict, none, crashed, missed;
};

static void count(struct counts *counts, bool theirs, bool ours, bool strict)
{
	counts->both += ours && theirs;
	counts->ours += ours && !theirs;
	counts->strict += !ours && strict;
	counts->none += !ours && !strict;
}

/* --- what ours makes of it --- */

static int take_text(void *user, const char *text, size_t len)
{
	strbuf_add_len(user, text, len);
	return 0;
}

static uint64_t check(const struct image *image, enum check_mode mode)
{
	const struct bp_thin_check_opts opts = { .size = sizeof(opts), .workers = 1 };
	struct bp_thin_check_result found = { .size = sizeof(found) };
	struct io *io = image_io(image);

	assert_ok(thin_check_io(ctx, io, mode, &opts, &found));
	io_close(io);
	return found.nr_fatal + found.nr_nonfatal;
}

static bool same_images(const struct image *a, const struct image *b)
{
	return memcmp(a->data, b->data, a->size) == 0;
}

/* How often each was done: a test that never restores says nothing. */
static struct {
	unsigned mended, restored, repaired;
} done;

/* What a repair in place calls whole is, and a second one has nothing to do. */
static void mends_once(const struct image *image, bool sound, enum check_mode mode,
		       const char *what)
{
	struct image mended, again;

	image_copy(&mended, image);
	if (check(&mended, mode) == 0) {
		if (check(&mended, CHECK_ONLY))
			fail_msg("%s: mended, but not sound", what);
		image_copy(&again, &mended);
		if (check(&again, mode) || !same_images(&again, &mended))
			fail_msg("%s: mended a second time", what);
		image_done(&again);
		done.mended++;
	} else if (sound) {
		fail_msg("%s: sound, but not to a repair in place", what);
	}
	image_done(&mended);
}

/* A dump that is all well can be restored, and what is restored is sound. */
static void can_be_restored(struct io *from, const struct image *to, const char *what)
{
	struct strbuf dumped = { 0 };
	struct bp_thin_meta *meta;
	uint64_t damages = 0;
	struct io *io;

	if (thin_meta_open_io(ctx, from, NULL, &meta) < 0)
		return;
	if (bp_thin_dump(meta, NULL, take_text, &dumped, &damages) == 0 && damages == 0) {
		struct text text = { dumped.text, dumped.len };
		const struct xml_source source = text_source(&text);

		io = image_io(to);
		if (thin_restore_io(ctx, &source, io, NULL) == 0)
			done.restored += check(to, CHECK_ONLY) == 0;
		else if (!strstr(bp_errmsg(ctx), "out of metadata space"))
			fail_msg("%s: what was dumped: %s", what, bp_errmsg(ctx));
		if (!block_is_zero(to->data) && check(to, CHECK_ONLY))
			fail_msg("%s: what was restored is not sound", what);
		io_close(io);
	}
	strbuf_done(&dumped);
	free(meta);
}

/* What is repaired is sound, and what is sound is not refused. */
static void can_be_repaired(const struct image *image, const struct image *to, bool sound,
			    const char *what)
{
	struct bp_thin_plan *plan;
	struct io *from = image_io(image), *io = image_io(to);

	if (thin_plan_io(ctx, from, NULL, &plan) < 0) {
		io_close(from);
		if (sound)
			fail_msg("%s: sound, but: %s", what, bp_errmsg(ctx));
	} else {
		if (thin_plan_write_io(plan, io) == 0) {
			if (check(to, CHECK_ONLY))
				fail_msg("%s: what was repaired is not sound", what);
			done.repaired++;
		} else if (sound) {
			fail_msg("%s: sound, but: %s", what, bp_errmsg(ctx));
		}
		bp_thin_plan_free(plan);
	}
	io_close(io);
}

static void agrees_with_itself(const struct image *image, const char *what)
{
	bool sound = check(image, CHECK_ONLY) == 0;
	struct io *io = image_io(image);
	struct image made;

	mends_once(image, sound, CHECK_AUTO_REPAIR, what);
	mends_once(image, sound, CHECK_CLEAR, what);
	image_new(&made, image->size);
	can_be_restored(io, &made, what);
	io_close(io);
	image_done(&made);
	image_new(&made, image->size);
	can_be_repaired(image, &made, sound, what);
	image_done(&made);
}

static void ours_agree(void **state)
{
	(void)state;
	for (unsigned n = 0; n < CHANGES; n++) {
		const struct subject *s = &subjects[n % ARRAY_SIZE(subjects)];
		bp_mblock nr = draw_block(&s->twin.image);
		void *block = image_block(&s->twin.image, nr);
		enum block_kind kind = block_kind_of(block);
		struct change change = { 0 };
		struct field field = { 0 };
		char good[IO_BLOCK], what[160];

		memcpy(good, block, IO_BLOCK);
		draw_field(block, kind, &field);
		change_field(block, &field, &change);
		image_seal(&s->twin.image, nr, kind);
		snprintf(what, sizeof(what),
			 "%s, block %" PRIu64 ": %s at %zu, %" PRIu64 " to %" PRIu64, s->name,
			 nr, field.name, field.at, change.before, change.after);
		agrees_with_itself(&s->twin.image, what);
		memcpy(block, good, IO_BLOCK);
	}
	print_message("# %u mended, %u restored, %u repaired\n", done.mended, done.restored,
		      done.repaired);
	assert_true(done.mended > CHANGES / 5 && done.restored > CHANGES / 5 &&
		    done.repaired > CHANGES / 2);
}

/* --- beside the reference --- */

static void one_change(const struct subject *s, struct counts *counts)
{
	bp_mblock nr = draw_block(&s->twin.image);
	void *block = image_block(&s->twin.image, nr);
	enum block_kind kind = block_kind_of(block);
	const struct thin_superblock_disk *sb = image_block(&s->twin.image, 0);
	struct change change = { 0, 0, le32_get(sb->time), le64_get(sb->trans_id) };
	char good[IO_BLOCK], *text = NULL, *strict_text = NULL;
	struct field field = { 0 };
	bool ours, strict;
	int theirs;

	memcpy(good, block, IO_BLOCK);
	draw_field(block, kind, &field);
	change_field(block, &field, &change);
	image_seal(&s->twin.image, nr, kind);
	image_twin_write(&s->twin, nr);

	theirs = run_reference(s->twin.path);
	ours = finds(&s->twin.image, 0, &text);
	strict = finds(&s->twin.image, BP_THIN_CHECK_STRICT, &strict_text);
	count(counts, theirs, ours, strict);
	counts->crashed += theirs < 0;
	if ((theirs && !ours) || (!strict && !is_harmless(field.name, &change))) {
		print_message("# %s, block %" PRIu64 ": %s at %zu, %" PRIu64 " to %" PRIu64
			      ": the reference ends with %d, ours finds: %s\n",
			      s->name, nr, field.name, field.at, change.before, change.after,
			      theirs, *strict_text ? strict_text : "nothing");
		counts->missed++;
	}

	free(text);
	free(strict_text);
	memcpy(block, good, IO_BLOCK);
	image_twin_write(&s->twin, nr);
}

static void what_the_reference_finds_is_found(void **state)
{
	struct counts counts = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(subjects); i++)
		assert_int_equal(run_reference(subjects[i].twin.path), 0);
	for (unsigned n = 0; n < CHANGES; n++)
		one_change(&subjects[n % ARRAY_SIZE(subjects)], &counts);
	print_message("# %u found by both, %u by ours only, %u by --strict only, %u are no "
		      "damage; the reference crashed %u times\n",
		      counts.both, counts.ours, counts.strict, counts.none, counts.crashed);
	assert_int_equal(counts.missed, 0);
	assert_true(counts.both > CHANGES / 3);
}

static int setup(void **state)
{
	(void)state;
	draw_seed();
	for (size_t i = 0; i < ARRAY_SIZE(subjects); i++) {
		subjects[i].name = names[i];
		image_twin_load(&subjects[i].twin, names[i]);
	}
	return bp_ctx_new(&ctx);
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(subjects); i++)
		image_twin_done(&subjects[i].twin);
	bp_ctx_free(ctx);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ours_agree),
		cmocka_unit_test(what_the_reference_finds_is_found),
	};
	const struct CMUnitTest ours[] = { tests[0] };

	reference = getenv("BEDPLATE_REFERENCE") ?: "/usr/sbin/thin_check";
	if (access(reference, X_OK) < 0) {
		printf("# %s is not installed: nothing is compared with it\n", reference);
		return cmocka_run_group_tests(ours, setup, teardown);
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
