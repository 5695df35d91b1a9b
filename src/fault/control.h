/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The control socket of a run: who connects says lines, and gets an answer to each. Nobody who connects holds
 * the run up, whatever he says or leaves unsaid: its clock goes on.
 */
#ifndef FAULT_CONTROL_H
#define FAULT_CONTROL_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bedplate/context.h>

#define CONTROL_CLIENTS 32
#define CONTROL_FDS     (1 + CONTROL_CLIENTS)
#define CONTROL_LINE    256

struct control_client {
	int fd; /* -1: nobody */
	int64_t said_ms;
	size_t len;
	char text[CONTROL_LINE]; /* what was said and not answered yet */
};

struct control {
	int socket; /* -1: there is none */
	char path[108];
	struct control_client clients[CONTROL_CLIENTS];
};

/* What a line is answered by; a failure ends the run, with its answer sent before. */
typedef int (*control_fn)(void *user, const char *line, const char **ret_answer);

void control_init(struct control *control);
/* At @path, that nobody has yet. */
int control_open(struct bp_ctx *ctx, const char *path, struct control *ret);
void control_close(struct control *control);
/* What to wait for. @ret: CONTROL_FDS of them. */
void control_poll(const struct control *control, struct pollfd *ret);
/* When one has to be served of whom nothing more comes: a moment of clock_ms(); INT64_MAX: none. */
int64_t control_due(const struct control *control);
/* Take what has come, @fds as control_poll() and poll() filled them, and answer. */
int control_serve(struct control *control, const struct pollfd *fds, control_fn answer,
		  void *user);

/*
 * The next line of what was said, without its end; @ended: nothing more comes, so what is there is one. @ret:
 * CONTROL_LINE bytes. One that is too long comes in parts, which are no names of anybody's.
 */
bool control_line(struct control_client *client, bool ended, char *ret);

#endif
