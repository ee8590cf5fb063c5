// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/control/relay_session.h"

#include <algorithm>
#include <span>
#include <utility>

namespace ulagate::wg::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A claim is renewed three times in its lease.
constexpr Duration kRenewal = seconds{1};
constexpr Duration kQuickSpacing = milliseconds{50};
constexpr unsigned kQuick = 3;
// A relay that started anew learns our clock and version again, also while we only send claims.
constexpr Duration kHelloBesideClaims = seconds{10};

constexpr Duration kProbeIdle = seconds{1};
constexpr Duration kProbeTraffic = milliseconds{300};
// The relay's list of sites has changed and may again: asked for at most so often.
constexpr Duration kHelloForSites = seconds{1};

}  // namespace

RelaySession::RelaySession(const Setup& setup)
    : self_(setup.self),
      epoch_(std::min(setup.epoch, kMostEpoch)),
      kept_(epoch_),
      sequence_(setup.first_sequence),
      probe_id_(setup.first_probe) {}

// A counter at its end stays there: equal epochs are settled by priority and key.
std::uint64_t RelaySession::next_epoch() {
    epoch_ = std::min(epoch_ + 1, kMostEpoch);
    return epoch_;
}

// Its next message is the first of a new matter.
void RelaySession::begin(ClaimProgress& claim) {
    const bool speaks = claim.lan.state == ClaimState::active || claim.lan.state == ClaimState::unfit;
    claim.quick_left = speaks ? kQuick : 0;
    claim.acknowledged = false;
    claim.first_sequence.reset();
    claim.lost_since.reset();
}

bool RelaySession::wants_quick(const ClaimProgress& claim) {
    return claim.quick_left > 0 && !claim.acknowledged;
}

// Nothing to be said of it but hello; a Backup that was Active just now still releases.
bool RelaySession::is_silent(const ClaimProgress& claim) {
    if (claim.lan.state == ClaimState::standby) return !wants_quick(claim);
    return claim.lan.state == ClaimState::leaving;
}

void RelaySession::send(Message message, SessionOutcome& out) {
    out.send.push_back({sequence_++, std::move(message)});
}

SessionOutcome RelaySession::start(Now now) {
    SessionOutcome out;
    running_ = true;
    for (auto& [prefix, claim] : claims_) begin(claim);
    last_hello_.reset();
    send_round(now, out);
    send_probe(now.steady, out);
    return out;
}

SessionOutcome RelaySession::stop(Now /*now*/) {
    SessionOutcome out;
    if (running_) send(Goodbye{}, out);
    running_ = false;
    probes_.clear();
    hello_at_.reset();
    renew_at_.reset();
    quick_at_.reset();
    probe_at_.reset();
    tell_at_.reset();
    return out;
}

SessionOutcome RelaySession::set_lans(const std::vector<LanClaim>& lans, Now now) {
    SessionOutcome out;
    std::map<net::Ipv6Prefix, ClaimProgress> lan_claims;
    std::optional<std::uint64_t> epoch;  // one for all that become Active together
    bool speak = false;
    for (const LanClaim& lan : lans) {
        const auto before = claims_.find(lan.prefix);
        ClaimProgress claim = before == claims_.end() ? ClaimProgress{} : before->second;
        const ClaimState was = claim.lan.state;
        claim.lan = lan;
        if (lan.state != was) {
            if (lan.state == ClaimState::active) {
                // Above the claim of the one before us too, as this relay tells of it: nobody but the relay
                // itself hears that number from us, and the site does not wait for a second round trip.
                if (claim.owner) epoch_ = std::max(epoch_, believable(claim.owner->epoch));
                if (!epoch || *epoch < epoch_) epoch = next_epoch();
                claim.epoch = *epoch;
                claim.raised = claim.conflict_reported = claim.refusal_reported = false;
            }
            begin(claim);
            // The other router may have claimed all along, and the relay need not wait for our lease to end.
            if (was == ClaimState::active && lan.state == ClaimState::standby) claim.quick_left = kQuick;
            claim.state_since = now.steady;
            speak |= !is_silent(claim);
        }
        lan_claims.emplace(lan.prefix, claim);
    }
    claims_ = std::move(lan_claims);
    if (running_ && speak) send_round(now, out);
    if (running_) plan_quick(now.steady);
    return out;
}

