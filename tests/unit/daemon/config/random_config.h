// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/kernel/desired.h"
#include "tests/unit/daemon/kernel/fake_kernel.h"

// Configurations as people write them, drawn from a small world so that two of them have much in common: the
// same names, prefixes and ports come back in other places.
namespace ulagate::fake {

class RandomConfigs {
public:
    explicit RandomConfigs(unsigned seed) : engine_(seed) {}

    unsigned below(unsigned n) { return static_cast<unsigned>(engine_() % n); }
    bool maybe() { return below(2) == 0; }

    // Some of 0 .. n-1, at least one, in any order.
    std::vector<std::uint8_t> some(unsigned n) {
        std::vector<std::uint8_t> all;
        for (unsigned i = 0; i < n; ++i) all.push_back(static_cast<std::uint8_t>(i));
        std::shuffle(all.begin(), all.end(), engine_);
        all.resize(1 + below(n));
        return all;
    }

    Config edge() {
        Config config = common(Role::edge);
        config.site = "a";
        for (const unsigned n : some(3)) {
            LanConfig lan;
            lan.interface = fmt::format("eth{}", n);
            lan.prefix = prefix(fmt::format("fd12:3456:789a:{:x}::/64", 10 + n + 3 * below(2)));
            if (below(4) == 0) lan.gateway = GatewayConfig{{net::Ipv4Address{{192, 168, 83, 1}}, 24}};
            config.lans.push_back(lan);
        }
        config.relays = relays();
        return config;
    }

    Config relay() {
        Config config = common(Role::relay);
        for (const unsigned n : some(4)) {
            SiteConfig site;
            site.name = fmt::format("site{}", n);
            for (const unsigned p : some(2)) {
                site.prefixes.push_back(prefix(fmt::format("fd12:3456:789a:{:x}::/64", 16 * n + p)));
            }
            for (const std::uint8_t r : some(3)) {
                const auto id = static_cast<std::uint8_t>(16 * (n + 1) + r);
                site.routers.push_back({fmt::format("n{}{}", n, r), address(fmt::format("fd99::{:x}", id)),
                                        key(id), static_cast<std::uint8_t>(1 + below(3))});
            }
            config.sites.push_back(site);
        }
        if (maybe()) config.relays = relays();
        return config;
    }

    Facts facts(const Config& config) {
        Facts facts;
        facts.private_key = private_key();
        for (const RelayConfig& relay : config.relays) {
            RelayFacts& now = facts.relays[relay.name];
            if (maybe()) now.endpoint = maybe() ? kRelay6 : kRelay4;
            if (maybe()) now.egress = Egress{"eth1", maybe() ? 1500U : 1492U};
            now.alive = now.endpoint && maybe();
        }
        if (maybe()) facts.uplink = Egress{"eth1", 1400};
        for (const SiteConfig& site : config.sites) {
            for (const RouterConfig& router : site.routers) {
                if (maybe()) facts.last_endpoints[router.public_key] = kRelay4;
                if (maybe()) facts.reconnecting.insert(router.public_key);
            }
            if (!config.relays.empty() && maybe())
                facts.transit[site.prefixes.front()] = config.relays.back().name;
        }
        return facts;
    }

private:
    std::vector<RelayConfig> relays() {
        std::vector<RelayConfig> all;
        for (const std::uint8_t n : some(4)) {
            RelayConfig relay;
            relay.name = fmt::format("r{}", n);
            relay.address = address(fmt::format("fd99::{:x}", n + 1));
            relay.public_key = key(static_cast<std::uint8_t>(n + 1 + 10 * below(2)));
            relay.host = "relay.example.net";
            relay.port = 51820;
            relay.keepalive_seconds = maybe() ? 25 : 0;
            all.push_back(relay);
        }
        return all;
    }
    Config common(Role role) {
        Config config;
        config.role = role;
        config.node = maybe() ? "a1" : "a2";
        config.overlay = prefix(below(4) == 0 ? "fd12:3456::/32" : "fd12:3456:789a::/48");
        config.tunnel.address = address(maybe() ? "fd99::a1" : "fd99::a2");
        config.tunnel.listen_port = maybe() ? 51820 : 51821;
        if (maybe()) config.tunnel.mtu = 1380;
        config.firewall.mode = static_cast<firewall::Mode>(below(3));
        return config;
    }

    std::mt19937 engine_;
};

}  // namespace ulagate::fake
