/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * LVM2 on disk, against images that LVM made (tests/data/lvm) and what an independent reader and
 * the activated volumes said of them.
 */
#include "unit.h"

#include "core/endian.h"
#include "core/sha256.h"
#include "lvm_set.h"

#include <stdio.h>
#include <sys/mman.h>

/* --- labels, areas, rings --- */

static void checksum_of_known_text(void **state)
{
	(void)state;
	assert_int_equal(lvm_crc("123456789", 9), 0x4991cf02);
}

static const struct lvm_found *found_pv(const struct lvm_scan *scan, const char *uuid)
{
	for (size_t i = 0; i < scan->found.count; i++)
		if (streq(scan->found.items[i]->label.uuid, uuid))
			return scan->found.items[i];
	return NULL;
}

/* "UUID OFFSET SECTOR SIZE NR_MDAS EXT_VERSION EXT_FLAGS" */
static void check_pv(void *user, char *text)
{
	const struct lvm_set *set = user;
	unsigned long long offset, sector, size, mdas, version, flags;
	const struct lvm_found *f;
	char uuid[LVM_UUID_SIZE];

	assert_int_equal(sscanf(text, "%38s %llu %llu %llu %llu %llu %llu", uuid, &offset,
				&sector, &size, &mdas, &version, &flags),
			 7);
	f = there(found_pv(set->scan, uuid), uuid);
	assert_int_equal(f->offset, offset);
	assert_int_equal(f->label.sector, sector);
	assert_int_equal(f->label.device_size, size);
	assert_int_equal(f->label.nr_mdas, mdas);
	assert_int_equal(f->label.ext_version, version);
	assert_int_equal(f->label.ext_flags, flags);
}

/* "UUID OFFSET IGNORED TEXT_OFFSET TEXT_SIZE WRAPPED OFFSET:SEQNO,OFFSET:SEQNO..." */
static void check_mda(void *user, char *text)
{
	const struct lvm_set *set = user;
	unsigned long long offset, text_offset, text_size;
	char uuid[LVM_UUID_SIZE], ignored[6], wrapped[6], *at;
	const struct lvm_found *f;
	const struct lvm_mda *mda = NULL;
	lvm_old_texts old = { 0 };
	int used;

	assert_int_equal(sscanf(text, "%38s %llu %5s %llu %llu %5s %n", uuid, &offset, ignored,
				&text_offset, &text_size, wrapped, &used),
			 6);
	f = there(found_pv(set->scan, uuid), uuid);
	for (unsigned i = 0; i < f->label.nr_mdas; i++)
		if (f->label.mdas[i].area.offset == offset)
			mda = &f->label.mdas[i];
	mda = there(mda, "metadata area");
	assert_true(mda->valid);
	assert_int_equal(mda->ignored, streq(ignored, "true"));
	if (!mda->ignored) { /* the other reader did not look at those */
		assert_int_equal(mda->text_offset, text_offset);
		assert_int_equal(mda->text_size, text_size);
	}
	assert_int_equal(mda->wrapped, streq(wrapped, "true"));

	assert_ok(lvm_ring_read(f->image, f->offset, mda, &old));
	at = text + used;
	for (size_t i = 0; i < old.count; i++) {
		char expected[64];
		size_t len = (size_t)snprintf(expected, sizeof(expected), "%llu:%llu,",
					      (unsigned long long)old.items[i].offset,
					      (unsigned long long)old.items[i].seqno);

		if (strncmp(at, expected, len) != 0)
			fail_msg("%s: text %s instead of %.20s", uuid, expected, at);
		at += len;
	}
	assert_string_equal(at, "");
	lvm_old_texts_done(&old);
}

/* --- volumes --- */

static void digest(struct map *map, char ret[SHA256_HEX_BYTES])
{
	_cleanup_(freep) uint8_t *buf = malloc(1 << 20);
	uint8_t sum[SHA256_BYTES];
	struct sha256 s;

	assert_non_null(buf);
	sha256_init(&s);
	for (bp_bytes at = 0; at < map->size; at += 1 << 20) {
		size_t len = (size_t)MIN(map->size - at, UINT64_C(1) << 20);

		assert_ok(map_read(map, at, len, buf));
		sha256_add(&s, buf, len);
	}
	sha256_finish(&s, sum);
	sha256_hex(sum, ret);
}

