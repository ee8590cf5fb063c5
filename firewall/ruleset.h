// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "firewall/checkpoints.h"
#include "firewall/model.h"
#include "firewall/writer.h"

namespace ulagate::firewall {

// Renders one model; each function one chain. For this folder only: others use render().
class Ruleset {
public:
    explicit Ruleset(const Model& model)
        : model_(model), edge_(model.role == Role::edge), appliance_(model.mode == Mode::appliance) {}

    std::string text() &&;

private:
    using Protocol = Service::Protocol;

    void sets();
    void prerouting();
    void output();
    void wireguard();
    void closed_address();
    void clamp_mss();
    void input();
    void input_lan_protocols();
    void input_outside();
    void input_tunnel();
    void input_icmp();
    void input_services();
    void input_lans();
    void input_gateway();
    void forward_edge();
    void forward_lan();
    void forward_lan_tunnel();
    void forward_tunnel();
    void forward_gateway();
    void forward_relay();
    void forward_sites();
    void forward_services();
    void gateway_has_no_ipv6();
    void translate();
    void neighbour_sets();
    void input_neighbours();
    void output_neighbours();
    void newcomer();
    void unknown_host();
    void only_switched();
    void refuse_rest();
    void refused();
    void checkpoints();
    void count_probes(const char* chain, Checkpoint point);
    void count_traffic();
    void count_within(Checkpoint point);
    void count_services(const std::string& counter);
    [[nodiscard]] net::Ipv6Prefix prefix_of(const std::string& interface) const;
    void reject_traceroute();
    // Who has no choice of tunnels need not know where the traffic goes.
    [[nodiscard]] bool notes_traffic() const { return edge_ && model_.tunnels.size() > 1; }
    [[nodiscard]] bool has_peer_relays() const;
    [[nodiscard]] bool has_lans() const { return edge_ && !model_.lans.empty(); }
    // How many new neighbours one cause may make: at once, and a second. The kernel cannot let go of a
    // neighbour in its first five seconds, so that five such causes together fill less than two thirds of the
    // table.
    [[nodiscard]] unsigned burst() const { return model_.neighbours / 24; }
    [[nodiscard]] unsigned rate() const { return model_.neighbours / 60; }
    [[nodiscard]] std::string over(unsigned part = 1) const;
    // Of LANs whose hosts have their internet from us.
    [[nodiscard]] std::set<std::string> gateway_interfaces() const;
    [[nodiscard]] bool has_gateway() const { return !gateway_interfaces().empty(); }
    // What only hosts on our LANs can reach: ports of the firmware's own services.
    [[nodiscard]] std::set<std::uint16_t> lan_ports() const;
    [[nodiscard]] std::set<std::string> vrrp_interfaces() const;
    [[nodiscard]] std::set<std::string> closed_addresses() const;
    [[nodiscard]] std::string overlay() const { return to_string(model_.overlay.network()); }

    static constexpr std::pair<Protocol, const char*> kWithPorts[] = {{Protocol::tcp, "tcp"},
                                                                      {Protocol::udp, "udp"}};

    const Model& model_;
    const bool edge_;
    const bool appliance_;
    std::vector<Passage> checked_;  // in checkpoints()
    Writer out_;
};

inline constexpr std::uint16_t kSshPort = 22;
inline constexpr std::uint16_t kPagePort = 80;

inline constexpr const char* kLogLimit = "limit rate 10/minute burst 5 packets log prefix";

}  // namespace ulagate::firewall
