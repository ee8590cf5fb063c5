// SPDX-License-Identifier: GPL-2.0-or-later
// How a running daemon takes a new configuration: all of it, or none and the old one runs on.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "daemon/base/file.h"
#include "daemon/base/log.h"
#include "daemon/service/service.h"
#include "wg/device/key_file.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr auto kSwitchLimit = 30s;  // then the new configuration stays, and what does not work is a problem
constexpr int kErrorsInStatus = 5;  // the log has all

std::string first_errors(const std::vector<Finding>& findings, const std::string& file) {
    std::string text;
    int left = kErrorsInStatus;
    for (const Finding& finding : findings) {
        if (finding.severity != Finding::Severity::error) continue;
        if (left-- == 0) return text + "; and more";
        text += (text.empty() ? "" : "; ") + to_string(finding, file);
    }
    return text;
}

}  // namespace

Result<Config> Service::read_new_config() {
    const auto text = read_file(paths_.config_file, kMaxConfigBytes);
    if (!text) return tl::unexpected<Error>{text.error()};
    Loaded loaded = load_config(*text);
    for (const Finding& finding : loaded.findings) {
        const bool error = finding.severity == Finding::Severity::error;
        log::line(error ? log::Level::error : log::Level::warning, "config", "{}",
                  to_string(finding, paths_.config_file));
    }
    if (!loaded.config) return fail(first_errors(loaded.findings, paths_.config_file));
    if (loaded.config->role != config_.role)
        return fail("the role cannot change by reload; restart the daemon");
    if (loaded.config->tunnel.backend != config_.tunnel.backend) {
        return fail("tunnel.backend cannot change by reload; restart the daemon");
    }
    return std::move(*loaded.config);
}

Result<void> Service::switch_to(Config config) {
    const auto key_before = facts_.private_key;
    auto key = wg::load_private_key(config.tunnel.private_key_file);
    // With a key that works now, one that does not is an error; without, things cannot get worse.
    if (!key && key_before) return tl::unexpected<Error>{std::move(key.error())};
    if (auto set = ControlServer::set_group(paths_.control_socket(), config.control_group); !set) return set;
    if (key) facts_.private_key = std::move(*key);
    auto troubles_before = reconciler_->troubles();

    Config before = std::exchange(config_, {});  // a copy of 10,000 sites would cost as much as planning them
    switching_ = Switching{std::move(before), key_before, std::move(troubles_before), now() + kSwitchLimit};
    set_config(std::move(config));
    reconciler_->retry_now();
    const auto result = reconciler_->run([this](const Have& have) { return desired(config_, facts_, have); },
                                         std::chrono::steady_clock::now());
    report(result);
    reconciled_facts_ = facts_;
    return finish_switch(result);
}

// After each run since: done, refused and back to the old configuration, or still under way (switching_).
Result<void> Service::finish_switch(const Reconciler::Report& report) {
    for (const Reconciler::Failed& failed : report.failed) {
        const auto& before = switching_->troubles_before;
        const bool known = std::any_of(before.begin(), before.end(), [&](const auto& trouble) {
            return trouble.second.what == failed.what;
        });
        if (known) continue;
        auto former = std::move(*switching_);
        switching_.reset();
        facts_.private_key = former.key_before;
        set_config(std::move(former.before));
        // It was there before; if it has gone meanwhile, the socket stays with the group it has.
        if (auto set = ControlServer::set_group(paths_.control_socket(), config_.control_group); !set) {
            log::warning("control", "{}, ignoring", set.error().text());
        }
        reconcile();
        return fail(Error{failed.error}, failed.what);
    }
    if (reconciler_->under_way() && now() < switching_->give_up_at) return {};
    switching_.reset();
    reconcile();
    return {};
}

void Service::reload() {
    if (stopping_ || withdrawing_) return;
    if (switching_) {
        // One after the other: it may have to go back to the one before.
        reload_again_ = true;
        return;
    }
    supervisor_.reloading();
    auto config = read_new_config();
    if (!config) return end_reload(tl::unexpected<Error>{std::move(config.error())});
    const auto switched = switch_to(std::move(*config));
    if (!switching_) end_reload(switched);
}

void Service::end_reload(const Result<void>& switched) {
    if (switched) {
        last_reload_ = "done";
        log::info("config", "reloaded {}", paths_.config_file);
    } else {
        last_reload_ = fmt::format("refused, the old configuration runs on: {}", switched.error().text());
        log::error("config", "reload {}", last_reload_);
    }
    supervisor_.ready(last_reload_);
    if (std::exchange(reload_again_, false)) reload();
}

}  // namespace ulagate
