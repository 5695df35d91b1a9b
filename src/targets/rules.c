/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which table of rules is which target's. */
#include "targets/rules.h"

const struct target_rules target_rules[] = {
	{ "", rules_core },
	{ "cache", rules_cache },
	{ "clone", rules_clone },
	{ "crypt", rules_crypt },
	{ "delay", rules_delay },
	{ "dust", rules_dust },
	{ "ebs", rules_ebs },
	{ "era", rules_era },
	{ "error", rules_error },
	{ "flakey", rules_flakey },
	{ "inlinecrypt", rules_inlinecrypt },
	{ "integrity", rules_integrity },
	{ "linear", rules_linear },
	{ "log-writes", rules_log_writes },
	{ "mirror", rules_mirror },
	{ "multipath", rules_multipath },
	{ "pcache", rules_pcache },
	{ "raid", rules_raid },
	{ "snapshot", rules_snapshot },
	{ "snapshot-merge", rules_snapshot },
	{ "snapshot-origin", rules_snapshot },
	{ "striped", rules_striped },
	{ "switch", rules_switch },
	{ "thin", rules_thin },
	{ "thin-pool", rules_thin },
	{ "unstriped", rules_unstriped },
	{ "vdo", rules_vdo },
	{ "verity", rules_verity },
	{ "writecache", rules_writecache },
	{ "zero", rules_zero },
	{ "zoned", rules_zoned },
};
const size_t target_rules_count = ARRAY_SIZE(target_rules);
