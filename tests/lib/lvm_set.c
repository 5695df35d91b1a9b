/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Unpacks images of volume groups into files of their own, removed again by lvm_set_done(). */
#include "lvm_set.h"

#include <glob.h>
#include <stdio.h>

#define DIR TEST_DATA "/lvm"

const char *const lvm_sets[] = {
	"cached-pool",  "cachevol",   "external-origin", "flags",         "gpt-disk",
	"missing-pv",   "multi-pv",   "needs-check",     "no-data-space", "raid-layouts",
	"raid1-tmeta",  "removed-lv", "repaired",        "simple-pool",   "thick-beside",
	"tid-mismatch", "two-mdas",   "vdo-text",        "writecache",
};
const size_t nr_lvm_sets = ARRAY_SIZE(lvm_sets);

const void *there(const void *p, const char *what)
{
	if (!p) {
		print_error("there is no %s\n", what);
		abort();
	}
	return p;
}

static char *unpack(const char *packed)
{
	char command[4200], *path = strdup("/tmp/bp-lvm-XXXXXX");
	int fd;

	assert_non_null(path);
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	snprintf(command, sizeof(command),
		 "xz -dc '%s' | dd of='%s' conv=sparse bs=64k status=none", packed, path);
	assert_int_equal(system(command), 0);
	return path;
}

void lvm_set_open(struct lvm_set *set, const char *name)
{
	char pattern[4096];
	glob_t found;

	*set = (struct lvm_set){ 0 };
	snprintf(pattern, sizeof(pattern), DIR "/%s-d?.img.xz", name);
	assert_ok(glob(pattern, 0, NULL, &found));
	for (size_t i = 0; i < found.gl_pathc && i < ARRAY_SIZE(set->paths); i++)
		set->paths[set->nr++] = unpack(found.gl_pathv[i]);
	globfree(&found);
	assert_ok(bp_ctx_new(&set->ctx));
	assert_ok(lvm_scan_new(set->ctx, (const char *const *)set->paths, set->nr, NULL,
			       &set->scan));
}

void lvm_set_done(struct lvm_set *set)
{
	lvm_scan_free(set->scan);
	for (size_t i = 0; i < set->nr; i++) {
		unlink(set->paths[i]);
		free(set->paths[i]);
	}
	bp_ctx_free(set->ctx);
}

size_t lvm_facts(const char *name, const char *filter, void (*line)(void *user, char *text),
		 void *user)
{
	char command[5000], *text = NULL;
	size_t size = 0, lines = 0;
	ssize_t len;
	FILE *f;

	snprintf(command, sizeof(command), "xz -dc " DIR "/%s.json.xz | jq -r '%s'", name,
		 filter);
	f = popen(command, "re");
	assert_non_null(f);
	while ((len = getline(&text, &size, f)) > 0) {
		text[len - 1] = '\0';
		line(user, text);
		lines++;
	}
	assert_int_equal(pclose(f), 0);
	free(text);
	return lines;
}
