// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "daemon/base/bytes.h"
#include "wg/control/message.h"
#include "wg/control/site_codec.h"

// How the members of a message become TLVs, and TLVs members: one field for each kind of member, which writes
// and reads it. The rows of wg/control/layout.h are made of them.
namespace ulagate::wg::control {

enum class Tlv : std::uint16_t;  // the numbers: wg/control/layout.h

inline constexpr std::size_t kPrefixSize = 17;
inline constexpr std::size_t kOwnerSize = 42;

// What a system_clock::time_point can hold, so that nobody who converts has to check: the year 2262.
inline constexpr UnixTime kLastClock =
    std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::time_point::max());

tl::unexpected<Error> malformed(std::string why);  // std::errc::bad_message
tl::unexpected<Error> missing(Tlv tlv);

// The known TLVs of one message, in its order. Each has been checked by itself.
class Values {
public:
    struct Value {
        Tlv tlv;
        net::ByteReader bytes;
    };
    void add(Tlv tlv, net::ByteReader bytes) { values_.push_back({tlv, bytes}); }
    [[nodiscard]] std::size_t count(Tlv tlv) const {
        return static_cast<std::size_t>(
            std::count_if(values_.begin(), values_.end(), [&](const Value& v) { return v.tlv == tlv; }));
    }
    [[nodiscard]] std::vector<net::ByteReader> all(Tlv tlv) const {
        std::vector<net::ByteReader> found;
        for (const Value& value : values_) {
            if (value.tlv == tlv) found.push_back(value.bytes);
        }
        return found;
    }
    template <std::unsigned_integral T>
    [[nodiscard]] std::optional<T> number(Tlv tlv) const {
        const auto found =
            std::find_if(values_.begin(), values_.end(), [&](const Value& v) { return v.tlv == tlv; });
        if (found == values_.end()) return std::nullopt;
        return net::ByteReader{found->bytes}.read<T>();
    }

private:
    std::vector<Value> values_;
};

void put_value(net::ByteWriter& out, const net::Ipv6Prefix& prefix);  // kPrefixSize bytes
void put_value(net::ByteWriter& out, const Owner& owner);             // kOwnerSize bytes
// Nothing: not that of a network.
std::optional<net::Ipv6Prefix> read_prefix(net::ByteReader& in);
Owner read_owner(net::ByteReader in);  // of a value whose prefix is that of a network

inline void put_head(net::ByteWriter& out, Tlv tlv, std::size_t size) {
    out.put(static_cast<std::uint16_t>(tlv));
    out.put(static_cast<std::uint16_t>(size));
}

enum class Need { required, optional };

// A number. An optional one is left out, and stays, when it is 0.
template <class M, std::unsigned_integral T>
struct Number {
    Tlv tlv;
    T M::*member;
    Need need = Need::required;

    void put(net::ByteWriter& out, const M& message) const {
        if (need == Need::optional && message.*member == 0) return;
        put_head(out, tlv, sizeof(T));
        out.put(message.*member);
    }
    Result<void> take(const Values& in, M& message) const {
        const auto value = in.number<T>(tlv);
        if (!value && need == Need::required) return missing(tlv);
        if (value) message.*member = *value;
        return {};
    }
};
template <class M, class T>
Number(Tlv, T M::*) -> Number<M, T>;
template <class M, class T>
Number(Tlv, T M::*, Need) -> Number<M, T>;

// An optional number that may be 0.
template <class M, std::unsigned_integral T>
struct MaybeNumber {
    Tlv tlv;
    std::optional<T> M::*member;

    void put(net::ByteWriter& out, const M& message) const {
        if (!(message.*member)) return;
        put_head(out, tlv, sizeof(T));
        out.put(*(message.*member));
    }
    Result<void> take(const Values& in, M& message) const {
        message.*member = in.number<T>(tlv);
        return {};
    }
};
template <class M, class T>
MaybeNumber(Tlv, std::optional<T> M::*) -> MaybeNumber<M, T>;

// A time. One that the format cannot say is written as the next that it can.
template <class M>
struct Clock {
    Tlv tlv;
    UnixTime M::*member;

