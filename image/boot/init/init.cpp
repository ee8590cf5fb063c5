// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/init/init.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill() and the signal sets are POSIX
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <thread>
#include <utility>

#include "daemon/base/file.h"
#include "daemon/base/process.h"
#include "daemon/base/socket_message.h"
#include "daemon/base/text.h"
#include "image/boot/init/machine.h"

namespace ulagate::init {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr std::size_t kPrepare = 0;
constexpr std::size_t kRouter = 1;
constexpr std::size_t kAppliance = 2;
// What needs which: modules; the clock, the host name, the card; links, routes, tunnels and the firewall, the
// group of the control socket, and a priority.
constexpr Capabilities kModprobeHas{CAP_SYS_MODULE};
constexpr Capabilities kPrepareHas{CAP_SYS_TIME, CAP_SYS_ADMIN};
constexpr Capabilities kRouterHas{CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF, CAP_CHOWN, CAP_SYS_NICE};
constexpr std::size_t kMaxPreload = 16U << 10U;
constexpr auto kTryWatchdog = 500ms;  // while its driver is not there
constexpr auto kAfterFailure = 1s;
constexpr int kMaxWait = 60'000;
// So much of one source in one turn that the others have theirs too.
constexpr int kAtOnce = 64;
constexpr std::size_t kMaxDatagram = 2048;

UniqueFd open_signals() {
    sigset_t all{};
    ::sigfillset(&all);
    // A fault of our own is not to be read from a file: it ends in a panic, and that in a restart.
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS})
        ::sigdelset(&all, fault);
    ::sigprocmask(SIG_BLOCK, &all, nullptr);
    return UniqueFd{::signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK)};
}

UniqueFd open_notify(const std::string& path) {
    UniqueFd fd{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (!fd || path.size() >= sizeof(address.sun_path)) return {};
    std::copy(path.begin(), path.end(), std::begin(address.sun_path));
    ::unlink(path.c_str());
    // The one cast that the socket API demands.
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return {};
    const int yes = 1;
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)) != 0) return {};
    return fd;
}

// The next message, and who sent it as the kernel says.
std::optional<std::pair<pid_t, std::string>> receive(int fd) {
    std::string text(kMaxDatagram, '\0');
    net::SocketMessage message{std::as_writable_bytes(std::span{text})};
    const ssize_t n = ::recvmsg(fd, message.header(), MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0) return std::nullopt;
    text.resize(static_cast<std::size_t>(n));
    const auto sender = net::control_value<ucred>(*message.header(), SOL_SOCKET, SCM_CREDENTIALS);
    return std::pair{sender.value_or(ucred{}).pid, std::move(text)};
}

std::optional<End> end_of(std::uint32_t signal) {
    switch (signal) {
        case SIGTERM:  // as busybox' reboot, poweroff and halt have it
        case SIGINT:
            return End::reboot;  // Ctrl-Alt-Del
        case SIGUSR2:
            return End::power_off;
        case SIGUSR1:
            return End::halt;
        default:
            return std::nullopt;
    }
}

}  // namespace

Init::Init(Plan plan)
    : plan_(std::move(plan)), log_(plan_.kmsg, plan_.log), watchdog_(plan_.watchdog, plan_.watchdog_timeout) {
    outputs_[kPrepare].name = "prepare";
    outputs_[kRouter].name = "ulagate";
    outputs_[kAppliance].name = "appliance";
}

bool Init::open_all() {
    signals_ = open_signals();
    messages_ = open_notify(plan_.notify);
    for (Output& output : outputs_) {
        std::array<int, 2> ends{-1, -1};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) continue;
        output.read.reset(ends[0]);
        output.write.reset(ends[1]);
        // Our end only: a service that writes much waits for us, and nothing of it is lost.
        ::fcntl(output.read.get(), F_SETFL, O_NONBLOCK);
    }
    return signals_ && messages_;
}

End Init::run() {
    if (watchdog_.open()) feed_at_ = steady_clock::now() + watchdog_.interval();
    if (!open_all()) {
        // Without signals or messages there is nothing to supervise by. Never seen; a restart may cure it.
        say(true, "cannot open my own sockets, restarting the machine");
        std::this_thread::sleep_for(10s);
        return End::reboot;
    }
    coldplug();
    preload_ = module_names(read_file(plan_.preload, kMaxPreload).value_or(""));
    load_modules();
    start_prepare();
    while (!finished_) {
        try {
            turn();
        } catch (const std::exception& error) {
            // No memory, most likely. The watchdog is fed in a turn that succeeds, and only there.
            say(true, std::string{"a turn of the loop failed: "} + error.what());
            std::this_thread::sleep_for(kAfterFailure);
        }
    }
    if (*finished_ != End::reboot) watchdog_.disarm();
    return *finished_;
}

