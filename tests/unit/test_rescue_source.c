/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sources, and the bytes of volumes: every volume of tests/data/lvm, of any type, read from the
 * images of inactive disks, has the digest that the activated one had.
 */
#include "lvm_set.h"

#include <bedplate/export.h>
#include <bedplate/probe.h>
#include <bedplate/thin_dump.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

static struct bp_source_opts opts_of(const struct lvm_set *set)
{
	return (struct bp_source_opts){
		.size = sizeof(struct bp_source_opts),
		.pvs = (const char *const *)set->paths,
		.nr_pvs = set->nr,
	};
}

static size_t compared, refused;

/* "VG LV SHA256 UNREADABLE" */
static void check_volume(void *user, char *text)
{
	struct lvm_set *set = user;
	const struct bp_source_opts opts = opts_of(set);
	const struct bp_export_opts export = { .size = sizeof(export),
					       .flags = BP_EXPORT_SHA256 };
	struct bp_export_result result = { .size = sizeof(result) };
	char vg[129], lv[129], sha[65], output[] = "/tmp/bp-export-XXXXXX";
	unsigned long long unreadable;
	struct bp_source *source;
	struct bp_image *image;
	int fd;

	assert_int_equal(sscanf(text, "%128s %128s %64s %llu", vg, lv, sha, &unreadable), 4);
	assert_ok(bp_source_open(set->ctx, vg, &opts, &source));
	if (bp_image_open(source, lv, 0, &image) < 0) {
		if (!streq(sha, "-"))
			fail_msg("%s/%s: %s", vg, lv, bp_errmsg(set->ctx));
		refused++;
		bp_source_close(source);
		return;
	}
	fd = mkstemp(output);
	assert_true(fd >= 0);
	close(fd);
	if (unreadable) {
		assert_err(bp_export(image, output, &export, &result), ENODATA);
		refused++;
	} else if (!streq(sha, "-")) {
		if (bp_export(image, output, &export, &result) < 0)
			fail_msg("%s/%s: %s", vg, lv, bp_errmsg(set->ctx));
		if (!streq(result.sha256, sha))
			fail_msg("%s/%s: digest is %s", vg, lv, result.sha256);
		compared++;
	}
	unlink(output);
	bp_image_close(image);
	bp_source_close(source);
}

static void every_volume_has_its_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < nr_lvm_sets; i++) {
		struct lvm_set set;

		/* Their groups share a name, or hold no bytes. */
		if (streq(lvm_sets[i], "flags"))
			continue;
		lvm_set_open(&set, lvm_sets[i]);
		lvm_facts(lvm_sets[i],
			  ".vgs[]|.name as $v|.lvs[]|[$v,.name,"
			  "(if .sha256 then .sha256_active//\"-\" else \"-\" end),"
			  ".unreadable_bytes//0]|join(\" \")",
			  check_volume, &set);
		lvm_set_done(&set);
	}
	assert_true(compared >= 50);
	assert_true(refused >= 2);
}

/* --- names --- */

static const struct {
	const char *name;
	enum bp_source_kind kind;
	const char *says; /* canonical name, or what the message has */
	int error;
} names[] = {
	{ "vg0/pool", BP_SOURCE_POOL, "vg0/pool", 0 },
	{ "vg0", BP_SOURCE_POOL, "vg0/pool", 0 },
	{ "vg0-pool", BP_SOURCE_POOL, "vg0/pool", 0 },
	{ "vg0-pool-tpool", BP_SOURCE_POOL, "vg0/pool", 0 },
	{ "/dev/mapper/vg0-pool-tpool", BP_SOURCE_POOL, "vg0/pool", 0 },
	{ "/dev/vg0/pool", BP_SOURCE_POOL, "vg0/pool", 0 },
	{ "vg0/pool_tdata", BP_SOURCE_POOL, "vg0/pool", 0 },
	{ "vg0/pool_tmeta", BP_SOURCE_METADATA, "vg0/pool_tmeta", 0 },
	{ "vg0/alpha", BP_SOURCE_VOLUMES, "vg0/alpha", 0 },
	{ "vg0-alpha--snap", BP_SOURCE_VOLUMES, "vg0/alpha-snap", 0 },
	{ "vg1/pool", 0, "vg0/pool, vg0/alpha", ENXIO },
	{ "vg0/nothing", 0, "neither a file or device", ENXIO },
};

