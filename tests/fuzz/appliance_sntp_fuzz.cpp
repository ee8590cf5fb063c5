// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "image/appliance/clock/sntp_client.h"

using namespace ulagate;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

constexpr std::chrono::steady_clock::time_point kStart{std::chrono::seconds{100}};

// Whatever a server answers, to a question with the cookie that it names or another one: the client has a
// sample that is no further off than its packet can say, and a next deadline.
void answer(std::span<const std::byte> packet, std::uint64_t cookie) {
    appliance::SntpClient client{[cookie] { return cookie; }};
    const net::IpAddress server = net::Ipv4Address{{192, 0, 2, 1}};
    const appliance::WallTime wall{std::chrono::seconds{1'800'000'000}};
    client.set_servers({server}, kStart);
    require(client.on_deadline({kStart, wall}).questions.size() == 1);
    const auto turn = client.on_packet(server, packet, {kStart + std::chrono::milliseconds{10}, wall});
    require(client.deadline().has_value() || !turn);
    if (turn && turn->sample) require(turn->sample->delay >= std::chrono::nanoseconds{0});
    if (!turn) require(!turn.error().text().empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto packet = std::as_bytes(std::span{data, size});
    const auto parsed = appliance::parse_sntp(packet);
    answer(packet, 42);
    if (!parsed) return 0;
    const auto again = appliance::parse_sntp(appliance::build_sntp(*parsed));
    require(again && *again == *parsed);
    answer(packet, std::uint64_t{parsed->origin.seconds} << 32U | parsed->origin.fraction);
    return 0;
}
