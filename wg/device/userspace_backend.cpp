// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device/userspace_backend.h"

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <utility>

#include "daemon/base/text.h"
#include "wg/device/link_message.h"
#include "wg/device/netlink_socket.h"
#include "wg/device/process.h"
#include "wg/device/spawn.h"
#include "wg/device/uapi.h"
#include "wg/device/uapi_socket.h"

namespace ulagate::wg {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kDevicePatience{2000};
// wireguard-go multiplies on the curve for each new peer, which takes a small router milliseconds.
constexpr milliseconds kPatiencePerPeer{10};
constexpr milliseconds kStartPatience{5000};
constexpr milliseconds kStopPatience{2000};
constexpr milliseconds kLookEvery{10};
constexpr milliseconds kProbePatience{1000};
// Who speaks and makes no sense to us may be a newer version that works: not again and again.
constexpr std::chrono::minutes kNonsenseKillEvery{10};
constexpr mode_t kFolderMode = S_IRWXU | S_IRGRP | S_IXGRP | S_IROTH | S_IXOTH;

bool nobody_listens(const Error& error) {
    return error.code == std::errc::connection_refused || error.code == std::errc::no_such_file_or_directory;
}

// The process ended between our connect and its answer.
bool died_meanwhile(const Error& error) {
    return error.code == std::errc::connection_reset || error.code == std::errc::broken_pipe;
}

bool is_gone(const std::string& interface) {
    const auto link = find_link(interface);
    return link && !*link;
}

}  // namespace

std::optional<std::string> find_wireguard_go() {
    const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nobody here sets variables
    const std::string folders = std::string{path != nullptr ? path : ""} + ":/usr/bin";
    std::string_view rest{folders};
    while (!rest.empty()) {
        const auto folder = take_word(rest, ':');
        // Relative folders: where we stand when we start is not a place to take a root process from.
        if (!folder.starts_with('/')) continue;
        std::string candidate = std::string{folder} + "/wireguard-go";
        if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    }
    return std::nullopt;
}

UserspaceBackend::UserspaceBackend(std::string binary, std::string socket_folder)
    : binary_(std::move(binary)), socket_folder_(std::move(socket_folder)) {}

bool UserspaceBackend::wait_until(milliseconds length, const std::function<bool()>& there) const {
    const Patience patience{length, &cancelled_};
    while (!there()) {
        if (patience.over()) return false;
        std::this_thread::sleep_for(kLookEvery);
    }
    return true;
}

// A killed process loses its socket a moment before its interface. So a tun of ours whose socket refuses is
// about to go. One that has no socket at all was never ours.
bool UserspaceBackend::is_dying(const Link& link, const std::string& path) const {
    if (link.kind != "tun") return false;
    const auto probe = uapi_probe(path, Patience{kProbePatience, &cancelled_});
    return !probe && probe.error().code == std::errc::connection_refused;
}

std::string UserspaceBackend::socket_path(const std::string& interface) const {
    return socket_folder_ + "/" + interface + ".sock";
}

// So that wireguard-go finds neither an interface nor a socket of this name.
Result<void> UserspaceBackend::make_room(const std::string& interface) const {
    const auto link = find_link(interface);
    if (!link) return tl::unexpected(link.error());
    const std::string path = socket_path(interface);
    if (*link && !(is_dying(**link, path) && wait_until(kStopPatience, [&] { return is_gone(interface); }))) {
        return fail_errno("create interface " + interface, EEXIST);
    }
    // /var/run/wireguard is shared by all network namespaces. A process of ours whose interface was deleted
    // is about to stop, which may take it a moment; any other that answers works for somebody else.
    Result<void> probe;
    const bool free = wait_until(kStopPatience, [&] {
        probe = uapi_probe(path, Patience{kProbePatience, &cancelled_});
        return !probe;
    });
    if (!free) {
        return fail_errno(path + " belongs to a process in another network namespace, choose another name",
                          EEXIST);
    }
    if (!nobody_listens(probe.error())) return tl::unexpected(probe.error());
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno("remove stale socket " + path);
    if (::mkdir(socket_folder_.c_str(), kFolderMode) != 0 && errno != EEXIST) {
        return fail_errno("create " + socket_folder_);
    }
    return {};
}

Result<void> UserspaceBackend::create(const std::string& interface) {
    if (auto valid = check_interface_name(interface); !valid) return valid;
    if (auto room = make_room(interface); !room) return room;
    if (auto started = start_wireguard_go(binary_, interface); !started) return started;
    const bool answers = wait_until(kStartPatience, [&] {
        return !is_gone(interface) &&
               uapi_probe(socket_path(interface), Patience{kProbePatience, &cancelled_}).has_value();
    });
    if (answers) return {};
    (void)remove(interface);
    return fail_errno(binary_ + " " + interface + " does not answer", ETIMEDOUT);
}

