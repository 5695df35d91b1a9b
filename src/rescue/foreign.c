/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Telling what somebody has given instead of a pool, and what to do with it: by a few bytes at the
 * beginning, by our own metadata's checksums, by libblkid. Reads 4 KiB, and what libblkid reads.
 */
#include "rescue/foreign.h"

#include "core/util.h"
#include "core/word.h"
#include "io/begins.h"
#include "io/io.h"
#include "io/probe.h"
#include "pdata/block.h"
#include "rescue/source.h"

#include <stdio.h>

/* What is to be said of libblkid's types; hints as in io/begins.h. */
static const struct {
	const char *type, *what, *hint;
} signatures[] = {
	{ "vdo", "a volume of vdo",
	  "'vdo inspect' and 'vdo check' look at it; its bytes are read where it is active" },
	{ "DM_integrity", "a device below dm-integrity",
	  "open it (integritysetup open % NAME), and give /dev/mapper/NAME" },
	{ "crypto_LUKS", "an encrypted device (LUKS)",
	  "open it (cryptsetup open --readonly % NAME), and give /dev/mapper/NAME" },
	{ "BitLocker", "an encrypted device (BitLocker)",
	  "open it (cryptsetup open --readonly --type bitlk % NAME), and give "
	  "/dev/mapper/NAME" },
	{ "DM_verity_hash", "the hashes of a dm-verity device",
	  "'verity verify' looks at it; the data are elsewhere" },
	{ "DM_snapshot_cow", "what a snapshot of LVM has of its own",
	  "its origin is needed too: give the volume group" },
	{ "linux_raid_member", "a part of an md array",
	  "assemble it (mdadm --assemble --readonly /dev/md/NAME %), and give the array" },
	{ "bcache", "a device of bcache", NULL },
	{ "swap", "swap space", NULL },
};

static void set_type(struct foreign *ret, const char *type, const char *what, const char *hint)
{
	*ret = (struct foreign){ .what = what, .hint = hint };
	snprintf(ret->type, sizeof(ret->type), "%s", type);
}

/* Without an entry here the type alone is told. */
void foreign_signature(const struct probe_signature *sig, struct foreign *ret)
{
	set_type(ret, sig->type, NULL, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(signatures); i++) {
		if (!streq(signatures[i].type, sig->type))
			continue;
		ret->what = signatures[i].what;
		ret->hint = signatures[i].hint;
	}
	if (!ret->what && streq(sig->usage, "filesystem"))
		ret->what = "a file system";
}

/* The type only where the words don't name it. */
void foreign_add_what(const struct foreign *is, struct strbuf *s)
{
	const char *what = is->what ? is->what : is->type;

	strbuf_add(s, what);
	if (!strstr(what, is->type))
		strbuf_addf(s, ": %s", is->type);
}

void foreign_add_hint(const struct foreign *is, const char *path, struct strbuf *s)
{
	for (const char *c = is->hint; c && *c; c++) {
		_cleanup_(strbuf_done) struct strbuf raw = { 0 };
		size_t name = c[0] == '%' && c[1] == '.' ? 1 + strcspn(c + 1, " ") : 1;

		if (*c != '%') {
			strbuf_add_char(s, *c);
			continue;
		}
		/* "%.raw" is one word with the path. */
		strbuf_add(&raw, path);
		strbuf_add_len(&raw, c + 1, name - 1);
		s->error = s->error ? s->error : raw.error;
		word_add_path(s, strbuf_text(&raw));
		c += name - 1;
	}
}

/*
 * By the first bytes: what people give by mistake (packed images, archives), with what to
 * do then.
 */
void foreign_look_at(const struct raw_image *image, bp_bytes offset, struct foreign *ret)
{
	char start[BEGINS_BYTES] = { 0 };
	const struct begins *is;
	bp_bytes size = offset < image->size ? image->size - offset : 0;

	*ret = (struct foreign){ 0 };
	if (raw_image_read(image, offset, (size_t)MIN(size, sizeof(start)), start) < 0)
		return;
	is = begins_as(start, sizeof(start));
	if (is)
		set_type(ret, is->type, is->what, is->hint);
}

/* Metadata of ours that is not a pool's. */
static int look_at_metadata(const struct raw_image *image, struct foreign *ret)
{
	_cleanup_(freep) uint8_t *block = io_buffer_new(1);
	enum block_kind kind;

	if (!block)
		return -ENOMEM;
	if (image->size < IO_BLOCK || raw_image_read(image, 0, IO_BLOCK, block) < 0)
		return -ENODATA;
	kind = block_kind_of(block);
	if (kind != BLOCK_CACHE_SUPERBLOCK && kind != BLOCK_ERA_SUPERBLOCK)
		return -ENODATA;
	*ret = (struct foreign){ .metadata = true };
	if (kind == BLOCK_CACHE_SUPERBLOCK) {
		snprintf(ret->type, sizeof(ret->type), "cache");
		ret->what = "the metadata of a cache";
		ret->hint = "cache_check and cache_repair are for it";
	} else {
		snprintf(ret->type, sizeof(ret->type), "era");
		ret->what = "the metadata of an era device";
		ret->hint = "era_check and era_repair are for it";
	}
	return 0;
}

/* What libblkid knows, and what of it deserves words of our own. */
static int look_at_signature(const struct raw_image *image, struct foreign *ret)
{
	struct probe_signature sig;
	int r = probe_signature(image->fd, 0, image->size, &sig);

	if (r < 0)
		return r == -ENOMEM ? r : -ENODATA;
	foreign_signature(&sig, ret);
	return 0;
}

/*
 * From the most certain to the least: magic, metadata, signature. -ENODATA: nothing is
 * known.
 */
int foreign_look(const struct raw_image *image, struct foreign *ret)
{
	int r;

	if (!image->size)
		return -ENODATA;
	foreign_look_at(image, 0, ret);
	if (ret->what)
		return 0;
	r = look_at_metadata(image, ret);
	return r == -ENODATA ? look_at_signature(image, ret) : r;
}

/*
 * Any block with a checksum of ours in the first 64 MiB: metadata whose beginning is lost
 * looks like nothing else.
 */
int foreign_has_blocks(const struct raw_image *image)
{
	enum { AT_A_TIME = 256 };
	_cleanup_(freep) uint8_t *buf = io_buffer_new(AT_A_TIME);
	bp_mblock nr = MIN(image->size, UINT64_C(64) << 20) / IO_BLOCK;

	if (!buf)
		return -ENOMEM;
	for (bp_mblock at = 1; at < nr; at += AT_A_TIME) {
		size_t n = (size_t)MIN(nr - at, (bp_mblock)AT_A_TIME);
		bp_bytes begin, end;

		raw_image_data_next(image, at * IO_BLOCK, n * IO_BLOCK, &begin, &end);
		if (begin == n * IO_BLOCK)
			continue;
		if (raw_image_read(image, at * IO_BLOCK, n * IO_BLOCK, buf) < 0)
			continue;
		for (size_t i = 0; i < n; i++)
			if (source_block_good(at + i, buf + i * IO_BLOCK))
				return 1;
	}
	return 0;
}
