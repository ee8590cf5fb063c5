// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/result.h"

// The overlay control protocol between a router and a relay, as plain values. It runs over UDP inside the
// tunnel: WireGuard has authenticated the sender and its tunnel address says who it is, so no message carries
// a key or a name.
//
//  0                   1                   2                   3
// |                  Magic: 'U' 'L' 'G' 'C'                       |
// |    Version    |     Type      |    Length of the whole        |
// |                           Sequence                            |
// | TLV type      (2 bytes)       | Length of the value (2 bytes) |  value, no padding; more TLVs
namespace ulagate::wg::control {

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;
using UnixTime = std::chrono::sys_time<std::chrono::milliseconds>;

// Both clocks of one moment: timers run on the one, messages carry the other.
struct Now {
    TimePoint steady;
    UnixTime wall;
};

inline constexpr std::uint16_t kPort = 51819;
inline constexpr std::uint8_t kVersion = 1;
// Fits the smallest MTU (1280) with both headers and room to spare: these messages are never fragmented.
inline constexpr std::size_t kMaxMessage = 1200;
// In one message. The answer to a claim of so many fits kMaxMessage too; who has more prefixes sends more
// messages.
inline constexpr std::size_t kMaxPrefixes = 24;
// Of one list of sites: 65,536 sites with numbers of two bytes take 120.
inline constexpr std::uint16_t kMaxParts = 256;
// One epoch for each time that a router becomes Active never gets there. Whatever is above was said to drive
// the counter to its end, and is worth as much as none at all.
inline constexpr std::uint64_t kMostEpoch = std::uint64_t{1} << 63U;
// Two claims of one prefix for so long are no hand-over any more but a conflict.
inline constexpr std::chrono::seconds kConflictPatience{1};

// What the lists of sites may take in one message: a run is its size_in_run()s and 4 bytes.
inline constexpr std::size_t kMaxSitesBytes = 1135;

// Capabilities, bits.
inline constexpr std::uint32_t kWantsSites = 1;  // hello: tell me which sites are connected to you
// hello-ack, claim-ack: what one site sends to another does not get through me (this machine forwards
// nothing).
inline constexpr std::uint32_t kCannotForward = 2;
// hello-ack, claim-ack: your key speaks from two places by turns, so that another machine has it too.
inline constexpr std::uint32_t kInTwoPlaces = 4;

// What the sender of a hello or its answer says about itself.
struct About {
    std::uint8_t version = kVersion;  // the newest that it speaks
    std::uint32_t capabilities = 0;   // bits; unknown ones are ignored
    UnixTime clock;
    bool operator==(const About&) const = default;
};

// The owner of a prefix, as the relay sees it.
struct Owner {
    net::Ipv6Prefix prefix;
    std::optional<net::Ipv6Address> router;  // its tunnel address; nullopt: not a prefix of your site
    std::uint64_t epoch = 0;  // of the claim by which it came to own it; 0: nobody ever claimed
    std::uint8_t priority = 0;
    bool operator==(const Owner&) const = default;
};

struct Hello {
    About about;
    std::uint64_t sites = 0;  // the generation of the list of sites that the router has; 0: none
    bool operator==(const Hello&) const = default;
};

struct HelloAck {
    About about;
    std::vector<Owner> owners;  // of the prefixes of the asking router's site
    std::uint64_t sites = 0;    // the present generation of the list of sites; 0: the relay does not say
    bool operator==(const HelloAck&) const = default;
};

// "I am Active for these now." One epoch for each time a router becomes Active; the higher one wins.
struct Claim {
    std::vector<net::Ipv6Prefix> prefixes;  // networks, at least one
    std::uint64_t epoch = 0;
    std::uint8_t priority = 0;
    bool operator==(const Claim&) const = default;
};

struct ClaimAck {
    std::optional<std::uint32_t> answers;  // the sequence of the claim or release; nullopt: sent unasked
    std::vector<Owner> owners;             // at least one
    std::uint64_t sites = 0;               // as in HelloAck
    std::uint32_t capabilities = 0;        // as in About: hellos are rare beside claims
    bool operator==(const ClaimAck&) const = default;
};

// "I am not Active for these any more": another router has become Active. Or the LAN is dead while the tunnel
// lives; then it is repeated as long as that is so.
struct Release {
    std::vector<net::Ipv6Prefix> prefixes;  // networks, at least one
    std::uint64_t epoch = 0;                // not below that of the claim that it ends
    bool operator==(const Release&) const = default;
};

struct Probe {
    std::uint64_t id = 0;
    bool operator==(const Probe&) const = default;
};

struct ProbeAck {
    std::uint64_t id = 0;
    bool operator==(const ProbeAck&) const = default;
};

struct Goodbye {
    bool operator==(const Goodbye&) const = default;
};

// Which sites can be reached through the relay: what changed between two generations of that list, or (from =
// 0) all of it. A long one comes in parts, in any order; it counts when all of them are there.
struct Sites {
    net::Ipv6Prefix overlay;  // a network; the sites lie inside it
    std::uint64_t from = 0;
    std::uint64_t to = 0;  // not 0
    std::uint16_t part = 0;
    std::uint16_t parts = 1;             // at most kMaxParts
    std::vector<net::Ipv6Prefix> added;  // connected; each in the order of site_before(), without doubles
    std::vector<net::Ipv6Prefix> removed;
    std::vector<net::Ipv6Prefix> transit = {};  // not connected to it but to a peer relay of it
    bool operator==(const Sites&) const = default;
};

using Message = std::variant<Hello, HelloAck, Claim, ClaimAck, Release, Probe, ProbeAck, Goodbye, Sites>;

// A message with its number: each sender counts what it sends to each receiver, from a random start.
struct Packet {
    std::uint32_t sequence = 0;
    Message message;
    bool operator==(const Packet&) const = default;
};

// A packet and where it goes (for a router always the relay).
struct Outgoing {
    net::Ipv6Address to;
    Packet packet;
    bool operator==(const Outgoing&) const = default;
};

// Errors: std::errc::protocol_not_supported = a newer version or a type that we do not know, to be counted
// and not answered; std::errc::bad_message = everything else. Unknown TLVs are passed over.
Result<Packet> parse(std::span<const std::byte> datagram);

// At most kMaxMessage bytes: prefixes or owners beyond kMaxPrefixes are the caller's mistake and are left
// out. How many sites fit is for the caller to know
// (kMaxSitesBytes).
std::vector<std::byte> build(const Packet& packet);

// Whether it is a message with sites, or would be one.
bool names_sites(std::span<const std::byte> datagram);

// "claim", "hello-ack": for logs and status.
std::string_view type_name(const Message& message);

// Did `got` leave its sender before `last`, or is it that very one? A tunnel reorders by a few messages only,
// so a number that is further behind is a new start of the sender.
bool is_stale(std::uint32_t last, std::uint32_t got);

}  // namespace ulagate::wg::control
