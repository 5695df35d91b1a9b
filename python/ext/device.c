// SPDX-License-Identifier: LGPL-2.1-or-later
/* Asking about mapped devices: each method is one call of <bedplate/device.h>. */
#include "docs.h"
#include "ext.h"

#include <stdlib.h>

static const struct field info_fields[] = {
	FIELD(struct bp_device_info, name),
	FIELD(struct bp_device_info, kernel_name),
	FIELD(struct bp_device_info, uuid),
	FIELD(struct bp_device_info, path),
	FIELD(struct bp_device_info, major),
	FIELD(struct bp_device_info, minor),
	FIELD(struct bp_device_info, event_nr),
	FIELD(struct bp_device_info, open_count),
	FIELD(struct bp_device_info, nr_segments),
	FIELD(struct bp_device_info, suspended),
	FIELD(struct bp_device_info, internally_suspended),
	FIELD(struct bp_device_info, read_only),
	FIELD(struct bp_device_info, live_table),
	FIELD(struct bp_device_info, inactive_table),
	FIELD(struct bp_device_info, deferred_remove),
	FIELDS_END,
};

PyObject *info_dict(const struct bp_device_info *info)
{
	return fields_dict(info_fields, info);
}

static PyObject *dm_version(PyObject *self, PyObject *none)
{
	struct bp_dm_version version;

	(void)none;
	if (CALL(self, bp_dm_version(ctx, &version)) < 0)
		return NULL;
	return Py_BuildValue("(III)", version.major, version.minor, version.patch);
}

/* device_info(WHICH) */
static PyObject *device_info(PyObject *self, PyObject *args)
{
	_cleanup_(which_done) struct which which = { 0 };
	struct bp_device_info info;

	if (!PyArg_ParseTuple(args, "O&", which_convert, &which))
		return NULL;
	if (CALL(self, bp_device_info(ctx, &which.selector, &info)) < 0)
		return NULL;
	return info_dict(&info);
}

static const struct field entry_fields[] = {
	FIELD(struct bp_device_entry, name),
	FIELD(struct bp_device_entry, kernel_name),
	FIELD(struct bp_device_entry, uuid),
	FIELD(struct bp_device_entry, major),
	FIELD(struct bp_device_entry, minor),
	FIELD(struct bp_device_entry, event_nr),
	FIELDS_END,
};

static PyObject *entries_take(struct bp_device_list *take_list)
{
	return LIST_TAKE(entry_fields, bp_device_list, take_list);
}

/* device_list() */
static PyObject *device_list(PyObject *self, PyObject *none)
{
	struct bp_device_list *list;

	(void)none;
	return CALL(self, bp_device_list(ctx, &list)) < 0 ? NULL : entries_take(list);
}

/* pool_list(): here, as its entries are those of a list of devices. */
static PyObject *pool_list(PyObject *self, PyObject *none)
{
	struct bp_device_list *list;

	(void)none;
	return CALL(self, bp_pool_list(ctx, &list)) < 0 ? NULL : entries_take(list);
}

static int table_text(struct bp_ctx *ctx, const struct bp_selector *which, uint32_t flags,
		      char **ret)
{
	struct bp_table *table;
	int r = bp_device_table(ctx, which, flags, &table);

	if (r < 0)
		return r;
	r = bp_table_format(ctx, table, ret);
	bp_table_free(table);
	return r;
}

/* device_table(WHICH, FLAGS): as text, a line a segment. */
static PyObject *device_table(PyObject *self, PyObject *args)
{
	_cleanup_(which_done) struct which which = { 0 };
	unsigned flags = 0;
	char *text;

	if (!PyArg_ParseTuple(args, "O&|O&", which_convert, &which, u32_convert, &flags))
		return NULL;
	if (CALL(self, table_text(ctx, &which.selector, flags, &text)) < 0)
		return NULL;
	return text_take(text);
}

