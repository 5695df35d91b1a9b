// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Making and changing mapped devices. Tables come as text (bp_table_parse()), so that no other
 * thread can change one while the kernel is given it.
 */
#include "docs.h"
#include "ext.h"

static int create(struct bp_ctx *ctx, const char *name, const char *text,
		  const struct bp_create_opts *opts, struct bp_device_info *ret)
{
	struct bp_table *table = NULL;
	int r = text ? bp_table_parse(ctx, text, 0, &table) : 0;

	if (r == 0)
		r = bp_device_create(ctx, name, table, opts, ret);
	bp_table_free(table);
	return r;
}

/* create(NAME, TABLE, ...): TABLE None: without one. Keywords as struct bp_create_opts. */
static PyObject *device_create(PyObject *self, PyObject *args, PyObject *kwargs)
{
	_cleanup_(text_done) struct text name = { 0 }, table = { 0 }, uuid = { 0 };
	struct bp_create_opts opts = { .size = sizeof(opts) };
	struct bp_device_info info;
	long long timeout_ms = 0;
	int minimum = 0;

	if (!PARSE("O&O&|O&O&O&O&O&O&O&O&O&pO&",
		   NAMES("name", "table", "uuid", "flags", "major", "minor", "uid", "gid",
			 "mode", "udev", "read_ahead_sectors", "read_ahead_minimum",
			 "timeout_ms"),
		   text_convert, &name, optional_text, &table, optional_text, &uuid,
		   u32_convert, &opts.flags, u32_convert, &opts.major, u32_convert, &opts.minor,
		   u32_convert, &opts.uid, u32_convert, &opts.gid, u32_convert, &opts.mode,
		   u32_convert, &opts.udev, u32_convert, &opts.read_ahead_sectors, &minimum,
		   i64_convert, &timeout_ms))
		return NULL;
	opts.uuid = uuid.text;
	opts.read_ahead_minimum = minimum;
	opts.timeout_ms = timeout_ms;
	if (CALL(self, create(ctx, name.text, table.text, &opts, &info)) < 0)
		return NULL;
	return info_dict(&info);
}

/* What the calls of one shape have in common: a device, maybe a table, options. */
struct change {
	struct which which;
	struct text table;
	struct bp_change_opts opts;
};

static void change_done(struct change *change)
{
	which_done(&change->which);
	text_done(&change->table);
}

static int change_parse(struct change *change, bool table, PyObject *args, PyObject *kwargs)
{
	char **names = NAMES("which", "flags", "udev", "read_ahead_sectors",
			     "read_ahead_minimum", "timeout_ms");
	char **names_table = NAMES("which", "table", "flags", "udev", "read_ahead_sectors",
				   "read_ahead_minimum", "timeout_ms");
	struct bp_change_opts *opts = &change->opts;
	long long timeout_ms = 0;
	int minimum = 0, ok;

	opts->size = sizeof(*opts);
	if (table)
		ok = PARSE("O&O&|O&O&O&pO&", names_table, which_convert, &change->which,
			   text_convert, &change->table, u32_convert, &opts->flags, u32_convert,
			   &opts->udev, u32_convert, &opts->read_ahead_sectors, &minimum,
			   i64_convert, &timeout_ms);
	else
		ok = PARSE("O&|O&O&O&pO&", names, which_convert, &change->which, u32_convert,
			   &opts->flags, u32_convert, &opts->udev, u32_convert,
			   &opts->read_ahead_sectors, &minimum, i64_convert, &timeout_ms);
	opts->read_ahead_minimum = minimum;
	opts->timeout_ms = timeout_ms;
	return ok ? 0 : -1;
}

typedef int (*change_fn)(struct bp_ctx *ctx, const struct bp_selector *which,
			 const struct bp_change_opts *opts);

static PyObject *change_plain(PyObject *self, PyObject *args, PyObject *kwargs, change_fn fn)
{
	_cleanup_(change_done) struct change change = { 0 };

	if (change_parse(&change, false, args, kwargs) < 0)
		return NULL;
	if (CALL(self, fn(ctx, &change.which.selector, &change.opts)) < 0)
		return NULL;
	Py_RETURN_NONE;
}

static PyObject *device_suspend(PyObject *self, PyObject *args, PyObject *kwargs)
{
	return change_plain(self, args, kwargs, bp_device_suspend);
}

static PyObject *device_resume(PyObject *self, PyObject *args, PyObject *kwargs)
{
	return change_plain(self, args, kwargs, bp_device_resume);
}

