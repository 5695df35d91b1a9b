/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every unit test includes: cmocka with its headers, and a few helpers. */
#ifndef LIB_UNIT_H
#define LIB_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/util.h"

#define assert_ok(expr)      assert_int_equal((expr), 0)
#define assert_err(expr, no) assert_int_equal((expr), -(no))

#endif