SessionOutcome RelaySession::set_traffic(bool flows, Now now) {
    traffic_ = flows;
    if (running_ && flows && probe_at_) probe_at_ = std::min(*probe_at_, now.steady + kProbeTraffic);
    return {};
}

SessionOutcome RelaySession::probe_now(Now now) {
    SessionOutcome out;
    if (running_) send_probe(now.steady, out);
    return out;
}

void RelaySession::want_sites(const std::optional<net::Ipv6Prefix>& overlay) {
    if (overlay == sites_of_) return;
    sites_of_ = overlay;
    mirror_ = overlay ? std::optional{SiteMirror{*overlay}} : std::nullopt;
}

// Claims or releases the given LANs, in as few messages as their epochs and priorities allow.
void RelaySession::state(const std::vector<ClaimProgress*>& lan_claims, SessionOutcome& out) {
    std::map<std::pair<std::uint64_t, std::uint8_t>, std::vector<net::Ipv6Prefix>> claims;
    std::vector<net::Ipv6Prefix> releases;
    for (ClaimProgress* claim : lan_claims) {
        if (!claim->first_sequence) claim->first_sequence = sequence_;
        if (claim->quick_left > 0) --claim->quick_left;
        if (claim->lan.state == ClaimState::active) {
            claims[{claim->epoch, claim->lan.priority}].push_back(claim->lan.prefix);
        } else {
            releases.push_back(claim->lan.prefix);
        }
    }
    const auto in_parts = [&](std::span<const net::Ipv6Prefix> all, const auto& message_of) {
        while (!all.empty()) {
            const auto part = all.first(std::min(all.size(), kMaxPrefixes));
            all = all.subspan(part.size());
            send(message_of({part.begin(), part.end()}), out);
        }
    };
    for (const auto& [terms, prefixes] : claims) {
        in_parts(prefixes, [&terms = terms](std::vector<net::Ipv6Prefix> part) {
            return Claim{std::move(part), terms.first, terms.second};
        });
    }
    in_parts(releases, [this](std::vector<net::Ipv6Prefix> part) {
        return Release{std::move(part), epoch_};
    });
}

void RelaySession::send_hello(Now now, SessionOutcome& out) {
    last_hello_ = now.steady;
    hello_at_.reset();
    asked_ = mirror_ && !mirror_->distrusted(now.steady);
    const About about{kVersion, asked_ ? kWantsSites : 0, now.wall};
    send(Hello{about, asked_ ? mirror_->generation() : 0}, out);
}

void RelaySession::send_round(Now now, SessionOutcome& out) {
    std::vector<ClaimProgress*> spoken;
    for (auto& [prefix, claim] : claims_) {
        if (!is_silent(claim)) spoken.push_back(&claim);
    }
    if (spoken.empty() || !last_hello_ || now.steady >= *last_hello_ + kHelloBesideClaims) {
        send_hello(now, out);
    }
    state(spoken, out);
    renew_at_ = now.steady + kRenewal;
    quick_at_.reset();
    plan_quick(now.steady);
}

void RelaySession::send_quick(TimePoint now, SessionOutcome& out) {
    std::vector<ClaimProgress*> unanswered;
    for (auto& [prefix, claim] : claims_) {
        if (wants_quick(claim)) unanswered.push_back(&claim);
    }
    state(unanswered, out);
    quick_at_.reset();
    plan_quick(now);
}

void RelaySession::plan_quick(TimePoint now) {
    const bool wanted = std::any_of(claims_.begin(), claims_.end(),
                                    [](const auto& entry) { return wants_quick(entry.second); });
    if (!wanted) {
        quick_at_.reset();
    } else if (!quick_at_) {
        quick_at_ = now + kQuickSpacing;
    }
}

