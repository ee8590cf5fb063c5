// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device/device.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "daemon/base/merge.h"

namespace ulagate::wg {
namespace {

using Prefixes = std::set<net::IpPrefix>;
using SortedPrefixes = std::vector<net::IpPrefix>;

const Peer kNewPeer{};

SortedPrefixes minus(const Prefixes& left, const Prefixes& right) {
    SortedPrefixes out;
    std::set_difference(left.begin(), left.end(), right.begin(), right.end(), std::back_inserter(out));
    return out;
}

bool holds(const SortedPrefixes& sorted, const net::IpPrefix& prefix) {
    return std::binary_search(sorted.begin(), sorted.end(), prefix);
}

// Both sides of one peer that shall stay or come, and how its address lists differ.
struct Pair {
    const PublicKey* key = nullptr;
    const PeerConfig* want = nullptr;
    const Peer* have = nullptr;  // nullptr: the peer is new
    SortedPrefixes missing;
    SortedPrefixes gone;
};

// Prefixes that leave one peer and come to another in this change. Adding them there is all it takes.
SortedPrefixes moving(const std::vector<Pair>& pairs) {
    SortedPrefixes missing;
    SortedPrefixes gone;
    for (const Pair& pair : pairs) {
        missing.insert(missing.end(), pair.missing.begin(), pair.missing.end());
        gone.insert(gone.end(), pair.gone.begin(), pair.gone.end());
    }
    std::sort(missing.begin(), missing.end());
    std::sort(gone.begin(), gone.end());
    SortedPrefixes both;
    std::set_intersection(missing.begin(), missing.end(), gone.begin(), gone.end(), std::back_inserter(both));
    return both;
}

bool same_endpoint(const net::Endpoint& want, const net::Endpoint& have) {
    if (want.address != have.address || want.port != have.port) return false;
    // wireguard-go does not report the scope, and one that nobody reports must not be sent for ever.
    return want.scope_id == have.scope_id || have.scope_id == 0;
}

// All but the address list.
PeerChange scalar_change(const Pair& pair) {
    PeerChange change;
    change.key = *pair.key;
    change.update_only = pair.have != nullptr;
    const PeerConfig& want = *pair.want;
    const Peer& have = pair.have != nullptr ? *pair.have : kNewPeer;
    if (want.preshared_key.has_value() != have.has_preshared_key) {
        change.preshared_key = want.preshared_key.value_or(PresharedKey{});  // all zero: no preshared key
    }
    if (want.endpoint && !(have.endpoint && same_endpoint(*want.endpoint, *have.endpoint))) {
        change.endpoint = want.endpoint;
    }
    if (want.keepalive_seconds != have.keepalive_seconds) change.keepalive_seconds = want.keepalive_seconds;
    return change;
}

bool says_something(const PeerChange& change) {
    return !change.update_only || change.preshared_key || change.endpoint || change.keepalive_seconds ||
           change.replace_allowed_ips || !change.allowed_ips.empty();
}

// The peers that stay or come. Additions before replacements: a prefix that moves to another peer must have
// arrived there before its old holder's list is cut.
std::vector<PeerChange> peer_changes(const std::vector<Pair>& pairs) {
    const SortedPrefixes moves = moving(pairs);
    const auto is_move = [&](const net::IpPrefix& prefix) { return holds(moves, prefix); };
    std::vector<PeerChange> changes;
    std::vector<PeerChange> replacements;
    for (const Pair& pair : pairs) {
        PeerChange change = scalar_change(pair);
        if (std::all_of(pair.gone.begin(), pair.gone.end(), is_move)) {
            change.allowed_ips.insert(pair.missing.begin(), pair.missing.end());
            if (says_something(change)) changes.push_back(std::move(change));
            continue;
        }
        // It gains a prefix and loses another for good: fetch the first while its holder still has it.
        PeerChange fetch;
        fetch.key = *pair.key;
        fetch.update_only = true;
        std::copy_if(pair.missing.begin(), pair.missing.end(),
                     std::inserter(fetch.allowed_ips, fetch.allowed_ips.end()), is_move);
        if (!fetch.allowed_ips.empty()) changes.push_back(std::move(fetch));
        change.replace_allowed_ips = true;
        change.allowed_ips = pair.want->allowed_ips;
        replacements.push_back(std::move(change));
    }
    std::move(replacements.begin(), replacements.end(), std::back_inserter(changes));
    return changes;
}

}  // namespace

DeviceChange diff(const DeviceConfig& want, const Device& have) {
    DeviceChange change;
    const bool want_key = want.private_key != PrivateKey{};
    const PublicKey self = want.private_key.public_key();
    if (want_key ? have.public_key != self : have.public_key.has_value()) {
        change.private_key = want.private_key;
    }
    if (want.listen_port != 0 && want.listen_port != have.listen_port) change.listen_port = want.listen_port;

    std::vector<Pair> pairs;
    pairs.reserve(want.peers.size());
    std::vector<PeerChange> removals;
    merge(want.peers, have.peers, [&](const auto* wanted, const auto* now) {
        if (wanted == nullptr) {
            PeerChange removal;
            removal.key = now->first;
            removal.remove = true;
            removals.push_back(std::move(removal));
            return;
        }
        // A device never takes itself as a peer; it ignores that silently, and we would ask for ever.
        if (want_key && wanted->first == self) return;
        Pair pair{&wanted->first, &wanted->second, now != nullptr ? &now->second : nullptr, {}, {}};
        const Prefixes& had = pair.have != nullptr ? pair.have->allowed_ips : kNewPeer.allowed_ips;
        pair.missing = minus(wanted->second.allowed_ips, had);
        pair.gone = minus(had, wanted->second.allowed_ips);
        pairs.push_back(std::move(pair));
    });
    change.peers = peer_changes(pairs);
    std::move(removals.begin(), removals.end(), std::back_inserter(change.peers));
    return change;
}

}  // namespace ulagate::wg
