/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices as they work: rates, how full, how long until full; again and again. Each look is a few
 * ioctls and one file of sysfs a device; nothing is flushed.
 */
#include "cli/keys.h"
#include "commands/common.h"
#include "commands/status_text.h"
#include "core/utf8.h"

#include <bedplate/metrics.h>
#include <bedplate/targets.h>
#include <bedplate/targets_cache.h>

#include <inttypes.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* How fast something fills is an average in which a look counts less the older it is. */
#define NEW_WEIGHT 0.3

struct args {
	struct cli_list names;
	int64_t interval_ms;
	uint64_t count;
	struct out_opts out;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERANDS(names, "NAME", "devices (without: all): " DEVICE_HELP),
	OPT_TIME(interval_ms, 0, "interval", "TIME", "between looks; default: 2s"),
	OPT_NUMBER(count, 0, "count", "N", "end after so many looks; default: go on, or 2 where output is no terminal or --json"),
	OPT_OUTPUT(out),
	OPT_END
};
/* clang-format on */

struct row {
	const char *name, *target, *summary;
	uint64_t read_bytes, written_bytes, reads, writes, in_flight, busy_percent;
	uint64_t used_percent, full_seconds;
	char *full_in;
};

/* clang-format off */
static const struct out_column columns[] = {
	COL_TEXT(struct row, name, OUT_DEFAULT, "name of the device"),
	COL_TEXT(struct row, target, OUT_DEFAULT, "target of its first segment"),
	COL_SIZE(struct row, read_bytes, OUT_DEFAULT, "read in a second"),
	COL_SIZE(struct row, written_bytes, OUT_DEFAULT, "written in a second"),
	COL_NUMBER(struct row, reads, 0, "reads in a second"),
	COL_NUMBER(struct row, writes, 0, "writes in a second"),
	COL_NUMBER(struct row, in_flight, OUT_DEFAULT, "requests begun and not finished"),
	COL_PERCENT(struct row, busy_percent, OUT_DEFAULT, "time with a request in flight"),
	COL_PERCENT(struct row, used_percent, OUT_DEFAULT, "how full a pool, snapshot or VDO volume is"),
	COL_TEXT(struct row, full_in, OUT_DEFAULT, "when it will be full, if it goes on like this"),
	COL_NUMBER(struct row, full_seconds, 0, "the same in seconds"),
	COL_TEXT(struct row, summary, OUT_DEFAULT, "what matters of its status"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.top",
	.help = "The last look, its rates since the one before: the second of two, or --count.",
	.columns = columns, .none = "no devices",
};
/* clang-format on */

/* In a second. */
struct rates {
	uint64_t read_bytes, written_bytes, reads, writes, busy_percent;
};
static const struct rates no_rates = { OUT_UNKNOWN, OUT_UNKNOWN, OUT_UNKNOWN, OUT_UNKNOWN,
				       OUT_UNKNOWN };

/* A device as it was at the last look. */
struct past {
	struct bp_devno dev;
	struct bp_device_io io;
	struct rates rates; /* as of the last look */
	uint64_t used;
	double rate; /* used units a second, averaged */
	bool rated;  /* it is known */
	bool seen;   /* at this look */
};

struct top {
	struct cli *cli;
	const struct args *args;
	struct out *out;
	const struct out *shown; /* which columns are */
	struct out_opts how;
	char sort[64];     /* --sort, or what the keys made of it */
	bool keys;         /* there are any */
	bool ended;        /* by a key */
	bool again;        /* the last look is shown once more: it says the rates */
	double seconds;    /* since the last look; 0: this is the first */
	struct past *past; /* by number */
	size_t nr_past, size_past;
};

/* --- the past --- */

static int compare(const struct bp_devno *a, const struct bp_devno *b)
{
	if (a->major != b->major)
		return a->major < b->major ? -1 : 1;
	return a->minor == b->minor ? 0 : a->minor < b->minor ? -1 : 1;
}

/* Where its entry is, or belongs. */
static size_t find_past(const struct top *top, const struct bp_devno *dev)
{
	size_t low = 0, high = top->nr_past;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&top->past[middle].dev, dev) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Room for one more at @at. */
static int insert_past(struct top *top, size_t at)
{
	if (top->nr_past == top->size_past) {
		size_t size = top->size_past ? 2 * top->size_past : 64;
		void *list = realloc(top->past, size * sizeof(*top->past));

		if (!list)
			return -ENOMEM;
		top->past = list;
		top->size_past = size;
	}
	memmove(top->past + at + 1, top->past + at, (top->nr_past - at) * sizeof(*top->past));
	top->nr_past++;
	return 0;
}

/* The device's entry, until the next is asked for: new ones have nothing to compare with, and what
 * comes between two looks is new at the next. NULL: no memory. */
static struct past *past_of(struct top *top, const struct bp_devno *dev, bool *ret_new)
{
	size_t at = find_past(top, dev);

	*ret_new = at == top->nr_past || compare(&top->past[at].dev, dev) != 0;
	if (*ret_new) {
		if (insert_past(top, at) < 0)
			return NULL;
		top->past[at] = (struct past){ .dev = *dev, .rates = no_rates };
	}
	top->past[at].seen = !*ret_new || !top->again;
	return &top->past[at];
}

/* Numbers are given to other devices once theirs are gone. */
static void forget_gone(struct top *top)
{
	size_t to = 0;

	for (size_t i = 0; i < top->nr_past; i++) {
		if (!top->past[i].seen)
			continue;
		top->past[i].seen = false;
		top->past[to++] = top->past[i];
	}
	top->nr_past = to;
}

/* --- one device --- */

/* What can become full. */
static bool fill_of(const struct bp_status *status, uint64_t *ret_used, uint64_t *ret_total)
{
	const char *target = status->target;

	if (!status->values)
		return false;
	if (streq(target, "thin-pool")) {
		const struct bp_thin_pool_status *s = status->values;

		*ret_used = s->used_data_dblocks;
		*ret_total = s->total_data_dblocks;
	} else if (streq(target, "snapshot")) {
		const struct bp_snapshot_status *s = status->values;

		*ret_used = s->used_sectors;
		*ret_total = s->total_sectors;
	} else if (streq(target, "vdo")) {
		const struct bp_vdo_status *s = status->values;

		*ret_used = s->used_mblocks;
		*ret_total = s->total_mblocks;
	} else {
		return false;
	}
	return *ret_total > 0;
}

/* A counter's rise in a second. */
static uint64_t rate(const struct top *top, uint64_t now, uint64_t before)
{
	return now >= before ? (uint64_t)((double)(now - before) / top->seconds + 0.5) : 0;
}

/* Differences by the time that passed between the looks; busy at most 100 %. */
static struct rates rates_of(const struct top *top, const struct bp_device_io *now,
			     const struct bp_device_io *before)
{
	uint64_t busy_ms = rate(top, now->busy_ms, before->busy_ms);

	return (struct rates){
		.read_bytes = rate(top, now->read_bytes, before->read_bytes),
		.written_bytes = rate(top, now->write_bytes, before->write_bytes),
		.reads = rate(top, now->reads, before->reads),
		.writes = rate(top, now->writes, before->writes),
		.busy_percent = MIN(busy_ms, 1000u) * 10,
	};
}

static void set_io(const struct top *top, struct row *row, const struct bp_device_io *now,
		   struct past *past, bool is_new)
{
	row->in_flight = now->in_flight;
	if (!top->again) {
		past->rates =
			!is_new && top->seconds > 0 ? rates_of(top, now, &past->io) : no_rates;
		past->io = *now;
	}
	row->read_bytes = past->rates.read_bytes;
	row->written_bytes = past->rates.written_bytes;
	row->reads = past->rates.reads;
	row->writes = past->rates.writes;
	row->busy_percent = past->rates.busy_percent;
}

/* "3d4h", "4h5min", "6min", "7s". NULL without memory. */
static char *time_text(uint64_t s)
{
	char *text;
	int n;

	if (s >= 86400)
		n = asprintf(&text, "%" PRIu64 "d%" PRIu64 "h", s / 86400, s % 86400 / 3600);
	else if (s >= 3600)
		n = asprintf(&text, "%" PRIu64 "h%" PRIu64 "min", s / 3600, s % 3600 / 60);
	else if (s >= 60)
		n = asprintf(&text, "%" PRIu64 "min", s / 60);
	else
		n = asprintf(&text, "%" PRIu64 "s", s);
	return n < 0 ? NULL : text;
}

/* A moving average: one burst must not foretell the end. Later than ten years is never. */
static void set_fill(const struct top *top, struct row *row, const struct bp_status *status,
		     struct past *past, bool is_new)
{
	uint64_t used, total;
	double rise, left;

	if (!fill_of(status, &used, &total))
		return;
	row->used_percent = (uint64_t)((double)used / (double)total * 10000 + 0.5);
	if (!is_new && !top->again && top->seconds > 0) {
		rise = ((double)used - (double)past->used) / top->seconds;
		past->rate =
			past->rated ? NEW_WEIGHT * rise + (1 - NEW_WEIGHT) * past->rate : rise;
		past->rated = true;
	}
	if (!top->again)
		past->used = used;
	if (!past->rated || past->rate <= 0 || used >= total)
		return;
	left = (double)(total - used) / past->rate;
	if (left < 10 * 365 * 86400.0) { /* later is never */
		row->full_seconds = (uint64_t)left;
		row->full_in = time_text(row->full_seconds);
	}
}

/* What can't be known of a new device is unknown until the second look. */
static int add_row(struct top *top, const struct bp_device_info *info,
		   const struct bp_status *status)
{
	const struct bp_devno dev = { info->major, info->minor };
	_cleanup_(freep) char *summary = NULL;
	struct bp_device_io io = { 0 };
	struct row row = {
		.name = info->name,
		.target = status ? status->target : NULL,
		.read_bytes = OUT_UNKNOWN,
		.written_bytes = OUT_UNKNOWN,
		.reads = OUT_UNKNOWN,
		.writes = OUT_UNKNOWN,
		.in_flight = OUT_UNKNOWN,
		.busy_percent = OUT_UNKNOWN,
		.used_percent = OUT_UNKNOWN,
		.full_seconds = OUT_UNKNOWN,
	};
	bool is_new;
	struct past *past = past_of(top, &dev, &is_new);
	int r = past ? 0 : -ENOMEM;

	if (r == 0 && bp_device_io(top->cli->ctx, &dev, &io) == 0)
		set_io(top, &row, &io, past, is_new);
	if (r == 0 && status) {
		set_fill(top, &row, status, past, is_new);
		r = bp_status_summary(top->cli->ctx, status, &summary);
	}
	row.summary = info->suspended ? "suspended" : summary;
	if (r == 0)
		out_add(top->out, NULL, &row);
	free(row.full_in);
	return r;
}

/* Of several segments the first one stands for the device. */
static int add_device(struct cli *cli, const struct bp_selector *which, void *user)
{
	struct top *top = user;
	const struct bp_status_line *line;
	struct bp_status *status = NULL;
	struct bp_device_status *lines;
	int r = bp_device_status(cli->ctx, which, 0, &lines);

	if (r < 0)
		return r;
	line = bp_device_status_count(lines) ? bp_device_status_get(lines, 0) : NULL;
	if (line)
		r = bp_status_parse(cli->ctx, line->target, line->text, &status);
	if (r == 0)
		r = add_row(top, bp_device_status_info(lines), status);
	bp_status_free(status);
	bp_device_status_free(lines);
	return r;
}

/* --- looks --- */

static double now_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Where nobody watches, the first look is only there to compare with. */
static int look(struct top *top, bool show)
{
	int r = out_open(top->cli, &top->how, &schema, &top->out);

	if (r || !top->out)
		return r;
	if (show)
		r = print_each(top->cli, &top->args->names, &top->out, add_device, top);
	else
		r = ask_each(top->cli, &top->args->names, add_device, top);
	out_free(top->out);
	top->out = NULL;
	forget_gone(top);
	return r;
}

/* How many bytes of @line, which has @len, the first @max characters are. */
static size_t cut_at(const char *line, size_t len, size_t max)
{
	size_t at = 0;
	uint32_t c;

	for (; max && at < len; max--)
		at += MAX(utf8_decode(line + at, len - at, &c), 1u);
	return at;
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* Lines are cut where the screen ends: wrapped ones would push others off it, and nobody finds a row again. */
static void print_fitting(FILE *f, const char *text, const struct winsize *screen)
{
	size_t nr = count_lines(text), room = screen->ws_row > 4 ? screen->ws_row - 2u : nr;
	size_t shown = nr > room ? room - 1 : nr;

	for (size_t i = 0; i < shown; i++) {
		size_t len = strcspn(text, "\n");

		fprintf(f, "%.*s\n", (int)cut_at(text, len, screen->ws_col), text);
		text += len + 1;
	}
	if (shown < nr)
		fprintf(f, "(%zu more)\n", nr - shown);
}

/* Not by cli_print(), which makes visible what moves the cursor. */
static void print_title(const struct top *top, size_t width)
{
	char line[160], when[32];
	time_t now = time(NULL);
	struct tm tm;
	int n;

	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%H:%M:%S", &tm);
	n = snprintf(line, sizeof(line), "%s %s%s%s%s", top->cli->cmd->name, when,
		     top->keys ? "  q quit, r reverse, s sort" : "",
		     top->keys && top->sort[0] ? ": " : "", top->keys ? top->sort : "");
	fprintf(top->cli->out, "\033[H\033[J%.*s\n", (int)MIN((size_t)n, width), line);
}

/* A look on a screen, as much of it as there is room for. Tables are safe to print as they are. */
static int look_on_screen(struct top *top)
{
	_cleanup_(freep) char *text = NULL;
	struct cli *cli = top->cli;
	FILE *out = cli->out, *buffer;
	struct winsize screen;
	size_t len;
	int r;

	if (ioctl(fileno(out), TIOCGWINSZ, &screen) < 0 || !screen.ws_col)
		screen = (struct winsize){ .ws_col = UINT16_MAX, .ws_row = 0 };
	print_title(top, screen.ws_col);
	if (top->args->out.raw)
		return look(top, true);
	buffer = open_memstream(&text, &len);
	if (!buffer)
		return cli_fail(cli, NULL, -ENOMEM);
	cli->out = buffer;
	r = look(top, true);
	cli->out = out;
	if (!cli_text_end(buffer, &text))
		return cli_fail(cli, NULL, -ENOMEM);
	print_fitting(out, text, &screen);
	return r;
}

/* --- keys --- */

/* Which column --sort names: its index, or -1. */
static int sorted_by(const char *sort)
{
	sort += sort[0] == '-' || sort[0] == '+';
	for (int i = 0; columns[i].name; i++)
		if (strcasecmp(columns[i].name, sort) == 0)
			return i;
	return -1;
}

/* By the next column that is shown: what has most of it comes first, names as in a dictionary.
 * Times in words have no order that means anything: the same in seconds has. */
static void sort_by_next(struct top *top)
{
	const size_t nr = ARRAY_SIZE(columns) - 1;
	size_t i = (size_t)(sorted_by(top->sort) + 1) % nr;

	for (size_t tried = 0; tried < nr && !out_shows(top->shown, columns[i].name); tried++)
		i = (i + 1) % nr;
	if (streq(columns[i].name, "full_in"))
		i++;
	snprintf(top->sort, sizeof(top->sort), "%s%s", columns[i].kind == OUT_TEXT ? "" : "-",
		 columns[i].name);
}

/* "size" and "-size". */
static void sort_reversed(struct top *top)
{
	char *sort = top->sort;

	if (!sort[0])
		sort_by_next(top);
	if (sort[0] == '-') {
		memmove(sort, sort + 1, strlen(sort));
	} else if (strlen(sort) + 1 < sizeof(top->sort)) {
		size_t plus = sort[0] == '+';

		memmove(sort + 1, sort + plus, strlen(sort + plus) + 1);
		sort[0] = '-';
	}
}

/* False: nothing is done by this key. */
static bool press(struct top *top, int key)
{
	switch (key) {
	case 'q':
		top->ended = true;
		return true;
	case 's':
		sort_by_next(top);
		break;
	case 'r':
		sort_reversed(top);
		break;
	default:
		return key == KEYS_AGAIN;
	}
	top->how.sort = top->sort;
	return true;
}

/* Until the next look is due, or the end was asked for. */
static int wait_until(struct top *top, double due)
{
	int key, r = EXIT_OK;

	while (r == EXIT_OK && !top->ended) {
		/* rounded up: too early would be a look too many */
		key = keys_wait((int64_t)((due - now_seconds()) * 1000 + 0.999));
		if (key == KEYS_NONE)
			break;
		if (!press(top, key) || top->ended || !top->keys)
			continue;
		top->again = true;
		r = look_on_screen(top);
		top->again = false;
		fflush(top->cli->out);
	}
	return r;
}

/* The first look shows no rates: on a pipe it isn't printed. */
static int watch(struct top *top, uint64_t count, bool screen)
{
	double interval = (double)top->args->interval_ms / 1000, before = 0, now;
	int r = EXIT_OK;

	for (uint64_t i = 1; r == EXIT_OK && !top->ended; i++) {
		now = now_seconds();
		top->seconds = i > 1 ? now - before : 0;
		before = now;
		r = screen ? look_on_screen(top)
			   : look(top, i == count || (!top->cli->json && i > 1));
		fflush(top->cli->out);
		if (i == count || ferror(top->cli->out))
			break;
		if (r == EXIT_OK)
			r = wait_until(top, now_seconds() + interval);
	}
	return r;
}

/* On a terminal without an end, elsewhere two looks. */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct top top = { .cli = cli, .args = args, .how = args->out };
	bool screen = !cli->json && isatty(fileno(cli->out));
	uint64_t count = args->count ? args->count : screen ? 0 : 2;
	struct out *out;
	int r = out_open(cli, &args->out, &schema, &out);

	if (r || !out)
		return r;
	if (args->interval_ms <= 0) {
		out_free(out);
		return cli_usage(cli, "--interval: it must be above 0");
	}
	top.shown = out;
	snprintf(top.sort, sizeof(top.sort), "%s", args->out.sort ? args->out.sort : "");
	top.keys = screen && keys_take(STDIN_FILENO);
	r = watch(&top, count, screen);
	keys_give();
	free(top.past);
	out_free(out);
	return r;
}

const struct cmd cmd_top = {
	.name = "top",
	.group = "Devices",
	.summary = "Watch devices at work: rates, how full, how long until full.",
	.detail = "On a terminal q ends it, s sorts by the next column, r turns the order "
		  "round.\n",
	.examples = "  bedplate top --interval 500ms\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.defaults = &(const struct args){ .interval_ms = 2000 },
	.flags = CMD_READS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
