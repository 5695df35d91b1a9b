// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Thin pools. Each method finds the pool anew (what a pool holds is the kernel's to tell, not ours to
 * remember), does one call of <bedplate/pool.h> and forgets it.
 */
#include "docs.h"
#include "ext.h"

#include <stdlib.h>

/* One call on the pool that is @selector. */
#define ON_POOL(self, selector, expression)                                                    \
	CALL(self, ({                                                                          \
		     struct bp_pool *pool;                                                     \
		     int result_ = bp_pool_open(ctx, (selector), &pool);                       \
		     if (result_ == 0) {                                                       \
			     result_ = (expression);                                           \
			     bp_pool_close(pool);                                              \
		     }                                                                         \
		     result_;                                                                  \
	     }))

/* pool_create(NAME, METADATA, DATA, ...): keywords as struct bp_pool_opts. */
static PyObject *pool_create(PyObject *self, PyObject *args, PyObject *kwargs)
{
	_cleanup_(text_done) struct text name = { 0 }, metadata = { 0 }, data = { 0 };
	_cleanup_(text_done) struct text uuid = { 0 };
	struct bp_pool_opts opts = { .size = sizeof(opts) };
	unsigned long long block = 0, low_water = 0, size = 0;
	long long timeout_ms = 0;

	if (!PARSE("O&O&O&|O&O&O&O&O&O&",
		   NAMES("name", "metadata", "data", "uuid", "flags", "data_block_sectors",
			 "low_water_dblocks", "size_sectors", "timeout_ms"),
		   text_convert, &name, text_convert, &metadata, text_convert, &data,
		   optional_text, &uuid, u32_convert, &opts.flags, u64_convert, &block,
		   u64_convert, &low_water, u64_convert, &size, i64_convert, &timeout_ms))
		return NULL;
	opts.uuid = uuid.text;
	opts.data_block_sectors = block;
	opts.low_water_dblocks = low_water;
	opts.size_sectors = size;
	opts.timeout_ms = timeout_ms;
	if (CALL(self, bp_pool_create(ctx, name.text, metadata.text, data.text, &opts, NULL)) <
	    0)
		return NULL;
	Py_RETURN_NONE;
}

static const struct field status_fields[] = {
	FIELD(struct bp_pool_status, transaction_id),
	FIELD(struct bp_pool_status, metadata_used_mblocks),
	FIELD(struct bp_pool_status, metadata_total_mblocks),
	FIELD(struct bp_pool_status, metadata_low_water_mblocks),
	FIELD(struct bp_pool_status, data_used_dblocks),
	FIELD(struct bp_pool_status, data_total_dblocks),
	FIELD(struct bp_pool_status, low_water_dblocks),
	FIELD(struct bp_pool_status, held_root_mblock),
	FIELD(struct bp_pool_status, error_if_no_space),
	FIELD(struct bp_pool_status, needs_check),
	FIELD(struct bp_pool_status, skip_zeroing),
	FIELD(struct bp_pool_status, suspended),
	FIELD(struct bp_pool_status, data_block_sectors),
	FIELD(struct bp_pool_status, size_sectors),
	FIELD(struct bp_pool_status, metadata),
	FIELD(struct bp_pool_status, data),
	FIELDS_END,
};

static const char *const modes[] = {
	[BP_POOL_MODE_WRITE] = "rw",     [BP_POOL_MODE_OUT_OF_DATA_SPACE] = "out_of_data_space",
	[BP_POOL_MODE_READ_ONLY] = "ro", [BP_POOL_MODE_FAIL] = "fail",
	[BP_POOL_MODE_ERROR] = "error",
};
static const char *const discards[] = {
	[BP_POOL_DISCARD_PASSDOWN] = "discard_passdown",
	[BP_POOL_DISCARD_NO_PASSDOWN] = "no_discard_passdown",
	[BP_POOL_DISCARD_IGNORE] = "ignore_discard",
};

/* pool_status(WHICH, FLAGS) */
static PyObject *pool_status(PyObject *self, PyObject *args)
{
	_cleanup_(which_done) struct which which = { 0 };
	struct bp_pool_status status;
	unsigned flags = 0;
	PyObject *dict;

	if (!PyArg_ParseTuple(args, "O&|O&", which_convert, &which, u32_convert, &flags))
		return NULL;
	if (ON_POOL(self, &which.selector, bp_pool_status(pool, flags, &status)) < 0)
		return NULL;
	dict = fields_dict(status_fields, &status);
	if (dict && (dict_take(dict, "mode", text_or_none(modes[status.mode])) < 0 ||
		     dict_take(dict, "discard", text_or_none(discards[status.discard])) < 0))
		Py_CLEAR(dict);
	return dict;
}

