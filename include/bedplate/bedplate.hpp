/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The library for C++17: the same calls, with owners that let go by themselves and failures that are
 * exceptions. Header only, so that nothing of C++ is in the library's ABI. It wraps what owns
 * something: contexts, tables, scopes, pools, watches, devices for the time of a block. For all else
 * call bp_*() with context::get(), hand the result to context::check(), and what it gave to an owner.
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
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace bedplate
{

/* A failure, with all that the library knows of it; texts are copies, "" where there is none. */
class error : public std::runtime_error
{
      public:
	error(const std::string &what, const bp_error &e)
	    : std::runtime_error(what), code(e.code), errnum(e.errnum),
	      message(text(e.message)), device(text(e.device)), segment(e.segment),
	      target(text(e.target)), argument(e.argument),
	      argument_name(text(e.argument_name)), value(text(e.value)), cause(text(e.cause)),
	      hint(text(e.hint)), kernel_log(text(e.kernel_log))
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

/* Lets go of an object of the library by its own function: owner<bp_tree, bp_tree_free>. */
template <auto Free> struct release {
	template <class T> void operator()(T *object) const
	{
		Free(object);
	}
};
template <class T, auto Free> using owner = std::unique_ptr<T, release<Free>>;

/* What a call in @ctx returned: thrown, where it failed. */
inline int check(bp_ctx *ctx, int r)
{
	if (r >= 0)
		return r;
	if (r == -ENOMEM)
		throw std::bad_alloc();
	throw error(bp_errmsg(ctx), *bp_error_get(ctx));
}

/* A context. Must outlive what is made with it; it may be moved meanwhile. */
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
		return bedplate::check(get(), r);
	}

      private:
	owner<bp_ctx, bp_ctx_free> ctx_;
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
	explicit table(const context &ctx) : ctx_(ctx.get())
	{
		bp_table *made = nullptr;

		ctx.check(bp_table_new(ctx.get(), &made));
		table_.reset(made);
	}

	table(const context &ctx, const std::string &lines) : ctx_(ctx.get())
	{
		bp_table *made = nullptr;

		ctx.check(bp_table_parse(ctx.get(), lines.c_str(), 0, &made));
		table_.reset(made);
	}

	/* Behind the last segment: append(8, BP_PARAMS_LINEAR(&half)), see <bedplate/targets.h>. */
	table &append(bp_sector length_sectors, const char *target, const void *params,
		      size_t params_size)
	{
		check(ctx_, bp_table_append(ctx_, get(), length_sectors, target, params,
					    params_size));
		return *this;
	}

	std::string str() const
	{
		text lines;

		check(ctx_, bp_table_format(ctx_, get(), lines.out()));
		return lines.str();
	}

	bp_table *get() const
	{
		return table_.get();
	}

      private:
	bp_ctx *ctx_;
	owner<bp_table, bp_table_free> table_;
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
	    : ctx_(ctx.get())
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
	/* Lends its name: used no longer than this device lives, and stays where it is. */
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
		check(ctx_, try_remove());
		mine_ = false;
	}

      private:
	int try_remove()
	{
		bp_selector which = selector();
		bp_remove_opts opts = {};

		opts.size = sizeof(opts);
		opts.flags = BP_REMOVE_RETRY;
		return bp_device_remove(ctx_, &which, &opts, nullptr);
	}

	bp_ctx *ctx_;
	struct bp_device_info info_ = {};
	bool mine_ = false;
};

/* All mapped devices, ordered by name. */
inline std::vector<bp_device_entry> devices(const context &ctx)
{
	struct bp_device_list *made = nullptr;

	ctx.check(bp_device_list(ctx.get(), &made));
	owner<struct bp_device_list, bp_device_list_free> list(made);
	std::vector<bp_device_entry> all;
	for (size_t i = 0; i < bp_device_list_count(list.get()); i++)
		all.push_back(*bp_device_list_get(list.get(), i));
	return all;
}

/*
 * A scope: what the context makes from here on is removed with it, or, where this process dies, by
 * 'bedplate scope gc'. end() says what went wrong, the destructor can't. Pools that were made in it
 * are closed before.
 */