int Init::wait_time(TimePoint now) const {
    TimePoint next = now + std::chrono::milliseconds{kMaxWait};
    const auto also = [&](TimePoint time) { next = std::min(next, time); };
    if (watchdog_.wanted()) also(feed_at_);
    if (prepare_ > 0) also(prepare_until_);
    if (modprobe_ > 0) also(modprobe_until_);
    if (supervisor_ && supervisor_->deadline()) also(*supervisor_->deadline());
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - now).count();
    return static_cast<int>(std::clamp<std::int64_t>(wait, 0, kMaxWait));
}

void Init::turn() {
    std::array<pollfd, 3 + kOutputs> polled{};
    polled[0] = {signals_.get(), POLLIN, 0};
    polled[1] = {messages_.get(), POLLIN, 0};
    polled[2] = {uevents_.get(), POLLIN, 0};  // -1 is passed over
    for (std::size_t i = 0; i < kOutputs; ++i) polled.at(3 + i) = {outputs_.at(i).read.get(), POLLIN, 0};
    if (::poll(polled.data(), polled.size(), wait_time(steady_clock::now())) < 0 && errno != EINTR) {
        std::this_thread::sleep_for(kAfterFailure);
    }
    // What a service has said before its end counts before it.
    if (polled[1].revents != 0) on_messages();
    for (std::size_t i = 0; i < kOutputs; ++i) {
        if (polled.at(3 + i).revents != 0) on_output(outputs_.at(i));
    }
    if (polled[2].revents != 0) on_uevents();
    if (polled[0].revents != 0) on_signals();
    on_time();
}

void Init::on_signals() {
    bool children = false;
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGCHLD) children = true;
        const auto end = end_of(info.ssi_signo);
        if (!end) continue;
        say(false, *end == End::reboot ? "restarting" : "stopping for good");
        if (supervisor_) {
            act(supervisor_->shut_down(*end, steady_clock::now()));
        } else if (!asked_) {
            asked_ = end;
            if (prepare_ > 0) ::kill(prepare_, SIGTERM);
        }
    }
    if (children) on_children();
}

void Init::on_messages() {
    for (int i = 0; i < kAtOnce; ++i) {
        const auto message = receive(messages_.get());
        if (!message) return;
        // Of the process that we started, and of no child of its: what an old one sent before its end is not
        // the new one's word.
        for (std::size_t service = 0; supervisor_ && service < services_.size(); ++service) {
            if (services_[service].pid != message->first || message->first <= 0) continue;
            act(supervisor_->on_message(service, parse_message(message->second), steady_clock::now()));
        }
    }
}

void Init::on_output(Output& output) {
    std::array<char, 4096> bytes{};
    for (int i = 0; i < kAtOnce; ++i) {
        const ssize_t n = ::read(output.read.get(), bytes.data(), bytes.size());
        if (n <= 0) return;
        for (const LogLine& line : output.cutter.feed({bytes.data(), static_cast<std::size_t>(n)})) {
            log_.line(output.name, line, output.allowance);
        }
    }
}

void Init::on_uevents() {
    std::string message;
    for (int i = 0; i < kAtOnce; ++i) {
        const Uevent got = read_uevent(uevents_.get(), message);
        if (got == Uevent::none) break;
        if (got == Uevent::lost) {
            coldplug();
        } else if (const std::string alias = added_modalias(message); !alias.empty()) {
            modules_.add(alias);
        }
    }
    load_modules();
}

void Init::coldplug() {
    // First the socket, then the look around: nothing comes between them.
    if (!uevents_ && plan_.machine) uevents_ = open_uevents();
    for_each_modalias(plan_.sysfs, [this](std::string_view alias) { modules_.add(alias); });
}

// One process at a time, for all names that have come meanwhile. The devices behind a new bus come as
// uevents. What the router needs in any case is loaded when no device waits: else the kernel would start a
// modprobe for each module in the middle of the first ruleset.
void Init::load_modules() {
    if (modprobe_ > 0) return;
    const auto names = modules_.empty() ? std::exchange(preload_, {}) : modules_.take();
    if (names.empty()) return;
    Command command;
    command.words = plan_.modprobe;
    command.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
    command.capabilities = kModprobeHas;
    command.words.insert(command.words.end(), names.begin(), names.end());
    const auto started = start_process(command);
    if (!started) return say(true, started.error().text());
    modprobe_ = *started;
    modprobe_until_ = steady_clock::now() + plan_.modprobe_within;
}

void Init::start_prepare() {
    Command command;
    command.words = plan_.prepare;
    command.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "JOURNAL_STREAM=0:0"};
    command.output = outputs_[kPrepare].write.get();
    command.capabilities = kPrepareHas;
    const auto started = start_process(command);
    if (!started) return prepared("could not be started: " + started.error().text(), false);
    prepare_ = *started;
    prepare_until_ = steady_clock::now() + plan_.prepare_within;
}

