/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Single fields of metadata of caches and eras that kernels wrote are changed at random, the checksums
 * made right again. What check, dump, restore and repair make of that must fit together; and what
 * thin-provisioning-tools' cache_check and era_check find ours must find.
 *
 * BEDPLATE_REFERENCE_DIR: where they are, /usr/sbin if unset. BEDPLATE_SEED: other changes.
 */
#include "core/strbuf.h"
#include "draw.h"
#include "formats/cache/check.h"
#include "formats/cache/meta.h"
#include "formats/cache/repair.h"
#include "formats/cache/restore.h"
#include "formats/era/check.h"
#include "formats/era/meta.h"
#include "formats/era/repair.h"
#include "formats/era/restore.h"
#include "image.h"
#include "pdata/array.h"
#include "unit.h"
#include "xml_text.h"

#include <bedplate/cache_dump.h>
#include <bedplate/era_dump.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define CHANGES 500

static struct bp_ctx *ctx;
static const char *directory;

/* --- fields --- */

struct field {
	const char *name;
	size_t at, bytes;
};

static const struct field cache_superblock[] = {
	{ "flags", 4, 4 },
	{ "blocknr", 8, 8 },
	{ "magic", 32, 8 },
	{ "version", 40, 4 },
	{ "policy_name", 44, 4 },
	{ "policy_hint_size", 60, 4 },
	{ "metadata nr_blocks", 64, 8 },
	{ "metadata nr_allocated", 72, 8 },
	{ "metadata bitmap_root", 80, 8 },
	{ "metadata ref_count_root", 88, 8 },
	{ "mapping_root", 192, 8 },
	{ "hint_root", 200, 8 },
	{ "discard_root", 208, 8 },
	{ "discard_block_size", 216, 8 },
	{ "discard_nr_blocks", 224, 8 },
	{ "data_block_size", 232, 4 },
	{ "metadata_block_size", 236, 4 },
	{ "cache_blocks", 240, 4 },
	{ "compat_flags", 244, 4 },
	{ "compat_ro_flags", 248, 4 },
	{ "incompat_flags", 252, 4 },
	{ "read_hits", 256, 4 },
	{ "policy_version", 272, 4 },
	{ "dirty_root", 284, 8 },
};

static const struct field era_superblock[] = {
	{ "flags", 4, 4 },
	{ "blocknr", 8, 8 },
	{ "magic", 32, 8 },
	{ "version", 40, 4 },
	{ "metadata nr_blocks", 44, 8 },
	{ "metadata nr_allocated", 52, 8 },
	{ "metadata bitmap_root", 60, 8 },
	{ "metadata ref_count_root", 68, 8 },
	{ "data_block_size", 172, 4 },
	{ "metadata_block_size", 176, 4 },
	{ "nr_blocks", 180, 4 },
	{ "current_era", 184, 4 },
	{ "current nr_bits", 188, 4 },
	{ "current root", 192, 8 },
	{ "writeset_tree_root", 200, 8 },
	{ "era_array_root", 208, 8 },
	{ "metadata_snap", 216, 8 },
};

static const struct field node_fields[] = {
	{ "node flags", 4, 4 },       { "node blocknr", 8, 8 },
	{ "node nr_entries", 16, 4 }, { "node max_entries", 20, 4 },
	{ "node value_size", 24, 4 }, { "node padding", 28, 4 },
};

static const struct field array_fields[] = {
	{ "array max_entries", 4, 4 },
	{ "array nr_entries", 8, 4 },
	{ "array value_size", 12, 4 },
	{ "array blocknr", 16, 8 },
};

static struct field draw_node_field(const struct btree_node_disk *node)
{
	uint32_t nr = le32_get(node->nr_entries), size = le32_get(node->value_size);
	uint64_t which = draw(4);
	size_t i = nr ? (size_t)draw(nr) : 0;
	size_t value = 32 + 8 * (size_t)le32_get(node->max_entries) + i * size;

	if (nr == 0 || which == 0)
		return node_fields[draw(ARRAY_SIZE(node_fields))];
	if (which == 1)
		return (struct field){ "node key", 32 + 8 * i, 8 };
	return (struct field){ "node value", value, MIN(size, 8u) };
}

