// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "daemon/base/result.h"
#include "wg/device/device.h"

namespace ulagate::wg {

enum class BackendChoice { automatic, kernel, userspace };

// Who does the cryptography: the kernel, or a wireguard-go process for each device. Both give an ordinary
// network interface; its MTU, addresses and routes are the daemon's business, not ours. Calls wait, for
// seconds at worst, and calls for different interfaces may come from different threads (see
// wg/device/background_backend.h).
class Backend {
public:
    Backend() = default;
    Backend(const Backend&) = delete;
    Backend& operator=(const Backend&) = delete;
    Backend(Backend&&) = delete;
    Backend& operator=(Backend&&) = delete;
    virtual ~Backend() = default;

    // "kernel" or "userspace", for status.
    [[nodiscard]] virtual const char* name() const = 0;
    // Makes the interface; it is there (but down) when this returns. An error when the name is taken.
    virtual Result<void> create(const std::string& interface) = 0;
    // Removes the interface and, in userspace, its process. Not an error when there is none.
    virtual Result<void> remove(const std::string& interface) = 0;
    // std::errc::no_such_device when there is no such interface, or (userspace) when no process answers for
    // it.
    // std::errc::owner_dead: its process did not answer and was killed; the sentence says so.
    virtual Result<Device> read(const std::string& interface) = 0;
    // Not atomic in the kernel: after an error read back what was reached.
    virtual Result<void> apply(const std::string& interface, const DeviceChange& change) = 0;
    // From another thread: who waits in one of the calls above gives up within tenths of a second, for good.
    virtual void give_up() {}
};

}  // namespace ulagate::wg
