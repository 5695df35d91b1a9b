/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of inspecting: the trees that were walked, and the block at hand. */
#ifndef FORMATS_THIN_INSPECT_H
#define FORMATS_THIN_INSPECT_H

#include <bedplate/inspect.h>

#include "formats/thin/meta.h"

#define INSPECT_TREES (BP_TREE_METADATA_COUNTS + 1)

struct bp_inspect {
	struct meta meta;
	bool has_sb, has_snap;
	struct thin_sb live, snap;
	struct thin_devices devices;        /* roots of both superblocks */
	struct forest trees[INSPECT_TREES]; /* by enum bp_inspect_tree; the first is not used */
	bool walked[INSPECT_TREES];
	struct sm_index_disk *index; /* of the metadata space map, or NULL */

	uint8_t *block; /* decoded last */
	struct bp_inspected decoded;
};

/* bp_inspect_new() on an io, which it takes, on success. */
int inspect_new_io(struct bp_ctx *ctx, struct io *take_io, struct bp_inspect **ret);

/* The tree that has @block as a node. */
enum bp_inspect_tree inspect_tree_of(const struct bp_inspect *in, bp_mblock block);

#endif
