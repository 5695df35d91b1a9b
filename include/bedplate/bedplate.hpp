/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The library for C++17: the same calls, with owners that let go by themselves and failures that are
 * exceptions. Header only, so that nothing of C++ is in the library's ABI. It wraps what owns
 * something: contexts, tables, devices for the time of a block. For all else call bp_*() with
 * context::get(), and hand the result to context::check().
 *
 * Sizes are told by their names. A context, and what was made with it, is for one thread at a time.
 */
#ifndef BEDPLATE_BEDPLATE_HPP
#define BEDPLATE_BEDPLATE_HPP

#include <bedplate/bedplate.h>

#include <cerrno>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

namespace bedplate
{

/* A failure, with all that the library knows of it; texts are copies, "" where there is none. */
class error : public std::runtime_error
{
public:
	error(const std::string &what, const bp_error &e)
		: std::runtime_error(what), code(e.code), errnum(e.errnum), message(text(e.message)),
		  device(text(e.device)), segment(e.segment), target(text(e.target)),
		  argument(e.argument), argument_name(text(e.argument_name)),
		  value(text(e.value)), cause(text(e.cause)), hint(text(e.hint)),
		  kernel_log(text(e.kernel_log))
	{
	}

	bp_error_code code;
	int errnum;
	std::string message, device;
	int segment;
	std::string target;
	unsigned argument;
	std::string argument_name, value, cause, hint, kernel_log;

private:
	static std::string text(const char *from)
	{
		return from ? from : "";
	}
};

/* A context. Must outlive what is made with it. */
class context
{
public:
	context()
	{
		bp_ctx *made = nullptr;

		if (bp_ctx_new(&made) < 0)
			throw std::bad_alloc();
		ctx_.reset(made);
	}

	bp_ctx *get() const
	{
		return ctx_.get();
	}

	/* What a call returned: thrown, where it failed. */
	int check(int r) const
	{
		if (r >= 0)
			return r;
		if (r == -ENOMEM)
			throw std::bad_alloc();
		throw error(bp_errmsg(get()), *bp_error_get(get()));
	}

private:
	struct release {
		void operator()(bp_ctx *ctx) const
		{
			bp_ctx_free(ctx);
		}
	};
	std::unique_ptr<bp_ctx, release> ctx_;
};

/* A text that the library allocated. */
class text
{
public:
	text() = default;
	text(const text &) = delete;
	text &operator=(const text &) = delete;
	~text()
	{
		std::free(text_);
	}

	char **out()
	{
		return &text_;
	}
	std::string str() const
	{
		return text_ ? text_ : "";
	}

private:
	char *text_ = nullptr;
};

/* A table. */
class table
{
public:
	explicit table(const context &ctx) : ctx_(&ctx)
	{
		bp_table *made = nullptr;

		ctx.check(bp_table_new(ctx.get(), &made));
		table_.reset(made);
	}

	table(const context &ctx, const std::string &lines) : ctx_(&ctx)
	{
		bp_table *made = nullptr;

		ctx.check(bp_table_parse(ctx.get(), lines.c_str(), 0, &made));
		table_.reset(made);
	}

	/* Behind the last segment: append(8, BP_PARAMS_LINEAR(&half)), see <bedplate/targets.h>. */
	table &append(bp_sector length_sectors, const char *target, const void *params,
		      size_t params_size)
	{
		ctx_->check(bp_table_append(ctx_->get(), get(), length_sectors, target, params,
					    params_size));
		return *this;
	}

	std::string str() const
	{
		text lines;

		ctx_->check(bp_table_format(ctx_->get(), get(), lines.out()));
		return lines.str();
	}

	bp_table *get() const
	{
		return table_.get();
	}

private:
	struct release {
		void operator()(bp_table *table) const
		{
			bp_table_free(table);
		}
	};
	const context *ctx_;
	std::unique_ptr<bp_table, release> table_;
};

/*
 * A mapped device for the time of a block: it is removed by the destructor, tried again while it is
 * in use, for 30 seconds. keep() leaves it; remove() says what went wrong, the destructor can't.
 */
class scoped_device
{
public:
	scoped_device(const context &ctx, const std::string &name, const table &lines,
		      const bp_create_opts *opts = nullptr)
		: ctx_(&ctx)
	{
		ctx.check(bp_device_create(ctx.get(), name.c_str(), lines.get(), opts, &info_));
		mine_ = true;
	}
	scoped_device(const scoped_device &) = delete;
	scoped_device &operator=(const scoped_device &) = delete;
	scoped_device(scoped_device &&other) noexcept
		: ctx_(other.ctx_), info_(other.info_), mine_(std::exchange(other.mine_, false))
	{
	}
	~scoped_device()
	{
		if (mine_)
			try_remove();
	}

	/* As it was when it was made: path, major, minor ... */
	const struct bp_device_info &info() const
	{
		return info_;
	}
	bp_selector selector() const
	{
		bp_selector which = {};

		which.name = info_.name;
		return which;
	}

	void keep()
	{
		mine_ = false;
	}
	void remove()
	{
		ctx_->check(try_remove());
		mine_ = false;
	}

private:
	int try_remove()
	{
		bp_selector which = selector();
		bp_remove_opts opts = {};

		opts.size = sizeof(opts);
		opts.flags = BP_REMOVE_RETRY;
		return bp_device_remove(ctx_->get(), &which, &opts, nullptr);
	}

	const context *ctx_;
	struct bp_device_info info_ = {};
	bool mine_ = false;
};

/*
 * Check a thin pool's metadata. @damage is called for each damage found; what it throws is thrown
 * on when the check has ended.
 */
inline bp_thin_check_result
thin_check(const context &ctx, const std::string &path,
	   const std::function<void(const bp_damage &)> &damage = nullptr)
{
	struct user {
		const std::function<void(const bp_damage &)> &damage;
		std::exception_ptr thrown;
	} user = { damage, nullptr };
	bp_thin_check_result result = {};
	bp_thin_check_opts opts = {};

	result.size = sizeof(result);
	opts.size = sizeof(opts);
	opts.user = &user;
	opts.damage = [](void *data, const bp_damage *found) {
		auto *told = static_cast<struct user *>(data);

		try {
			if (told->damage && !told->thrown)
				told->damage(*found);
		} catch (...) {
			told->thrown = std::current_exception();
		}
	};
	int r = bp_thin_check(ctx.get(), path.c_str(), &opts, &result);
	if (user.thrown)
		std::rethrow_exception(user.thrown);
	ctx.check(r);
	return result;
}

} // namespace bedplate

#endif
