// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "ra/message.h"
#include "ra/packet.h"
#include "ra/watch.h"

using namespace ulagate;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

// What a packet socket hears: a message inside of it, or nothing; put into a packet again it is the same.
void check_packet(std::span<const std::byte> packet) {
    const auto inside = ra::unwrap(packet);
    if (!inside) return;
    require(inside->message.size() + 40 <= packet.size());
    std::vector<std::byte> message{inside->message.begin(), inside->message.end()};
    for (std::size_t i = 2; i < 4; ++i) {
        if (message.size() < 4) return;
        message[i] = std::byte{0};
    }
    const auto built = ra::Wrapper{inside->info.source, message}.to(inside->info.destination);
    const auto again = ra::unwrap(built);
    require(again && again->info.source == inside->info.source);
    require(again->info.destination == inside->info.destination && again->info.hop_limit == 255);
    require(std::equal(again->message.begin() + 4, again->message.end(), inside->message.begin() + 4));
}

// What parses can be built, and what was built parses to the same value.
void check_solicitation(std::span<const std::byte> message, const ra::PacketInfo& info) {
    const auto parsed = ra::parse_router_solicitation(message, info);
    if (!parsed) return require(!parsed.error().text().empty());
    const auto again = ra::parse_router_solicitation(ra::build(*parsed), info);
    require(again && *again == *parsed);
}

void check_advertisement(std::span<const std::byte> message, const ra::PacketInfo& info) {
    const auto parsed = ra::parse_router_advertisement(message, info);
    if (!parsed) return require(!parsed.error().text().empty());
    const auto bytes = ra::build(*parsed);
    require(bytes.size() <= message.size());
    const auto again = ra::parse_router_advertisement(bytes, info);
    require(again && *again == *parsed);
    require(ra::build(*again) == bytes);
}

void check_claim(std::span<const std::byte> message, const ra::PacketInfo& info) {
    const auto parsed = ra::parse_neighbor_advertisement(message, info);
    if (!parsed) return require(!parsed.error().text().empty());
    const auto bytes = ra::build(*parsed);
    require(bytes.size() <= message.size());
    const auto again = ra::parse_neighbor_advertisement(bytes, info);
    require(again && *again == *parsed);
}

// What a stranger advertises, whatever it is, becomes no more than a few findings and notices: heard again
// and again, from itself and from our own address, beside our configuration and beside its own words as ours.
void check_watch(std::span<const std::byte> message, const ra::PacketInfo& info) {
    const auto theirs = ra::parse_router_advertisement(message, info);
    if (!theirs) return;
    ra::RouterAdvertisement configured;
    configured.options = {ra::PrefixInformation{net::Ipv6Prefix{net::Ipv6Address{{0xfd, 0x12}}, 64}},
                          ra::RouteInformation{net::Ipv6Prefix{net::Ipv6Address{{0xfd, 0x12}}, 48}}};
    const std::optional<ra::Source> source = ra::Source{info.source, net::MacAddress{{2, 0, 0, 0, 0, 1}}};
    const net::Ipv6Address other{{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};
    ra::Watch watch;
    const ra::TimePoint since{std::chrono::seconds{1000}};
    ra::TimePoint now = since;
    std::size_t notices = 0;
    for (const auto* advertisement : {&*theirs, &std::as_const(configured), &*theirs}) {
        for (const auto& from : {info.source, other}) {
            now += std::chrono::seconds{1};
            for (const auto* ours : {advertisement, &std::as_const(configured)})
                notices +=
                    watch.on_advertisement(*advertisement, from, {*ours, source, since, {}}, now).size();
        }
    }
    require(notices <= 10);
    require(watch.senders(now).size() <= 16);
    for (const ra::Sender& sender : watch.senders(now)) require(sender.findings.size() <= 16);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto message = std::as_bytes(std::span{data, size});
    ra::PacketInfo info;
    info.hop_limit = 255;
    check_solicitation(message, info);  // from ::
    info.source = net::Ipv6Address{{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
    check_solicitation(message, info);
    check_advertisement(message, info);
    check_claim(message, info);
    check_watch(message, info);
    check_packet(message);
    return 0;
}