static size_t compared;

/* "VG LV SIZE VISIBLE SHA256" of volumes that need nothing but the text and images. */
static void check_lv(void *user, char *text)
{
	const struct lvm_set *set = user;
	char vg[129], lv[129], visible[6], sha[65], is[SHA256_HEX_BYTES];
	const struct lvm_group *group;
	const struct lvm_lv *found;
	struct map *map = NULL;
	unsigned long long size;
	bool many;

	assert_int_equal(sscanf(text, "%128s %128s %llu %5s %64s", vg, lv, &size, visible, sha),
			 5);
	group = there(lvm_scan_group(set->scan, vg, &many), vg);
	assert_false(many);
	found = there(lvm_lv_find(group->vg, lv), lv);
	assert_int_equal(found->size, size);
	if (found->visible != streq(visible, "true"))
		fail_msg("%s/%s: visible is %d", vg, lv, found->visible);
	/* The store of an old snapshot holds more than its volume shows. */
	if (streq(sha, "-") || !lvm_type_is_plain(lvm_lv_type(found)) ||
	    (found->visible && !text_has(found->node, "status", "VISIBLE")))
		return;
	if (lvm_lv_map(set->ctx, found, NULL, NULL, &map) < 0)
		return; /* a cache below, which is not this room's */
	digest(map, is);
	if (!streq(is, sha))
		fail_msg("%s/%s: digest is %s", vg, lv, is);
	compared++;
	map_free(map);
}

static void check_set(struct lvm_set *set, const char *name)
{
	assert_int_equal(lvm_facts(name,
				   ".pvs[]|[.uuid,.offset,.label_sector,.device_size,"
				   "(.mdas|length),.ext_version,.ext_flags]|join(\" \")",
				   check_pv, set),
			 set->scan->found.count);
	lvm_facts(name,
		  ".pvs[]|.uuid as $u|.mdas[]|select(.valid)|[$u,.offset,.ignored,"
		  ".text_offset//0,.text_size//0,.wrapped//false,"
		  "((.texts//[])|sort_by(.[1],.[0])|map(\"\\(.[0]):\\(.[1]),\")|add//\"\")]"
		  "|join(\" \")",
		  check_mda, set);
	assert_true(lvm_facts(name,
			      ".vgs[]|.name as $v|.lvs[]|[$v,.name,.size,.visible,"
			      ".sha256//\"-\"]|join(\" \")",
			      check_lv, set) > 0);
}

/* --- a ring made here --- */

#define ID            "abcdef-ghij-klmn-opqr-stuv-wxyz-012345"
#define GROUP(number) "vg {\nid = \"" ID "\"\nseqno = " number "\nstatus = [\"READ\"]\n}\n"
#define FORM          "contents = \"Text Format Volume Group\"\nversion = 1\n"

/*
 * Texts that are whole, of the version that is known, and no more of the ring than each has; also the
 * last one, which could have gone on at the ring's start.
 */
