#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# wireguard-go that is told to listen on a port which another program has closes its old port as well, and is deaf from then on,
# although it answers with an error and the interface stays up. A caller that takes the error for "nothing has changed" loses the
# tunnel. Setting a free port brings it back.
# Seen with wireguard-go 0.0.20220316-1+b4 (Debian 12): errno=-98, then no socket, and "get" names no listen_port.
set -eu
version=0.0.20220316-1+b4
folder=$(mktemp -d)
trap 'rm -rf --one-file-system "$folder"' EXIT
mmdebstrap --quiet --mode=root --variant=minbase --include="wireguard-go=$version,iproute2,python3-minimal" bookworm \
    "$folder/root" >&2
cat >"$folder/root/look" <<'PYTHON'
import os, socket, subprocess, time

def ask(text):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("/run/wireguard/found0.sock")
        s.sendall(text.encode() + b"\n\n")
        answer = b""
        while not answer.endswith(b"\n\n"):
            answer += s.recv(4096)
    return answer.decode()

def bound():
    return sorted({line.split()[1].rpartition(":")[2] for path in ("/proc/net/udp", "/proc/net/udp6")
                   for line in open(path).readlines()[1:]} & {"C821", "C822"})  # 51233, 51234

subprocess.run(["wireguard-go", "found0"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
for _ in range(100):
    if os.path.exists("/run/wireguard/found0.sock"):
        break
    time.sleep(0.1)
subprocess.run(["ip", "link", "set", "found0", "up"], check=True)
print("free port:", ask("set=1\nlisten_port=51233").strip(), bound())
first = bound()
other = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
other.bind(("::", 51234))
answer = ask("set=1\nlisten_port=51234").strip()
other.close()
print("taken port:", answer, bound())
print([line for line in ask("get=1").split() if line.startswith("listen_port")])
deaf = bound()
ask("set=1\nlisten_port=51233")
print("free port again:", bound())
raise SystemExit(0 if (first, answer, deaf, bound()) == (["C821"], "errno=-98", [], ["C821"]) else 1)
PYTHON
export folder
# The tunnel, its program and all mounts go with the namespaces.
unshare --mount --propagation private --net --pid --fork --kill-child sh -ec '
cd "$folder/root"
mount -t proc proc proc
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs dev
mkdir dev/net
mknod dev/net/tun c 10 200
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/urandom c 1 9
ip link set lo up
exec chroot . python3 /look'