static struct field draw_array_field(const struct array_block_disk *array)
{
	uint32_t nr = le32_get(array->nr_entries), size = le32_get(array->value_size);

	if (nr == 0 || draw(3) == 0)
		return array_fields[draw(ARRAY_SIZE(array_fields))];
	return (struct field){ size == 4 ? "element of 4" : "element of 8",
			       24 + (size_t)draw(nr) * size, size };
}

static struct field draw_field(const void *block, enum block_kind kind, bool era)
{
	static const struct field index[] = {
		{ "index blocknr", 8, 8 },
		{ "index entry", 16, 8 },
		{ "nr_free", 24, 4 },
		{ "none_free_before", 28, 4 },
	};

	if (kind == BLOCK_NODE)
		return draw_node_field(block);
	if (kind == BLOCK_ARRAY)
		return draw_array_field(block);
	if (kind == BLOCK_INDEX)
		return index[draw(ARRAY_SIZE(index))];
	if (kind == BLOCK_BITMAP)
		return (struct field){ "bitmap word", 16 + 8 * (size_t)draw(32), 8 };
	return era ? era_superblock[draw(ARRAY_SIZE(era_superblock))]
		   : cache_superblock[draw(ARRAY_SIZE(cache_superblock))];
}

/* Another value for it: near, far, or a common one. */
static void change_field(void *block, const struct field *f)
{
	uint8_t *at = (uint8_t *)block + f->at;
	le64 before = le64_make(0), changed;
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
}

/* --- both checks --- */

/* Its exit status; -1 where it crashed or took too long. */
static int run_reference(const char *path, bool era)
{
	/* It takes sizes from damaged fields at their word. */
	const struct rlimit memory = { 1u << 30, 1u << 30 }, core = { 0, 0 };
	const char *name = era ? "era_check" : "cache_check";
	char tool[256];
	pid_t child;
	int status, null;

	snprintf(tool, sizeof(tool), "%s/%s", directory, name);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		setrlimit(RLIMIT_AS, &memory);
		setrlimit(RLIMIT_CORE, &core);
		alarm(20);
		null = open("/dev/null", O_RDWR);
		dup2(null, 1);
		dup2(null, 2);
		execl(tool, name, "-q", path, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFEXITED(status))
		return -1;
	assert_int_not_equal(WEXITSTATUS(status), 127);
	return WEXITSTATUS(status);
}

/*
 * What newer references call an error and no kernel looks at: ours tells it as a remark.
 * Kernels read the reference count tree only for blocks whose bitmap says 3, and when a bitmap begins to
 * say so they write the entry anew, whatever is there.
 */
static const enum bp_damage_kind harmless[] = { BP_DAMAGE_COUNT_ENTRY };

static void note_harmless(void *user, const struct bp_damage *damage)
{
	unsigned *nr = user;

	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++)
		*nr += damage->kind == harmless[i];
	/* Bits of flags and compat_flags: kernels take any, and keep them. */
	*nr += damage->harm == BP_HARM_REMARK && strstr(damage->what, "flags");
}

/* Does our check find anything? @ret_harmless: how much of the above. */
static bool finds(const struct image *image, bool era, unsigned *ret_harmless)
{
	const struct bp_cache_check_opts cache_opts = {
		.size = sizeof(cache_opts),
		.damage = note_harmless,
		.user = ret_harmless,
	};
	const struct bp_era_check_opts era_opts = {
		.size = sizeof(era_opts),
		.damage = note_harmless,
		.user = ret_harmless,
	};
	struct bp_cache_check_result cache = { .size = sizeof(cache) };
	struct bp_era_check_result eras = { .size = sizeof(eras) };
	struct io *io = image_io(image);

	if (era)
		assert_ok(era_check_io(ctx, io, CHECK_ONLY, &era_opts, &eras));
	else
		assert_ok(cache_check_io(ctx, io, CHECK_ONLY, &cache_opts, &cache));
	io_close(io);
	return cache.nr_fatal || cache.nr_nonfatal || eras.nr_fatal || eras.nr_nonfatal;
}

/* --- what ours makes of it --- */

struct dumped {
	struct strbuf text;
	uint64_t damages;
	bool ok;
};

static int take_text(void *user, const char *text, size_t len)
{
	strbuf_add_len(user, text, len);
	return 0;
}

