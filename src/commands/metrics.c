/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Numbers for monitoring: to standard output, to a file that a collector reads (never seen half
 * written), or to whoever asks once on the loopback interface.
 */
#include "commands/common.h"

#include <bedplate/metrics.h>
#include <bedplate/output.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_WAIT_MS 10000 /* for a client that has connected and says nothing */

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

/* Read up to the blank line behind the request's head. 0, or -errno. */
static int read_request(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	char buf[8192];
	size_t have = 0;

	while (have < sizeof(buf) - 1) {
		ssize_t n;

		if (poll(&poll_fd, 1, REQUEST_WAIT_MS) <= 0)
			return -ETIMEDOUT;
		n = read(fd, buf + have, sizeof(buf) - 1 - have);
		if (n <= 0)
			return n < 0 ? -errno : -ECONNRESET;
		have += (size_t)n;
		buf[have] = '\0';
		if (strstr(buf, "\r\n\r\n"))
			return strncmp(buf, "GET ", 4) == 0 ? 0 : -EPROTO;
	}
	return -EMSGSIZE;
}

/* MSG_NOSIGNAL: a client that went is an error, not our end. */
static int send_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

/* With the length, so that a client knows a cut answer. */
static int send_answer(int fd, int failed, const char *text, size_t len)
{
	char head[256];
	int n = snprintf(head, sizeof(head),
			 "HTTP/1.0 %s\r\nContent-Type: application/openmetrics-text; "
			 "version=1.0.0; charset=utf-8\r\nContent-Length: %zu\r\n\r\n",
			 failed ? "500 Internal Server Error" : "200 OK", failed ? 0 : len);
	int r = send_all(fd, head, (size_t)n);

	return r < 0 || failed ? r : send_all(fd, text, len);
}

/* The numbers are those of the moment of the request. */
static int answer(struct cli *cli, const struct args *args, int fd)
{
	_cleanup_(freep) char *text = NULL;
	size_t len = 0;
	FILE *f;
	int r = read_request(fd), sent;

	if (r < 0)
		return cli_failf(cli, "the request", NULL, "%s", strerror(-r));
	f = open_memstream(&text, &len);
	if (!f)
		return cli_fail(cli, NULL, -ENOMEM);
	r = gather(cli, args, write_stream, f);
	if (!cli_text_end(f, &text) && r == 0)
		r = -ENOMEM;
	sent = send_answer(fd, r < 0, text, len);
	if (r < 0)
		return cli_fail(cli, NULL, r);
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
	client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
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
