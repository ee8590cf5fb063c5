// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/capabilities.h"
#include "daemon/base/fd.h"
#include "image/boot/init/log.h"
#include "image/boot/init/modules.h"
#include "image/boot/init/plan.h"
#include "image/boot/init/process.h"
#include "image/boot/init/supervisor.h"
#include "image/boot/init/watchdog.h"

namespace ulagate::init {

// The first process: waits for what happens, and does what the supervisor and the queue of modules decide.
class Init {
public:
    explicit Init(Plan plan);

    // Comes back when everything has ended, with what is to become of the machine.
    End run();

private:
    static constexpr std::size_t kOutputs = 3;  // prepare, router, appliance

    // A program whose lines are ours to keep.
    struct Output {
        std::string name;
        UniqueFd read;
        UniqueFd write;
        LineCutter cutter;
        LogAllowance allowance;
    };

    bool open_all();
    void turn();
    [[nodiscard]] int wait_time(TimePoint now) const;
    void on_signals();
    void on_uevents();
    void on_messages();
    void on_output(Output& output);
    void on_children();
    void on_time();

    void coldplug();
    void load_modules();
    void start_prepare();
    void prepared(const std::string& how, bool good);
    void start_services(bool with_router);
    void act(const Actions& actions);
    void start_service(std::size_t index);
    void signal_service(std::size_t index, int signal, bool group);
    void say(bool problem, const std::string& text) { log_.say(problem, text); }

    Plan plan_;
    Log log_;
    Watchdog watchdog_;
    TimePoint feed_at_{};
    UniqueFd signals_;
    UniqueFd uevents_;
    UniqueFd messages_;
    std::array<Output, kOutputs> outputs_;

    ModuleQueue modules_;
    std::vector<std::string> preload_;  // once no device waits for its driver
    pid_t modprobe_ = 0;
    TimePoint modprobe_until_{};

    pid_t prepare_ = 0;
    TimePoint prepare_until_{};
    bool prepare_killed_ = false;

    struct Running {
        std::vector<std::string> command;
        std::size_t output = 0;
        pid_t pid = 0;
        Capabilities capabilities = Capabilities::all();
    };
    std::vector<Running> services_;
    std::optional<Supervisor> supervisor_;
    std::optional<End> asked_;  // before there was a supervisor
    std::optional<End> finished_;
};

}  // namespace ulagate::init
