// SPDX-License-Identifier: GPL-2.0-or-later
#include "ra/advertiser.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

namespace ulagate::ra {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// RFC 4861 section 10
constexpr Duration kMinDelayBetweenAdvertisements = seconds{3};
constexpr Duration kMaxReplyDelay = milliseconds{500};
constexpr Duration kMaxInitialInterval = seconds{16};
constexpr unsigned kInitialAdvertisements = 3;
constexpr unsigned kFinalAdvertisements = 3;

constexpr net::Ipv6Prefix kLinkLocal{net::Ipv6Address{{0xfe, 0x80}}, 10};

// The configuration reader refuses these with a sentence. Here they are left out, because a router MUST NOT
// send them, whoever made the configuration.
Config conforming(Config config) {
    std::vector<Option> options;
    for (Option& option : config.advertisement.options) {
        const auto* pio = std::get_if<PrefixInformation>(&option);
        if (pio != nullptr && kLinkLocal.contains(pio->prefix)) continue;  // RFC 4861 section 4.6.2
        if (has_subject(options, option)) continue;  // the same prefix twice; for routes, RFC 4191 section 4
        options.push_back(std::move(option));
    }
    config.advertisement.options = std::move(options);
    return config;
}

}  // namespace

Advertiser::Advertiser(Config config, Random random)
    : config_(conforming(std::move(config))), random_(std::move(random)) {}

std::vector<Send> Advertiser::set_source(std::optional<Source> source, TimePoint now,
                                         std::optional<net::Ipv6Address> former) {
    if (source_ == source)
        return {};  // also nothing while final ones are sent, which have no source any more
    forget_source();
    source_ = source;
    if (!source_) return {};
    if (former != source_->address) former_ = former;
    return announce(now);
}

std::vector<Send> Advertiser::abandon_source() {
    if (!source_) return {};
    Send last_word = forget_address(source_->address);
    forget_source();
    return {std::move(last_word)};
}

std::vector<Send> Advertiser::set_config(Config config, TimePoint now) {
    const Config before = std::exchange(config_, conforming(std::move(config)));
    const bool same_schedule =
        before.min_interval == config_.min_interval && before.max_interval == config_.max_interval;
    const bool same_content = before.advertisement == config_.advertisement &&
                              before.valid_until == config_.valid_until &&
                              before.preferred_until == config_.preferred_until &&
                              before.source_link_layer_address == config_.source_link_layer_address;
    if (same_schedule && same_content) return {};
    if (known_to_hosts_) stale_.add(subjects(before.advertisement.options), now);
    stale_.remove(subjects(config_.advertisement.options));
    if (!source_) return {};
    return announce(now);
}

std::vector<Send> Advertiser::set_elsewhere(std::vector<net::Ipv6Prefix> prefixes, TimePoint now) {
    if (!stale_.set_elsewhere(std::move(prefixes)) || !source_) return {};
    return announce(now);
}

std::vector<Send> Advertiser::on_solicitation(const RouterSolicitation& solicitation,
                                              const net::Ipv6Address& from, TimePoint now,
                                              std::optional<net::MacAddress> sender) {
    if (!source_ || from.is_multicast()) return {};
    const bool unicast = config_.unicast_replies && !from.is_unspecified();
    if (unicast && is_there(solicitation, sender)) {
        const Duration delay = draw(Duration::zero(), kMaxReplyDelay);
        if (!direct().add({from, *sender}, now, delay)) reply_by_multicast(now);
        return {};
    }
    if (replies_.has(from)) return {};
    if (!unicast || !replies_.add(from, now, draw(Duration::zero(), kMaxReplyDelay))) reply_by_multicast(now);
    return {};
}

// The sender can be reached where it says: at the address that its frame came from, which can be a host's.
bool Advertiser::is_there(const RouterSolicitation& solicitation,
                          const std::optional<net::MacAddress>& sender) const {
    constexpr unsigned kGroup = 1;
    return sender && solicitation.source_link_layer_address == sender && sender != source_->link_address &&
           (sender->bytes.front() & kGroup) == 0 && *sender != net::MacAddress{};
}

