/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mappings of many devices, with what they share given out once: what a dump and a repair
 * have in common. Whoever takes them is a sink.
 */
#ifndef FORMATS_THIN_EMIT_H
#define FORMATS_THIN_EMIT_H

#include "core/turns.h"
#include "formats/thin/kept.h"
#include "formats/thin/meta.h"
#include "formats/thin/share.h"
#include "formats/thin/text.h"

/* What is called, in order. Negative ends it and is returned. */
struct thin_sink {
	/* A row of leaves that several devices have; @name: the block of its first. */
	int (*def)(void *user, bp_mblock name);
	int (*def_end)(void *user);
	int (*device)(void *user, const struct thin_device *device);
	int (*device_end)(void *user);
	/* Within a device: the mappings of a def; of a leaf; or some, as thin_text_run(). */
	int (*ref)(void *user, bp_mblock name);
	int (*leaf)(void *user, const struct node *leaf);
	int (*run)(void *user, uint64_t key, uint64_t value, uint64_t length);
	int (*gap)(void *user, const struct thin_gap *gap); /* may be NULL */
	/*
	 * Both or none: then all of the above are called by several threads, each with what part()
	 * says for its batch, below THIN_EMIT_BATCHES; joined are the batches in order, by the caller's.
	 * Errors are kept for join(). part() is NULL where there is no memory.
	 */
	void *(*part)(void *user, unsigned batch);
	int (*join)(void *user, unsigned batch);
};

/* Batches in the making; what several threads write to lies so many bytes apart. */
#define THIN_EMIT_BATCHES 4u
#define THIN_EMIT_APART   128u

struct emit_item;

/* What is read, and given out, at once. */
struct emit_batch {
	struct thin_emit *e;
	struct emit_item *items;
	size_t nr_items;
	struct io_request *requests;
	size_t nr_leaves;
	uint8_t *buf;
	void *user;    /* of the sink's functions */
	uint64_t done; /* leaves and runs kept that were given out */
	int error;
	/* Where that is -EIO or -EUCLEAN of a leaf: which, and why. */
	const struct io_request *bad;
	enum node_error why;
	char apart[THIN_EMIT_APART];
};

/* Zero at first; the members before the blank line are the caller's to set. */
struct thin_emit {
	bool skip_mappings; /* devices alone: no walk is needed */
	bool find_last;     /* data_last is wanted */
	int (*progress)(void *user, bp_mblock done, bp_mblock total);
	void *progress_user;

	struct meta *meta;
	const struct thin_device *devices; /* the caller's */
	size_t nr_devices;
	struct forest forest;
	struct thin_kept kept; /* leaves, by their node's mark */
	struct thin_share share;
	bool sharing;
	uint64_t *lasts;    /* by worker, 64 bytes apart */
	uint64_t data_last; /* the highest data block of all mappings; 0 too for none */

	const struct thin_sink *sink;
	void *user;
	struct emit_batch batches[THIN_EMIT_BATCHES];
	struct turns *turns;
	struct emit_batch *filling; /* NULL: none yet */
	unsigned batch_leaves;      /* at most, in each */
	uint64_t done;              /* leaves and runs kept that were given out */
};

/* Walk the trees of these devices: what is damaged is in e->forest then. */
int thin_emit_walk(struct thin_emit *e, struct meta *meta, const struct thin_device *devices,
		   size_t nr);
/* Find what they share: without this, each device is given out with all of its mappings. */
int thin_emit_share(struct thin_emit *e);
int thin_emit_all(struct thin_emit *e, const struct thin_sink *sink, void *user);
void thin_emit_done(struct thin_emit *e);

#endif