static void names_that_people_have(void **state)
{
	struct bp_source_opts opts;
	struct lvm_set set;

	(void)state;
	lvm_set_open(&set, "simple-pool");
	opts = opts_of(&set);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct bp_source *source = NULL;
		int r = bp_source_open(set.ctx, names[i].name, &opts, &source);

		if (r != -names[i].error)
			fail_msg("%s: %d: %s", names[i].name, r, bp_errmsg(set.ctx));
		if (r < 0) {
			assert_non_null(strstr(bp_errmsg(set.ctx), names[i].says));
			continue;
		}
		assert_int_equal(bp_source_kind(source), names[i].kind);
		assert_string_equal(bp_source_name(source), names[i].says);
		bp_source_close(source);
	}
	lvm_set_done(&set);
}

static int count_device(void *user, const struct bp_thin_device *device)
{
	(void)device;
	++*(size_t *)user;
	return 0;
}

/* Metadata calls take such a name once they were told to; what is written is refused. */
static void metadata_calls_take_names(void **state)
{
	struct bp_thin_check_result result = { .size = sizeof(result) };
	struct bp_thin_meta *meta;
	struct bp_source_opts opts;
	struct lvm_set set;
	size_t devices = 0;

	(void)state;
	lvm_set_open(&set, "simple-pool");
	opts = opts_of(&set);
	assert_err(bp_thin_open(set.ctx, "vg0/pool", NULL, &meta), ENOENT);
	assert_ok(bp_ctx_use_sources(set.ctx, &opts));
	assert_ok(bp_thin_open(set.ctx, "vg0/pool", NULL, &meta));
	assert_ok(bp_thin_devices(meta, count_device, &devices));
	assert_int_equal(devices, 4);
	bp_thin_close(meta);
	assert_ok(bp_thin_check(set.ctx, set.paths[0], NULL, &result));
	assert_int_equal(result.nr_fatal, 0);
	assert_int_equal(result.nr_devices, 4);
	assert_err(bp_thin_auto_repair(set.ctx, "vg0/pool", NULL, &result), EROFS);
	assert_ok(bp_ctx_use_sources(set.ctx, NULL));
	lvm_set_done(&set);
}

/* --- exporting --- */

static void nothing_is_exported_onto_its_source(void **state)
{
	struct bp_source_opts opts;
	struct bp_source *source;
	struct bp_image *image;
	struct lvm_set set;

	(void)state;
	lvm_set_open(&set, "simple-pool");
	opts = opts_of(&set);
	assert_ok(bp_source_open(set.ctx, "vg0/pool", &opts, &source));
	assert_ok(bp_image_open(source, "alpha", 0, &image));
	assert_err(bp_export(image, set.paths[0], NULL, NULL), EINVAL);
	assert_err(bp_image_open(source, "absent", 0, &image), ENODATA);
	assert_non_null(strstr(bp_errmsg(set.ctx), "4 alpha-snap"));
	bp_image_close(image);
	bp_source_close(source);
	lvm_set_done(&set);
}

struct bad {
	size_t nr;
	bp_bytes bytes;
};

static void count_bad(void *user, const struct bp_image_range *range)
{
	struct bad *bad = user;

	bad->nr++;
	bad->bytes += range->length;
}

/* With a disk missing the rest comes out, and every missing range is told. */
static void what_is_missing_is_told(void **state)
{
	struct bp_export_opts export = { .size = sizeof(export) };
	struct bp_export_result result = { .size = sizeof(result) };
	char output[] = "/tmp/bp-export-XXXXXX";
	struct bp_source_opts opts;
	struct bp_source *source;
	struct bp_image *image;
	struct lvm_set set;
	struct bad bad = { 0 };
	struct stat st;
	int fd = mkstemp(output);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	unlink(output);
	lvm_set_open(&set, "missing-pv");
	opts = opts_of(&set);
	assert_ok(bp_source_open(set.ctx, "vgm/pool", &opts, &source));
	assert_ok(bp_image_open(source, "half", 0, &image));
	assert_err(bp_export(image, output, &export, &result), ENODATA);
	assert_int_equal(stat(output, &st), -1);
	export.flags = BP_EXPORT_SKIP_BAD;
	export.bad = count_bad;
	export.user = &bad;
	assert_ok(bp_export(image, output, &export, &result));
	assert_int_equal(result.missing_bytes, 5111808);
	assert_int_equal(bad.bytes, 5111808);
	assert_true(bad.nr >= 1);
	assert_ok(stat(output, &st));
	assert_int_equal(st.st_size, 16777216);
	unlink(output);
	bp_image_close(image);
	bp_source_close(source);
	lvm_set_done(&set);
}

