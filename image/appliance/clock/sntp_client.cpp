// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/clock/sntp_client.h"

#include <algorithm>
#include <utility>

namespace ulagate::appliance {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr std::size_t kAtOnce = 4;
constexpr auto kRound = 3s;
constexpr unsigned kMaxBackoff = 5;  // 2 s, 4 s, ... 64 s
constexpr unsigned kSoon = 3;  // the first answers, before the clock's own error is known, are checked soon
constexpr auto kSoonInterval = 64s;
constexpr auto kInterval = 1024s;
// Of two time servers that say the same.
constexpr auto kAgree = 10s;
// Beyond that an answer says nothing.
constexpr auto kMaxDelay = 3s;

}  // namespace

void SntpClient::set_servers(const std::vector<net::IpAddress>& servers, TimePoint now) {
    if (servers == servers_) return;
    servers_ = servers;
    refused_.clear();
    next_ = 0;
    on_network_change(now);
}

void SntpClient::on_network_change(TimePoint now) {
    if (successes_ > 0 && failures_ == 0 && !in_round_) return;  // in good time is early enough
    failures_ = 0;
    round_.clear();
    in_round_ = false;
    deadline_ = servers_.empty() ? std::nullopt : std::optional{now};
}

std::vector<SntpClient::Question> SntpClient::begin_round(Now now) {
    std::vector<Question> out;
    round_.clear();
    std::vector<net::IpAddress> willing;
    for (const net::IpAddress& server : servers_)
        if (!refused_.contains(server)) willing.push_back(server);
    if (willing.empty()) {
        deadline_.reset();
        return out;
    }
    for (std::size_t i = 0; i < std::min(kAtOnce, willing.size()); ++i) {
        const net::IpAddress& server = willing[(next_ + i) % willing.size()];
        const std::uint64_t bits = random_();
        const NtpTime cookie{static_cast<std::uint32_t>(bits >> 32U), static_cast<std::uint32_t>(bits)};
        round_[server] = {cookie, now, std::nullopt, false};
        out.push_back({server, sntp_question(cookie)});
    }
    in_round_ = true;
    deadline_ = now.steady + kRound;
    return out;
}

std::optional<ClockSample> SntpClient::end_round(TimePoint now) {
    in_round_ = false;
    std::vector<ClockSample> answers;
    for (const auto& [server, asked] : round_)
        if (asked.answer) answers.push_back(*asked.answer);
    if (answers.empty()) {
        next_ += round_.size();
        round_.clear();
        deadline_ = now + (2s * (1 << std::min(failures_, kMaxBackoff)));
        ++failures_;
        return std::nullopt;
    }
    round_.clear();
    failures_ = 0;
    ++successes_;
    deadline_ = now + (successes_ <= kSoon ? kSoonInterval : kInterval);
    std::sort(answers.begin(), answers.end(),
              [](const auto& one, const auto& other) { return one.offset < other.offset; });
    ClockSample middle = answers[(answers.size() - 1) / 2];
    middle.answers = answers.size();
    middle.agreeing =
        static_cast<std::size_t>(std::count_if(answers.begin(), answers.end(), [&](const ClockSample& one) {
            return one.offset - middle.offset <= kAgree && middle.offset - one.offset <= kAgree;
        }));
    return middle;
}

bool SntpClient::all_done() const {
    return std::all_of(round_.begin(), round_.end(), [](const auto& entry) { return entry.second.done; });
}

SntpClient::Turn SntpClient::on_deadline(Now now) {
    if (!deadline_ || now.steady < *deadline_) return {};
    if (in_round_) return {{}, end_round(now.steady)};
    return {begin_round(now), std::nullopt};
}

Result<SntpClient::Turn> SntpClient::on_packet(const net::IpAddress& from, std::span<const std::byte> packet,
                                               Now now) {
    const auto found = round_.find(from);
    if (!in_round_ || found == round_.end() || found->second.done) return fail("not asked");
    Asked& asked = found->second;
    const auto reply = parse_sntp(packet);
    if (!reply) return tl::unexpected{reply.error()};
    const auto good = check_sntp(*reply, asked.cookie);
    // Whoever only guesses at our question must not end it.
    if (!good && reply->origin != asked.cookie) return tl::unexpected{good.error()};
    asked.done = true;
    if (good) {
        // RFC 4330 section 5. How long it took is measured by the clock that nobody sets.
        const nanoseconds took = now.steady - asked.sent.steady;
        const WallTime received = from_ntp(reply->receive, asked.sent.wall);
        const WallTime transmitted = from_ntp(reply->transmit, received);
        const nanoseconds delay = took - (transmitted - received);
        if (delay >= 0ns && delay <= kMaxDelay && transmitted >= received) {
            const nanoseconds out = received - asked.sent.wall;
            asked.answer = ClockSample{out - delay / 2, delay, from, 1};
        }
    } else if (reply->stratum == 0) {
        refused_.insert(from);
    }
    Turn turn;
    if (all_done()) turn.sample = end_round(now.steady);
    if (!good) return tl::unexpected{good.error()};
    return turn;
}

}  // namespace ulagate::appliance
