// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/config.h"
#include "daemon/kernel_state.h"
#include "ra/advertiser.h"

namespace ulagate {

// What happened on one LAN since the start, for status.
struct LanCounters {
    std::uint64_t advertisements_sent = 0;
    std::uint64_t send_errors = 0;
    std::uint64_t solicitations_received = 0;
    std::uint64_t advertisements_received = 0;  // other routers'
    std::uint64_t refused = 0;                  // what RFC 4861 section 6.1 says to discard
};

// One LAN of the router: decides whether and from which address this router speaks there, and what it says.
// Pure: the link's facts, packets and time come in, advertisements to send go out. VRRP will decide in
// source().
class LanPort {
public:
    using TimePoint = ra::TimePoint;

    LanPort(LanConfig config, ra::Random random);

    // The link as it is now; nothing when there is no such interface.
    std::vector<ra::Send> set_link(const std::optional<Link>& link, const Addresses& addresses,
                                   TimePoint now);
    std::vector<ra::Send> set_config(LanConfig config, TimePoint now);
    std::vector<ra::Send> on_message(std::span<const std::byte> message, const ra::PacketInfo& info,
                                     TimePoint now);
    // The site leaves: hosts are told. Done when deadline() is empty.
    std::vector<ra::Send> withdraw(TimePoint now);
    std::vector<ra::Send> on_deadline(TimePoint now) { return advertiser_.on_deadline(now); }
    [[nodiscard]] std::optional<TimePoint> deadline() const { return advertiser_.deadline(); }

    void sent(TimePoint now);
    void send_failed() { ++counters_.send_errors; }

    [[nodiscard]] const LanConfig& config() const { return config_; }
    [[nodiscard]] const LanCounters& counters() const { return counters_; }
    [[nodiscard]] const std::optional<ra::Source>& source() const { return source_; }
    [[nodiscard]] std::optional<TimePoint> last_sent() const { return last_sent_; }
    // Why we are silent on this LAN, in words; empty when we advertise.
    [[nodiscard]] const std::string& waiting_for() const { return waiting_for_; }
    // Why the last packet that we discarded was discarded.
    [[nodiscard]] const std::string& last_refusal() const { return last_refusal_; }

private:
    [[nodiscard]] std::optional<ra::Source> find_source(const std::optional<Link>& link,
                                                        const Addresses& addresses);

    LanConfig config_;
    ra::Advertiser advertiser_;
    std::optional<ra::Source> source_;
    std::optional<TimePoint> last_sent_;
    LanCounters counters_;
    std::string waiting_for_;
    std::string last_refusal_;
    bool withdrawn_ = false;
};

}  // namespace ulagate
