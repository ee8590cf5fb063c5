// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <thread>

namespace ulagate {

// A thread that no signal interrupts: signals are the loop's, and a new thread inherits the mask of the one
// that starts it. Throws std::system_error when there can be no more threads.
std::thread without_signals(const std::function<void()>& body);

}  // namespace ulagate