DirectReplies& Advertiser::direct() {
    if (!direct_) {
        const Duration seed = draw(Duration::zero(), std::chrono::hours{1000});
        direct_.emplace(static_cast<std::uint64_t>(seed.count()));
    }
    return *direct_;
}

void Advertiser::clear_replies() {
    replies_.clear();
    if (direct_) direct_->clear();
}

void Advertiser::on_unresolved(const net::Ipv6Address& host, TimePoint now) {
    replies_.forget(host);
    if (source_) reply_by_multicast(now);
}

void Advertiser::remind(TimePoint now) {
    if (source_) reply_by_multicast(now);
}

std::vector<Send> Advertiser::withdraw(TimePoint now) {
    if (!source_) return {};
    RouterAdvertisement last_word = message(*source_, Removed::all, now);
    last_word.router_lifetime = std::chrono::duration<std::uint16_t>{0};
    last_word.preference = Preference::medium;
    for (Option& option : last_word.options) expire(option);
    Send send{source_->address, kAllNodes, std::move(last_word)};
    stale_.clear();
    forget_source();
    final_ra_ = std::move(send);
    final_ra_left_ = kFinalAdvertisements;
    next_multicast_ = earliest_multicast(now);
    return on_deadline(now);
}

std::vector<Send> Advertiser::on_deadline(TimePoint now) {
    if (!next_multicast_ || now < *next_multicast_) return unicast_replies(now);
    if (final_ra_) return {send_final_ra(now)};
    return multicast(now);
}

std::optional<TimePoint> Advertiser::deadline() const {
    std::optional<TimePoint> next = next_multicast_;
    for (const auto& reply : {replies_.deadline(), direct_ ? direct_->deadline() : std::nullopt}) {
        if (reply) next = std::min(next.value_or(*reply), *reply);
    }
    return next;
}

void Advertiser::forget_source() {
    source_.reset();
    next_multicast_.reset();
    multicast_reply_ = false;
    clear_replies();
    final_ra_.reset();
    former_.reset();
}

// RFC 4861 section 6.2.4: as when the interface becomes an advertising one.
std::vector<Send> Advertiser::announce(TimePoint now) {
    quick_left_ = kInitialAdvertisements;
    next_multicast_ = earliest_multicast(now);
    return on_deadline(now);
}

// Solicited or not, it reaches everybody: it starts the interval anew, and answers also who waits for a
// unicast that would have come later (RFC 4861 section 6.2.6).
std::vector<Send> Advertiser::multicast(TimePoint now) {
    const Removed removed = quick_left_ > 0 ? Removed::all : Removed::prefixes;
    std::vector<Send> sends{{source_->address, kAllNodes, message(*source_, removed, now)}};
    if (former_) sends.push_back(forget_address(*former_));
    if (quick_left_ > 0) --quick_left_;
    if (quick_left_ == 0) former_.reset();
    known_to_hosts_ = true;
    last_multicast_ = now;
    next_multicast_ = now + next_interval();
    multicast_reply_ = false;
    clear_replies();
    return sends;
}

// Router and route entries are the address's own in the hosts; prefixes and DNS servers belong to the link.
Send Advertiser::forget_address(const net::Ipv6Address& address) const {
    RouterAdvertisement last_word = config_.advertisement;
    last_word.router_lifetime = std::chrono::duration<std::uint16_t>{0};
    last_word.preference = Preference::medium;
    std::erase_if(last_word.options,
                  [](const Option& option) { return !std::holds_alternative<RouteInformation>(option); });
    for (Option& option : last_word.options) expire(option);
    return {address, kAllNodes, std::move(last_word), true};
}

