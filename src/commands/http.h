/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One request of HTTP/1 and its answer: as much of it as a collector needs. */
#ifndef COMMANDS_HTTP_H
#define COMMANDS_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_status {
	HTTP_OK = 200,
	HTTP_BAD_REQUEST = 400,
	HTTP_NOT_ALLOWED = 405,
	HTTP_TIMEOUT = 408,
	HTTP_TOO_LONG = 431,
	HTTP_FAILED = 500,
};

struct http_peer {
	int fd; /* does not block */
	int64_t end_ms; /* all of the request and of the answer until then: a client can't hold us by being slow */
	bool head; /* HEAD: the answer has no body */
};

/* @fd: of accept4(), with SOCK_NONBLOCK; @limit_ms: for all that follows. */
struct http_peer http_peer(int fd, unsigned limit_ms);

/* Read a request's head. Return: what it is to be answered with (HTTP_OK: GET or HEAD), or -errno: there is nobody to answer. */
int http_read(struct http_peer *peer);

/* @type, @body: of HTTP_OK. Return: 0, or -errno. */
int http_answer(struct http_peer *peer, enum http_status status, const char *type,
		const char *body, size_t len);

const char *http_reason(enum http_status status);

#endif