static void a_ring_of_texts(void **state)
{
	static const char *const texts[] = {
		GROUP("4") FORM,
		GROUP("5") "contents = \"Text Format Volume Group\"\n", /* of no version */
		GROUP("6") "contents = \"Text Format Volume Group\"\nversion = 2\n",
		GROUP("7") "contents = \"Something\"\nversion = 1\n",
		GROUP("3") FORM,
	};
	char area[4096] = "header", path[64];
	const struct lvm_mda mda = { .area = { .offset = 0, .size = sizeof(area) } };
	int fd = memfd_create("ring", MFD_CLOEXEC);
	struct raw_image *image;
	lvm_old_texts old = { 0 };
	struct bp_ctx *ctx;

	(void)state;
	/* A part of a text that began before, as an older one that was written over leaves it. */
	strcpy(area + 512, "x = 1 }\n");
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		strcpy(area + 1024 + i * 512, texts[i]);
	assert_int_equal(pwrite(fd, area, sizeof(area), 0), sizeof(area));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_ok(bp_ctx_new(&ctx));
	assert_ok(raw_image_open(ctx, path, &image));
	assert_ok(lvm_ring_read(image, 0, &mda, &old));
	assert_int_equal(old.count, 2);
	assert_int_equal(old.items[0].seqno, 3);
	assert_int_equal(old.items[0].offset, 1024 + 4 * 512);
	assert_int_equal(old.items[1].seqno, 4);
	for (size_t i = 0; i < old.count; i++)
		assert_int_equal(old.items[i].size, strlen(texts[i ? 0 : 4]));
	lvm_old_texts_done(&old);
	raw_image_close(image);
	bp_ctx_free(ctx);
	close(fd);
}

static void put_u32(uint8_t *at, uint32_t value)
{
	const le32 v = le32_make(value);

	memcpy(at, &v, sizeof(v));
}

static void put_u64(uint8_t *at, uint64_t value)
{
	const le64 v = le64_make(value);

	memcpy(at, &v, sizeof(v));
}

/* A label that says it is of sector @number, in sector @sector; its header at @header of that. */
static void put_label(uint8_t *data, unsigned sector, unsigned number, uint32_t header)
{
	uint8_t *p = data + sector * 512;

	memcpy(p, "LABELONE", 8);
	put_u64(p + 8, number);
	put_u32(p + 20, header);
	memcpy(p + 24, "LVM2 001", 8);
	if (header <= 512 - 72) { /* an id, a size, no areas */
		memset(p + header, 'a', 32);
		put_u64(p + header + 32, 1 << 20);
	}
	put_u32(p + 16, lvm_crc(p + 20, 512 - 20));
}