static const struct field volume_fields[] = {
	FIELD(struct bp_volume, name),
	FIELD(struct bp_volume, uuid),
	FIELD(struct bp_volume, major),
	FIELD(struct bp_volume, minor),
	FIELD(struct bp_volume, thin_id),
	FIELD(struct bp_volume, external_origin),
	FIELD(struct bp_volume, size_sectors),
	FIELD(struct bp_volume, mapped_sectors),
	FIELD(struct bp_volume, open_count),
	FIELD(struct bp_volume, suspended),
	FIELD(struct bp_volume, read_only),
	FIELD(struct bp_volume, failed),
	FIELD(struct bp_volume, highest_mapped_sector),
	FIELDS_END,
};

/* pool_volumes(WHICH): those that are active. */
static PyObject *pool_volumes(PyObject *self, PyObject *args)
{
	_cleanup_(which_done) struct which which = { 0 };
	struct bp_volume_list *volumes;

	if (!PyArg_ParseTuple(args, "O&", which_convert, &which))
		return NULL;
	if (ON_POOL(self, &which.selector, bp_pool_volumes(pool, &volumes)) < 0)
		return NULL;
	return LIST_TAKE(volume_fields, bp_volume_list, volumes);
}

/* A volume to make or to activate: what the three calls of that kind take. */
struct volume {
	struct which pool, origin;
	struct text name, uuid, external;
	unsigned long long size_sectors;
	struct bp_volume_opts opts;
};

static void volume_done(struct volume *volume)
{
	which_done(&volume->pool);
	which_done(&volume->origin);
	text_done(&volume->name);
	text_done(&volume->uuid);
	text_done(&volume->external);
}

/* thin_id, origin_thin_id: THIN_ID_ANY: not given. */
static int volume_parse(struct volume *volume, PyObject *args, PyObject *kwargs)
{
	struct bp_volume_opts *opts = &volume->opts;
	unsigned thin_id = BP_THIN_ID_ANY, origin_id = BP_THIN_ID_ANY;
	int read_only = 0, inactive = 0;
	long long timeout_ms = 0;

	if (!PARSE("O&O&|O&O&O&O&O&O&ppO&",
		   NAMES("pool", "name", "size_sectors", "origin", "thin_id", "origin_thin_id",
			 "uuid", "external_origin", "read_only", "inactive", "timeout_ms"),
		   which_convert, &volume->pool, optional_text, &volume->name, u64_convert,
		   &volume->size_sectors, optional_which, &volume->origin, u32_convert,
		   &thin_id, u32_convert, &origin_id, optional_text, &volume->uuid,
		   optional_text, &volume->external, &read_only, &inactive, i64_convert,
		   &timeout_ms))
		return -1;
	*opts = (struct bp_volume_opts){
		.size = sizeof(*opts),
		.uuid = volume->uuid.text,
		.use_thin_id = thin_id != BP_THIN_ID_ANY,
		.thin_id = thin_id != BP_THIN_ID_ANY ? thin_id : 0,
		.external_origin = volume->external.text,
		.read_only = read_only,
		.inactive = inactive,
		.origin_by_id = origin_id != BP_THIN_ID_ANY,
		.origin_thin_id = origin_id != BP_THIN_ID_ANY ? origin_id : 0,
		.timeout_ms = timeout_ms,
	};
	return 0;
}

/* create_volume(POOL, NAME, SIZE_SECTORS, ...): its id. */
static PyObject *create_volume(PyObject *self, PyObject *args, PyObject *kwargs)
{
	_cleanup_(volume_done) struct volume v = { 0 };
	uint32_t id;

	if (volume_parse(&v, args, kwargs) < 0)
		return NULL;
	if (ON_POOL(self, &v.pool.selector,
		    bp_pool_create_volume(pool, v.name.text, v.size_sectors, &v.opts, &id)) < 0)
		return NULL;
	return PyLong_FromUnsignedLong(id);
}

