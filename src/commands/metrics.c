/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Numbers for monitoring: to standard output, to a file that a collector reads (never seen half
 * written), or to whoever asks once on the loopback interface.
 */
#include "commands/common.h"
#include "commands/http.h"

#include <bedplate/metrics.h>
#include <bedplate/output.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENT_LIMIT_MS 10000 /* for all of a client's request and of its reading the answer */
#define CONTENT_TYPE    "application/openmetrics-text; version=1.0.0; charset=utf-8"

struct args {
	struct cli_list names;
	const char *output;
	uint64_t port;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERANDS(names, "NAME", "devices (without: all), by name"),
	OPT_STRING(output, 'o', "output", "FILE", "write to FILE, which is replaced as a whole"),
	OPT_RANGE(port, 1, 65535, 0, "serve-once", "PORT", "wait for one HTTP request on 127.0.0.1:PORT, answer it, end"),
	OPT_CONFLICT("output", "serve-once"),
	OPT_END
};
/* clang-format on */

static int write_stream(void *user, const char *text, size_t len)
{
	return fwrite(text, 1, len, user) == len ? 0 : -EPIPE;
}

static int gather(struct cli *cli, const struct args *args, bp_write_fn write, void *user)
{
	const struct bp_metrics_opts how = {
		.size = sizeof(how),
		.names = args->names.words,
		.nr_names = args->names.count,
	};

	return bp_metrics(cli->ctx, &how, write, user);
}

/* Replaced in one step: a collector never reads half of it. */
static int to_file(struct cli *cli, const struct args *args)
{
	const struct bp_output_opts how = { .size = sizeof(how) };
	struct bp_output *output;
	int r = bp_output_new(cli->ctx, args->output, &how, &output);

	if (r < 0)
		return cli_fail(cli, NULL, r);
	if (cli->dry_run && !cli->json)
		cli_print(cli, "would write %s\n", args->output);
	if (!cli->dry_run)
		r = bp_output_error(output, gather(cli, args, bp_output_write, output));
	if (r == 0 && !cli->dry_run)
		r = bp_output_commit(output);
	bp_output_free(output);
	return r < 0 ? cli_fail(cli, args->output, r) : EXIT_OK;
}

/* --- one request --- */

/* The numbers are those of the moment of the request. */
static int numbers(struct cli *cli, const struct args *args, char **text, size_t *len)
{
	FILE *f = open_memstream(text, len);
	int r;

	if (!f)
		return -ENOMEM;
	r = gather(cli, args, write_stream, f);
	return !cli_text_end(f, text) && r == 0 ? -ENOMEM : r;
}

/* Whoever asked gets an answer also where there are no numbers, or none are given for such a request. */
static int answer(struct cli *cli, const struct args *args, int fd)
{
	struct http_peer peer = http_peer(fd, CLIENT_LIMIT_MS);
	_cleanup_(freep) char *text = NULL;
	size_t len = 0;
	int status = http_read(&peer), r = 0, sent;

	if (status < 0)
		return cli_failf(cli, "the request", NULL, "%s", strerror(-status));
	if (status == HTTP_OK) {
		r = numbers(cli, args, &text, &len);
		if (r < 0)
			status = HTTP_FAILED;
	}
	sent = http_answer(&peer, (enum http_status)status, CONTENT_TYPE, text, len);
	if (r < 0)
		return cli_fail(cli, NULL, r);
	if (status != HTTP_OK)
		return cli_failf(cli, "the request", NULL, "answered with %d %s", status,
				 http_reason((enum http_status)status));
	return sent < 0 ? cli_failf(cli, "the answer", NULL, "%s", strerror(-sent)) : EXIT_OK;
}

/* As in a guest that nobody has set up: listening works there, and nobody can connect. */
static bool loopback_is_down(int fd)
{
	struct ifreq lo = { .ifr_name = "lo" };

	return ioctl(fd, SIOCGIFFLAGS, &lo) == 0 && !(lo.ifr_flags & IFF_UP);
}

/* Loopback only: there is no access control here. */
static int listen_on(uint16_t port)
{
	const struct sockaddr_in where = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, r;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (loopback_is_down(fd))
		errno = ENETDOWN;
	else if (bind(fd, (const void *)&where, sizeof(where)) == 0 && listen(fd, 1) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

/* What is usually behind it; NULL: the reason says enough. */
static const char *hint_of_listen(int error)
{
	switch (error) {
	case -EADDRINUSE:
		return "another program listens there: take another port";
	case -ENETDOWN:
	case -EADDRNOTAVAIL:
		return "the loopback interface is down: ip link set lo up";
	case -EACCES:
		return "ports below 1024 are root's: take another port";
	default:
		return NULL;
	}
}

/* One answer, and the end: no state is kept between two. */
static int serve_once(struct cli *cli, const struct args *args)
{
	int fd = listen_on((uint16_t)args->port), client, r;

	if (fd < 0)
		return cli_failf(cli, NULL, hint_of_listen(fd),
				 "cannot listen on 127.0.0.1:%u: %s", (unsigned)args->port,
				 strerror(-fd));
	do { /* one that went again before it was taken is not the one */
		client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	} while (client < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (client < 0) {
		r = cli_failf(cli, NULL, NULL, "nobody can connect: %s", strerror(errno));
	} else {
		r = answer(cli, args, client);
		close(client);
	}
	close(fd);
	return r;
}

/* OpenMetrics goes to a file, one client, or standard output. */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	int r;

	if (args->output)
		return to_file(cli, args);
	if (cli_given(cli, "serve-once"))
		return serve_once(cli, args);
	if (cli->json)
		return cli_usage(cli, "--json: OpenMetrics is a text; status --json has the "
				      "same numbers");
	r = gather(cli, args, write_stream, cli->out);
	return r < 0 ? cli_fail(cli, NULL, r) : EXIT_OK;
}

const struct cmd cmd_metrics = {
	.name = "metrics",
	.group = "Devices",
	.summary = "Print numbers of all devices for monitoring, as OpenMetrics text.",
	.examples = "  bedplate metrics -o /var/lib/node_exporter/bedplate.prom\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.run = run,
};
