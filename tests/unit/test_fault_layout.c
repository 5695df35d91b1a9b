/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where file systems keep their journals and metadata: of images that mke2fs made, what dumpe2fs and
 * debugfs say of them; of xfs a superblock made by hand, with numbers that xfs_db has shown. Then all
 * kinds of damage: nothing outside of the file system is named.
 */
#include "unit.h"

#include <bedplate/bedplate.h>
#include <stdio.h>

#include "core/strbuf.h"
#include "fault/fault.h"
#include "lib/image.h"

static int read_image(void *user, void *buf, size_t len, uint64_t offset)
{
	const struct image *image = user;

	assert_true(offset + len <= image->size);
	memcpy(buf, image->data + offset, len);
	return 0;
}

/* As "block+count ...", united. */
static char *layout_text(struct bp_ctx *ctx, const struct image *image, uint32_t classes,
			 uint32_t block_bytes)
{
	const struct layout_disk disk = { read_image, (void *)(uintptr_t)image, image->size };
	struct fault_ranges ranges = { 0 };
	struct strbuf s = { 0 };
	uint32_t sectors = block_bytes / 512;

	assert_ok(fault_layout(ctx, &disk, classes, &ranges));
	fault_ranges_unite(&ranges);
	for (size_t i = 0; i < ranges.count; i++)
		strbuf_addf(&s, "%s%llu+%llu", i ? " " : "",
			    (unsigned long long)ranges.items[i].start_sectors / sectors,
			    (unsigned long long)ranges.items[i].length_sectors / sectors);
	vec_done(&ranges);
	assert_ok(s.error);
	return s.text;
}

static const struct {
	const char *name;
	uint32_t block_bytes;
	const char *metadata, *journal;
} images[] = {
	{ "ext4-1k", 1024, "1+675 8193+675 16385+514 24577+675 32769+514", "16899+4096" },
	{ "ext4-64", 4096, "0+7 22+1 38+640", "12+10 23+15 679+999" },
	{ "ext4-metabg", 1024, "1+2572 8193+2 24577+1", "16385+4096" },
	{ "ext4-super2", 1024, "1+2828 8193+258 32769+258", "16385+4096" },
	{ "ext3", 1024, "1+509 8193+509 16385+428",
	  "524+12 537+256 795+256 1052+256 1309+244" },
};

static void each_image(void **state)
{
	struct bp_ctx *ctx;

	(void)state;
	assert_ok(bp_ctx_new(&ctx));
	for (size_t i = 0; i < ARRAY_SIZE(images); i++) {
		struct image image;
		char *text;

		image_load(&image, images[i].name);
		text = layout_text(ctx, &image, BP_FAULT_METADATA, images[i].block_bytes);
		assert_string_equal(text, images[i].metadata);
		free(text);
		text = layout_text(ctx, &image, BP_FAULT_JOURNAL, images[i].block_bytes);
		assert_string_equal(text, images[i].journal);
		free(text);
		image_done(&image);
	}
	bp_ctx_free(ctx);
}

static void put_be(uint8_t *p, unsigned bytes, uint64_t value)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
}

static void make_xfs(struct image *image)
{
	uint8_t *s;

	image_new(image, 300u << 20);
	s = image->data;
	memcpy(s, "XFSB", 4);
	put_be(s + 4, 4, 4096);
	put_be(s + 8, 8, 76800);
	put_be(s + 48, 8, 65542);
	put_be(s + 84, 4, 19200);
	put_be(s + 88, 4, 4);
	put_be(s + 96, 4, 16384);
	put_be(s + 102, 2, 512);
	s[124] = 15;
}

static void xfs(void **state)
{
	struct image image;
	struct bp_ctx *ctx;
	char *text;

	(void)state;
	assert_ok(bp_ctx_new(&ctx));
	make_xfs(&image);
	text = layout_text(ctx, &image, BP_FAULT_METADATA, 512);
	assert_string_equal(text, "0+4 153600+4 307200+4 460800+4");
	free(text);
	text = layout_text(ctx, &image, BP_FAULT_JOURNAL, 512);
	assert_string_equal(text, "307248+131072");
	free(text);
	image_done(&image);
	bp_ctx_free(ctx);
}

/* --- what can't be --- */

