#!/bin/sh
# The compiler's options for the product, one a line: binding.gyp builds the addon with them, and test/Makefile what
# is measured. They cost nothing that `make -C native/test bench` could show; docs/testing.md has the figures.
architecture=${1:-$(uname -m)}

echo -std=c++20
echo -O3
echo -fno-exceptions
echo -fPIC
# Two addons in one process share no symbol but the entry point.
echo -fvisibility=hidden

# What a defect in memory would meet. Level 3 counts as 2 where compiler or C library know no more. Some distributions
# set a level of their own, and would warn of another.
echo -U_FORTIFY_SOURCE
echo -D_FORTIFY_SOURCE=3
echo -fstack-protector-strong
echo -fstack-clash-protection
case $architecture in
  x64 | x86_64) echo -fcf-protection ;;
  arm64 | aarch64) echo -mbranch-protection=standard ;;
esac
