// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/base/file.h"
#include "daemon/base/overloaded.h"
#include "daemon/config/config.h"
#include "daemon/kernel/desired.h"
#include "daemon/kernel/kernel.h"
#include "daemon/kernel/simulate.h"
#include "tests/unit/text_values.h"

// A machine as it was before us, the reference configurations, and a kernel made of maps that fails on
// demand.
namespace ulagate::fake {

inline wg::PublicKey key(std::uint8_t n) {
    wg::PublicKey key;
    key.bytes.fill(n);
    return key;
}
inline wg::PrivateKey private_key() {
    wg::Secret::Bytes bytes{};
    bytes.fill(7);
    return wg::PrivateKey{bytes};
}

inline Config reference(std::string_view name) {
    const auto text = read_file(fmt::format("{}/daemon/reference/{}.toml", ULAGATE_SOURCE_DIR, name),
                                std::size_t{1} << 20U);
    EXPECT_TRUE(text) << text.error().text();
    return load_config(text.value_or("")).config.value_or(Config{});
}
inline Config edge() { return reference("edge"); }
inline Config relay() { return reference("relay"); }

inline const net::Endpoint kRelay6 = endpoint("[2001:db8::1]:51820");
inline const net::Endpoint kRelay4 = endpoint("192.0.2.1:51820");

// All is known: the key, and the endpoint of each relay behind a link of 1500 bytes.
inline Facts facts(const Config& config) {
    Facts facts;
    facts.private_key = private_key();
    for (const RelayConfig& relay : config.relays)
        facts.relays[relay.name] = {kRelay6, Egress{"eth1", 1500}, false};
    facts.uplink = Egress{"eth1", 1500};
    facts.uplinks = {"eth1"};
    return facts;
}

// LANs on eth0 and eth2, the internet behind eth1. Nothing is ours.
inline Have machine() {
    Have have;
    have.links["lo"] = {1, true, true, 65536, std::nullopt};
    have.links["eth0"] = {2, true, true, 1500, net::MacAddress{{2, 0, 0, 0, 0, 0}}};
    have.links["eth1"] = {3, true, true, 1500, net::MacAddress{{2, 0, 0, 0, 0, 1}}};
    have.links["eth2"] = {4, true, true, 1500, net::MacAddress{{2, 0, 0, 0, 0, 2}}};
    have.addresses[{"lo", prefix("::1/128")}] = {};
    have.addresses[{"eth0", prefix("fe80::5eed/64")}] = {};
    have.addresses[{"eth1", prefix("fe80::1234/64")}] = {};
    have.addresses[{"eth1", prefix("2001:db8:1::5/64")}] = {};
    have.rules = {{{0, kLocalTable}, true, 2, "from all lookup local"},
                  {{32766, kMainTable}, true, 2, "from all lookup main"}};
    have.sysctls["net/ipv6/conf/all/forwarding"] = "0";
    have.sysctls[kIcmpRateLimit] = "1000";
    have.sysctls[kIpv4Forwarding] = "0";
    for (const char* link : {"eth0", "eth1", "eth2"}) {
        have.sysctls[fmt::format("net/ipv6/conf/{}/forwarding", link)] = "0";
        have.sysctls[fmt::format("net/ipv6/conf/{}/accept_ra", link)] = "1";
    }
    return have;
}

// With interfaces of ours that are up and hold nothing yet.
inline Have with_tunnels(Have have, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
        simulate(have, CreateTunnel{name});
        simulate(have, SetLink{name, 1420});
    }
    return have;
}

inline std::vector<std::string> described(const std::vector<Step>& steps) {
    std::vector<std::string> out;
    std::transform(steps.begin(), steps.end(), std::back_inserter(out), describe);
    return out;
}

// Does what it is told and records it, unless a test says otherwise. The rules that decide about success in
// the real one are here too: no route over an interface that is not up, no UDP port twice.
class FakeKernel : public Kernel {
public:
    explicit FakeKernel(Have start = machine()) : have(std::move(start)) {}

    Have have;                                 // the truth
    ChangedSysctls originals;                  // before our first change
    std::vector<std::string> applied;          // describe() of each step that succeeded
    unsigned calls = 0;                        // reads and steps
    std::function<bool(unsigned)> out;         // whether the n-th call (from 1 on) fails
    std::map<std::string, std::errc> refused;  // by subject: this step fails
    std::set<std::string> without_effect;      // by subject: success, but nothing happens
    bool unreadable = false;
    std::set<std::string> slow;    // by place: its steps are left under way until finish()
    std::set<std::string> silent;  // tunnels that are asked and do not answer

    Result<Links> links() override { return read(have.links); }
    Result<Addresses> addresses() override { return read(have.addresses); }
    Result<Routes> our_routes() override { return read(have.routes); }
    Result<Rules> rules() override { return read(have.rules); }
    Result<EndpointRoutes> endpoint_routes() override { return read(have.endpoint_routes); }
    Result<Tunnels> tunnels(const std::set<std::string>& interfaces) override {
        Tunnels answers{only(have.tunnels, interfaces), {}};
        for (const std::string& name : interfaces) {
            if (!silent.contains(name)) continue;
            answers.devices.erase(name);
            answers.unanswered.insert(name);
        }
        return read(answers);
    }
    Result<std::optional<firewall::Model>> firewall() override { return read(have.firewall); }
    Result<Sysctls> sysctls(const std::set<std::string>& paths) override {
        return read(only(have.sysctls, paths));
    }
    [[nodiscard]] ChangedSysctls changed_sysctls() const override { return originals; }

