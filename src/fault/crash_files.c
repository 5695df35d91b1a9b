/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whose a block is, on ext2 to ext4: asked of debugfs (e2fsprogs), on the disk as the whole record
 * leaves it, where files have their blocks even if the crash would have lost that. What it prints
 * is read as text from outside; where it is missing, or another file system is there, nobody is
 * named.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "core/endian.h"
#include "fault/crash.h"

#define SUPER_AT  1024
#define MAGIC     0xef53
#define MOST_EACH 16 /* blocks of one write that are asked for */
#define MOST      256
#define JOURNAL   8
#define LOG_BLOCK 1024

/* The part of a superblock that is needed. Source: Linux, Documentation/filesystems/ext4. */
struct ext_super_disk {
	le32 before[6];
	le32 log_block_size; /* 1024 << this */
	le32 between[7];
	le32 magic; /* and 16 bits of state above it */
};
_Static_assert(offsetof(struct ext_super_disk, log_block_size) == 24, "on-disk format");
_Static_assert(offsetof(struct ext_super_disk, magic) == 56, "on-disk format");

struct block {
	size_t suspect;
	uint64_t block, inode;
};
struct names {
	const struct bp_crash *crash;
	const char *image;
	uint64_t block_bytes;
	VEC(struct block) blocks;
};

static uint64_t block_bytes_of(int fd)
{
	struct ext_super_disk super;

	if (pread(fd, &super, sizeof(super), SUPER_AT) != sizeof(super) ||
	    (le32_get(super.magic) & 0xffff) != MAGIC || le32_get(super.log_block_size) > 6)
		return 0;
	return (uint64_t)LOG_BLOCK << le32_get(super.log_block_size);
}

/* Of the file system; MOST_EACH and MOST bound what debugfs is asked. */
static int add_blocks(struct names *names, const struct bp_crash_result *result, size_t suspect)
{
	const struct bp_crash_suspect *s = &result->suspects.items[suspect];
	const struct log_entry *e = &names->crash->log.entries.items[s->index];
	uint64_t from = e->sector * names->crash->log.sector_bytes;
	uint64_t to = from + e->nr_sectors * names->crash->log.sector_bytes;
	size_t added = 0;

	if (e->flags & LOG_MARK || !e->nr_sectors || to > names->crash->info.disk_bytes)
		return 0;
	for (uint64_t b = from / names->block_bytes;
	     b * names->block_bytes < to && added < MOST_EACH && names->blocks.count < MOST;
	     b++, added++) {
		const struct block block = { suspect, b, 0 };

		if (vec_add(&names->blocks, &block) < 0)
			return bp_fail_memory(names->crash->ctx);
	}
	return 0;
}

/* Run debugfs; 0 with what it printed, or none of it. */
static void debugfs(const struct names *names, const char *request, struct strbuf *ret)
{
	const char *argv[] = { "debugfs", "-R", request, names->image, NULL };

	if (run_command(argv, ret) != 0)
		strbuf_clear(ret);
}

/* "BLOCK<tab>INODE" lines; other lines say that there is none. */
static void read_inodes(struct names *names, const char *text)
{
	for (; text && *text; text = strchr(text, '\n'), text += text != NULL) {
		uint64_t block, inode;

		if (sscanf(text, "%" SCNu64 "\t%" SCNu64, &block, &inode) != 2)
			continue;
		for (size_t i = 0; i < names->blocks.count; i++)
			if (names->blocks.items[i].block == block)
				names->blocks.items[i].inode = inode;
	}
}

/* One run of debugfs for all blocks: it reads the whole file system each time. */
static void find_inodes(struct names *names)
{
	_cleanup_(strbuf_done) struct strbuf request = { 0 }, answer = { 0 };

	strbuf_add(&request, "icheck");
	for (size_t i = 0; i < names->blocks.count; i++)
		strbuf_addf(&request, " %" PRIu64, names->blocks.items[i].block);
	debugfs(names, strbuf_text(&request), &answer);
	read_inodes(names, strbuf_text(&answer));
}

/* --- paths --- */

/* The path of an inode in "INODE<tab>PATH" lines. */
static void add_path(struct strbuf *ret, const char *answer, uint64_t inode)
{
	if (inode == JOURNAL) {
		strbuf_add(ret, "<journal>");
		return;
	}
	for (const char *line = answer; line && *line;
	     line = strchr(line, '\n'), line += line != NULL) {
		uint64_t found;
		int path = 0;

		if (sscanf(line, "%" SCNu64 "\t%n", &found, &path) != 1 || found != inode ||
		    !path)
			continue;
		/* Some versions begin with two. */
		path += line[path] == '/' && line[path + 1] == '/';
		strbuf_add_len(ret, line + path, strcspn(line + path, "\n"));
		return;
	}
	strbuf_addf(ret, "<inode %" PRIu64 ">", inode);
}

static bool told_already(const struct names *names, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (names->blocks.items[i].suspect == names->blocks.items[index].suspect &&
		    names->blocks.items[i].inode == names->blocks.items[index].inode)
			return true;
	return false;
}

/* Several files, as one write may span them. */
static int name_suspect(const struct names *names, const char *answer, size_t suspect,
			struct bp_crash_suspect *ret)
{
	_cleanup_(strbuf_done) struct strbuf files = { 0 };
	char *text;

	for (size_t i = 0; i < names->blocks.count; i++) {
		const struct block *b = &names->blocks.items[i];

		if (b->suspect != suspect || !b->inode || told_already(names, i))
			continue;
		if (files.len)
			strbuf_add(&files, ", ");
		add_path(&files, answer, b->inode);
	}
	if (strbuf_take(&files, &text) < 0)
		return bp_fail_memory(names->crash->ctx);
	ret->files = text;
	return 0;
}

/* The journal's inode has no path. */
static void find_paths(struct names *names, struct strbuf *ret)
{
	_cleanup_(strbuf_done) struct strbuf request = { 0 };
	bool any = false;

	strbuf_add(&request, "ncheck");
	for (size_t i = 0; i < names->blocks.count; i++)
		if (names->blocks.items[i].inode && names->blocks.items[i].inode != JOURNAL) {
			strbuf_addf(&request, " %" PRIu64, names->blocks.items[i].inode);
			any = true;
		}
	if (any)
		debugfs(names, strbuf_text(&request), ret);
}

/* Only for file systems that debugfs knows; otherwise suspects have no files. */
static int name_all(struct names *names, struct bp_crash_result *result)
{
	_cleanup_(strbuf_done) struct strbuf paths = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && names->block_bytes && i < result->suspects.count; i++)
		r = add_blocks(names, result, i);
	if (r == 0 && names->blocks.count) {
		find_inodes(names);
		find_paths(names, &paths);
	}
	for (size_t i = 0; r == 0 && i < result->suspects.count; i++)
		r = name_suspect(names, strbuf_text(&paths), i, &result->suspects.items[i]);
	return r;
}

/* Of the image with everything in it: names are as they were at the end. */
int crash_name_files(struct crash_bench *bench, struct bp_crash_result *result)
{
	struct names names = { .crash = bench->crash, .image = bench->tries[0].path };
	struct crash_state whole;
	int r;

	crash_state_in_order(bench->crash, bench->crash->log.entries.count, &whole);
	r = crash_image_make(bench->crash, &bench->base, &whole, bench->tries[0].image);
	if (r < 0)
		return r;
	names.block_bytes = block_bytes_of(bench->tries[0].image);
	r = name_all(&names, result);
	vec_done(&names.blocks);
	return r;
}
