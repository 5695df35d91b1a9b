// SPDX-License-Identifier: LGPL-2.1-or-later
// pool: what a service does with devices, in C++. As root, or: bedplate lab run -- ./pool
#include <bedplate/bedplate.hpp>

#include <iostream>

static void run(const bedplate::context &ctx)
{
	bedplate::scope scope(ctx, "example"); // all of it is gone at the end, whatever happens
	bp_bdev metadata = scope.loop(8 << 20), data = scope.loop(64 << 20);
	bedplate::watch watch(ctx);
	bedplate::pool pool(ctx, "pool", metadata.path, data.path);

	pool.create_volume("home", bp_bytes_to_sector(1 << 30));
	pool.snapshot("home", "monday");
	for (const bp_device_entry &device : bedplate::devices(ctx))
		std::cout << device.name << '\n';
	auto status = pool.status(BP_TABLE_FLUSH);
	std::cout << status.data_used_dblocks << " of " << status.data_total_dblocks
		  << " blocks used\n";
	try {
		pool.snapshot("home", "monday");
	} catch (const bedplate::error &e) {
		std::cout << bp_error_name(e.code) << ' ' << e.errnum << ": " << e.cause
			  << '\n';
	}
	while (auto event = watch.next(500))
		std::cout << bp_event_name(event->kind) << ' ' << event->device.name << '\n';
	scope.end(); // as the destructor does, but with what went wrong
}

int main()
{
	try {
		run(bedplate::context());
	} catch (const bedplate::error &e) {
		std::cerr << "pool: " << e.what() << '\n';
		return 1;
	}
}
