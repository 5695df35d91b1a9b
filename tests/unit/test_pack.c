/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Packs: every block comes back, whatever the size, and damaged packs are told. */
#include "context_test.h"

#include "core/strbuf.h"
#include "draw.h"
#include "formats/pack/code.h"
#include "formats/pack/pack.h"
#include "image.h"
#include "pdata/btree.h"

static uint32_t pick(uint32_t below)
{
	return (uint32_t)draw(below);
}

/* --- blocks --- */

/* A leaf or internal node with entries in random runs, and stale bytes behind them. */
static void make_node(uint8_t *block, bp_mblock nr)
{
	static const uint32_t sizes[] = { 4, 8, 12, 16, 24 };
	struct btree_node_disk *node = (void *)block;
	bool leaf = pick(4) > 0;
	uint32_t size = leaf ? sizes[pick(ARRAY_SIZE(sizes))] : 8, max = node_capacity(size);
	uint64_t key = pick(1000), value = (uint64_t)pick(100000) << 24;
	uint8_t *values = (uint8_t *)(node->keys + max);

	for (size_t i = 0; i < IO_BLOCK; i++)
		block[i] = pick(3) ? 0 : (uint8_t)pick(256);
	*node = (struct btree_node_disk){
		.flags = le32_make(leaf ? NODE_LEAF : NODE_INTERNAL),
		.nr_entries = le32_make(pick(max + 1)),
		.max_entries = le32_make(max),
		.value_size = le32_make(size),
	};
	for (uint32_t i = 0; i < le32_get(node->nr_entries); i++) {
		key += pick(5) ? 1 : pick(1u << 31);
		value += pick(5) ? 1u << 24 : (uint64_t)pick(1u << 31) << pick(30);
		node->keys[i] = le64_make(key);
		if (size == 8)
			((le64 *)(void *)values)[i] = le64_make(value);
	}
	block_seal(block, BLOCK_NODE, nr);
}

static void make_any(uint8_t *block, bp_mblock nr)
{
	static const enum block_kind kinds[] = { BLOCK_THIN_SUPERBLOCK, BLOCK_BITMAP,
						 BLOCK_INDEX, BLOCK_ARRAY };

	if (pick(3)) {
		make_node(block, nr);
		return;
	}
	for (size_t i = 0; i < IO_BLOCK; i++)
		block[i] = pick(8) ? 0xaa : (uint8_t)pick(256);
	block_seal(block, kinds[pick(ARRAY_SIZE(kinds))], nr);
}

static void blocks_come_back(void **state)
{
	static uint8_t block[IO_BLOCK], back[IO_BLOCK], coded[CODE_MAX];

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		size_t len;

		make_any(block, i);
		/* Any header must do, if only as a literal. */
		if (pick(8) == 0)
			block[16 + pick(16)] = (uint8_t)pick(256);
		len = code_encode(block, BLOCK_NODE, coded);
		assert_true(len > 0 && len <= CODE_MAX);
		assert_int_equal(code_decode(coded, len, back), len);
		assert_memory_equal(block, back, IO_BLOCK);
		assert_int_equal(code_decode(coded, len, NULL), len);
		/* Nothing less will do. */
		for (unsigned k = 0; k < 20; k++) {
			size_t less = pick((uint32_t)len);

			assert_int_equal(code_decode(coded, less, back), 0);
			assert_int_equal(code_decode(coded, less, NULL), 0);
		}
		/* Whatever the bytes say, asked and done are the same. */
		coded[pick((uint32_t)len)] = (uint8_t)pick(256);
		assert_int_equal(code_decode(coded, len, NULL), code_decode(coded, len, back));
	}
}

/* Headers that leave room for nothing behind the last key, or the last value. */
static void full_nodes_come_back(void **state)
{
	static const struct {
		uint32_t max, value_size;
	} shapes[] = { { 508, 0 }, { 254, 8 }, { 127, 24 }, { 0, 0 }, { 0, 8 }, { 1, 4056 } };
	static uint8_t block[IO_BLOCK], back[IO_BLOCK], coded[CODE_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct btree_node_disk *node = (void *)block;
		size_t len;

		make_node(block, i);
		node->max_entries = le32_make(shapes[i].max);
		node->value_size = le32_make(shapes[i].value_size);
		len = code_encode(block, BLOCK_NODE, coded);
		assert_int_equal(code_decode(coded, len, back), len);
		assert_memory_equal(block, back, IO_BLOCK);
	}
}