static const struct {
	const char *name; /* NULL: xfs */
	size_t at;
	unsigned bytes;
	uint64_t value; /* in the order of bytes of the file system */
	int errnum;
	const char *why;
} damages[] = {
	{ "ext4-1k", 1080, 2, 0, ENOTSUP, "neither ext2" },
	{ "ext4-1k", 1024 + 24, 4, 7, EUCLEAN, "superblock" },
	{ "ext4-1k", 1024 + 24, 4, 1, EUCLEAN, "superblock" },
	{ "ext4-1k", 1024 + 4, 4, 40961, EUCLEAN, "superblock" },
	{ "ext4-1k", 1024 + 32, 4, 0, EUCLEAN, "superblock" },
	{ "ext4-1k", 1024 + 40, 4, 0, EUCLEAN, "superblock" },
	{ "ext4-1k", 1024 + 88, 2, 100, EUCLEAN, "superblock" },
	{ "ext4-64", 1024 + 254, 2, 32, EUCLEAN, "superblock" },
	{ "ext4-1k", 1024 + 96, 4, 8, ENOTSUP, "journal device" },
	{ "ext4-1k", 1024 + 92, 4, 0, ENODATA, "no journal" },
	{ "ext4-1k", 1024 + 224, 4, 0, ENODATA, "another device" },
	{ "ext4-1k", 1024 + 224, 4, 99999, EUCLEAN, "journal's inode" },
	/* the first group's descriptor: inode table */
	{ "ext4-1k", 2048 + 8, 4, 40960, EUCLEAN, "inode table" },
	/* the journal's inode: root of its extents, and the one there */
	{ "ext4-1k", 164 * 1024 + 7 * 256 + 40, 2, 0, EUCLEAN, "map of the journal" },
	{ "ext4-1k", 164 * 1024 + 7 * 256 + 42, 2, 5, EUCLEAN, "map of the journal" },
	{ "ext4-1k", 164 * 1024 + 7 * 256 + 46, 2, 6, EUCLEAN, "map of the journal" },
	{ "ext4-1k", 164 * 1024 + 7 * 256 + 60, 4, 40000, EUCLEAN, "journal" },
	{ NULL, 4, 4, 1000, EUCLEAN, "superblock" },
	{ NULL, 8, 8, 76801, EUCLEAN, "superblock" },
	{ NULL, 88, 4, 5, EUCLEAN, "superblock" },
	{ NULL, 124, 1, 14, EUCLEAN, "superblock" },
	{ NULL, 48, 8, 0, ENODATA, "another device" },
	{ NULL, 48, 8, 4 << 15, EUCLEAN, "place of the log" },
	{ NULL, 96, 4, 76800, EUCLEAN, "log" },
};

static void damaged(void **state)
{
	struct bp_ctx *ctx;

	(void)state;
	assert_ok(bp_ctx_new(&ctx));
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		struct fault_ranges ranges = { 0 };
		struct layout_disk disk = { .read = read_image };
		struct image image;
		uint8_t *p;

		if (damages[i].name)
			image_load(&image, damages[i].name);
		else
			make_xfs(&image);
		disk.user = &image;
		disk.size_bytes = image.size;
		p = image.data + damages[i].at;
		if (!damages[i].name)
			put_be(p, damages[i].bytes, damages[i].value);
		for (unsigned b = 0; damages[i].name && b < damages[i].bytes; b++)
			p[b] = (uint8_t)(damages[i].value >> (8 * b));
		if (fault_layout(ctx, &disk, BP_FAULT_JOURNAL, &ranges) != -damages[i].errnum ||
		    !strstr(bp_errmsg(ctx), damages[i].why))
			fail_msg("row %zu: '%s'", i, bp_errmsg(ctx));
		vec_done(&ranges);
		image_done(&image);
	}
	bp_ctx_free(ctx);
}

struct failing {
	const struct image *image;
	unsigned left;
};

static int read_failing(void *user, void *buf, size_t len, uint64_t offset)
{
	struct failing *f = user;

	if (f->left-- == 0)
		return -EIO;
	return read_image((void *)(uintptr_t)f->image, buf, len, offset);
}

/* Each read in turn. */
static void failing_reads(void **state)
{
	struct image image;
	struct bp_ctx *ctx;
	unsigned n = 0;
	int r;

	(void)state;
	assert_ok(bp_ctx_new(&ctx));
	image_load(&image, "ext3");
	do {
		struct failing f = { &image, n++ };
		const struct layout_disk disk = { read_failing, &f, image.size };
		struct fault_ranges ranges = { 0 };

		r = fault_layout(ctx, &disk, BP_FAULT_JOURNAL | BP_FAULT_METADATA, &ranges);
		assert_true(r == 0 || r == -EIO);
		vec_done(&ranges);
	} while (r < 0 && n < 1000);
	assert_true(n > 10);
	assert_ok(r);
	image_done(&image);
	bp_ctx_free(ctx);
}

static void no_class(void **state)
{
	const struct layout_disk disk = { .size_bytes = 4096 };
	struct fault_ranges ranges = { 0 };
	struct bp_ctx *ctx;

	(void)state;
	assert_ok(bp_ctx_new(&ctx));
	assert_err(fault_layout(ctx, &disk, 0, &ranges), EINVAL);
	assert_err(fault_layout(ctx, &disk, 4, &ranges), EINVAL);
	bp_ctx_free(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_image), cmocka_unit_test(xfs),
		cmocka_unit_test(damaged),    cmocka_unit_test(failing_reads),
		cmocka_unit_test(no_class),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