/* Copied to another sector, with a header that does not fit it: no label, whatever its checksum. */
static void labels_out_of_place(void **state)
{
	static const struct {
		unsigned sector, number;
		uint32_t header;
		bool good;
	} labels[] = {
		{ 1, 1, 32, true },   { 0, 0, 32, true },   { 3, 3, 440, true },
		{ 2, 1, 32, false },  { 0, 1, 32, false },  { 1, 1, 31, false },
		{ 1, 1, 480, false }, { 1, 1, 512, false }, { 1, 1, 1 << 20, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
		uint8_t data[LVM_LABEL_BYTES] = { 0 };
		struct lvm_label label;
		int r;

		put_label(data, labels[i].sector, labels[i].number, labels[i].header);
		r = lvm_label_decode(data, sizeof(data), &label);
		assert_int_equal(r, labels[i].good ? 0 : -ENODATA);
		if (labels[i].good)
			assert_int_equal(label.sector, labels[i].sector);
	}
}

/* The header of an area of 8 KiB, which says it is at @at, with a text of @size from @offset on. */
static struct lvm_mda area_of(uint64_t at, uint64_t offset, uint64_t size)
{
	struct lvm_mda mda = { .area = { .offset = 4096, .size = 8192 } };
	uint8_t p[512] = { 0 };

	memcpy(p + 4, "\040LVM2\040x[5A%r0N*>", 16);
	put_u32(p + 20, 1);
	put_u64(p + 24, at);
	put_u64(p + 32, 8192);
	put_u64(p + 40, offset);
	put_u64(p + 48, size);
	put_u32(p, lvm_crc(p + 4, sizeof(p) - 4));
	lvm_mda_decode(p, &mda);
	return mda;
}

/* A header that was copied with its disk's beginning is none; texts fit the ring. */
static void areas_out_of_place(void **state)
{
	(void)state;
	assert_true(area_of(4096, 512, 100).valid);
	assert_int_equal(area_of(4096, 512, 100).text_size, 100);
	assert_false(area_of(8192, 512, 100).valid);
	assert_int_equal(area_of(4096, 511, 100).text_size, 0);
	assert_int_equal(area_of(4096, 8192, 100).text_size, 0);
	assert_int_equal(area_of(4096, 512, 8192 - 512).text_size, 8192 - 512);
	assert_int_equal(area_of(4096, 512, 8192 - 511).text_size, 0);
	/* Up to the end, and beyond it. */
	assert_false(area_of(4096, 8000, 192).wrapped);
	assert_true(area_of(4096, 8000, 193).wrapped);
}

static void labels_rings_and_volumes_of_all_images(void **state)
{
	(void)state;
	for (size_t i = 0; i < nr_lvm_sets; i++) {
		struct lvm_set set;

		lvm_set_open(&set, lvm_sets[i]);
		check_set(&set, lvm_sets[i]);
		lvm_set_done(&set);
	}
	assert_true(compared >= 20);
}

/* With one image gone the raids that can lose one still give the same bytes. */
static void raids_that_lost_an_image(void **state)
{
	static const char *const survive[] = { "raid4",   "raid5la", "raid5ra",
					       "raid5rs", "raid5n",  "raid5ls",
					       "raid10",  "raid1",   "mirror" };
	struct lvm_scan *less;
	struct lvm_set set;
	size_t seen = 0;

	(void)state;
	lvm_set_open(&set, "raid-layouts");
	assert_ok(lvm_scan_new(set.ctx, (const char *const *)set.paths + 1, set.nr - 1, NULL,
			       &less));
	assert_int_equal(less->groups.items[0].nr_missing, 1);
	for (size_t i = 0; i < ARRAY_SIZE(survive); i++) {
		const struct lvm_lv *lv = lvm_lv_find(set.scan->groups.items[0].vg, survive[i]);
		char before[SHA256_HEX_BYTES], after[SHA256_HEX_BYTES];
		struct map *map;

		if (!lv)
			continue;
		seen++;
		assert_ok(lvm_lv_map(set.ctx, lv, NULL, NULL, &map));
		digest(map, before);
		map_free(map);
		lv = lvm_lv_find(less->groups.items[0].vg, survive[i]);
		assert_ok(lvm_lv_map(set.ctx, lv, NULL, NULL, &map));
		digest(map, after);
		map_free(map);
		assert_string_equal(after, before);
	}
	lvm_scan_free(less);
	lvm_set_done(&set);
	assert_true(seen >= 6);
}

/* --- texts --- */

static const struct {
	const char *text, *what; /* what: NULL where it is right */
} texts[] = {
	{ "a = 1 b = \"x\"", NULL },
	{ "a { b { c = [1, \"x\", -2] } } # end", NULL },
	{ "list = [\n1\n2,]", NULL },
	{ "description = \"a { # } \\\" \\\\ \"", NULL },
	{ "", NULL },
	{ "a", "neither '=' nor '{' behind a key" },
	{ "a = ", "a value is missing" },
	{ "a = \"x", "a string that does not end" },
	{ "a = [1, 2", "a list that does not end" },
	{ "a { b = 1", "a section that does not end" },
	{ "}", "'}' without a section" },
	{ "a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{", "too many sections in one another" },
	{ "= 3", "a word is missing" },
};

static void texts_right_and_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const struct text_node *top = NULL;
		struct text_error error;
		struct arena arena = { 0 };
		int r = text_parse(&arena, texts[i].text, strlen(texts[i].text), &top, NULL,
				   &error);

		assert_int_equal(r, texts[i].what ? -EINVAL : 0);
		if (texts[i].what)
			assert_string_equal(error.what, texts[i].what);
		arena_done(&arena);
	}
}

static void values_of_a_text(void **state)
{
	static const char text[] =
		"vg { n = 017 s = \"a\\\"b\\\\c\\d\" one = \"x\" l = [\"x\", 2] }\n";
	const struct text_node *top, *vg;
	struct arena arena = { 0 };

	(void)state;
	assert_ok(text_parse(&arena, text, sizeof(text), &top, NULL, NULL));
	vg = text_section(top, "vg");
	assert_int_equal(text_number(vg, "n", 0), 17);
	assert_int_equal(text_number(vg, "absent", 5), 5);
	assert_string_equal(text_string(vg, "s"), "a\"b\\c\\d");
	assert_true(text_has(vg, "one", "x"));
	assert_true(text_has(vg, "l", "x"));
	assert_false(text_has(vg, "l", "y"));
	assert_null(text_items(vg, "one")->next);
	arena_done(&arena);
}

