/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Targets of <bedplate/targets.h> that hide or prove data: crypt, inlinecrypt, integrity,
 * verity.
 */
#ifndef BEDPLATE_TARGETS_CRYPT_H
#define BEDPLATE_TARGETS_CRYPT_H

#include <bedplate/target_values.h>

#ifdef __cplusplus
extern "C" {
#endif

/* crypt: encryption. No status. */
enum bp_crypt_integrity_kind {
	BP_CRYPT_AEAD = 1, /* the cipher authenticates */
	BP_CRYPT_NONE = 2, /* tags hold the IV only */
};
struct bp_crypt_integrity {
	uint32_t tag_bytes; /* 1 to 480 */
	enum bp_crypt_integrity_kind kind;
};
struct bp_crypt {
	const char *cipher; /* "aes-xts-plain64", "capi:xts(aes)-plain64" */
	const char *key;    /* hex, or ":BYTES:TYPE:DESCRIPTION" of a keyring; NULL: none */
	bp_sector iv_offset_sectors;
	const char *dev;
	bp_sector offset_sectors;
	bool allow_discards;
	bool same_cpu_crypt;
	bool high_priority;
	bool submit_from_crypt_cpus;
	bool no_read_workqueue, no_write_workqueue;
	const struct bp_crypt_integrity *integrity; /* NULL: none */
	struct bp_number sector_bytes;              /* 512 to 4096, a power of two */
	bool iv_large_sectors;                      /* IVs count sector_bytes, not 512 */
	struct bp_number integrity_key_bytes;
};
#define BP_PARAMS_CRYPT(...) "crypt", BP_PARAMS(struct bp_crypt, __VA_ARGS__)

/* Message of crypt: "key", with words {"set", KEY} or {"wipe"}; the device is suspended. */
enum bp_crypt_key_action {
	BP_CRYPT_KEY_SET = 1,
	BP_CRYPT_KEY_WIPE = 2,
};
struct bp_crypt_key {
	enum bp_crypt_key_action action;
	const char *key; /* of BP_CRYPT_KEY_SET */
};
#define BP_MESSAGE_CRYPT_KEY(...) "crypt", "key", BP_PARAMS(struct bp_crypt_key, __VA_ARGS__)

/* integrity: a checksum or tag for each block. Formats a device whose first 4 KiB are zero. */
enum bp_integrity_mode {
	BP_INTEGRITY_JOURNAL = 1,
	BP_INTEGRITY_BITMAP = 2,
	BP_INTEGRITY_DIRECT = 3,
	BP_INTEGRITY_RECOVERY = 4, /* read without checking */
	BP_INTEGRITY_INLINE = 5,   /* tags in the device's own integrity area */
};
struct bp_integrity_algorithm {
	const char *name; /* of the kernel's crypto API: "crc32c", "hmac(sha256)" */
	const char *key;  /* hex; NULL: none */
};
struct bp_integrity {
	const char *dev;
	bp_sector offset_sectors;
	struct bp_number tag_bytes; /* 1 to 255; unset: as internal_hash has it */
	enum bp_integrity_mode mode;
	const char *meta_dev;
	struct bp_number block_bytes; /* 512 to 4096, a power of two */
	bool recalculate, reset_recalculate;
	bool allow_discards, allow_discards_keyed;
	struct bp_number journal_sectors, interleave_sectors, buffer_sectors;
	struct bp_number journal_watermark_percent;
	struct bp_number commit_time_ms;
	struct bp_number bit_sectors;
	struct bp_number bitmap_flush_interval_ms;
	bool fix_padding, fix_hmac, legacy_recalculate;
	const struct bp_integrity_algorithm *internal_hash;
	const struct bp_integrity_algorithm *journal_crypt, *journal_mac;
};
#define BP_PARAMS_INTEGRITY(...) "integrity", BP_PARAMS(struct bp_integrity, __VA_ARGS__)
struct bp_integrity_status {
	uint64_t mismatches;
	bp_sector provided_sectors;           /* what a segment can have at most */
	struct bp_number recalculated_sector; /* unset: not recalculating */
};

/* verity: read-only, each block checked against a tree of hashes. */
enum bp_verity_corruption {
	BP_VERITY_IGNORE_CORRUPTION = 1,
	BP_VERITY_RESTART_ON_CORRUPTION = 2,
	BP_VERITY_PANIC_ON_CORRUPTION = 3,
};
enum bp_verity_error {
	BP_VERITY_RESTART_ON_ERROR = 1,
	BP_VERITY_PANIC_ON_ERROR = 2,
};
struct bp_verity {
	uint32_t version; /* 1; 0: salt behind the data */
	const char *data_dev, *hash_dev;
	uint32_t data_block_bytes, hash_block_bytes;
	uint64_t nr_data_blocks;
	uint64_t hash_start_blocks; /* in hash blocks */
	const char *algorithm;
	const char *root_digest;                 /* hex */
	const char *salt;                        /* hex; NULL: none */
	enum bp_verity_corruption on_corruption; /* 0: the read fails */
	enum bp_verity_error on_error;           /* 0: the read fails */
	bool ignore_zero_blocks;
	bool check_at_most_once;
	bool try_verify_in_tasklet;
	const char *fec_dev;         /* error correction: also roots and blocks then */
	struct bp_number fec_blocks; /* data and hash blocks covered */
	struct bp_number fec_start_blocks;
	struct bp_number fec_roots; /* 2 to 24 */
	const char *root_hash_sig_key_desc;
};
#define BP_PARAMS_VERITY(...) "verity", BP_PARAMS(struct bp_verity, __VA_ARGS__)
enum bp_verity_state {
	BP_VERITY_VALID = 1,
	BP_VERITY_CORRUPTED = 2, /* something read so far was */
};
struct bp_verity_status {
	enum bp_verity_state state;
	struct bp_number corrected_blocks; /* unset: no error correction, or an older kernel */
};

/* inlinecrypt: encryption by the block layer's inline encryption. No status. */
enum bp_inlinecrypt_key_type {
	BP_INLINECRYPT_RAW = 1,
	BP_INLINECRYPT_HW_WRAPPED = 2,
};
struct bp_inlinecrypt {
	const char *cipher; /* "aes-xts-plain64" */
	const char *key;    /* hex, or ":BYTES:logon:DESCRIPTION" */
	bp_sector iv_offset_sectors;
	const char *dev;
	bp_sector offset_sectors;
	enum bp_inlinecrypt_key_type key_type;
	bool allow_discards;
	struct bp_number sector_bytes; /* 512 to 4096, a power of two */
	bool iv_large_sectors;         /* needed where sector_bytes is not 512 */
};
#define BP_PARAMS_INLINECRYPT(...) "inlinecrypt", BP_PARAMS(struct bp_inlinecrypt, __VA_ARGS__)

#ifdef __cplusplus
}
#endif

#endif
