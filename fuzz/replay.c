/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A plain main for fuzz targets, so that what fuzzing found is tried in every build. Arguments:
 * files and directories of inputs; of a .tsv file each row's fourth field is an input.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

static size_t count;

static void run(const char *data, size_t size)
{
	LLVMFuzzerTestOneInput((const uint8_t *)data, size);
	count++;
}

static void die(const char *path)
{
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	exit(1);
}

/* To its last byte, whatever is in it. */
static void run_file(const char *path, size_t size)
{
	char *data = malloc(size + 1);
	FILE *f = fopen(path, "r");

	if (!f || !data || fread(data, 1, size, f) != size)
		die(path);
	run(data, size);
	free(data);
	fclose(f);
}

/* "\n" and "\\" in a field are a line break and a backslash. */
static size_t unescape(char *text)
{
	char *out = text;

	for (const char *in = text; *in; in++) {
		if (in[0] == '\\' && (in[1] == 'n' || in[1] == '\\'))
			*out++ = *++in == 'n' ? '\n' : '\\';
		else
			*out++ = *in;
	}
	*out = '\0';
	return (size_t)(out - text);
}

static void run_tsv(const char *path)
{
	char *line = NULL;
	size_t size = 0;
	FILE *f = fopen(path, "r");

	if (!f)
		die(path);
	while (getline(&line, &size, f) > 0) {
		char *rest = line, *field = NULL;

		for (int i = 0; i < 4 && rest; i++)
			field = strsep(&rest, "\t\n");
		if (field)
			run(field, unescape(field));
	}
	free(line);
	fclose(f);
}

static void run_path(const char *path)
{
	const char *end = strrchr(path, '.');
	struct dirent *entry;
	struct stat st;
	DIR *dir;

	if (stat(path, &st) < 0)
		die(path);
	if (!S_ISDIR(st.st_mode)) {
		if (end && strcmp(end, ".tsv") == 0)
			run_tsv(path);
		else
			run_file(path, (size_t)st.st_size);
		return;
	}
	dir = opendir(path);
	if (!dir)
		die(path);
	while ((entry = readdir(dir))) {
		char name[4096];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		run_path(name);
	}
	closedir(dir);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		run_path(argv[i]);
	if (count == 0) {
		fprintf(stderr, "no inputs\n");
		return 1;
	}
	printf("%zu inputs\n", count);
	return 0;
}
