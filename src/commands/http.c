/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See http.h, and RFC 9112. */
#include "commands/http.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define HEAD_SIZE 8192u

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct http_peer http_peer(int fd, unsigned limit_ms)
{
	return (struct http_peer){ .fd = fd, .end_ms = now_ms() + limit_ms };
}

/* For POLLIN or POLLOUT, as long as there is time at all. Past it: whether it could be done at once. */
static int await(const struct http_peer *peer, short events)
{
	struct pollfd poll_fd = { .fd = peer->fd, .events = events };

	for (;;) {
		int64_t left = peer->end_ms - now_ms();
		int n = poll(&poll_fd, 1, left > 0 ? (int)left : 0);

		if (n > 0)
			return 0;
		if (n == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

/* Return: how much, 0 at the end, or -errno. */
static ssize_t receive(const struct http_peer *peer, char *to, size_t size)
{
	for (;;) {
		int r = now_ms() < peer->end_ms ? await(peer, POLLIN) : -ETIMEDOUT;
		ssize_t n;

		if (r < 0)
			return r;
		n = recv(peer->fd, to, size, 0);
		if (n >= 0)
			return n;
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
	}
}

/* MSG_NOSIGNAL: a client that went is an error, not our end. */
static int send_all(const struct http_peer *peer, const char *text, size_t len)
{
	while (len > 0) {
		int r = await(peer, POLLOUT);
		ssize_t n;

		if (r < 0)
			return r;
		n = send(peer->fd, text, len, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* --- the request --- */

/* The characters of a method: a token's. */
static size_t token_len(const char *text)
{
	return strspn(text, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

/* "METHOD TARGET HTTP/1.x", and no blank more. @end: of the line. */
static bool is_request_line(const char *line, const char *end)
{
	size_t method = token_len(line);
	const char *target = line + method + 1, *version;

	if (method == 0 || line[method] != ' ')
		return false;
	version = memchr(target, ' ', (size_t)(end - target));
	if (!version || version == target || end - version != 9)
		return false;
	return strncmp(version, " HTTP/1.", 8) == 0 && version[8] >= '0' && version[8] <= '9';
}

/* "Name: value", the colon right behind the name. A line that goes on from the one before it is obsolete, and refused. */
static bool is_field(const char *line, const char *end)
{
	size_t name = token_len(line);

	return name > 0 && line + name < end && line[name] == ':';
}

/* @text: up to the blank line, which is there; lines end with "\n" or "\r\n". */
static int judge(struct http_peer *peer, const char *text, size_t len)
{
	const char *end = memchr(text, '\n', len), *line = text, *next;

	if (strlen(text) != len)
		return HTTP_BAD_REQUEST;
	if (!is_request_line(line, end - (end[-1] == '\r')))
		return HTTP_BAD_REQUEST;
	for (line = end + 1; *line && *line != '\r' && *line != '\n'; line = next + 1) {
		next = strchr(line, '\n');
		if (!is_field(line, next))
			return HTTP_BAD_REQUEST;
	}
	peer->head = strncmp(text, "HEAD ", 5) == 0;
	return peer->head || strncmp(text, "GET ", 4) == 0 ? HTTP_OK : HTTP_NOT_ALLOWED;
}

/* How long the head at @text is with its blank line; 0: it has not come whole. */
static size_t head_len(const char *text, size_t have)
{
	const char *line = text, *end;

	while ((end = memchr(line, '\n', have - (size_t)(line - text)))) {
		if (end == line || (end == line + 1 && *line == '\r'))
			return (size_t)(end + 1 - text);
		line = end + 1;
	}
	return 0;
}

int http_read(struct http_peer *peer)
{
	char buf[HEAD_SIZE + 1];
	size_t have = 0, begin = 0, len = 0;

	while (have < HEAD_SIZE) {
		ssize_t n = receive(peer, buf + have, HEAD_SIZE - have);

		if (n == -ETIMEDOUT)
			return HTTP_TIMEOUT;
		if (n < 0)
			return (int)n;
		if (n == 0)
			return have ? HTTP_BAD_REQUEST : -ECONNRESET;
		have += (size_t)n;
		/* Blank lines in front of a request are passed over. */
		while (begin < have && (buf[begin] == '\r' || buf[begin] == '\n'))
			begin++;
		len = head_len(buf + begin, have - begin);
		if (len) {
			buf[begin + len] = '\0';
			return judge(peer, buf + begin, len);
		}
	}
	return HTTP_TOO_LONG;
}

/* --- the answer --- */

const char *http_reason(enum http_status status)
{
	switch (status) {
	case HTTP_OK:
		return "OK";
	case HTTP_BAD_REQUEST:
		return "Bad Request";
	case HTTP_NOT_ALLOWED:
		return "Method Not Allowed";
	case HTTP_TIMEOUT:
		return "Request Timeout";
	case HTTP_TOO_LONG:
		return "Request Header Fields Too Large";
	case HTTP_FAILED:
		break;
	}
	return "Internal Server Error";
}

/* What is left unread when we close takes the answer away from the client again: TCP resets. */
static void read_rest(const struct http_peer *peer)
{
	char buf[4096];

	shutdown(peer->fd, SHUT_WR);
	while (receive(peer, buf, sizeof(buf)) > 0)
		;
}

/* With the length, so that a client knows a cut answer. */
int http_answer(struct http_peer *peer, enum http_status status, const char *type,
		const char *body, size_t len)
{
	bool ok = status == HTTP_OK;
	char head[256];
	int n = snprintf(
		head, sizeof(head),
		"HTTP/1.0 %d %s\r\n%s%s%s%sContent-Length: %zu\r\nConnection: close\r\n\r\n",
		status, http_reason(status), ok ? "Content-Type: " : "", ok ? type : "",
		ok ? "\r\n" : "", status == HTTP_NOT_ALLOWED ? "Allow: GET, HEAD\r\n" : "",
		ok ? len : 0);
	int r = send_all(peer, head, (size_t)n);

	if (r == 0 && ok && !peer->head)
		r = send_all(peer, body, len);
	if (r == 0 && !ok)
		read_rest(peer);
	return r;
}
