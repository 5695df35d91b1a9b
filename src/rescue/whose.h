/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose metadata lies where that of a pool ought to. */
#ifndef RESCUE_WHOSE_H
#define RESCUE_WHOSE_H

#include "rescue/source.h"

enum whose_kind {
	WHOSE_OWN,        /* or damaged: nothing speaks against it */
	WHOSE_SUPERBLOCK, /* the superblock is of something else, what lies behind it is not */
	WHOSE_OTHER,      /* all of it is another pool's */
};

/* Found once a pool, and kept. */
struct whose {
	const struct lvm_lv *pool;
	enum whose_kind kind;
	const struct lvm_lv
		*other; /* WHOSE_OTHER: the pool of the group whose it is; NULL: of none */
	const struct lvm_lv *
		lies_in; /* in the place of this pool, or this volume, its own lies; NULL: nowhere */
	bool told;
};

/*
 * Look at what lies in the place of @pool, a pool of the source's group. @ret lives as long as the source. 0, -ENOMEM;
 * what can't be read speaks against nothing.
 */
int source_whose(struct bp_source *source, const struct lvm_lv *pool, struct whose **ret);

/* Words before the name of @whose->lies_in, which is there. */
const char *whose_place(const struct whose *whose);

/* -EUCLEAN, and why: there is no metadata of @pool by which its volumes could be read. 0, -ENOMEM. */
int source_refuse_other(struct bp_source *source, const struct lvm_lv *pool);

#endif
