// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "daemon/base/fd.h"
#include "daemon/base/result.h"

namespace ulagate {

// Makes frames come in by an interface of this machine, as if a neighbour had sent them: a tap device of our
// own (kProbeLink), where a three-line BPF program hands each frame to the interface that it names. Nothing
// of any other interface is touched, and the device ends with the process. Decides nothing.
class FrameInjector {
public:
    // Needs /dev/net/tun, CAP_NET_ADMIN and CAP_BPF, and a kernel with clsact and BPF classifiers.
    static Result<FrameInjector> open();

    // An Ethernet frame. The first four bytes of its source address are the index of the interface,
    // big-endian, its destination should be that interface's own. Does not block.
    Result<void> inject(std::span<const std::byte> frame);

private:
    FrameInjector(UniqueFd tap, UniqueFd program) : tap_(std::move(tap)), program_(std::move(program)) {}
    UniqueFd tap_;
    UniqueFd program_;
};

}  // namespace ulagate
