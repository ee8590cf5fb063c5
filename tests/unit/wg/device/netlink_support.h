// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wg/device/device.h"

// A second, independent reading of the kernel's WireGuard messages, straight from the header file's numbers;
// written for plainness and not for speed, and sharing no code with wg/.
namespace ulagate::wg::test {

inline std::string raw(const auto& value) { return {reinterpret_cast<const char*>(&value), sizeof(value)}; }

inline std::vector<std::byte> to_bytes(const std::string& text) {
    const auto span = std::as_bytes(std::span{text.data(), text.size()});
    return {span.begin(), span.end()};
}

inline std::vector<std::byte> bytes(const std::string& hex) {
    std::vector<std::byte> out;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        out.push_back(static_cast<std::byte>(std::stoul(hex.substr(i, 2), nullptr, 16)));
    }
    return out;
}

inline std::string repeat(const std::string& text, unsigned times) {
    std::string out;
    for (unsigned i = 0; i < times; ++i) out += text;
    return out;
}

// ---- writing, as the kernel does ----

inline std::string attribute(std::uint16_t type, const std::string& payload) {
    std::string out = raw(static_cast<std::uint16_t>(4 + payload.size())) + raw(type) + payload;
    out.resize((out.size() + 3) / 4 * 4);
    return out;
}

inline void set_length(std::vector<std::byte>& message) {
    const auto length = static_cast<std::uint32_t>(message.size());
    if (message.size() >= sizeof(length)) std::memcpy(message.data(), &length, sizeof(length));
}

inline std::vector<std::byte> netlink_message(std::uint16_t type, const std::string& body) {
    const std::string header(10, '\0');
    auto out = to_bytes(std::string(4, '\0') + raw(type) + header + body);
    set_length(out);
    return out;
}

inline std::vector<std::byte> dump_message(const std::string& body) {
    return netlink_message(0x1c, std::string("\0\x01\0\0", 4) + body);
}

inline std::string endpoint_payload(const net::Endpoint& endpoint) {
    const std::string port{static_cast<char>(endpoint.port >> 8U), static_cast<char>(endpoint.port)};
    if (const auto* v4 = std::get_if<net::Ipv4Address>(&endpoint.address)) {
        return raw(std::uint16_t{2}) + port + raw(v4->bytes) + std::string(8, '\0');
    }
    return raw(std::uint16_t{10}) + port + std::string(4, '\0') +
           raw(std::get<net::Ipv6Address>(endpoint.address).bytes) + raw(endpoint.scope_id);
}

inline std::string allowed_ip_payload(const net::IpPrefix& prefix) {
    if (const auto* v4 = std::get_if<net::Ipv4Prefix>(&prefix)) {
        return attribute(1, raw(std::uint16_t{2})) + attribute(2, raw(v4->address.bytes)) +
               attribute(3, raw(v4->length));
    }
    const auto& v6 = std::get<net::Ipv6Prefix>(prefix);
    return attribute(1, raw(std::uint16_t{10})) + attribute(2, raw(v6.address.bytes)) +
           attribute(3, raw(v6.length));
}

