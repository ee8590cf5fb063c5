# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine of the firmware's, in QEMU: a card, a serial console that is kept, cables, and a way to pull the plug.

Three boards. `raspi3b` is a Raspberry Pi 3: its own device tree, the card in the SD slot, a USB network adapter. Its model
resets as soon as anybody opens the watchdog, since it does not count; the cases that are about the watchdog run on
`virt`, which has one that does (i6300esb). `raspi4b` is a Pi 4 without what its model lacks: the SD slot and any network.

A reset ends QEMU (-no-reboot); the firmware is then played again, as on a board, with the tryboot flag if the kernel has
asked for it.
"""

import contextlib
import json
import pathlib
import re
import socket
import subprocess
import threading
import time
from dataclasses import dataclass

import firmware
import qemu
from measure import Failed
from node import slowness

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LOGS = ROOT / "build" / "image" / "logs"
# RPI_FIRMWARE_SET_REBOOT_FLAGS: QEMU does not know the tag and says so in its log, which is how we know it was sent.
TRYBOOT_TAG = "0x00038064"
# The last words of a kernel that has no way to restart the board, since the module for that was not loaded yet.
HALTED = "Reboot failed -- System halted"
# The model of the Pi's watchdog fires at once, so the machine must not open it there.
PI_ARGUMENTS = "ulagate.watchdog=off"
VIRT_ARGUMENTS = "console=ttyAMA0"
# The console of a test shows notices too.
ARGUMENTS = "loglevel=6"
# Nodes of the Pi 4's device tree that its model has not, and whose drivers would wait for an answer for ever.
NOT_MODELLED = {"interrupt-controller@7ef00100", "i2c@7ef04500", "i2c@7ef09500", "hdmi@7ef00700", "hdmi@7ef05700",
                "clock@7ef00000"}


@dataclass
class Port:
    """A network card: the tap's file descriptor and its address. `plugged`: there from the start."""
    fd: int
    mac: str
    plugged: bool = True
    usb: bool = False


@dataclass
class Start:
    """One start of the machine."""
    partition: int
    tryboot: bool
    at: float  # time.monotonic()
    from_byte: int  # of the serial log
    end: str = ""  # "", "guest-reset", "guest-shutdown", "firmware-watchdog", "plug"


