// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device/uapi.h"

#include <fmt/format.h>
#include <sodium.h>

#include <charconv>
#include <cstdlib>
#include <iterator>
#include <limits>

#include "daemon/base/text.h"

namespace ulagate::wg {
namespace {

using KeyBytes = std::array<std::uint8_t, kKeyBytes>;

// The longest line of each kind, generously: the request is reserved at once, because a growing string would
// leave copies of the keys behind.
constexpr std::size_t kDeviceBytes = 256;
constexpr std::size_t kPeerBytes = 512;
constexpr std::size_t kAllowedIpBytes = sizeof("allowed_ip=") + 48;

void append_key(std::string& out, std::string_view name, const KeyBytes& bytes) {
    std::array<char, 2 * kKeyBytes + 1> hex{};
    ::sodium_bin2hex(hex.data(), hex.size(), bytes.data(), bytes.size());
    out.append(name).append("=").append(hex.data(), hex.size() - 1).append("\n");
    ::sodium_memzero(hex.data(), hex.size());
}

// As net::to_string(), and the scope as well: fe80::1 is nowhere without it.
std::string endpoint_text(const net::Endpoint& endpoint) {
    const auto* v6 = std::get_if<net::Ipv6Address>(&endpoint.address);
    if (v6 == nullptr || endpoint.scope_id == 0) return net::to_string(endpoint);
    return fmt::format("[{}%{}]:{}", net::to_string(*v6), endpoint.scope_id, endpoint.port);
}

void append_peer(std::string& out, const PeerChange& peer) {
    append_key(out, "public_key", peer.key.bytes);
    if (peer.remove) {
        out.append("remove=true\n");
        return;
    }
    if (peer.update_only) out.append("update_only=true\n");  // counts only as the first line after the key
    if (peer.preshared_key) append_key(out, "preshared_key", peer.preshared_key->bytes());
    if (peer.endpoint) out.append("endpoint=").append(endpoint_text(*peer.endpoint)).append("\n");
    if (peer.keepalive_seconds) {
        fmt::format_to(std::back_inserter(out), "persistent_keepalive_interval={}\n",
                       *peer.keepalive_seconds);
    }
    if (peer.replace_allowed_ips) out.append("replace_allowed_ips=true\n");
    for (const auto& prefix : peer.allowed_ips) {
        out.append("allowed_ip=").append(net::to_string(prefix)).append("\n");
    }
}

std::optional<KeyBytes> parse_key(std::string_view hex) {
    KeyBytes bytes{};
    std::size_t length = 0;
    const char* end = nullptr;
    if (hex.size() != 2 * kKeyBytes ||
        ::sodium_hex2bin(bytes.data(), bytes.size(), hex.data(), hex.size(), nullptr, &length, &end) != 0 ||
        length != bytes.size()) {
        return std::nullopt;
    }
    return bytes;
}

template <class Number>
bool parse_number(std::string_view text, Number& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && end == text.data() + text.size();
}

bool parse_endpoint_with_scope(std::string_view text, net::Endpoint& out) {
    std::string without_scope{text};
    std::uint32_t scope = 0;
    const auto percent = text.find('%');
    const auto bracket = text.find(']');
    if (percent != std::string_view::npos) {
        if (bracket == std::string_view::npos || bracket < percent) return false;
        // A name instead of a number would need a system call to understand: no scope, then.
        (void)parse_number(text.substr(percent + 1, bracket - percent - 1), scope);
        without_scope.erase(percent, bracket - percent);
    }
    const auto endpoint = net::parse_endpoint(without_scope);
    if (!endpoint) return false;
    out = *endpoint;
    out.scope_id = scope;
    return true;
}

bool parse_prefix(std::string_view text, net::IpPrefix& out) {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) return false;
    const auto address = net::parse_ip(text.substr(0, slash));
    std::uint8_t length = 0;
    if (!address || !parse_number(text.substr(slash + 1), length)) return false;
    if (const auto* v4 = std::get_if<net::Ipv4Address>(&*address)) {
        out = net::Ipv4Prefix{*v4, length};
        return length <= 32;
    }
    out = net::Ipv6Prefix{std::get<net::Ipv6Address>(*address), length};
    return length <= 128;
}

// Takes the lines of an answer one by one.
class DeviceParser {
public:
    // False: the value makes no sense for this key, or the key has no place here.
    bool take(std::string_view key, std::string_view value) {
        if (key == "public_key") return start_peer(value);
        if (key == "private_key") return take_private_key(value);
        if (key == "listen_port") return parse_number(value, device_.listen_port);
        if (key == "fwmark") return parse_number(value, device_.fwmark);
        const auto handler = peer_handler(key);
        return handler == nullptr || (peer_ != nullptr && (this->*handler)(value));
    }

    Device finish() && { return std::move(device_); }

private:
    using Handler = bool (DeviceParser::*)(std::string_view);

    // nullopt: a key of a newer version.
    static Handler peer_handler(std::string_view key) {
        if (key == "preshared_key") return &DeviceParser::take_preshared_key;
        if (key == "endpoint") return &DeviceParser::take_endpoint;
        if (key == "persistent_keepalive_interval") return &DeviceParser::take_keepalive;
        if (key == "allowed_ip") return &DeviceParser::take_allowed_ip;
        if (key == "last_handshake_time_sec") return &DeviceParser::take_seconds;
        if (key == "last_handshake_time_nsec") return &DeviceParser::take_nanoseconds;
        if (key == "rx_bytes") return &DeviceParser::take_rx;
        if (key == "tx_bytes") return &DeviceParser::take_tx;
        return nullptr;
    }

