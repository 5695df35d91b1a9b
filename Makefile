# SPDX-License-Identifier: LGPL-2.1-or-later
# A thin front: scripts/ and meson do the work. The first two install what they need.
.PHONY: demo check build install uninstall fuzz bench coverage clean

demo:
	scripts/demo
check:
	scripts/check
build:
	scripts/install-deps build
	@[ -e build/build.ninja ] || meson setup build $$(pkg-config --exists cmocka || echo -Dtests=false)
	ninja -C build
# Each target for SECONDS (60): make fuzz SECONDS=10
fuzz:
	scripts/fuzz $(or $(SECONDS),60)
# Beside the reference tools; needs 3 GiB of memory: make bench SCALE=0.1
bench:
	[ -e build-bench/build.ninja ] || meson setup build-bench --buildtype=release -Dtests=false
	ninja -C build-bench
	bench/compare --scale $(or $(SCALE),1) build-bench
# Lines that no test runs, beside docs/coverage.md: a quarter of an hour.
coverage:
	scripts/coverage
install: build
	meson install -C build --no-rebuild
# What the last "make install" put there.
uninstall:
	ninja -C build uninstall
clean:
	rm -rf build
