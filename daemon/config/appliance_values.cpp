// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/config/appliance_values.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "daemon/base/ipv4_prefix.h"
#include "daemon/base/text.h"
#include "daemon/config/values.h"

namespace ulagate::config_file {
namespace {

// Those that dropbear and OpenSSH both take; ssh-dss is too weak for either.
constexpr std::array<std::string_view, 7> kKeyTypes{"ssh-ed25519",
                                                    "ssh-rsa",
                                                    "ecdsa-sha2-nistp256",
                                                    "ecdsa-sha2-nistp384",
                                                    "ecdsa-sha2-nistp521",
                                                    "sk-ssh-ed25519@openssh.com",
                                                    "sk-ecdsa-sha2-nistp256@openssh.com"};
constexpr std::size_t kLongestKey = 8192;

// These texts become lines in other programs' files.
bool has_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte == 0x7f;
    });
}

// The first word, as far as spaces inside quotes do not end it; `text` begins behind it then.
std::string_view take_word(std::string_view& text) {
    while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
    std::size_t end = 0;
    for (bool quoted = false; end < text.size(); ++end) {
        if (quoted && text[end] == '\\' && end + 1 < text.size()) {
            ++end;
        } else if (text[end] == '"') {
            quoted = !quoted;
        } else if (!quoted && (text[end] == ' ' || text[end] == '\t')) {
            break;
        }
    }
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(end);
    return word;
}

bool is_key_type(std::string_view word) {
    return std::find(kKeyTypes.begin(), kKeyTypes.end(), word) != kKeyTypes.end();
}

// RFC 4253 section 6.6: the name of the type once more, behind its length, and then the key itself.
bool is_key_of(std::string_view type, std::string_view base64) {
    if (base64.empty()) return false;
    std::vector<unsigned char> blob(base64.size());
    std::size_t size = 0;
    if (::sodium_base642bin(blob.data(), blob.size(), base64.data(), base64.size(), nullptr, &size, nullptr,
                            sodium_base64_VARIANT_ORIGINAL) != 0) {
        return false;
    }
    constexpr std::size_t kLength = 4;
    constexpr std::size_t kShortest = 32;  // an Ed25519 key; all others are longer
    if (size < kLength + type.size() + kShortest) return false;
    if (blob[0] != 0 || blob[1] != 0 || blob[2] != 0 || blob[3] != type.size()) return false;
    return std::equal(type.begin(), type.end(), blob.begin() + kLength,
                      [](char a, unsigned char b) { return static_cast<unsigned char>(a) == b; });
}

bool is_multicast_or_reserved(const net::Ipv4Address& address) { return address.bytes[0] >= 224; }
bool is_usable(const net::Ipv4Address& address) {
    return address.bytes[0] != 0 && address.bytes[0] != 127 && !is_multicast_or_reserved(address);
}
bool is_usable(const net::Ipv6Address& address) {
    const net::Ipv6Address loopback = net::parse_ipv6("::1").value();
    return !address.is_unspecified() && !address.is_multicast() && address != loopback;
}
bool is_usable(const net::IpAddress& address) {
    return std::visit([](const auto& a) { return is_usable(a); }, address);
}

// Neither the address of the network itself nor its broadcast address. A /31 (RFC 3021) and a /32 have
// neither.
bool is_a_host(const net::Ipv4Prefix& prefix) {
    if (prefix.length >= 31) return true;
    return prefix.address != network(prefix).address && prefix.address != broadcast(prefix);
}

Result<net::IpAddress> parse_address(std::string_view text, std::string_view example) {
    const auto address = net::parse_ip(text);
    if (!address) {
        return fail(fmt::format("{} is not an IP address; write one without a length, like \"{}\"",
                                quote(text), example));
    }
    if (!is_usable(*address)) {
        return fail(fmt::format("{} cannot be the address of another machine; write its own, like \"{}\"",
                                to_string(*address), example));
    }
    return *address;
}

}  // namespace

Result<std::string> parse_ssh_key(std::string_view text) {
    if (text.find("PRIVATE KEY") != std::string_view::npos) {
        return fail(
            "this is a private key, which must not leave the machine where it was made; write the public key "
            "from the .pub file beside it, and make a new pair, because this private key has been exposed");
    }
    const auto refuse = [] {
        return fail(
            "this is not a public ssh key; write the one line of a .pub file, like \"ssh-ed25519 AAAAC3Nz... "
            "name\"");
    };
    if (text.size() > kLongestKey || has_control(text)) return refuse();
    std::string_view rest = text;
    std::string_view type = take_word(rest);
    if (!is_key_type(type)) type = take_word(rest);  // that were the options
    if (!is_key_type(type) || !is_key_of(type, take_word(rest))) return refuse();
    return std::string{text};
}

