/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is around every command, in the program of all of them and in one that has a single one: a
 * context and signals in front, and behind it that the output got out, and nothing is left. It
 * knows no command, so that a small program does not become a large one by it.
 */
#include "cli/internal.h"

#include <poll.h>
#include <signal.h>

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/*
 * The only place that sets signals. The context is made here, so that a failure of any kind can be
 * reported in one way.
 */
int cli_begin(struct cli *cli, int argc, char **argv)
{
	int r;

	signal(SIGPIPE, SIG_IGN); /* a write says EPIPE then; programs we run get it back */
	signal(SIGXFSZ, SIG_IGN); /* and EFBIG, beyond ulimit -f */
	cli->argc = argc;
	cli->argv = argv;
	cli->program = argc ? base_name(argv[0]) : "bedplate";
	cli->pvs.words =
		calloc((size_t)argc + 1, sizeof(*cli->pvs.words)); /* as args_new() does */
	r = cli->pvs.words ? bp_ctx_new(&cli->ctx) : -ENOMEM;
	return r < 0 ? cli_fail(cli, NULL, r) : 0;
}

/* Did the reader of our output go away? errno may be that of a write long ago, and lost. */
static bool reader_gone(FILE *out)
{
	struct pollfd fd = { .fd = fileno(out), .events = POLLOUT };

	return errno == EPIPE || (fd.fd >= 0 && poll(&fd, 1, 0) == 1 && (fd.revents & POLLERR));
}

/* Output that did not get out is a failure, unless its reader closed the pipe on purpose. */
static int finish(struct cli *cli, int r)
{
	bool failed;

	if (cli->json && !cli->json_begun && !cli->help && !cli->version) {
		int status = envelope_empty(cli);

		r = r ? r : status;
	}
	if (!cli->json && !cli->quiet && cli->ctx)
		for (size_t i = 0; i < bp_warnings_count(cli->ctx); i++)
			cli_warn(cli, "%s", bp_warning_get(cli->ctx, i));
	failed = ferror(cli->out);
	errno = 0;
	failed = fflush(cli->out) != 0 || failed;
	cli->json = false; /* there is no place in a document for this */
	if (failed && !reader_gone(cli->out))
		cli_failf(cli, "standard output", NULL, "%s",
			  errno ? strerror(errno) : "cannot write");
	else if (cli->lost)
		cli_failf(cli, NULL, NULL,
			  "out of memory: something is missing in what was told");
	return (failed || cli->lost) && r == EXIT_OK ? EXIT_FAILED : r;
}

int cli_end(struct cli *cli, int r)
{
	r = finish(cli, r);
	warnings_free(cli);
	errors_free(cli);
	free(cli->given);
	free(cli->pvs.words);
	free(cli->progress);
	bp_ctx_free(cli->ctx);
	return r;
}
