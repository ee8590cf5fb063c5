// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/reload.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "daemon/base/file.h"
#include "daemon/base/log.h"
#include "wg/device/key_file.h"

namespace ulagate {
namespace {

constexpr std::chrono::seconds kSwitchLimit{30};  // then the new configuration stays, and what does not work
                                                  // is a problem
constexpr int kErrorsInStatus = 5;                // the log has all

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

Result<Config> Reload::read() {
    const std::string& file = context_.paths.config_file;
    const auto text = read_file(file, kMaxConfigBytes);
    if (!text) return tl::unexpected<Error>{text.error()};
    Loaded loaded = load_config(*text);
    for (const Finding& finding : loaded.findings) {
        const bool error = finding.severity == Finding::Severity::error;
        log::line(error ? log::Level::error : log::Level::warning, "config", "{}", to_string(finding, file));
    }
    if (!loaded.config) return fail(first_errors(loaded.findings, file));
    if (loaded.config->role != running_.role)
        return fail("the role cannot change by reload; restart the daemon");
    if (loaded.config->tunnel.backend != running_.tunnel.backend)
        return fail("tunnel.backend cannot change by reload; restart the daemon");
    return std::move(*loaded.config);
}

Result<void> Reload::switch_to(Config config) {
    const auto key_before = key_.key();
    auto key = wg::load_private_key(config.tunnel.private_key_file);
    // With a key that works now, one that does not is an error; without, things cannot get worse.
    if (!key && key_before) return tl::unexpected<Error>{std::move(key.error())};
    if (auto set = calls_.set_control_group(config.control_group); !set) return set;
    if (key) key_.set(std::move(*key));
    auto problems_before = context_.reconciler.problems();

    Config before =
        std::exchange(running_, {});  // a copy of 10,000 sites would cost as much as planning them
    switching_ = Switching{std::move(before), key_before, std::move(problems_before),
                           context_.loop.now() + kSwitchLimit};
    calls_.set_config(std::move(config));
    context_.reconciler.retry_now();
    return finish(calls_.plan());
}

// Done, refused and back to the old configuration, or still under way (switching_).
Result<void> Reload::finish(const Reconciler::Report& report) {
    for (const Reconciler::Failed& failed : report.failed) {
        const auto& before = switching_->problems_before;
        const bool known = std::any_of(before.begin(), before.end(), [&](const auto& problem) {
            return problem.second.what == failed.what;
        });
        if (known) continue;
        auto former = std::move(*switching_);
        switching_.reset();
        key_.set(former.key_before);
        calls_.set_config(std::move(former.before));
        // It was there before; if it has gone meanwhile, the socket stays with the group it has.
        if (auto set = calls_.set_control_group(running_.control_group); !set)
            log::warning("control", "{}, ignoring", set.error().text());
        context_.turn.reconcile();
        return fail(Error{failed.error}, failed.what);
    }
    if (context_.reconciler.under_way() && context_.loop.now() < switching_->give_up_at) return {};
    switching_.reset();
    context_.turn.reconcile();
    return {};
}

void Reload::start() {
    if (switching_) {
        // One after the other: it may have to go back to the one before.
        again_ = true;
        return;
    }
    calls_.reloading();
    auto config = read();
    if (!config) return end(tl::unexpected<Error>{std::move(config.error())});
    const auto switched = switch_to(std::move(*config));
    if (!switching_) end(switched);
}

bool Reload::planned(const Reconciler::Report& report) {
    if (!switching_) return false;
    const auto switched = finish(report);
    if (switching_) return false;
    end(switched);
    return true;
}

void Reload::end(const Result<void>& switched) {
    if (switched) {
        last_ = "done";
        log::info("config", "reloaded {}", context_.paths.config_file);
    } else {
        last_ = fmt::format("refused, keeping the old configuration: {}", switched.error().text());
        log::error("config", "reload {}", last_);
    }
    calls_.ready(last_);
    if (std::exchange(again_, false)) start();
}

}  // namespace ulagate
