// SPDX-License-Identifier: LGPL-2.1-or-later
// A context that is moved while a table of it lives: a failure is told by the new one.
#include <bedplate/bedplate.hpp>

int main()
{
	bedplate::context made;
	bedplate::table table(made, "0 8 zero");
	bedplate::context ctx(std::move(made));

	try {
		table.append(8, "no-such-target", nullptr, 0);
	} catch (const bedplate::error &e) {
		return e.code == BP_E_UNKNOWN_TARGET && e.errnum == ENOENT ? 0 : 1;
	}
	return 2;
}
