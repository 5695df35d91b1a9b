/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Monotonic time and deadlines, in milliseconds. */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdint.h>

#define DEADLINE_NEVER INT64_MAX

/* Now, in milliseconds of the monotonic clock. */
int64_t clock_ms(void);
/* When @timeout_ms from now is over; negative: never. */
int64_t deadline_in(int64_t timeout_ms);
/* Milliseconds left, 0 when over; -1 for DEADLINE_NEVER (as poll() takes it), at most INT_MAX.
 */
int deadline_left(int64_t deadline);
void clock_sleep_ms(int64_t ms);

#endif
