#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What somebody's rules drop in places where no well-known firewall filters: each is named within 10 s with a line that
mends it, and is over when the rule is gone."""

import lab
from other_firewalls import lines

CONFORMANCE = ("F-03",)
NAMED_WITHIN = 10
# What it is called here; the table; what the status says.
DROPPERS = (
    ("solicitations for this router", """table inet x { chain c { type filter hook input priority 0;
        iifname "eth0" icmpv6 type nd-neighbor-solicit drop;
    }
    }""", "get no answer"),
    ("its answers to them", """table inet x { chain c { type filter hook output priority 0;
        oifname "eth0" icmpv6 type nd-neighbor-advert drop;
    }
    }""", "get no answer"),
    ("what hosts send, before all hooks of nftables but ingress", """table netdev x { chain c {
        type filter hook ingress device "eth0" priority 0; ip6 daddr @OVERLAY@ drop;
    }
    }""",
     "traffic from hosts there to other sites is received but not forwarded"),
    ("what hosts send, before routing", """table ip6 raw { chain PREROUTING { type filter hook prerouting priority raw;
        iifname "eth0" ip6 daddr @OVERLAY@ drop;
    }
    }""",
     "traffic from hosts there to other sites is received but not forwarded"),
    ("what goes to other sites, behind routing", """table inet x { chain c { type filter hook postrouting priority 0;
        oifname "ulg-r1" ip6 daddr @OVERLAY@ meta l4proto { tcp, udp } drop;
    }
    }""",
     "traffic from hosts there to other sites is received but not forwarded"),
)


def named(edge, words):
    return [line for line in edge.problems() if words in line]


def one(edge, host, far, what, rules, words):
    node = edge.node
    node.nft(rules.replace("@OVERLAY@", lab.OVERLAY))
    host.run("ip", "-6", "neigh", "flush", "dev", "eth0")
    took = lab.seconds_until(lambda: named(edge, words), 3 * NAMED_WITHIN, f"{what}: named", 0.1)
    lab.step(f"{what}: named after {took:.1f} s: {named(edge, words)[0]}")
    lab.check(took <= NAMED_WITHIN * lab.slowness(), f"{what}: named within {NAMED_WITHIN} s: {took:.1f} s")
    for line in lines(named(edge, words)[0]):
        node.run("sh", "-c", line)
    lab.wait_for(lambda: not named(edge, words) and lab.can_ping(host, far), 20, f"{what}: what the status says mends it")
    node.nft(f"delete table {rules.split('{')[0].removeprefix('table').strip()}")
    lab.wait_for(lambda: not edge.problems() and lab.can_ping(host, far), 20, f"{what}: over")


def scenario():
    world = lab.build()
    overlay = lab.overlay(world)
    overlay.edge("a").config["firewall"] = {"mode": "shared"}
    overlay.start()
    _, far = overlay.wait_until_up()
    edge, host = overlay.edge("a"), world.sites["a"].host
    lab.wait_for(lambda: lab.can_ping(host, far) and not edge.problems(), 20, "nothing is in the way at first")
    for what, rules, words in DROPPERS:
        one(edge, host, far, what, rules, words)


if __name__ == "__main__":
    lab.main(scenario)
