// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/token_bucket.h"

namespace ulagate::ra {

// Who waits for a unicast answer to its solicitation (RFC 4861 section 6.2.6), and how many get one, among
// those who are not known to be where they say (see DirectReplies): the kernel has to find out.
//
// At most 64 hosts wait, one host is answered once a second, and all of them together 50 times a second. When
// more ask, the next multicast advertisement answers them all, and nobody else waits until then. But the 3 s
// rule makes that slow; so the hosts that were answered in quiet times (the last 256) are not among the
// strangers, and have limits of their own: what a flood with forged senders takes from everybody else, it
// does not take from them. Pure: time is an argument.
class Replies {
public:
    using TimePoint = std::chrono::steady_clock::time_point;
    using Duration = std::chrono::steady_clock::duration;

    // It waits already, or for the multicast that answers all.
    [[nodiscard]] bool has(const net::Ipv6Address& host) const;
    // It is to be answered after `delay`, or as soon as its last answer is a second ago. False: too many ask,
    // and a multicast has to answer.
    bool add(const net::Ipv6Address& host, TimePoint now, Duration delay);
    struct Due {
        std::vector<net::Ipv6Address> hosts;
        bool too_many = false;  // a multicast has to answer the others
    };
    Due due(TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const;
    // A multicast has answered them, or there is nobody to answer any more.
    void clear();
    // It could not be reached.
    void forget(const net::Ipv6Address& host);

    [[nodiscard]] std::size_t waiting() const { return strangers_.waiting.size() + known_.waiting.size(); }
    // Everything that strangers can make us use memory for.
    [[nodiscard]] std::size_t remembered() const { return waiting() + answered_.size() + quiet_.size(); }

private:
    struct Queue {
        std::map<net::Ipv6Address, TimePoint> waiting;  // until when
        TokenBucket total;
    };
    struct Answered {
        net::Ipv6Address host;
        TimePoint when;
    };
    [[nodiscard]] bool is_known(const net::Ipv6Address& host) const;
    [[nodiscard]] TimePoint answerable_from(const net::Ipv6Address& host, TimePoint now) const;
    void take_due(Queue& queue, TimePoint now, Due& due);
    void answer(const net::Ipv6Address& host, TimePoint now);
    void overflow(Queue& queue, TimePoint now);

    Queue strangers_;
    Queue known_;
    bool closed_ = false;                 // to strangers, until a multicast has answered all
    std::deque<Answered> answered_;       // oldest first, none older than the per-host minimum
    std::deque<net::Ipv6Address> quiet_;  // who was answered in quiet times, the latest last
    TimePoint quiet_from_ = TimePoint::min();
};

}  // namespace ulagate::ra
