/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stack files, from any text: read, or refused with a reason; never more than what stands there. */
#include "fuzz.h"

#include <bedplate/bedplate.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct bp_stackfile *file;
	struct bp_ctx *ctx;

	promise(text && bp_ctx_new(&ctx) == 0);
	memcpy(text, data, size);
	text[size] = '\0';
	if (bp_stackfile_parse(ctx, text, &file) == 0) {
		promise(bp_stackfile_name(file)[0] != '\0');
		bp_stackfile_free(file);
	} else {
		promise(bp_errmsg(ctx)[0] != '\0');
	}
	bp_ctx_free(ctx);
	free(text);
	return 0;
}