void RelaySession::send_probe(TimePoint now, SessionOutcome& out) {
    const bool died = probes_.on_sent(probe_id_, now);
    const bool was_never_alive =
        has_spoken_ && !has_answered_ && probes_.misses() >= ProbeHistory::kMissesUntilDown;
    has_answered_ |= was_never_alive;
    if (died || was_never_alive) out.events.emplace_back(ReachabilityChanged{false, false});
    send(Probe{probe_id_++}, out);
    probe_at_ = now + (traffic_ ? kProbeTraffic : kProbeIdle);
}

SessionOutcome RelaySession::on_deadline(Now now) {
    SessionOutcome out;
    if (!running_) return out;
    if (renew_at_ && now.steady >= *renew_at_) send_round(now, out);
    if (quick_at_ && now.steady >= *quick_at_) send_quick(now.steady, out);
    if (hello_at_ && now.steady >= *hello_at_) send_hello(now, out);
    if (probe_at_ && now.steady >= *probe_at_) send_probe(now.steady, out);
    if (tell_at_ && now.steady >= *tell_at_) tell_owners(now.steady, out);
    if (mirror_ && mirror_->on_deadline(now.steady))
        out.events.emplace_back(SitesLearned{mirror_->sites()->size()});
    return out;
}

std::optional<TimePoint> RelaySession::deadline() const {
    std::optional<TimePoint> first;
    const auto sites_at = mirror_ && running_ ? mirror_->deadline() : std::nullopt;
    for (const auto& timer : {renew_at_, quick_at_, hello_at_, probe_at_, tell_at_, sites_at}) {
        if (timer && (!first || *timer < *first)) first = timer;
    }
    return first;
}

SessionOutcome RelaySession::on_packet(const Packet& packet, Now now) {
    SessionOutcome out;
    if (!running_) return out;
    ++counters_.packets;
    if (goodbye_ && is_stale(*goodbye_, packet.sequence)) {
        ++counters_.stale;
        return out;
    }
    has_spoken_ = true;
    if (const auto* hello = std::get_if<HelloAck>(&packet.message)) {
        relay_ = RelayAbout{hello->about, now.steady};
        on_capabilities(hello->about.capabilities, now.steady, out);
        news_of(hello->owners, packet.sequence, now.steady, out);
        on_generation(hello->sites, now.steady, out);
    } else if (const auto* ack = std::get_if<ClaimAck>(&packet.message)) {
        const auto owners = news_of(ack->owners, packet.sequence, now.steady, out);
        if (ack->answers) {
            on_answer(*ack->answers, owners, now.steady, out);
        } else {
            on_unasked(owners, now.steady, out);
        }
        on_generation(ack->sites, now.steady, out);
        on_capabilities(ack->capabilities, now.steady, out);
    } else if (const auto* probe = std::get_if<ProbeAck>(&packet.message)) {
        on_probe_ack(*probe, now, out);
    } else if (std::holds_alternative<Goodbye>(packet.message)) {
        on_goodbye(packet.sequence, now.steady, out);
    } else if (const auto* sites = std::get_if<Sites>(&packet.message)) {
        on_sites(*sites, now.steady, out);
    } else {
        ++counters_.unexpected;
    }
    return out;
}

void RelaySession::on_capabilities(std::uint32_t capabilities, TimePoint now, SessionOutcome& out) {
    if ((capabilities & kInTwoPlaces) != 0) in_two_places_ = now;
    const bool forwards = (capabilities & kCannotForward) == 0;
    if (std::exchange(forwards_, forwards) != forwards) out.events.emplace_back(ForwardingTold{forwards});
}

void RelaySession::on_probe_ack(const ProbeAck& ack, Now now, SessionOutcome& out) {
    const bool before = probes_.alive();
    if (!probes_.on_answer(ack.id, now.steady)) return;
    const bool is_back = std::exchange(has_answered_, true) && !before;
    if (!before) out.events.emplace_back(ReachabilityChanged{.alive = true});
    // It may have been started anew, and sends to the router that its configuration prefers.
    if (is_back) send_round(now, out);
}