    Result<void> apply(const Step& step) override {
        if (fails()) return fail_errno(describe(step), ENOBUFS);
        if (slow.contains(place_of(step))) {
            EXPECT_FALSE(under_way.contains(place_of(step))) << describe(step);
            under_way.insert_or_assign(place_of(step), step);
            return fail_errno(describe(step), EINPROGRESS);
        }
        return perform(step);
    }
    std::map<std::string, Step> under_way;
    // The step that is under way at this place comes to its end, whichever.
    void finish(const std::string& place) {
        const auto step = under_way.extract(place);
        ASSERT_FALSE(step.empty()) << place;
        finished.push_back({place, perform(step.mapped())});
    }
    std::vector<Finished> take_finished() override { return std::exchange(finished, {}); }

    Result<void> perform(const Step& step) {
        if (const auto found = refused.find(subject(step)); found != refused.end()) {
            return fail(std::make_error_code(found->second), describe(step));
        }
        if (const int code = impossible(step); code != 0) return fail_errno(describe(step), code);
        applied.push_back(describe(step));
        if (without_effect.contains(subject(step))) return {};
        if (const auto* s = std::get_if<SetSysctl>(&step)) remember(*s);
        simulate(have, step);
        return {};
    }

    std::vector<std::string> take_applied() { return std::exchange(applied, {}); }
    // As the kernel does it when an interface goes: everything on it goes too.
    void foreign_remove_link(const std::string& name) { simulate(have, RemoveTunnel{name}); }

private:
    std::vector<Finished> finished;

    template <class T>
    static std::map<std::string, T> only(std::map<std::string, T> all, const std::set<std::string>& names) {
        std::erase_if(all, [&](const auto& entry) { return !names.contains(entry.first); });
        return all;
    }

    bool fails() { return ++calls, out && out(calls); }

    template <class T>
    Result<T> read(const T& value) {
        if (fails() || unreadable) return fail_errno("receive", ENOBUFS);
        return value;
    }

    [[nodiscard]] bool usable(const std::optional<std::string>& link) const {
        const auto found = link ? have.links.find(*link) : have.links.end();
        return !link || (found != have.links.end() && found->second.up);
    }
    [[nodiscard]] bool port_taken(const std::string& interface, std::uint16_t port) const {
        return port != 0 && std::any_of(have.tunnels.begin(), have.tunnels.end(), [&](const auto& other) {
                   return other.first != interface && have.links.at(other.first).up &&
                          other.second.listen_port == port;
               });
    }
    [[nodiscard]] int impossible(const Step& step) const {
        return std::visit(
            Overloaded{
                [&](const PutRoute& s) { return usable(s.target.link) ? 0 : ENETDOWN; },
                [&](const PutEndpointRoute& s) { return usable(s.uplink.link) ? 0 : ENETDOWN; },
                [&](const PutAddress& s) { return usable(s.address.link) ? 0 : ENODEV; },
                [&](const SetLink& s) {
                    if (!have.links.contains(s.interface)) return ENODEV;
                    const auto device = have.tunnels.find(s.interface);
                    return device != have.tunnels.end() && port_taken(s.interface, device->second.listen_port)
                               ? EADDRINUSE
                               : 0;
                },
                [&](const ConfigureTunnel& s) {
                    if (!have.tunnels.contains(s.interface)) return ENODEV;
                    const bool up = have.links.at(s.interface).up;
                    return up && s.change.listen_port && port_taken(s.interface, *s.change.listen_port)
                               ? EADDRINUSE
                               : 0;
                },
                [&](const SetSysctl& s) { return have.sysctls.contains(s.path) ? 0 : ENOENT; },
                [](const ApplyFirewall&) { return 0; },
                [](const CreateTunnel&) { return 0; },
                [](const RemoveTunnel&) { return 0; },
                [](const CreateMacvlan&) { return 0; },
                [](const RemoveMacvlan&) { return 0; },
                [](const SwitchLink&) { return 0; },
                [](const DeleteAddress&) { return 0; },
                [](const DeleteRoute&) { return 0; },
                [](const PutRule&) { return 0; },
                [](const DeleteRule&) { return 0; },
                [](const DeleteEndpointRoute&) { return 0; },
            },
            step);
    }
    // "all" is written to each interface, so these are remembered too.
    void remember(const SetSysctl& step) {
        if (step.path.starts_with("net/ipv6/conf/ulg-")) return;
        originals.emplace(step.path, ChangedSysctl{have.sysctls.at(step.path), step.value});
        if (step.path != "net/ipv6/conf/all/forwarding") return;
        for (auto& [path, value] : have.sysctls) {
            if (!path.ends_with("/forwarding")) continue;
            originals.emplace(path, ChangedSysctl{value, step.value});
            value = step.value;
        }
    }
};

}  // namespace ulagate::fake