static void instructions_do_as_they_say(void **state)
{
	/* A literal fills what a row leaves of the block. */
	static const struct {
		uint8_t code[24];
		size_t len;
		uint64_t numbers[4];
		size_t nr;
	} rows[] = {
		{ { 0x01, 7, 0x13, 0x33, 0x52 }, 5, { 7, 10, 7, 7 }, 4 }, /* 5: one too many */
		{ { 0x01, 7, 0x72, 0x15, 0x51 }, 5, { 7, 12, 17, 17 }, 4 },
		{ { 0x02, 0x34, 0x12, 0x21, 0x10, 0x41, 0x20 },
		  7,
		  { 0x1234, 0x1244, 0x1224 },
		  3 },
		{ { 0x60, 3, 0x01, 9 }, 4, { 0, 0, 0, 9 }, 4 },
		{ { 0x80, 3, 0x31 }, 3, { UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - 2 }, 3 },
		{ { 0xb0, 2, 0x01, 1, 0x11, 0x01, 3, 0x50, 0x51 },
		  9,
		  { 1u << 24 | 3, 2u << 24 | 3 },
		  2 },
	};
	uint8_t code[32 + IO_BLOCK], block[IO_BLOCK];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t len = rows[i].len, rest = IO_BLOCK - 8 * rows[i].nr - (i == 0 ? 8 : 0);
		le64 number;

		memcpy(code, rows[i].code, len);
		code[len++] = 0xa2;
		code[len++] = (uint8_t)rest;
		code[len++] = (uint8_t)(rest >> 8);
		memset(code + len, 0x77, rest);
		len += rest;
		assert_int_equal(code_decode(code, len, block), len);
		assert_int_equal(code_decode(code, len, NULL), len);
		for (size_t k = 0; k < rows[i].nr; k++) {
			memcpy(&number, block + 8 * k, 8);
			assert_true(le64_get(number) == rows[i].numbers[k]);
		}
		assert_int_equal(block[IO_BLOCK - 1], 0x77);
	}
}

/* --- packs in memory --- */

static int keep(void *user, const char *bytes, size_t len)
{
	strbuf_add_len(user, bytes, len);
	return ((struct strbuf *)user)->error;
}

static int read_text(void *user, uint64_t offset, size_t len, void *buf)
{
	memcpy(buf, ((const struct strbuf *)user)->text + offset, len);
	return 0;
}

static struct pack_source source_of(struct strbuf *text)
{
	return (struct pack_source){
		.read = read_text,
		.user = text,
		.size = text->len,
		.name = "x",
	};
}

static int pack(const struct image *image, uint32_t flags, unsigned workers,
		struct strbuf *text, struct bp_thin_pack_result *res)
{
	const struct bp_thin_pack_opts opts = { .flags = flags, .workers = workers };
	struct io *io = image_io(image);
	int r;

	*text = (struct strbuf){ 0 };
	*res = (struct bp_thin_pack_result){ .size = sizeof(*res) };
	r = pack_write(ctx, io, &opts, keep, text, res);
	io_close(io);
	return r;
}

static int unpack_to(struct strbuf *text, struct io *io, bool zero, unsigned workers)
{
	const struct bp_thin_pack_opts opts = { .workers = workers };
	const struct pack_source source = source_of(text);
	struct pack p;
	uint64_t records;
	int r = pack_open(ctx, &source, &p);

	if (r < 0)
		return r;
	r = pack_unpack(&p, io, zero, &opts, &records);
	pack_close(&p);
	return r;
}

static int unpack(struct strbuf *text, const struct image *to, bool zero)
{
	struct io *io = image_io(to);
	int r = unpack_to(text, io, zero, 0);

	io_close(io);
	return r;
}

static void round_trip(bp_mblock nr_blocks)
{
	struct bp_thin_pack_result res;
	struct image from, to;
	struct strbuf text, again;
	uint64_t nr = 0;

	image_new(&from, (size_t)nr_blocks * IO_BLOCK);
	image_new(&to, (size_t)nr_blocks * IO_BLOCK);
	for (bp_mblock b = 0; b < nr_blocks; b++) {
		if (b != 0 && b + 1 != nr_blocks && pick(4) == 0)
			continue;
		make_any(image_block(&from, b), b);
		nr++;
	}
	assert_ok(pack(&from, 0, 0, &text, &res));
	assert_int_equal(res.nr_packed, nr);
	assert_int_equal(res.nr_blocks, nr_blocks);
	assert_int_equal(res.pack_bytes, text.len);
	assert_ok(unpack(&text, &to, false));
	assert_memory_equal(from.data, to.data, from.size);

	/* The same with another number of workers. */
	assert_ok(pack(&from, 0, 3, &again, &res));
	assert_int_equal(text.len, again.len);
	assert_memory_equal(text.text, again.text, text.len);

	/* What lay there before goes, on request. */
	memset(to.data, 0x11, to.size);
	assert_ok(unpack(&text, &to, true));
	assert_memory_equal(from.data, to.data, from.size);
	strbuf_done(&text);
	strbuf_done(&again);
	image_done(&from);
	image_done(&to);
}