/* snapshot(POOL, NAME, SIZE_SECTORS, ORIGIN, ...): its id. */
static PyObject *snapshot(PyObject *self, PyObject *args, PyObject *kwargs)
{
	_cleanup_(volume_done) struct volume v = { 0 };
	uint32_t id;

	if (volume_parse(&v, args, kwargs) < 0)
		return NULL;
	v.opts.size_sectors = v.size_sectors;
	if (ON_POOL(self, &v.pool.selector,
		    bp_pool_snapshot(pool, v.origin.given ? &v.origin.selector : NULL,
				     v.name.text, &v.opts, &id)) < 0)
		return NULL;
	return PyLong_FromUnsignedLong(id);
}

/* activate(POOL, NAME, SIZE_SECTORS, thin_id=ID, ...) */
static PyObject *activate(PyObject *self, PyObject *args, PyObject *kwargs)
{
	_cleanup_(volume_done) struct volume v = { 0 };
	uint32_t id;

	if (volume_parse(&v, args, kwargs) < 0)
		return NULL;
	id = v.opts.thin_id;
	v.opts.use_thin_id = false;
	v.opts.thin_id = 0;
	if (ON_POOL(self, &v.pool.selector,
		    bp_pool_activate(pool, id, v.name.text, v.size_sectors, &v.opts)) < 0)
		return NULL;
	Py_RETURN_NONE;
}

/* deactivate(POOL, ID, flags, timeout_ms): of remove. */
static PyObject *deactivate(PyObject *self, PyObject *args, PyObject *kwargs)
{
	_cleanup_(which_done) struct which which = { 0 };
	struct bp_remove_opts opts = { .size = sizeof(opts) };
	long long timeout_ms = 0;
	unsigned id;

	if (!PARSE("O&O&|O&O&", NAMES("pool", "thin_id", "flags", "timeout_ms"), which_convert,
		   &which, u32_convert, &id, u32_convert, &opts.flags, i64_convert,
		   &timeout_ms))
		return NULL;
	opts.timeout_ms = timeout_ms;
	if (ON_POOL(self, &which.selector, bp_pool_deactivate(pool, id, &opts)) < 0)
		return NULL;
	Py_RETURN_NONE;
}

/* pool_delete(POOL, ID, TIMEOUT_MS): for good. */
static PyObject *pool_delete(PyObject *self, PyObject *args)
{
	_cleanup_(which_done) struct which which = { 0 };
	long long timeout_ms = 0;
	unsigned id;

	if (!PyArg_ParseTuple(args, "O&O&|O&", which_convert, &which, u32_convert, &id,
			      i64_convert, &timeout_ms))
		return NULL;
	if (ON_POOL(self, &which.selector, bp_pool_delete(pool, id, timeout_ms)) < 0)
		return NULL;
	Py_RETURN_NONE;
}

/* pool_grow(POOL, SIZE_SECTORS, TIMEOUT_MS): 0: all of its data device. */
static PyObject *pool_grow(PyObject *self, PyObject *args)
{
	_cleanup_(which_done) struct which which = { 0 };
	unsigned long long size = 0;
	long long timeout_ms = 0;

	if (!PyArg_ParseTuple(args, "O&|O&O&", which_convert, &which, u64_convert, &size,
			      i64_convert, &timeout_ms))
		return NULL;
	if (ON_POOL(self, &which.selector, bp_pool_grow(pool, size, timeout_ms)) < 0)
		return NULL;
	Py_RETURN_NONE;
}

/* set_no_space(POOL, ERROR, TIMEOUT_MS) */
static PyObject *set_no_space(PyObject *self, PyObject *args)
{
	_cleanup_(which_done) struct which which = { 0 };
	long long timeout_ms = 0;
	int error;

	if (!PyArg_ParseTuple(args, "O&p|O&", which_convert, &which, &error, i64_convert,
			      &timeout_ms))
		return NULL;
	if (ON_POOL(self, &which.selector, bp_pool_set_no_space(pool, error, timeout_ms)) < 0)
		return NULL;
	Py_RETURN_NONE;
}

/* set_low_water(POOL, DBLOCKS, TIMEOUT_MS) */
static PyObject *set_low_water(PyObject *self, PyObject *args)
{
	_cleanup_(which_done) struct which which = { 0 };
	unsigned long long dblocks;
	long long timeout_ms = 0;

	if (!PyArg_ParseTuple(args, "O&O&|O&", which_convert, &which, u64_convert, &dblocks,
			      i64_convert, &timeout_ms))
		return NULL;
	if (ON_POOL(self, &which.selector, bp_pool_set_low_water(pool, dblocks, timeout_ms)) <
	    0)
		return NULL;
	Py_RETURN_NONE;
}

