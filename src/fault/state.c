/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is kept of a device while it has faults: a file MAJOR:MINOR of lines "KEY VALUE", written
 * beside and renamed into place, so that it is whole or the one before. It may hold keys of
 * encryption: only its owner can read it. A file that is not as it was written is refused, never
 * guessed at.
 *
 *	bedplate-fault 1
 *	name NAME, uuid UUID       as the kernel has them; each to the end of its line
 *	next-id N
 *	gone ID KIND ...           as fault; those that this change heals, in front of the others
 *	fault ID KIND IO DELAY_MS BYTE VALUE SINCE_MS UNTIL_MS START+LENGTH...
 *	file 0|1 PATH              of the fault in front: whose contents its ranges were; 1: all
 *	original LINE, set LINE, before LINE, loaded LINE        one for each segment of the table
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "core/clock.h"
#include "core/dir.h"
#include "core/number.h"
#include "core/strbuf.h"
#include "fault/fault.h"

#define MAGIC       "bedplate-fault 1"
#define LOCK_WAIT   10 /* ms between two tries */
#define FILE_MAX    ((size_t)64 << 20)
#define MODE_DIR    0700
#define MODE_FILE   0600
#define KIND_MAX    BP_FAULT_POWER_CUT
#define NAME_FORMAT "%s/%" PRIu32 ":%" PRIu32

void fault_state_done(struct fault_state *state)
{
	for (size_t i = 0; i < state->faults.count; i++)
		fault_record_done(&state->faults.items[i]);
	vec_done(&state->faults);
	fault_state_forget_gone(state);
	free(state->name);
	free(state->uuid);
	free(state->original);
	free(state->set);
	free(state->before);
	free(state->loaded);
	*state = (struct fault_state){ 0 };
}

void fault_state_path(const char *dir, uint32_t major, uint32_t minor, char *ret, size_t size)
{
	snprintf(ret, size, NAME_FORMAT, dir, major, minor);
}

/* --- writing --- */

/* A line for each of the table's. */
static void put_table(struct strbuf *s, const char *key, const char *table)
{
	while (table && *table) {
		size_t len = strcspn(table, "\n");

		strbuf_addf(s, "%s ", key);
		strbuf_add_len(s, table, len);
		strbuf_add_char(s, '\n');
		table += len + (table[len] == '\n');
	}
}

/* A line of numbers; names of files are the rest of a line of their own. */
static void put_fault(struct strbuf *s, const char *key, const struct fault_record *f)
{
	strbuf_addf(s,
		    "%s %" PRIu64 " %u %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRId64
		    " %" PRId64,
		    key, f->id, f->kind, f->io, f->delay_ms, f->corrupt_byte, f->corrupt_value,
		    f->since_ms, f->until_ms);
	for (size_t i = 0; i < f->ranges.count; i++)
		strbuf_addf(s, " %" PRIu64 "+%" PRIu64, f->ranges.items[i].start_sectors,
			    f->ranges.items[i].length_sectors);
	strbuf_add_char(s, '\n');
	if (f->file)
		strbuf_addf(s, "file %d %s\n", f->whole_file, f->file);
}

/* Versioned by MAGIC: another version is not read. */
static int as_text(const struct fault_state *state, struct strbuf *s)
{
	strbuf_addf(s, MAGIC "\nname %s\nuuid %s\nnext-id %" PRIu64 "\n", state->name,
		    state->uuid, state->next_id);
	for (size_t i = 0; i < state->gone.count; i++)
		put_fault(s, "gone", &state->gone.items[i]);
	for (size_t i = 0; i < state->faults.count; i++)
		put_fault(s, "fault", &state->faults.items[i]);
	put_table(s, "original", state->original);
	put_table(s, "set", state->set);
	put_table(s, "before", state->before);
	put_table(s, "loaded", state->loaded);
	return s->error;
}

/* On the disk before it gets its name. */
static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

/*
 * Beside, then renamed: there is a whole one at any time. It has keys where the table has:
 * mode 0600.
 */
int fault_state_write(struct bp_ctx *ctx, const char *path, const struct fault_state *state)
{
	struct strbuf text = { 0 };
	char beside[4200];
	int fd = -1, r = as_text(state, &text);

	snprintf(beside, sizeof(beside), "%s.new", path);
	if (r == 0) {
		fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
			  MODE_FILE);
		r = fd < 0 ? -errno : write_all(fd, text.text, text.len);
	}
	if (fd >= 0)
		close(fd);
	if (r == 0 && rename(beside, path) < 0)
		r = -errno;
	if (r < 0 && fd >= 0)
		unlink(beside);
	strbuf_done(&text);
	return r < 0 ? bp_fail(ctx, r, "'%s': the device's own table can't be kept: %s", path,
			       strerror(-r))
		     : 0;
}