// A dump with at most `per_message` addresses in a message, a peer going on in the next where it does not
// fit.
inline std::vector<std::vector<std::byte>> encode_dump(const Device& device, std::size_t per_message) {
    std::vector<std::vector<std::byte>> out;
    std::string head = attribute(6, raw(device.listen_port)) + attribute(7, raw(device.fwmark)) +
                       attribute(1, raw(std::uint32_t{5})) + attribute(2, std::string("wg0\0", 4));
    if (device.public_key) {
        head += attribute(3, std::string(32, 'P')) + attribute(4, raw(device.public_key->bytes));
    }
    std::string peers;
    std::size_t room = per_message;
    const auto flush = [&] {
        out.push_back(dump_message(head + (peers.empty() ? "" : attribute(8, peers))));
        head.clear();
        peers.clear();
        room = per_message;
    };
    for (const auto& [key, peer] : device.peers) {
        if (peers.size() > 30000) flush();
        std::string scalars =
            attribute(1, raw(key.bytes)) + attribute(2, std::string(32, peer.has_preshared_key ? 'K' : '\0'));
        if (peer.endpoint) scalars += attribute(4, endpoint_payload(*peer.endpoint));
        const auto nanoseconds = std::chrono::nanoseconds{peer.last_handshake.time_since_epoch()}.count();
        scalars += attribute(5, raw(peer.keepalive_seconds)) +
                   attribute(6, raw(std::int64_t{nanoseconds / 1000000000}) +
                                    raw(std::int64_t{nanoseconds % 1000000000})) +
                   attribute(8, raw(peer.tx_bytes)) + attribute(7, raw(peer.rx_bytes));
        std::string list;
        for (const auto& prefix : peer.allowed_ips) {
            if (room == 0) {
                peers += attribute(0, scalars + attribute(9, list));
                flush();
                scalars = attribute(1, raw(key.bytes));
                list.clear();
            }
            list += attribute(0, allowed_ip_payload(prefix));
            --room;
        }
        peers += attribute(0, scalars + attribute(9, list) + attribute(10, raw(std::uint32_t{1})));
    }
    flush();
    return out;
}

// ---- reading, as the kernel does ----

struct DecodedSet {
    DeviceChange change;
    std::string error;
};

class SetDecoder {
public:
    DecodedSet out;

    void message(std::string_view in, std::uint16_t family, const std::string& interface, bool first) {
        expect(in.size() >= 20 && number<std::uint32_t>(in) == in.size(), "length");
        expect(number<std::uint16_t>(in.substr(4)) == family, "family");
        expect(number<std::uint16_t>(in.substr(6)) == 5, "flags");
        expect(in.substr(16, 4) == std::string_view("\1\1\0\0", 4), "command");
        bool named = false;
        each(in.substr(20), [&](std::uint16_t type, bool nested, std::string_view value) {
            expect(nested == (type == 8), "nested flag of a device attribute");
            if (type == 2) {
                named = value == std::string_view{interface.c_str(), interface.size() + 1};
            } else if (type == 3 && first) {
                out.change.private_key = PrivateKey{copy<Secret::Bytes>(value)};
            } else if (type == 6 && first) {
                out.change.listen_port = copy<std::uint16_t>(value);
            } else if (type == 8) {
                bool first_peer = true;
                each(value, [&](std::uint16_t, bool peer_nested, std::string_view body) {
                    expect(peer_nested, "nested flag of a peer");
                    peer(body, first_peer && !first);
                    first_peer = false;
                });
            } else {
                expect(false, "device attribute");
            }
        });
        expect(named, "interface name");
    }

private:
    void peer(std::string_view in, bool may_continue) {
        PeerChange now;
        std::uint32_t flags = 0;
        bool scalars = false;
        each(in, [&](std::uint16_t type, bool nested, std::string_view value) {
            expect(nested == (type == 9), "nested flag of a peer attribute");
            if (type == 1) {
                now.key.bytes = copy<Secret::Bytes>(value);
            } else if (type == 3) {
                flags = copy<std::uint32_t>(value);
            } else if (type == 9) {
                each(value, [&](std::uint16_t, bool ip_nested, std::string_view body) {
                    expect(ip_nested, "nested flag of an allowed ip");
                    expect(now.allowed_ips.insert(allowed_ip(body)).second, "the same address twice");
                });
                expect(!now.allowed_ips.empty(), "empty list of addresses");
            } else {
                scalars = true;
                if (type == 2) now.preshared_key = PresharedKey{copy<Secret::Bytes>(value)};
                if (type == 4) now.endpoint = endpoint(value);
                if (type == 5) now.keepalive_seconds = copy<std::uint16_t>(value);
                expect(type == 2 || type == 4 || type == 5, "peer attribute");
            }
        });
        expect((flags & ~7U) == 0, "unknown flag");
        now.remove = (flags & 1U) != 0;
        now.replace_allowed_ips = (flags & 2U) != 0;
        now.update_only = (flags & 4U) != 0;
        auto& peers = out.change.peers;
        if (may_continue && !peers.empty() && peers.back().key == now.key) {
            expect(!scalars && now.update_only && !now.remove && !now.replace_allowed_ips,
                   "more than addresses in a peer's next part");
            for (const auto& prefix : now.allowed_ips) {
                expect(peers.back().allowed_ips.insert(prefix).second, "an address in two parts");
            }
            return;
        }
        peers.push_back(std::move(now));
    }

