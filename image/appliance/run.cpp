// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/run.h"

#include <fmt/format.h>
#include <getopt.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/capabilities.h"
#include "daemon/base/log.h"
#include "image/appliance/manager.h"

namespace ulagate::appliance {
namespace {

constexpr int kUsageError = 2;

std::optional<ManagerOptions> parse(std::vector<std::string> words) {
    ManagerOptions out;
    enum : int {
        kConfig = 1000,
        kRuntime,
        kDnsmasq,
        kState,
        kResolv,
        kHome,
        kConsole,
        kPort,
        kDryClock,
        kDebug
    };
    static constexpr std::array<option, 11> kOptions{{{"config", required_argument, nullptr, kConfig},
                                                      {"runtime-dir", required_argument, nullptr, kRuntime},
                                                      {"dnsmasq-dir", required_argument, nullptr, kDnsmasq},
                                                      {"state-dir", required_argument, nullptr, kState},
                                                      {"resolv-conf", required_argument, nullptr, kResolv},
                                                      {"root-home", required_argument, nullptr, kHome},
                                                      {"console", required_argument, nullptr, kConsole},
                                                      {"port", required_argument, nullptr, kPort},
                                                      {"dry-clock", no_argument, nullptr, kDryClock},
                                                      {"debug", no_argument, nullptr, kDebug},
                                                      {nullptr, 0, nullptr, 0}}};
    std::string program = "ulagate-appliance run";
    std::vector<char*> argv{program.data()};
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const auto argc = static_cast<int>(argv.size()) - 1;
    for (int c = 0; (c = ::getopt_long(argc, argv.data(), "", kOptions.data(), nullptr)) != -1;) {
        const std::string_view value = optarg != nullptr ? optarg : "";
        switch (c) {
            case kConfig:
                out.config_file = value;
                break;
            case kRuntime:
                out.runtime = value;
                break;
            case kDnsmasq:
                out.dnsmasq = value;
                break;
            case kState:
                out.daemon_state = value;
                break;
            case kResolv:
                out.resolv_conf = value;
                break;
            case kHome:
                out.root_home = value;
                break;
            case kConsole:
                out.consoles = {std::string(value)};
                break;
            case kPort:
                if (std::from_chars(value.data(), value.data() + value.size(), out.page_port).ec !=
                    std::errc{})
                    return std::nullopt;
                break;
            case kDryClock:
                out.dry_clock = true;
                break;
            case kDebug:
                log::set_level(log::Level::debug);
                break;
            default:
                return std::nullopt;
        }
    }
    if (optind != argc) return std::nullopt;
    return out;
}

UniqueFd take_signals() {
    std::signal(SIGPIPE, SIG_IGN);
    sigset_t ours{};
    ::sigemptyset(&ours);
    for (const int number : {SIGTERM, SIGINT, SIGCHLD}) ::sigaddset(&ours, number);
    ::sigprocmask(SIG_BLOCK, &ours, nullptr);
    return UniqueFd{::signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK)};
}

}  // namespace

int run(const std::vector<std::string>& words) {
    auto options = parse(words);
    if (!options) {
        fmt::print(stderr, "ulagate-appliance: run takes options only\n");
        return kUsageError;
    }
    // The page is served by this very process. What its children need, it must have to hand on; ssh and
    // logins get all, anew.
    constexpr Capabilities kOwn{CAP_NET_ADMIN, CAP_NET_RAW, CAP_NET_BIND_SERVICE,
                                CAP_SYS_TIME,  CAP_KILL,    CAP_SETPCAP};
    if (!use_only(kOwn)) log::warning("appliance", "uses all of its capabilities: {}", std::strerror(errno));
    const UniqueFd signals = take_signals();
    boost::asio::io_context io{1};
    Manager manager{io, std::move(*options)};
    const auto readable = Readable::watch(io, signals.get(), [&] {
        signalfd_siginfo info{};
        if (::read(signals.get(), &info, sizeof info) != sizeof info) return;
        if (info.ssi_signo == SIGCHLD) {
            manager.on_child();
        } else {
            io.stop();
        }
    });
    if (!signals || !readable) {
        log::error("appliance", "cannot watch signals");
        return EXIT_FAILURE;
    }
    if (auto started = manager.start(); !started) {
        log::error("appliance", "{}", started.error().text());
        return EXIT_FAILURE;
    }
    io.run();
    manager.stop();
    log::tell_rest();
    return EXIT_SUCCESS;
}

}  // namespace ulagate::appliance
