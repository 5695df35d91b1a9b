// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/cli.h"

static const struct cmd_opt opts[] = { OPT_END };

static int run(struct cli *cli, const void *p)
{
	struct bp_json *json;
	int r;

	(void)p;
	if (!cli->json) {
		fprintf(cli->out, "bedplate %s\n", bp_version());
		return EXIT_OK;
	}
	r = cli_json_begin(cli, "bedplate.version", &json);
	if (r < 0)
		return cli_fail(cli, NULL, r);
	bp_json_object(json, "data");
	bp_json_string(json, "library", bp_version());
	bp_json_object_close(json);
	return cli_json_end(cli, json);
}

const struct cmd cmd_version = {
	.name = "version",
	.group = "Devices",
	.summary = "Print the versions of the library and of the kernel's device-mapper.",
	.opts = opts,
	.flags = CMD_READS,
	.run = run,
};
