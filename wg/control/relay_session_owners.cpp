// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <utility>

#include "wg/control/relay_session.h"

// What a relay says about who owns our prefixes, and what that means for our claims.
namespace ulagate::wg::control {
namespace {

using std::chrono::seconds;

// So long after it became Active a router tells the hosts so anyway (RFC 4861 section 7.2.6).
constexpr Duration kAnnouncing = seconds{1};
// A rival that is gone is worth telling the hosts so often.
constexpr Duration kRegainedEvery = seconds{5};

}  // namespace

// No honest relay tells more than one step above what we have on disk: that is more than a router can become
// Active in its life. What is absurd counts as nothing, and as far as it may be right, one step of it.
std::uint64_t RelaySession::believable(std::uint64_t epoch) const {
    if (epoch > kMostEpoch) return 0;
    return std::min({epoch, kept_ + kEpochStep, kMostEpoch});
}

// Remembers who owns what, and gives those about whom the message is the newest of the relay. Order matters
// for each prefix by itself only: an echo that overtakes an answer does no harm.
std::vector<Owner> RelaySession::news_of(const std::vector<Owner>& owners, std::uint32_t sequence,
                                         TimePoint now, SessionOutcome& out) {
    std::vector<Owner> news;
    bool stale = false;
    for (const Owner& owner : owners) {
        const auto found = claims_.find(owner.prefix);
        if (owner.epoch > (found == claims_.end() ? kMostEpoch : kept_ + kEpochStep))
            disbelieve({Disbelieved::What::epoch, owner.epoch}, now, out);
        if (found == claims_.end()) continue;
        ClaimProgress& claim = found->second;
        if (claim.owner_sequence && is_stale(*claim.owner_sequence, sequence)) {
            stale = true;
            continue;
        }
        claim.owner_sequence = sequence;
        claim.owner_is_news |= !claim.owner || claim.owner->router != owner.router;
        claim.owner = owner;
        news.push_back(owner);
    }
    if (stale) ++counters_.stale;
    tell_owners(now, out);
    return news;
}

// Who changes its mind all the time is not followed in every change: the last one counts.
void RelaySession::tell_owners(TimePoint now, SessionOutcome& out) {
    tell_at_.reset();
    const bool any = std::any_of(claims_.begin(), claims_.end(),
                                 [](const auto& entry) { return entry.second.owner_is_news; });
    if (!any) return;
    if (!news_.take(1, now)) {
        tell_at_ = news_.ready_at(1);
        return;
    }
    for (auto& [prefix, claim] : claims_) {
        if (std::exchange(claim.owner_is_news, false)) out.events.emplace_back(OwnerLearned{*claim.owner});
    }
}

void RelaySession::on_answer(std::uint32_t answers, const std::vector<Owner>& owners, TimePoint now,
                             SessionOutcome& out) {
    std::vector<ClaimProgress*> raised;
    std::optional<std::uint64_t> epoch;
    for (const Owner& owner : owners) {
        const auto found = claims_.find(owner.prefix);
        if (found == claims_.end()) continue;
        ClaimProgress& claim = found->second;
        // An answer to what we said before the present matter says nothing about it.
        constexpr std::uint32_t kHalf = 0x80000000;
        if (!claim.first_sequence || answers - *claim.first_sequence >= kHalf) continue;
        if (sequence_ - 1 - answers >= kHalf) continue;  // nor one to what we have not said yet
        epoch_ = std::max(epoch_, believable(owner.epoch));
        const bool first = !std::exchange(claim.acknowledged, true);
        if (claim.lan.state != ClaimState::active) continue;
        if (owner.router == self_) {
            claim.conflict_reported = false;
            if (claim.lost_since) on_regained(claim, now, out);
        } else if (owner.router && first && !claim.raised && believable(owner.epoch) > claim.epoch) {
            if (!epoch || *epoch < epoch_) epoch = next_epoch();
            claim.epoch = *epoch;
            claim.raised = true;
            begin(claim);
            raised.push_back(&claim);
        } else {
            on_lost(claim, owner, now, out);
        }
    }
    if (!raised.empty()) {
        state(raised, out);
        quick_at_.reset();
    }
    plan_quick(now);
}

void RelaySession::on_lost(ClaimProgress& claim, const Owner& owner, TimePoint now,
                           SessionOutcome& out) const {
    if (!owner.router) {
        if (!std::exchange(claim.refusal_reported, true)) {
            out.events.emplace_back(PrefixRefused{owner.prefix});
        }
        return;
    }
    if (!claim.lost_since) claim.lost_since = now;
    // In a hand-over the new owner may reach the relay before VRRP reaches us; what lasts is a conflict.
    if (now < *claim.lost_since + kConflictPatience || std::exchange(claim.conflict_reported, true)) return;
    out.events.emplace_back(ConflictLost{owner.prefix, *owner.router, owner.epoch});
}

// The relay speaks unasked when an owner is another than before, or another router has given up a claim
// beside the owner's.
void RelaySession::on_unasked(const std::vector<Owner>& owners, TimePoint now, SessionOutcome& out) {
    for (const Owner& owner : owners) {
        const auto found = claims_.find(owner.prefix);
        if (found == claims_.end() || owner.router != self_) continue;
        ClaimProgress& claim = found->second;
        if (claim.lan.state == ClaimState::active && claim.acknowledged) on_regained(claim, now, out);
    }
}

void RelaySession::on_regained(ClaimProgress& claim, TimePoint now, SessionOutcome& out) {
    claim.lost_since.reset();
    if (now < claim.state_since + kAnnouncing) return;
    if (claim.regained && now < *claim.regained + kRegainedEvery) {
        ++counters_.too_often;
        return;
    }
    claim.regained = now;
    out.events.emplace_back(Regained{claim.lan.prefix});
}

// The owner has the epoch of the last claim that counted: whoever claims after us has a higher one.
bool RelaySession::nobody_claims(const net::Ipv6Prefix& prefix) const {
    const auto found = claims_.find(prefix);
    if (found == claims_.end() || !found->second.owner || found->second.lan.state == ClaimState::active)
        return false;
    const Owner& owner = *found->second.owner;
    if (!owner.router) return false;
    const std::uint64_t ours = found->second.epoch;
    return *owner.router == self_ || owner.epoch == 0 || (ours != 0 && owner.epoch == ours);
}

std::optional<Owner> RelaySession::owner(const net::Ipv6Prefix& prefix) const {
    const auto found = claims_.find(prefix);
    if (found == claims_.end()) return std::nullopt;
    return found->second.owner;
}

}  // namespace ulagate::wg::control
