// SPDX-License-Identifier: GPL-2.0-or-later
#include "ra/advertiser.h"

#include <algorithm>
#include <cstddef>
#include <type_traits>
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

// RFC 4862 section 5.5.3 (e): a host does not believe an unauthenticated shorter one, so this is how fast a
// prefix can go.
constexpr Seconds kShortestBelievedLifetime{7200};

// A host asks at most every 4 s (RTR_SOLICITATION_INTERVAL), so no honest one meets the per-host limit.
constexpr std::size_t kMaxPending = 64;
constexpr Duration kPerHostMinimum = seconds{1};
constexpr Duration kReplySpacing = milliseconds{20};
constexpr int kReplyBurst = 50;

// Removed prefixes and routes that are still announced, as many as fit beside a full configuration into the
// smallest MTU: Neighbor Discovery is never fragmented (RFC 6980).
constexpr std::ptrdiff_t kMaxRemoved = 24;

constexpr net::Ipv6Prefix kLinkLocal{net::Ipv6Address{{0xfe, 0x80}}, 10};

// Set to its end of life: what tells hosts to forget it. False for options that have no lifetime.
bool expire(Option& option) {
    return std::visit(
        [](auto& o) {
            using T = std::decay_t<decltype(o)>;
            if constexpr (std::is_same_v<T, PrefixInformation>) {
                o.preferred_lifetime = Seconds{0};
                o.valid_lifetime = std::min(o.valid_lifetime, kShortestBelievedLifetime);
                return true;
            } else if constexpr (std::is_same_v<T, RouteInformation>) {
                o.lifetime = Seconds{0};
                return true;
            } else {
                return false;
            }
        },
        option);
}

// The prefix or route the host would keep under the same name, whatever else the options say.
bool same_subject(const Option& a, const Option& b) {
    if (a.index() != b.index()) return false;
    if (const auto* pio = std::get_if<PrefixInformation>(&a)) {
        return pio->prefix.network() == std::get<PrefixInformation>(b).prefix.network();
    }
    if (const auto* rio = std::get_if<RouteInformation>(&a)) {
        return rio->prefix.network() == std::get<RouteInformation>(b).prefix.network();
    }
    return false;
}

bool has_subject(const std::vector<Option>& options, const Option& subject) {
    return std::any_of(options.begin(), options.end(),
                       [&](const Option& option) { return same_subject(option, subject); });
}

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

std::vector<Send> Advertiser::set_source(std::optional<Source> source, TimePoint now) {
    if (source_ == source) return {};  // also nothing during the farewell, which has no source any more
    forget_source();
    source_ = source;
    if (!source_) return {};
    return announce(now);
}

std::vector<Send> Advertiser::set_config(Config config, TimePoint now) {
    const Config before = std::exchange(config_, conforming(std::move(config)));
    const bool same_schedule =
        before.min_interval == config_.min_interval && before.max_interval == config_.max_interval;
    if (same_schedule && before.advertisement == config_.advertisement) return {};
    if (last_multicast_) remember_removed(before.advertisement);
    if (!source_) return {};
    return announce(now);
}

std::vector<Send> Advertiser::on_solicitation(const RouterSolicitation& /*solicitation*/,
                                              const net::Ipv6Address& from, TimePoint now) {
    if (!source_ || from.is_multicast() || multicast_answers_all_) return {};
    if (from.is_unspecified() || !config_.unicast_replies) {
        reply_by_multicast(now);
        return {};
    }
    if (pending_.contains(from)) return {};  // the delay counts from its first solicitation
    const TimePoint due = answerable_from(from, now) + draw(Duration::zero(), kMaxReplyDelay);
    if (pending_.size() == kMaxPending) {
        multicast_answers_all_ = true;
        pending_.clear();
        reply_by_multicast(now);
        return {};
    }
    pending_.emplace(from, due);
    return {};
}

std::vector<Send> Advertiser::withdraw(TimePoint now) {
    if (!source_) return {};
    RouterAdvertisement last_word = message(*source_);
    last_word.router_lifetime = std::chrono::duration<std::uint16_t>{0};
    last_word.preference = Preference::medium;
    for (Option& option : last_word.options) expire(option);
    Send send{source_->address, kAllNodes, std::move(last_word)};
    removed_.clear();
    forget_source();
    farewell_ = std::move(send);
    farewells_left_ = kFinalAdvertisements;
    next_multicast_ = earliest_multicast(now);
    return on_deadline(now);
}

