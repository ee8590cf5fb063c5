// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/loop/loop.h"

namespace ulagate::fake {

// The event loop in virtual time: a day takes as long as its work. Timers fire in the order of their times
// (of equal ones, the one that was set first), each at exactly its time; what was posted comes before any of
// them. Descriptors are real ones, and are looked at between two turns.
class VirtualLoop final : public Loop {
public:
    static constexpr WallTime kEpoch{std::chrono::hours{24 * 365 * 56}};  // of the wall clock, at the start

    [[nodiscard]] TimePoint now() const override { return now_; }
    [[nodiscard]] WallTime wall_clock() const override { return wall_; }
    [[nodiscard]] std::chrono::nanoseconds processor_time() const override { return {}; }
    void post(std::function<void()> call) override { posted_.push_back(std::move(call)); }
    std::unique_ptr<Timer> timer(std::function<void()> call, std::string name) override {
        return std::make_unique<VirtualTimer>(*this, std::move(call), std::move(name));
    }
    Result<std::unique_ptr<Watch>> watch(int fd, std::function<void()> call, std::chrono::milliseconds,
                                         std::string) override {
        return std::make_unique<VirtualWatch>(*this, fd, std::move(call));
    }

    // All turns up to then, and the time as it is afterwards.
    void run_for(std::chrono::nanoseconds time) {
        const TimePoint end = now_ + time;
        settle();
        while (const auto next = earliest(end)) {
            advance_to(next->when);
            fire(next->set);
            settle();
        }
        advance_to(end);
    }
    // What is posted or readable now, without any time passing.
    void settle() {
        while (turn()) {
        }
    }
    // As a time service does it: the other clock does not notice.
    void step_wall_clock(std::chrono::nanoseconds by) {
        wall_ += std::chrono::duration_cast<WallTime::duration>(by);
    }
    // When the next timer fires.
    [[nodiscard]] std::optional<TimePoint> next_timer() const {
        const auto next = earliest(TimePoint::max());
        return next ? std::optional{next->when} : std::nullopt;
    }

private:
    struct Set {
        TimePoint when;
        unsigned long set;  // in which order they were set; no two are equal
        // Not by a pointer to the timer: what it calls may destroy it.
        std::shared_ptr<std::function<void()>> call;
    };
    class VirtualTimer final : public Timer {
    public:
        VirtualTimer(VirtualLoop& loop, std::function<void()> call, std::string name)
            : loop_(loop),
              call_(std::make_shared<std::function<void()>>(std::move(call))),
              name_(std::move(name)) {}
        VirtualTimer(const VirtualTimer&) = delete;
        VirtualTimer& operator=(const VirtualTimer&) = delete;
        VirtualTimer(VirtualTimer&&) = delete;
        VirtualTimer& operator=(VirtualTimer&&) = delete;
        ~VirtualTimer() override { set(std::nullopt); }
        void set(std::optional<TimePoint> when) override {
            std::erase_if(loop_.timers_, [&](const Set& each) { return each.call == call_; });
            if (when) loop_.timers_.push_back({*when, ++loop_.sets_, call_});
        }
        [[nodiscard]] std::optional<TimePoint> when() const override {
            for (const Set& each : loop_.timers_) {
                if (each.call == call_) return each.when;
            }
            return std::nullopt;
        }

    private:
        VirtualLoop& loop_;
        std::shared_ptr<std::function<void()>> call_;
        std::string name_;
    };
    class VirtualWatch final : public Watch {
    public:
        VirtualWatch(VirtualLoop& loop, int fd, std::function<void()> call)
            : loop_(loop), call_(std::make_shared<std::function<void()>>(std::move(call))) {
            loop_.watches_.push_back({fd, call_});
        }
        VirtualWatch(const VirtualWatch&) = delete;
        VirtualWatch& operator=(const VirtualWatch&) = delete;
        VirtualWatch(VirtualWatch&&) = delete;
        VirtualWatch& operator=(VirtualWatch&&) = delete;
        ~VirtualWatch() override {
            std::erase_if(loop_.watches_, [&](const Watched& each) { return each.call == call_; });
        }

    private:
        VirtualLoop& loop_;
        std::shared_ptr<std::function<void()>> call_;
    };
    struct Watched {
        int fd;
        std::shared_ptr<std::function<void()>> call;
    };

    [[nodiscard]] std::optional<Set> earliest(TimePoint end) const {
        const auto first = std::min_element(timers_.begin(), timers_.end(), [](const Set& a, const Set& b) {
            return std::pair{a.when, a.set} < std::pair{b.when, b.set};
        });
        return first == timers_.end() || first->when > end ? std::nullopt : std::optional{*first};
    }
    void advance_to(TimePoint when) {
        if (when <= now_) return;  // a time that has passed already
        wall_ += std::chrono::duration_cast<WallTime::duration>(when - now_);
        now_ = when;
    }
    void fire(unsigned long which) {
        const auto found =
            std::find_if(timers_.begin(), timers_.end(), [&](const Set& each) { return each.set == which; });
        const auto call = found->call;
        timers_.erase(found);
        (*call)();
    }
    bool turn() {
        if (!posted_.empty()) {
            const auto call = std::move(posted_.front());
            posted_.pop_front();
            call();
            return true;
        }
        for (const Watched& each : watches_) {
            pollfd ask{each.fd, POLLIN, 0};
            if (::poll(&ask, 1, 0) != 1) continue;
            const auto call = each.call;
            (*call)();
            return true;
        }
        return false;
    }

    TimePoint now_{std::chrono::hours{1}};
    WallTime wall_ = kEpoch;
    std::deque<std::function<void()>> posted_;
    std::vector<Set> timers_;
    std::vector<Watched> watches_;
    unsigned long sets_ = 0;
};

}  // namespace ulagate::fake
