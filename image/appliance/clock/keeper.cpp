// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/clock/keeper.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "daemon/base/kernel_address.h"
#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "image/appliance/clock/setter.h"

namespace ulagate::appliance {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kPort = 123;
constexpr std::size_t kMaxPacket = 1024;
constexpr auto kResolveAgain = 20s;  // while a name has no address
constexpr auto kResolveLater = 2h;

// Without configuration. Names come first, because the pool's owners spread the load by them; the addresses
// are those of time.cloudflare.com and time.google.com, for a network whose name servers do not work without
// the time.
constexpr std::array kPoolNames{"0.debian.pool.ntp.org", "2.debian.pool.ntp.org"};
constexpr std::array kPoolAddresses{"162.159.200.1", "216.239.35.4", "2606:4700:f1::1", "2001:4860:4806:4::"};

SntpClient::Now now_both() { return {std::chrono::steady_clock::now(), std::chrono::system_clock::now()}; }

std::uint64_t random_bits() {
    std::uint64_t out = 0;
    // Never waits: before the kernel has randomness of its own, guessing is nobody's sport yet.
    if (::getrandom(&out, sizeof out, GRND_NONBLOCK) != sizeof out)
        out = static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
    return out;
}

// "forward by 3.2 s"
std::string direction(std::chrono::nanoseconds by) {
    const auto rounded = std::chrono::duration_cast<std::chrono::milliseconds>(by < 0ns ? -by : by);
    return fmt::format("{} by {}", by < 0ns ? "back" : "forward", human_duration(rounded));
}

}  // namespace

TimeKeeper::TimeKeeper(boost::asio::io_context& io, Setup setup, std::function<void()> changed)
    : io_(io),
      setup_(std::move(setup)),
      changed_(std::move(changed)),
      client_(random_bits),
      resolver_(io, [this](const Resolver::Answer& answer) { on_answer(answer); }),
      ask_alarm_(io, [this] { take(client_.on_deadline(now_both())); }),
      resolve_alarm_(io, [this] { resolve(); }),
      pace_alarm_(io, [this] {
          slow_ = false;
          if (auto done = slow_clock(false); !done) log::warning("clock", "{}", done.error().text());
      }) {}

Result<TimeKeeper::Link> TimeKeeper::open(int family) {
    Link out{UniqueFd{::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)}, nullptr};
    if (!out.socket) return fail_errno("open a socket for time servers");
    return out;
}

Result<void> TimeKeeper::start() {
    for (Link* link : {&ipv4_, &ipv6_}) {
        auto opened = open(link == &ipv4_ ? AF_INET : AF_INET6);
        // A kernel without one of the families still has the other.
        if (!opened) continue;
        *link = std::move(*opened);
        auto readable = Readable::watch(io_, link->socket.get(), [this, link] { read(*link); });
        if (!readable) return tl::unexpected{readable.error()};
        link->readable = std::move(*readable);
    }
    if (!setup_.dry) {
        // An earlier run may have left it slow.
        if (auto done = slow_clock(false); !done) log::warning("clock", "{}, ignoring", done.error().text());
    }
    collect_servers();
    resolve();
    return {};
}

void TimeKeeper::set_leased(const std::vector<net::IpAddress>& servers) {
    if (servers == leased_) return;
    leased_ = servers;
    collect_servers();
}

void TimeKeeper::on_network_change() {
    client_.on_network_change(now_both().steady);
    ask_alarm_.set(client_.deadline());
    resolver_.start_again();
    resolve_alarm_.set(now_both().steady);
}

void TimeKeeper::resolve() {
    to_resolve_.clear();
    if (has_own_servers()) {
        for (const std::string& name : setup_.names)
            if (!net::parse_ip(name)) to_resolve_.insert(name);
    } else if (leased_.empty()) {
        to_resolve_.insert(kPoolNames.begin(), kPoolNames.end());
    }
    bool missing = false;
    for (const std::string& name : to_resolve_) {
        missing |= !resolved_.contains({name, IpFamily::ipv4}) && !resolved_.contains({name, IpFamily::ipv6});
        for (const IpFamily family : kIpFamilies) resolver_.request(name, family);
    }
    resolve_alarm_.set(now_both().steady + (missing ? std::chrono::seconds{kResolveAgain} : kResolveLater));
}

void TimeKeeper::on_answer(const Resolver::Answer& answer) {
    if (!answer.addresses) return;  // asked again later
    if (answer.addresses->empty()) return;
    resolved_[{answer.host, answer.family}] = *answer.addresses;
    collect_servers();
}

void TimeKeeper::collect_servers() {
    std::vector<net::IpAddress> servers;
    const auto add = [&](const net::IpAddress& server) {
        if (std::find(servers.begin(), servers.end(), server) == servers.end()) servers.push_back(server);
    };
    const auto add_name = [&](const std::string& name) {
        for (const IpFamily family : kIpFamilies) {
            const auto found = resolved_.find({name, family});
            if (found != resolved_.end()) std::for_each(found->second.begin(), found->second.end(), add);
        }
    };
    for (const std::string& name : setup_.names) {
        if (const auto address = net::parse_ip(name)) {
            add(*address);
        } else {
            add_name(name);
        }
    }
    for (const net::IpAddress& server : leased_) add(server);
    if (!has_own_servers()) {
        for (const char* name : kPoolNames) add_name(name);
        for (const char* text : kPoolAddresses)
            if (const auto address = net::parse_ip(text)) add(*address);
    }
    client_.set_servers(servers, now_both().steady);
    ask_alarm_.set(client_.deadline());
}