class Machine:
    def __init__(self, name, card, scratch, board="virt", memory=512, ports=(), arguments="", initrd=b"", rtc=None, cpus=2,
                 write_rate=0):
        """`arguments`: for the kernel, behind those of the card; `initrd`: cpio archives behind the card's; `write_rate`: of the
        card of `virt`, bytes a second, else as fast as it goes."""
        self.name, self.card, self.board, self.memory, self.cpus = name, card, board, memory, cpus
        self.scratch = pathlib.Path(scratch) / name
        self.scratch.mkdir(parents=True, exist_ok=True)
        self.write_rate = write_rate
        self.ports, self.arguments, self.initrd, self.rtc = list(ports), arguments, initrd, rtc
        self.starts = []
        self._process = self._qmp = self._watcher = None
        self._stopping = False
        self._changed = threading.Condition()
        LOGS.mkdir(parents=True, exist_ok=True)
        self.log = LOGS / f"{name}.log"
        self.log.write_bytes(b"")
        self._error = None
        self._firmware_watchdog = 0  # seconds; kernel_watchdog_timeout of config.txt

    # Power

    def start(self, tryboot=False):
        self._stopping, self._error = False, None
        self._launch(tryboot)
        self._watcher = threading.Thread(target=self._keep_running, daemon=True)
        self._watcher.start()
        return self

    def pull_the_plug(self):
        """No goodbye at all."""
        self._stopping = True
        if self._process and self._process.poll() is None:
            self.starts[-1].end = "plug"
            self._process.kill()
            self._process.wait()
        if self._watcher:
            self._watcher.join()

    def running(self):
        return self._process is not None and self._process.poll() is None

    def _launch(self, tryboot):
        boot = firmware.boot(self.card, self.board, tryboot)
        self._firmware_watchdog = int(boot.settings.get("kernel_watchdog_timeout", "0")) if self.board != "virt" else 0
        files = {"kernel": boot.kernel, "initrd": boot.initrd + self.initrd, "dtb": boot.device_tree}
        for name, content in files.items():
            (self.scratch / name).write_bytes(content)
        ours, theirs = socket.socketpair()
        with self.log.open("ab") as log:
            log.write(f"\n--- {self.name}: partition {boot.partition}{', tryboot' if tryboot else ''}\n".encode())
        self._tell_the_kernel(boot)
        self._unimplemented = self.scratch / "unimplemented"
        self._unimplemented.write_bytes(b"")
        begin = self.log.stat().st_size
        command = ["setpriv", "--pdeathsig", "KILL", *qemu.command(self.board), *self._hardware(boot),
                   "-chardev", f"socket,id=qmp,fd={theirs.fileno()}", "-mon", "chardev=qmp,mode=control"]
        with open(self.scratch / "qemu.log", "ab") as errors:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
                                             pass_fds=[theirs.fileno(), *[port.fd for port in self.ports]])
        theirs.close()
        self._qmp = Monitor(ours)
        # The machine is put together and stands still: now the power comes.
        self.starts.append(Start(boot.partition, tryboot, time.monotonic(), begin))
        self._qmp.ask("cont")

    def _tell_the_kernel(self, boot):
        """The firmware writes into the device tree what it has started."""
        tree = self.scratch / "dtb"
        if self.board == "virt":
            subprocess.run([*qemu.command(self.board), "-nodefaults", "-display", "none", *self._virt(f",dumpdtb={tree}")],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if self.board == "raspi4b":
            for node in _nodes(tree):
                if node.rpartition("/")[2] in NOT_MODELLED:
                    subprocess.run(["fdtput", "-t", "s", tree, node, "status", "disabled"], check=True)
        for name, value in (("partition", boot.partition), ("tryboot", int(boot.tryboot))):
            subprocess.run(["fdtput", "-p", "-t", "x", tree, "/chosen/bootloader", name, f"{value:x}"], check=True)

    def _virt(self, more=""):
        return ["-M", f"virt{more}", "-cpu", "cortex-a53", "-smp", str(self.cpus), "-m", str(self.memory)]

    def _hardware(self, boot):
        pi = self.board != "virt"
        # `virt` has one serial port, and Linux 7 uses none when the Pi 5's has been asked for too.
        command_line = boot.command_line if pi else re.sub(r"console=tty[AS]\S+ ", "", boot.command_line)
        if self.board == "raspi4b":
            # The interrupt of its other serial port never ends once that has been opened.
            command_line = command_line.replace("console=ttyS1", "console=ttyAMA0")
        arguments = " ".join(filter(None, (command_line, PI_ARGUMENTS if pi else VIRT_ARGUMENTS, ARGUMENTS, self.arguments)))
        words = ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-S",
                 "-kernel", self.scratch / "kernel", "-initrd", self.scratch / "initrd", "-dtb", self.scratch / "dtb",
                 "-append", arguments]
        if pi:
            # Its four processors in threads of their own would spin and starve a host that has two.
            words += ["-M", self.board, "-accel", "tcg,thread=single",
                      "-drive", f"file={self.card},if=sd,format=raw", "-d", "unimp", "-D", self._unimplemented]
        else:
            slow = f",throttling.bps-write={self.write_rate}" if self.write_rate else ""
            words += [*self._virt(), "-accel", "tcg,thread=multi",
                      "-drive", f"file={self.card},if=none,id=card,format=raw{slow}", "-device", "virtio-blk-device,drive=card",
                      "-device", "i6300esb", "-device", "qemu-xhci", "-device", "virtio-rng-device"]
        # The Pi's console is the second of its two serial ports; on the first is its Bluetooth.
        if self.board == "raspi3b":
            words += ["-serial", f"file:{self.scratch / 'bluetooth'}"]
        words += ["-chardev", f"file,id=console,path={self.log},append=on", "-serial", "chardev:console"]
        if self.rtc:
            words += ["-rtc", f"base={self.rtc}"]
        for number, port in enumerate(self.ports):
            words += ["-netdev", f"tap,id=net{number},fd={port.fd}"]
        # The kernel finds virtio's cards of `virt` in the reverse order.
        for number, port in reversed(list(enumerate(self.ports))):
            if port.plugged:
                kind = "usb-net" if pi or port.usb else "virtio-net-device"
                words += ["-device", f"{kind},netdev=net{number},mac={port.mac},id=port{number}"]
        return [str(word) for word in words]

    def _keep_running(self):
        while True:
            self._wait_for_the_end()
            self._qmp.join()
            last = self.starts[-1]
            if self._stopping:
                return
            last.end = last.end or self._qmp.shutdown_reason or f"qemu ended with {self._process.returncode}"
            if last.end not in ("guest-reset", "firmware-watchdog"):
                return
            # A watchdog does not care for flags: that of the trial is gone with the reset.
            flag = last.end == "guest-reset" and TRYBOOT_TAG in self._unimplemented.read_text(errors="replace").lower()
            try:
                self._launch(flag)
            except firmware.FirmwareError as reason:
                self._error = reason
                return

    def _wait_for_the_end(self):
        """Of QEMU. A kernel that could not even restart itself is ended by the watchdog that the firmware has started."""
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
                return
            if self._firmware_watchdog and HALTED in self.text(self.last()):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(self._firmware_watchdog)
                    return
                self.last().end = "firmware-watchdog"
                self._process.kill()

    # What it says

    def text(self, start=None):
        """The serial console since the given start (a Start), or all of it."""
        with self.log.open("rb") as file:
            file.seek(start.from_byte if start else 0)
            return file.read().decode(errors="replace").replace("\r", "")

    def last(self):
        return self.starts[-1]

    def wait_for(self, pattern, seconds, start=None):
        """The first match of a pattern on the console since `start` (of the last start, unless given)."""
        begin, limit = time.monotonic(), seconds * slowness()
        start = start or self.last()
        while True:
            match = re.search(pattern, self.text(start), re.M)
            if match:
                return match
            if self._error:
                raise Failed(f"{self.name}: the firmware finds nothing to start: {self._error}")
            if time.monotonic() - begin > limit or not (self.running() or self._watcher.is_alive()):
                raise Failed(f"{self.name} does not say /{pattern}/ within {limit:.0f} s; its console ends:\n{self.tail()}")
            time.sleep(0.02)

    def wait_for_start(self, count, seconds):
        """Waits until the machine has been started `count` times; returns that start."""
        begin = time.monotonic()
        while len(self.starts) < count:
            if self._error:
                raise Failed(f"{self.name}: the firmware finds nothing to start: {self._error}")
            if time.monotonic() - begin > seconds * slowness():
                raise Failed(f"{self.name} was started {len(self.starts)} times, not {count}; its console ends:\n"
                             f"{self.tail()}")
            time.sleep(0.02)
        return self.starts[count - 1]

    def tail(self, lines=30):
        return "\n".join(f"    {line}" for line in self.text().splitlines()[-lines:])

    def since_start(self):
        return time.monotonic() - self.last().at

    # Cables that come and go

    def plug_in(self, number):
        """The port is a USB network adapter (a phone): put it in."""
        self._qmp.ask("device_add", driver="usb-net", netdev=f"net{number}", mac=self.ports[number].mac, id=f"port{number}")

    def pull_out(self, number):
        self._qmp.ask("device_del", id=f"port{number}")

    def cable(self, number, there):
        self._qmp.ask("set_link", name=f"port{number}", up=there)

    def stop_processors(self):
        self._qmp.ask("stop")


