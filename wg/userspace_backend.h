// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>

#include "wg/backend.h"

namespace ulagate::wg {

// Where wireguard-go is: the first in PATH, or in /usr/bin.
std::optional<std::string> find_wireguard_go();

// One wireguard-go process for each interface. The process is nobody's child and outlives us on purpose: a
// daemon that was killed finds its tunnels running when it comes back. It is known by its socket file alone,
// and that file's folder is shared by all network namespaces of the machine, so that an answer counts only
// when the interface exists in ours.
class UserspaceBackend : public Backend {
public:
    // The folder can differ only in tests with a stand-in: wireguard-go itself knows no other.
    explicit UserspaceBackend(std::string binary, std::string socket_folder = "/var/run/wireguard");

    [[nodiscard]] const char* name() const override { return "userspace"; }
    Result<void> create(const std::string& interface) override;
    Result<void> remove(const std::string& interface) override;
    Result<Device> read(const std::string& interface) override;
    Result<void> apply(const std::string& interface, const DeviceChange& change) override;

private:
    [[nodiscard]] std::string socket_path(const std::string& interface) const;
    [[nodiscard]] Result<void> make_room(const std::string& interface) const;
    [[nodiscard]] Result<void> require_device(const std::string& interface) const;

    std::string binary_;
    std::string socket_folder_;
};

}  // namespace ulagate::wg
