# SPDX-License-Identifier: GPL-2.0-or-later
"""What is lost when the Active ulagate router stops, dies, changes or comes back. Before and after each of these the
first router is Active."""

import time

import lab
from crossing import gap

RESTART_AFTER = 1.0  # RestartSec of ulagate.service
TUNNEL_LATE = 3.0


class Handover:
    def __init__(self, crossing):
        self._crossing, self._stack = crossing, crossing.stack
        self._edge, self._daemon = self._stack.first, self._stack.routers[self._stack.first]

    def _first_is_active(self):
        self._stack.wait_back(self._edge)

    def _second_is_active(self):
        lab.wait_for(lambda: self._stack.active() is self._stack.second, 10, f"{self._stack.second.name} is Active")

    def _stop(self):
        self._daemon.stop()
        self._second_is_active()

    def _back(self):
        self._daemon.start()
        self._first_is_active()

    def stop_and_return(self):
        """(packets lost by a clean stop, packets lost by the return)"""
        return (self._crossing.lost_during("clean stop", self._stop),
                self._crossing.lost_during("return", self._back))

    def return_with_late_tunnel(self):
        """The path to the relay opens only some seconds after the router has started."""
        def back():
            self._edge.nft("table inet late { chain out { type filter hook output priority -300;"
                           " udp dport 51820 drop; }; }")
            self._daemon.start()
            time.sleep(TUNNEL_LATE * lab.slowness())
            lab.check(self._stack.active() is self._stack.second, "a router without a tunnel stays Backup")
            self._edge.nft("delete table inet late")
            self._first_is_active()
        self._stop()
        time.sleep(lab.slowness())
        return self._crossing.lost_during(f"return, tunnel {TUNNEL_LATE:.0f} s late", back)

    def reload(self):
        advertisements = self._daemon.config["lan"][0]["ra"]

        def change():
            advertisements["max_interval"] = "30s" if advertisements.get("max_interval") == "20s" else "20s"
            self._stack.reload(self._edge)
        return self._crossing.lost_during("reload", change)

    def priority(self):
        vrrp = self._stack.vrrp(self._edge)
        high = vrrp["priority"]

        def change():
            vrrp["priority"] = 100
            self._stack.reload(self._edge)
            self._second_is_active()
            vrrp["priority"] = high
            self._stack.reload(self._edge)
            self._first_is_active()
        return self._crossing.lost_during("priority lowered and raised", change)

    def upgrade(self):
        def change():
            self._stack.upgrade(self._edge)
            self._first_is_active()
        return self._crossing.lost_during("upgrade", change)

    def kill(self):
        """Seconds without an answer; the machine itself lives on."""
        def kill_it():
            self._daemon.kill9()
            self._second_is_active()  # alone: the dead router's lease has ended
        seconds = gap(self._crossing.pings_during("kill -9", kill_it))
        self._daemon.start_again()
        self._first_is_active()
        return seconds

    def kill_and_restart(self):
        def change():
            self._daemon.kill9()
            time.sleep(RESTART_AFTER)
            self._daemon.start_again()
            self._first_is_active()
        return self._crossing.lost_during("kill -9 and restart", change)
