// SPDX-License-Identifier: LGPL-2.1-or-later
/* The module bedplate._bedplate: what needs no context, and the start of the rest. */
#include "docs.h"
#include "ext.h"

static const struct field option_fields[] = {
	FIELD(struct bp_option, name),
	FIELD(struct bp_option, required),
	FIELD(struct bp_option, unit),
	FIELD(struct bp_option, min),
	FIELD(struct bp_option, max),
	FIELD(struct bp_option, form),
	FIELD(struct bp_option, default_value),
	FIELD(struct bp_option, help),
	FIELDS_END,
};

static const char *const kinds[] = {
	[BP_OPTION_DEVICE] = "device",   [BP_OPTION_NUMBER] = "number",
	[BP_OPTION_SIGNED] = "signed",   [BP_OPTION_FLAG] = "flag",
	[BP_OPTION_CHOICE] = "choice",   [BP_OPTION_TEXT] = "text",
	[BP_OPTION_WORDS] = "words",     [BP_OPTION_RECORD] = "record",
	[BP_OPTION_RECORDS] = "records",
};

static PyObject *option_dict(const struct bp_option *option)
{
	PyObject *dict = fields_dict(option_fields, option);

	if (dict && dict_take(dict, "kind", text_or_none(kinds[option->kind])) < 0)
		Py_CLEAR(dict);
	return dict;
}

/* What @iter has, as a list; frees it. */
static PyObject *options_list(struct bp_option_iter *iter)
{
	PyObject *list = PyList_New(0);
	struct bp_option option;

	while (list && bp_option_next(iter, &option) == 0)
		if (list_take(list, option_dict(&option)) < 0)
			Py_CLEAR(list);
	bp_option_iter_free(iter);
	return list;
}

/* target_options(NAME): parameters of a target; None where it is not known. */
static PyObject *target_options(PyObject *self, PyObject *args)
{
	struct bp_option_iter *iter;
	const struct bp_target *target;
	const char *name;

	(void)self;
	if (!PyArg_ParseTuple(args, "s", &name))
		return NULL;
	target = bp_target_get(name);
	if (!target)
		Py_RETURN_NONE;
	if (bp_option_iter_new(target, &iter) < 0)
		return PyErr_NoMemory();
	return options_list(iter);
}

/* known_targets(): pairs of name and purpose. */
static PyObject *known_targets(PyObject *self, PyObject *none)
{
	PyObject *list = PyList_New(0);
	const struct bp_target *target;
	size_t it = 0;

	(void)self;
	(void)none;
	while (list && bp_target_next(&it, &target) == 0)
		if (list_take(list, Py_BuildValue("(ss)", bp_target_name(target),
						  bp_target_summary(target))) < 0)
			Py_CLEAR(list);
	return list;
}

static PyObject *version(PyObject *self, PyObject *none)
{
	(void)self;
	(void)none;
	return PyUnicode_FromString(bp_version());
}

static PyMethodDef methods[] = {
	{ "version", version, METH_NOARGS, DOC_version },
	{ "known_targets", known_targets, METH_NOARGS, DOC_known_targets },
	{ "target_options", target_options, METH_VARARGS, DOC_target_options },
	{ NULL, NULL, 0, NULL },
};

