# SPDX-License-Identifier: GPL-2.0-or-later
"""Private PID, mount and network namespaces around a whole lab run.

The kernel cleans up, not we: when process 1 of a PID namespace ends, for whatever reason (SIGKILL included), every
process of the lab ends with it, and with the processes go the network namespaces, interfaces, rules and mounts.
Nothing of a lab is visible outside, so two labs cannot disturb each other and a killed one leaves nothing to sweep.

    guard (the process that was started: hands signals on, returns the exit code)
      `- init (process 1 of the lab: reaps orphans; dies with the guard)
           `- worker (runs the lab)
"""

import ctypes
import errno
import os
import shutil
import signal
import sys
import traceback

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15

LAB_DIR = "/run/lab"  # files of the lab, on a tmpfs of its own
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # that end a sandbox

_libc = ctypes.CDLL(None, use_errno=True)


class Interrupted(BaseException):
    """SIGINT or SIGTERM: not an Exception, so that no retry loop swallows it."""


def _check(result, what):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags):
    _check(_libc.unshare(flags), "unshare")


def setns(fd, kind):
    _check(_libc.setns(fd, kind), "setns")


def mount(source, target, kind=None, flags=0):
    encode = lambda text: text.encode() if text else None
    _check(_libc.mount(encode(source), encode(target), encode(kind), ctypes.c_ulong(flags), None),
           f"mount {source} on {target}")


def set_name(name):
    """The name that ps and /proc/<pid>/comm show; 15 characters."""
    _libc.prctl(PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def run(body):
    """Runs body() in a sandbox and ends this process with the exit code that it returns."""
    if os.geteuid() != 0:
        sys.exit("the lab needs root: it makes network namespaces")
    sys.stdout.flush()
    sys.stderr.flush()
    # Each of the three takes them when it is ready to: the first process of a PID namespace loses a signal that it
    # has no handler for.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    unshare(CLONE_NEWPID)
    init = os.fork()
    if init == 0:
        _as_init(body)
    _hand_signals_to(init)
    sys.exit(_exit_code(_wait(init)))


def _as_init(body):
    die_with_parent()
    unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWNET)
    _private_mounts()
    worker = os.fork()
    if worker == 0:
        _as_worker(body)
    set_name("lab:init")
    _hand_signals_to(worker)
    while True:
        pid, status = os.wait()
        if pid == worker:
            os._exit(_exit_code(status))


def _as_worker(body):
    set_name("lab:worker")
    for number in SIGNALS:
        signal.signal(number, _interrupt)
    code = 1
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        code = body() or 0
    except Interrupted:
        code = 130
    except SystemExit as leave:
        code = leave.code if isinstance(leave.code, int) else 1
        if isinstance(leave.code, str):
            print(leave.code, file=sys.stderr)
    except BaseException:  # the report of a bug in the lab itself
        traceback.print_exc()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        pass
    os._exit(code)


def _interrupt(_number, _frame):
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # a terminal and the guard may both send one
    raise Interrupted()


def _hand_signals_to(child):
    def forward(number, _frame):
        try:
            os.kill(child, number)
        except ProcessLookupError:
            pass
    for number in SIGNALS:
        signal.signal(number, forward)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _wait(pid):
    return os.waitpid(pid, 0)[1]


def _exit_code(status):
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def keep_mounts_here():
    """In a mount namespace that was just made: no mount that follows is seen outside of it."""
    try:
        mount(None, "/", None, MS_REC | MS_PRIVATE)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        _leave_chroot()


def _leave_chroot():
    """In a plain chroot "/" is no mount point: what it is part of, and what would hand our mounts on, lies outside, and
    `ip netns exec` fails as well. So the mount outside becomes private, and our root a mount of its own."""
    where, root = os.getcwd(), os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    os.chdir("/")
    os.chroot("/proc")  # any folder below will do: who is outside of his root may go up
    while True:
        try:
            mount(None, ".", None, MS_REC | MS_PRIVATE)
            break
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            os.chdir("..")
    os.chroot(".")
    os.fchdir(root)
    os.close(root)
    path = os.getcwd()
    mount(path, path, None, MS_BIND | MS_REC)
    os.chroot(path)
    os.chdir(where)


def _private_mounts():
    keep_mounts_here()
    mount("proc", "/proc", "proc")
    mount("tmpfs", "/run", "tmpfs")
    for directory in (LAB_DIR, "/run/wireguard", "/run/lock"):
        os.makedirs(directory)
    _make_etc_complete()
    _make_tun()


def _make_etc_complete():
    """Nodes get their own hosts and resolv.conf by bind mounts, which need something to be mounted on."""
    names = ("hosts", "resolv.conf")
    if all(os.path.isfile(f"/etc/{name}") for name in names):
        return
    shutil.copytree("/etc", f"{LAB_DIR}/etc", symlinks=True)
    for name in names:
        path = f"{LAB_DIR}/etc/{name}"
        if not os.path.isfile(path):
            if os.path.lexists(path):
                os.unlink(path)
            open(path, "w").close()
    mount(f"{LAB_DIR}/etc", "/etc", None, MS_BIND)


def _make_tun():
    """wireguard-go needs the TUN device, which a bare /dev lacks."""
    if not os.path.exists("/dev/net/tun"):
        os.makedirs("/dev/net", exist_ok=True)
        os.mknod("/dev/net/tun", 0o600 | 0o020000, os.makedev(10, 200))


if __name__ == "__main__":
    # sandbox.py COMMAND …: in a mount namespace that was just made; no mount of the command's is seen outside of it.
    keep_mounts_here()
    os.execvp(sys.argv[1], sys.argv[1:])
