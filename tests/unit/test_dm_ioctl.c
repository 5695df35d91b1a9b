/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ioctl engine on a kernel that answers what a test says: answers that do not fit, kernels that lie about where they are,
 * requests that can't be interrupted, events.
 */
#include "unit.h"

#include "machine/machine.h"

#include <linux/dm-ioctl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>

#include "dm/kernel/ops.h"

/* What the kernel is to do; both processes see it. */
static struct {
	size_t needs; /* bytes an answer takes */
	unsigned calls, armed;
	int fails;         /* -errno */
	unsigned takes_ms; /* so long a suspend takes, whatever signal comes */
	bool lies, done;
} * kernel;

static void wait_out(unsigned ms)
{
	int64_t end = deadline_in(ms);

	while (deadline_left(end))
		clock_sleep_ms(1);
	kernel->done = true;
}

/* A list of one device, "x". */
static void answer_list(struct dm_ioctl *h)
{
	struct dm_name_list *list = (void *)((char *)h + h->data_start);

	h->flags |= DM_DATA_OUT_FLAG;
	list->dev = 0xfe00;
	list->next = 0;
	strcpy(list->name, "x");
	h->data_size = h->data_start + sizeof(*list) + 16;
	if (kernel->lies)
		h->data_start = 1u << 30;
}

static int asked(int fd, unsigned long request, void *arg)
{
	struct dm_ioctl *h = arg;

	(void)fd;
	kernel->calls++;
	if (kernel->fails)
		return kernel->fails;
	if (request == DM_DEV_ARM_POLL)
		kernel->armed++;
	if (request == DM_DEV_SUSPEND)
		wait_out(kernel->takes_ms);
	h->version[0] = 4;
	h->dev = 0xfe00;
	if (h->data_size < kernel->needs)
		h->flags |= DM_BUFFER_FULL_FLAG;
	else if (request == DM_LIST_DEVICES)
		answer_list(h);
	return 0;
}

static void *self;
static const struct dm_ops *const ops = &dm_ops_ioctl;

