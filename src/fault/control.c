/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lines on a local socket. A client may connect early, say a line in pieces or several at once, leave out the last
 * line's end, stay, or go without reading its answer: each has a buffer of its own, and no read or write waits.
 */
#include "fault/control.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <bedplate/scenario.h>

#include "core/clock.h"
#include "core/context.h"

#define SAID_MS 2000 /* a line without its end is one when nothing more comes for so long */

void control_init(struct control *control)
{
	*control = (struct control){ .socket = -1 };
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		control->clients[i].fd = -1;
}

int control_open(struct bp_ctx *ctx, const char *path, struct control *ret)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path)) {
		bp_fail(ctx, -ENAMETOOLONG, "'%s': too long a path for a socket", path);
		error_set_hint(ctx, "have BEDPLATE_STATE_DIR name a shorter one");
		return -ENAMETOOLONG;
	}
	strcpy(address.sun_path, path);
	strcpy(ret->path, path);
	ret->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (ret->socket < 0 ||
	    bind(ret->socket, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(ret->socket, CONTROL_CLIENTS) < 0)
		return bp_fail(ctx, -errno, "'%s': %s", path, strerror(errno));
	return 0;
}

static void let_go(struct control_client *client)
{
	closep(&client->fd);
	*client = (struct control_client){ .fd = -1 };
}

/* Who comes later is refused at once, and does not wait for an answer. */
void control_close(struct control *control)
{
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		let_go(&control->clients[i]);
	if (control->socket >= 0)
		unlink(control->path);
	closep(&control->socket);
	control->socket = -1;
}

/* CONTROL_CLIENTS: none is free. */
static size_t free_place(const struct control *control)
{
	size_t i = 0;

	while (i < CONTROL_CLIENTS && control->clients[i].fd >= 0)
		i++;
	return i;
}

/* Where there is no place, who comes waits in the kernel's queue. */
void control_poll(const struct control *control, struct pollfd *ret)
{
	ret[0] = (struct pollfd){
		.fd = free_place(control) < CONTROL_CLIENTS ? control->socket : -1,
		.events = POLLIN,
	};
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		ret[1 + i] = (struct pollfd){ .fd = control->clients[i].fd, .events = POLLIN };
}

int64_t control_due(const struct control *control)
{
	int64_t due = INT64_MAX;

	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (control->clients[i].len)
			due = MIN(due, control->clients[i].said_ms + SAID_MS);
	return due;
}

bool control_line(struct control_client *client, bool ended, char *ret)
{
	const char *end = memchr(client->text, '\n', client->len);
	size_t len = end ? (size_t)(end - client->text) : client->len;
	size_t taken = len + (end != NULL);

	if (!end && len < sizeof(client->text) - 1 && !(ended && len))
		return false;
	memcpy(ret, client->text, len);
	ret[len] = '\0';
	ret[strcspn(ret, "\r")] = '\0';
	client->len -= taken;
	memmove(client->text, client->text + taken, client->len);
	return true;
}

/* Lines whose action was done are answered, also where the next one can't be. */
static int answer_lines(struct control_client *client, bool ended, control_fn answer,
			void *user)
{
	char line[CONTROL_LINE];
	const char *text;
	int r = 0;

	while (r == 0 && control_line(client, ended, line)) {
		r = answer(user, line, &text);
		(void)!send(client->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	return r;
}

static int take(struct control_client *client, control_fn answer, void *user)
{
	ssize_t n = read(client->fd, client->text + client->len,
			 sizeof(client->text) - 1 - client->len);
	int r;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	client->len += n > 0 ? (size_t)n : 0;
	client->said_ms = clock_ms();
	r = answer_lines(client, n <= 0, answer, user);
	if (n <= 0)
		let_go(client);
	return r;
}

int control_serve(struct control *control, const struct pollfd *fds, control_fn answer,
		  void *user)
{
	const size_t place = free_place(control);
	int64_t now = clock_ms();
	int r = 0;

	for (size_t i = 0; r == 0 && i < CONTROL_CLIENTS; i++) {
		struct control_client *client = &control->clients[i];

		if (client->fd >= 0 && fds[1 + i].revents)
			r = take(client, answer, user);
		else if (client->len && client->said_ms + SAID_MS <= now)
			r = answer_lines(client, true, answer, user);
	}
	if (place < CONTROL_CLIENTS && fds[0].revents)
		control->clients[place].fd =
			accept4(control->socket, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	return r;
}

/* From inside the program under test: returns when the rule was carried out. */
int bp_scenario_tell(struct bp_ctx *ctx, const char *socket_path, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_(closep) int fd = -1;
	char answer[64] = "";

	if (!socket_path)
		socket_path = getenv("BEDPLATE_FAULT_SOCKET");
	if (!socket_path || strlen(socket_path) >= sizeof(address.sun_path))
		return bp_fail(ctx, -ENOENT, "no scenario runs here: BEDPLATE_FAULT_SOCKET");
	strcpy(address.sun_path, socket_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return bp_fail(ctx, -errno, "'%s': %s", socket_path, strerror(errno));
	if (dprintf(fd, "%s\n", name) < 0 || read(fd, answer, sizeof(answer) - 1) <= 0)
		return bp_fail(ctx, -EIO, "'%s': no answer", name);
	answer[strcspn(answer, "\n")] = '\0';
	if (streq(answer, "ok"))
		return 0;
	return bp_fail(ctx, streq(answer, "failed") ? -EIO : -ENOENT, "'%s': %s", name, answer);
}