/* Texts that parse and describe what can't be. */
static const struct {
	const char *text, *why;
} groups[] = {
	{ "contents = 1", "no volume group" },
	{ "v { id = \"x\" }", "extent size" },
	{ "v { id = \"x\" extent_size = 8 physical_volumes { pv0 { pe_start = 1 } } }",
	  "without id" },
	{ "v { id = \"x\" extent_size = 8 logical_volumes { a { segment1 { start_extent = 1 "
	  "extent_count = 1 type = \"zero\" } } } }",
	  "gap" },
	{ "v { id = \"x\" extent_size = 8 logical_volumes { a { segment1 { start_extent = 0 "
	  "extent_count = 1 stripes = [\"pv9\", 0] } } } }",
	  "not there" },
	{ "v { id = \"x\" extent_size = 8 logical_volumes { a { segment1 { start_extent = 0 "
	  "extent_count = 9223372036854775807 type = \"zero\" } } } }",
	  "bounds" },
};

static void groups_that_cannot_be(void **state)
{
	struct bp_ctx *ctx;

	(void)state;
	assert_ok(bp_ctx_new(&ctx));
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		struct lvm_vg *vg;

		assert_err(lvm_vg_parse(ctx, groups[i].text, strlen(groups[i].text), &vg),
			   EINVAL);
		if (!strstr(bp_errmsg(ctx), groups[i].why))
			fail_msg("'%s' lacks '%s'", bp_errmsg(ctx), groups[i].why);
	}
	bp_ctx_free(ctx);
}

/* A volume that lies on itself, straight or by way of another, ends in an error. */
static void volumes_that_lie_on_themselves(void **state)
{
	static const char text[] =
		"v { id = \"x\" extent_size = 8 logical_volumes {\n"
		"a { segment1 { start_extent = 0 extent_count = 1 stripes = [\"b\", 0] } }\n"
		"b { segment1 { start_extent = 0 extent_count = 1 type = \"raid1\" "
		"raids = [\"a\", \"a\", \"a\", \"a\"] } } } }";
	struct bp_ctx *ctx;
	struct lvm_vg *vg;
	struct map *map;

	(void)state;
	assert_ok(bp_ctx_new(&ctx));
	assert_ok(lvm_vg_parse(ctx, text, sizeof(text), &vg));
	assert_err(lvm_lv_map(ctx, lvm_lv_find(vg, "a"), NULL, NULL, &map), ENOTSUP);
	lvm_vg_free(vg);
	bp_ctx_free(ctx);
}

static void digests_of_the_standard(void **state)
{
	static const struct {
		const char *text, *digest;
	} known[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		uint8_t sum[SHA256_BYTES];
		char hex[SHA256_HEX_BYTES];
		struct sha256 s;

		sha256_init(&s);
		for (const char *p = known[i].text; *p; p++)
			sha256_add(&s, p, 1);
		sha256_finish(&s, sum);
		sha256_hex(sum, hex);
		assert_string_equal(hex, known[i].digest);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksum_of_known_text),
		cmocka_unit_test(digests_of_the_standard),
		cmocka_unit_test(texts_right_and_wrong),
		cmocka_unit_test(values_of_a_text),
		cmocka_unit_test(groups_that_cannot_be),
		cmocka_unit_test(volumes_that_lie_on_themselves),
		cmocka_unit_test(a_ring_of_texts),
		cmocka_unit_test(labels_out_of_place),
		cmocka_unit_test(areas_out_of_place),
		cmocka_unit_test(labels_rings_and_volumes_of_all_images),
		cmocka_unit_test(raids_that_lost_an_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
