# SPDX-License-Identifier: GPL-2.0-or-later
"""keepalived on one machine of the lab: the source design's VRRP, and the other router of the interoperation tests."""

import os
import signal
from dataclasses import dataclass

VIRTUAL_ADDRESS = "fe80::5eed"
ROUTER_ID = 51


@dataclass
class VirtualRouter:
    """One vrrp_instance. An IPv6 address makes keepalived speak VRRPv3."""
    priority: int = 100
    interval: float = 1.0  # seconds; whole centiseconds
    preempt: bool = True
    preempt_delay: float = 0  # seconds
    address: str = VIRTUAL_ADDRESS
    router_id: int = ROUTER_ID
    interface: str = "eth0"
    virtual_mac: bool = False
    notify_active: str = ""  # commands run by keepalived on entering a state
    notify_other: str = ""

    def config(self):
        lines = [f"interface {self.interface}", f"virtual_router_id {self.router_id}", f"priority {self.priority}",
                 f"advert_int {self.interval:g}", "garp_master_delay 1",
                 f"virtual_ipaddress {{ {self.address}/128 }}"]
        if not self.preempt:
            lines.append("nopreempt")
        elif self.preempt_delay:
            lines.append(f"preempt_delay {self.preempt_delay:g}")
        if self.virtual_mac:
            lines.append("use_vmac")
        if self.notify_active:
            lines.append(f'notify_master "{self.notify_active}"')
        if self.notify_other:
            lines += [f'notify_{state} "{self.notify_other}"' for state in ("backup", "fault", "stop")]
        return f"vrrp_instance v{self.router_id} {{\n" + "".join(f"    {line}\n" for line in lines) + "}\n"


class Keepalived:
    """The daemon; start() may be called again after stop(), for example with another priority."""

    def __init__(self, node, *routers):
        self.node, self.routers = node, routers
        self.process = None

    def start(self):
        path = f"{self.node.dir}/keepalived.conf"
        with open(path, "w", encoding="ascii") as file:
            file.write("global_defs {\n    script_user root\n}\n" + "".join(router.config() for router in self.routers))
        self.process = self.node.start("keepalived", "-n", "-P", "-l", "-D", "-G", "-f", path,
                                       "-p", f"{self.node.dir}/keepalived.pid", "-r", f"{self.node.dir}/vrrp.pid")
        return self

    def stop(self):
        """A clean stop: advertises priority 0 where it was Active."""
        return self.process.stop()

    def kill9(self):
        """All of it: its parent process, left alone, would start the other one anew, and that one, left alone, says
        good-bye."""
        self.process.send(signal.SIGSTOP)
        with open(f"{self.node.dir}/vrrp.pid", encoding="ascii") as file:
            os.kill(int(file.read()), signal.SIGKILL)
        self.process.send(signal.SIGKILL)
        self.process.wait()

    def is_active(self, address=VIRTUAL_ADDRESS):
        return holds(self.node, address)


def holds(node, address, interface=None):
    """Whether the machine has the virtual address, on any interface if none is named."""
    where = ["dev", interface] if interface else []
    return bool(node.out("ip", "-6", "-o", "address", "show", "to", f"{address}/128", *where).strip())
