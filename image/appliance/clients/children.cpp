// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/clients/children.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <thread>
#include <utility>

#include "daemon/base/file.h"
#include "daemon/base/log.h"
#include "daemon/base/process.h"
#include "daemon/base/text.h"

namespace ulagate::appliance {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kPatience = 3s;  // from SIGTERM to SIGKILL

// It goes with us, and is in our environment but for what the supervisor has told us alone.
Command command_for(const std::vector<std::string>& words, int output, Capabilities capabilities) {
    Command out;
    out.words = words;
    out.environment = inherited_environment();
    out.output = output;
    out.at_root = false;
    out.death_signal = SIGTERM;
    out.capabilities = capabilities;
    return out;
}

// Without what SIGHUP can bring to it.
ChildSpec without_read_on_hup(ChildSpec spec) {
    for (ChildFile& file : spec.files)
        if (file.read_on_hup) file.content.clear();
    return spec;
}

}  // namespace

Children::Children(boost::asio::io_context& io,
                   std::function<void(const std::string&, const std::string&)> line)
    : io_(io), line_(std::move(line)), alarm_(io, [this] { settle(); }) {}

Children::~Children() {
    for (auto& [name, child] : children_)
        if (child.pid > 0) ::kill(-child.pid, SIGKILL);
}

Result<void> Children::write_files(const std::string& name, const ChildSpec& spec, const ChildSpec* before,
                                   bool& changed) {
    for (std::size_t i = 0; i < spec.files.size(); ++i) {
        const ChildFile& file = spec.files[i];
        const bool same = before != nullptr && i < before->files.size() && before->files[i] == file;
        if (same) continue;
        changed = true;
        const std::string folder = file.path.substr(0, file.path.rfind('/'));
        const mode_t folder_mode = (file.mode & 0044U) != 0 ? 0755 : 0700;
        if (::mkdir(folder.c_str(), folder_mode) != 0 && errno != EEXIST)
            return fail_errno(fmt::format("{}: make {}", name, folder));
        if (auto written = write_file_atomically(file.path, file.content, file.mode); !written)
            return written;
    }
    return {};
}

void Children::want(ChildSpecs specs) {
    wanted_ = std::move(specs);
    settle();
}

void Children::end(Child& child) {
    if (child.ending) return;
    ::kill(-child.pid, SIGTERM);
    child.ending = Clock::now();
}

void Children::settle() {
    const auto now = Clock::now();
    std::optional<Clock::time_point> next;
    const auto at = [&](Clock::time_point when) {
        if (!next || when < *next) next = when;
    };
    for (auto& [name, spec] : wanted_) {
        Child& child = children_[name];
        if (child.pid == 0) {
            // Another configuration may be the one that works.
            if (child.spec != spec) child.restart_at.reset();
            if (!child.restart_at || *child.restart_at <= now) {
                child.spec = spec;
                start(name, child);
            }
        } else if (!child.ending && child.spec != spec) {
            if (without_read_on_hup(child.spec) != without_read_on_hup(spec)) {
                end(child);
            } else {
                bool changed = false;
                if (auto written = write_files(name, spec, &child.spec, changed); !written)
                    log::warning(name, "{}, ignoring", written.error().text());
                child.spec = spec;
                if (changed) ::kill(child.pid, SIGHUP);
            }
        }
        if (child.restart_at && child.pid == 0) at(*child.restart_at);
    }
    for (auto entry = children_.begin(); entry != children_.end();) {
        Child& child = entry->second;
        if (!wanted_.contains(entry->first)) {
            if (child.pid == 0) {
                entry = children_.erase(entry);
                continue;
            }
            end(child);
        }
        if (child.pid > 0 && child.ending) {
            if (now - *child.ending >= kPatience) {
                ::kill(-child.pid, SIGKILL);
            } else {
                at(*child.ending + kPatience);
            }
        }
        ++entry;
    }
    alarm_.set(next);
}