    void put(net::ByteWriter& out, const M& message) const {
        const UnixTime clock = std::clamp(message.*member, UnixTime{}, kLastClock);
        put_head(out, tlv, sizeof(std::uint64_t));
        out.put(static_cast<std::uint64_t>(clock.time_since_epoch().count()));
    }
    Result<void> take(const Values& in, M& message) const {
        const auto value = in.number<std::uint64_t>(tlv);
        if (!value) return missing(tlv);
        if (*value > static_cast<std::uint64_t>(kLastClock.time_since_epoch().count()))
            return malformed("the clock is beyond the year 2262");
        message.*member = UnixTime{std::chrono::milliseconds{static_cast<std::int64_t>(*value)}};
        return {};
    }
};
template <class M>
Clock(Tlv, UnixTime M::*) -> Clock<M>;

// The fields of a struct that is a member.
template <class M, class Part, class... Fields>
struct Inside {
    Part M::*member;
    std::tuple<Fields...> fields;

    void put(net::ByteWriter& out, const M& message) const {
        std::apply([&](const auto&... field) { (field.put(out, message.*member), ...); }, fields);
    }
    Result<void> take(const Values& in, M& message) const { return take_all(fields, in, message.*member); }
};

// Each field in its order, up to the first error.
template <class M, class... Fields>
Result<void> take_all(const std::tuple<Fields...>& fields, const Values& in, M& message) {
    Result<void> result;
    const auto take = [&](const auto& field) {
        result = field.take(in, message);
        return result.has_value();
    };
    std::apply([&](const auto&... field) { static_cast<void>((take(field) && ...)); }, fields);
    return result;
}

// Prefixes, or owners: one TLV for each. At most kMaxPrefixes are written.
template <class M, class T>
struct List {
    Tlv tlv;
    std::vector<T> M::*member;
    Need need = Need::required;  // required: at least one

    void put(net::ByteWriter& out, const M& message) const {
        const std::span<const T> all{message.*member};
        for (const T& each : all.first(std::min(all.size(), kMaxPrefixes))) {
            put_head(out, tlv, std::is_same_v<T, Owner> ? kOwnerSize : kPrefixSize);
            put_value(out, each);
        }
    }
    Result<void> take(const Values& in, M& message) const {
        for (net::ByteReader value : in.all(tlv)) {
            if constexpr (std::is_same_v<T, Owner>) {
                (message.*member).push_back(read_owner(value));
            } else {
                (message.*member).push_back(read_prefix(value).value_or(T{}));
            }
        }
        if (need == Need::required && (message.*member).empty()) return missing(tlv);
        return {};
    }
};
template <class M, class T>
List(Tlv, std::vector<T> M::*) -> List<M, T>;
template <class M, class T>
List(Tlv, std::vector<T> M::*, Need) -> List<M, T>;

// One prefix, where lists of others have many.
template <class M>
struct OnePrefix {
    Tlv tlv;
    net::Ipv6Prefix M::*member;

    void put(net::ByteWriter& out, const M& message) const {
        put_head(out, tlv, kPrefixSize);
        put_value(out, message.*member);
    }
    Result<void> take(const Values& in, M& message) const {
        if (in.count(tlv) == 0) return missing(tlv);
        if (in.count(tlv) != 1) return malformed("more than one prefix");
        message.*member = read_prefix(in.all(tlv).front()).value_or(net::Ipv6Prefix{});
        return {};
    }
};
template <class M>
OnePrefix(Tlv, net::Ipv6Prefix M::*) -> OnePrefix<M>;

// Which part of how many (a list of sites).
struct PartOf {
    Tlv tlv;

    void put(net::ByteWriter& out, const Sites& sites) const;
    Result<void> take(const Values& in, Sites& sites) const;
};

// Prefixes inside the overlay, as runs (wg/control/site_codec.h). Behind the field of the overlay.
struct Runs {
    Tlv tlv;
    std::vector<net::Ipv6Prefix> Sites::*member;

    void put(net::ByteWriter& out, const Sites& sites) const;
    Result<void> take(const Values& in, Sites& sites) const;
};

template <class M, class Part, class... Fields>
constexpr Inside<M, Part, Fields...> inside(Part M::*member, const std::tuple<Fields...>& fields) {
    return {member, fields};
}

}  // namespace ulagate::wg::control
