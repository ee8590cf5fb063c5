// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "wg/device/backend.h"
#include "wg/device/link_message.h"

namespace ulagate::wg {

// Where wireguard-go is: the first in PATH, or in /usr/bin.
std::optional<std::string> find_wireguard_go();

// One wireguard-go process for each interface. The process is nobody's child and outlives us on purpose: a
// daemon that was killed finds its tunnels running when it comes back. It is known by its socket file alone,
// and that file's folder is shared by all network namespaces of the machine, so that an answer counts only
// when the interface exists in ours. One that gives no answer for two seconds, or none that makes sense, is
// killed: its interface goes with it, and the next create() makes both anew.
class UserspaceBackend : public Backend {
public:
    // The folder can differ only in tests with a stand-in: wireguard-go itself knows no other.
    explicit UserspaceBackend(std::string binary, std::string socket_folder = "/var/run/wireguard");

    [[nodiscard]] const char* name() const override { return "userspace"; }
    Result<void> create(const std::string& interface) override;
    Result<void> remove(const std::string& interface) override;
    Result<Device> read(const std::string& interface) override;
    Result<void> apply(const std::string& interface, const DeviceChange& change) override;
    void give_up() override { cancelled_ = true; }

private:
    // What is known of a process that does not answer as it should.
    struct Suspect {
        std::chrono::steady_clock::time_point since;
        bool failing = false;
        std::optional<std::chrono::steady_clock::time_point> killed_for_nonsense;
    };
    [[nodiscard]] std::string socket_path(const std::string& interface) const;
    [[nodiscard]] Result<void> make_room(const std::string& interface) const;
    [[nodiscard]] Result<void> require_device(const std::string& interface) const;
    [[nodiscard]] bool wait_until(std::chrono::milliseconds length, const std::function<bool()>& there) const;
    [[nodiscard]] bool is_dying(const Link& link, const std::string& path) const;
    Result<std::string> ask(const std::string& interface, std::string_view request,
                            std::chrono::milliseconds patience);
    Error judge(const std::string& interface, Error error, std::chrono::steady_clock::time_point asked);
    void acquit(const std::string& interface);

    std::string binary_;
    std::string socket_folder_;
    std::atomic<bool> cancelled_{false};
    std::mutex mutex_;                         // of what follows
    std::map<std::string, Suspect> suspects_;  // by interface
};

}  // namespace ulagate::wg