static PyObject *device_clear(PyObject *self, PyObject *args, PyObject *kwargs)
{
	return change_plain(self, args, kwargs, bp_device_clear);
}

static PyObject *device_wipe_table(PyObject *self, PyObject *args, PyObject *kwargs)
{
	return change_plain(self, args, kwargs, bp_device_wipe_table);
}

typedef int (*table_fn)(struct bp_ctx *ctx, const struct bp_selector *which,
			const struct bp_table *table, const struct bp_change_opts *opts);

static int with_table(struct bp_ctx *ctx, const struct change *change, table_fn fn)
{
	struct bp_table *table;
	int r = bp_table_parse(ctx, change->table.text, 0, &table);

	if (r < 0)
		return r;
	r = fn(ctx, &change->which.selector, table, &change->opts);
	bp_table_free(table);
	return r;
}

static PyObject *change_table(PyObject *self, PyObject *args, PyObject *kwargs, table_fn fn)
{
	_cleanup_(change_done) struct change change = { 0 };

	if (change_parse(&change, true, args, kwargs) < 0)
		return NULL;
	if (CALL(self, with_table(ctx, &change, fn)) < 0)
		return NULL;
	Py_RETURN_NONE;
}

static PyObject *device_load(PyObject *self, PyObject *args, PyObject *kwargs)
{
	return change_table(self, args, kwargs, bp_device_load);
}

static PyObject *device_reload(PyObject *self, PyObject *args, PyObject *kwargs)
{
	return change_table(self, args, kwargs, bp_device_reload);
}

/* remove(WHICH, flags, timeout_ms): True: it is gone; False: it goes when its last user does. */
static PyObject *device_remove(PyObject *self, PyObject *args, PyObject *kwargs)
{
	_cleanup_(which_done) struct which which = { 0 };
	struct bp_remove_opts opts = { .size = sizeof(opts) };
	enum bp_removed removed;
	long long timeout_ms = 0;

	if (!PARSE("O&|O&O&", NAMES("which", "flags", "timeout_ms"), which_convert, &which,
		   u32_convert, &opts.flags, i64_convert, &timeout_ms))
		return NULL;
	opts.timeout_ms = timeout_ms;
	if (CALL(self, bp_device_remove(ctx, &which.selector, &opts, &removed)) < 0)
		return NULL;
	return PyBool_FromLong(removed == BP_REMOVED);
}

/* remove_all(flags, timeout_ms): how many stayed. */
static PyObject *device_remove_all(PyObject *self, PyObject *args, PyObject *kwargs)
{
	struct bp_remove_opts opts = { .size = sizeof(opts) };
	long long timeout_ms = 0;
	size_t left = 0;

	if (!PARSE("|O&O&", NAMES("flags", "timeout_ms"), u32_convert, &opts.flags, i64_convert,
		   &timeout_ms))
		return NULL;
	opts.timeout_ms = timeout_ms;
	if (CALL(self, bp_device_remove_all(ctx, &opts, &left)) < 0)
		return NULL;
	return PyLong_FromSize_t(left);
}

static PyObject *cancel_remove(PyObject *self, PyObject *args)
{
	_cleanup_(which_done) struct which which = { 0 };

	if (!PyArg_ParseTuple(args, "O&", which_convert, &which))
		return NULL;
	if (CALL(self, bp_device_cancel_remove(ctx, &which.selector)) < 0)
		return NULL;
	Py_RETURN_NONE;
}

/* rename(WHICH, NAME, timeout_ms) */
static PyObject *device_rename(PyObject *self, PyObject *args, PyObject *kwargs)
{
	_cleanup_(which_done) struct which which = { 0 };
	_cleanup_(text_done) struct text name = { 0 };
	struct bp_change_opts opts = { .size = sizeof(opts) };
	long long timeout_ms = 0;

	if (!PARSE("O&O&|O&", NAMES("which", "name", "timeout_ms"), which_convert, &which,
		   text_convert, &name, i64_convert, &timeout_ms))
		return NULL;
	opts.timeout_ms = timeout_ms;
	if (CALL(self, bp_device_rename(ctx, &which.selector, name.text, &opts)) < 0)
		return NULL;
	Py_RETURN_NONE;
}

/* set_uuid(WHICH, UUID) */
static PyObject *set_uuid(PyObject *self, PyObject *args)
{
	_cleanup_(which_done) struct which which = { 0 };
	_cleanup_(text_done) struct text uuid = { 0 };

	if (!PyArg_ParseTuple(args, "O&O&", which_convert, &which, text_convert, &uuid))
		return NULL;
	if (CALL(self, bp_device_set_uuid(ctx, &which.selector, uuid.text)) < 0)
		return NULL;
	Py_RETURN_NONE;
}

