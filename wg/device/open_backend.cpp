// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device/open_backend.h"

#include <utility>

#include "wg/device/kernel_backend.h"
#include "wg/device/userspace_backend.h"

namespace ulagate::wg {
namespace {

const std::error_code kNotSupported = std::make_error_code(std::errc::not_supported);

}  // namespace

Result<std::unique_ptr<Backend>> open_backend(BackendChoice choice) {
    if (choice != BackendChoice::userspace) {
        auto kernel = KernelBackend::open();
        if (kernel) return std::unique_ptr<Backend>{std::move(*kernel)};
        if (choice == BackendChoice::kernel || kernel.error().code != kNotSupported) {
            return tl::unexpected(kernel.error());
        }
    }
    if (auto binary = find_wireguard_go()) {
        return std::unique_ptr<Backend>{std::make_unique<UserspaceBackend>(std::move(*binary))};
    }
    if (choice == BackendChoice::userspace) {
        return fail(kNotSupported, "no wireguard-go in PATH: apt-get install wireguard-go");
    }
    return fail(kNotSupported,
                "this kernel has no WireGuard, and there is no wireguard-go in PATH: boot a kernel with the "
                "wireguard module, or apt-get install wireguard-go");
}

}  // namespace ulagate::wg
