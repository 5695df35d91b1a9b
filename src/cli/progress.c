/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How far long work has come: for a person at a terminal, or for a log. */
#include "cli/internal.h"

#include <inttypes.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define BAR_EVERY_MS  100u  /* often enough to look alive */
#define LINE_EVERY_MS 5000u /* as the tools people know */
#define BAR_WIDTH     30u

struct cli_progress {
	char title[64];
	uint64_t start_ms, shown_ms;
	uint64_t done; /* when it was told last */
	bool terminal, drawn;
};

/* --- a bar must not stay behind --- */

/* What ends a program from its terminal. */
static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

#define ERASE "\r\033[K"

/* The prompt would else come behind the bar. Then the signal does what it would have done. */
static void erase_and_end(int nr)
{
	(void)!write(STDERR_FILENO, ERASE, sizeof(ERASE) - 1);
	raise(nr);
}

/* Only what would end the program at once: whoever ignores or takes a signal has a reason. */
static void watch_ends(bool watch)
{
	struct sigaction ours = { .sa_handler = erase_and_end,
				  .sa_flags = (int)SA_RESETHAND | SA_RESTART };
	struct sigaction is;

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		if (sigaction(ends[i], NULL, &is) < 0 || (is.sa_flags & SA_SIGINFO) ||
		    is.sa_handler != (watch ? SIG_DFL : erase_and_end))
			continue;
		if (watch)
			sigaction(ends[i], &ours, NULL);
		else
			signal(ends[i], SIG_DFL);
	}
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000u;
}

/* Where it is kept; NULL: none is wanted, or no memory, which is no reason to fail. Programs watch no bars. */
static struct cli_progress *get(struct cli *cli)
{
	struct cli_progress *p = cli->progress;

	if (cli->quiet || cli->json)
		return NULL;
	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (p) {
		p->terminal = isatty(fileno(cli->err));
		p->start_ms = p->shown_ms = now_ms();
	}
	cli->progress = p;
	return p;
}

/* A phase of its own: its time begins anew. Said again it is the same phase still. */
void cli_progress_title(struct cli *cli, const char *title)
{
	struct cli_progress *p = get(cli);

	if (!p || strncmp(p->title, title, sizeof(p->title) - 1) == 0)
		return;
	cli_progress_end(cli);
	snprintf(p->title, sizeof(p->title), "%s", title);
	p->start_ms = p->shown_ms = now_ms();
	p->done = 0;
}

/* "12 s left", or nothing before it can be guessed. */
static void left(uint64_t spent_ms, uint64_t done, uint64_t total, char *buf, size_t size)
{
	double share = total ? (double)done / (double)total : 0.0;
	double seconds;

	buf[0] = '\0';
	if (spent_ms < 1000 || share < 0.01 || done >= total)
		return;
	seconds = (double)spent_ms / 1000.0 * (1.0 - share) / share;
	if (seconds < 120.0)
		snprintf(buf, size, ", %.0f s left", seconds);
	else
		snprintf(buf, size, ", %.0f min left", seconds / 60.0);
}

static void fill_bar(char bar[BAR_WIDTH + 1], unsigned percent)
{
	unsigned full = percent * BAR_WIDTH / 100;

	for (unsigned i = 0; i < BAR_WIDTH; i++)
		bar[i] = i < full ? '=' : i == full ? '>' : ' ';
	bar[BAR_WIDTH] = '\0';
}

/* Redrawn in place; the rest of the line is cleared, as the last one may have been longer. */
static void draw(struct cli *cli, struct cli_progress *p, unsigned percent, const char *rest)
{
	char bar[BAR_WIDTH + 1];

	fill_bar(bar, percent);
	if (!p->drawn)
		watch_ends(true);
	fprintf(cli->err, "\r%s%s[%s] %3u%%%s\033[K", p->title, p->title[0] ? " " : "", bar,
		percent, rest);
	fflush(cli->err);
	p->drawn = true;
}

/* How much there is to do is not known: only that it goes on, and since when. */
static void show_time(struct cli *cli, struct cli_progress *p, uint64_t spent_ms)
{
	if (p->terminal && !p->drawn)
		watch_ends(true);
	fprintf(cli->err, "%s%s%sProgress: %.0f s so far%s", p->terminal ? "\r" : "", p->title,
		p->title[0] ? ": " : "", (double)spent_ms / 1000.0,
		p->terminal ? "\033[K" : "\n");
	fflush(cli->err);
	p->drawn |= p->terminal;
}

/*
 * Called often: it looks at the clock only, until it is time to draw. A file gets a line
 * now and then instead of a bar.
 */
int cli_progress(void *user, uint64_t done, uint64_t total)
{
	struct cli *cli = user;
	struct cli_progress *p = get(cli);
	uint64_t now;
	unsigned percent;
	char rest[32];

	if (!p)
		return 0;
	now = now_ms();
	if (done < p->done) /* the next step, of which nobody said that it begins */
		p->start_ms = now;
	p->done = done;
	if (total && done >= total) {
		cli_progress_end(cli); /* what was found may be printed now */
		return 0;
	}
	if (now - p->shown_ms < (p->terminal ? BAR_EVERY_MS : LINE_EVERY_MS))
		return 0;
	p->shown_ms = now;
	if (!total) {
		show_time(cli, p, now - p->start_ms);
		return 0;
	}
	percent = (unsigned)((double)(done < total ? done : total) * 100.0 / (double)total);
	left(now - p->start_ms, done, total, rest, sizeof(rest));
	if (p->terminal)
		draw(cli, p, percent, rest);
	else
		fprintf(cli->err, "%s%sProgress: %u%%%s\n", p->title, p->title[0] ? ": " : "",
			percent, rest);
	return 0;
}

void cli_progress_end(struct cli *cli)
{
	if (!cli->progress || !cli->progress->drawn)
		return;
	cli->progress->drawn = false;
	fprintf(cli->err, ERASE);
	fflush(cli->err);
	watch_ends(false);
}