static struct dumped dump_cache(struct io *io)
{
	struct dumped d = { 0 };
	struct bp_cache_meta *meta;

	if (cache_meta_open_io(ctx, io, NULL, &meta) < 0)
		return d;
	d.ok = bp_cache_dump(meta, NULL, take_text, &d.text, &d.damages) == 0;
	free(meta);
	return d;
}

/* @flags: of opening; a metadata snapshot is dumped too. */
static struct dumped dump_era(struct io *io, uint32_t flags)
{
	const struct bp_era_open_opts how = { .size = sizeof(how), .flags = flags };
	const struct bp_era_dump_opts opts = { .size = sizeof(opts),
					       .flags = BP_ERA_DUMP_COMPACT };
	struct dumped d = { 0 };
	struct bp_era_meta *meta;

	if (era_meta_open_io(ctx, io, &how, &meta) < 0)
		return d;
	d.ok = bp_era_dump(meta, &opts, take_text, &d.text, &d.damages) == 0;
	free(meta);
	return d;
}

static int restore(const struct strbuf *from, bool era, struct io *to)
{
	struct text text = { from->text, from->len };
	const struct xml_source source = text_source(&text);

	return era ? era_restore_io(ctx, &source, to, NULL)
		   : cache_restore_io(ctx, &source, to, NULL);
}

static int repair(struct io *from, bool era, struct io *to)
{
	struct bp_cache_repair_result cache = { .size = sizeof(cache) };
	struct bp_era_repair_result eras = { .size = sizeof(eras) };

	return era ? era_repair_io(ctx, from, to, NULL, &eras)
		   : cache_repair_io(ctx, from, to, NULL, &cache);
}

/* How often each was done: a test that never restores says nothing. */
static struct {
	unsigned dumped, restored, repaired;
} done;

/* A dump that is all well can be restored, and what is restored is sound. */
static void can_be_restored(struct dumped *d, bool era, size_t size, const char *what)
{
	unsigned remarks = 0;
	struct image made;
	struct io *to;

	image_new(&made, size);
	to = image_io(&made);
	done.dumped += d->ok;
	if (d->ok && d->damages == 0) {
		if (restore(&d->text, era, to) < 0)
			fail_msg("%s: what was dumped: %s", what, bp_errmsg(ctx));
		if (finds(&made, era, &remarks))
			fail_msg("%s: what was restored is not sound", what);
		done.restored++;
	}
	io_close(to);
	image_done(&made);
	strbuf_done(&d->text);
}

/* What is repaired is sound, and what is sound is not refused. */
static void can_be_repaired(const struct image *image, struct io *from, bool era,
			    const char *what)
{
	unsigned remarks = 0;
	struct image made;
	struct io *to;

	image_new(&made, image->size);
	to = image_io(&made);
	if (repair(from, era, to) == 0) {
		if (finds(&made, era, &remarks))
			fail_msg("%s: what was repaired is not sound", what);
		done.repaired++;
	} else if (!finds(image, era, &remarks)) {
		fail_msg("%s: sound, but: %s", what, bp_errmsg(ctx));
	}
	io_close(to);
	image_done(&made);
}

static void agrees_with_itself(const struct image *image, bool era, const char *what)
{
	struct io *from = image_io(image);
	struct dumped d = era ? dump_era(from, 0) : dump_cache(from);

	can_be_restored(&d, era, image->size, what);
	if (era) {
		d = dump_era(from, BP_ERA_OPEN_SNAP);
		can_be_restored(&d, era, image->size, what);
	}
	can_be_repaired(image, from, era, what);
	io_close(from);
}

/* --- the images, in memory and as files --- */

static const char *const names[] = {
	"cache-v1-dirty", "cache-v2-dirty", "cache-v1-cleaner", "cache-v2-discard", "cache-k7",
	"era-several",    "era-crash",      "era-msnap",        "era-resized",      "era-k7",
};
static struct subject {
	bool era;
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

struct change {
	bp_mblock block;
	struct field field;
	uint8_t good[IO_BLOCK];
};

static struct change change_one(const struct subject *s)
{
	struct change change = { .block = draw_block(&s->twin.image) };
	void *block = image_block(&s->twin.image, change.block);
	enum block_kind kind = block_kind_of(block);

