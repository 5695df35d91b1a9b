# SPDX-License-Identifier: LGPL-2.1-or-later
# A thin front: scripts/ and meson do the work. The first two install what they need.
.PHONY: demo check build install clean

demo:
	scripts/demo
check:
	scripts/check
build:
	scripts/install-deps build
	@[ -e build/build.ninja ] || meson setup build
	ninja -C build
install: build
	meson install -C build --no-rebuild
clean:
	rm -rf build
