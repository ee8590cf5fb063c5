// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/loop/loop.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <ctime>
#include <string_view>
#include <utility>

#include "daemon/base/turn_record.h"

namespace ulagate {
namespace {

// "alarm of service.cpp:217"
std::string name_of(const char* kind, const boost::source_location& whose) {
    const std::string_view file = whose.file_name();
    return fmt::format("{} of {}:{}", kind, file.substr(file.rfind('/') + 1), whose.line());
}

class AsioWatch final : public Loop::Watch {
public:
    AsioWatch(boost::asio::io_context& io, int fd, std::function<void()> call,
              std::chrono::milliseconds pause, std::string name)
        : state_(std::make_shared<State>(io, fd, std::move(call), pause, std::move(name))) {
        wait(state_);
    }
    AsioWatch(const AsioWatch&) = delete;
    AsioWatch& operator=(const AsioWatch&) = delete;
    AsioWatch(AsioWatch&&) = delete;
    AsioWatch& operator=(AsioWatch&&) = delete;
    ~AsioWatch() override {
        state_->alive = false;
        boost::system::error_code ignored;
        state_->descriptor.close(ignored);
        state_->timer.cancel(ignored);
    }

private:
    // Outlives the watch while an operation is in flight, so that a late completion finds `alive` false.
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
        std::string name;
        bool alive = true;
    };
    static void wait(const std::shared_ptr<State>& state) {
        state->descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                                     [state](const boost::system::error_code& error) {
                                         if (error || !state->alive) return;
                                         {
                                             const TurnPart turn{state->name.c_str()};
                                             state->call();
                                         }
                                         if (state->alive) rest(state);
                                     });
    }
    static void rest(const std::shared_ptr<State>& state) {
        if (state->pause.count() == 0) return wait(state);
        state->timer.expires_after(state->pause);
        state->timer.async_wait([state](const boost::system::error_code& error) {
            if (!error && state->alive) wait(state);
        });
    }

    std::shared_ptr<State> state_;
};

class AsioTimer final : public Loop::Timer {
public:
    AsioTimer(boost::asio::io_context& io, std::function<void()> call, std::string name)
        : state_(std::make_shared<State>(io, std::move(call), std::move(name))) {}
    AsioTimer(const AsioTimer&) = delete;
    AsioTimer& operator=(const AsioTimer&) = delete;
    AsioTimer(AsioTimer&&) = delete;
    AsioTimer& operator=(AsioTimer&&) = delete;
    ~AsioTimer() override {
        state_->alive = false;
        boost::system::error_code ignored;
        state_->timer.cancel(ignored);
    }
    void set(std::optional<Loop::TimePoint> when) override {
        state_->when = when;
        if (!when) {
            state_->timer.cancel();
            return;
        }
        state_->timer.expires_at(*when);  // cancels the wait before
        state_->timer.async_wait([state = state_, when](const boost::system::error_code& error) {
            // A completion that was already queued when the time was moved is not this timer's any more.
            if (error || !state->alive || state->when != when) return;
            state->when.reset();
            const TurnPart turn{state->name.c_str()};
            state->call();
        });
    }
    [[nodiscard]] std::optional<Loop::TimePoint> when() const override { return state_->when; }

private:
    struct State {
        State(boost::asio::io_context& io, std::function<void()> callback, std::string caller)
            : timer(io), call(std::move(callback)), name(std::move(caller)) {}
        boost::asio::steady_timer timer;
        std::function<void()> call;
        std::optional<Loop::TimePoint> when;
        std::string name;
        bool alive = true;
    };
    std::shared_ptr<State> state_;
};

}  // namespace

std::chrono::nanoseconds AsioLoop::processor_time() const {
    timespec used{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
}

void AsioLoop::post(std::function<void()> call) { boost::asio::post(io_, std::move(call)); }

std::unique_ptr<Loop::Timer> AsioLoop::timer(std::function<void()> call, std::string name) {
    return std::make_unique<AsioTimer>(io_, std::move(call), std::move(name));
}

Result<std::unique_ptr<Loop::Watch>> AsioLoop::watch(int fd, std::function<void()> call,
                                                     std::chrono::milliseconds pause, std::string name) {
    const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return fail_errno("watch a descriptor");
    return std::make_unique<AsioWatch>(io_, copy, std::move(call), pause, std::move(name));
}

Result<std::unique_ptr<Readable>> Readable::watch(Loop& loop, int fd, std::function<void()> call,
                                                  std::chrono::milliseconds pause,
                                                  boost::source_location whose) {
    auto watched = loop.watch(fd, std::move(call), pause, name_of("event", whose));
    if (!watched) return tl::unexpected<Error>{std::move(watched.error())};
    return std::unique_ptr<Readable>{new Readable(std::move(*watched))};
}

Result<std::unique_ptr<Readable>> Readable::watch(boost::asio::io_context& io, int fd,
                                                  std::function<void()> call, std::chrono::milliseconds pause,
                                                  boost::source_location whose) {
    AsioLoop loop{io};
    return watch(loop, fd, std::move(call), pause, whose);
}

Alarm::Alarm(Loop& loop, std::function<void()> call, boost::source_location whose)
    : timer_(loop.timer(std::move(call), name_of("alarm", whose))) {}

Alarm::Alarm(boost::asio::io_context& io, std::function<void()> call, boost::source_location whose)
    : timer_(AsioLoop{io}.timer(std::move(call), name_of("alarm", whose))) {}

}  // namespace ulagate
