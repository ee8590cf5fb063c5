// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/file_writer.h"
#include "daemon/base/obstacles.h"
#include "daemon/config/config.h"
#include "daemon/lan/check.h"
#include "daemon/loop/control_link.h"
#include "daemon/loop/loop.h"
#include "daemon/relays/epoch_memory.h"
#include "daemon/relays/relay_channel.h"
#include "wg/control/relay_session.h"

namespace ulagate {

// The edge's side of the overlay control protocol: one session with each relay of kind "ulagate", the socket
// and timers under them, and the epoch on disk. What is claimed is decided by the LANs.
class EdgeControl : public RelayChannel {
public:
    // `changed`: a relay can be reached, or not any more, or has another owner for a prefix of ours.
    // `paths_changed`: what the choice between relays depends on; called first, in the same turn of the loop.
    // `regained`: another router was Active beside us on the LAN with this prefix, and is not any more.
    EdgeControl(Loop& loop, std::unique_ptr<ControlLink> link, FileWriter& files, std::string state_directory,
                std::function<void()> changed, std::function<void()> paths_changed,
                std::function<void(const net::Ipv6Prefix&)> regained);

    void set_config(const Config& config);
    void set_lans(const std::vector<wg::control::LanClaim>& lans);
    void set_reachable(const std::string& relay, bool reachable) override;
    void set_traffic(const std::string& relay, bool flows) override;
    void probe_now(const std::string& relay) override;
    // Says goodbye to all relays.
    void stop();

    [[nodiscard]] const wg::control::RelaySession* session(const std::string& relay) const override;
    // Every relay that can be reached has given the prefix to another router.
    [[nodiscard]] bool handed_over(const net::Ipv6Prefix& prefix) const;
    // Relays that say what cannot be.
    [[nodiscard]] std::vector<Obstacle> untrue() const;
    // What each relay that answers says about the prefix of a LAN.
    [[nodiscard]] std::vector<LanCheck::RelayWord> words_about(const net::Ipv6Prefix& prefix) const;
    // A relay says that a site with this prefix is connected. It is asked while want_lists(true).
    [[nodiscard]] bool is_connected(const net::Ipv6Prefix& prefix) const;
    void want_lists(bool want);

private:
    struct Peer {
        net::Ipv6Address address;
        wg::control::RelaySession session;
        bool started = false;
    };
    void receive();
    void on_timer();
    void act(const std::string& relay, Peer& peer, wg::control::SessionOutcome outcome);
    void schedule();
    void load_epochs();
    void ask_for_lists();
    void reserve_epochs();

    FileWriter& files_;
    std::string epoch_file_;   // one number, for older versions
    std::string epochs_file_;  // by relay
    std::function<void()> changed_;
    std::function<void()> paths_changed_;
    std::function<void(const net::Ipv6Prefix&)> regained_;
    net::Ipv6Address self_;
    std::map<std::string, Peer> peers_;  // by relay
    std::vector<wg::control::LanClaim> lans_;
    EpochMemory epochs_;
    std::optional<wg::control::TimePoint> reserved_at_;
    net::Ipv6Prefix overlay_;
    bool choice_ = false;       // between relays
    bool wants_lists_ = false;  // of sites, also without a choice
    Alarm reserve_;
    std::unique_ptr<ControlLink> link_;
    Alarm alarm_;
};

}  // namespace ulagate
