// SPDX-License-Identifier: GPL-2.0-or-later
#include "ra/watch.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "daemon/base/text.h"

namespace ulagate::ra {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::size_t kMaxSenders = 16;
constexpr std::size_t kMaxFindings = 16;  // of a sender: an advertisement has room for hundreds
constexpr Duration kForgetAfter = minutes{30};
constexpr Duration kSplitFor = seconds{90};
constexpr Duration kHandOver = seconds{1};
// The same words sooner are no news: what counts down in seconds says them too.
constexpr Duration kSameAgain = seconds{10};
// What is said in several advertisements, one of which holds it, is said all the time.
constexpr unsigned kGoneAfter = 3;

template <class T>
const T* find(const RouterAdvertisement& in) {
    for (const Option& option : in.options) {
        if (const auto* found = std::get_if<T>(&option)) return found;
    }
    return nullptr;
}

// The option about the same prefix.
template <class T>
const T* find(const RouterAdvertisement& in, const net::Ipv6Prefix& prefix) {
    for (const Option& option : in.options) {
        const auto* found = std::get_if<T>(&option);
        if (found != nullptr && found->prefix.network() == prefix.network()) return found;
    }
    return nullptr;
}

// Of one of the items of a DNS option.
template <class T, class Item>
std::optional<Seconds> lifetime_of(const RouterAdvertisement& in, std::vector<Item> T::*items,
                                   const Item& item) {
    for (const Option& option : in.options) {
        const auto* found = std::get_if<T>(&option);
        if (found == nullptr) continue;
        const auto& all = found->*items;
        if (std::find(all.begin(), all.end(), item) != all.end()) return found->lifetime;
    }
    return std::nullopt;
}

std::string in_words(Seconds lifetime) {
    return lifetime == kInfinity ? "infinite" : std::to_string(lifetime.count()) + " s";
}

std::string in_words(Preference preference) {
    if (preference == Preference::medium) return "medium";
    return preference == Preference::high ? "high" : "low";
}

// One advertisement beside ours.
class Comparison {
public:
    // `before`: the sender's last one, if any.
    Comparison(const RouterAdvertisement& theirs, const RouterAdvertisement* before,
               const RouterAdvertisement& ours)
        : theirs_(theirs), before_(before), ours_(ours) {}

    // Values that are 0 are unspecified, and differ from nothing.
    void compare_headers() {
        differ("the hop limit", theirs_.hop_limit, ours_.hop_limit);
        if (theirs_.managed != ours_.managed) flag("M", theirs_.managed);
        if (theirs_.other_config != ours_.other_config) flag("O", theirs_.other_config);
        differ("the reachable time", theirs_.reachable_time.count(), ours_.reachable_time.count());
        differ("the retransmission timer", theirs_.retrans_timer.count(), ours_.retrans_timer.count());
        const auto *mtu = find<Mtu>(theirs_), *our_mtu = find<Mtu>(ours_);
        if (mtu != nullptr && our_mtu != nullptr) differ("the MTU", mtu->bytes, our_mtu->bytes);
    }

    void compare_options() {
        for (const Option& option : ours_.options) {
            if (const auto* prefix = std::get_if<PrefixInformation>(&option)) {
                compare(*prefix);
            } else if (const auto* route = std::get_if<RouteInformation>(&option)) {
                compare(*route);
            } else if (const auto* servers = std::get_if<RecursiveDnsServers>(&option)) {
                for (const net::Ipv6Address& server : servers->servers) compare(*servers, server);
            } else if (const auto* list = std::get_if<DnsSearchList>(&option)) {
                for (const std::string& domain : list->domains) compare(*list, domain);
            }
        }
    }

    // What only a router of ours may advertise.
    bool find_intrusions() {
        const std::size_t before = findings_.size();
        for (const Option& option : theirs_.options) {
            if (const auto* prefix = std::get_if<PrefixInformation>(&option)) {
                intrusion("the prefix ", prefix->prefix.network());
            } else if (const auto* route = std::get_if<RouteInformation>(&option)) {
                intrusion("a route to ", route->prefix.network());
            }
        }
        return findings_.size() > before;
    }

    void add(std::string finding) {
        if (findings_.size() < kMaxFindings) findings_.push_back(std::move(finding));
    }
    std::vector<std::string> release() { return std::move(findings_); }

private:
    template <class T>
    void differ(const std::string& what, T theirs, T ours) {
        if (theirs == 0 || ours == 0 || theirs == ours) return;
        add(what + " is " + std::to_string(theirs) + ", ours " + std::to_string(ours));
    }
    void flag(const std::string& name, bool theirs) {
        add("the " + name + " flag is " + (theirs ? "set, ours not" : "not set, ours is"));
    }

