/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Blocks are printed as they are damaged: what was done is seen, should something fail later. */
#include "commands/spoil.h"

#include <inttypes.h>

const char *const spoil_how_words[] = { "zero", "flip", "noise", "checksum", "number", NULL };

/* clang-format off */
const struct out_column spoil_columns[] = {
	COL_NUMBER(struct spoiled, block, OUT_DEFAULT, "a block of the metadata that was damaged"),
	OUT_COLUMNS_END
};
/* clang-format on */

struct list {
	struct cli *cli;
	struct bp_json *json;
};

/* A line a block, so that a test knows what it damaged. */
static void print_spoiled(void *user, bp_mblock block)
{
	const struct list *list = user;

	if (list->json) {
		bp_json_object(list->json, NULL);
		bp_json_uint(list->json, "block", block);
		bp_json_object_close(list->json);
	} else if (!list->cli->quiet) {
		fprintf(list->cli->out, "block %" PRIu64 "\n", block);
	}
}

/* The list is written while it is done. */
int spoil_print(struct cli *cli, const struct out_schema *schema, const char *path, spoil_fn fn,
		const void *args)
{
	struct list list = { .cli = cli };
	int r = cli->json ? cli_json_start(cli, schema, &list.json) : 0;

	if (r < 0)
		return cli_fail(cli, NULL, r);
	if (list.json)
		bp_json_array(list.json, "data");
	r = fn(cli, args, print_spoiled, &list);
	if (r < 0 && list.json)
		return cli_json_fail(cli, list.json, path, r);
	if (r < 0)
		return cli_fail(cli, path, r);
	if (!list.json)
		return EXIT_OK;
	bp_json_array_close(list.json);
	return cli_json_end(cli, list.json);
}

int spoil_print_none(struct cli *cli, const struct out_schema *schema)
{
	struct out *out;
	int r = out_open(cli, NULL, schema, &out);

	return r ? r : out_print(out);
}
