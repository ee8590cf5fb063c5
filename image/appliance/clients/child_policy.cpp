// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/clients/child_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace ulagate::appliance {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds kFirst{1};
constexpr std::chrono::seconds kLongest{60};
constexpr auto kStable = 60s;
constexpr std::size_t kMaxLine = 300;

}  // namespace

Backoff::TimePoint Backoff::on_end(TimePoint now) {
    if (now - started_ >= kStable) failures_ = 0;
    const auto wait = std::min(kFirst * (std::int64_t{1} << std::min(failures_, 6U)), kLongest);
    ++failures_;
    return now + wait;
}

unsigned Backoff::failures(bool running, TimePoint now) const {
    return running && now - started_ >= kStable ? 0 : failures_;
}

OutputLines::Taken OutputLines::take(std::string_view bytes, TimePoint now) {
    Taken out;
    for (const char c : bytes) {
        if (c != '\n') {
            if (rest_.size() < kMaxLine) {
                rest_ += c;
            } else {
                overlong_ = true;
            }
            continue;
        }
        if (overlong_) rest_ += "...";
        overlong_ = false;
        if (!rest_.empty()) {
            if (is_chatter(rest_)) {
                // for who listens only
            } else if (log_.take(1, now)) {
                if (left_out_ > 0) out.log.push_back(fmt::format("({} lines left out)", left_out_));
                left_out_ = 0;
                out.log.push_back(rest_);
            } else {
                ++left_out_;
            }
            out.lines.push_back(std::move(rest_));
        }
        rest_.clear();
    }
    return out;
}

bool is_chatter(std::string_view line) {
    static constexpr std::array<std::string_view, 6> kChatter{
        "udhcpc: broadcasting discover", "udhcpc: sending discover",   "udhcpc: started",
        ": using nameserver ",           ": using only locally-known", ": cleared cache"};
    return std::any_of(kChatter.begin(), kChatter.end(),
                       [&](std::string_view one) { return line.find(one) != std::string_view::npos; });
}

}  // namespace ulagate::appliance
