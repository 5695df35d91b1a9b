/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How many processors this process may use. */
#ifndef CORE_CPUS_H
#define CORE_CPUS_H

#include "core/util.h"

#include <sched.h>

static inline unsigned cpus_available(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	return (unsigned)MAX(1, MIN(16, CPU_COUNT(&set)));
}

#endif