/* Nothing is left to heal: a file that stays would say that there is. */
int fault_state_unlink(struct bp_ctx *ctx, const char *path)
{
	if (unlink(path) == 0 || errno == ENOENT)
		return 0;
	return bp_fail(ctx, -errno, "'%s': what was kept to heal by can't be removed: %s", path,
		       strerror(errno));
}

/* --- reading --- */

/* The next word of a line, cut out of it; NULL at its end. */
static char *next_word(char **line)
{
	char *word = *line + strspn(*line, " ");

	if (!*word)
		return NULL;
	*line = word + strcspn(word, " ");
	if (**line)
		*(*line)++ = '\0';
	return word;
}

static int next_number(char **line, uint64_t max, uint64_t *ret)
{
	const char *word = next_word(line);

	return word ? number_parse(word, max, ret) : -EINVAL;
}

/* "START+LENGTH". */
static int get_range(char *word, struct fault_ranges *ranges)
{
	struct bp_fault_range range;
	char *plus = strchr(word, '+');

	if (!plus)
		return -EINVAL;
	*plus = '\0';
	if (number_parse(word, BP_TABLE_SECTOR_MAX, &range.start_sectors) < 0 ||
	    number_parse(plus + 1, BP_TABLE_SECTOR_MAX, &range.length_sectors) < 0 ||
	    !range.length_sectors)
		return -EINVAL;
	return vec_add(ranges, &range);
}

/* Bounds of each number are its member's. */
static int get_fault(char *line, bool gone, struct fault_state *state)
{
	static const uint64_t most[] = { UINT64_MAX, KIND_MAX,   UINT32_MAX, UINT32_MAX,
					 UINT32_MAX, UINT32_MAX, INT64_MAX,  INT64_MAX };
	struct fault_record f = { 0 };
	uint64_t n[ARRAY_SIZE(most)];
	char *word;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(most); i++)
		r = next_number(&line, most[i], &n[i]);
	if (r < 0 || !n[1])
		return -EINVAL;
	f = (struct fault_record){
		.id = n[0],
		.kind = (enum bp_fault_kind)n[1],
		.io = (uint32_t)n[2],
		.delay_ms = (uint32_t)n[3],
		.corrupt_byte = (uint32_t)n[4],
		.corrupt_value = (uint32_t)n[5],
		.since_ms = (int64_t)n[6],
		.until_ms = (int64_t)n[7],
	};
	while (r == 0 && (word = next_word(&line)))
		r = get_range(word, &f.ranges);
	if (r == 0 && !f.ranges.count)
		r = -EINVAL;
	if (r == 0)
		r = gone ? vec_add(&state->gone, &f) : vec_add(&state->faults, &f);
	if (r < 0)
		fault_record_done(&f);
	return r;
}

/* Tables are few lines long. */
static int append_line(char **table, const char *line)
{
	char *more;

	if (asprintf(&more, "%s%s\n", *table ? *table : "", line) < 0)
		return -ENOMEM;
	free(*table);
	*table = more;
	return 0;
}

static int take_text(char **to, const char *text)
{
	free(*to);
	*to = strdup(text);
	return *to ? 0 : -ENOMEM;
}

/* The newest: those that are gone come first. */
static struct fault_record *last_record(struct fault_state *state)
{
	if (state->faults.count)
		return &state->faults.items[state->faults.count - 1];
	return state->gone.count ? &state->gone.items[state->gone.count - 1] : NULL;
}

/* Belongs to the fault before it. */
static int get_file(char *value, struct fault_state *state)
{
	struct fault_record *f = last_record(state);
	uint64_t whole;

	if (!f || next_number(&value, 1, &whole) < 0 || *value != '/')
		return -EINVAL;
	f->whole_file = whole;
	return take_text(&f->file, value);
}

/* Unknown keys refuse the file: guessing could load a wrong table. */
static int get_line(char *line, struct fault_state *state)
{
	size_t len = strcspn(line, " ");
	char *value = line + len + (line[len] == ' ');

	line[len] = '\0';
	if (streq(line, "name"))
		return take_text(&state->name, value);
	if (streq(line, "uuid"))
		return take_text(&state->uuid, value);
	if (streq(line, "next-id"))
		return next_number(&value, UINT64_MAX, &state->next_id);
	if (streq(line, "fault"))
		return get_fault(value, false, state);
	if (streq(line, "gone"))
		return state->faults.count ? -EINVAL : get_fault(value, true, state);
	if (streq(line, "file"))
		return get_file(value, state);
	if (streq(line, "original"))
		return append_line(&state->original, value);
	if (streq(line, "set"))
		return append_line(&state->set, value);
	if (streq(line, "before"))
		return append_line(&state->before, value);
	if (streq(line, "loaded"))
		return append_line(&state->loaded, value);
	return -EINVAL;
}

