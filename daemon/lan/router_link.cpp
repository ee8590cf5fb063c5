// SPDX-License-Identifier: GPL-2.0-or-later
// Whether a LAN can be heard and can hear: its link, who takes its frames, what we send, whose voice comes
// in.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <variant>

#include "daemon/lan/router.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr auto kOwnVoiceFor = 40s;  // the longest that advertisements are usually apart

// nullopt: to a host of its own, who may be a liar.
std::optional<Voice> voice_of(const LanAction& action) {
    if (std::holds_alternative<SendVrrp>(action)) return Voice::vrrp;
    const auto* advertisement = std::get_if<ra::Send>(&action);
    const bool to_all = advertisement != nullptr && advertisement->hosts.empty() &&
                        advertisement->destination == ra::kAllNodes && !advertisement->former_source;
    const auto* neighbor = std::get_if<SendNeighbor>(&action);
    const bool to_hosts = neighbor != nullptr && !neighbor->from_own_interface;
    return to_all || to_hosts ? std::optional{Voice::icmpv6} : std::nullopt;
}

// What comes in on a port goes to what it is a port of, and never to sockets on the port itself, while what
// they send leaves: it would be Active for the others, and answer nobody. Empty: its frames are its own.
std::string who_takes_frames(const Links& links, const Link& link) {
    const auto master = std::find_if(links.begin(), links.end(), [&](const auto& entry) {
        return link.master != 0 && entry.second.index == link.master;
    });
    if (master != links.end() && master->second.kind == "vrf") {
        return fmt::format(
            "is in the VRF {}, which does not have the overlay's routes: remove it from there (nomaster)",
            master->first);
    }
    if (master != links.end()) {
        return fmt::format(
            "is a port of {}, which receives all its packets: write interface = \"{}\" in [[lan]], or remove "
            "the port (nomaster)",
            master->first, master->first);
    }
    if (link.master != 0) return "is a port of another interface, which receives all its packets";
    for (const auto& [name, other] : links) {
        if (other.takes_all && other.parent == link.index && link.index != 0)
            return fmt::format("passes all received packets to {} (mode passthru)", name);
    }
    return {};
}

}  // namespace

std::string LanRouter::find_link_problem(const Links& links) const {
    const std::string& name = config_.interface;
    const auto found = links.find(name);
    if (found == links.end()) return fmt::format("interface {} does not exist", name);
    const Link& link = found->second;
    if (!link.up) return fmt::format("interface {} is down (ip link set {} up)", name, name);
    if (!link.running) return fmt::format("interface {} has no carrier", name);
    if (const std::string taker = who_takes_frames(links, link); !taker.empty())
        return fmt::format("interface {} {}", name, taker);
    if (link.mtu < kSmallestMtu) {
        return fmt::format(
            "interface {} has an MTU of {}, but IPv6 needs at least 1280 (ip link set {} mtu 1500)", name,
            link.mtu, name);
    }
    return deaf_;
}

// The interface's own link-local address, once duplicate address detection is over. Of several the one that
// hosts know already.
std::optional<net::Ipv6Address> LanRouter::own_link_local(const Addresses& addresses) const {
    std::optional<net::Ipv6Address> found;
    for (auto it = addresses.lower_bound({config_.interface, {}});
         it != addresses.end() && it->first.link == config_.interface; ++it) {
        const AddressState& state = it->second;
        const net::Ipv6Address& address = it->first.address.address;
        const bool is_virtual = state.ours || (config_.vrrp && address == config_.vrrp->machine.address);
        if (!address.is_link_local() || is_virtual || state.tentative || state.duplicate) continue;
        if (!found || address == spoke_from_) found = address;
    }
    return found;
}