struct part {
	bp_bytes at, missing;
	unsigned nr;
};

static int add_part(void *user, const struct bp_image_range *range)
{
	struct part *part = user;

	assert_int_equal(range->offset, part->at);
	part->at += range->length;
	part->missing += range->kind == BP_IMAGE_MISSING ? range->length : 0;
	part->nr++;
	return 0;
}

static int stop_at_once(void *user, const struct bp_image_range *range)
{
	(void)user;
	(void)range;
	return 7;
}

/* A map asked for in parts, which end anywhere, says what the map of the whole says. */
static void maps_of_parts_make_the_whole(void **state)
{
	struct part whole = { 0 }, parts = { 0 };
	struct bp_source_opts opts;
	struct bp_source *source;
	struct bp_image *image;
	struct lvm_set set;
	bp_bytes size;

	(void)state;
	lvm_set_open(&set, "missing-pv");
	opts = opts_of(&set);
	assert_ok(bp_source_open(set.ctx, "vgm/pool", &opts, &source));
	assert_ok(bp_image_open(source, "half", 0, &image));
	size = bp_image_size(image);
	assert_ok(bp_image_map(image, add_part, &whole));
	while (parts.at < size) {
		bp_bytes at = parts.at, len = size - at < 100001 ? size - at : 100001;

		assert_ok(bp_image_map_part(image, at, len, add_part, &parts));
		assert_int_equal(parts.at, at + len);
	}
	assert_int_equal(whole.at, size);
	assert_int_equal(whole.missing, 5111808);
	assert_int_equal(parts.missing, whole.missing);
	assert_true(parts.nr > whole.nr);
	assert_int_equal(bp_image_map_part(image, 0, size, stop_at_once, NULL), 7);
	assert_ok(bp_image_map_part(image, size, 0, stop_at_once, NULL));
	assert_int_equal(bp_image_map_part(image, size, 1, stop_at_once, NULL), -ERANGE);
	assert_int_equal(bp_image_map_part(image, 1, size, stop_at_once, NULL), -ERANGE);
	assert_int_equal(bp_image_map_part(image, 1, UINT64_MAX, stop_at_once, NULL), -ERANGE);
	bp_image_close(image);
	bp_source_close(source);
	lvm_set_done(&set);
}

static int stop_soon(void *user, bp_bytes done, bp_bytes total)
{
	(void)user;
	(void)total;
	return done > 0;
}

/* Stopped, a file does not get its name. */
static void a_stopped_export_leaves_no_file(void **state)
{
	const struct bp_export_opts export = { .size = sizeof(export), .progress = stop_soon };
	char output[] = "/tmp/bp-export-XXXXXX";
	struct bp_source_opts opts;
	struct bp_source *source;
	struct bp_image *image;
	struct lvm_set set;
	struct stat st;
	int fd = mkstemp(output);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	unlink(output);
	lvm_set_open(&set, "simple-pool");
	opts = opts_of(&set);
	assert_ok(bp_source_open(set.ctx, "vg0/pool", &opts, &source));
	assert_ok(bp_image_open(source, "alpha", 0, &image));
	assert_err(bp_export(image, output, &export, NULL), ECANCELED);
	assert_int_equal(stat(output, &st), -1);
	bp_image_close(image);
	bp_source_close(source);
	lvm_set_done(&set);
}

