// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "daemon/base/address.h"
#include "wg/control_message.h"

namespace ulagate::wg::control {

// Sites that can be reached through one relay, at one moment: sorted lists of prefixes that do not overlap.
class SiteSet {
public:
    SiteSet() = default;
    // In any order.
    explicit SiteSet(std::vector<net::Ipv6Prefix> prefixes, std::vector<net::Ipv6Prefix> detours = {});

    // Whether the prefix lies in a site that is connected to the relay itself.
    [[nodiscard]] bool covers(const net::Ipv6Prefix& prefix) const;
    // Whether it lies in one that the relay reaches through another relay only.
    [[nodiscard]] bool detours_to(const net::Ipv6Prefix& prefix) const;
    [[nodiscard]] const std::vector<net::Ipv6Prefix>& prefixes() const { return prefixes_; }
    [[nodiscard]] const std::vector<net::Ipv6Prefix>& detours() const { return detours_; }

private:
    std::vector<net::Ipv6Prefix> prefixes_;
    std::vector<net::Ipv6Prefix> detours_;
};

// The router's copy of the list that one relay publishes. It believes a message only as a whole: what lacks a
// part, or follows a generation that we do not have, changes nothing.
class SiteMirror {
public:
    // The overlay as our configuration has it; lists of another one are refused.
    explicit SiteMirror(const net::Ipv6Prefix& overlay) : overlay_(overlay.network()) {}

    // True: the list is another one now.
    bool on_message(const Sites& message);
    // The relay does not say any more which sites it has. True: it had said.
    bool forget();

    [[nodiscard]] std::uint64_t generation() const { return generation_; }  // 0: none
    // Another object for each generation; nullptr: the relay does not say.
    [[nodiscard]] const std::shared_ptr<const SiteSet>& sites() const { return sites_; }

private:
    void apply();

    net::Ipv6Prefix overlay_;
    std::uint64_t generation_ = 0;
    std::shared_ptr<const SiteSet> sites_;
    std::vector<std::optional<Sites>> parts_;  // of the message that is coming in
    std::size_t missing_ = 0;                  // of these
};

}  // namespace ulagate::wg::control
