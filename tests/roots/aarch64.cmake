# SPDX-License-Identifier: GPL-2.0-or-later
# Cross compiling for arm64 on a Debian amd64 with the arm64 architecture added (dpkg --add-architecture arm64):
# g++-aarch64-linux-gnu and the -dev:arm64 packages. The libraries of both architectures live side by side, so there
# is no sysroot; only pkg-config has to be told which half to look at.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static)
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
