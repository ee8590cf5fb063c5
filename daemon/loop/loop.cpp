// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/loop/loop.h"

#include <fcntl.h>
#include <fmt/format.h>

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

}  // namespace

Result<std::unique_ptr<Readable>> Readable::watch(boost::asio::io_context& io, int fd,
                                                  std::function<void()> call, std::chrono::milliseconds pause,
                                                  boost::source_location whose) {
    const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return fail_errno("watch a descriptor");
    auto state = std::make_shared<State>(io, copy, std::move(call), pause, name_of("event", whose));
    wait(state);
    return std::unique_ptr<Readable>{new Readable(std::move(state))};
}

void Readable::wait(const std::shared_ptr<State>& state) {
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

void Readable::rest(const std::shared_ptr<State>& state) {
    if (state->pause.count() == 0) return wait(state);
    state->timer.expires_after(state->pause);
    state->timer.async_wait([state](const boost::system::error_code& error) {
        if (!error && state->alive) wait(state);
    });
}

Readable::~Readable() {
    state_->alive = false;
    boost::system::error_code ignored;
    state_->descriptor.close(ignored);
    state_->timer.cancel(ignored);
}

Alarm::Alarm(boost::asio::io_context& io, std::function<void()> call, boost::source_location whose)
    : state_(std::make_shared<State>(io, std::move(call), name_of("alarm", whose))) {}

void Alarm::set(std::optional<TimePoint> when) {
    if (state_->when == when) return;
    state_->when = when;
    if (!when) {
        state_->timer.cancel();
        return;
    }
    state_->timer.expires_at(*when);  // cancels the wait before
    state_->timer.async_wait([state = state_, when](const boost::system::error_code& error) {
        // A completion that was already queued when the time was moved is not this alarm any more.
        if (error || !state->alive || state->when != when) return;
        state->when.reset();
        const TurnPart turn{state->name.c_str()};
        state->call();
    });
}

Alarm::~Alarm() {
    state_->alive = false;
    boost::system::error_code ignored;
    state_->timer.cancel(ignored);
}

}  // namespace ulagate