    // A shorter one may be ours that counts down, unless it is said twice. In words that stay the same while
    // it does, so that it is one finding.
    void lifetime(const std::string& what, Seconds theirs, std::optional<Seconds> before, Seconds ours) {
        if (theirs == ours || (theirs < ours && theirs != before && theirs != Seconds{0})) return;
        const std::string is = theirs == Seconds{0} ? " is 0, ours "
                               : theirs < ours      ? " is shorter than ours, "
                                                    : " is longer than ours, ";
        add(what + is + in_words(ours));
    }

    void compare(const PrefixInformation& ours) {
        const auto* theirs = find<PrefixInformation>(theirs_, ours.prefix);
        if (theirs == nullptr) return;
        const auto* before = before_ ? find<PrefixInformation>(*before_, ours.prefix) : nullptr;
        const std::string of = " lifetime of " + net::to_string(ours.prefix.network());
        const auto then = [&](Seconds PrefixInformation::*value) {
            return before == nullptr ? std::nullopt : std::optional{before->*value};
        };
        lifetime("the valid" + of, theirs->valid_lifetime, then(&PrefixInformation::valid_lifetime),
                 ours.valid_lifetime);
        lifetime("the preferred" + of, theirs->preferred_lifetime,
                 then(&PrefixInformation::preferred_lifetime), ours.preferred_lifetime);
    }

    void compare(const RouteInformation& ours) {
        const auto* theirs = find<RouteInformation>(theirs_, ours.prefix);
        if (theirs == nullptr) return;
        const auto* before = before_ ? find<RouteInformation>(*before_, ours.prefix) : nullptr;
        const std::string of = " of the route to " + net::to_string(ours.prefix.network());
        lifetime("the lifetime" + of, theirs->lifetime,
                 before == nullptr ? std::nullopt : std::optional{before->lifetime}, ours.lifetime);
        if (theirs->preference != ours.preference)
            add("the preference" + of + " is " + in_words(theirs->preference) + ", ours " +
                in_words(ours.preference));
    }

    // RFC 8106: each server and each domain has its own lifetime on a host.
    void compare(const RecursiveDnsServers& ours, const net::Ipv6Address& server) {
        const auto in = [&](const RouterAdvertisement& advertisement) {
            return lifetime_of<RecursiveDnsServers>(advertisement, &RecursiveDnsServers::servers, server);
        };
        compare_dns("the DNS server " + net::to_string(server), in, ours.lifetime);
    }
    void compare(const DnsSearchList& ours, const std::string& domain) {
        const auto in = [&](const RouterAdvertisement& advertisement) {
            return lifetime_of<DnsSearchList>(advertisement, &DnsSearchList::domains, domain);
        };
        compare_dns("the search domain " + domain, in, ours.lifetime);
    }
    template <class In>
    void compare_dns(const std::string& what, const In& in, Seconds ours) {
        const auto theirs = in(theirs_);
        if (theirs) lifetime("the lifetime of " + what, *theirs, before_ ? in(*before_) : std::nullopt, ours);
    }

    // Inside our prefix or our routes: the LAN's /64, the overlay's /48, or a part of it.
    void intrusion(const std::string& what, const net::Ipv6Prefix& theirs) {
        const bool is_ours =
            std::any_of(ours_.options.begin(), ours_.options.end(), [&](const Option& option) {
                const auto* prefix = std::get_if<PrefixInformation>(&option);
                const auto* route = std::get_if<RouteInformation>(&option);
                return (prefix != nullptr && prefix->prefix.network().contains(theirs)) ||
                       (route != nullptr && route->prefix.length > 0 && route->prefix.contains(theirs));
            });
        if (is_ours) add("it advertises " + what + net::to_string(theirs) + ", which is ours");
    }

    const RouterAdvertisement& theirs_;
    const RouterAdvertisement* before_;
    const RouterAdvertisement& ours_;
    std::vector<std::string> findings_;
};

std::string name_of(const Sender& sender) {
    const std::string name = net::to_string(sender.address);
    return sender.link_address ? name + " (" + net::to_string(*sender.link_address) + ")" : name;
}

std::string list(const std::vector<std::string>& findings) {
    std::string text;
    for (const std::string& finding : findings) text += (text.empty() ? "" : "; ") + finding;
    return text;
}

}  // namespace

