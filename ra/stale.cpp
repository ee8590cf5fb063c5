// SPDX-License-Identifier: GPL-2.0-or-later
#include "ra/stale.h"

#include <algorithm>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace ulagate::ra {
namespace {

using std::chrono::seconds;

// More than an honest configuration loses at once.
constexpr std::size_t kMostRemembered = 256;

template <class T>
constexpr bool kHasLifetime = std::is_same_v<T, RouteInformation> || std::is_same_v<T, RecursiveDnsServers> ||
                              std::is_same_v<T, DnsSearchList> || std::is_same_v<T, Pref64>;

}  // namespace

std::vector<Option> subjects(const std::vector<Option>& options) {
    std::vector<Option> out;
    for (const Option& option : options) {
        if (const auto* dns = std::get_if<RecursiveDnsServers>(&option)) {
            for (const net::Ipv6Address& server : dns->servers)
                out.emplace_back(RecursiveDnsServers{{server}, dns->lifetime});
        } else if (const auto* list = std::get_if<DnsSearchList>(&option)) {
            for (const std::string& domain : list->domains)
                out.emplace_back(DnsSearchList{{domain}, list->lifetime});
        } else if (lifetime_of(option)) {
            out.push_back(option);
        }
    }
    return out;
}

bool same_subject(const Option& a, const Option& b) {
    if (a.index() != b.index()) return false;
    return std::visit(
        [&b](const auto& x) {
            using T = std::decay_t<decltype(x)>;
            const auto& y = std::get<T>(b);
            if constexpr (std::is_same_v<T, PrefixInformation> || std::is_same_v<T, RouteInformation>) {
                return x.prefix.network() == y.prefix.network();
            } else if constexpr (std::is_same_v<T, Pref64>) {
                return x.prefix == y.prefix;
            } else if constexpr (std::is_same_v<T, RecursiveDnsServers>) {
                return x.servers == y.servers;
            } else if constexpr (std::is_same_v<T, DnsSearchList>) {
                return x.domains == y.domains;
            } else {
                return std::is_same_v<T, CaptivePortal>;  // there is one
            }
        },
        a);
}

bool has_subject(const std::vector<Option>& options, const Option& subject) {
    return std::any_of(options.begin(), options.end(),
                       [&](const Option& option) { return same_subject(option, subject); });
}

std::optional<Seconds> lifetime_of(const Option& option) {
    return std::visit(
        [](const auto& o) -> std::optional<Seconds> {
            using T = std::decay_t<decltype(o)>;
            if constexpr (std::is_same_v<T, PrefixInformation>) {
                return o.valid_lifetime;
            } else if constexpr (kHasLifetime<T>) {
                return o.lifetime;
            } else if constexpr (std::is_same_v<T, CaptivePortal>) {
                return kInfinity;
            } else {
                return std::nullopt;
            }
        },
        option);
}

bool expire(Option& option) {
    return std::visit(
        [](auto& o) {
            using T = std::decay_t<decltype(o)>;
            if constexpr (std::is_same_v<T, PrefixInformation>) {
                o.preferred_lifetime = Seconds{0};
                o.valid_lifetime = std::min(o.valid_lifetime, kShortestBelievedLifetime);
                return true;
            } else if constexpr (kHasLifetime<T>) {
                o.lifetime = Seconds{0};
                return true;
            } else if constexpr (std::is_same_v<T, CaptivePortal>) {
                o.uri = kNoCaptivePortal;
                return true;
            } else {
                return false;
            }
        },
        option);
}

void StaleList::add(const std::vector<Option>& gone, TimePoint now) {
    for (const Option& option : gone) {
        const auto kept = lifetime_of(option);
        if (kept && kept->count() > 0) add(Stale{option, now + seconds{kept->count()}}, now);
    }
}

void StaleList::add(const Stale& stale, TimePoint now) {
    if (stale.until <= now || !lifetime_of(stale.option)) return;
    remove({stale.option});
    const TimePoint until = std::min<TimePoint>(stale.until, now + kLongest);
    const TimePoint valid_until = std::min<TimePoint>(until, now + seconds{kShortestBelievedLifetime});
    known_.push_back({{stale.option, until}, valid_until});
    if (known_.size() <= kMostRemembered) return;
    // The oldest goes, but rather a route for half an hour than a prefix for a day.
    const auto route = std::find_if(known_.begin(), known_.end(), [](const Known& known) {
        return !std::holds_alternative<PrefixInformation>(known.stale.option);
    });
    known_.erase(route == known_.end() ? known_.begin() : route);
}

void StaleList::remove(const std::vector<Option>& advertised) {
    std::erase_if(known_, [&](const Known& known) { return has_subject(advertised, known.stale.option); });
}

bool StaleList::set_elsewhere(std::vector<net::Ipv6Prefix> prefixes) {
    if (prefixes == elsewhere_) return false;
    elsewhere_ = std::move(prefixes);
    return true;
}

std::vector<Option> StaleList::options(bool prefixes_only, TimePoint now) const {
    std::vector<Option> out;
    for (const Known& known : known_) {
        Option option = known.stale.option;
        auto* const pio = std::get_if<PrefixInformation>(&option);
        if (known.stale.until <= now || (prefixes_only && pio == nullptr)) continue;
        expire(option);
        if (pio != nullptr) {
            const auto left = std::chrono::ceil<seconds>(std::max(known.valid_until, now) - now);
            pio->valid_lifetime = Seconds{static_cast<std::uint32_t>(left.count())};
            if (std::find(elsewhere_.begin(), elsewhere_.end(), pio->prefix.network()) != elsewhere_.end())
                pio->valid_lifetime = Seconds{0};
        }
        out.push_back(std::move(option));
    }
    return out;
}

std::vector<Stale> StaleList::all() const {
    std::vector<Stale> out;
    for (const Known& known : known_) out.push_back(known.stale);
    return out;
}

}  // namespace ulagate::ra