void Init::prepared(const std::string& how, bool good) {
    constexpr int kTerminated = 3;  // its code for rescue
    prepare_ = 0;
    if (!good && how != fmt::format("exit code {}", kTerminated)) say(true, "prepare: " + how);
    if (!good) say(true, "rescue: the router is not started, see the status page");
    start_services(good);
    if (asked_) act(supervisor_->shut_down(*asked_, steady_clock::now()));
}

void Init::start_services(bool with_router) {
    std::vector<std::string> names;
    // The router first: it says goodbye while there still are uplinks.
    if (with_router) services_.push_back({plan_.router, kRouter, 0, kRouterHas});
    // Its ssh and its login are root's own, for whatever has to be done: it limits the others itself.
    services_.push_back({plan_.appliance, kAppliance, 0, Capabilities::all()});
    for (const Running& service : services_) names.push_back(outputs_.at(service.output).name);
    supervisor_.emplace(std::move(names), plan_.limits);
    if (!asked_) act(supervisor_->start(steady_clock::now()));
}

void Init::act(const Actions& actions) {
    for (const Action& action : actions) {
        if (const auto* start = std::get_if<Start>(&action)) {
            start_service(start->service);
        } else if (const auto* terminate = std::get_if<Terminate>(&action)) {
            signal_service(terminate->service, SIGTERM, false);
        } else if (const auto* kill = std::get_if<Kill>(&action)) {
            signal_service(kill->service, SIGKILL, true);
        } else if (const auto* words = std::get_if<Say>(&action)) {
            say(words->problem, words->text);
        } else if (const auto* finish = std::get_if<Finish>(&action)) {
            finished_ = finish->how;
        } else {
            const std::chrono::duration<double> up = steady_clock::now().time_since_epoch();
            say(false, fmt::format("ready after {:.1f} s", up.count()));
        }
    }
}

void Init::start_service(std::size_t index) {
    Running& service = services_.at(index);
    const auto usec = std::chrono::duration_cast<std::chrono::microseconds>(plan_.limits.watchdog).count();
    Command command;
    command.words = service.command;
    command.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "JOURNAL_STREAM=0:0",
                           "NOTIFY_SOCKET=" + plan_.notify, fmt::format("WATCHDOG_USEC={}", usec)};
    command.output = outputs_.at(service.output).write.get();
    command.capabilities = service.capabilities;
    const auto started = start_process(command);
    if (started) {
        service.pid = *started;
    } else {
        act(supervisor_->on_exit(index, "could not be started: " + started.error().text(),
                                 steady_clock::now()));
    }
}

void Init::signal_service(std::size_t index, int signal, bool group) {
    const pid_t pid = services_.at(index).pid;
    if (pid <= 0) {
        // It should be there and is not (a turn that failed): as if it had just ended.
        return act(supervisor_->on_exit(index, "no process", steady_clock::now()));
    }
    if (group) kill_group(pid);
    ::kill(pid, signal);  // also when its own setsid() is still to come
}

void Init::on_children() {
    while (const auto ended = next_ended()) {
        const pid_t pid = ended->pid;
        const auto service = std::ranges::find(services_, pid, &Running::pid);
        if (service != services_.end()) {
            on_output(outputs_.at(service->output));  // its last words before the line about its end
            kill_group(pid);
            reap(pid);
            service->pid = 0;
            const auto index = static_cast<std::size_t>(service - services_.begin());
            act(supervisor_->on_exit(index, ended->how, steady_clock::now()));
            continue;
        }
        reap(pid);
        if (pid == prepare_) {
            on_output(outputs_[kPrepare]);
            prepared(ended->how, ended->success);
        } else if (pid == modprobe_) {
            modprobe_ = 0;
            load_modules();
        }
    }
}

void Init::on_time() {
    const TimePoint now = steady_clock::now();
    if (supervisor_) act(supervisor_->on_deadline(now));
    if (prepare_ > 0 && now >= prepare_until_) {
        if (!prepare_killed_) {
            prepare_killed_ = true;
            say(true, "prepare took too long; killing it");
            kill_group(prepare_);
            prepare_until_ = now + plan_.limits.kill;
        } else {
            // It hangs in the kernel, with the card perhaps: the machine does what it can without it.
            prepared("cannot be killed", false);
        }
    }
    if (modprobe_ > 0 && now >= modprobe_until_) {
        say(true, "loading a driver hangs; continuing without it");
        modprobe_ = 0;
        load_modules();
    }
    if (now < feed_at_ || !watchdog_.wanted()) return;
    if (!watchdog_.open()) {
        feed_at_ = now + kTryWatchdog;
        return;
    }
    if (!supervisor_ || supervisor_->healthy(now)) watchdog_.feed();
    feed_at_ = now + watchdog_.interval();
}

}  // namespace ulagate::init