def _nodes(tree, path="/"):
    """The paths of all nodes of a device tree."""
    for name in subprocess.run(["fdtget", "-l", tree, path], check=True, capture_output=True, text=True).stdout.split():
        below = f"{path.rstrip('/')}/{name}"
        yield below
        yield from _nodes(tree, below)


class Monitor:
    """QEMU's control socket (QMP): one question at a time; events are only looked at for why the machine ended."""

    def __init__(self, connection):
        self._socket = connection
        self._answers, self._arrived = [], threading.Condition()
        self.shutdown_reason = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.ask("qmp_capabilities")

    def _read(self):
        with contextlib.suppress(OSError), self._socket.makefile("rb") as stream:
            for line in stream:
                message = json.loads(line)
                if message.get("event") == "SHUTDOWN":
                    self.shutdown_reason = message["data"].get("reason", "")
                elif "return" in message or "error" in message:
                    with self._arrived:
                        self._answers.append(message)
                        self._arrived.notify()
        with self._arrived:
            self._answers.append(None)
            self._arrived.notify()

    def ask(self, command, **arguments):
        question = {"execute": command, "arguments": arguments} if arguments else {"execute": command}
        with contextlib.suppress(OSError):  # it is gone; the answer below says so
            self._socket.sendall(json.dumps(question).encode() + b"\n")
        with self._arrived:
            if not self._arrived.wait_for(lambda: self._answers, 30):
                raise Failed(f"QEMU does not answer {command}")
            answer = self._answers.pop(0)
            if answer is None:
                self._answers.append(None)
                raise Failed(f"QEMU ended before {command}")
        if "error" in answer:
            raise Failed(f"QEMU refuses {command}: {answer['error'].get('desc')}")
        return answer["return"]

    def join(self):
        self._reader.join()
        self._socket.close()
