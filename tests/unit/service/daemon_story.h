// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/kernel/plan.h"
#include "daemon/service/daemon.h"
#include "daemon/service/edge_parts.h"
#include "daemon/service/relay_parts.h"
#include "tests/unit/service/story.h"
#include "wg/device/key_file.h"

namespace ulagate::fake {

// A LAN without a network: what is sent is kept, and nothing comes but what a test says.
class FakeLanSockets final : public LanSockets {
public:
    struct Wire {
        std::vector<ra::Send> advertisements;
        std::vector<SendVrrp> vrrp;
        std::vector<vrrp::Receiver::Datagram> vrrp_in;
        OnReadable call;
        bool broken = false;  // sockets cannot be opened
    };
    FakeLanSockets(const Place& place, Wire& wire) : LanSockets(place), wire_(wire) {}
    static LanSockets::Open opener(Wire& wire) {
        return [&wire](Loop&, const LanConfig&, const Place& place,
                       const OnReadable& call) -> Result<std::unique_ptr<LanSockets>> {
            if (wire.broken) return fail_errno("open a socket", EMFILE);
            wire.call = call;
            return std::make_unique<FakeLanSockets>(place, wire);
        };
    }
    [[nodiscard]] bool hears() const override { return true; }
    Result<std::optional<ra::Socket::Datagram>> receive_icmpv6() override {
        return std::optional<ra::Socket::Datagram>{};
    }
    Result<std::span<const ra::Packet>> receive_solicitations() override {
        return std::span<const ra::Packet>{};
    }
    std::vector<net::Ipv6Address> unresolved() override { return {}; }
    Result<std::optional<vrrp::Receiver::Datagram>> receive_vrrp() override {
        if (wire_.vrrp_in.empty()) return std::optional<vrrp::Receiver::Datagram>{};
        std::optional<vrrp::Receiver::Datagram> first{std::move(wire_.vrrp_in.front())};
        wire_.vrrp_in.erase(wire_.vrrp_in.begin());
        return first;
    }
    Result<void> listen_for(const std::vector<net::Ipv6Address>&) override { return {}; }
    Result<std::optional<ra::NeighborSocket::Datagram>> receive_claim() override {
        return std::optional<ra::NeighborSocket::Datagram>{};
    }
    Result<void> send(const ra::Send& message) override {
        wire_.advertisements.push_back(message);
        return {};
    }
    Result<void> send(const SendVrrp& message) override {
        wire_.vrrp.push_back(message);
        return {};
    }
    Result<void> send(const SendNeighbor&) override { return {}; }

private:
    Wire& wire_;
};

// Everything leaves by eth1, unless a test says otherwise.
class FakeEgress final : public EgressLookup {
public:
    std::optional<Egress> egress =
        Egress{"eth1", 1500, net::parse_ip("2001:db8:1::1"), net::parse_ip("2001:db8:1::5")};
    std::vector<DefaultRoute> routes;
    std::set<std::uint16_t> taken;  // UDP ports
    unsigned asked = 0;

    Result<Egress> egress_to(const net::IpAddress&) override {
        ++asked;
        if (!egress) return fail_errno("look up a route", ENETUNREACH);
        return *egress;
    }
    Result<std::vector<DefaultRoute>> default_routes() override { return routes; }
    bool udp_port_is_free(std::uint16_t port) override { return !taken.contains(port); }
};

class FakeResolver final : public NameResolver {
public:
    std::vector<std::pair<std::string, IpFamily>> asked;
    unsigned started_again = 0;

    void request(const std::string& host, IpFamily family) override { asked.emplace_back(host, family); }
    void start_again() override { ++started_again; }
};

class FakeHost final : public Host {
public:
    std::vector<std::string> said;  // "ready …", "reloading", "stopping", "exit"
    unsigned seconds = 0;
    bool clean = false;  // the daemon says that all is out of the kernel
    Result<void> group;  // what setting the control socket's group ends with
    std::function<void()> when_ready = [] {};

    void ready(const std::string& status) override {
        when_ready();
        said.push_back("ready " + status);
    }
    void reloading() override { said.emplace_back("reloading"); }
    void stopping() override {
        if (said.empty() || said.back() != "stopping") said.emplace_back("stopping");
    }
    void alive() override { ++seconds; }
    [[nodiscard]] std::optional<std::chrono::microseconds> watchdog_interval() override {
        return std::nullopt;
    }
    Result<void> set_control_group(const std::string&) override { return group; }
    void applied() override {}
    void look_at_tunnels() override {}
    void second() override {}
    void taken_down() override { clean = true; }
    void exit() override { said.emplace_back("exit"); }
};

// A whole daemon in virtual time, over the fake kernel.
class DaemonStory : public ::testing::Test {
protected:
    DaemonStory() {
        paths.config_file = directory.path() + "/ulagate.toml";
        paths.runtime_directory = directory.path();
        paths.state_directory = directory.path();
        EXPECT_TRUE(wg::create_private_key(key_file()));
    }
    ~DaemonStory() override {
        if (daemon) daemon->finish();
    }

