/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/clock.h"
#include "core/util.h"

#include <limits.h>
#include <time.h>

int64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t deadline_in(int64_t timeout_ms)
{
	int64_t at;

	if (timeout_ms < 0 || add_overflow(clock_ms(), timeout_ms, &at))
		return DEADLINE_NEVER;
	return at;
}

int deadline_left(int64_t deadline)
{
	int64_t left;

	if (deadline == DEADLINE_NEVER)
		return -1;
	left = deadline - clock_ms();
	return (int)MIN(MAX(left, (int64_t)0), (int64_t)INT_MAX);
}

void clock_sleep_ms(int64_t ms)
{
	struct timespec t = { .tv_sec = (time_t)(ms / 1000),
			      .tv_nsec = (long)(ms % 1000 * 1000000) };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}