static PyObject *status_lines(struct bp_device_status *status)
{
	PyObject *list = PyList_New(0);
	size_t count = bp_device_status_count(status);

	for (size_t i = 0; list && i < count; i++) {
		const struct bp_status_line *line = bp_device_status_get(status, i);
		PyObject *tuple =
			Py_BuildValue("(KKNN)", (unsigned long long)line->start_sectors,
				      (unsigned long long)line->length_sectors,
				      text_or_none(line->target), text_or_none(line->text));

		if (list_take(list, tuple) < 0)
			Py_CLEAR(list);
	}
	bp_device_status_free(status);
	return list;
}

/* device_status(WHICH, FLAGS): tuples of start and length in sectors, target, text. */
static PyObject *device_status(PyObject *self, PyObject *args)
{
	_cleanup_(which_done) struct which which = { 0 };
	struct bp_device_status *status;
	unsigned flags = 0;

	if (!PyArg_ParseTuple(args, "O&|O&", which_convert, &which, u32_convert, &flags))
		return NULL;
	if (CALL(self, bp_device_status(ctx, &which.selector, flags, &status)) < 0)
		return NULL;
	return status_lines(status);
}

/* device_measure(WHICH): likewise. */
static PyObject *device_measure(PyObject *self, PyObject *args)
{
	_cleanup_(which_done) struct which which = { 0 };
	struct bp_device_status *status;

	if (!PyArg_ParseTuple(args, "O&", which_convert, &which))
		return NULL;
	if (CALL(self, bp_device_measure(ctx, &which.selector, &status)) < 0)
		return NULL;
	return status_lines(status);
}

/* device_deps(WHICH, FLAGS): pairs (MAJOR, MINOR). */
static PyObject *device_deps(PyObject *self, PyObject *args)
{
	_cleanup_(which_done) struct which which = { 0 };
	struct bp_device_deps *deps;
	unsigned flags = 0;
	PyObject *list;

	if (!PyArg_ParseTuple(args, "O&|O&", which_convert, &which, u32_convert, &flags))
		return NULL;
	if (CALL(self, bp_device_deps(ctx, &which.selector, flags, &deps)) < 0)
		return NULL;
	list = PyList_New(0);
	for (size_t i = 0; list && i < bp_device_deps_count(deps); i++) {
		const struct bp_devno *dev = bp_device_deps_get(deps, i);

		if (list_take(list, Py_BuildValue("(II)", dev->major, dev->minor)) < 0)
			Py_CLEAR(list);
	}
	bp_device_deps_free(deps);
	return list;
}

static PyObject *target_tuple(const struct bp_kernel_target *entry)
{
	return Py_BuildValue("(s(III))", entry->name, entry->version[0], entry->version[1],
			     entry->version[2]);
}

/* kernel_target_list(): tuples of name and version, which is a tuple too. */
static PyObject *kernel_target_list(PyObject *self, PyObject *none)
{
	struct bp_kernel_target_list *targets;
	PyObject *list;

	(void)none;
	if (CALL(self, bp_kernel_target_list(ctx, &targets)) < 0)
		return NULL;
	list = PyList_New(0);
	for (size_t i = 0; list && i < bp_kernel_target_list_count(targets); i++)
		if (list_take(list, target_tuple(bp_kernel_target_list_get(targets, i))) < 0)
			Py_CLEAR(list);
	bp_kernel_target_list_free(targets);
	return list;
}

/* kernel_target_version(NAME) */
static PyObject *kernel_target_version(PyObject *self, PyObject *args)
{
	struct bp_kernel_target entry;
	const char *name;

	if (!PyArg_ParseTuple(args, "s", &name))
		return NULL;
	if (CALL(self, bp_kernel_target_version(ctx, name, &entry)) < 0)
		return NULL;
	return target_tuple(&entry);
}

