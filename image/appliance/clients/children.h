// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/fd.h"
#include "daemon/loop/loop.h"
#include "image/appliance/clients/child_plan.h"
#include "image/appliance/clients/child_policy.h"

namespace ulagate::appliance {

// The programs that run for the manager. Starts, restarts, ends them so that they are as a plan says; writes
// the files that they read; hands on what they print. Each has a session of its own and dies with us.
class Children {
public:
    // `line`: each line that a program prints, for who understands it; it is in the log already.
    Children(boost::asio::io_context& io,
             std::function<void(const std::string& name, const std::string& line)> line);
    Children(const Children&) = delete;
    Children& operator=(const Children&) = delete;
    Children(Children&&) = delete;
    Children& operator=(Children&&) = delete;
    ~Children();

    // Ends what is not wanted, and starts the rest. What has to be started anew begins when its old self has
    // ended.
    void want(ChildSpecs specs);
    // After SIGCHLD.
    void reap();
    // Asks all to end, waits up to that long, and kills what is left.
    void stop(std::chrono::milliseconds patience);

    struct Problem {
        std::string name;
        unsigned failures = 0;
    };
    // Those that have ended by themselves again and again.
    [[nodiscard]] std::vector<Problem> problems() const;

private:
    struct Child {
        pid_t pid = 0;   // 0: not running
        ChildSpec spec;  // that it was started with
        UniqueFd output;
        std::unique_ptr<Readable> readable;
        OutputLines lines;
        Backoff backoff;
        std::optional<std::chrono::steady_clock::time_point> ending;  // SIGTERM was sent
        std::optional<std::chrono::steady_clock::time_point> restart_at;
    };
    void settle();
    void start(const std::string& name, Child& child);
    void read_output(const std::string& name);
    Result<void> write_files(const std::string& name, const ChildSpec& spec, const ChildSpec* before,
                             bool& changed);
    void end(Child& child);

    boost::asio::io_context& io_;
    std::function<void(const std::string&, const std::string&)> line_;
    ChildSpecs wanted_;
    std::map<std::string, Child> children_;
    Alarm alarm_;
};

// Runs a program to its end, at most that long. False when it failed.
bool run_to_end(const std::vector<std::string>& argv, Capabilities capabilities,
                std::chrono::milliseconds patience);

}  // namespace ulagate::appliance