class scope
{
      public:
	scope(const context &ctx, const std::string &name, const bp_scope_opts *opts = nullptr)
	    : ctx_(ctx.get())
	{
		bp_scope *made = nullptr;

		ctx.check(bp_scope_open(ctx_, name.c_str(), opts, &made));
		scope_.reset(made);
	}

	/* A loop device on a new sparse file. */
	bp_bdev loop(bp_bytes size_bytes)
	{
		bp_bdev made = {};

		check(ctx_, bp_scope_loop(get(), size_bytes, &made));
		return made;
	}
	void end(int64_t timeout_ms = 0)
	{
		check(ctx_, bp_scope_end(get(), 0, timeout_ms));
		bp_scope_close(scope_.release());
	}
	bp_scope *get() const
	{
		return scope_.get();
	}

      private:
	struct ender {
		void operator()(bp_scope *scope) const
		{
			bp_scope_end(scope, 0, 0);
			bp_scope_close(scope);
		}
	};
	bp_ctx *ctx_;
	std::unique_ptr<bp_scope, ender> scope_;
};

/* An active thin pool. The destructor forgets it; the kernel keeps it. */
class pool
{
      public:
	/* Make one: see bp_pool_create(). */
	pool(const context &ctx, const std::string &name, const std::string &metadata,
	     const std::string &data, const bp_pool_opts *opts = nullptr)
	    : ctx_(ctx.get())
	{
		bp_pool *made = nullptr;

		ctx.check(bp_pool_create(ctx_, name.c_str(), metadata.c_str(), data.c_str(),
					 opts, &made));
		pool_.reset(made);
	}
	/* Find one: see bp_pool_open(). */
	pool(const context &ctx, const std::string &name) : ctx_(ctx.get())
	{
		bp_selector which = {};
		bp_pool *found = nullptr;

		which.name = name.c_str();
		ctx.check(bp_pool_open(ctx_, &which, &found));
		pool_.reset(found);
	}

	/* Its id in the pool. */
	uint32_t create_volume(const std::string &name, bp_sector size_sectors,
			       const bp_volume_opts *opts = nullptr)
	{
		uint32_t id = 0;

		check(ctx_,
		      bp_pool_create_volume(get(), name.c_str(), size_sectors, opts, &id));
		return id;
	}
	uint32_t snapshot(const std::string &origin, const std::string &name,
			  const bp_volume_opts *opts = nullptr)
	{
		bp_selector which = {};
		uint32_t id = 0;

		which.name = origin.c_str();
		check(ctx_, bp_pool_snapshot(get(), &which, name.c_str(), opts, &id));
		return id;
	}
	/* @flags: BP_TABLE_FLUSH: numbers of now. */
	struct bp_pool_status status(uint32_t flags = 0) const
	{
		struct bp_pool_status now = {};

		check(ctx_, ::bp_pool_status(get(), flags, &now));
		return now;
	}
	bp_pool *get() const
	{
		return pool_.get();
	}

      private:
	bp_ctx *ctx_;
	owner<bp_pool, bp_pool_close> pool_;
};

/* What happened: a copy, of struct bp_event; texts are "" where there are none. */
struct event {
	bp_event_kind kind;
	bool ended;
	bp_device_entry device;
	std::string old_name, target, about, what;
};

/* What happens to devices, from its making on. One in a context. */
class watch
{
      public:
	explicit watch(const context &ctx, const bp_watch_opts *opts = nullptr)
	    : ctx_(ctx.get())
	{
		bp_watch *made = nullptr;

		ctx.check(bp_watch_open(ctx_, opts, &made));
		watch_.reset(made);
	}

	/* The next thing, or nothing within the time: 0 is the default of 30 s, negative no limit. */
	std::optional<event> next(int64_t timeout_ms = 0)
	{
		const bp_event *e = nullptr;
		int r = bp_watch_next(watch_.get(), timeout_ms, &e);

		if (r == -ETIMEDOUT)
			return std::nullopt;
		check(ctx_, r);
		return event{ e->kind,        e->ended,      *e->device,  str(e->old_name),
			      str(e->target), str(e->about), str(e->what) };
	}

      private:
	static std::string str(const char *from)
	{
		return from ? from : "";
	}

	bp_ctx *ctx_;
	owner<bp_watch, bp_watch_close> watch_;
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