std::vector<Notice> Watch::on_advertisement(const RouterAdvertisement& theirs, const net::Ipv6Address& from,
                                            const Ours& ours, TimePoint now) {
    const auto* option = find<SourceLinkLayerAddress>(theirs);
    const auto link_address = option == nullptr ? std::nullopt : std::optional{option->address};
    const bool own_address = ours.source && from == ours.source->address;
    if (own_address && link_address == ours.source->link_address) return {};  // our own words, reflected

    Known& known = remember(from, link_address, now);
    Sender& sender = known.sender;
    ++sender.advertisements;
    sender.last = now;
    if (own_address) ++counters_.split_brain;
    const bool split_brain = own_address && speaks_on(known, ours, now);
    if (theirs == known.last && split_brain == sender.split_brain && known.compared &&
        now - *known.compared < kSameAgain) {
        if (!sender.findings.empty()) ++counters_.differing;
        return {};
    }
    Comparison comparison{theirs, known.compared ? &known.last : nullptr, ours.advertisement};
    if (split_brain) comparison.add("it sends from our address while we do: split brain");
    comparison.compare_headers();
    comparison.compare_options();
    // Who speaks from the shared address is a router of ours, and to advertise what we would (RFC 9568
    // section 8.2.3).
    const bool of_ours = own_address || (ours.shared && from == *ours.shared);
    const bool intrudes = !of_ours && comparison.find_intrusions();

    sender.split_brain = split_brain;
    known.compared = now;
    known.last = theirs;
    const std::vector<std::string> findings = comparison.release();
    if (!findings.empty()) ++counters_.differing;
    if (!take(known, findings)) return {};
    ++sender.changes;
    const bool was_serious = std::exchange(known.serious, of_ours || intrudes);
    if (!notices_.take(1, now)) {
        ++counters_.not_logged;
        return {};
    }
    if (sender.findings.empty())
        return {{was_serious, name_of(sender) + " no longer advertises anything different"}};
    return {{known.serious, name_of(sender) + " advertises: " + list(sender.findings)}};
}

// When one router takes over from another, the last words of the one may cross the first of the other: it
// hears of that only from the other's VRRP advertisement. A split goes on.
bool Watch::speaks_on(Known& known, const Ours& ours, TimePoint now) {
    if (!known.first_beside_us || *known.first_beside_us < ours.since) known.first_beside_us = now;
    return now - *known.first_beside_us >= kHandOver;
}

// Whether the findings are others now.
bool Watch::take(Known& known, const std::vector<std::string>& found) {
    std::vector<std::string> findings = found;
    std::vector<unsigned> missed(findings.size());
    for (std::size_t i = 0; i < known.missed.size() && findings.size() < kMaxFindings; ++i) {
        const std::string& before = known.sender.findings[i];
        const bool again = std::find(found.begin(), found.end(), before) != found.end();
        if (again || known.missed[i] + 1 >= kGoneAfter) continue;
        findings.push_back(before);
        missed.push_back(known.missed[i] + 1);
    }
    known.missed = std::move(missed);
    const bool same = std::is_permutation(findings.begin(), findings.end(), known.sender.findings.begin(),
                                          known.sender.findings.end());
    known.sender.findings = std::move(findings);
    return !same;
}

Watch::Known& Watch::remember(const net::Ipv6Address& from,
                              const std::optional<net::MacAddress>& link_address, TimePoint now) {
    std::erase_if(known_, [&](const Known& known) { return now - known.sender.last > kForgetAfter; });
    const auto found = std::find_if(known_.begin(), known_.end(), [&](const Known& known) {
        return known.sender.address == from && known.sender.link_address == link_address;
    });
    if (found != known_.end()) return *found;
    if (known_.size() == kMaxSenders) {
        ++counters_.forgotten;
        known_.erase(std::min_element(known_.begin(), known_.end(), [](const Known& a, const Known& b) {
            if (a.sender.findings.empty() != b.sender.findings.empty()) return a.sender.findings.empty();
            return a.sender.last < b.sender.last;
        }));
    }
    Known& known = known_.emplace_back();
    known.sender.address = from;
    known.sender.link_address = link_address;
    return known;
}

std::vector<Sender> Watch::senders(TimePoint now) const {
    std::vector<Sender> out;
    for (const Known& known : known_) {
        if (now - known.sender.last <= kForgetAfter) out.push_back(known.sender);
    }
    return out;
}

std::optional<Sender> Watch::split_brain(TimePoint since, TimePoint now) const {
    for (const Known& known : known_) {
        if (known.sender.split_brain && known.first_beside_us >= since &&
            now - known.sender.last <= kSplitFor)
            return known.sender;
    }
    return std::nullopt;
}

}  // namespace ulagate::ra
