/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What anybody says on a run's control socket, in pieces of any size: every line once, and nothing else. */
#include "fuzz.h"

#include "core/util.h"
#include "fault/control.h"

static size_t lines_in(const uint8_t *data, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < size; i++)
		n += data[i] == '\n';
	return n;
}

static size_t take_lines(struct control_client *client, bool ended)
{
	char line[CONTROL_LINE];
	size_t n = 0;

	while (control_line(client, ended, line)) {
		promise(strlen(line) < sizeof(line) && !strpbrk(line, "\r\n"));
		n++;
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_client client = { .fd = -1 };
	size_t pos = 0, lines = 0, parts = size / (CONTROL_LINE - 1) + 1;

	while (pos < size) {
		size_t room = sizeof(client.text) - 1 - client.len;
		size_t n = MIN(MIN(size - pos, room), (size_t)data[pos] + 1);

		promise(room > 0);
		memcpy(client.text + client.len, data + pos, n);
		client.len += n;
		pos += n;
		lines += take_lines(&client, false);
	}
	lines += take_lines(&client, true);
	promise(client.len == 0);
	promise(lines >= lines_in(data, size) && lines <= lines_in(data, size) + parts);
	return 0;
}
