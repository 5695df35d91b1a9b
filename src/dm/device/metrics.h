/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* OpenMetrics text in the making: families, each with its samples, in the order of their coming. */
#ifndef DM_DEVICE_METRICS_H
#define DM_DEVICE_METRICS_H

#include <bedplate/json.h>

#include "core/strbuf.h"
#include "core/vec.h"

/* Kinds of families: what stands behind TYPE. */
enum metric_type {
	METRIC_GAUGE,
	METRIC_COUNTER, /* its samples' names end with _total */
	METRIC_STATESET,
	METRIC_INFO, /* its samples' names end with _info, their value is 1 */
};

struct metric_family {
	char *name;
	const char *help; /* outlives the text */
	enum metric_type type;
	struct strbuf samples;
};

struct metrics {
	VEC(struct metric_family *) families;
	int error; /* 0 or -ENOMEM: the first that came */
};

void metrics_done(struct metrics *m);

/* What a sample is of. */
struct metric_subject {
	const char *device; /* plain name */
	int64_t segment;    /* its number; -1: of the whole device */
};

/*
 * One sample. @label, @label_value: one more label, or NULL. @value: a number as text. The family
 * is made where it is new.
 */
void metrics_add(struct metrics *m, enum metric_type type, const char *name, const char *help,
		 const struct metric_subject *of, const char *label, const char *label_value,
		 const char *value);
void metrics_add_uint(struct metrics *m, enum metric_type type, const char *name,
		      const char *help, const struct metric_subject *of, uint64_t value);

/* The whole text. 0, -ENOMEM, or what @write returned. */
int metrics_write(const struct metrics *m, bp_write_fn write, void *user);

#endif
