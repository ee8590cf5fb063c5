#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every option of a Router Advertisement as a kernel, radvdump and tshark understand it; what is taken back by a reload
and after a restart; and the route that goes and comes with the relay."""

import json
import re
import subprocess

import lab

ESSENTIAL = "all that an advertisement can say"
CONFORMANCE = ("R-22", "R-30", "R-31", "R-35", "R-36")

NAME_SERVER, DOMAIN, NAT64, PORTAL = "fd12:3456:789a:a::53", "site.example", "64:ff9b::", "https://portal.example.net/api"
MANY = 80  # routes: more than one message of the smallest MTU holds
OPTIONS = {"min_interval": "3s", "max_interval": "4s", "managed": True, "other_config": True, "snac_router": True,
           "pd_preferred": True, "router_address": True, "rdnss": [NAME_SERVER], "dnssl": [DOMAIN], "dns_lifetime": "10m",
           "pref64": f"{NAT64}/96", "pref64_lifetime": "30m", "captive_portal": PORTAL, "mtu": 1400,
           "route_when_isolated": "withdraw", "isolated_after": "5s",
           "route": [{"prefix": "fd99:1::/48", "lifetime": "1h", "preference": "low"}, {"prefix": "fd99:2::1/128"}]}
FIELDS = ["ipv6.src", "ipv6.plen", "icmpv6.nd.ra.flag", "icmpv6.opt.prefix.flag", "icmpv6.opt.rdnss",
          "icmpv6.opt.rdnss.lifetime", "icmpv6.opt.dnssl", "icmpv6.opt.pref64.prefix",
          "icmpv6.opt.pref64.scaled_lifetime", "icmpv6.opt.captive_portal", "icmpv6.opt.mtu", "icmpv6.opt.route_lifetime",
          "_ws.malformed", "ipv6.fragment"]


def scenario():
    world = lab.build(uplinks={"a": "ipv4", "b": "ipv4"})
    overlay = lab.overlay(world)
    site, edge = world.sites["a"], overlay.edge("a")
    edge.config["lan"][0]["ra"] = OPTIONS
    site.host.sysctl(net__ipv6__conf__eth0__accept_ra_rt_info_max_plen=128)
    # Not started yet: the relay, so that there is a time without.
    capture = lab.Capture(site.host, "eth0", f"{site.host.dir}/ra.pcap", "icmp6")
    second_opinion = site.host.start("radvdump", name="radvdump")
    edge.start()
    hears_everything(site, second_opinion)
    loses_the_route(site, edge)
    overlay.relay.start()
    gets_the_route_back(site)
    edge.config["lan"][0]["ra"] = many_routes()
    reload_takes_back(site, edge)
    restart_takes_back(site, edge)
    lab.check_equal(capture.stop(), 0, "nothing is missing in the capture")
    on_the_wire(capture.path, lab.link_local(site.edge))


def routes(host):
    found = json.loads(host.out("ip", "-j", "-6", "route", "show", "proto", "ra"))
    return {route["dst"]: route for route in found}


def hears_everything(site, second_opinion):
    lab.wait_for(lambda: lab.OVERLAY in routes(site.host), 10, "the host has the route to the overlay")
    heard = routes(site.host)
    lab.check_equal({name: heard[name]["pref"] for name in (lab.OVERLAY, "fd99:1::/48", "fd99:2::1")},
                    {lab.OVERLAY: "high", "fd99:1::/48": "low", "fd99:2::1": "medium"}, "and the others")
    text = lab.wait_for(lambda: RADVDUMP_END in (said := second_opinion.log()) and said, 10, "radvdump heard it as well")
    for words in RADVDUMP:
        lab.check(re.search(words, re.sub(r"\s+", " ", text)), f"radvdump: {words}")


# radvdump 2.19 knows neither PREF64 nor captive portals; those are tshark's.
RADVDUMP_END = "}; # End of DNSSL definition"
RADVDUMP = ["AdvManagedFlag on;", "AdvOtherConfigFlag on;", "AdvDefaultLifetime 0;", "AdvLinkMTU 1400;",
            r"prefix fd12:3456:789a:a:[0-9a-f:]+/64 \{ AdvValidLifetime 86400; AdvPreferredLifetime 14400; "
            r"AdvOnLink on; AdvAutonomous on; AdvRouterAddr on;",
            r"route fd12:3456:789a::/48 \{ AdvRoutePreference high; AdvRouteLifetime 1800;",
            r"route fd99:1::/48 \{ AdvRoutePreference low; AdvRouteLifetime 3600;",
            r"route fd99:2::1/128 \{ AdvRoutePreference medium; AdvRouteLifetime 1800;",
            rf"RDNSS {NAME_SERVER} \{{ AdvRDNSSLifetime 600;", rf"DNSSL {DOMAIN} \{{ AdvDNSSLLifetime 600;"]


def loses_the_route(site, edge):
    lab.wait_for(lambda: lab.OVERLAY not in routes(site.host), 20, "without a relay the host loses the route")
    lab.check("fd99:1::/48" in routes(site.host), "but not what has nothing to do with the relay")
    lab.check_equal(edge.status()["lans"][0]["route_withdrawn"], "no relay can be reached", "status says why")


def gets_the_route_back(site):
    took = lab.seconds_until(lambda: lab.OVERLAY in routes(site.host), 30, "with a relay the host has the route again")
    lab.step(f"{took:.1f} s after the relay was started")


def many_routes():
    """Without DNS and the routes from before, and with more routes than fit into one message."""
    gone = ("route", "rdnss", "dnssl", "dns_lifetime")
    more = [{"prefix": f"fd98:{number:x}::/48"} for number in range(1, MANY + 1)]
    return {**{key: value for key, value in OPTIONS.items() if key not in gone}, "route": more}


def reload_takes_back(site, edge):
    edge.node.ip("link set eth0 mtu 1280")
    edge.write_config()
    edge.reload()
    lab.wait_for(lambda: "fd99:1::/48" not in routes(site.host), 10, "a route that is taken out of the file goes at once")
    # The kernel keeps what comes in several messages as if it had come in one.
    lab.wait_for(lambda: len(set(routes(site.host)) & {f"fd98:{number:x}::/48" for number in range(1, MANY + 1)}) == MANY,
                 10, f"and the {MANY} new ones are there")
    lab.check(lab.OVERLAY in routes(site.host), "beside the one to the overlay")


def restart_takes_back(site, edge):
    """The router comes back with another prefix; hosts would use the old one for four hours."""
    before = lab.addresses(site.host, "fd12:3456:789a:a:")
    lab.check_equal(edge.stop(), 0, "the router stops")
    lab.check(lab.OVERLAY in routes(site.host), "and says nothing: the host keeps the route")
    edge.config["lan"][0]["prefix"] = "fd12:3456:789a:f::/64"
    edge.config["lan"][0]["ra"] = {key: OPTIONS[key] for key in ("min_interval", "max_interval")}
    edge.start()
    lab.wait_for(lambda: lab.addresses(site.host, "fd12:3456:789a:f:"), 10, "the host has an address of the new prefix")
    lab.wait_for(lambda: all(deprecated(site.host, address) for address in before), 10, "the old one is deprecated")
    lab.wait_for(lambda: not any(name.startswith("fd98:") for name in routes(site.host)), 10, "the old routes are gone")


def deprecated(host, address):
    for link in json.loads(host.out("ip", "-j", "-6", "address", "show", "dev", "eth0")):
        for entry in link.get("addr_info", []):
            if entry.get("local") == address:
                return bool(entry.get("deprecated")) and entry["valid_life_time"] <= 7200
    return False


def on_the_wire(path, router):
    """What tshark makes of it, in the order of the story."""
    fields = [word for name in FIELDS for word in ("-e", name)]
    done = subprocess.run(["tshark", "-n", "-r", path, "-Y", f"icmpv6.type == 134 and ipv6.src == {router}", "-T", "fields",
                           *fields], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=True)
    heard = [dict(zip(FIELDS, line.split("\t"))) for line in done.stdout.splitlines()]
    lab.check(len(heard) > 6, f"tshark saw {len(heard)} advertisements")
    lab.check(not any(packet["_ws.malformed"] or packet["ipv6.fragment"] for packet in heard),
              "none of them malformed, none in fragments")
    first = heard[0]
    flags = {name: int(first[name].split(",")[0], 0) for name in ("icmpv6.nd.ra.flag", "icmpv6.opt.prefix.flag")}
    lab.check_equal(flags, {"icmpv6.nd.ra.flag": 0xC2, "icmpv6.opt.prefix.flag": 0xF0}, "flags M, O, S and L, A, R, P")
    said = [first[name] for name in ("icmpv6.opt.rdnss", "icmpv6.opt.rdnss.lifetime", "icmpv6.opt.dnssl",
                                     "icmpv6.opt.pref64.prefix", "icmpv6.opt.captive_portal", "icmpv6.opt.mtu")]
    lab.check_equal(said, [NAME_SERVER, "600", DOMAIN, NAT64, PORTAL, "1400"], "tshark reads every option")
    lab.check(first["icmpv6.opt.pref64.scaled_lifetime"].split(",")[0] in ("225", "1800"), "1800 s in units of 8 s")
    lab.check(any(packet["icmpv6.opt.rdnss.lifetime"] == "0" for packet in heard), "the DNS server was taken back")
    largest = max(int(packet["ipv6.plen"].split(",")[0]) for packet in heard)
    lab.check(1000 < largest <= 1280 - 40, f"the largest message has {largest} bytes, and the MTU is 1280")


if __name__ == "__main__":
    lab.main(scenario)
