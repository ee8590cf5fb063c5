// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/control/peer_relay.h"

#include <algorithm>
#include <utility>

namespace ulagate::wg::control {

PeerRelay::PeerRelay(const RelaySession::Setup& setup, const net::Ipv6Prefix& overlay)
    : session_(setup), sequence_(setup.first_sequence) {
    session_.want_sites(overlay);
}

// Questions and answers are one row of numbers.
SessionOutcome PeerRelay::numbered(SessionOutcome out) {
    for (Packet& packet : out.send) packet.sequence = sequence_++;
    return out;
}

SessionOutcome PeerRelay::start(Now now) {
    running_ = true;
    return numbered(session_.start(now));
}
SessionOutcome PeerRelay::stop(Now now) {
    running_ = false;
    return numbered(session_.stop(now));
}
SessionOutcome PeerRelay::set_traffic(bool flows, Now now) {
    return numbered(session_.set_traffic(flows, now));
}
SessionOutcome PeerRelay::probe_now(Now now) { return numbered(session_.probe_now(now)); }
SessionOutcome PeerRelay::on_deadline(Now now) { return numbered(session_.on_deadline(now)); }

SessionOutcome PeerRelay::on_packet(const Packet& packet, SitePublisher& ours, Now now) {
    SessionOutcome out;
    if (!running_) return out;  // an answer would say that we are there
    if (const auto* probe = std::get_if<Probe>(&packet.message)) {
        out.send.push_back({0, ProbeAck{probe->id}});
    } else if (const auto* hello = std::get_if<Hello>(&packet.message)) {
        out.send.push_back({0, HelloAck{About{kVersion, capabilities_, now.wall}, {}, ours.generation()}});
        if ((hello->about.capabilities & kWantsSites) != 0 && lists_.take(1, now.steady)) {
            for (auto& part : ours.answer(hello->sites, now.steady, SitePublisher::Asker::relay))
                out.send.push_back({0, std::move(part)});
        }
    } else {
        out = session_.on_packet(packet, now);
    }
    return numbered(std::move(out));
}

SitePublisher::Transit choose_transit(const std::vector<net::Ipv6Prefix>& own,
                                      const std::vector<OtherRelay>& relays,
                                      const SitePublisher::Transit& before) {
    SitePublisher::Transit transit;
    const bool any = std::any_of(relays.begin(), relays.end(), [](const auto& relay) { return relay.sites; });
    if (!any) return transit;
    for (const net::Ipv6Prefix& site : own) {
        const auto last = before.find(site);
        const OtherRelay* taken = nullptr;
        for (const OtherRelay& relay : relays) {
            if (!relay.sites || !relay.sites->covers(site)) continue;
            const bool same = last != before.end() && last->second == relay.name;
            if (taken == nullptr || same) taken = &relay;
        }
        if (taken != nullptr) transit.emplace(site, taken->name);
    }
    return transit;
}

}  // namespace ulagate::wg::control
