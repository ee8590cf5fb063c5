// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device/background_backend.h"

#include <sys/eventfd.h>

#include <condition_variable>
#include <cstdint>
#include <iterator>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "daemon/base/thread.h"

namespace ulagate::wg {
namespace {

using Clock = std::chrono::steady_clock;

const std::error_code kUnderWay = std::make_error_code(std::errc::operation_in_progress);

void raise(const UniqueFd& events) {
    const std::uint64_t one = 1;
    // It can only fail when it is raised already.
    if (::write(events.get(), &one, sizeof one) < 0) return;
}

void lower(const UniqueFd& events) {
    std::uint64_t count = 0;
    if (::read(events.get(), &count, sizeof count) < 0) return;
}

}  // namespace

// One interface's thread, and what it and the loop have to say to each other.
struct BackgroundBackend::Worker {
    std::mutex mutex;
    std::condition_variable wake;   // the thread: there is something to do
    std::condition_variable ended;  // the loop: something is done
    bool stop = false;

    Change change;  // to be made
    bool changing = false;
    bool left = false;  // the loop does not wait for it any more
    std::optional<Result<void>> changed;

    bool read_wanted = false;
    bool reading = false;
    bool outdated = false;  // a change came while it was read
    bool missed = false;    // the loop does not wait for the answer any more
    std::optional<Result<Device>> answer;
    std::optional<Clock::time_point> asked;  // the oldest question without an answer

    bool slow = false;  // let a moment pass and has not answered since
    std::thread thread;

    void serve(const std::string& interface, Backend& backend, const UniqueFd& events);
    [[nodiscard]] bool idle() const {
        return !change && !changing && !changed && !read_wanted && !reading && !answer;
    }
    // The loop's moment. The mutex is held.
    template <class Condition>
    bool wait(std::unique_lock<std::mutex>& lock, Clock::time_point end, Condition condition) {
        if (!slow && ended.wait_until(lock, end, condition)) return true;
        return condition();
    }
};

void BackgroundBackend::Worker::serve(const std::string& interface, Backend& backend,
                                      const UniqueFd& events) {
    std::unique_lock lock{mutex};
    for (;;) {
        wake.wait(lock, [this] { return stop || change || read_wanted; });
        if (stop) return;
        if (change) {
            const Change todo = std::exchange(change, nullptr);
            changing = true;
            lock.unlock();
            auto result = todo(backend);
            lock.lock();
            changing = false;
            changed = std::move(result);
            slow = false;
            if (left) raise(events);
        } else {
            read_wanted = false;
            reading = true;
            outdated = false;
            lock.unlock();
            auto result = backend.read(interface);
            lock.lock();
            reading = false;
            slow = false;
            if (outdated) {
                read_wanted = true;  // after the change that waits
            } else {
                answer = std::move(result);
                asked.reset();
                if (std::exchange(missed, false)) raise(events);
            }
        }
        ended.notify_one();
    }
}

BackgroundBackend::BackgroundBackend(std::unique_ptr<Backend> backend, std::chrono::milliseconds moment)
    : backend_(std::move(backend)), moment_(moment), events_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

BackgroundBackend::~BackgroundBackend() {
    backend_->give_up();
    for (const auto& [interface, worker] : workers_) {
        const std::lock_guard lock{worker->mutex};
        worker->stop = true;
        worker->wake.notify_one();
    }
    for (const auto& [interface, worker] : workers_) worker->thread.join();
}

// nullptr: there can be no more threads.
BackgroundBackend::Worker* BackgroundBackend::worker(const std::string& interface) {
    if (const auto known = workers_.find(interface); known != workers_.end()) return known->second.get();
    auto made = std::make_unique<Worker>();
    Worker* worker = made.get();
    try {
        worker->thread =
            without_signals([this, worker, interface] { worker->serve(interface, *backend_, events_); });
    } catch (const std::system_error&) {
        return nullptr;
    }
    workers_.emplace(interface, std::move(made));
    return worker;
}

BackgroundBackend::Answers BackgroundBackend::read(const std::set<std::string>& interfaces) {
    Answers out;
    for (const std::string& interface : interfaces) {
        Worker* asked = worker(interface);
        if (asked == nullptr) {
            out.errors.emplace(interface,
                               Error{std::make_error_code(std::errc::resource_unavailable_try_again),
                                     "start a thread for " + interface});
            continue;
        }
        const std::lock_guard lock{asked->mutex};
        if (asked->answer || asked->reading || asked->read_wanted) continue;
        asked->read_wanted = true;
        asked->asked = Clock::now();
        asked->wake.notify_one();
    }
    const auto end = Clock::now() + moment_;
    for (auto next = workers_.begin(); next != workers_.end();) {
        const auto current = next++;
        const auto& [interface, asked] = *current;
        std::unique_lock lock{asked->mutex};
        if (!interfaces.contains(interface)) {
            asked->answer.reset();
            if (!asked->idle()) continue;
            asked->stop = true;
            asked->wake.notify_one();
            lock.unlock();
            asked->thread.join();
            workers_.erase(current);
            continue;
        }
        if (!asked->wait(lock, end, [&asked = *asked] { return asked.answer.has_value(); })) {
            asked->slow = asked->missed = true;
            out.errors.emplace(interface, Error{kUnderWay, "read " + interface});
            continue;
        }
        Result<Device> answer = std::move(*asked->answer);
        asked->answer.reset();
        if (answer) {
            out.devices.emplace(interface, std::move(*answer));
        } else if (answer.error().code != std::errc::no_such_device) {
            out.errors.emplace(interface, std::move(answer.error()));
        }
    }
    return out;
}

std::chrono::milliseconds BackgroundBackend::silence(const std::string& interface) const {
    const auto known = workers_.find(interface);
    if (known == workers_.end()) return {};
    const std::lock_guard lock{known->second->mutex};
    if (!known->second->asked) return {};
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - *known->second->asked);
}

Result<void> BackgroundBackend::change(const std::string& interface, Change change) {
    Worker* changed = worker(interface);
    if (changed == nullptr) return fail_errno("start a thread for " + interface, EAGAIN);
    std::unique_lock lock{changed->mutex};
    if (changed->change || changed->changing || changed->changed)
        return fail_errno("change " + interface + " twice at once", EBUSY);
    changed->change = std::move(change);
    changed->left = false;
    changed->answer.reset();  // older than the change
    changed->outdated = true;
    changed->wake.notify_one();
    if (!changed->wait(lock, Clock::now() + moment_, [changed] { return changed->changed.has_value(); })) {
        changed->slow = changed->left = true;
        return fail(kUnderWay, "change " + interface);
    }
    Result<void> result = std::move(*changed->changed);
    changed->changed.reset();
    return result;
}

std::vector<BackgroundBackend::Finished> BackgroundBackend::take_finished() {
    lower(events_);  // before looking, so that nothing that ends meanwhile is missed
    std::vector<Finished> out;
    for (const auto& [interface, worker] : workers_) {
        const std::lock_guard lock{worker->mutex};
        if (!worker->changed) continue;
        out.push_back({interface, std::move(*worker->changed)});
        worker->changed.reset();
    }
    return out;
}

}  // namespace ulagate::wg
