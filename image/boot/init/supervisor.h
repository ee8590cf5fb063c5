// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "image/boot/init/notify.h"

namespace ulagate::init {

using TimePoint = std::chrono::steady_clock::time_point;
using Milliseconds = std::chrono::milliseconds;

struct Limits {
    Milliseconds ready_within{60'000};  // from its start
    Milliseconds watchdog{20'000};      // between two signs of life, as ulagate.service has it
    Milliseconds stop{10'000};          // from SIGTERM
    Milliseconds kill{2'000};           // from SIGKILL
    // A service that was not ready for so long: nothing but a reset of the machine is left to try.
    Milliseconds give_up{180'000};
    Milliseconds first_pause{200};  // before a service is started again; doubles ...
    Milliseconds longest_pause{10'000};
    Milliseconds calm{60'000};  // ... until it has been ready for this long
};

enum class End { reboot, power_off, halt };

// What the first process has to do now. `service`: its place in the list.
struct Start {
    std::size_t service;
    bool operator==(const Start&) const = default;
};
struct Terminate {  // SIGTERM
    std::size_t service;
    bool operator==(const Terminate&) const = default;
};
struct Kill {  // SIGKILL, with all its children
    std::size_t service;
    bool operator==(const Kill&) const = default;
};
struct Say {
    bool problem;
    std::string text;
    bool operator==(const Say&) const = default;
};
struct AllReady {  // once: every service has said READY=1
    bool operator==(const AllReady&) const = default;
};
struct Finish {  // nothing of ours runs any more, or will
    End how;
    bool operator==(const Finish&) const = default;
};
using Action = std::variant<Start, Terminate, Kill, Say, AllReady, Finish>;
using Actions = std::vector<Action>;

// Keeps services running that speak the protocol of sd_notify(3), and ends them in order. Pure: time is an
// argument; whoever owns the processes does what the actions say.
class Supervisor {
public:
    // In the order in which they are stopped: the next is told when the one before is gone. `index`: in that
    // order.
    Supervisor(std::vector<std::string> services, Limits limits);

    Actions start(TimePoint now);
    Actions on_message(std::size_t index, const Message& message, TimePoint now);
    // Its process is gone, or could not be started. `how`: "killed by signal 11".
    Actions on_exit(std::size_t index, const std::string& how, TimePoint now);
    Actions on_deadline(TimePoint now);
    Actions shut_down(End how, TimePoint now);

    [[nodiscard]] std::optional<TimePoint> deadline() const;
    // Whether the hardware watchdog may be fed. Not for a service that does not come back, and not once
    // everything has ended: then it is what resets a machine that hangs in its reboot.
    [[nodiscard]] bool healthy(TimePoint now) const;

private:
    enum class State { idle, waiting, starting, running, stopping, killed };
    struct Service {
        std::string name;
        State state = State::idle;
        std::optional<TimePoint> deadline;
        std::optional<TimePoint> bad_since;  // not ready since then
        std::optional<TimePoint> ready_at;   // of this process
        bool was_ready = false;              // ever
        Milliseconds pause{};
    };

    void run(Service& service, TimePoint now, Actions& actions);
    void kill(Service& service, const std::string& why, TimePoint now, Actions& actions);
    void stop_next(TimePoint now, Actions& actions);
    [[nodiscard]] std::size_t index(const Service& service) const;

    Limits limits_;
    std::vector<Service> services_;
    std::optional<End> end_;
    std::size_t stopping_ = 0;  // the service that is being stopped
    bool all_ready_ = false;
    bool finished_ = false;
};

}  // namespace ulagate::init
