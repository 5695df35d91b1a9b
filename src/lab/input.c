/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Standard input, passed on to the guest as it comes. The two share files only, and a guest may
 * keep what it has read of a growing one: so each piece is a file of its own, in.0, in.1 ..., that
 * appears whole and that the guest removes; in.end says that no more follow. A few pieces are ahead
 * at most.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cli/util.h"
#include "lab/lab.h"

#define AHEAD       16u /* pieces that the guest has not taken */
#define PIECE_BYTES 65536u

static void path_of(const struct lab *lab, const char *name, char path[LAB_LONG_PATH])
{
	snprintf(path, LAB_LONG_PATH, "%s/%s", lab->dir, name);
}

/* A file with @text in it, there at once as a whole. */
static int put(struct lab *lab, const char *name, const char *text, size_t len)
{
	char path[LAB_LONG_PATH], part[LAB_LONG_PATH];
	FILE *file = lab_file_create(lab, "in.part", 0600);
	bool bad;

	if (!file)
		return -1;
	bad = fwrite(text, 1, len, file) != len;
	path_of(lab, "in.part", part);
	path_of(lab, name, path);
	if (fclose(file) != 0 || bad || rename(part, path) != 0)
		return lab_why(lab, "cannot pass on standard input: %s", strerror(errno));
	return 0;
}

int lab_input_end(struct lab *lab)
{
	lab->input.ended = true;
	return put(lab, "in.end", "", 0);
}

/* Is there nothing, now and ever? A terminal that is another's would stop us. */
static bool is_empty(void)
{
	struct stat st;

	if (fstat(STDIN_FILENO, &st) != 0)
		return true;
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)) /* /dev/null */
		return true;
	return isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) != getpgrp();
}

int lab_input_begin(struct lab *lab)
{
	return is_empty() ? lab_input_end(lab) : 0;
}

/*
 * AHEAD pieces are given ahead of the guest, no more: the rest of standard input may be for
 * somebody else.
 */
bool lab_input_wanted(const struct lab *lab)
{
	char name[32], path[LAB_LONG_PATH];

	if (lab->input.ended)
		return false;
	if (lab->input.pieces < AHEAD)
		return true;
	snprintf(name, sizeof(name), "in.%u", lab->input.pieces - AHEAD);
	path_of(lab, name, path);
	return access(path, F_OK) != 0;
}

/* A piece a file: the guest reads them in order and removes them. */
int lab_input_take(struct lab *lab)
{
	char buf[PIECE_BYTES], name[32];
	ssize_t len = read(STDIN_FILENO, buf, sizeof(buf));

	if (len < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (len <= 0)
		return lab_input_end(lab);
	snprintf(name, sizeof(name), "in.%u", lab->input.pieces++);
	return put(lab, name, buf, (size_t)len);
}

/* --- a terminal --- */

/* Raw: the guest's terminal does the editing. */
void lab_terminal_take(struct lab *lab)
{
	struct termios raw;

	if (!lab->opts->terminal || tcgetattr(STDIN_FILENO, &lab->input.before) != 0)
		return;
	raw = lab->input.before;
	cfmakeraw(&raw);
	lab->input.raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

void lab_terminal_give(struct lab *lab)
{
	if (lab->input.raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &lab->input.before);
	lab->input.raw = false;
}