/* get_read_ahead(WHICH): sectors */
static PyObject *get_read_ahead(PyObject *self, PyObject *args)
{
	_cleanup_(which_done) struct which which = { 0 };
	uint32_t sectors;

	if (!PyArg_ParseTuple(args, "O&", which_convert, &which))
		return NULL;
	if (CALL(self, bp_device_get_read_ahead(ctx, &which.selector, &sectors)) < 0)
		return NULL;
	return PyLong_FromUnsignedLong(sectors);
}

/* event_fd(): the context's descriptor for poll(). */
static PyObject *event_fd(PyObject *self, PyObject *none)
{
	int fd;

	(void)none;
	if (CALL(self, bp_event_fd(ctx, &fd)) < 0)
		return NULL;
	return PyLong_FromLong(fd);
}

static PyObject *event_arm(PyObject *self, PyObject *none)
{
	(void)none;
	if (CALL(self, bp_event_arm(ctx)) < 0)
		return NULL;
	Py_RETURN_NONE;
}

static const struct field node_fields[] = {
	FIELD(struct bp_tree_node, name),
	FIELD(struct bp_tree_node, uuid),
	FIELD(struct bp_tree_node, major),
	FIELD(struct bp_tree_node, minor),
	FIELD(struct bp_tree_node, mapped),
	FIELD(struct bp_tree_node, in_cycle),
	FIELDS_END,
};

static PyObject *indices(const size_t *numbers, size_t count)
{
	PyObject *list = PyList_New(0);

	for (size_t i = 0; list && i < count; i++)
		if (list_take(list, PyLong_FromSize_t(numbers[i])) < 0)
			Py_CLEAR(list);
	return list;
}

static PyObject *node_dict(const struct bp_tree_node *node)
{
	PyObject *dict = fields_dict(node_fields, node);

	if (dict && (dict_take(dict, "below", indices(node->below, node->nr_below)) < 0 ||
		     dict_take(dict, "above", indices(node->above, node->nr_above)) < 0))
		Py_CLEAR(dict);
	return dict;
}

/* tree(): nodes, which name each other by their place in the list. */
static PyObject *tree(PyObject *self, PyObject *none)
{
	struct bp_tree *nodes;
	PyObject *list;
	size_t count;

	(void)none;
	if (CALL(self, bp_tree_read(ctx, &nodes)) < 0)
		return NULL;
	count = bp_tree_count(nodes);
	list = PyList_New(0);
	for (size_t i = 0; list && i < count; i++)
		if (list_take(list, node_dict(bp_tree_get(nodes, i))) < 0)
			Py_CLEAR(list);
	bp_tree_free(nodes);
	return list;
}

PyMethodDef device_methods[] = {
	{ "dm_version", dm_version, METH_NOARGS, DOC_Context_dm_version },
	{ "device_info", device_info, METH_VARARGS, DOC_Context_device_info },
	{ "device_list", device_list, METH_NOARGS, DOC_Context_device_list },
	{ "pool_list", pool_list, METH_NOARGS, DOC_Context_pool_list },
	{ "device_table", device_table, METH_VARARGS, DOC_Context_device_table },
	{ "device_status", device_status, METH_VARARGS, DOC_Context_device_status },
	{ "device_measure", device_measure, METH_VARARGS, DOC_Context_device_measure },
	{ "device_deps", device_deps, METH_VARARGS, DOC_Context_device_deps },
	{ "kernel_target_list", kernel_target_list, METH_NOARGS,
	  DOC_Context_kernel_target_list },
	{ "kernel_target_version", kernel_target_version, METH_VARARGS,
	  DOC_Context_kernel_target_version },
	{ "get_read_ahead", get_read_ahead, METH_VARARGS, DOC_Context_get_read_ahead },
	{ "event_fd", event_fd, METH_NOARGS, DOC_Context_event_fd },
	{ "event_arm", event_arm, METH_NOARGS, DOC_Context_event_arm },
	{ "tree", tree, METH_NOARGS, DOC_Context_tree },
	{ NULL, NULL, 0, NULL },
};
