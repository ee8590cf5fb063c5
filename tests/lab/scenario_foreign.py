#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is not ours stays as it is, to the byte: at start, while running, after reload, kill -9, withdraw and stop."""

import json

import lab
from classic import keys

ESSENTIAL = "other programs change what is ours"

FOREIGN_NFT = """
table inet filter {
    set addresses {
        type ipv6_addr
        elements = { fd00::1, fd00::2 }
    }
    chain input {
        type filter hook input priority 10; policy accept;
        ip6 saddr @addresses counter packets 7 bytes 9 drop
    }
    chain forward {
        type filter hook forward priority 10; policy accept;
        iifname "ulg-x" drop
    }
}
table ip nat {
    chain postrouting {
        type nat hook postrouting priority srcnat;
        oifname "eth9" masquerade
    }
}
table ip6 ulagate {
    chain others {
        tcp dport 1 accept
    }
}
"""


def plant(node, peer_key):
    """Things that others might have on the same machine, as close to ours as it gets."""
    gateway = "fe80::1234"
    node.ip(f"route add {lab.OVERLAY} via {gateway} dev eth0 metric 5000 proto static",
            "route add fd12:3456:789a:a::/64 dev eth0 metric 700 proto static",
            "route add blackhole fd12:3456:789a:c::/64 proto 99",
            "route add fd12:3456:789a:d::/64 dev eth0 metric 128 proto static",
            f"route add {lab.OVERLAY} via {gateway} dev eth0 table 100 proto 117",
            "route add 10.1.0.0/16 via 192.168.1.1 proto bird",
            "address add fd77::1/64 dev eth0 nodad", "address add fd12:3456:789a:a::99/128 dev lo nodad",
            "address add 10.9.9.9/32 dev lo",
            "link add br-other type bridge", "link set br-other up")
    node.run("ip", "-6", "rule", "add", "from", "fd77::/64", "table", "100", "priority", "1000")
    if not node.ok("ip", "link", "add", "wg-other", "type", "wireguard"):
        node.run("wireguard-go", "wg-other")
    private, _ = keys(node)
    node.run("wg", "setconf", "wg-other", "/dev/stdin", stdin=f"""[Interface]
PrivateKey = {private}
ListenPort = 12345
[Peer]
PublicKey = {peer_key}
AllowedIPs = {lab.OVERLAY}, fd99::1/128
Endpoint = 203.0.113.99:51820
""")
    node.ip("link set wg-other up", "address add fd66::1/128 dev wg-other nodad",
            "route add fd66::/64 dev wg-other")
    node.nft(FOREIGN_NFT)
    node.sysctl(net__ipv6__conf__eth0__max_addresses=17, net__ipv6__conf__eth0__mtu=1500, net__ipv4__ip_forward=1,
                net__core__somaxconn=1234)


def foreign(node):
    """Everything in the kernel that is not ours, and not the kernel's own doing."""
    state = lab.kernel_state(node)
    ours = lab.ours(state)
    by_hand = [line for line in state["routes"] if "proto kernel" not in line and "proto ra" not in line]
    tables = [f"{table['table']['family']} {table['table']['name']}"
              for table in json.loads(node.out("nft", "-j", "list", "tables"))["nftables"] if "table" in table]
    return {
        "routes": [line for line in by_hand if not is_our_route(line)],
        "rules": [line for line in state["rules"].splitlines() if "proto 117" not in line],
        "addresses": [line for line in state["addresses"] if line not in ours["addresses"] and " fe80:" not in line
                      or "a::99" in line],
        "links": [line for line in state["links"] if line not in ours["links"]],
        "wireguard": [words for words in state["wireguard"] if words[0] == "wg-other"],
        "nft": {name: node.out("nft", "-a", "list", "table", *name.split()) for name in tables if name != "inet ulagate"},
        "sysctls": {name: node.get_sysctl(name) for name in
                    ("net/ipv6/conf/eth0/max_addresses", "net/ipv6/conf/eth0/mtu", "net/ipv4/ip_forward",
                     "net/core/somaxconn", "net/ipv6/conf/br-other/accept_dad", "net/ipv4/conf/eth0/rp_filter")},
    }


def is_our_route(line):
    """Ours carry protocol 117, in our table; a table of others is theirs, whatever the protocol."""
    return "proto 117" in line and "table 100" not in line


def scenario():
    world = lab.build()
    overlay = lab.overlay(world)
    edge, node = overlay.edge("a"), world.sites["a"].edge
    plant(node, overlay.edge("b").public_key)
    before = foreign(node)

    def unchanged(when):
        after = foreign(node)
        for part, value in before.items():
            lab.check_equal(after[part], value, f"{when}: foreign {part} as before")

    overlay.start()
    overlay.wait_until_up()
    unchanged("running")
    edge.config["lan"][0]["ra"]["route_lifetime"] = "40m"
    edge.write_config()
    edge.reload()
    unchanged("after reload")
    edge.kill9()
    edge.start_again()
    unchanged("after kill -9 and start")
    edge.command("withdraw")
    lab.wait_for(lambda: not edge.process.alive(), 10, "the daemon ends")
    unchanged("after withdraw")
    edge.start_again()
    edge.stop()
    unchanged("after another start and stop")


if __name__ == "__main__":
    lab.main(scenario)