/* A file in /tmp of @size, filled by @text where there is one. The name is the caller's, by @path. */
static void make_file(char *path, off_t size, const char *text)
{
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* Metadata without LVM, and its data beside it: as many of its volumes at a time as somebody wants. */
static void several_volumes_of_bare_metadata(void **state)
{
	static const char xml[] =
		"<superblock uuid=\"\" time=\"0\" transaction=\"0\" data_block_size=\"128\" "
		"nr_data_blocks=\"4\">"
		"<device dev_id=\"1\" mapped_blocks=\"1\" transaction=\"0\" "
		"creation_time=\"0\" "
		"snap_time=\"0\"><single_mapping origin_block=\"0\" data_block=\"2\" "
		"time=\"0\"/>"
		"</device>"
		"<device dev_id=\"7\" mapped_blocks=\"1\" transaction=\"0\" "
		"creation_time=\"0\" "
		"snap_time=\"0\"><single_mapping origin_block=\"0\" data_block=\"0\" "
		"time=\"0\"/>"
		"</device></superblock>";
	char text[] = "/tmp/bp-text-XXXXXX", metadata[] = "/tmp/bp-meta-XXXXXX";
	char data[] = "/tmp/bp-data-XXXXXX", got[4] = "";
	struct bp_source_opts opts = { .size = sizeof(opts), .data_path = data };
	struct bp_image *one, *seven;
	struct bp_source *source;
	struct bp_ctx *ctx;
	int fd;

	(void)state;
	make_file(text, 0, xml);
	make_file(metadata, 1 << 20, "");
	make_file(data, 4 * 65536, "own");
	fd = open(text, O_RDONLY | O_CLOEXEC);
	assert_ok(bp_ctx_new(&ctx));
	assert_ok(bp_thin_restore(ctx, fd, text, metadata, NULL));
	close(fd);
	assert_ok(bp_source_open(ctx, metadata, &opts, &source));
	assert_int_equal(bp_source_kind(source), BP_SOURCE_METADATA);
	assert_ok(bp_image_open(source, "1", 0, &one));
	assert_ok(bp_image_open(source, "7", 0, &seven));
	assert_ok(bp_image_read(one, 0, 3, got));
	assert_string_equal(got, "");
	assert_ok(bp_image_read(seven, 0, 3, got));
	assert_string_equal(got, "own");
	bp_image_close(seven);
	bp_image_close(one);
	bp_source_close(source);
	bp_ctx_free(ctx);
	unlink(text);
	unlink(metadata);
	unlink(data);
}

/* --- probing --- */

static const struct bp_probe_layer *find_layer(const struct bp_probe *probe,
					       enum bp_probe_kind kind, const char *name)
{
	for (size_t i = 0; i < bp_probe_count(probe); i++) {
		const struct bp_probe_layer *l = bp_probe_get(probe, i);

		if (l->kind == kind && l->name && streq(l->name, name))
			return l;
	}
	return NULL;
}

/* "NAME ID SIZE TRANSACTION SEQNO" */
static void check_removed(void *user, char *text)
{
	const struct bp_probe_layer *l;
	unsigned long long id, size, transaction, seqno;
	char name[129];

	assert_int_equal(sscanf(text, "%128s %llu %llu %llu %llu", name, &id, &size,
				&transaction, &seqno),
			 5);
	l = there(find_layer(user, BP_PROBE_REMOVED, name), name);
	assert_int_equal(l->id, id);
	assert_int_equal(l->size_bytes, size);
	assert_int_equal(l->lvm_transaction_id, transaction);
	assert_int_equal(l->seqno, seqno);
}

/* "NAME SIZE UUID MISSING" */
static void check_lv_layer(void *user, char *text)
{
	const struct bp_probe_layer *l;
	unsigned long long size;
	char name[129], uuid[65];

	assert_int_equal(sscanf(text, "%128s %llu %64s", name, &size, uuid), 3);
	l = there(find_layer(user, BP_PROBE_LV, name), name);
	assert_int_equal(l->size_bytes, size);
	assert_string_equal(l->uuid, uuid);
}

static void every_layer_is_told(void **state)
{
	static const char *const some[] = { "simple-pool",  "removed-lv",  "gpt-disk",
					    "tid-mismatch", "needs-check", "cachevol",
					    "multi-pv" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(some); i++) {
		struct bp_probe *probe;
		struct lvm_set set;

		lvm_set_open(&set, some[i]);
		assert_ok(bp_probe(set.ctx, (const char *const *)set.paths, set.nr, NULL,
				   &probe));
		lvm_facts(some[i], ".vgs[].lvs[]|[.name,.size,.uuid]|join(\" \")",
			  check_lv_layer, probe);
		lvm_facts(some[i],
			  ".vgs[]|.removed//[]|.[]|[.name,.id,.size,.lvm_transaction_id,"
			  ".last_seqno]|join(\" \")",
			  check_removed, probe);
		bp_probe_free(probe);
		lvm_set_done(&set);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_volume_has_its_bytes),
		cmocka_unit_test(names_that_people_have),
		cmocka_unit_test(metadata_calls_take_names),
		cmocka_unit_test(nothing_is_exported_onto_its_source),
		cmocka_unit_test(what_is_missing_is_told),
		cmocka_unit_test(maps_of_parts_make_the_whole),
		cmocka_unit_test(a_stopped_export_leaves_no_file),
		cmocka_unit_test(several_volumes_of_bare_metadata),
		cmocka_unit_test(every_layer_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
