// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "daemon/base/fd.h"
#include "wg/device/backend.h"

namespace ulagate::wg {

// Another backend whose calls never hold up the caller for longer than a moment: each interface has a thread,
// which waits for its process or the kernel. What takes longer than that moment goes on in the background;
// then event_handle() becomes readable and take_finished() and read() have what came of it. Each call but
// those of the threads is for one thread, the loop's. Decides nothing.
class BackgroundBackend {
public:
    // `moment`: an answer that comes within it is given at once. Whoever missed it once gets none until he
    // answers, so that one who is slow costs this only once.
    explicit BackgroundBackend(std::unique_ptr<Backend> backend,
                               std::chrono::milliseconds moment = std::chrono::milliseconds{5});
    BackgroundBackend(const BackgroundBackend&) = delete;
    BackgroundBackend& operator=(const BackgroundBackend&) = delete;
    BackgroundBackend(BackgroundBackend&&) = delete;
    BackgroundBackend& operator=(BackgroundBackend&&) = delete;
    // Ends what is under way, within tenths of a second.
    ~BackgroundBackend();

    [[nodiscard]] const char* name() const { return backend_->name(); }
    [[nodiscard]] int event_handle() const { return events_.get(); }

    // Each interface is in one of the two, or has no device (std::errc::no_such_device).
    struct Answers {
        std::map<std::string, Device> devices;
        // std::errc::operation_in_progress: asked, and no answer yet. What was known before is the best there
        // is. Other errors, once each: what the backend said.
        std::map<std::string, Error> errors;
    };
    // Asks all of them at once. An answer is never older than the last change that was made through us.
    // Threads of other interfaces that have nothing to do end.
    Answers read(const std::set<std::string>& interfaces);
    // How long one has been asked without an answer; zero: it answers.
    [[nodiscard]] std::chrono::milliseconds silence(const std::string& interface) const;

    // As those of Backend; std::errc::operation_in_progress: take_finished() will tell. One at a time for
    // each interface; std::errc::device_or_resource_busy for the second.
    using Change = std::function<Result<void>(Backend&)>;
    Result<void> change(const std::string& interface, Change change);

    struct Finished {
        std::string interface;
        Result<void> result;
    };
    // Changes that were left under way and have ended since the last call. To be called first whenever
    // event_handle() is readable: it is not any more then.
    std::vector<Finished> take_finished();

private:
    struct Worker;
    Worker* worker(const std::string& interface);

    std::unique_ptr<Backend> backend_;
    std::chrono::milliseconds moment_;
    UniqueFd events_;
    std::map<std::string, std::unique_ptr<Worker>> workers_;  // by interface
};

}  // namespace ulagate::wg
