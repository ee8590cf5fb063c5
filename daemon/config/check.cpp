// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/config/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "daemon/base/ipv4_prefix.h"
#include "daemon/base/own_links.h"

namespace ulagate::config_file {
namespace {

std::string show(const std::string& text) { return '"' + text + '"'; }
std::string show(const net::Ipv6Prefix& prefix) { return to_string(prefix); }
std::string show(const net::Ipv4Prefix& prefix) { return to_string(prefix); }
std::string show(const net::Ipv6Address& address) { return to_string(address); }
std::string show(std::uint8_t number) { return std::to_string(number); }
// Not printed: who confused the two kinds of keys has a private one here.
std::string show(const wg::PublicKey&) { return "this key"; }

template <class T>
std::vector<const Located<T>*> sorted(const std::vector<Located<T>>& values) {
    std::vector<const Located<T>*> out;
    out.reserve(values.size());
    for (const auto& value : values) out.push_back(&value);
    std::sort(out.begin(), out.end(), [](const auto* a, const auto* b) {
        return a->value == b->value ? a->line < b->line : a->value < b->value;
    });
    return out;
}

// Of equal values all but the first in the file are complained about.
template <class T>
void check_unique(const std::vector<Located<T>>& values, std::string_view why_and_what, Findings& findings) {
    const Located<T>* first = nullptr;
    for (const auto* value : sorted(values)) {
        if (first != nullptr && first->value == value->value) {
            complain(findings, *value,
                     fmt::format("{} is already {} in line {}; {}", show(value->value), first->key,
                                 first->line, why_and_what));
        } else {
            first = value;
        }
    }
}

bool holds(const net::Ipv6Prefix& outer, const net::Ipv6Prefix& inner) { return outer.contains(inner); }
bool holds(const net::Ipv4Prefix& outer, const net::Ipv4Prefix& inner) { return contains(outer, inner); }

std::vector<Located<net::Ipv4Prefix>> networks(std::vector<Located<net::Ipv4Prefix>> addresses) {
    for (auto& address : addresses) address.value = network(address.value);
    return addresses;
}

// In this order a prefix comes right before all that lie inside it.
template <class Prefix>
void check_disjoint(const std::vector<Located<Prefix>>& prefixes, Findings& findings) {
    const Located<Prefix>* outer = nullptr;
    for (const auto* inner : sorted(prefixes)) {
        if (outer == nullptr || !holds(outer->value, inner->value)) {
            outer = inner;
            continue;
        }
        const bool inner_is_later = inner->line >= outer->line;
        const auto& later = inner_is_later ? *inner : *outer;
        const auto& earlier = inner_is_later ? *outer : *inner;
        complain(findings, later,
                 fmt::format("{} overlaps {} ({} in line {}); choose a network that does not overlap",
                             show(later.value), show(earlier.value), earlier.key, earlier.line));
    }
}

void check_overlay(const Located<net::Ipv6Prefix>& overlay, const Facts& facts, Findings& findings) {
    for (const auto& prefix : facts.prefixes) {
        if (overlay.value.contains(prefix.value)) continue;
        complain(findings, prefix,
                 fmt::format("{} is outside overlay.prefix {}; choose a {} inside it", show(prefix.value),
                             show(overlay.value), prefix.value.length == 64 ? "/64" : "prefix"));
    }
    for (const auto& address : facts.addresses) {
        if (!overlay.value.contains(address.value)) continue;
        complain(findings, address,
                 fmt::format("{} is inside overlay.prefix {}, which belongs to the sites' hosts; choose an "
                             "address outside it, like fd99::1",
                             show(address.value), show(overlay.value)));
    }
    for (const auto& endpoint : facts.endpoints) {
        if (!overlay.value.contains(endpoint.value)) continue;
        complain(findings, endpoint,
                 fmt::format("{} is inside overlay.prefix {}, so the tunnel would run through itself; write "
                             "the relay's public address",
                             show(endpoint.value), show(overlay.value)));
    }
}

// The same loop, one step shorter.
void check_endpoints(const Facts& facts, Findings& findings) {
    const auto addresses = sorted(facts.addresses);
    for (const auto& endpoint : facts.endpoints) {
        const auto found = std::lower_bound(
            addresses.begin(), addresses.end(), endpoint.value,
            [](const auto* address, const net::Ipv6Address& value) { return address->value < value; });
        if (found == addresses.end() || (*found)->value != endpoint.value) continue;
        complain(
            findings, endpoint,
            fmt::format("{} is {} in line {}, which is inside the tunnel; write the relay's public address",
                        show(endpoint.value), (*found)->key, (*found)->line));
    }
}

// The macvlan of virtual router 51 is "ulg-v51", and the tunnel to relay "r1" is "ulg-r1". What is called
// like a macvlan is taken for one, which is a LAN, everywhere, whether or not there is such a virtual MAC
// now.
void check_own_interfaces(const Facts& facts, Findings& findings) {
    std::map<std::string, const Located<std::uint8_t>*> taken;
    for (const auto& id : facts.virtual_macs) taken.emplace(fmt::format("v{}", id.value), &id);
    for (const auto& name : facts.names) {
        const auto found = taken.find(name.value);
        if (found == taken.end()) {
            if (is_macvlan_name(kLinkPrefix + name.value))
                complain(
                    findings, name,
                    fmt::format("{} makes the interface \"ulg-{}\", which is the name of a virtual MAC's; "
                                "choose another name",
                                show(name.value), name.value));
            continue;
        }
        complain(
            findings, name,
            fmt::format("{} makes the interface \"ulg-{}\", which is the virtual MAC's of {} in line {}; "
                        "choose another name",
                        show(name.value), name.value, found->second->key, found->second->line));
    }
}

}  // namespace

void check(const Facts& facts, Findings& findings) {
    if (facts.overlay) check_overlay(*facts.overlay, facts, findings);
    check_disjoint(facts.prefixes, findings);
    check_disjoint(networks(facts.ipv4), findings);
    check_unique(facts.addresses, "every machine needs its own address", findings);
    check_unique(facts.public_keys, "every machine needs its own key, made by `ulagate keygen`", findings);
    check_unique(facts.nodes, "every machine needs its own name", findings);
    check_unique(facts.names, "choose another name", findings);
    check_unique(facts.interfaces, "an interface is one LAN; for a second one make it a VLAN", findings);
    check_unique(facts.virtual_macs,
                 "with virtual_mac each is an interface named after it; choose another id", findings);
    check_own_interfaces(facts, findings);
    check_endpoints(facts, findings);
    check_interfaces(facts, findings);
}

void check_priorities(std::vector<Located<std::uint8_t>> priorities, Findings& findings) {
    std::stable_sort(priorities.begin(), priorities.end(),
                     [](const auto& a, const auto& b) { return a.value < b.value; });
    for (std::size_t i = 1; i < priorities.size(); ++i) {
        const auto& before = priorities.at(i - 1);
        const auto& here = priorities.at(i);
        if (before.value != here.value) continue;
        warn(findings, here,
             fmt::format(
                 "{} is also the priority of the router in line {}, so their order in this file decides "
                 "which of them owns the site while none has claimed it; give each its own priority",
                 here.value, before.line));
    }
}

}  // namespace ulagate::config_file
