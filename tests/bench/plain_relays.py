# SPDX-License-Identifier: GPL-2.0-or-later
"""Two relays as one would have them with wg-quick: a tunnel to each, the overlay's route through the first before the second."""

import lab
from classic import PORT, keys, radvd_config, tunnel_script


class PlainRelays:
    """Nothing here notices that a relay has died: a tunnel interface has no carrier to lose."""

    def __init__(self, world):
        self.world = world
        self._keys = {node: keys(node) for node in [relay.node for relay in world.relays]
                      + [site.edge for site in world.sites.values()]}
        self._relays = {relay.name: self._relay_script(relay) for relay in world.relays}

    def start(self):
        for relay in self.world.relays:
            relay.node.sysctl(net__ipv6__conf__all__forwarding=1)
            relay.node.run(self._relays[relay.name], "up")
        for site in self.world.sites.values():
            edge = site.edge
            edge.sysctl(net__ipv6__conf__eth0__accept_ra=2, net__ipv6__conf__all__forwarding=1)
            edge.ip(f"address add {site.address_with_identifier(':1')}/64 dev eth0 nodad")
            for relay in self.world.relays:
                edge.run(self._edge_script(site, relay), "up")
            path = f"{edge.dir}/radvd.conf"
            with open(path, "w", encoding="ascii") as file:
                file.write(radvd_config(site))
            edge.start("radvd", "-n", "-m", "stderr", "-C", path, "-p", f"{edge.dir}/radvd.pid")
        return self

    def stop_relay(self, relay):
        relay.node.run(self._relays[relay.name], "down")

    def start_relay(self, relay):
        relay.node.run(self._relays[relay.name], "up")

    def _relay_script(self, relay):
        sites = self.world.sites.values()
        peers = "".join(f"[Peer]\nPublicKey = {self._keys[site.edge][1]}\nAllowedIPs = fd99::{site.name}1/128, {site.prefix}\n"
                        for site in sites)
        config = f"[Interface]\nListenPort = {PORT}\nPrivateKey = {self._keys[relay.node][0]}\n{peers}"
        routes = [route for site in sites for route in (f"fd99::{site.name}1/128", site.prefix)]
        return tunnel_script(relay.node, "wg-sites", config, f"fd99::{relay.number}", 1420, routes)

    def _edge_script(self, site, relay):
        config = (f"[Interface]\nListenPort = {PORT + relay.number - 1}\nPrivateKey = {self._keys[site.edge][0]}\n"
                  f"[Peer]\nPublicKey = {self._keys[relay.node][1]}\nAllowedIPs = fd99::{relay.number}/128, {lab.OVERLAY}\n"
                  f"Endpoint = {relay.host_name}:{PORT}\nPersistentKeepalive = 25\n")
        routes = [f"fd99::{relay.number}/128", f"{lab.OVERLAY} metric {100 + relay.number}"]
        return tunnel_script(site.edge, f"wg-{relay.name}", config, f"fd99::{site.name}1", site.mtu - 80, routes)
