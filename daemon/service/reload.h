// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "daemon/service/context.h"
#include "daemon/service/tunnel_key.h"

namespace ulagate {

// How a running daemon takes a new configuration: all of it, or none and the old one runs on. The plan for it
// decides: a step that fails and did not fail before takes everything back.
class Reload {
public:
    struct Calls {
        std::function<void(Config)> set_config;    // for all parts
        std::function<Reconciler::Report()> plan;  // with the facts of now
        std::function<Result<void>(const std::string&)> set_control_group;
        std::function<void()> reloading;  // for the supervisor
        std::function<void(const std::string&)> ready;
    };
    // `running`: the configuration, which set_config() replaces.
    Reload(const Context& context, Config& running, TunnelKey& key, Calls calls)
        : context_(context), running_(running), key_(key), calls_(std::move(calls)) {}

    // Reads the file anew. While another reload has not ended, after that.
    void start();
    // After each plan. True: the reload has ended by it, with a turn of its own.
    bool planned(const Reconciler::Report& report);
    [[nodiscard]] bool under_way() const { return switching_.has_value(); }
    // "done", or why not; empty: there was none.
    [[nodiscard]] const std::string& last() const { return last_; }

private:
    // Whose steps have not all come to their end.
    struct Switching {
        Config before;
        std::optional<wg::PrivateKey> key_before;
        std::map<std::string, Reconciler::Problem> problems_before;
        Loop::TimePoint give_up_at;
    };
    Result<Config> read();
    Result<void> switch_to(Config config);
    Result<void> finish(const Reconciler::Report& report);
    void end(const Result<void>& switched);

    Context context_;
    Config& running_;
    TunnelKey& key_;
    Calls calls_;
    std::optional<Switching> switching_;
    bool again_ = false;  // asked for meanwhile
    std::string last_;
};

}  // namespace ulagate