// Nobody makes one, another machine has it, or duplicate address detection is under way.
std::string LanRouter::why_no_link_local(const Addresses& addresses, const Sysctls& settings) const {
    const std::string& name = config_.interface;
    const auto is_set = [&](const char* setting, const char* value) {
        const auto found = settings.find(fmt::format("net/ipv6/conf/{}/{}", name, setting));
        return found != settings.end() && found->second == value;
    };
    if (is_set("disable_ipv6", "1")) {
        return fmt::format(
            "IPv6 is switched off on interface {} (sysctl -w net.ipv6.conf.{}.disable_ipv6=0; the profile of "
            "a network manager may also do this)",
            name, name);
    }
    bool waits = false;
    for (const auto& [key, state] : addresses) {
        if (key.link != name || !key.address.address.is_link_local() || state.ours) continue;
        if (state.duplicate) {
            return fmt::format(
                "interface {} has no usable link-local address: {} is a duplicate of another machine's on "
                "the link",
                name, net::to_string(key.address.address));
        }
        waits = waits || state.tentative;
    }
    if (!waits && is_set("addr_gen_mode", "1")) {
        return fmt::format(
            "interface {} has no usable link-local address: the kernel generates none (addr_gen_mode = 1, as "
            "network managers set it), and no other program has added one (sysctl -w "
            "net.ipv6.conf.{}.addr_gen_mode=0)",
            name, name);
    }
    return fmt::format("interface {} has no usable link-local address yet", name);
}

// Two LANs of this router are one network, or it has a loop: we are no partner of our own.
bool LanRouter::is_own_voice(const net::Ipv6Address& source, TimePoint now) {
    const auto own = own_addresses_.find(source);
    if (own == own_addresses_.end()) return false;
    const bool here = self_ && source == *self_;  // with VLANs several interfaces have the same address
    own_voice_ = OwnVoice{here ? config_.interface : own->second, now};
    return true;
}

std::optional<std::string> LanRouter::own_voice(TimePoint now) const {
    if (!own_voice_ || now - own_voice_->heard > kOwnVoiceFor) return std::nullopt;
    return own_voice_->interface;
}

void LanRouter::sent(const LanAction& action, TimePoint now) {
    if (const auto voice = voice_of(action)) sends_.sent(*voice, now);
    if (const auto* send = std::get_if<ra::Send>(&action)) {
        counters_.advertisements_sent += std::max<std::size_t>(1, send->hosts.size());
        last_sent_ = now;
    } else if (std::holds_alternative<SendVrrp>(action)) {
        ++counters_.vrrp_sent;
    }
}

void LanRouter::send_failed(const LanAction& action, const std::string& error, TimePoint now) {
    ++counters_.send_errors;
    if (const auto voice = voice_of(action)) sends_.failed(*voice, error, now);
}

std::string LanRouter::why_mute() const {
    return fmt::format("sending on {} fails: {}", config_.interface, sends_.error());
}

// Mute: the others take over. What failed is tried again: that we have stopped is true, and where we are too.
void LanRouter::follow_sends(TimePoint now, LanActions& out) {
    if (!machine_ || leaving()) return;
    if (sends_.mute() && self_ && now >= *sends_.deadline()) {
        if (config_.vrrp->virtual_mac) {
            sends_.give_chance(now);  // the macvlan is down while we are not Active
        } else {
            sends_.tried(now);
            if (sends_.fails(Voice::vrrp))
                out.emplace_back(SendVrrp{*self_, machine_->advertisement(vrrp::kPriorityStopping)});
            if (sends_.fails(Voice::icmpv6) && mac_) out.emplace_back(SendNeighbor{*self_, *mac_});
        }
    }
    if (sends_.mute() == silenced_) return;
    silenced_ = sends_.mute();
    if (silenced_) {
        waiting_for_ = why_mute();
        take(machine_->stop(now, waiting_for_), now, out);
    } else if (self_ && machine_->state() == vrrp::State::init) {
        waiting_for_ = fmt::format("vrrp {}: starting", machine_->config().vrid);
        take(machine_->start(now), now, out);
    }
}

}  // namespace ulagate
