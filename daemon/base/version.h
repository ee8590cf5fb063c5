// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace ulagate {

// "0.2.0+20261129.8f68807abc": the version, the day (UTC) and the commit of what was built, then ".changed"
// if files differ from the commit. "0.2.0" when it was built from a tree without git. The only file that
// knows it is made by daemon/base/version.cmake, so a new commit costs one small compilation.
extern const char* const kVersion;

}  // namespace ulagate
