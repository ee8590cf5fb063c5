// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>

#include "wg/control/ownership.h"
#include "wg/control/path_choice.h"
#include "wg/control/peer_relay.h"
#include "wg/control/relay_session.h"

// Whole conversations: what a relay says to a router and to another relay, and what routers say to a relay,
// with time that passes in between. Whatever comes, each stays within its bounds.
using namespace ulagate;
using namespace ulagate::wg::control;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

net::Ipv6Address tunnel_address(std::uint8_t last) {
    return {{0xfd, 0x99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last}};
}
net::Ipv6Prefix site(std::uint8_t number) {
    return {{{0xfd, 0x12, 0x34, 0x56, 0x78, 0x9a, 0, number, 0, 0, 0, 0, 0, 0, 0, 0}}, 64};
}
const net::Ipv6Prefix kOverlay{{{0xfd, 0x12, 0x34, 0x56, 0x78, 0x9a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}, 48};

wg::PublicKey key(std::uint8_t number) {
    wg::PublicKey out;
    out.bytes[0] = number;
    return out;
}

class World {
public:
    World() : session_({tunnel_address(0xa1), 7, 1, 1}), peer_({tunnel_address(1), 0, 1, 1}, kOverlay) {
        session_.want_sites(kOverlay);
        ownership_.set_config({{"a",
                                {site(1), site(2)},
                                {{tunnel_address(0xa1), key(1), 200}, {tunnel_address(0xa2), key(2), 100}}},
                               {"b", {site(3)}, {{tunnel_address(0xb1), key(3), 100}}}},
                              now());
        session_.start(now());
        peer_.start(now());
    }

    void say(std::uint8_t to, const Packet& packet) {
        const std::uint64_t epoch = session_.epoch();
        if (to % 4 == 0) {
            // A message has some answers, and not more.
            require(session_.on_packet(packet, now()).send.size() <= 8);
            session_.set_kept(session_.epoch());
        } else if (to % 4 == 1) {
            require(peer_.on_packet(packet, publisher_, now()).send.size() <= 1 + kMaxParts);
        } else {
            const net::Ipv6Address from = tunnel_address(to % 4 == 2 ? 0xa2 : to);
            ownership_.on_packet(from, packet, now());
            const auto connected = ownership_.connected(from);
            publisher_.set_connected(connected.prefixes, connected.until, now().steady);
        }
        require(session_.epoch() >= epoch &&
                session_.epoch() - epoch <= RelaySession::kEpochStep + kMaxPrefixes);
        check();
    }
    void wait(Duration time) {
        at_ += time;
        for (int turns = 0; session_.deadline() && *session_.deadline() <= at_; ++turns) {
            require(turns < 16);  // what is due is done, and not due again at once
            session_.on_deadline(now());
        }
        for (int turns = 0; peer_.deadline() && *peer_.deadline() <= at_; ++turns) {
            require(turns < 16);
            peer_.on_deadline(now());
        }
        ownership_.on_deadline(now());
        publisher_.on_deadline(at_);
        require(!ownership_.deadline() || *ownership_.deadline() > at_);
        check();
    }
    void turn(std::uint8_t part) {
        const auto as = static_cast<ClaimState>(part % 4);
        session_.set_lans({{site(1), as, 200}, {site(2), static_cast<ClaimState>(part / 4 % 4), 200}}, now());
        check();
    }

private:
    [[nodiscard]] Now now() const { return {at_, UnixTime{}}; }
    void check() {
        require(session_.epoch() <= kMostEpoch);
        for (const auto& sites : {session_.sites(), peer_.session().sites()})
            require(!sites || sites->size() <= SiteMirror::kMostSites);
        require(ownership_.owner_index(site(1)).value() < 2 && ownership_.owner_index(site(3)).value() == 0);
        require(ownership_.complaints(at_).size() <= 16);
        PathChoice::Input input;
        input.relays = {{"r1", true, {}, nullptr}, {"r2", session_.alive(), {}, session_.sites()}};
        const std::uint64_t before = choice_.work();
        choice_.update(input, at_);
        require(choice_.work() - before <= 4 * PathChoice::kSlice);
        require(choice_.exceptions().size() <= 2 * PathChoice::kMostIdle);
    }

    TimePoint at_{std::chrono::hours{1}};
    RelaySession session_;
    SitePublisher publisher_{{kOverlay, 100}, TimePoint{std::chrono::hours{1}}};
    PeerRelay peer_;
    Ownership ownership_{1};
    PathChoice choice_;
};

}  // namespace

// One step: what to do (1 byte), then a time in 8 ms (1 byte), a part (1 byte), or who hears it (1 byte) and
// a message with its length (2 bytes).
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto input = std::span{data, size};
    World world;
    const auto byte = [&input]() -> std::uint8_t {
        if (input.empty()) return 0;
        const std::uint8_t first = input.front();
        input = input.subspan(1);
        return first;
    };
    while (!input.empty()) {
        switch (byte() % 4) {
            case 0:
                world.wait(std::chrono::milliseconds{8} * byte());
                break;
            case 1:
                world.turn(byte());
                break;
            default: {
                const std::uint8_t to = byte();
                const std::size_t high = byte();
                const std::size_t length = std::min<std::size_t>(input.size(), high % 5 * 256 + byte());
                const auto packet = parse(std::as_bytes(input.first(std::min(length, input.size()))));
                input = input.subspan(std::min(length, input.size()));
                if (packet) world.say(to, *packet);
            }
        }
    }
    return 0;
}
