// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/lan_port.h"

#include <fmt/format.h>

#include <utility>

namespace ulagate {
namespace {

// ICMPv6 types, RFC 4861 section 4.
constexpr std::byte kRouterSolicitation{133};
constexpr std::byte kRouterAdvertisement{134};

// The interface's own link-local address, once duplicate address detection is over.
std::optional<net::Ipv6Address> own_link_local(const std::string& interface, const Addresses& addresses) {
    for (auto it = addresses.lower_bound({interface, {}});
         it != addresses.end() && it->first.link == interface; ++it) {
        const AddressState& state = it->second;
        if (it->first.address.address.is_link_local() && !state.tentative && !state.duplicate) {
            return it->first.address.address;
        }
    }
    return std::nullopt;
}

}  // namespace

LanPort::LanPort(LanConfig config, ra::Random random)
    : config_(std::move(config)), advertiser_(config_.ra, std::move(random)) {}

std::optional<ra::Source> LanPort::find_source(const std::optional<Link>& link, const Addresses& addresses) {
    waiting_for_.clear();
    if (withdrawn_) {
        waiting_for_ = "the site has been withdrawn";
    } else if (!config_.advertise) {
        waiting_for_ = "advertising is switched off in the configuration";
    } else if (!link) {
        waiting_for_ = fmt::format("interface {} does not exist", config_.interface);
    } else if (!link->up) {
        waiting_for_ =
            fmt::format("interface {} is down (ip link set {} up)", config_.interface, config_.interface);
    } else if (!link->running) {
        waiting_for_ = fmt::format("interface {} has no carrier", config_.interface);
    }
    if (!waiting_for_.empty()) return std::nullopt;
    const auto address = own_link_local(config_.interface, addresses);
    if (!address) {
        waiting_for_ = fmt::format("interface {} has no usable link-local address yet", config_.interface);
        return std::nullopt;
    }
    return ra::Source{*address, link->mac};
}

std::vector<ra::Send> LanPort::set_link(const std::optional<Link>& link, const Addresses& addresses,
                                        TimePoint now) {
    const auto source = find_source(link, addresses);
    if (source == source_) return {};
    source_ = source;
    return advertiser_.set_source(source_, now);
}

std::vector<ra::Send> LanPort::set_config(LanConfig config, TimePoint now) {
    const bool leaves = config_.advertise && !config.advertise;
    config_ = std::move(config);
    if (leaves) {
        source_.reset();  // forgotten there too, so that set_link() starts anew when this is taken back
        return advertiser_.withdraw(now);  // hosts are told, as if the router went
    }
    return advertiser_.set_config(config_.ra, now);
}

std::vector<ra::Send> LanPort::on_message(std::span<const std::byte> message, const ra::PacketInfo& info,
                                          TimePoint now) {
    if (message.empty()) return {};
    if (message.front() == kRouterSolicitation) {
        const auto solicitation = ra::parse_router_solicitation(message, info);
        if (solicitation) {
            ++counters_.solicitations_received;
            return advertiser_.on_solicitation(*solicitation, info.source, now);
        }
        ++counters_.refused;
        last_refusal_ = solicitation.error().text();
    } else if (message.front() == kRouterAdvertisement) {
        const auto advertisement = ra::parse_router_advertisement(message, info);
        if (advertisement) {
            ++counters_.advertisements_received;
        } else {
            ++counters_.refused;
            last_refusal_ = advertisement.error().text();
        }
    }
    return {};
}

std::vector<ra::Send> LanPort::withdraw(TimePoint now) {
    withdrawn_ = true;
    waiting_for_ = "the site has been withdrawn";
    return advertiser_.withdraw(now);
}

void LanPort::sent(TimePoint now) {
    ++counters_.advertisements_sent;
    last_sent_ = now;
}

}  // namespace ulagate
