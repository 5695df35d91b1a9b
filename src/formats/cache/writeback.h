/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing back between ios; and clearing dirty states in place. */
#ifndef FORMATS_CACHE_WRITEBACK_H
#define FORMATS_CACHE_WRITEBACK_H

#include <bedplate/cache_writeback.h>

#include "formats/cache/meta.h"

struct cache_devices {
	struct io *metadata, *fast, *origin;
};

/* bp_cache_writeback() on ios, which stay the caller's. */
int cache_writeback_io(struct bp_ctx *ctx, const struct cache_devices *devices,
		       const struct bp_cache_writeback_opts *opts,
		       struct bp_cache_writeback_result *ret);

/*
 * No block is dirty any more: say so in the metadata, in place. Bits or flags first, flushed; then
 * the superblock, with the flag of a clean shutdown. What is written is read back from the device
 * and changed, so nothing else is.
 */
int cache_clear_dirty(struct bp_cache_meta *meta);

#endif
