/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For rows of tables, which have a target's name beside its struct: how large that is. */
#ifndef TEST_PARAMS_H
#define TEST_PARAMS_H

#include <string.h>

#include "targets/grammar/target.h"

static inline size_t params_size(const char *target)
{
	const struct bp_target *known = bp_target_get(target);

	return known ? known->size : 0;
}

static inline size_t message_size(const char *target, const char *message)
{
	const struct bp_target *known = bp_target_get(target);
	const struct target_message *m = known ? known->messages : NULL;

	while (m && m->name && strcmp(m->name, message) != 0)
		m++;
	return m && m->name ? m->size : 0;
}

#endif
