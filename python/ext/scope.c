// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The Scope type: what its context makes is removed when the scope ends, or, by another process, when
 * this one has died. A scope keeps its context alive, and lets go of it first.
 */
#include "docs.h"
#include "ext.h"

#include <errno.h>

struct scope {
	PyObject_HEAD PyObject *context;
	struct bp_scope *scope;
};

/* Scope(CONTEXT, NAME, state_dir, timeout_ms) */
static PyObject *scope_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
	_cleanup_(text_done) struct text name = { 0 }, state_dir = { 0 };
	struct bp_scope_opts opts = { .size = sizeof(opts) };
	long long timeout_ms = 0;
	PyObject *context;
	struct scope *self;

	if (!PARSE("OO&|O&O&", NAMES("context", "name", "state_dir", "timeout_ms"), &context,
		   text_convert, &name, optional_text, &state_dir, i64_convert, &timeout_ms))
		return NULL;
	if (!PyObject_TypeCheck(context, (PyTypeObject *)context_type)) {
		PyErr_SetString(PyExc_TypeError, "context: a Context is needed");
		return NULL;
	}
	self = (struct scope *)alloc(type, 0);
	if (!self)
		return NULL;
	self->context = Py_NewRef(context);
	opts.state_dir = state_dir.text;
	opts.timeout_ms = timeout_ms;
	if (CALL(context, bp_scope_open(ctx, name.text, &opts, &self->scope)) < 0)
		Py_CLEAR(self);
	return (PyObject *)self;
}

/* A context may know the scope that keeps it: they go together. */
static int scope_traverse(PyObject *object, visitproc visit, void *arg)
{
	Py_VISIT(Py_TYPE(object));
	Py_VISIT(((struct scope *)object)->context);
	return 0;
}

/* Nobody else can be in a call here: nothing refers to the scope any more. */
static int scope_clear(PyObject *object)
{
	struct scope *self = (struct scope *)object;

	bp_scope_close(self->scope);
	self->scope = NULL;
	Py_CLEAR(self->context);
	return 0;
}

static void scope_dealloc(PyObject *object)
{
	PyTypeObject *type = Py_TYPE(object);
	freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

	PyObject_GC_UnTrack(object);
	scope_clear(object);
	release(object);
	Py_DECREF((PyObject *)type);
}

/* NULL, with an exception, where it was closed. */
static struct bp_scope *scope_of(PyObject *object)
{
	struct bp_scope *scope = ((struct scope *)object)->scope;

	if (!scope)
		PyErr_SetString(PyExc_ValueError, "the scope is closed");
	return scope;
}

static PyObject *scope_token(PyObject *object, PyObject *none)
{
	const struct bp_scope *scope = scope_of(object);

	(void)none;
	return scope ? text_or_none(bp_scope_token(scope)) : NULL;
}

static PyObject *scope_prefix(PyObject *object, PyObject *none)
{
	const struct bp_scope *scope = scope_of(object);

	(void)none;
	return scope ? text_or_none(bp_scope_uuid_prefix(scope)) : NULL;
}

/* Another thread may have closed it while this one waited for the context. */
static int loop_now(const struct scope *self, bp_bytes size, struct bp_bdev *ret)
{
	return self->scope ? bp_scope_loop(self->scope, size, ret) : -EBADF;
}

static int end_now(const struct scope *self, uint32_t flags, int64_t timeout_ms)
{
	return self->scope ? bp_scope_end(self->scope, flags, timeout_ms) : -EBADF;
}

/* loop(SIZE_BYTES): the path of a loop device on a sparse file. */
static PyObject *scope_loop(PyObject *object, PyObject *args)
{
	struct scope *self = (struct scope *)object;
	unsigned long long size;
	struct bp_bdev bdev;

	if (!scope_of(object) || !PyArg_ParseTuple(args, "O&", u64_convert, &size))
		return NULL;
	if (CALL(self->context, ((void)ctx, loop_now(self, size, &bdev))) < 0)
		return NULL;
	return text_or_none(bdev.path);
}

/* end(FLAGS, TIMEOUT_MS) */
static PyObject *scope_end(PyObject *object, PyObject *args)
{
	struct scope *self = (struct scope *)object;
	long long timeout_ms = 0;
	unsigned flags = 0;

	if (!scope_of(object) ||
	    !PyArg_ParseTuple(args, "|O&O&", u32_convert, &flags, i64_convert, &timeout_ms))
		return NULL;
	if (CALL(self->context, ((void)ctx, end_now(self, flags, timeout_ms))) < 0)
		return NULL;
	Py_RETURN_NONE;
}

/* With the context's lock: none of another thread's calls is in the scope. */
static int close_now(struct scope *self)
{
	bp_scope_close(self->scope);
	self->scope = NULL;
	return 0;
}

/* close(): its context is in no scope any more; what is left of it is for the next of its name. */
static PyObject *scope_close(PyObject *object, PyObject *none)
{
	struct scope *self = (struct scope *)object;

	(void)none;
	if (self->scope && CALL(self->context, ((void)ctx, close_now(self))) < 0)
		return NULL;
	Py_RETURN_NONE;
}

static PyMethodDef scope_methods[] = {
	{ "token", scope_token, METH_NOARGS, DOC_Scope_token },
	{ "uuid_prefix", scope_prefix, METH_NOARGS, DOC_Scope_uuid_prefix },
	{ "loop", scope_loop, METH_VARARGS, DOC_Scope_loop },
	{ "end", scope_end, METH_VARARGS, DOC_Scope_end },
	{ "close", scope_close, METH_NOARGS, DOC_Scope_close },
	{ NULL, NULL, 0, NULL },
};

int scope_init(PyObject *module)
{
	PyType_Slot slots[] = {
		{ Py_tp_new, scope_new },
		{ Py_tp_dealloc, scope_dealloc },
		{ Py_tp_traverse, scope_traverse },
		{ Py_tp_clear, scope_clear },
		{ Py_tp_methods, scope_methods },
		{ Py_tp_doc, "Devices that are gone when their maker is." },
		{ 0, NULL },
	};
	PyType_Spec spec = {
		.name = "bedplate._bedplate.Scope",
		.basicsize = sizeof(struct scope),
		.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
		.slots = slots,
	};
	PyObject *type = PyType_FromSpec(&spec);

	return type ? PyModule_AddObject(module, "Scope", type) : -1;
}
