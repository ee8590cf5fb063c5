// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <utility>

#include "firewall/ruleset.h"

// What makes the kernel remember neighbours. All links of a machine (here: all of its network namespaces)
// share one table; while it is full, nothing reaches a host that is not in it. So what is known passes at any
// rate, and each thing that could make a new entry has a rate of its own (RFC 6583 section 7.2). Known is who
// has answered our solicitation: nothing else that a host, or a stranger far away, sends can add to that for
// long.
namespace ulagate::firewall {
namespace {

// The sets hold what solicitations and advertisements ask for (their target: a neighbour may answer from
// another of its addresses, and a proxy does), as 128 bits without a type: nft has had no word for the target
// before 1.0.7.
// @th,64,128 is that; @nh,64,128 is a packet's source, @nh,192,128 its destination.

// While there is traffic, the kernel asks again after at most 45 + 5 seconds.
constexpr const char* kKnownFor = "90s";
// What counts is how many new ones there are: the next packets from or to the same one pass as well. To one
// that the kernel knew before it sends for five seconds without asking again.
constexpr const char* kNewFor = "10s";
constexpr const char* kHeardFor = "2s";

}  // namespace

std::string Ruleset::over(unsigned part) const {
    return fmt::format("limit rate over {}/second burst {} packets", rate() / part, burst() / part);
}

void Ruleset::neighbour_sets() {
    const unsigned most = model_.neighbours / 2;
    for (const auto& [name, timeout] : {std::pair{"known", kKnownFor}, {"heard", kHeardFor}})
        out_.dynamic_set(name, "typeof @th,64,128", most, timeout);
    if (!has_lans()) return;
    out_.dynamic_set("asked", "typeof @th,64,128", most, "5s");  // the target of a solicitation
    out_.dynamic_set("seekers", "type ipv6_addr", most, "10s");
}

// On the LANs, and where only we filter, on every link.
void Ruleset::input_neighbours() {
    if (!appliance_ && !has_lans()) return;
    if (has_lans()) {
        out_.line(
            "iifname @lans icmpv6 type nd-neighbor-advert @th,64,128 @asked update @known { @th,64,128 }");
    }
    out_.rule(
        "{}icmpv6 type {{ nd-router-solicit, nd-neighbor-solicit, nd-router-advert, echo-request }} "
        "@nh,64,128 != @known @nh,64,128 != @heard jump newcomer",
        appliance_ ? "" : "iifname @lans ");
}

// The kernel makes an entry for each sender of these. Router Solicitations we answer from what we hear before
// this (see ra/link_socket.h).
void Ruleset::newcomer() {
    if (!appliance_ && !has_lans()) return;
    out_.open("chain newcomer");
    out_.line("ip6 saddr :: return");
    // One sender, whoever says that it is: ours, which tries whether solicitations are answered.
    if (has_lans()) out_.line("ip6 saddr fe80::756c:672d:7072:6f62 icmpv6 type nd-neighbor-solicit return");
    for (const char* type :
         {"nd-router-solicit", "nd-neighbor-solicit", "nd-router-advert", "echo-request"}) {
        out_.rule("icmpv6 type {} {} counter drop comment \"a flood of new senders\"", type, over());
    }
    out_.line("add @heard { @nh,64,128 }");
    out_.close();
}

// Whatever we say to a host (answers, errors), to ask for its address comes first.
void Ruleset::output_neighbours() {
    if (!has_lans()) return;
    out_.line("oifname @lans icmpv6 type nd-neighbor-solicit update @asked { @th,64,128 }");
    out_.line("oifname @lans icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept");
    for (const char* there : {"@site", "fe80::/10"}) {
        out_.rule("oifname @lans ip6 daddr {} @nh,192,128 != @known jump answer_to_unknown", there);
    }
}

// A site that looks for hosts that are not there (a scan) soon finds none, and then the others still do.
void Ruleset::unknown_host() {
    if (!has_lans()) return;
    out_.open("chain unknown_host");
    out_.rule("update @seekers {{ ip6 saddr & ffff:ffff:ffff:ffff:: {} }} counter drop comment \"a scan\"",
              over(2));
    out_.rule("{} counter drop comment \"many scans\"", over());
    out_.rule("add @known {{ @nh,192,128 timeout {} }}", kNewFor);
    out_.close();
    out_.open("chain answer_to_unknown");
    out_.rule("{} counter drop comment \"too many new neighbours\"", over());
    out_.rule("add @known {{ @nh,192,128 timeout {} }}", kNewFor);
    out_.close();
}

}  // namespace ulagate::firewall