void TimeKeeper::ask(const std::vector<SntpClient::Question>& questions) {
    for (const auto& question : questions) {
        // What cannot be sent is as good as an answer that does not come.
        ssize_t sent = 0;
        if (const auto* ipv4 = std::get_if<net::Ipv4Address>(&question.server)) {
            sockaddr_in to{};
            to.sin_family = AF_INET;
            to.sin_port = htons(kPort);
            to.sin_addr = net::to_kernel(*ipv4);
            sent = ::sendto(ipv4_.socket.get(), question.packet.data(), question.packet.size(), MSG_NOSIGNAL,
                            reinterpret_cast<const sockaddr*>(&to), sizeof to);
        } else {
            sockaddr_in6 to{};
            to.sin6_family = AF_INET6;
            to.sin6_port = htons(kPort);
            to.sin6_addr = net::to_kernel(std::get<net::Ipv6Address>(question.server));
            sent = ::sendto(ipv6_.socket.get(), question.packet.data(), question.packet.size(), MSG_NOSIGNAL,
                            reinterpret_cast<const sockaddr*>(&to), sizeof to);
        }
        if (sent < 0) log::debug("clock", "ask {}: errno {}", net::to_string(question.server), errno);
    }
}

void TimeKeeper::read(const Link& link) {
    for (int i = 0; i < 16; ++i) {
        std::array<std::byte, kMaxPacket> packet{};
        sockaddr_storage from{};
        socklen_t length = sizeof from;
        const ssize_t size = ::recvfrom(link.socket.get(), packet.data(), packet.size(), 0,
                                        reinterpret_cast<sockaddr*>(&from), &length);
        if (size < 0) return;
        net::IpAddress address;
        std::uint16_t port = 0;
        if (from.ss_family == AF_INET) {
            sockaddr_in in{};
            std::memcpy(&in, &from, sizeof in);
            address = net::from_kernel(in.sin_addr);
            port = ntohs(in.sin_port);
        } else {
            sockaddr_in6 in{};
            std::memcpy(&in, &from, sizeof in);
            address = net::from_kernel(in.sin6_addr);
            port = ntohs(in.sin6_port);
        }
        if (port != kPort) continue;
        const auto turn =
            client_.on_packet(address, std::span{packet}.first(static_cast<std::size_t>(size)), now_both());
        if (turn) {
            take(*turn);
        } else {
            log::debug("clock", "{}: {}, ignoring", net::to_string(address), turn.error().text());
            ask_alarm_.set(client_.deadline());
        }
    }
}

void TimeKeeper::take(const SntpClient::Turn& turn) {
    ask(turn.questions);
    if (turn.sample) use(*turn.sample);
    ask_alarm_.set(client_.deadline());
}

void TimeKeeper::say(const std::string& status) {
    if (status == status_) return;
    status_ = status;
    changed_();
}

void TimeKeeper::use(const ClockSample& sample) {
    const ClockWitness witness{sample.agreeing,
                               setup_.told_by_relays ? setup_.told_by_relays() : std::nullopt};
    act(clock_action(std::chrono::system_clock::now(), sample.offset, setup_.floor, witness), sample);
}

void TimeKeeper::act(const ClockAction& action, const ClockSample& sample) {
    const std::string who = net::to_string(sample.server);
    if (const auto* keep = std::get_if<KeepClock>(&action)) {
        synchronised_ = false;
        if (status_ != keep->reason) log::error("clock", "{}", keep->reason);
        return say(keep->reason);
    }
    if (setup_.dry) {
        log::notice("clock", "dry run, would be set {}, by {} ({} answers)", direction(sample.offset), who,
                    sample.answers);
        return say("dry run: by " + who);
    }
    Result<void> done;
    if (const auto* step = std::get_if<StepClock>(&action)) {
        done = step_clock(step->by);
        if (done)
            log::notice("clock", "set {}, by {} ({} answers)", direction(step->by), who, sample.answers);
    } else if (const auto* slew = std::get_if<SlewClock>(&action)) {
        done = slew_clock(slew->by);
    } else if (const auto* slow = std::get_if<SlowClock>(&action)) {
        done = slow_clock(true);
        slow_ = done.has_value();
        pace_alarm_.set(now_both().steady +
                        std::chrono::duration_cast<std::chrono::steady_clock::duration>(slow->ahead * 10));
        log::notice("clock", "{} ahead of {}, runs slower until that is made good",
                    human_duration(std::chrono::duration_cast<std::chrono::milliseconds>(slow->ahead)), who);
    }
    if (slow_ && !std::holds_alternative<SlowClock>(action)) {
        slow_ = false;
        pace_alarm_.set(std::nullopt);
        if (auto normal = slow_clock(false); !normal) log::warning("clock", "{}", normal.error().text());
    }
    if (done) done = mark_clock_synchronised(sample.delay);
    if (!done) {
        log::error("clock", "{}", done.error().text());
        return say(done.error().text());
    }
    synchronised_ = true;
    say(slow_ ? "ahead, runs slower until it is right, by " + who : "right, by " + who);
}

}  // namespace ulagate::appliance