/* BEDPLATE_TEST_SIZES=5000 tries each size up to that. */
static void every_size_comes_back(void **state)
{
	static const bp_mblock others[] = { 999,  1000, 1023, 1024, 1025, 2047, 2048,
					    2049, 4095, 4096, 4097, 4100, 5000 };
	const char *most = getenv("BEDPLATE_TEST_SIZES");

	(void)state;
	for (bp_mblock nr = 1; nr <= (most ? strtoull(most, NULL, 10) : 140); nr++)
		round_trip(nr);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		round_trip(others[i]);
}

static void damaged_blocks_are_kept_on_request(void **state)
{
	struct bp_thin_pack_result res;
	struct image from, to;
	struct strbuf text;

	(void)state;
	image_load(&from, "thin-leaf-csum");
	image_new(&to, from.size);
	assert_ok(pack(&from, 0, 0, &text, &res));
	assert_int_equal(res.nr_damaged, 1);
	assert_ok(unpack(&text, &to, false));
	assert_memory_not_equal(from.data, to.data, from.size);
	strbuf_done(&text);

	assert_ok(pack(&from, BP_THIN_PACK_DAMAGED, 0, &text, &res));
	assert_int_equal(res.nr_damaged, 1);
	assert_ok(unpack(&text, &to, false));
	assert_memory_equal(from.data, to.data, from.size);
	strbuf_done(&text);
	image_done(&from);
	image_done(&to);
}

/* --- damage and failures --- */

static void damaged_packs_are_told(void **state)
{
	struct bp_thin_pack_result res;
	struct image from, to;
	struct strbuf text, bad;

	(void)state;
	image_load(&from, "thin-refs");
	image_new(&to, from.size);
	assert_ok(pack(&from, 0, 0, &text, &res));
	/* Blocks of a device that has none. */
	bad = (struct strbuf){ 0 };
	strbuf_add_len(&bad, text.text, text.len);
	memset(bad.text + 24, 0, 8);
	assert_err(unpack(&bad, &to, false), EUCLEAN);
	strbuf_done(&bad);
	for (size_t i = 0; i < 600; i++) {
		size_t at = i < 40 ? i : pick((uint32_t)text.len);
		int r;

		bad = (struct strbuf){ 0 };
		strbuf_add_len(&bad, text.text, text.len);
		bad.text[at] = (char)(bad.text[at] ^ (1 << pick(8)));
		/* A flag of the stream's header may change nothing. */
		memset(to.data, 0, to.size);
		r = unpack(&bad, &to, false);
		if (r == 0)
			assert_memory_equal(from.data, to.data, from.size);
		else
			assert_true(r == -EUCLEAN || r == -EINVAL || r == -ENOTSUP ||
				    r == -ENOSPC);
		/* Cut off anywhere, too. Behind the header it is a pack without blocks. */
		bad.len = pick((uint32_t)text.len);
		if (bad.len != PACK_HEADER_BYTES)
			assert_true(unpack(&bad, &to, false) < 0);
		strbuf_done(&bad);
	}
	strbuf_done(&text);
	image_done(&from);
	image_done(&to);
}

static int unpack_faulty(struct strbuf *text, const struct image *to,
			 const struct io_fault_plan *plan, struct io_fault_counts *counts)
{
	struct io *fault;
	int r;

	assert_ok(io_fault_new(image_io(to), plan, &fault));
	r = unpack_to(text, fault, true, 1);
	*counts = io_fault_counts_get(fault);
	io_close(fault);
	return r;
}

/* Each write failing in turn, and each flush: no valid block 0 is left before the end. */
static void failing_writes_leave_no_metadata(void **state)
{
	struct io_fault_plan plan = { .error = -EIO };
	struct bp_thin_pack_result res;
	struct io_fault_counts counts;
	struct image from, to;
	struct strbuf text;

	(void)state;
	image_load(&from, "thin-small");
	image_load(&to, "thin-refs");
	to.size = from.size = 64 * IO_BLOCK;
	assert_ok(pack(&from, 0, 1, &text, &res));
	for (plan.what = IO_FAULT_WRITE_NTH;; plan.at++) {
		int r = unpack_faulty(&text, &to, &plan, &counts);

		if (counts.blocks_written <= plan.at) {
			assert_ok(r);
			break;
		}
		assert_err(r, EIO);
		assert_why("cannot write block");
		/* The first leaves what was there. */
		if (plan.at > 0)
			assert_int_equal(block_kind_of(to.data), BLOCK_UNKNOWN);
	}
	assert_true(plan.at > 60);
	assert_memory_equal(from.data, to.data, from.size);
	plan.what = IO_FAULT_FLUSH_NTH;
	for (plan.at = 0; plan.at < 3; plan.at++)
		assert_err(unpack_faulty(&text, &to, &plan, &counts), EIO);
	strbuf_done(&text);
	from.size = from.mapped;
	image_done(&from);
	image_done(&to);
}

