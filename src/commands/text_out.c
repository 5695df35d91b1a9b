/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nothing is opened before the first byte is there; what is not whole never replaces a file. */
#include "commands/text_out.h"

#include <bedplate/output.h>

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

/* Standard output; pieces are large, stdio would only copy them. */
static int write_text(void *user, const char *text, size_t len)
{
	int fd = *(int *)user;

	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

void text_out_damage(void *user, const struct bp_damage *damage)
{
	cli_warn(user, "%s", damage->what);
}

/*
 * Three cases: kept in part on purpose, whole but with values that no restore takes,
 * incomplete.
 */
static int report_damage(const struct text_out *to, uint64_t damages, const char *where)
{
	const char *parts = damages == 1 ? "part" : "parts";
	uint64_t values = to->nr_values ? *to->nr_values : 0;
	_cleanup_(freep) char *hint = NULL;

	if (values && values == damages)
		return cli_failf(to->cli, to->input,
				 "put them right in the text, or in the metadata",
				 "%s is whole, but no restore takes %" PRIu64 " of its values",
				 where, values);
	if (to->whole)
		return cli_failf(to->cli, to->input, NULL,
				 "%" PRIu64 " %s of the metadata could not be kept; %s has the "
				 "rest",
				 damages, parts, where);
	if (asprintf(&hint,
		     "%s tells more; what is missing is marked in %s, which has no end on "
		     "purpose",
		     to->checker, where) < 0)
		hint = NULL;
	return cli_failf(to->cli, to->input, hint,
			 "%" PRIu64 " %s of the metadata can't be read", damages, parts);
}

/* Print to memory, then hand the text on whole. */
static int make_printed(const struct text_out *to, bp_write_fn write, void *user)
{
	_cleanup_(freep) char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	int r;

	if (!f)
		return -ENOMEM;
	r = to->print(f, to->args);
	if (!cli_text_end(f, &text))
		return -ENOMEM;
	return r < 0 ? r : write(user, text, len);
}

static int make(const struct text_out *to, bp_write_fn write, void *user, uint64_t *ret_damages)
{
	*ret_damages = 0;
	return to->print ? make_printed(to, write, user)
			 : to->make(to->cli, to->args, write, user, ret_damages);
}

/* Past stdio, which is flushed before, so that the order of bytes is kept. */
static int to_stdout(const struct text_out *to)
{
	int fd = fileno(to->cli->out), r;
	uint64_t damages = 0;

	fflush(to->cli->out);
	r = make(to, write_text, &fd, &damages);
	if (r < 0)
		return cli_fail(to->cli, r == -EPIPE ? NULL : to->input, r);
	return damages ? report_damage(to, damages, "the text") : EXIT_OK;
}

static void output_freep(struct bp_output **output)
{
	bp_output_free(*output);
}

/* No text: only whether it could be written, asked before long work. */
int text_put(struct cli *cli, const char *path, const char *const *inputs, const char *text)
{
	struct bp_output_opts how = { .size = sizeof(how), .inputs = inputs };
	_cleanup_(output_freep) struct bp_output *output = NULL;
	int r = bp_output_new(cli->ctx, path, &how, &output);

	if (r == 0 && text)
		r = bp_output_write(output, text, strlen(text));
	if (r == 0 && text)
		r = bp_output_commit(output);
	return r < 0 ? cli_fail(cli, NULL, r) : EXIT_OK;
}

static int write_nothing(void *user, const char *text, size_t len)
{
	(void)user;
	(void)text;
	(void)len;
	return 0;
}

/* A dry run makes the text, which shows whether it can be made, and writes it nowhere. */
static int would_write(const struct text_out *to)
{
	uint64_t damages = 0;
	int r = make(to, write_nothing, NULL, &damages);

	if (r < 0)
		return cli_fail(to->cli, to->input, r);
	if (!to->cli->json)
		cli_print(to->cli, "would write %s\n", to->output);
	return damages ? report_damage(to, damages, "the text") : EXIT_OK;
}

/* An incomplete text gets another name: the one that was asked for is never taken by it. */
static int to_file(const struct text_out *to)
{
	const char *inputs[] = { to->input, NULL }, *where = to->output;
	struct bp_output_opts how = { .size = sizeof(how), .inputs = inputs };
	_cleanup_(output_freep) struct bp_output *output = NULL;
	uint64_t damages = 0;
	int r = bp_output_new(to->cli->ctx, to->output, &how, &output);

	if (r < 0)
		return cli_fail(to->cli, NULL, r);
	if (to->cli->dry_run)
		return would_write(to);
	r = make(to, bp_output_write, output, &damages);
	r = bp_output_error(output, r);
	if (r < 0)
		return cli_fail(to->cli, to->input, r);
	r = damages && !to->whole ? bp_output_commit_partial(output, &where)
				  : bp_output_commit(output);
	if (r < 0)
		return cli_fail(to->cli, NULL, r);
	return damages ? report_damage(to, damages, where) : EXIT_OK;
}

int text_out(const struct text_out *to)
{
	if (to->output)
		return to_file(to);
	if (to->cli->json)
		return cli_usage(to->cli,
				 "--json: the text itself is no JSON, give --output FILE");
	if (isatty(fileno(to->cli->out))) /* no bar among its lines */
		bp_ctx_set_progress(to->cli->ctx, NULL, NULL);
	return to_stdout(to);
}

/* Directories are refused by name, as reading them fails with an odd error. */
static int open_text(struct cli *cli, const char *path, int *ret_fd, const char **ret_name)
{
	struct stat st;
	int fd;

	*ret_name = "standard input";
	*ret_fd = STDIN_FILENO;
	if (streq(path, "-"))
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return cli_failr(cli, -ENOENT, NULL, NULL, "Couldn't find input file '%s'",
				 path);
	if (fd < 0)
		return cli_failr(cli, -errno, path, NULL, "cannot open: %s", strerror(errno));
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		close(fd);
		return cli_failr(cli, -EISDIR, NULL, NULL,
				 "Not a block device or regular file '%s': it is a directory",
				 path);
	}
	*ret_fd = fd;
	*ret_name = path;
	return 0;
}

int text_in(struct cli *cli, const char *path,
	    int (*restore)(struct cli *cli, const void *args, int fd, const char *name),
	    const void *args)
{
	const char *name;
	int fd, r, status = open_text(cli, path, &fd, &name);

	if (status)
		return status;
	r = restore(cli, args, fd, name);
	if (fd != STDIN_FILENO)
		close(fd);
	return r < 0 ? cli_fail(cli, NULL, r) : EXIT_OK;
}
