// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/base/fd.h"
#include "daemon/loop/loop.h"
#include "daemon/names/resolver.h"
#include "image/appliance/clock/policy.h"
#include "image/appliance/clock/sntp_client.h"

namespace ulagate::appliance {

// Sets the clock by SNTP over the uplinks, beside the tunnel and before it: a tunnel needs the time.
class TimeKeeper {
public:
    struct Setup {
        std::vector<std::string>
            names;  // that the configuration gives: names and addresses; none: well-known ones
        WallTime floor;
        // The time at the relays now (ClockWitness).
        std::function<std::optional<WallTime>()> told_by_relays;
        bool dry = false;  // say what would be done, and leave the clock alone
    };
    TimeKeeper(boost::asio::io_context& io, Setup setup, std::function<void()> changed);

    Result<void> start();
    // Of DHCP, in order of preference.
    void set_leased(const std::vector<net::IpAddress>& servers);
    void on_network_change();
    // How the clock does, for people.
    [[nodiscard]] const std::string& status() const { return status_; }
    // The clock may be shown to others, and kept.
    [[nodiscard]] bool synchronised() const { return synchronised_; }

private:
    struct Link {
        UniqueFd socket;
        std::unique_ptr<Readable> readable;
    };
    Result<Link> open(int family);
    void read(const Link& link);
    void ask(const std::vector<SntpClient::Question>& questions);
    void take(const SntpClient::Turn& turn);
    void use(const ClockSample& sample);
    void act(const ClockAction& action, const ClockSample& sample);
    void say(const std::string& status);
    void resolve();
    void on_answer(const Resolver::Answer& answer);
    void collect_servers();
    [[nodiscard]] bool has_own_servers() const { return !setup_.names.empty(); }

    boost::asio::io_context& io_;
    Setup setup_;
    std::function<void()> changed_;
    SntpClient client_;
    Resolver resolver_;
    Link ipv4_;
    Link ipv6_;
    std::vector<net::IpAddress> leased_;
    std::map<std::pair<std::string, IpFamily>, std::vector<net::IpAddress>> resolved_;
    std::set<std::string> to_resolve_;
    std::string status_ = "not set yet: no time server has answered";
    bool synchronised_ = false;
    bool slow_ = false;
    Alarm ask_alarm_;
    Alarm resolve_alarm_;
    Alarm pace_alarm_;
};

}  // namespace ulagate::appliance