Result<std::string> parse_country(std::string_view text) {
    const auto is_letter = [](char c) { return c >= 'A' && c <= 'Z'; };
    if (text.size() != 2 || !std::all_of(text.begin(), text.end(), is_letter)) {
        return fail(fmt::format(
            "{} is not a country; write the two capital letters of the one that this machine is in, like "
            "\"DE\" (ISO 3166)",
            quote(text)));
    }
    return std::string{text};
}

Result<std::string> parse_ssid(std::string_view text) {
    constexpr std::size_t kMax = 32;  // IEEE 802.11 section 9.4.2.2
    if (text.empty() || text.size() > kMax) {
        return fail(fmt::format("has {} bytes; the name of a Wi-Fi network has 1 to {}", text.size(), kMax));
    }
    if (has_control(text)) return fail("contains a control character; write the name as phones show it");
    return std::string{text};
}

Result<std::string> parse_wifi_password(std::string_view text) {
    // IEEE 802.11 annex J.4: a pass-phrase; 64 characters would be the key itself.
    const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
    if (text.size() < 8 || text.size() > 63 || !printable) {
        return fail(
            "cannot be the password of a Wi-Fi network (it is not shown here); choose 8 to 63 letters, "
            "digits, spaces and punctuation characters of ASCII");
    }
    return std::string{text};
}

Result<std::string> parse_pppoe_word(std::string_view text) {
    constexpr std::size_t kMax = 255;  // RFC 1334 section 2.2.1: its length is one byte
    if (text.empty() || text.size() > kMax || has_control(text)) {
        return fail(fmt::format(
            "must have 1 to {} characters, none of them a control character (it is not shown here)", kMax));
    }
    return std::string{text};
}

Result<std::string> parse_uplink_interface(std::string_view text) {
    if (text == "lo") return fail("\"lo\" is not an uplink; name the interface that leads to the internet");
    return parse_tracked_interface(text);
}

Result<net::IpPrefix> parse_interface_address(std::string_view text) {
    const auto prefix = net::parse_ip_prefix(text);
    if (!prefix) {
        return fail(fmt::format(
            "{} is not an address with the length of its network; write both, like \"192.0.2.2/24\"",
            quote(text)));
    }
    const auto* v4 = std::get_if<net::Ipv4Prefix>(&*prefix);
    const auto* v6 = std::get_if<net::Ipv6Prefix>(&*prefix);
    const bool usable = v4 != nullptr
                            ? is_usable(v4->address) && v4->length != 0 && is_a_host(*v4)
                            : is_usable(v6->address) && v6->length != 0 && !v6->address.is_link_local();
    if (!usable) {
        return fail(fmt::format(
            "{} cannot be the address of an interface; write this machine's own, like \"192.0.2.2/24\"",
            to_string(*prefix)));
    }
    return *prefix;
}

Result<net::IpAddress> parse_gateway(std::string_view text) { return parse_address(text, "192.0.2.1"); }
Result<net::IpAddress> parse_resolver(std::string_view text) { return parse_address(text, "9.9.9.9"); }

Result<net::Ipv4Prefix> parse_lan_ipv4(std::string_view text) {
    const auto prefix = net::parse_ipv4_prefix(text);
    if (!prefix) {
        return fail(fmt::format(
            "{} is not an IPv4 address with the length of its network; write both, like \"192.168.83.1/24\"",
            quote(text)));
    }
    // RFC 1918: all others belong to somebody.
    static const std::vector<net::Ipv4Prefix> kPrivate{net::parse_ipv4_prefix("10.0.0.0/8").value(),
                                                       net::parse_ipv4_prefix("172.16.0.0/12").value(),
                                                       net::parse_ipv4_prefix("192.168.0.0/16").value()};
    if (std::none_of(kPrivate.begin(), kPrivate.end(), [&](const auto& p) { return contains(p, *prefix); })) {
        return fail(
            fmt::format("{} is not in a private range (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16); "
                        "choose one, like \"192.168.83.1/24\"",
                        to_string(*prefix)));
    }
    if (prefix->length > 29) {
        return fail(fmt::format("{} leaves no addresses for hosts; choose a /29 or shorter, usually a /24",
                                to_string(*prefix)));
    }
    if (!is_a_host(*prefix)) {
        return fail(
            fmt::format("{} is a broadcast or network address; write this router's "
                        "own, like \"192.168.83.1/24\"",
                        to_string(*prefix)));
    }
    return *prefix;
}

}  // namespace ulagate::config_file