/* message(WHICH, SECTOR, TEXT, timeout_ms): the target's answer. */
static PyObject *device_message(PyObject *self, PyObject *args, PyObject *kwargs)
{
	_cleanup_(which_done) struct which which = { 0 };
	_cleanup_(text_done) struct text text = { 0 };
	unsigned long long sector;
	long long timeout_ms = 0;
	char *reply;

	if (!PARSE("O&O&O&|O&", NAMES("which", "sector", "text", "timeout_ms"), which_convert,
		   &which, u64_convert, &sector, text_convert, &text, i64_convert, &timeout_ms))
		return NULL;
	if (CALL(self, bp_device_message(ctx, &which.selector, sector, text.text, timeout_ms,
					 &reply)) < 0)
		return NULL;
	return text_take(reply);
}

/* set_geometry(WHICH, CYLINDERS, HEADS, SECTORS, START_SECTORS) */
static PyObject *set_geometry(PyObject *self, PyObject *args)
{
	_cleanup_(which_done) struct which which = { 0 };
	unsigned long long cylinders, heads, sectors, start;

	if (!PyArg_ParseTuple(args, "O&O&O&O&O&", which_convert, &which, u64_convert,
			      &cylinders, u64_convert, &heads, u64_convert, &sectors,
			      u64_convert, &start))
		return NULL;
	if (CALL(self, bp_device_set_geometry(ctx, &which.selector, cylinders, heads, sectors,
					      start)) < 0)
		return NULL;
	Py_RETURN_NONE;
}

/* set_read_ahead(WHICH, SECTORS, MINIMUM) */
static PyObject *set_read_ahead(PyObject *self, PyObject *args)
{
	_cleanup_(which_done) struct which which = { 0 };
	unsigned sectors;
	int minimum = 0;

	if (!PyArg_ParseTuple(args, "O&O&|p", which_convert, &which, u32_convert, &sectors,
			      &minimum))
		return NULL;
	if (CALL(self, bp_device_set_read_ahead(ctx, &which.selector, sectors, minimum)) < 0)
		return NULL;
	Py_RETURN_NONE;
}

/* mknodes(WHICH): None: of all devices. */
static PyObject *mknodes(PyObject *self, PyObject *args)
{
	_cleanup_(which_done) struct which which = { 0 };

	if (!PyArg_ParseTuple(args, "|O&", optional_which, &which))
		return NULL;
	if (CALL(self, bp_device_mknodes(ctx, which.given ? &which.selector : NULL)) < 0)
		return NULL;
	Py_RETURN_NONE;
}

static PyObject *mangle(PyObject *self, PyObject *args)
{
	_cleanup_(which_done) struct which which = { 0 };

	if (!PyArg_ParseTuple(args, "O&", which_convert, &which))
		return NULL;
	if (CALL(self, bp_device_mangle(ctx, &which.selector)) < 0)
		return NULL;
	Py_RETURN_NONE;
}

PyMethodDef change_methods[] = {
	{ "create", KEYWORDS(device_create), DOC_Context_create },
	{ "load", KEYWORDS(device_load), DOC_Context_load },
	{ "reload", KEYWORDS(device_reload), DOC_Context_reload },
	{ "suspend", KEYWORDS(device_suspend), DOC_Context_suspend },
	{ "resume", KEYWORDS(device_resume), DOC_Context_resume },
	{ "clear", KEYWORDS(device_clear), DOC_Context_clear },
	{ "wipe_table", KEYWORDS(device_wipe_table), DOC_Context_wipe_table },
	{ "remove", KEYWORDS(device_remove), DOC_Context_remove },
	{ "remove_all", KEYWORDS(device_remove_all), DOC_Context_remove_all },
	{ "cancel_remove", cancel_remove, METH_VARARGS, DOC_Context_cancel_remove },
	{ "rename", KEYWORDS(device_rename), DOC_Context_rename },
	{ "set_uuid", set_uuid, METH_VARARGS, DOC_Context_set_uuid },
	{ "message", KEYWORDS(device_message), DOC_Context_message },
	{ "set_geometry", set_geometry, METH_VARARGS, DOC_Context_set_geometry },
	{ "set_read_ahead", set_read_ahead, METH_VARARGS, DOC_Context_set_read_ahead },
	{ "mknodes", mknodes, METH_VARARGS, DOC_Context_mknodes },
	{ "mangle", mangle, METH_VARARGS, DOC_Context_mangle },
	{ NULL, NULL, 0, NULL },
};
