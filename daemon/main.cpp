// SPDX-License-Identifier: GPL-2.0-or-later
// The commands. `run` is the daemon; all others look at a file, or ask the daemon, and end.
#include <fmt/format.h>
#include <getopt.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "daemon/base/file.h"
#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/base/version.h"
#include "daemon/cli/control_client.h"
#include "daemon/cli/show.h"
#include "daemon/cli/status.h"
#include "daemon/cli/usage.h"
#include "daemon/service/priority.h"
#include "daemon/service/process.h"
#include "firewall/nft_child.h"
#include "wg/device/key_file.h"

namespace ulagate {
namespace {

constexpr int kUsageError = 2;
constexpr const char* kAppliance = "/usr/bin/ulagate-appliance";

struct Options {
    ServicePaths paths;
    bool json = false;
    bool watch = false;
    bool all = false;
    bool debug = false;
    bool help = false;
    bool version = false;
    std::vector<std::string> words;  // the command and its arguments
};

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }
void complain(const std::string& text) { fmt::print(stderr, "ulagate: {}\n", text); }

int usage(const std::string& why) {
    complain(why + "; see ulagate --help");
    return kUsageError;
}

std::optional<Options> parse_options(int argc, char** argv) {
    Options options;
    if (const char* directory = std::getenv("RUNTIME_DIRECTORY");
        directory != nullptr && *directory != '\0') {
        options.paths.runtime_directory = directory;  // set by systemd (RuntimeDirectory=)
    }
    if (const char* directory = std::getenv("STATE_DIRECTORY"); directory != nullptr && *directory != '\0') {
        options.paths.state_directory = directory;  // StateDirectory=
    }
    enum : int { kConfig = 1000, kRuntime, kState, kJson, kWatch, kAll, kDebug, kVersionFlag };
    static constexpr std::array<option, 10> kOptions{{{"config", required_argument, nullptr, kConfig},
                                                      {"runtime-dir", required_argument, nullptr, kRuntime},
                                                      {"state-dir", required_argument, nullptr, kState},
                                                      {"json", no_argument, nullptr, kJson},
                                                      {"watch", no_argument, nullptr, kWatch},
                                                      {"all", no_argument, nullptr, kAll},
                                                      {"debug", no_argument, nullptr, kDebug},
                                                      {"version", no_argument, nullptr, kVersionFlag},
                                                      {"help", no_argument, nullptr, 'h'},
                                                      {nullptr, 0, nullptr, 0}}};
    for (int c = 0; (c = ::getopt_long(argc, argv, "h", kOptions.data(), nullptr)) != -1;) {
        switch (c) {
            case kConfig:
                options.paths.config_file = optarg;
                break;
            case kRuntime:
                options.paths.runtime_directory = optarg;
                break;
            case kState:
                options.paths.state_directory = optarg;
                break;
            case kJson:
                options.json = true;
                break;
            case kWatch:
                options.watch = true;
                break;
            case kAll:
                options.all = true;
                break;
            case kDebug:
                options.debug = true;
                break;
            case kVersionFlag:
                options.version = true;
                break;
            case 'h':
                options.help = true;
                break;
            default:
                return std::nullopt;  // getopt has said why
        }
    }
    for (int i = optind; i < argc; ++i) options.words.emplace_back(argv[i]);
    return options;
}

// Reads a configuration and prints every finding. Nothing when it cannot be used.
std::optional<Config> load(const std::string& file) {
    const auto text = read_file(file, kMaxConfigBytes);
    if (!text) {
        complain(text.error().text());
        return std::nullopt;
    }
    Loaded loaded = load_config(*text);
    for (const Finding& finding : loaded.findings) fmt::print(stderr, "{}\n", to_string(finding, file));
    return std::move(loaded.config);
}

// What the tables of the firmware make of it; empty without them.
std::string firmware(const Config& config) {
    std::string out;
    const auto gateways = std::count_if(config.lans.begin(), config.lans.end(),
                                        [](const LanConfig& lan) { return lan.gateway.has_value(); });
    if (gateways != 0) out += fmt::format("; internet gateway of {} LANs", gateways);
    if (!config.appliance) return out;
    const ApplianceConfig& appliance = *config.appliance;
    out += fmt::format("; firmware: {}, {} uplinks", appliance.hostname, appliance.uplinks.size());
    if (appliance.wifi_ap) out += ", an access point";
    return out + fmt::format(", {} ssh keys", appliance.ssh_keys.size());
}

int check(const std::string& file) {
    const auto config = load(file);
    if (!config) return EXIT_FAILURE;
    print(fmt::format("{}: good ({} {}, {} LANs, {} relays, {} sites{})\n", file, name(config->role),
                      config->node, config->lans.size(), config->relays.size(), config->sites.size(),
                      firmware(*config)));
    return EXIT_SUCCESS;
}

int show(const std::string& what, const std::string& file) {
    static const std::map<std::string, std::string (*)(const Config&)> kViews{
        {"ra", show_ra}, {"firewall", show_firewall}, {"plan", show_plan}};
    const auto view = kViews.find(what);
    if (view == kViews.end()) return usage(fmt::format("show: unknown view {}", quote(what)));
    const auto config = load(file);
    if (!config) return EXIT_FAILURE;
    print(view->second(*config));
    return EXIT_SUCCESS;
}

int keygen(const std::optional<std::string>& file) {
    if (!file) {
        const auto key = wg::PrivateKey::generate();
        print(key.reveal_base64() + "\n");
        fmt::print(stderr, "public key: {}\n", wg::to_string(key.public_key()));
        return EXIT_SUCCESS;
    }
    const auto key = wg::create_private_key(*file);
    if (!key) {
        complain(key.error().text());
        return EXIT_FAILURE;
    }
    print(wg::to_string(key->public_key()) + "\n");
    return EXIT_SUCCESS;
}

int pubkey(const std::string& file) {
    const auto key = wg::load_private_key(file);
    if (!key) {
        complain(key.error().text());
        return EXIT_FAILURE;
    }
    print(wg::to_string(key->public_key()) + "\n");
    return EXIT_SUCCESS;
}

int status(const Options& options) {
    for (;;) {
        const auto answer = ask_daemon(options.paths.control_socket(), "status");
        if (!answer) {
            complain(answer.error().text());
            if (!options.watch) return EXIT_FAILURE;
        } else {
            if (options.watch && !options.json) print("\x1b[H\x1b[2J");
            print(options.json ? boost::json::serialize(*answer) + "\n" : to_text(*answer, options.all));
            std::fflush(stdout);
        }
        if (!options.watch) return EXIT_SUCCESS;
        std::this_thread::sleep_for(std::chrono::seconds{1});
    }
}

int withdraw(const Options& options) {
    const auto answer = ask_daemon(options.paths.control_socket(), "withdraw");
    if (!answer) {
        complain(answer.error().text());
        return EXIT_FAILURE;
    }
    print("withdrawn: the hosts were told, everything of ulagate is removed, the daemon has stopped\n");
    return EXIT_SUCCESS;
}

// The firmware's own program knows how; all words behind "update" are its business. Comes back only with an
// error.
int update(char** argv) {
    ::execv(kAppliance, argv);
    if (errno == ENOENT) {
        complain(
            "this machine does not run the project's firmware: a new version comes with its packages (apt "
            "upgrade)");
    } else {
        complain(Error{{errno, std::generic_category()}, std::string{"run "} + kAppliance}.text());
    }
    return EXIT_FAILURE;
}

// Keys must not reach the disk by a core dump, or another process of ours by ptrace.
void protect_memory() {
    ::prctl(PR_SET_DUMPABLE, 0);
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
}

int run(const Options& options) {
    protect_memory();
    std::signal(SIGPIPE, SIG_IGN);
    auto config = load(options.paths.config_file);
    if (!config) return EXIT_FAILURE;
    raise_priority();
    auto process = Process::create(options.paths, std::move(*config));
    if (!process) {
        complain(process.error().text());
        return EXIT_FAILURE;
    }
    if (const auto ended = (*process)->run(); !ended) {
        complain(ended.error().text());
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

int dispatch(const Options& options) {
    if (options.help) {
        print(cli::help());
        return EXIT_SUCCESS;
    }
    if (options.version) {
        print(fmt::format("ulagate {}\n", kVersion));
        return EXIT_SUCCESS;
    }
    if (options.debug) log::set_level(log::Level::debug);
    const auto& words = options.words;
    if (words.empty()) return usage("no command given");
    const std::string& command = words.front();
    const auto arguments = words.size() - 1;
    if (command == "run" && arguments == 0) return run(options);
    if (command == "check" && arguments == 1) return check(words[1]);
    if (command == "show" && arguments == 2) return show(words[1], words[2]);
    if (command == "status" && arguments == 0) return status(options);
    if (command == "withdraw" && arguments == 0) return withdraw(options);
    if (command == "keygen" && arguments <= 1) {
        return keygen(arguments == 1 ? std::optional{words[1]} : std::nullopt);
    }
    if (command == "pubkey" && arguments == 1) return pubkey(words[1]);
    return usage(fmt::format("unknown command or wrong arguments: {}",
                             quote(fmt::format("{}", fmt::join(words, " ")))));
}

}  // namespace
}  // namespace ulagate

int main(int argc, char** argv) try {
    if (const auto code = ulagate::firewall::run_nft_child(argc, argv)) return *code;
    if (argc > 1 && std::string_view{argv[1]} == "update") return ulagate::update(argv);
    const auto options = ulagate::parse_options(argc, argv);
    return options ? ulagate::dispatch(*options) : ulagate::kUsageError;
} catch (const std::exception& error) {
    std::fputs("ulagate: internal error: ", stderr);
    std::fputs(error.what(), stderr);
    std::fputc('\n', stderr);
    return EXIT_FAILURE;
}