void Children::start(const std::string& name, Child& child) {
    const auto now = Clock::now();
    child.restart_at.reset();
    child.ending.reset();
    child.backoff.on_start(now);
    bool changed = false;
    if (auto written = write_files(name, child.spec, nullptr, changed); !written) {
        log::warning(name, "{}, retrying", written.error().text());
        child.restart_at = child.backoff.on_end(now);
        return;
    }
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
        log::warning(name, "cannot make a pipe, retrying");
        child.restart_at = child.backoff.on_end(now);
        return;
    }
    child.output = UniqueFd{ends[0]};
    const UniqueFd theirs{ends[1]};
    // Programs expect to wait when a pipe is full.
    ::fcntl(theirs.get(), F_SETFL, 0);
    child.lines = OutputLines{};
    auto readable = Readable::watch(io_, child.output.get(), [this, name] { read_output(name); });
    if (readable) child.readable = std::move(*readable);
    const auto started = start_process(command_for(child.spec.argv, theirs.get(), child.spec.capabilities));
    child.pid = started ? *started : 0;
    if (!started) {
        log::warning(name, "{}, retrying", started.error().text());
        child.readable.reset();
        child.restart_at = child.backoff.on_end(now);
        return;
    }
    log::info(name, "started, process {}", child.pid);
}

void Children::read_output(const std::string& name) {
    const auto found = children_.find(name);
    if (found == children_.end()) return;
    Child& child = found->second;
    std::array<char, 4096> chunk{};
    const ssize_t size = ::read(child.output.get(), chunk.data(), chunk.size());
    if (size < 0) return;
    if (size == 0) {
        // The last who could write has gone. Destroying it here, inside its own call, is what Readable
        // allows.
        child.readable.reset();
        return;
    }
    const auto taken = child.lines.take({chunk.data(), static_cast<std::size_t>(size)}, Clock::now());
    for (const std::string& text : taken.log) log::info(name, "{}", text);
    for (const std::string& text : taken.lines) line_(name, text);
}

void Children::reap() {
    for (auto& [name, child] : children_) {
        int status = 0;
        if (child.pid == 0 || ::waitpid(child.pid, &status, WNOHANG) != child.pid) continue;
        if (child.readable) read_output(name);
        // What it has started itself must not outlive it.
        ::kill(-child.pid, SIGKILL);
        const bool by_us = child.ending.has_value();
        child.pid = 0;
        child.ending.reset();
        child.readable.reset();
        child.output.reset();
        if (by_us) continue;
        child.restart_at = child.backoff.on_end(Clock::now());
        const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*child.restart_at - Clock::now());
        log::warning(name, "{}, retrying in {}", how_it_ended(status), human_duration(wait));
    }
    settle();
}

void Children::stop(std::chrono::milliseconds patience) {
    wanted_.clear();
    settle();
    const auto until = Clock::now() + patience;
    while (!children_.empty() && Clock::now() < until) {
        reap();
        if (!children_.empty()) std::this_thread::sleep_for(10ms);
    }
    for (auto& [name, child] : children_) {
        if (child.pid == 0) continue;
        log::warning(name, "did not exit in time; sent SIGKILL");
        ::kill(-child.pid, SIGKILL);
    }
}

std::vector<Children::Problem> Children::problems() const {
    std::vector<Problem> out;
    for (const auto& [name, child] : children_) {
        const unsigned failures = child.backoff.failures(child.pid != 0, Clock::now());
        if (failures > 1) out.push_back({name, failures});
    }
    return out;
}

bool run_to_end(const std::vector<std::string>& argv, Capabilities capabilities,
                std::chrono::milliseconds patience) {
    const auto started = start_process(command_for(argv, STDERR_FILENO, capabilities));
    if (!started) return false;
    const pid_t pid = *started;
    const auto until = Clock::now() + patience;
    int status = 0;
    for (;;) {
        const pid_t done = ::waitpid(pid, &status, WNOHANG);
        if (done == pid) return WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (Clock::now() >= until) break;
        std::this_thread::sleep_for(5ms);
    }
    ::kill(-pid, SIGKILL);
    ::waitpid(pid, &status, 0);
    return false;
}

}  // namespace ulagate::appliance
