/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any sizes to format with: they are refused with a reason, or make a volume that, written and
 * read back, is the same and without fault. An input is the five numbers, 64 bits each.
 */
#include "fuzz.h"

#include "formats/vdo/vdo.h"

struct input {
	uint64_t physical_bytes, logical_bytes, slab, memory, nonce;
};

static void on_problem(void *user, const struct vdo_problem *problem)
{
	(void)user;
	fprintf(stderr, "a new volume has a fault: %s\n", problem->what);
	abort();
}

/* The structs may hold padding: what is compared is what is written. */
static void write_and_read(const struct bp_vdo_volume *v)
{
	uint8_t *first = io_buffer_new(2), *second = io_buffer_new(2);
	struct vdo_report report = { .problem = on_problem };
	struct bp_vdo_volume back = { .size = sizeof(back) };

	promise(first && second);
	vdo_geometry_encode(v, first);
	vdo_super_encode(v, first + BP_MBLOCK_BYTES);
	promise(vdo_geometry_decode(first, &report, &back));
	promise(vdo_super_decode(first + BP_MBLOCK_BYTES, &report, &back));
	vdo_geometry_encode(&back, second);
	vdo_super_encode(&back, second + BP_MBLOCK_BYTES);
	promise(memcmp(first, second, 2 * BP_MBLOCK_BYTES) == 0);
	free(first);
	free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bp_vdo_volume v = { .size = sizeof(v) };
	struct bp_vdo_needs needs = { .size = sizeof(needs) };
	struct bp_vdo_format_opts opts = { .size = sizeof(opts) };
	struct input in = { 0 };
	struct bp_ctx *ctx;
	int r;

	memcpy(&in, data, MIN(size, sizeof(in)));
	opts.logical_bytes = in.logical_bytes;
	/* Small numbers are exponents, so that what is right is met. */
	opts.slab_bytes = in.slab < 64 ? UINT64_C(1) << in.slab : in.slab;
	opts.index_memory_bytes = in.memory < 4096 ? in.memory << 28 : in.memory;
	opts.index_sparse = in.nonce & 1;
	opts.nonce = in.nonce;
	promise(bp_ctx_new(&ctx) == 0);
	r = bp_vdo_plan(ctx, in.physical_bytes, &opts, &v);
	promise(r == 0 || (bp_errmsg(ctx)[0] && bp_error_get(ctx)->errnum == -r));
	if (r == 0) {
		promise(v.nr_slabs >= 1 && v.nr_slabs <= BP_VDO_SLABS_MAX);
		promise(bp_vdo_needs(ctx, &v, 0, &needs) == 0);
		promise(needs.usable_bytes < bp_mblock_to_bytes(v.physical_mblocks));
		write_and_read(&v);
	}
	bp_ctx_free(ctx);
	return 0;
}
