/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every consistent pair of roots that is left in an area: what salvage finds, told as history. */
#include <bedplate/history.h>

#include "formats/thin/salvage.h"
#include "rescue/source.h"

struct bp_history {
	struct bp_source *source;
	struct io *io;
	struct salvage salvage;
	VEC(struct bp_history_state) states;
	old_volumes names; /* read when the first is asked for */
	bool named;
};

/*
 * .current where the live superblock has these roots; .counted where a root of the space
 * maps tells that the commit was whole.
 */
static int add_state(struct bp_history *h, const struct salvage_pair *p,
		     const struct thin_sb *live)
{
	struct bp_history_state state = {
		.mapping_root = p->mapping,
		.details_root = p->details,
		.current = live && live->pub.mapping_root == p->mapping &&
			   live->pub.details_root == p->details,
		.counted = p->index,
		.transaction_id = p->transaction,
		.time = p->time,
		.nr_devices = p->nr_devices,
		.nr_mappings = p->nr_mappings,
		.nr_broken = p->nr_broken,
	};

	/* Trees tell the highest of their devices' only; a pool whose newest volume was deleted is behind that. */
	if (state.current) {
		state.transaction_id = live->pub.transaction_id;
		state.time = live->pub.time;
	}
	return vec_add(&h->states, &state);
}

/* The superblock's state is the newest, whatever the others look like. */
static void current_first(struct bp_history *h)
{
	for (size_t i = 0; i < h->states.count; i++) {
		struct bp_history_state state = h->states.items[i];

		if (!state.current)
			continue;
		memmove(h->states.items + 1, h->states.items, i * sizeof(state));
		h->states.items[0] = state;
	}
}

/* Without a superblock no state is the current one. */
static bool read_live(struct bp_history *h, struct thin_sb *ret)
{
	_Alignas(IO_BLOCK) uint8_t buf[IO_BLOCK];

	if (io_read(h->io, 0, 1, buf) < 0 ||
	    block_check(buf, BLOCK_THIN_SUPERBLOCK, 0) != BLOCK_OK)
		return false;
	thin_sb_decode(buf, 0, ret);
	return true;
}

/* A space map that is left says which roots belong together: others with either do not. */
static bool is_mixed(const struct salvage_pairs *pairs, const struct salvage_pair *p)
{
	for (size_t i = 0; !p->index && i < pairs->list.count; i++) {
		const struct salvage_pair *other = &pairs->list.items[i];

		if (other->index &&
		    (other->mapping == p->mapping || other->details == p->details))
			return true;
	}
	return false;
}

/*
 * Pairs of a mapping and a details tree that were committed together. Pairs that clash, or
 * mix trees of two commits, are left out: each of them would be a state that never was.
 */
static int find_states(struct bp_history *h)
{
	struct salvage_pairs pairs = { 0 };
	struct thin_sb live;
	bool sound = read_live(h, &live);
	int r = salvage_scan(&h->salvage);

	if (r == 0)
		r = salvage_pairs(&h->salvage, &pairs);
	for (size_t i = 0; r == 0 && i < pairs.list.count; i++) {
		const struct salvage_pair *p = &pairs.list.items[i];

		if (p->mapping && p->details && !p->nr_clashing && !is_mixed(&pairs, p))
			r = add_state(h, p, sound ? &live : NULL);
	}
	vec_done(&pairs.list);
	current_first(h);
	return r;
}

/* Reads all of the metadata once; memory is a few bytes a block. */
int bp_history(struct bp_source *source, struct bp_history **ret)
{
	struct bp_history *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return bp_fail_memory(source->ctx);
	h->source = source;
	r = source_metadata_io(source, &h->io);
	if (r < 0) {
		free(h);
		return r;
	}
	h->salvage.meta = meta_of(source->ctx, h->io, 0);
	r = find_states(h);
	if (r < 0) {
		bp_history_free(h);
		return r == -ENOMEM ? bp_fail_memory(source->ctx) : r;
	}
	*ret = h;
	return 0;
}

void bp_history_free(struct bp_history *h)
{
	if (!h)
		return;
	salvage_done(&h->salvage);
	vec_done(&h->states);
	old_volumes_done(&h->names);
	io_close(h->io);
	free(h);
}

size_t bp_history_count(const struct bp_history *h)
{
	return h->states.count;
}

const struct bp_history_state *bp_history_get(const struct bp_history *h, size_t index)
{
	return index < h->states.count ? &h->states.items[index] : NULL;
}

/* Devices are listed when asked: a history may have thousands of states. */
int bp_history_devices(struct bp_history *h, size_t index,
		       int (*device)(void *user, const struct bp_thin_device *device),
		       void *user)
{
	struct salvage_devices devices = { 0 };
	int r;

	if (index >= h->states.count)
		return bp_fail(h->salvage.meta.ctx, -ENOENT, "no state %zu in the history",
			       index);
	r = salvage_list(&h->salvage, h->states.items[index].mapping_root,
			 h->states.items[index].details_root, &devices);
	if (r < 0)
		return bp_fail_memory(h->salvage.meta.ctx);
	for (size_t i = 0; r == 0 && i < devices.list.count; i++)
		r = device(user, &devices.list.items[i].pub);
	salvage_devices_done(&devices);
	return r;
}

/* Id and transaction: an id alone may have been given to several volumes, one after another. */
const char *bp_history_volume(struct bp_history *h, const struct bp_thin_device *device,
			      uint64_t *ret_bytes)
{
	if (!h->named && source_old_volumes(h->source, &h->names) < 0)
		bp_warn(h->source->ctx, "volumes have no names here: %s",
			bp_errmsg(h->source->ctx));
	h->named = true;
	for (size_t i = 0; i < h->names.count; i++) {
		const struct old_volume *v = &h->names.items[i];

		if (v->id != device->id || v->transaction_id != device->transaction_id)
			continue;
		if (ret_bytes)
			*ret_bytes = v->size;
		return v->name;
	}
	return NULL;
}
