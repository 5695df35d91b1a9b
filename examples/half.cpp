/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* half METADATA: a table, an error, a check; in C++17. See docs/languages.md. */
#include <bedplate/bedplate.hpp>

#include <iostream>

int main(int argc, char **argv)
try {
	bedplate::context ctx;
	bp_linear half = {};

	half.dev = "8:16";
	half.offset_sectors = 2048;
	std::cout << bedplate::table(ctx).append(1048576, BP_PARAMS_LINEAR(&half)).str();

	try {
		bedplate::table(ctx, "0 8 linear 8:16 -1");
	} catch (const bedplate::error &error) {
		std::cout << bp_error_name(error.code) << ": argument " << error.argument << ", "
			  << error.argument_name << '\n';
	}

	if (argc > 1) {
		auto result = bedplate::thin_check(ctx, argv[1], [](const bp_damage &damage) {
			std::cout << bp_harm_name(damage.harm) << ": "
				  << bp_damage_kind_name(damage.kind) << '\n';
		});
		std::cout << (result.nr_fatal ? "damaged" : "good") << '\n';
	}
	return 0;
} catch (const std::exception &error) {
	std::cerr << "half: " << error.what() << '\n';
	return 1;
}