    bool start_peer(std::string_view value) {
        const auto bytes = parse_key(value);
        if (!bytes) return false;
        peer_ = &device_.peers[PublicKey{*bytes}];
        return true;
    }
    bool take_private_key(std::string_view value) {
        auto bytes = parse_key(value);
        if (!bytes) return false;
        const PrivateKey key{*bytes};
        ::sodium_memzero(bytes->data(), bytes->size());
        device_.public_key.reset();
        if (key != PrivateKey{}) device_.public_key = key.public_key();
        return true;
    }
    bool take_preshared_key(std::string_view value) {
        auto bytes = parse_key(value);
        if (!bytes) return false;
        peer_->has_preshared_key = ::sodium_is_zero(bytes->data(), bytes->size()) == 0;
        ::sodium_memzero(bytes->data(), bytes->size());
        return true;
    }
    bool take_endpoint(std::string_view value) {
        return parse_endpoint_with_scope(value, peer_->endpoint.emplace());
    }
    bool take_keepalive(std::string_view value) { return parse_number(value, peer_->keepalive_seconds); }
    bool take_allowed_ip(std::string_view value) {
        net::IpPrefix prefix;
        if (!parse_prefix(value, prefix)) return false;
        peer_->allowed_ips.insert(peer_->allowed_ips.end(), prefix);
        return true;
    }
    bool take_seconds(std::string_view value) {
        std::int64_t seconds = 0;
        if (!parse_number(value, seconds) || seconds < 0 || seconds > kLastSecond) return false;
        const auto fraction =
            peer_->last_handshake - std::chrono::floor<std::chrono::seconds>(peer_->last_handshake);
        peer_->last_handshake =
            std::chrono::system_clock::time_point{std::chrono::seconds{seconds}} + fraction;
        return true;
    }
    bool take_nanoseconds(std::string_view value) {
        std::int64_t nanoseconds = 0;
        if (!parse_number(value, nanoseconds) || nanoseconds < 0 || nanoseconds >= kNanosecondsPerSecond) {
            return false;
        }
        const auto seconds = std::chrono::floor<std::chrono::seconds>(peer_->last_handshake);
        peer_->last_handshake = seconds + std::chrono::nanoseconds{nanoseconds};
        return true;
    }
    bool take_rx(std::string_view value) { return parse_number(value, peer_->rx_bytes); }
    bool take_tx(std::string_view value) { return parse_number(value, peer_->tx_bytes); }

    Device device_;
    Peer* peer_ = nullptr;
};

// Calls `take` for each line before the final errno, and gives that errno.
template <class Take>
Result<int> for_each_line(std::string_view text, Take take) {
    const auto bad = std::make_error_code(std::errc::bad_message);
    for (std::size_t number = 1; !text.empty(); ++number) {
        const auto end = text.find('\n');
        // What stands in a line may be secret, so that an error gives its number only.
        if (end == std::string_view::npos) return fail(bad, fmt::format("line {} is cut off", number));
        const auto line = text.substr(0, end);
        text.remove_prefix(end + 1);
        const auto equals = line.find('=');
        if (equals == std::string_view::npos) return fail(bad, fmt::format("line {} has no value", number));
        const auto key = line.substr(0, equals);
        const auto value = line.substr(equals + 1);
        if (key == "errno") {
            int code = 0;
            if (!parse_number(value, code) || code == std::numeric_limits<int>::min()) {
                return fail(bad, "the final errno is not a number");
            }
            return std::abs(code);  // wireguard-go sends them negative
        }
        if (!take(key, value)) {
            return fail(bad, fmt::format("line {}: bad value for {}", number, quote(key, 32)));
        }
    }
    return fail(bad, "no errno at the end of the answer");
}

}  // namespace

std::string to_uapi(const DeviceChange& change) {
    std::size_t size = kDeviceBytes;
    for (const PeerChange& peer : change.peers)
        size += kPeerBytes + peer.allowed_ips.size() * kAllowedIpBytes;
    std::string out;
    out.reserve(size);
    out.append("set=1\n");
    if (change.private_key) append_key(out, "private_key", change.private_key->bytes());
    if (change.listen_port) {
        fmt::format_to(std::back_inserter(out), "listen_port={}\n", *change.listen_port);
    }
    for (const PeerChange& peer : change.peers) append_peer(out, peer);
    out.append("\n");
    return out;
}

Result<Device> parse_uapi_device(std::string_view text) {
    DeviceParser parser;
    const auto status = for_each_line(
        text, [&](std::string_view key, std::string_view value) { return parser.take(key, value); });
    if (!status) return tl::unexpected(status.error());
    if (*status != 0) return fail_errno("the device refused to answer", *status);
    return std::move(parser).finish();
}

Result<void> parse_uapi_status(std::string_view text) {
    const auto status = for_each_line(text, [](std::string_view, std::string_view) { return true; });
    if (!status) return tl::unexpected(status.error());
    if (*status != 0) return fail_errno("the device refused the change", *status);
    return {};
}

}  // namespace ulagate::wg
