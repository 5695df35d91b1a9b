/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Trees on files and devices. */
#ifndef FORMATS_VERITY_OPEN_H
#define FORMATS_VERITY_OPEN_H

#include "formats/verity/verity.h"
#include "io/data.h"

/* What a media of a file or device works on; must outlive it. */
struct verity_place {
	struct bp_ctx *ctx;
	struct data *data;
};
struct verity_media verity_media_of(struct verity_place *place);

/* Are there @nr_blocks? -EINVAL with BP_E_TOO_SMALL where not. */
int verity_check_size(struct bp_ctx *ctx, const struct data *d, uint64_t nr_blocks,
		      uint32_t block_bytes);

/* Fill what the caller's struct has room for. */
int verity_give(struct bp_ctx *ctx, struct bp_verity_tree *to,
		const struct bp_verity_tree *from);

#endif