std::vector<Send> Advertiser::on_deadline(TimePoint now) {
    if (next_multicast_ && now >= *next_multicast_) return {farewell_ ? farewell(now) : multicast(now)};
    return unicast_replies(now);
}

std::optional<TimePoint> Advertiser::deadline() const {
    std::optional<TimePoint> first = next_multicast_;
    for (const auto& [host, due] : pending_) first = std::min(first.value_or(due), due);
    return first;
}

void Advertiser::forget_source() {
    source_.reset();
    next_multicast_.reset();
    multicast_reply_ = false;
    multicast_answers_all_ = false;
    pending_.clear();
    farewell_.reset();
}

// RFC 4861 section 6.2.4: as when the interface becomes an advertising one.
std::vector<Send> Advertiser::announce(TimePoint now) {
    quick_left_ = kInitialAdvertisements;
    next_multicast_ = earliest_multicast(now);
    return on_deadline(now);
}

// Solicited or not, it reaches everybody: it starts the interval anew, and answers also who waits for a
// unicast that would have come later (RFC 4861 section 6.2.6).
Send Advertiser::multicast(TimePoint now) {
    Send send{source_->address, kAllNodes, message(*source_)};
    if (quick_left_ > 0) --quick_left_;
    if (quick_left_ == 0) removed_.clear();
    last_multicast_ = now;
    next_multicast_ = now + next_interval();
    multicast_reply_ = false;
    multicast_answers_all_ = false;
    pending_.clear();
    return send;
}

Send Advertiser::farewell(TimePoint now) {
    Send send = *farewell_;
    last_multicast_ = now;
    next_multicast_.reset();
    if (--farewells_left_ > 0) {
        next_multicast_ = now + kMinDelayBetweenAdvertisements;
    } else {
        farewell_.reset();
    }
    return send;
}

std::vector<Send> Advertiser::unicast_replies(TimePoint now) {
    std::vector<Send> sends;
    for (auto it = pending_.begin(); it != pending_.end();) {
        if (now < it->second) {
            ++it;
            continue;
        }
        if (!take_reply_token(now)) {
            multicast_answers_all_ = true;
            pending_.clear();
            reply_by_multicast(now);
            break;
        }
        sends.push_back({source_->address, it->first, message(*source_)});
        while (!answered_.empty() && answered_.front().when + kPerHostMinimum <= now) answered_.pop_front();
        answered_.push_back({it->first, now});
        it = pending_.erase(it);
    }
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

// A token bucket kept as the time until which the replies sent so far have used it up.
bool Advertiser::take_reply_token(TimePoint now) {
    const TimePoint paid = std::max(replies_paid_until_, now);
    if (paid - now > (kReplyBurst - 1) * kReplySpacing) return false;
    replies_paid_until_ = paid + kReplySpacing;
    return true;
}

TimePoint Advertiser::answerable_from(const net::Ipv6Address& host, TimePoint now) const {
    // From the back: its latest answer counts. The token bucket keeps this short (two bursts).
    const auto it = std::find_if(answered_.rbegin(), answered_.rend(),
                                 [&](const Answered& answered) { return answered.host == host; });
    return it == answered_.rend() ? now : std::max(now, it->when + kPerHostMinimum);
}

TimePoint Advertiser::earliest_multicast(TimePoint now) const {
    return last_multicast_ ? std::max(now, *last_multicast_ + kMinDelayBetweenAdvertisements) : now;
}

RouterAdvertisement Advertiser::message(const Source& source) const {
    RouterAdvertisement advertisement = config_.advertisement;
    auto& options = advertisement.options;
    options.insert(options.end(), removed_.begin(), removed_.end());
    if (source.link_address) options.emplace_back(SourceLinkLayerAddress{*source.link_address});
    return advertisement;
}

// Without a word hosts would keep what the configuration no longer has for the rest of its lifetime.
void Advertiser::remember_removed(const RouterAdvertisement& before) {
    removed_.insert(removed_.end(), before.options.begin(), before.options.end());
    std::vector<Option> kept;
    for (Option& option : removed_) {
        if (!expire(option) || has_subject(config_.advertisement.options, option)) continue;
        kept.push_back(std::move(option));
    }
    if (kept.size() > kMaxRemoved) kept.erase(kept.begin(), kept.end() - kMaxRemoved);
    removed_ = std::move(kept);
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
