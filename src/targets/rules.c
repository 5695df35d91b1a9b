/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which table of rules is which target's. */
#include "targets/rules.h"

const struct target_rules target_rules[] = {
	{ "crypt", rules_crypt },         { "inlinecrypt", rules_inlinecrypt },
	{ "integrity", rules_integrity }, { "mirror", rules_mirror },
	{ "multipath", rules_multipath }, { "raid", rules_raid },
	{ "verity", rules_verity },
};
const size_t target_rules_count = ARRAY_SIZE(target_rules);