static void failing_reads_are_told(void **state)
{
	const struct bp_thin_pack_opts opts = { .workers = 1 };
	struct io_fault_plan plan = { .what = IO_FAULT_READ_BLOCK, .error = -EIO };
	struct bp_thin_pack_result res;
	struct strbuf text = { 0 };
	struct image from;

	(void)state;
	image_load(&from, "thin-small");
	for (plan.at = 0; plan.at < 1024; plan.at += 31) {
		struct io *fault;

		assert_ok(io_fault_new(image_io(&from), &plan, &fault));
		assert_err(pack_write(ctx, fault, &opts, keep, &text, &res), EIO);
		assert_why("cannot read");
		io_close(fault);
	}
	strbuf_done(&text);
	image_done(&from);
}

static int full(void *user, const char *bytes, size_t len)
{
	(void)bytes;
	*(size_t *)user += len;
	return *(size_t *)user > 2000 ? -ENOSPC : 0;
}

static int cancel(void *user, uint64_t done, uint64_t total)
{
	(void)user, (void)done, (void)total;
	return 1;
}

static void callers_are_heeded(void **state)
{
	struct bp_thin_pack_opts opts = { .workers = 2 };
	struct bp_thin_pack_result res;
	struct image from;
	struct strbuf text;
	struct io *io;
	size_t sum = 0;

	(void)state;
	image_load(&from, "thin-refs");
	io = image_io(&from);
	assert_err(pack_write(ctx, io, &opts, full, &sum, &res), ENOSPC);
	opts.workers = 1;
	opts.progress = cancel;
	text = (struct strbuf){ 0 };
	assert_err(pack_write(ctx, io, &opts, keep, &text, &res), ECANCELED);
	io_close(io);
	strbuf_done(&text);
	image_done(&from);
}

/* --- files --- */

static void a_pack_reads_as_blocks(void **state)
{
	struct bp_thin_pack_opts force = { .size = sizeof(force), .flags = BP_THIN_PACK_FORCE };
	struct bp_thin_pack_result res = { .size = sizeof(res) };
	char *path, *packed, *back;
	struct image image;
	uint8_t *block = io_buffer_new(1);
	struct io *io;

	(void)state;
	image_load(&image, "thin-msnap");
	path = image_file(&image);
	packed = image_file(&image);
	back = image_file(&image);
	assert_err(bp_thin_pack(ctx, path, packed, NULL, &res), EEXIST);
	assert_int_equal(bp_error_get(ctx)->code, BP_E_METADATA_EXISTS);
	assert_err(bp_thin_pack(ctx, path, path, &force, &res), EINVAL);
	assert_ok(bp_thin_pack(ctx, path, packed, &force, &res));
	assert_int_equal(res.nr_blocks, 1024);
	assert_err(bp_thin_pack(ctx, path, packed, NULL, &res), EEXIST);

	assert_ok(pack_io_open(ctx, packed, &io));
	assert_int_equal(io->nr_blocks, 1024);
	for (bp_mblock nr = 0; nr < 1024; nr++) {
		assert_ok(io_read(io, nr, 1, block));
		assert_memory_equal(block, image_block(&image, nr), IO_BLOCK);
	}
	io_close(io);
	assert_err(pack_io_open(ctx, path, &io), EINVAL);
	assert_why("Not a pack file");

	assert_err(bp_thin_unpack(ctx, packed, back, NULL, NULL), EEXIST);
	assert_err(bp_thin_unpack(ctx, path, back, &force, NULL), EINVAL);
	assert_ok(bp_thin_unpack(ctx, packed, back, &force, &res));
	image_unlink(path);
	image_unlink(packed);
	image_unlink(back);
	image_done(&image);
	free(block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_come_back),
		cmocka_unit_test(full_nodes_come_back),
		cmocka_unit_test(instructions_do_as_they_say),
		cmocka_unit_test(every_size_comes_back),
		cmocka_unit_test(damaged_blocks_are_kept_on_request),
		cmocka_unit_test(damaged_packs_are_told),
		cmocka_unit_test(failing_writes_leave_no_metadata),
		cmocka_unit_test(failing_reads_are_told),
		cmocka_unit_test(callers_are_heeded),
		cmocka_unit_test(a_pack_reads_as_blocks),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
