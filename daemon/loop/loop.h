// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/assert/source_location.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "daemon/base/result.h"

namespace ulagate {

inline std::chrono::steady_clock::time_point now() { return std::chrono::steady_clock::now(); }

// Calls back whenever a file descriptor is readable, until destroyed. Does not own the descriptor (it watches
// a duplicate); the callback reads a bounded amount, and is called again if there is more. With a pause it is
// called at most that often, so that what comes in floods is read in batches.
class Readable {
public:
    static Result<std::unique_ptr<Readable>> watch(boost::asio::io_context& io, int fd,
                                                   std::function<void()> call,
                                                   std::chrono::milliseconds pause = {},
                                                   boost::source_location whose = BOOST_CURRENT_LOCATION);
    Readable(const Readable&) = delete;
    Readable& operator=(const Readable&) = delete;
    Readable(Readable&&) = delete;
    Readable& operator=(Readable&&) = delete;
    ~Readable();

private:
    // Outlives the Readable while an operation is in flight, so that a late completion finds `alive` false.
    struct State {
        State(boost::asio::io_context& io, int fd, std::function<void()> callback,
              std::chrono::milliseconds between, std::string caller)
            : descriptor(io, fd),
              timer(io),
              call(std::move(callback)),
              pause(between),
              name(std::move(caller)) {}
        boost::asio::posix::stream_descriptor descriptor;
        boost::asio::steady_timer timer;
        std::function<void()> call;
        std::chrono::milliseconds pause;
        std::string name;  // for the record of turns
        bool alive = true;
    };
    explicit Readable(std::shared_ptr<State> state) : state_(std::move(state)) {}
    static void wait(const std::shared_ptr<State>& state);
    static void rest(const std::shared_ptr<State>& state);

    std::shared_ptr<State> state_;
};

// Calls back once at a time that can be moved.
class Alarm {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    Alarm(boost::asio::io_context& io, std::function<void()> call,
          boost::source_location whose = BOOST_CURRENT_LOCATION);
    Alarm(const Alarm&) = delete;
    Alarm& operator=(const Alarm&) = delete;
    Alarm(Alarm&&) = delete;
    Alarm& operator=(Alarm&&) = delete;
    ~Alarm();

    // Nothing: never. The same time again costs nothing.
    void set(std::optional<TimePoint> when);
    [[nodiscard]] bool is_set() const { return state_->when.has_value(); }

private:
    struct State {
        State(boost::asio::io_context& io, std::function<void()> callback, std::string caller)
            : timer(io), call(std::move(callback)), name(std::move(caller)) {}
        boost::asio::steady_timer timer;
        std::function<void()> call;
        std::optional<TimePoint> when;
        std::string name;  // for the record of turns
        bool alive = true;
    };
    std::shared_ptr<State> state_;
};

}  // namespace ulagate
