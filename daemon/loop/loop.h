// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/assert/source_location.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "daemon/base/result.h"

namespace ulagate {

inline std::chrono::steady_clock::time_point now() { return std::chrono::steady_clock::now(); }

// The event loop as the parts of the daemon need it: the time, timers, descriptors, and work for the next
// turn. Everything runs in one thread. AsioLoop is the real one; tests have one in which time is virtual.
class Loop {
public:
    using TimePoint = std::chrono::steady_clock::time_point;
    using WallTime = std::chrono::system_clock::time_point;

    // Calls back once at a time that can be moved. After its destruction it does not call any more.
    class Timer {
    public:
        Timer() = default;
        Timer(const Timer&) = delete;
        Timer& operator=(const Timer&) = delete;
        Timer(Timer&&) = delete;
        Timer& operator=(Timer&&) = delete;
        virtual ~Timer() = default;
        // nullopt: never.
        virtual void set(std::optional<TimePoint> when) = 0;
        // When it will call; nothing once it has.
        [[nodiscard]] virtual std::optional<TimePoint> when() const = 0;
    };
    // A descriptor that is watched until this is destroyed.
    class Watch {
    public:
        Watch() = default;
        Watch(const Watch&) = delete;
        Watch& operator=(const Watch&) = delete;
        Watch(Watch&&) = delete;
        Watch& operator=(Watch&&) = delete;
        virtual ~Watch() = default;
    };

    Loop() = default;
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    Loop(Loop&&) = delete;
    Loop& operator=(Loop&&) = delete;
    virtual ~Loop() = default;

    [[nodiscard]] virtual TimePoint now() const = 0;
    [[nodiscard]] virtual WallTime wall_clock() const = 0;
    // Of this thread, with what the kernel does for it: on a busy machine time passes without any work of
    // ours.
    [[nodiscard]] virtual std::chrono::nanoseconds processor_time() const = 0;
    // In a later turn, in the order of the calls.
    virtual void post(std::function<void()> call) = 0;
    // `name`: for the record of turns.
    virtual std::unique_ptr<Timer> timer(std::function<void()> call, std::string name) = 0;
    // Does not own the descriptor, and goes on when it is closed before the watch is.
    virtual Result<std::unique_ptr<Watch>> watch(int fd, std::function<void()> call,
                                                 std::chrono::milliseconds pause, std::string name) = 0;
};

// The loop over Boost.Asio, in real time.
class AsioLoop final : public Loop {
public:
    explicit AsioLoop(boost::asio::io_context& io) : io_(io) {}

    [[nodiscard]] TimePoint now() const override { return std::chrono::steady_clock::now(); }
    [[nodiscard]] WallTime wall_clock() const override { return std::chrono::system_clock::now(); }
    [[nodiscard]] std::chrono::nanoseconds processor_time() const override;
    void post(std::function<void()> call) override;
    std::unique_ptr<Timer> timer(std::function<void()> call, std::string name) override;
    Result<std::unique_ptr<Watch>> watch(int fd, std::function<void()> call, std::chrono::milliseconds pause,
                                         std::string name) override;
    // For what has sockets of Asio's own.
    [[nodiscard]] boost::asio::io_context& io() { return io_; }

private:
    boost::asio::io_context& io_;
};

// Calls back whenever a file descriptor is readable, until destroyed. Does not own the descriptor (it watches
// a duplicate); the callback reads a bounded amount, and is called again if there is more. With a pause it is
// called at most that often, so that what comes in floods is read in batches.
class Readable {
public:
    static Result<std::unique_ptr<Readable>> watch(Loop& loop, int fd, std::function<void()> call,
                                                   std::chrono::milliseconds pause = {},
                                                   boost::source_location whose = BOOST_CURRENT_LOCATION);
    // In real time.
    static Result<std::unique_ptr<Readable>> watch(boost::asio::io_context& io, int fd,
                                                   std::function<void()> call,
                                                   std::chrono::milliseconds pause = {},
                                                   boost::source_location whose = BOOST_CURRENT_LOCATION);

private:
    explicit Readable(std::unique_ptr<Loop::Watch> watch) : watch_(std::move(watch)) {}
    std::unique_ptr<Loop::Watch> watch_;
};

// Calls back once at a time that can be moved.
class Alarm {
public:
    using TimePoint = Loop::TimePoint;

    Alarm(Loop& loop, std::function<void()> call, boost::source_location whose = BOOST_CURRENT_LOCATION);
    // In real time.
    Alarm(boost::asio::io_context& io, std::function<void()> call,
          boost::source_location whose = BOOST_CURRENT_LOCATION);

    // nullopt: never. The same time again costs nothing.
    void set(std::optional<TimePoint> when) {
        if (timer_->when() != when) timer_->set(when);
    }
    [[nodiscard]] bool is_set() const { return timer_->when().has_value(); }

private:
    std::unique_ptr<Loop::Timer> timer_;
};

}  // namespace ulagate