	memcpy(change.good, block, IO_BLOCK);
	change.field = draw_field(block, kind, s->era);
	change_field(block, &change.field);
	image_seal(&s->twin.image, change.block, kind);
	return change;
}

static void change_back(const struct subject *s, const struct change *change)
{
	memcpy(image_block(&s->twin.image, change->block), change->good, IO_BLOCK);
}

static void all_of_ours_agree(bool era)
{
	memset(&done, 0, sizeof(done));
	for (unsigned n = 0; n < CHANGES; n++) {
		size_t i = n % 5 + (era ? 5 : 0);
		struct change change = change_one(&subjects[i]);
		char what[128];

		snprintf(what, sizeof(what), "%s, block %" PRIu64 ": %s at %zu", names[i],
			 change.block, change.field.name, change.field.at);
		agrees_with_itself(&subjects[i].twin.image, era, what);
		change_back(&subjects[i], &change);
	}
	print_message("# %u dumped, %u restored, %u repaired\n", done.dumped, done.restored,
		      done.repaired);
	assert_true(done.restored > CHANGES / 5 && done.repaired > CHANGES / 2);
}

static void tools_for_caches_agree(void **state)
{
	(void)state;
	all_of_ours_agree(false);
}

static void tools_for_eras_agree(void **state)
{
	(void)state;
	all_of_ours_agree(true);
}

/* --- beside the reference --- */

struct counts {
	unsigned both, ours, none, crashed, missed, harmless;
};

static void one_change(const struct subject *s, const char *name, struct counts *counts)
{
	struct change change = change_one(s);
	unsigned nr_harmless = 0;
	bool ours;
	int theirs;

	image_twin_write(&s->twin, change.block);
	theirs = run_reference(s->twin.path, s->era);
	ours = finds(&s->twin.image, s->era, &nr_harmless);
	counts->both += ours && theirs;
	counts->ours += ours && !theirs;
	counts->none += !ours && !theirs;
	counts->crashed += theirs < 0;
	counts->harmless += theirs && !ours && nr_harmless;
	if (theirs && !ours && !nr_harmless) {
		print_message("# %s, block %" PRIu64 ": %s at %zu: the reference ends with %d, "
			      "ours finds nothing\n",
			      name, change.block, change.field.name, change.field.at, theirs);
		counts->missed++;
	}
	change_back(s, &change);
	image_twin_write(&s->twin, change.block);
}

static void compare(bool era)
{
	struct counts counts = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(subjects); i++)
		assert_int_equal(run_reference(subjects[i].twin.path, subjects[i].era), 0);
	for (unsigned n = 0; n < CHANGES; n++) {
		size_t i = n % 5 + (era ? 5 : 0);

		one_change(&subjects[i], names[i], &counts);
	}
	print_message(
		"# %u found by both, %u by ours only, %u by nobody, %u harmless; the reference "
		"crashed %u times\n",
		counts.both, counts.ours, counts.none, counts.harmless, counts.crashed);
	assert_int_equal(counts.missed, 0);
	assert_true(counts.both > CHANGES / 10);
}

static void what_cache_check_finds_is_found(void **state)
{
	(void)state;
	compare(false);
}

static void what_era_check_finds_is_found(void **state)
{
	(void)state;
	compare(true);
}

static int setup(void **state)
{
	(void)state;
	draw_seed();
	for (size_t i = 0; i < ARRAY_SIZE(subjects); i++) {
		subjects[i].era = i >= 5;
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
		cmocka_unit_test(tools_for_caches_agree),
		cmocka_unit_test(tools_for_eras_agree),
		cmocka_unit_test(what_cache_check_finds_is_found),
		cmocka_unit_test(what_era_check_finds_is_found),
	};
	const struct CMUnitTest ours[] = { tests[0], tests[1] };
	char tool[256];

	directory = getenv("BEDPLATE_REFERENCE_DIR") ?: "/usr/sbin";
	snprintf(tool, sizeof(tool), "%s/era_check", directory);
	if (access(tool, X_OK) < 0) {
		printf("# %s is not installed: nothing is compared with it\n", tool);
		return cmocka_run_group_tests(ours, setup, teardown);
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
