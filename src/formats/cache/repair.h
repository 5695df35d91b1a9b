/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Repairing a cache's metadata from one io to another; and finding mappings without a superblock.
 */
#ifndef FORMATS_CACHE_REPAIR_H
#define FORMATS_CACHE_REPAIR_H

#include <bedplate/cache_repair.h>

#include "core/vec.h"
#include "formats/cache/meta.h"

/* bp_cache_repair() between ios, which stay the caller's. @to NULL: plan only. */
int cache_repair_io(struct bp_ctx *ctx, struct io *from, struct io *to,
		    const struct bp_cache_repair_opts *opts,
		    struct bp_cache_repair_result *ret);

struct cache_roots {
	VEC(struct bp_cache_root)
	list; /* by falling block number: with luck the newest first */
};

/*
 * All arrays that may be the mappings of a cache: index trees that begin with 0, that no other
 * node leads to, with elements that can all be mappings, some of them in use. 0 or an error.
 */
int cache_roots_find(struct meta *meta, struct cache_roots *ret);
void cache_roots_done(struct cache_roots *roots);
/* What can be said of the array at @block, whatever leads to it. nr_cache_blocks 0: it is none. */
int cache_root_probe(struct meta *meta, bp_mblock block, struct bp_cache_root *ret);

#endif
