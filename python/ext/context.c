// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The Context type: a context of the library, and the way into it and back. While a call runs, the
 * interpreter is free for other threads; the context's lock keeps those out that would use
 * the same context. Errors are read before the lock is given back.
 */
#include "docs.h"
#include "ext.h"

#include <errno.h>

PyObject *context_type;

static PyObject *context_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
	struct context *context;

	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "", (char *[]){ NULL }))
		return NULL;
	context = (struct context *)alloc(type, 0);
	if (!context)
		return NULL;
	pthread_mutex_init(&context->lock, NULL);
	if (bp_ctx_new(&context->ctx) < 0) {
		Py_DECREF((PyObject *)context);
		return PyErr_NoMemory();
	}
	return (PyObject *)context;
}

static void context_dealloc(PyObject *self)
{
	struct context *context = (struct context *)self;
	PyTypeObject *type = Py_TYPE(self);
	freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

	bp_ctx_free(context->ctx);
	pthread_mutex_destroy(&context->lock);
	release(self);
	Py_DECREF((PyObject *)type);
}

static int write_error(struct bp_json *json, const void *what)
{
	/* The writer takes the context unchanged; its parameter is not const for others' sake. */
	union {
		const void *from;
		struct bp_ctx *ctx;
	} cast = { .from = what };

	return bp_error_json(cast.ctx, json, NULL);
}

/* bedplate._errors.make(JSON, ERRNO) knows which class an error belongs to. */
PyObject *raise_error(struct bp_ctx *ctx, int r)
{
	PyObject *text = json_text(write_error, ctx), *module, *error;

	if (!text)
		return NULL;
	module = PyImport_ImportModule("bedplate._errors");
	error = module ? PyObject_CallMethod(module, "make", "Oi", text, -r) : NULL;
	Py_XDECREF(module);
	Py_DECREF(text);
	if (error)
		PyErr_SetObject((PyObject *)Py_TYPE(error), error);
	Py_XDECREF(error);
	return NULL;
}

int call_begin(struct call *call, PyObject *self)
{
	struct context *context = (struct context *)self;

	call->context = context;
	if (context->user && context->user == PyThreadState_Get()) {
		PyErr_SetString(PyExc_RuntimeError,
				"a callback must not use the context that called it");
		return -1;
	}
	call->state = PyEval_SaveThread();
	pthread_mutex_lock(&context->lock);
	context->user = call->state;
	return 0;
}

int call_end(struct call *call, int r)
{
	struct context *context = call->context;

	PyEval_RestoreThread(call->state);
	/* What a signal's handler raises (KeyboardInterrupt) says more than that one came. */
	if (r == -EINTR && !PyErr_Occurred())
		PyErr_CheckSignals();
	if (r < 0 && !PyErr_Occurred())
		raise_error(context->ctx, r);
	context->user = NULL;
	pthread_mutex_unlock(&context->lock);
	return PyErr_Occurred() ? -1 : 0;
}

void callback_begin(struct call *call)
{
	PyEval_RestoreThread(call->state);
}

void callback_end(struct call *call)
{
	call->state = PyEval_SaveThread();
}

/* The warnings since the last time, which are forgotten by that. */
static PyObject *take_warnings(PyObject *self, PyObject *none)
{
	struct call call;
	PyObject *list;
	size_t count;

	(void)none;
	if (call_begin(&call, self) < 0)
		return NULL;
	callback_begin(&call);
	list = PyList_New(0);
	count = bp_warnings_count(call.context->ctx);
	for (size_t i = 0; list && i < count; i++)
		if (list_take(list, text_or_none(bp_warning_get(call.context->ctx, i))) < 0)
			Py_CLEAR(list);
	if (list)
		bp_warnings_clear(call.context->ctx);
	callback_end(&call);
	call_end(&call, 0);
	return list;
}

static PyMethodDef own_methods[] = {
	{ "take_warnings", take_warnings, METH_NOARGS, DOC_Context_take_warnings },
	{ NULL, NULL, 0, NULL },
};

/* All tables as one: a type has a single one. */
static PyMethodDef *all_methods(void)
{
	PyMethodDef *const tables[] = { own_methods,    device_methods, change_methods,
					system_methods, pool_methods,   metadata_methods };
	enum { MOST = 128 };
	static PyMethodDef all[MOST];
	size_t n = 0;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const PyMethodDef *method = tables[i]; method->ml_name && n < MOST - 1;
		     method++)
			all[n++] = *method;
	return all;
}

int context_init(PyObject *module)
{
	PyType_Slot slots[] = {
		{ Py_tp_new, context_new },
		{ Py_tp_dealloc, context_dealloc },
		{ Py_tp_methods, all_methods() },
		{ Py_tp_doc, "A context of the library; for one thread at a time." },
		{ 0, NULL },
	};
	PyType_Spec spec = {
		.name = "bedplate._bedplate.Context",
		.basicsize = sizeof(struct context),
		.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
		.slots = slots,
	};

	Py_XDECREF(context_type); /* of a module that was imported before */
	context_type = PyType_FromSpec(&spec);
	if (!context_type)
		return -1;
	return PyModule_AddObjectRef(module, "Context", context_type);
}
