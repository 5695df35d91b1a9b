/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is true of each operation, from the one list in ops.h; its ioctl is in ops_ioctl.c. */
#include "dm/kernel/ops.h"

const struct dm_op_traits dm_op_traits[OPS] = {
#define ROW(op, text, ioctl, bits) [OP_##op] = { .name = (text), .traits = (bits) },
	DM_OPS(ROW)
#undef ROW
};
