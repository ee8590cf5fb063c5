// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/clients/lan_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "daemon/base/text.h"

namespace ulagate::appliance {
namespace {

constexpr std::uint32_t kMaxPool = 4096;
constexpr std::uint32_t kRoomForHands = 32;  // below that nobody is given a quarter
constexpr std::size_t kMaxResolvers = 3;     // that a libc reads

std::uint32_t number(const net::Ipv4Address& address) {
    std::uint32_t out = 0;
    for (const std::uint8_t byte : address.bytes) out = out << 8U | byte;
    return out;
}

net::Ipv4Address address(std::uint32_t number) {
    net::Ipv4Address out;
    for (std::size_t i = out.bytes.size(); i-- > 0; number >>= 8U)
        out.bytes.at(i) = static_cast<std::uint8_t>(number);
    return out;
}

bool is_plain(std::string_view text, std::string_view more) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               more.find(c) != std::string_view::npos;
    });
}

std::string server_text(const NameServer& server) {
    return net::to_string(server.address) + (server.link.empty() ? "" : "%" + server.link);
}

// A word of pppd's options file: in quotes, with quotes and backslashes escaped.
Result<std::string> ppp_word(std::string_view text, const char* what) {
    std::string out = "\"";
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            return fail(fmt::format("PPPoE: a control character in the {}", what));
        }
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + "\"";
}

}  // namespace

std::optional<DhcpPool> dhcp_pool(const net::Ipv4Prefix& lan) {
    if (lan.length > 30 || lan.length < 8) return std::nullopt;
    const std::uint32_t mask = UINT32_MAX << (32U - lan.length);
    const std::uint32_t own = number(lan.address);
    const std::uint32_t lowest = (own & mask) + 1;
    const std::uint32_t highest = (own | ~mask) - 1;
    if (own < lowest || own > highest) return std::nullopt;
    const std::uint32_t above = highest - own;
    const std::uint32_t below = own - lowest;
    const std::uint32_t size = std::max(above, below);
    if (size == 0) return std::nullopt;
    const std::uint32_t spare = size >= kRoomForHands ? size / 4 : 0;
    const std::uint32_t used = std::min(size - spare, kMaxPool);
    if (above >= below) return DhcpPool{address(own + 1 + spare), address(own + spare + used)};
    return DhcpPool{address(own - spare - used), address(own - 1 - spare)};
}

Result<std::string> dnsmasq_conf(const DnsmasqSetup& setup) {
    if (!is_plain(setup.hostname, "-")) return fail("DNS: not a host name: " + quote(setup.hostname));
    // All servers are asked at once: after a change of uplinks one family may work seconds before the other.
    std::string out = fmt::format(
        "# DHCP and DNS for the LANs behind this gateway\n"
        "bind-dynamic\nexcept-interface=lo\nno-hosts\nno-resolv\nno-poll\nall-servers\n"
        "servers-file={}\ndhcp-leasefile={}\n"
        "domain-needed\nbogus-priv\nlocal=/lan/"
        "\ndomain=lan\nexpand-hosts\ncache-size=1000\nedns-packet-max=1232\n"
        "dhcp-authoritative\nquiet-dhcp\nlog-facility=-\n",
        setup.servers_file, setup.leases_file);
    if (!setup.user.empty()) out += fmt::format("user={}\n", setup.user);
    for (const GatewayLan& lan : setup.lans) {
        if (!is_plain(lan.interface, "-_.:@")) return fail("DHCP: not an interface: " + quote(lan.interface));
        const auto pool = dhcp_pool(lan.ipv4);
        if (!pool)
            return fail(fmt::format("DHCP: {}: no addresses to hand out in {}", lan.interface,
                                    net::to_string(lan.ipv4)));
        const auto own = net::to_string(lan.ipv4.address);
        out += fmt::format("\ninterface={}\ndhcp-range={},{},{},12h\n", lan.interface,
                           net::to_string(pool->first), net::to_string(pool->last),
                           net::to_string(address(UINT32_MAX << (32U - lan.ipv4.length))));
        out += fmt::format("host-record={0}.lan,{0},{1}\n", setup.hostname, own);
    }
    return out;
}

std::string dnsmasq_servers(const std::vector<NameServer>& servers) {
    std::string out;
    for (const NameServer& server : servers) out += "server=" + server_text(server) + "\n";
    return out;
}

std::string resolv_conf(const std::vector<NameServer>& servers) {
    std::string out;
    for (std::size_t i = 0; i < std::min(servers.size(), kMaxResolvers); ++i)
        out += "nameserver " + server_text(servers[i]) + "\n";
    return out;
}

Result<std::string> pppoe_options(const std::string& below, const UplinkPlan::Pppoe& session,
                                  const std::string& script) {
    const auto user = ppp_word(session.login.user, "user name");
    if (!user) return tl::unexpected{user.error()};
    const auto password = ppp_word(session.login.password, "password");
    if (!password) return tl::unexpected{password.error()};
    // Routes are the manager's; the address is pppd's. An MTU of 1492 leaves room for PPPoE's 8 bytes.
    // `persist` without an end: the line may be away for a day.
    return fmt::format(
        "plugin pppoe.so\nnic-{}\nifname {}\nuser {}\npassword {}\n"
        "noauth\nhide-password\nnodefaultroute\nusepeerdns\nnoipdefault\n+ipv6\nipv6cp-use-ipaddr\n"
        "mtu 1492\nmru 1492\nnoaccomp\nnopcomp\nnodeflate\nnobsdcomp\nnovj\n"
        "lcp-echo-interval 10\nlcp-echo-failure 3\npersist\nmaxfail 0\nholdoff 3\nip-up-script "
        "{}\nip-down-script {}\n",
        below, session.link, *user, *password, script, script);
}

Result<std::string> authorized_keys(const std::vector<std::string>& keys) {
    std::string out;
    for (const std::string& key : keys) {
        const bool one_line =
            std::none_of(key.begin(), key.end(), [](char c) { return c == '\n' || c == '\r' || c == '\0'; });
        if (!one_line || key.empty()) return fail("ssh: not one line with a public key: " + quote(key));
        out += key + "\n";
    }
    return out;
}

}  // namespace ulagate::appliance