/* A file that was cut is not taken: each line has its end. */
static int get_lines(FILE *f, struct fault_state *state)
{
	_cleanup_(freep) char *line = NULL;
	size_t size = 0, number = 0, total = 0;
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = getline(&line, &size, f)) > 0) {
		total += (size_t)n;
		if (line[n - 1] != '\n' || strlen(line) != (size_t)n || total > FILE_MAX)
			return -EINVAL;
		line[n - 1] = '\0';
		r = number++ ? get_line(line, state) : streq(line, MAGIC) ? 0 : -EINVAL;
	}
	if (r == 0 && !feof(f))
		return -EIO;
	return r == 0 && (!state->name || !state->uuid || !state->original) ? -EINVAL : r;
}

/* -ENOENT: the device has no faults. */
int fault_state_read(struct bp_ctx *ctx, const char *path, struct fault_state *ret)
{
	struct fault_state state = { 0 };
	FILE *f = fopen(path, "re");
	int r;

	if (!f && errno == ENOENT)
		return -ENOENT;
	r = f ? get_lines(f, &state) : -errno;
	if (f)
		fclose(f);
	if (r < 0) {
		fault_state_done(&state);
		bp_fail(ctx, r, "'%s': %s", path,
			r == -EINVAL ? "it is not what was written there" : strerror(-r));
		error_set_hint(ctx, "it has the own table of a device with faults; load that "
				    "yourself, then remove the file");
		return r;
	}
	*ret = state;
	return 0;
}

/* --- the directory --- */

/* MODE_DIR for the last one only. */
int fault_dir_make(struct bp_ctx *ctx, const char *dir)
{
	char path[4096];
	int r = 0;

	if (snprintf(path, sizeof(path), "%s", dir) >= (int)sizeof(path) - 64)
		return bp_fail(ctx, -ENAMETOOLONG, "'%s': too long", dir);
	for (char *p = path + 1; r == 0 && *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			r = -errno;
		*p = '/';
	}
	if (r == 0 && mkdir(path, MODE_DIR) < 0 && errno != EEXIST)
		r = -errno;
	return r < 0 ? bp_fail(ctx, r, "'%s': can't be made: %s", dir, strerror(-r)) : 0;
}

/* One a device; a change waits for another one's end. */
int fault_lock(struct bp_ctx *ctx, const char *dir, const struct bp_devno *dev,
	       int64_t timeout_ms, int *ret_fd)
{
	int64_t deadline = deadline_in(timeout_ms);
	char path[4200];
	int fd;

	snprintf(path, sizeof(path), NAME_FORMAT ".lock", dir, dev->major, dev->minor);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, MODE_FILE);
	if (fd < 0)
		return bp_fail(ctx, -errno, "'%s': %s", path, strerror(errno));
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK || !deadline_left(deadline)) {
			int r = errno == EWOULDBLOCK ? -ETIMEDOUT : -errno;

			close(fd);
			return bp_fail(ctx, r, "'%s': another process changes this device",
				       path);
		}
		clock_sleep_ms(LOCK_WAIT);
	}
	*ret_fd = fd;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const struct bp_devno *x = a, *y = b;

	if (x->major != y->major)
		return x->major < y->major ? -1 : 1;
	return x->minor < y->minor ? -1 : x->minor > y->minor;
}

/* "MAJOR:MINOR" and nothing behind it. */
static bool devno_of(const char *name, struct bp_devno *ret)
{
	const char *colon = strchr(name, ':');
	uint64_t major, minor;

	if (!colon || number_parse_len(name, (size_t)(colon - name), UINT32_MAX, &major) < 0 ||
	    number_parse(colon + 1, UINT32_MAX, &minor) < 0)
		return false;
	*ret = (struct bp_devno){ (uint32_t)major, (uint32_t)minor };
	return true;
}

/* Sorted, as readdir() has no order. */
int fault_state_scan(struct bp_ctx *ctx, const char *dir, struct bp_devno **ret,
		     size_t *ret_count)
{
	VEC(struct bp_devno) found = { 0 };
	DIR *d = opendir(dir);
	struct dirent *entry;
	int r = 0;

	if (!d && errno != ENOENT)
		return bp_fail(ctx, -errno, "'%s': %s", dir, strerror(errno));
	while (d && r == 0 && (entry = dir_next(d, &r))) {
		struct bp_devno dev;

		if (devno_of(entry->d_name, &dev))
			r = vec_add(&found, &dev);
	}
	if (d)
		closedir(d);
	if (r < 0) {
		vec_done(&found);
		return bp_fail(ctx, r, "'%s': %s", dir, strerror(-r));
	}
	if (found.count)
		qsort(found.items, found.count, sizeof(*found.items), by_number);
	*ret = found.items;
	*ret_count = found.count;
	return 0;
}