// The relay's list of sites has this number now.
void RelaySession::on_generation(std::uint64_t generation, TimePoint now, SessionOutcome& out) {
    if (!mirror_) return;
    if (generation == mirror_->generation() || mirror_->distrusted(now)) {
        hello_at_.reset();
    } else if (generation == 0) {
        if (mirror_->forget()) out.events.emplace_back(SitesLearned{});
    } else if (!hello_at_) {
        hello_at_ = last_hello_ ? std::max(now, *last_hello_ + kHelloForSites) : now;
    }
}

// Who says goodbye again and again, and answers in between, has not gone: whether it is there is for the
// probes to say.
void RelaySession::on_goodbye(std::uint32_t sequence, TimePoint now, SessionOutcome& out) {
    if (!probes_.alive()) {
        goodbye_ = sequence;
        return;
    }
    if (!goodbyes_.take(1, now)) {
        ++counters_.too_often;
        return;
    }
    goodbye_ = sequence;
    out.events.emplace_back(ReachabilityChanged{.goodbye = true});
    probes_.set_down();
}

// One list for each time that we asked.
void RelaySession::on_sites(const Sites& sites, TimePoint now, SessionOutcome& out) {
    if (!mirror_ || !asked_) {
        ++counters_.unasked;
        return;
    }
    const std::uint64_t before = mirror_->generation();
    const bool changed = mirror_->on_message(sites, now);
    if (mirror_->distrusted(now)) {
        asked_ = false;
        disbelieve({Disbelieved::What::sites}, now, out);
    } else if (mirror_->generation() != before) {
        asked_ = false;
        hello_at_.reset();
    }
    if (!changed) return;
    out.events.emplace_back(mirror_->sites() ? SitesLearned{mirror_->sites()->size()} : SitesLearned{});
}

void RelaySession::disbelieve(Disbelieved what, TimePoint now, SessionOutcome& out) {
    const auto known = disbelieved_.find(what.what);
    if (known == disbelieved_.end() || now >= known->second.second + kDisbelief)
        out.events.emplace_back(what);
    disbelieved_[what.what] = {what, now};
}

std::vector<Disbelieved> RelaySession::disbelieved(TimePoint now) const {
    std::vector<Disbelieved> out;
    for (const auto& [what, last] : disbelieved_) {
        if (now < last.second + kDisbelief) out.push_back(last.first);
    }
    return out;
}

std::string to_string(const SessionEvent& event) {
    struct Sentence {
        std::string operator()(const ConflictLost& e) const {
            return "another router owns " + net::to_string(e.prefix) + " with epoch " +
                   std::to_string(e.epoch) + ": " + net::to_string(e.owner);
        }
        std::string operator()(const PrefixRefused& e) const {
            return net::to_string(e.prefix) + " is not a prefix of this site in the relay's configuration";
        }
        std::string operator()(const ReachabilityChanged& e) const {
            if (e.alive) return "answers";
            return e.goodbye ? "said goodbye" : "no longer answers";
        }
        std::string operator()(const OwnerLearned& e) const {
            const std::string who = e.owner.router ? net::to_string(*e.owner.router) : "no router";
            return net::to_string(e.owner.prefix) + " is active on " + who;
        }
        std::string operator()(const SitesLearned& e) const {
            if (!e.count) return "no longer reports which prefixes are connected";
            return std::to_string(*e.count) + " prefixes are connected";
        }
        std::string operator()(const Disbelieved& e) const {
            if (e.what == Disbelieved::What::sites) {
                return "says that more than " + std::to_string(SiteMirror::kMostSites) +
                       " prefixes are connected: ignoring its list";
            }
            return "names epoch " + std::to_string(e.epoch) +
                   ", which no router can have reached: ignoring it";
        }
        std::string operator()(const Regained& e) const {
            return "no other router claims " + net::to_string(e.prefix) + " any more";
        }
        std::string operator()(const ForwardingTold& e) const {
            return e.forwards ? "forwards again" : "reports that it does not forward between sites";
        }
    };
    return std::visit(Sentence{}, event);
}

}  // namespace ulagate::wg::control
