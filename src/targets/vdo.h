/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files about vdo share. */
#ifndef TARGETS_VDO_H
#define TARGETS_VDO_H

#include "targets/grammar/rule.h"

extern const struct rule vdo_log[];

#endif