static const struct {
	const char *name;
	long value;
} constants[] = {
#define CONSTANT(name)                                                                         \
	{                                                                                      \
#name, BP_##name                                                               \
	}
	CONSTANT(TABLE_INACTIVE),
	CONSTANT(TABLE_SHOW_KEYS),
	CONSTANT(TABLE_FLUSH),
	CONSTANT(TABLE_PRINTED),
	CONSTANT(TABLE_KEEP),
	CONSTANT(UDEV_PUBLIC),
	CONSTANT(UDEV_PRIVATE),
	CONSTANT(UDEV_NONE),
	CONSTANT(CREATE_READ_ONLY),
	CONSTANT(CREATE_SECURE),
	CONSTANT(CREATE_SUSPENDED),
	CONSTANT(CREATE_NODE_EARLY),
	CONSTANT(CREATE_PERSISTENT),
	CONSTANT(CREATE_MODE),
	CONSTANT(CREATE_UNCHECKED),
	CONSTANT(CHANGE_NO_LOCKFS),
	CONSTANT(CHANGE_NO_FLUSH),
	CONSTANT(CHANGE_READ_ONLY),
	CONSTANT(CHANGE_SECURE),
	CONSTANT(CHANGE_UNLESS_SAME),
	CONSTANT(CHANGE_UNCHECKED),
	CONSTANT(REMOVE_RETRY),
	CONSTANT(REMOVE_DEFERRED),
	CONSTANT(REMOVE_FORCE),
	CONSTANT(STACK_WITH_MINOR),
	CONSTANT(STACK_SHOW_KEYS),
	CONSTANT(POOL_SKIP_ZEROING),
	CONSTANT(POOL_NO_DISCARD_PASSDOWN),
	CONSTANT(POOL_IGNORE_DISCARD),
	CONSTANT(POOL_READ_ONLY),
	CONSTANT(POOL_ERROR_IF_NO_SPACE),
	CONSTANT(POOL_EXISTING),
	CONSTANT(POOL_WIPE),
	CONSTANT(THIN_CHECK_SUPER_ONLY),
	CONSTANT(THIN_CHECK_SKIP_MAPPINGS),
	CONSTANT(THIN_CHECK_SNAP),
	CONSTANT(THIN_CHECK_STRICT),
	CONSTANT(CACHE_CHECK_SUPER_ONLY),
	CONSTANT(CACHE_CHECK_SKIP_MAPPINGS),
	CONSTANT(CACHE_CHECK_SKIP_HINTS),
	CONSTANT(CACHE_CHECK_SKIP_DISCARDS),
	CONSTANT(CACHE_CHECK_STRICT),
	CONSTANT(ERA_CHECK_SUPER_ONLY),
	CONSTANT(ERA_CHECK_STRICT),
	CONSTANT(THIN_DUMP_HUMAN),
	CONSTANT(THIN_DUMP_SKIP_MAPPINGS),
	CONSTANT(SCOPE_ERROR_TABLES),
	CONSTANT(SECTOR_BYTES),
	CONSTANT(TIMEOUT_DEFAULT_MS),
#undef CONSTANT
};

static int add_constants(PyObject *module)
{
	for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++)
		if (PyModule_AddIntConstant(module, constants[i].name, constants[i].value) < 0)
			return -1;
	if (PyModule_AddObject(module, "READ_AHEAD_NONE",
			       PyLong_FromUnsignedLong(BP_READ_AHEAD_NONE)) < 0)
		return -1;
	return PyModule_AddObject(module, "THIN_ID_ANY",
				  PyLong_FromUnsignedLong(BP_THIN_ID_ANY));
}

PyMODINIT_FUNC PyInit__bedplate(void);

/* Types and exceptions are the process' own: another interpreter would get the first one's. */
static int execute(PyObject *module)
{
	if (PyInterpreterState_GetID(PyInterpreterState_Get()) != 0) {
		PyErr_SetString(PyExc_ImportError,
				"bedplate works in the main interpreter only");
		return -1;
	}
	return context_init(module) < 0 || table_init(module) < 0 || scope_init(module) < 0 ||
			       add_constants(module) < 0
		       ? -1
		       : 0;
}

PyMODINIT_FUNC PyInit__bedplate(void)
{
	/* Python's slot is an object pointer: the union is how a function goes there in ISO C. */
	static union {
		int (*execute)(PyObject *module);
		void *slot;
	} entry = { execute };
	static PyModuleDef_Slot slots[] = { { Py_mod_exec, NULL }, { 0, NULL } };
	static PyModuleDef def = {
		PyModuleDef_HEAD_INIT,
		.m_name = "bedplate._bedplate",
		.m_methods = methods,
		.m_slots = slots,
	};

	slots[0].value = entry.slot;
	return PyModuleDef_Init(&def);
}
