/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "formats/thin/kept.h"

#include "formats/thin/disk.h"

/* From one mapping's value to the next data block's. */
#define STEP (UINT64_C(1) << THIN_TIME_BITS)

int thin_kept_init(struct thin_kept *k, unsigned nr_workers)
{
	k->workers = calloc(nr_workers, sizeof(*k->workers));
	k->nr_workers = nr_workers;
	return k->workers ? 0 : -ENOMEM;
}

void thin_kept_done(struct thin_kept *k)
{
	for (unsigned i = 0; k->workers && i < k->nr_workers; i++)
		vec_done(&k->workers[i].runs);
	free(k->workers);
	k->workers = NULL;
}

/* Keys rise, so that the first and the last say whether all of them follow each other. */
static bool is_one_run(const struct node *leaf)
{
	const le64 *values = (const void *)leaf->values;
	uint64_t first = le64_get(values[0]), differ = 0;

	if (node_key(leaf, leaf->nr - 1) - node_key(leaf, 0) != leaf->nr - 1 ||
	    first > UINT64_MAX - leaf->nr * STEP)
		return false;
	/* Without a branch inside, the compiler can take several at once. */
	for (uint32_t i = 0; i < leaf->nr; i++)
		differ |= le64_get(values[i]) ^ (first + i * STEP);
	return differ == 0;
}

/* How many entries from @i on continue each other; data blocks that wrap around don't. */
static uint32_t run_length(const struct node *leaf, uint32_t i)
{
	uint32_t begin = i;

	for (i++; i < leaf->nr; i++)
		if (node_key(leaf, i) != node_key(leaf, i - 1) + 1 ||
		    node_value64(leaf, i) != node_value64(leaf, i - 1) + STEP ||
		    node_value64(leaf, i) < STEP)
			break;
	return i - begin;
}

/* The runs of @leaf, which has entries; 0: too many. */
static uint32_t find_runs(const struct node *leaf, struct kept_run *runs)
{
	bool one = is_one_run(leaf);
	uint32_t nr = 0, length;

	for (uint32_t i = 0; i < leaf->nr; i += length) {
		if (nr == KEPT_RUNS)
			return 0;
		length = one ? leaf->nr : run_length(leaf, i);
		runs[nr++] = (struct kept_run){
			.virtual_begin = node_key(leaf, i),
			.value = node_value64(leaf, i),
			.length = length,
			.last = i + length == leaf->nr,
		};
	}
	return nr;
}

/* Mark 0: not kept. The mark says which worker's list it is in. */
int thin_kept_add(struct thin_kept *k, unsigned worker, const struct node *leaf,
		  uint32_t *ret_mark)
{
	struct kept_worker *w = &k->workers[worker];
	size_t at = w->runs.count * k->nr_workers + worker + 1;
	struct kept_run runs[KEPT_RUNS];
	uint32_t nr = leaf->nr ? find_runs(leaf, runs) : 0;

	*ret_mark = 0;
	if (nr == 0 || at > UINT32_MAX)
		return 0;
	if (vec_reserve(&w->runs, nr) < 0)
		return -ENOMEM;
	memcpy(w->runs.items + w->runs.count, runs, nr * sizeof(runs[0]));
	w->runs.count += nr;
	*ret_mark = (uint32_t)at;
	return 0;
}

const struct kept_run *thin_kept_get(const struct thin_kept *k, uint32_t mark)
{
	uint32_t at = mark - 1;

	return &k->workers[at % k->nr_workers].runs.items[at / k->nr_workers];
}