Result<void> UserspaceBackend::remove(const std::string& interface) {
    if (auto valid = check_interface_name(interface); !valid) return valid;
    const std::string path = socket_path(interface);
    auto link = find_link(interface);
    if (!link) return tl::unexpected(link.error());
    if (!*link) {
        // Who answers nevertheless belongs to another network namespace.
        if (const auto probe = uapi_probe(path, Patience{kProbePatience, &cancelled_});
            !probe && probe.error().code == std::errc::connection_refused) {
            ::unlink(path.c_str());
        }
        return {};
    }
    if ((*link)->kind != "tun") {
        return fail_errno("remove interface " + interface + ": not made by wireguard-go", EEXIST);
    }
    // wireguard-go watches the file, and stops when it goes.
    if (::unlink(path.c_str()) == 0) {
        if (wait_until(kStopPatience, [&] { return is_gone(interface); })) return {};
    } else if (errno != ENOENT) {
        return fail_errno("remove socket " + path);
    }
    // It has no socket, or does not see that it has gone.
    kill_processes(binary_, interface);
    if (auto deleted = delete_link(**link); !deleted) return deleted;
    if (wait_until(kStopPatience, [&] { return is_gone(interface); })) return {};
    return fail_errno("remove interface " + interface, ETIMEDOUT);
}

Result<void> UserspaceBackend::require_device(const std::string& interface) const {
    if (auto valid = check_interface_name(interface); !valid) return valid;
    const auto link = find_link(interface);
    if (!link) return tl::unexpected(link.error());
    if (!*link) return fail_errno("interface " + interface, ENODEV);
    if ((*link)->kind != "tun")
        return fail_errno("interface " + interface + ": not made by wireguard-go", EEXIST);
    return {};
}

Result<std::string> UserspaceBackend::ask(const std::string& interface, std::string_view request,
                                          milliseconds patience) {
    const auto asked = std::chrono::steady_clock::now();
    auto answer = uapi_exchange(socket_path(interface), request, Patience{patience, &cancelled_});
    if (answer) return answer;
    if (nobody_listens(answer.error()) || died_meanwhile(answer.error())) {
        acquit(interface);
        return fail_errno("no wireguard-go answers for interface " + interface, ENODEV);
    }
    return tl::unexpected(judge(interface, std::move(answer.error()), asked));
}

void UserspaceBackend::acquit(const std::string& interface) {
    const std::lock_guard lock{mutex_};
    suspects_[interface].failing = false;
}

// What to say of a process that gave no answer, or one that makes no sense; after two seconds of it, the
// process is killed.
Error UserspaceBackend::judge(const std::string& interface, Error error,
                              std::chrono::steady_clock::time_point asked) {
    error.context = "ask wireguard-go of " + interface + ": " + error.context;
    if (cancelled_) return error;
    const auto now = std::chrono::steady_clock::now();
    {
        const std::lock_guard lock{mutex_};
        Suspect& suspect = suspects_[interface];
        if (!std::exchange(suspect.failing, true)) suspect.since = asked;
        if (now < suspect.since + kDevicePatience) return error;
        if (error.code != std::errc::timed_out) {
            if (suspect.killed_for_nonsense && now < *suspect.killed_for_nonsense + kNonsenseKillEvery)
                return error;
            suspect.killed_for_nonsense = now;
        }
        suspect.failing = false;
    }
    const std::string why = error.code == std::errc::timed_out ? "no answer" : "malformed answer";
    // One that we may not see, say, of a daemon with other rights: remove() gets rid of its interface.
    const char* then = kill_processes(binary_, interface) > 0 ? "was killed" : "is given up";
    return {std::make_error_code(std::errc::owner_dead),
            "wireguard-go of " + interface + " gave " + why + " for 2 s and " + then};
}

Result<Device> UserspaceBackend::read(const std::string& interface) {
    if (auto there = require_device(interface); !there) return tl::unexpected(there.error());
    const auto asked = std::chrono::steady_clock::now();
    auto answer = ask(interface, kUapiGet, kDevicePatience);
    if (!answer) return tl::unexpected(std::move(answer.error()));
    auto device = parse_uapi_device(*answer);
    wipe(*answer);
    if (!device) return tl::unexpected(judge(interface, std::move(device.error()), asked));
    acquit(interface);
    return device;
}

Result<void> UserspaceBackend::apply(const std::string& interface, const DeviceChange& change) {
    if (auto there = require_device(interface); !there) return there;
    if (change.empty()) return {};
    std::string request = to_uapi(change);
    const auto patience =
        kDevicePatience + kPatiencePerPeer * static_cast<milliseconds::rep>(change.peers.size());
    auto answer = ask(interface, request, patience);
    wipe(request);
    if (!answer) return tl::unexpected(std::move(answer.error()));
    if (auto status = parse_uapi_status(*answer); !status)
        return fail(status.error(), "configure " + interface);
    return {};
}

}  // namespace ulagate::wg
