// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/first_handshake.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

// 0.3 s is more than a round trip to any relay; doubled each time the tries cover the first 10 s of an
// uplink.
constexpr auto kFirstWait = 300ms;
constexpr unsigned kMaxTries = 5;

}  // namespace

void FirstHandshake::update(const std::optional<net::Endpoint>& endpoint, bool handshake_seen,
                            TimePoint now) {
    if (!endpoint || handshake_seen) {
        start_again();
        return;
    }
    if (endpoint_ == endpoint) return;  // the tries for it are under way, or used up
    endpoint_ = endpoint;
    tries_ = 0;
    next_ = now + kFirstWait;
}

void FirstHandshake::start_again() {
    endpoint_.reset();
    next_.reset();
    tries_ = 0;
}

bool FirstHandshake::take_try(TimePoint now) {
    if (!next_ || now < *next_) return false;
    ++tries_;
    next_.reset();
    if (tries_ < kMaxTries) next_ = now + kFirstWait * (1U << tries_);
    return true;
}

}  // namespace ulagate