    [[nodiscard]] std::string key_file() const { return directory.path() + "/tunnel.key"; }
    // `more`: further tables.
    [[nodiscard]] std::string edge_text(const std::string& more = {}) const {
        return fmt::format(
            "role = \"edge\"\nnode = \"a1\"\nsite = \"a\"\n"
            "[overlay]\nprefix = \"fd12:3456:789a::/48\"\n"
            "[[lan]]\ninterface = \"eth0\"\nprefix = \"fd12:3456:789a:a::/64\"\n"
            "[lan.vrrp]\nid = 51\naddress = \"fe80::51\"\npriority = 200\n"
            "[tunnel]\naddress = \"fd99::a1\"\nprivate_key = \"{}\"\nmtu = 1420\n"
            "[[relay]]\nname = \"r1\"\naddress = \"fd99::1\"\npublic_key = \"{}\"\n"
            "endpoint = \"192.0.2.1:51820\"\n{}",
            key_file(), wg::to_string(key(9)), more);
    }
    [[nodiscard]] std::string relay_text(const std::string& more = {}) const {
        return fmt::format(
            "role = \"relay\"\nnode = \"r1\"\n[overlay]\nprefix = \"fd12:3456:789a::/48\"\n"
            "[tunnel]\naddress = \"fd99::1\"\nprivate_key = \"{}\"\nmtu = 1420\n"
            "[[site]]\nname = \"a\"\nprefixes = [\"fd12:3456:789a:a::/64\"]\n"
            "[[site.router]]\nnode = \"a1\"\naddress = \"fd99::a1\"\npublic_key = \"{}\"\npriority = 200\n"
            "[[site.router]]\nnode = \"a2\"\naddress = \"fd99::a2\"\npublic_key = \"{}\"\npriority = 100\n{}",
            key_file(), wg::to_string(key(1)), wg::to_string(key(2)), more);
    }
    void write_config(const std::string& text) const { std::ofstream{paths.config_file} << text; }
    static Config read_config(const std::string& text) {
        Loaded loaded = load_config(text);
        for (const Finding& finding : loaded.findings) ADD_FAILURE() << to_string(finding, "config");
        return loaded.config.value_or(Config{});
    }

    void create(const std::string& text) {
        Daemon::Setup setup{
            kernel,
            loop,
            host,
            resolver,
            egress,
            checks(),
            [this](const Context& context, const Parts::Means& means) { return compose(context, means); }};
        daemon = std::make_unique<Daemon>(paths, read_config(text), std::move(setup));
    }
    // As the process does it.
    void start(const std::string& text) {
        create(text);
        daemon->start();
        daemon->run();
        loop.settle();
    }
    std::unique_ptr<Parts> compose(const Context& context, const Parts::Means& means) {
        auto link = std::make_unique<FakeControlLink>(loop, wire);
        if (context.config.role == Role::relay)
            return std::make_unique<RelayParts>(context, means, std::move(link));
        EdgeParts::Machine machine{
            std::move(link), FakeLanSockets::opener(lan),
            [this]() -> Result<std::vector<net::Ipv6Prefix>> { return active_prefixes; },
            [this] { return synchronised; }};
        return std::make_unique<EdgeParts>(context, means, std::move(machine));
    }
    ResultChecks::Means checks() {
        ResultChecks::Means means;
        means.forwarded = [](const Forwarding&) -> Result<Forwarded> {
            return fail_errno("look up a route", ENETUNREACH);
        };
        means.neighbours = []() -> Result<TableUse> { return TableUse{1, 8192, 0}; };
        means.connections = [] { return std::optional<TableUse>{}; };
        means.passages = [this](const PassageWatch::View&, Loop::TimePoint) { return passages; };
        means.forwards = [] { return true; };
        return means;
    }
    // The tunnel to the relay works now.
    void relay_answers() {
        wg::Peer& peer = kernel.have.tunnels.at("ulg-r1").peers.at(key(9));
        peer.endpoint = endpoint("192.0.2.1:51820");
        peer.last_handshake = loop.wall_clock();
        peer.rx_bytes += 100;
    }
    // On eth0.
    void hear_active_router(const std::string& from, std::uint8_t priority) {
        const vrrp::Advertisement advertisement{
            51, priority, vrrp::Centiseconds{10}, {ulagate::address("fe80::51")}};
        lan.vrrp_in.push_back({vrrp::build(advertisement, ulagate::address(from)),
                               {ulagate::address(from), vrrp::kAllVrrpRouters, 255}});
        lan.call.vrrp();
    }
    [[nodiscard]] bool holds(const std::string& link, const std::string& address) const {
        return kernel.have.addresses.contains({link, prefix(address)});
    }
    // Nothing in the kernel is ours any more.
    [[nodiscard]] std::vector<std::string> left_over() const {
        return described(plan(nothing_wanted(kernel.have), kernel.have));
    }
    bool exited() const { return !host.said.empty() && host.said.back() == "exit"; }

    Directory directory;
    ServicePaths paths;
    FakeKernel kernel;
    VirtualLoop loop;
    FakeHost host;
    FakeResolver resolver;
    FakeEgress egress;
    FakeControlLink::Wire wire;
    FakeLanSockets::Wire lan;
    std::vector<net::Ipv6Prefix> active_prefixes;
    std::vector<Obstacle> passages;
    bool synchronised = true;  // a time service has set the clock
    std::unique_ptr<Daemon> daemon;
};

}  // namespace ulagate::fake