/* set_transaction(POOL, OLD, NEW, TIMEOUT_MS) */
static PyObject *set_transaction(PyObject *self, PyObject *args)
{
	_cleanup_(which_done) struct which which = { 0 };
	unsigned long long before, after;
	long long timeout_ms = 0;

	if (!PyArg_ParseTuple(args, "O&O&O&|O&", which_convert, &which, u64_convert, &before,
			      u64_convert, &after, i64_convert, &timeout_ms))
		return NULL;
	if (ON_POOL(self, &which.selector,
		    bp_pool_set_transaction(pool, before, after, timeout_ms)) < 0)
		return NULL;
	Py_RETURN_NONE;
}

/* reserve_metadata_snap(POOL, TIMEOUT_MS): the block it lies in. */
static PyObject *reserve_snap(PyObject *self, PyObject *args)
{
	_cleanup_(which_done) struct which which = { 0 };
	long long timeout_ms = 0;
	bp_mblock block = 0;

	if (!PyArg_ParseTuple(args, "O&|O&", which_convert, &which, i64_convert, &timeout_ms))
		return NULL;
	if (ON_POOL(self, &which.selector,
		    bp_pool_reserve_metadata_snap(pool, timeout_ms, &block)) < 0)
		return NULL;
	return PyLong_FromUnsignedLongLong(block);
}

static PyObject *release_snap(PyObject *self, PyObject *args)
{
	_cleanup_(which_done) struct which which = { 0 };
	long long timeout_ms = 0;

	if (!PyArg_ParseTuple(args, "O&|O&", which_convert, &which, i64_convert, &timeout_ms))
		return NULL;
	if (ON_POOL(self, &which.selector, bp_pool_release_metadata_snap(pool, timeout_ms)) < 0)
		return NULL;
	Py_RETURN_NONE;
}

/* pool_remove(POOL, flags, timeout_ms): deactivates, never deletes. */
static PyObject *pool_remove(PyObject *self, PyObject *args, PyObject *kwargs)
{
	_cleanup_(which_done) struct which which = { 0 };
	struct bp_remove_opts opts = { .size = sizeof(opts) };
	long long timeout_ms = 0;

	if (!PARSE("O&|O&O&", NAMES("pool", "flags", "timeout_ms"), which_convert, &which,
		   u32_convert, &opts.flags, i64_convert, &timeout_ms))
		return NULL;
	opts.timeout_ms = timeout_ms;
	if (ON_POOL(self, &which.selector, bp_pool_remove(pool, &opts)) < 0)
		return NULL;
	Py_RETURN_NONE;
}

PyMethodDef pool_methods[] = {
	{ "pool_create", KEYWORDS(pool_create), DOC_Context_pool_create },
	{ "pool_status", pool_status, METH_VARARGS, DOC_Context_pool_status },
	{ "pool_volumes", pool_volumes, METH_VARARGS, DOC_Context_pool_volumes },
	{ "create_volume", KEYWORDS(create_volume), DOC_Context_create_volume },
	{ "snapshot", KEYWORDS(snapshot), DOC_Context_snapshot },
	{ "activate", KEYWORDS(activate), DOC_Context_activate },
	{ "deactivate", KEYWORDS(deactivate), DOC_Context_deactivate },
	{ "pool_delete", pool_delete, METH_VARARGS, DOC_Context_pool_delete },
	{ "pool_grow", pool_grow, METH_VARARGS, DOC_Context_pool_grow },
	{ "set_no_space", set_no_space, METH_VARARGS, DOC_Context_set_no_space },
	{ "set_low_water", set_low_water, METH_VARARGS, DOC_Context_set_low_water },
	{ "set_transaction", set_transaction, METH_VARARGS, DOC_Context_set_transaction },
	{ "reserve_metadata_snap", reserve_snap, METH_VARARGS,
	  DOC_Context_reserve_metadata_snap },
	{ "release_metadata_snap", release_snap, METH_VARARGS,
	  DOC_Context_release_metadata_snap },
	{ "pool_remove", KEYWORDS(pool_remove), DOC_Context_pool_remove },
	{ NULL, NULL, 0, NULL },
};
