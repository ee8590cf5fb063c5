// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <string>

#include "wg/device/backend.h"

namespace ulagate::wg {

// The kernel's own WireGuard, by generic netlink. Opens a socket for each call, so that nothing of a call
// that failed halfway can reach the next one.
class KernelBackend : public Backend {
public:
    // std::errc::not_supported: this kernel has no WireGuard, not even as a module.
    static Result<std::unique_ptr<KernelBackend>> open();

    [[nodiscard]] const char* name() const override { return "kernel"; }
    Result<void> create(const std::string& interface) override;
    Result<void> remove(const std::string& interface) override;
    Result<Device> read(const std::string& interface) override;
    Result<void> apply(const std::string& interface, const DeviceChange& change) override;

private:
    KernelBackend() = default;
};

}  // namespace ulagate::wg
