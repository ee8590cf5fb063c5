// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/names/resolv_conf.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace ulagate {
namespace {

constexpr std::size_t kMostServers = 8;
constexpr std::size_t kMostDomains = 8;
constexpr std::size_t kLongestDomain = 253;  // RFC 1035 section 2.3.4, as text
constexpr std::size_t kLongestScope = 15;    // IFNAMSIZ
constexpr unsigned kMostDots = 15;           // as in the C library
constexpr unsigned kMostAttempts = 5;
constexpr unsigned kLongestPatience = 5;
constexpr std::string_view kBlank = " \t\r\f\v";

std::string_view take_word(std::string_view& rest, std::string_view separators) {
    const auto begin = rest.find_first_not_of(separators);
    if (begin == std::string_view::npos) return rest = {};
    rest.remove_prefix(begin);
    const std::string_view word = rest.substr(0, rest.find_first_of(separators));
    rest.remove_prefix(word.size());
    return word;
}

template <class Number>
std::optional<Number> number(std::string_view text) {
    Number out{};
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), out);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
    return out;
}

// As the kernel names interfaces, without what has a meaning here.
bool is_scope(std::string_view text) {
    return !text.empty() && text.size() <= kLongestScope &&
           text.find_first_of("/:[]%") == std::string_view::npos &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 127; });
}

// "192.0.2.1", "2001:db8::1", "fe80::1%eth0", "[fe80::1%eth0]:5353", "192.0.2.1:5353"
std::optional<NameServer> parse_server(std::string_view text) {
    NameServer out;
    std::string_view port;
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        if (end == std::string_view::npos) return std::nullopt;
        port = text.substr(end + 1);
        text = text.substr(1, end - 1);
        if (!port.empty() && !port.starts_with(':')) return std::nullopt;
    } else if (std::count(text.begin(), text.end(), ':') == 1) {
        port = text.substr(text.find(':'));
        text = text.substr(0, text.find(':'));
    }
    if (!port.empty()) {
        const auto parsed = number<std::uint16_t>(port.substr(1));
        if (!parsed || *parsed == 0) return std::nullopt;
        out.port = *parsed;
    }
    const auto percent = text.find('%');
    const auto address = net::parse_ip(text.substr(0, percent));
    if (!address) return std::nullopt;
    out.address = *address;
    if (percent == std::string_view::npos) return out;
    const auto* six = std::get_if<net::Ipv6Address>(&*address);
    if (six == nullptr || !is_scope(text.substr(percent + 1))) return std::nullopt;
    if (six->is_link_local()) out.scope = text.substr(percent + 1);  // elsewhere it says nothing
    return out;
}

bool is_domain(std::string_view text) {
    return !text.empty() && text.size() <= kLongestDomain && text.front() != '.' && text.back() != '.' &&
           text.find("..") == std::string_view::npos &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 127; });
}

// "." (systemd-resolved, when it has no domain) is not a domain to append.
void take_search(ResolvConf& out, std::string_view value, bool one) {
    out.search.clear();
    out.has_search = true;
    for (auto word = take_word(value, kBlank); !word.empty(); word = take_word(value, kBlank)) {
        if (word.ends_with('.')) word.remove_suffix(1);
        if (is_domain(word) && out.search.size() < kMostDomains) out.search.emplace_back(word);
        if (one) break;
    }
}

void take_option(ResolvConf& out, std::string_view option) {
    if (option == "use-vc" || option == "usevc" || option == "tcp") out.tcp = true;
    const auto colon = option.find(':');
    if (colon == std::string_view::npos) return;
    const auto value = number<unsigned>(option.substr(colon + 1));
    const std::string_view name = option.substr(0, colon);
    if (!value) return;
    if (name == "ndots") out.ndots = std::min(*value, kMostDots);
    if (name == "timeout") out.patience = std::chrono::seconds{std::clamp(*value, 1U, kLongestPatience)};
    if (name == "attempts") out.attempts = std::clamp(*value, 1U, kMostAttempts);
}

}  // namespace

ResolvConf parse_resolv_conf(std::string_view text) {
    ResolvConf out;
    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (line.starts_with('#') || line.starts_with(';')) continue;
        const std::string_view keyword = take_word(line, kBlank);
        if (keyword == "nameserver") {
            constexpr std::string_view kListed = " \t\r\f\v,";
            for (auto word = take_word(line, kListed); !word.empty(); word = take_word(line, kListed)) {
                if (word.starts_with('#') || word.starts_with(';')) break;
                const auto server = parse_server(word);
                const bool known =
                    server && std::find(out.servers.begin(), out.servers.end(), *server) != out.servers.end();
                if (server && !known && out.servers.size() < kMostServers) out.servers.push_back(*server);
            }
        } else if (keyword == "search" || keyword == "domain") {
            take_search(out, line, keyword == "domain");
        } else if (keyword == "options") {
            for (auto word = take_word(line, kBlank); !word.empty(); word = take_word(line, kBlank))
                take_option(out, word);
        }
    }
    if (out.servers.empty()) out.servers.push_back({net::Ipv4Address{{127, 0, 0, 1}}, {}, 53});
    return out;
}

std::vector<std::string> names_to_ask(const std::string& host, unsigned ndots,
                                      const std::vector<std::string>& domains) {
    if (host.ends_with('.')) return {host.substr(0, host.size() - 1)};
    std::vector<std::string> names;
    names.reserve(names.size() + domains.size() + 1);
    for (const std::string& domain : domains) names.push_back(std::string{host}.append(".").append(domain));
    const auto dots = static_cast<unsigned>(std::count(host.begin(), host.end(), '.'));
    names.insert(dots >= ndots ? names.begin() : names.end(), host);
    return names;
}

std::string to_string(const NameServer& server) {
    const std::string address = net::to_string(server.address);
    if (std::holds_alternative<net::Ipv4Address>(server.address))
        return fmt::format("{}:{}", address, server.port);
    return fmt::format("[{}{}{}]:{}", address, server.scope.empty() ? "" : "%", server.scope, server.port);
}

}  // namespace ulagate