static int setup(void **state)
{
	(void)state;
	unsetenv("DM_DEV_DIR");
	machine_new();
	machine_file("/dev/mapper/control", "char 10:236\n");
	machine_ioctls = asked;
	kernel = mmap(NULL, sizeof(*kernel), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	return kernel == MAP_FAILED ? -1 : 0;
}

static int begin(void **state)
{
	(void)state;
	memset(kernel, 0, sizeof(*kernel));
	return dm_ops_ioctl_new(&self) < 0 || ops->open(self) < 0 ? -1 : 0;
}

static int end(void **state)
{
	(void)state;
	ops->free(self);
	return 0;
}

static int ask(const struct dm_request *rq, struct dm_reply *reply)
{
	*reply = (struct dm_reply){ .text = NULL };
	return ops->call(self, rq, reply);
}

/* --- answers --- */

static const struct dm_request list = { .op = OP_LIST, .deadline = DEADLINE_NEVER };

static void a_list_is_read(void **state)
{
	struct dm_reply reply;

	(void)state;
	assert_ok(ask(&list, &reply));
	assert_int_equal(reply.entries.count, 1);
	assert_string_equal(reply.entries.items[0].name, "x");
	assert_int_equal(reply.entries.items[0].major, 254);
	dm_reply_done(&reply);
}

/* Asked again with more room, which is kept for the next. */
static void an_answer_that_does_not_fit(void **state)
{
	struct dm_reply reply;

	(void)state;
	kernel->needs = 40000;
	assert_ok(ask(&list, &reply));
	assert_int_equal(reply.entries.count, 1);
	dm_reply_done(&reply);
	assert_int_equal(kernel->calls, 3);
	assert_ok(ask(&list, &reply));
	dm_reply_done(&reply);
	assert_int_equal(kernel->calls, 4);
}

/* A table's answers have a size of their own; there is a most. */
static void an_answer_without_end(void **state)
{
	const struct dm_request table = { .op = OP_TABLE,
					  .name = "x",
					  .deadline = DEADLINE_NEVER };
	struct dm_reply reply;

	(void)state;
	kernel->needs = 20000;
	assert_ok(ask(&table, &reply));
	dm_reply_done(&reply);
	kernel->needs = SIZE_MAX;
	assert_err(ask(&table, &reply), EOVERFLOW);
	dm_reply_done(&reply);
}

/* It would be done twice: only a question is sent again. */
static void a_message_is_sent_once(void **state)
{
	struct dm_request message = {
		.op = OP_MESSAGE, .name = "x", .text = "do it", .deadline = DEADLINE_NEVER
	};
	struct dm_reply reply;

	(void)state;
	kernel->needs = 100000;
	assert_err(ask(&message, &reply), EOVERFLOW);
	assert_int_equal(kernel->calls, 1);
	dm_reply_done(&reply);
	message.flags = RQ_REPEATABLE;
	assert_ok(ask(&message, &reply));
	assert_int_equal(kernel->calls, 3);
	dm_reply_done(&reply);
	message.flags = RQ_LARGE_REPLY;
	assert_ok(ask(&message, &reply));
	dm_reply_done(&reply);
}

/* Nothing is read outside of the buffer. */
static void an_answer_that_is_elsewhere(void **state)
{
	struct dm_reply reply;

	(void)state;
	kernel->lies = true;
	assert_err(ask(&list, &reply), EPROTO);
	assert_int_equal(reply.entries.count, 0);
	dm_reply_done(&reply);
}

/* The kernel would cut them, and mean another device. */
static void names_that_are_too_long(void **state)
{
	char name[200];
	const struct dm_segment segment = { 0, 8, "a-name-of-more-than-fifteen", "", NULL };
	struct dm_request rq = { .op = OP_INFO, .name = name, .deadline = DEADLINE_NEVER };
	struct dm_reply reply;

	(void)state;
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_err(ask(&rq, &reply), ENAMETOOLONG);
	rq = (struct dm_request){ .op = OP_INFO, .uuid = name, .deadline = DEADLINE_NEVER };
	assert_err(ask(&rq, &reply), ENAMETOOLONG);
	rq = (struct dm_request){ .op = OP_LOAD,
				  .name = "x",
				  .segments = &segment,
				  .nr_segments = 1,
				  .deadline = DEADLINE_NEVER };
	assert_err(ask(&rq, &reply), ENAMETOOLONG);
	assert_int_equal(kernel->calls, 0);
}

/* --- requests that take their time --- */

static struct dm_request suspend(int64_t ms)
{
	return (struct dm_request){ .op = OP_SUSPEND,
				    .name = "x",
				    .deadline = deadline_in(ms) };
}

static void in_time(void **state)
{
	struct dm_request rq = suspend(10000);
	struct dm_reply reply;

	(void)state;
	assert_ok(ask(&rq, &reply));
	assert_false(ops->left(self));
	dm_reply_done(&reply);
	rq.flags = RQ_SECURE;
	kernel->fails = -EBUSY;
	assert_err(ask(&rq, &reply), EBUSY);
	dm_reply_done(&reply);
}

static void leave(unsigned takes_ms)
{
	struct dm_request rq = suspend(10);
	struct dm_reply reply;

	kernel->takes_ms = takes_ms;
	assert_err(ask(&rq, &reply), ETIMEDOUT);
	assert_true(ops->left(self));
	dm_reply_done(&reply);
}

static void left_and_waited_for(void **state)
{
	(void)state;
	leave(400);
	assert_false(kernel->done);
	assert_ok(ops->finish(self));
	assert_true(kernel->done);
	assert_false(ops->left(self));
}

static void left_and_forgotten(void **state)
{
	(void)state;
	leave(300);
	ops->forget(self);
	assert_false(ops->left(self));
}

static void take_back(void *user)
{
	int r = ops->finish(self);

	*(int *)user = r == 0 && kernel->done ? 1 : -1;
}

/* Another process waits for the end, and goes on from there. */
static void left_and_followed(void **state)
{
	int *done = mmap(NULL, sizeof(*done), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_true(done != MAP_FAILED);
	leave(300);
	assert_true(ops->follow(self, take_back, done) > 0);
	assert_false(ops->left(self));
	for (int i = 0; i < 2000 && !*(volatile int *)done; i++)
		clock_sleep_ms(5);
	assert_int_equal(*done, 1);
	munmap(done, sizeof(*done));
}

/* A key is looked for in the keyrings of who asks: such a table is loaded by this process. */
static void a_key_is_looked_for_here(void **state)
{
	const struct dm_segment key = { 0, 8, "crypt", "aes :32:logon:name 0 8:0 0", NULL };
	struct dm_request rq = { .op = OP_LOAD,
				 .name = "x",
				 .segments = &key,
				 .nr_segments = 1,
				 .deadline = deadline_in(1000) };
	struct dm_request status = { .op = OP_STATUS,
				     .name = "x",
				     .flags = RQ_NO_FLUSH,
				     .deadline = deadline_in(1000) };
	struct dm_reply reply;

	(void)state;
	assert_ok(ask(&rq, &reply));
	dm_reply_done(&reply);
	assert_ok(ask(&status, &reply));
	dm_reply_done(&reply);
}

/* --- events --- */

static void events(void **state)
{
	void *other;
	int fd;

	(void)state;
	assert_ok(ops->event_fd(self, &fd));
	assert_true(machine_is(fd, "char 10:236"));
	assert_ok(ops->event_arm(self));
	assert_int_equal(kernel->armed, 1);
	assert_ok(ops->wait(self, deadline_in(1000))); /* a file can always be read */
	kernel->fails = -ENOTTY;
	assert_err(ops->event_arm(self), ENOTTY);
	assert_ok(ops->another(self, &other));
	ops->free(other);
	machine_refuse(EACCES);
	assert_ok(ops->another(self, &other));
	assert_err(ops->event_fd(other, &fd), EACCES);
	assert_err(ops->event_arm(other), EACCES);
	assert_err(ops->open(other), EACCES);
	ops->free(other);
	machine_refuse(0);
}

/* Through the place of mapped devices, once their number is known. */
static void attributes(void **state)
{
	struct dm_reply reply;
	uint64_t value;

	(void)state;
	machine_file("/sys/devices/virtual/block/dm-1/queue/read_ahead_kb", "64\n");
	assert_err(ops->attr_get(self, 254, 1, "queue/read_ahead_kb", &value), ENOENT);
	assert_ok(ask(&list, &reply));
	dm_reply_done(&reply);
	assert_ok(ops->attr_get(self, 254, 1, "queue/read_ahead_kb", &value));
	assert_int_equal(value, 64);
	assert_err(ops->attr_get(self, 8, 0, "queue/read_ahead_kb", &value), ENOENT);
}

static void count(void *user, uint64_t number, const char *line)
{
	(void)number, (void)line;
	++*(unsigned *)user;
}

static void the_log(void **state)
{
	unsigned lines = 0;

	(void)state;
	ops->log_mark(self);
	machine_log("4,7,1000,-;one\n");
	assert_ok(ops->log(self, 0, count, &lines));
	assert_int_equal(lines, 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_list_is_read),
		T(an_answer_that_does_not_fit),
		T(an_answer_without_end),
		T(a_message_is_sent_once),
		T(an_answer_that_is_elsewhere),
		T(names_that_are_too_long),
		T(in_time),
		T(left_and_waited_for),
		T(left_and_forgotten),
		T(left_and_followed),
		T(a_key_is_looked_for_here),
		T(events),
		T(attributes),
		T(the_log),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