    net::IpPrefix allowed_ip(std::string_view in) {
        std::uint16_t family = 0;
        std::string_view address;
        std::uint8_t length = 0;
        each(in, [&](std::uint16_t type, bool, std::string_view value) {
            if (type == 1) family = copy<std::uint16_t>(value);
            if (type == 2) address = value;
            if (type == 3) length = copy<std::uint8_t>(value);
        });
        if (family == 2) {
            return net::Ipv4Prefix{net::Ipv4Address{copy<decltype(net::Ipv4Address::bytes)>(address)},
                                   length};
        }
        expect(family == 10, "family of an allowed ip");
        return net::Ipv6Prefix{net::Ipv6Address{copy<decltype(net::Ipv6Address::bytes)>(address)}, length};
    }

    net::Endpoint endpoint(std::string_view in) {
        net::Endpoint endpoint_out;
        expect(in.size() == 16 || in.size() == 28, "length of an endpoint");
        endpoint_out.port = static_cast<std::uint16_t>((static_cast<unsigned char>(in[2]) << 8U) |
                                                       static_cast<unsigned char>(in[3]));
        if (in.size() == 16) {
            expect(number<std::uint16_t>(in) == 2, "family of an endpoint");
            endpoint_out.address = net::Ipv4Address{copy<decltype(net::Ipv4Address::bytes)>(in.substr(4, 4))};
        } else {
            expect(number<std::uint16_t>(in) == 10, "family of an endpoint");
            endpoint_out.address =
                net::Ipv6Address{copy<decltype(net::Ipv6Address::bytes)>(in.substr(8, 16))};
            endpoint_out.scope_id = number<std::uint32_t>(in.substr(24));
        }
        return endpoint_out;
    }

    void each(std::string_view in, const auto& take) {
        while (!in.empty()) {
            const auto length = number<std::uint16_t>(in);
            if (in.size() < 4 || length < 4 || length > in.size()) return expect(false, "attribute length");
            const auto type = number<std::uint16_t>(in.substr(2));
            take(static_cast<std::uint16_t>(type & 0x3fffU), (type & 0x8000U) != 0,
                 in.substr(4, length - 4U));
            const std::size_t padded = (length + 3U) / 4U * 4U;
            expect(padded <= in.size(), "padding");
            in.remove_prefix(std::min(padded, in.size()));
        }
    }

    template <class T>
    static T number(std::string_view in) {
        T value{};
        if (in.size() >= sizeof(T)) std::memcpy(&value, in.data(), sizeof(T));
        return value;
    }
    template <class T>
    T copy(std::string_view in) {
        expect(in.size() == sizeof(T), "payload length");
        return number<T>(in);
    }
    void expect(bool right, const char* what) {
        if (!right && out.error.empty()) out.error = what;
    }
};

inline DecodedSet decode_set(const std::vector<std::vector<std::byte>>& messages, std::uint16_t family,
                             const std::string& interface) {
    SetDecoder decoder;
    for (std::size_t i = 0; i < messages.size(); ++i) {
        const auto& message = messages[i];
        decoder.message({reinterpret_cast<const char*>(message.data()), message.size()}, family, interface,
                        i == 0);
    }
    return decoder.out;
}

}  // namespace ulagate::wg::test
