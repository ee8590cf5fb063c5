// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>

#include "wg/control/fields.h"
#include "wg/control/message.h"

// The tables of the overlay control protocol: which TLVs there are, and of which TLVs each message consists.
// Parser, builder and the names in logs come from them; a unit test compares them with PROTOCOL.md. A number
// is never used again for something else.
namespace ulagate::wg::control {

inline constexpr std::uint32_t kMagic = 0x554c4743;  // "ULGC"
inline constexpr std::size_t kHeader = 12;

enum class Tlv : std::uint16_t {
    version = 1,
    capabilities,
    clock,
    epoch,
    priority,
    prefix,
    owner,
    answers,
    probe_id,
    sites,
    sites_from,
    sites_part,
    sites_added,
    sites_removed,
    sites_transit,
};

struct TlvRow {
    Tlv tlv{};
    std::string_view name;
    std::size_t size = 0;  // bytes of its value; 0: any
    std::size_t most = 1;  // in one message; 0: any number
    // What is wrong with a value of the right size; "": nothing, as far as it can be said of it alone.
    std::string_view (*fault)(net::ByteReader value) = nullptr;
};

std::string_view not_a_network(net::ByteReader value);
std::string_view generation_zero(net::ByteReader value);

// The same in every message. In the order of the numbers, without gaps.
inline constexpr std::array kTlvs{
    TlvRow{Tlv::version, "version", 1},
    TlvRow{Tlv::capabilities, "capabilities", 4},
    TlvRow{Tlv::clock, "clock", 8},  // milliseconds since 1970
    TlvRow{Tlv::epoch, "epoch", 8},
    TlvRow{Tlv::priority, "priority", 1},
    TlvRow{Tlv::prefix, "prefix", kPrefixSize, kMaxPrefixes, not_a_network},  // length, address
    // Prefix, router (:: = none), epoch, priority.
    TlvRow{Tlv::owner, "owner", kOwnerSize, kMaxPrefixes, not_a_network},
    TlvRow{Tlv::answers, "answers", 4},
    TlvRow{Tlv::probe_id, "probe-id", 8},
    TlvRow{Tlv::sites, "sites", 8, 1, generation_zero},            // generation of the list of sites
    TlvRow{Tlv::sites_from, "sites-from", 8, 1, generation_zero},  // that which a change follows
    TlvRow{Tlv::sites_part, "sites-part", 4},                      // which part (2), of how many (2)
    // Runs, see wg/control/site_codec.h, their lengths ascending.
    TlvRow{Tlv::sites_added, "sites-added", 0, 0},
    TlvRow{Tlv::sites_removed, "sites-removed", 0, 0},
    TlvRow{Tlv::sites_transit, "sites-transit", 0, 0},
};

// nullptr: unknown.
constexpr const TlvRow* row_of(std::uint16_t number) {
    return number == 0 || number > kTlvs.size() ? nullptr : &kTlvs[number - 1U];
}

template <class M, class... Fields>
struct Layout {
    using Message = M;
    std::uint8_t type;
    std::string_view name;
    std::tuple<Fields...> fields;  // in the order in which they are written
};
template <class M, class... Fields>
constexpr Layout<M, Fields...> layout(std::uint8_t type, std::string_view name, Fields... fields) {
    return {type, name, {fields...}};
}

inline constexpr std::tuple kAbout{Number{Tlv::version, &About::version},
                                   Number{Tlv::capabilities, &About::capabilities},
                                   Clock{Tlv::clock, &About::clock}};

// One row for each alternative of Message, in its order.
inline constexpr std::tuple kMessages{
    layout<Hello>(1, "hello", inside(&Hello::about, kAbout),
                  Number{Tlv::sites, &Hello::sites, Need::optional}),
    layout<HelloAck>(2, "hello-ack", inside(&HelloAck::about, kAbout),
                     List{Tlv::owner, &HelloAck::owners, Need::optional},
                     Number{Tlv::sites, &HelloAck::sites, Need::optional}),
    layout<Claim>(3, "claim", Number{Tlv::epoch, &Claim::epoch}, Number{Tlv::priority, &Claim::priority},
                  List{Tlv::prefix, &Claim::prefixes}),
    layout<ClaimAck>(4, "claim-ack", MaybeNumber{Tlv::answers, &ClaimAck::answers},
                     List{Tlv::owner, &ClaimAck::owners},
                     Number{Tlv::sites, &ClaimAck::sites, Need::optional},
                     Number{Tlv::capabilities, &ClaimAck::capabilities, Need::optional}),
    layout<Release>(5, "release", Number{Tlv::epoch, &Release::epoch}, List{Tlv::prefix, &Release::prefixes}),
    layout<Probe>(6, "probe", Number{Tlv::probe_id, &Probe::id}),
    layout<ProbeAck>(7, "probe-ack", Number{Tlv::probe_id, &ProbeAck::id}),
    layout<Goodbye>(8, "goodbye"),
    layout<Sites>(9, "sites", OnePrefix{Tlv::prefix, &Sites::overlay}, Number{Tlv::sites, &Sites::to},
                  Number{Tlv::sites_from, &Sites::from, Need::optional}, PartOf{Tlv::sites_part},
                  Runs{Tlv::sites_added, &Sites::added}, Runs{Tlv::sites_removed, &Sites::removed},
                  Runs{Tlv::sites_transit, &Sites::transit}),
};

// What the tables promise, at compile time.
template <std::size_t... I>
constexpr bool rows_match(std::index_sequence<I...> /*alternatives*/) {
    return (std::is_same_v<typename std::tuple_element_t<I, decltype(kMessages)>::Message,
                           std::variant_alternative_t<I, Message>> &&
            ...);
}
static_assert(std::tuple_size_v<decltype(kMessages)> == std::variant_size_v<Message>);
static_assert(rows_match(std::make_index_sequence<std::variant_size_v<Message>>{}));

constexpr bool numbers_match() {
    for (std::size_t i = 0; i < kTlvs.size(); ++i) {
        if (static_cast<std::size_t>(kTlvs[i].tlv) != i + 1) return false;
    }
    return true;
}
static_assert(numbers_match());

// The row of a message.
template <class M, std::size_t I = 0>
constexpr const auto& layout_of() {
    if constexpr (std::is_same_v<std::variant_alternative_t<I, Message>, M>) {
        return std::get<I>(kMessages);
    } else {
        return layout_of<M, I + 1>();
    }
}

}  // namespace ulagate::wg::control
