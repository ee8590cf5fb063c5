# SPDX-License-Identifier: GPL-2.0-or-later
"""One machine of the lab: network, mount and host name namespaces, held open by a process that does nothing.

The mount namespace matters: wireguard-go's socket directory and /etc/hosts are per machine in reality, but shared
between network namespaces.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time

import sandbox
from sandbox import LAB_DIR


class CommandFailed(Exception):
    pass


def slowness():
    """How much slower than a real machine this one is (an emulated one sets LAB_SLOW=5 or so)."""
    return float(os.environ.get("LAB_SLOW", "1"))


class Process:
    """A long-running program in a node. Its output goes to a file."""

    def __init__(self, node, argv, name, env=None):
        self.node, self.name, self.argv = node, name, argv
        self.log_path = f"{node.dir}/{name}.log"
        self.started = time.monotonic()
        self.started_wall = time.time()
        with open(self.log_path, "ab") as log:
            self._popen = subprocess.Popen(node.command(argv), stdin=subprocess.DEVNULL, stdout=log,
                                           stderr=subprocess.STDOUT, start_new_session=True, env=env)
        self.pid = self._popen.pid

    def alive(self):
        return self._popen.poll() is None

    def send(self, number):
        if self.alive():
            os.kill(self.pid, number)

    def wait(self, timeout=10):
        return self._popen.wait(timeout * slowness())

    def stop(self, number=signal.SIGTERM, timeout=10):
        """Ends the program and returns its exit code."""
        self.send(number)
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.send(signal.SIGKILL)
            self.wait(timeout)
            raise CommandFailed(f"{self.name} in {self.node.name} did not end on signal {number}") from None

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()


class Node:
    def __init__(self, name):
        self.name = name
        self.dir = f"{LAB_DIR}/{name}"
        os.makedirs(self.dir)
        self.set_hosts({})
        with open(f"{self.dir}/resolv.conf", "w", encoding="ascii") as file:
            file.write("nameserver 127.0.0.1\n")  # nobody listens there: an unknown name fails at once
        self.pid = self._hold()
        self.processes = []
        self.ip("link set lo up")

    def _hold(self):
        ready_r, ready_w = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                self._enter_new_namespaces()
                os.write(ready_w, b"1")
                os.close(ready_w)
                while True:
                    signal.pause()
            finally:
                os._exit(1)
        os.close(ready_w)
        with os.fdopen(ready_r, "rb") as ready:
            if not ready.read(1):
                raise CommandFailed(f"cannot make the namespaces of {self.name}")
        return pid

    def _enter_new_namespaces(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        sandbox.die_with_parent()
        sandbox.set_name(f"lab:{self.name}")
        sandbox.unshare(sandbox.CLONE_NEWNET | sandbox.CLONE_NEWNS | sandbox.CLONE_NEWUTS)
        sandbox.mount("sysfs", "/sys", "sysfs")  # shows the interfaces of the namespace that mounted it
        sandbox.mount("tmpfs", "/run/wireguard", "tmpfs")
        for file in ("hosts", "resolv.conf"):
            sandbox.mount(f"{self.dir}/{file}", f"/etc/{file}", None, sandbox.MS_BIND)
        socket.sethostname(self.name)

    def set_hosts(self, names):
        """Name -> list of addresses, for this machine's resolver."""
        lines = ["127.0.0.1 localhost", "::1 localhost"]
        lines += [f"{address} {name}" for name, addresses in names.items() for address in addresses]
        with open(f"{self.dir}/hosts", "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")

    def command(self, argv):
        """argv, run inside this machine (by exec, so that the process id is the program's own)."""
        return ["nsenter", f"--target={self.pid}", "--net", "--mount", "--uts", "--root", "--", *argv]

    def run(self, *argv, check=True, stdin=None, timeout=30):
        done = subprocess.run(self.command(argv), input=stdin, text=True, capture_output=True,
                              timeout=timeout * slowness(), start_new_session=True)
        if check and done.returncode != 0:
            raise CommandFailed(f"{self.name}: {' '.join(argv)}: exit {done.returncode}: "
                                f"{done.stderr.strip() or done.stdout.strip()}")
        return done

    def out(self, *argv, **options):
        return self.run(*argv, **options).stdout

    def ok(self, *argv, **options):
        return self.run(*argv, check=False, **options).returncode == 0

    def start(self, *argv, name=None, env=None):
        process = Process(self, argv, name or os.path.basename(argv[0]), env)
        self.processes.append(process)
        return process

    def signal_all(self, number):
        """To every program that was started here, and to those that it started in its session."""
        for process in self.processes:
            if process.alive():
                os.killpg(process.pid, number)

    def ip(self, *lines):
        """Lines for ip(8), run in one go."""
        self.run("ip", "-batch", "-", stdin="\n".join(lines) + "\n")

    def nft(self, text):
        self.run("nft", "-f", "-", stdin=text)

    def sysctl(self, **values):
        """sysctl(net__ipv6__conf__all__forwarding=1): two underscores stand for a dot."""
        lines = "\n".join(f"{key.replace('__', '/')}={value}" for key, value in values.items())
        self.run("sysctl", "-q", "-p", "-", stdin=lines + "\n")

    def get_sysctl(self, path):
        return self.out("cat", f"/proc/sys/{path}").strip()

    @contextlib.contextmanager
    def network(self):
        """Sockets made inside `with` belong to this machine's network, for good."""
        with open("/proc/self/ns/net", "rb") as home, open(f"/proc/{self.pid}/ns/net", "rb") as there:
            sandbox.setns(there.fileno(), sandbox.CLONE_NEWNET)
            try:
                yield
            finally:
                sandbox.setns(home.fileno(), sandbox.CLONE_NEWNET)


    def close(self):
        """Ends the machine and everything in it; the kernel removes its interfaces."""
        for process in self.processes:
            process.send(signal.SIGKILL)
            process.wait()
        here = f"/proc/{self.pid}/ns/net"
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if name != str(self.pid) and os.path.samestat(os.stat(f"/proc/{name}/ns/net"), os.stat(here)):
                    os.kill(int(name), signal.SIGKILL)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        shutil.rmtree(self.dir)


def connect(left, left_name, right, right_name, mtu=1500, left_mac=None, right_mac=None):
    """A cable between two machines."""
    mac = lambda address: f"address {address} " if address else ""
    left.run("sh", "-c", f"ip link add {left_name} mtu {mtu} {mac(left_mac)}type veth peer name {right_name} "
                         f"mtu {mtu} {mac(right_mac)}netns {right.pid}")


def switch_off_offloads(node, interface):
    """Else a capture shows checksums that nobody has computed yet, and packets larger than the MTU."""
    node.run("ethtool", "-K", interface, "tx", "off", "rx", "off", "gro", "off", check=False)
