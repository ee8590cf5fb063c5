// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace ulagate {

// Whoever advertises every 10 ms is taken for dead after 34 ms of silence, so other programs on this machine
// must not keep us from the processor for as long as the kernel's fair shares let them. Niceness and no
// real-time class: the kernel's own threads, which encrypt what the tunnels carry, still get their part of a
// machine with one processor. The threads and programs that we start are as before. Without the right to do
// so all stays as it is, said once.
void raise_priority();

}  // namespace ulagate