Send Advertiser::send_final_ra(TimePoint now) {
    Send send = *final_ra_;
    last_multicast_ = now;
    next_multicast_.reset();
    if (--final_ra_left_ > 0) {
        next_multicast_ = now + kMinDelayBetweenAdvertisements;
    } else {
        final_ra_.reset();
    }
    return send;
}

std::vector<Send> Advertiser::unicast_replies(TimePoint now) {
    std::vector<Send> sends;
    const Replies::Due due = replies_.due(now);
    for (const net::Ipv6Address& host : due.hosts)
        sends.push_back({source_->address, host, message(*source_, Removed::all, now)});
    bool too_many = due.too_many;
    if (direct_) {
        DirectReplies::Due there = direct_->due(now);
        too_many = too_many || there.too_many;
        if (!there.hosts.empty())
            sends.push_back(
                {source_->address, {}, message(*source_, Removed::all, now), false, std::move(there.hosts)});
    }
    if (too_many) reply_by_multicast(now);
    return sends;
}

// RFC 4861 section 6.2.6. Several solicitations share the reply that the first of them asked for, and a
// multicast that is due earlier anyway is that reply.
void Advertiser::reply_by_multicast(TimePoint now) {
    if (multicast_reply_) return;
    multicast_reply_ = true;
    const TimePoint at = earliest_multicast(now) + draw(Duration::zero(), kMaxReplyDelay);
    next_multicast_ = std::min(*next_multicast_, at);
}

TimePoint Advertiser::earliest_multicast(TimePoint now) const {
    return last_multicast_ ? std::max(now, *last_multicast_ + kMinDelayBetweenAdvertisements) : now;
}

RouterAdvertisement Advertiser::message(const Source& source, Removed removed, TimePoint now) const {
    RouterAdvertisement advertisement = config_.advertisement;
    auto& options = advertisement.options;
    for (Option& option : options) {
        if (auto* const pio = std::get_if<PrefixInformation>(&option)) count_down(*pio, now);
    }
    auto gone = stale_.options(removed == Removed::prefixes, now);
    std::move(gone.begin(), gone.end(), std::back_inserter(options));
    if (source.link_address && config_.source_link_layer_address)
        options.emplace_back(SourceLinkLayerAddress{*source.link_address});
    return advertisement;
}

void Advertiser::count_down(PrefixInformation& pio, TimePoint now) const {
    if (!wall_offset_) return;
    const auto wall = now.time_since_epoch() + *wall_offset_;
    const auto limit = [&](Seconds& lifetime, const std::optional<std::chrono::sys_seconds>& end) {
        if (!end) return;
        const auto left = std::max<Duration>(end->time_since_epoch() - wall, Duration::zero());
        if (left < seconds{lifetime.count()})
            lifetime = Seconds{static_cast<std::uint32_t>(std::chrono::floor<seconds>(left).count())};
    };
    limit(pio.valid_lifetime, config_.valid_until);
    limit(pio.preferred_lifetime, config_.preferred_until);
    pio.preferred_lifetime = std::min(pio.preferred_lifetime, pio.valid_lifetime);
}

void Advertiser::recall(const std::vector<Stale>& stale, TimePoint now) {
    if (stale.empty()) return;
    known_to_hosts_ = true;
    for (const Stale& known : stale) stale_.add(known, now);
    stale_.remove(subjects(config_.advertisement.options));
}

std::vector<Option> Advertiser::advertised() const {
    return known_to_hosts_ ? subjects(config_.advertisement.options) : std::vector<Option>{};
}

Duration Advertiser::draw(Duration low, Duration high) const {
    return std::clamp(random_(low, high), low, high);
}

Duration Advertiser::next_interval() const {
    const Duration high = std::max(config_.max_interval, config_.min_interval);
    Duration interval = draw(config_.min_interval, high);
    if (quick_left_ > 0) interval = std::min(interval, kMaxInitialInterval);
    return std::max(interval, kMinDelayBetweenAdvertisements);
}

}  // namespace ulagate::ra
