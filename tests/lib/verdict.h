/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checking images of thin metadata: a result together with all that was found, as text. */
#ifndef LIB_VERDICT_H
#define LIB_VERDICT_H

#include "formats/thin/meta.h"
#include "image.h"

#include <stdio.h>

/* What a check said: its result, and all damages as lines "harm kind text". */
struct verdict {
	struct bp_thin_check_result res;
	int r;
	char *text;
	size_t len;
	bool io;
	FILE *file;
};

/* Check what @io holds, with so many workers. The context takes the message of a failure. */
void verdict_check_io(struct verdict *v, struct bp_ctx *ctx, struct io *io,
		      enum check_mode mode, uint32_t flags, unsigned workers);
/* The same of an image; repairs are made in it. */
void verdict_check(struct verdict *v, struct bp_ctx *ctx, const struct image *image,
		   enum check_mode mode, uint32_t flags);
void verdict_done(struct verdict *v);
/* Nothing at all is found in @image, leaks and remarks included; the test fails otherwise. */
void assert_clean(struct bp_ctx *ctx, const struct image *image);

#endif
