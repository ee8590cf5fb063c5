# SPDX-License-Identifier: GPL-2.0-or-later
"""Which file may include which: fails on an arrow that points up, and on a circle.

- ROOMS below is the house from the ground up. A file may include its own room, and the rooms that are named for it; they are
  all further down, so there is no circle of rooms. A file in a folder without a room is a finding.
- There is no circle of files inside a room.
- Boost appears in daemon/ only, and not in daemon/base. Boost.Asio appears in the rooms of ASIO only.
- Pure code (the sources of the *_core libraries and ulagate_config, with the headers of ours that they include)
  touches no socket, clock, log, thread or event loop. Boost.JSON is a value type and allowed there.
"""

import os
import re

FOLDERS = ("ra", "vrrp", "firewall", "wg", "daemon", "image")
ROOMS = {room: below.split() for room, below in {
    "daemon/base": "",
    "ra": "daemon/base",
    "vrrp": "daemon/base",
    "firewall": "daemon/base",
    "wg/device": "daemon/base",
    "wg/control": "daemon/base wg/device",
    "daemon/config": "daemon/base ra vrrp firewall wg/device",
    "daemon/loop": "daemon/base wg/control",
    "daemon/names": "daemon/base daemon/loop",
    "daemon/kernel/rtnl": "daemon/base",
    "daemon/kernel": "daemon/base daemon/kernel/rtnl daemon/config vrrp firewall wg/device",
    "daemon/checks": "daemon/base daemon/kernel daemon/kernel/rtnl daemon/config firewall wg/control",
    "daemon/lan": "daemon/base daemon/loop daemon/kernel daemon/kernel/rtnl daemon/config ra vrrp",
    "daemon/relays": "daemon/base daemon/lan daemon/checks daemon/loop daemon/kernel daemon/kernel/rtnl daemon/config "
                     "wg/device wg/control",
    "daemon/routers": "daemon/base daemon/relays daemon/checks daemon/loop daemon/kernel daemon/config wg/device wg/control",
    "daemon/cli": "daemon/base daemon/lan daemon/kernel daemon/config firewall",
    "daemon/service": "daemon/base daemon/cli daemon/routers daemon/relays daemon/lan daemon/checks daemon/names daemon/loop "
                      "daemon/kernel daemon/kernel/rtnl daemon/config ra vrrp firewall wg/device wg/control",
    "daemon": "daemon/base daemon/service daemon/cli daemon/config firewall wg/device",  # main.cpp
    "image/boot/card": "daemon/base",
    "image/boot/slot": "daemon/base image/boot/card",
    "image/boot/init": "daemon/base",
    "image/appliance/uplinks": "daemon/base daemon/config daemon/kernel/rtnl",
    "image/appliance/clients": "daemon/base daemon/config daemon/loop image/appliance/uplinks",
    "image/appliance/clock": "daemon/base daemon/loop daemon/names",
    "image/appliance/page": "daemon/base daemon/loop image/appliance/uplinks",
    "image/appliance/prepare": "daemon/base daemon/config wg/device image/boot/card",
    "image/appliance/state": "daemon/base daemon/loop image/boot/card image/appliance/uplinks",
    "image/appliance/update": "daemon/base daemon/cli daemon/config image/boot/slot",
    "image/appliance": "daemon/base daemon/config daemon/kernel daemon/kernel/rtnl daemon/loop daemon/relays image/boot/slot "
                       "image/appliance/uplinks image/appliance/clients image/appliance/clock image/appliance/page "
                       "image/appliance/prepare image/appliance/state image/appliance/update",
}.items()}
ASIO = ("daemon/loop", "daemon/names", "daemon/lan", "daemon/relays", "daemon/routers", "daemon/service")
IMPURE_HEADERS = re.compile(r"sys/socket\.h|unistd\.h|poll\.h|sys/epoll\.h|fcntl\.h|net/if\.h|thread|mutex|future|"
                            r"condition_variable|fstream|iostream|cstdio|ctime|time\.h|sys/time\.h|random|"
                            r"boost/(?!json/).*|libmnl/.*|libnftnl/.*|nftables/.*|netlink/.*|systemd/.*|ares\.h")
IMPURE_OWN_HEADERS = {"daemon/base/log.h", "daemon/base/fd.h", "daemon/base/file.h"}
CLOCK = re.compile(r"::now\s*\(|\btime\s*\(\s*(nullptr|NULL|0)\s*\)|\bclock_gettime\s*\(|\brandom_device\b")
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', re.M)


def load(root):
    """Path from the root -> text, of every C++ file (made from *.in or not) and CMakeLists.txt outside the tests."""
    files = {}
    for folder in FOLDERS:
        for directory, _, names in os.walk(f"{root}/{folder}"):
            for name in names:
                if name.endswith((".h", ".h.in", ".cpp")) or name == "CMakeLists.txt":
                    path = f"{directory}/{name}"
                    with open(path, encoding="utf-8") as file:
                        files[os.path.relpath(path, root).removesuffix(".in")] = file.read()
    return files


def findings(files):
    found = []
    for path, text in sorted(files.items()):
        if path.endswith((".h", ".cpp")):
            found += _wrong_arrows(path, text, files)
    for path in _pure_files(files):
        found += _impurities(path, files[path])
    found += _circles(files)
    return sorted(set(found))


def _without_comments(text):
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)


def _includes(text):
    return [(own or "", system or "") for own, system in INCLUDE.findall(_without_comments(text))]


def _room(path):
    return os.path.dirname(path)


def _wrong_arrows(path, text, files):
    room = _room(path)
    if room not in ROOMS:
        yield f"{path}: {room} is not a room of ROOMS"
        return
    for own, system in _includes(text):
        if own and not own.endswith(".h"):
            yield f"{path}: \"{own}\" is no header"
        elif own and own not in files:
            yield f"{path}: \"{own}\" is not a path from the root of the tree"
        elif own and _room(own) not in (room, *ROOMS[room]):
            yield f"{path}: {room} must not include {own}"
        if system.startswith("boost/") and (not room.startswith("daemon") or room == "daemon/base"):
            yield f"{path}: <{system}>: Boost belongs into daemon/ only"
        elif system.startswith("boost/asio") and room not in ASIO:
            yield f"{path}: <{system}>: Boost.Asio belongs into {', '.join(ASIO)} only"


def _circles(files):
    """Of files, inside a room or across."""
    done, under_way = set(), []

    def visit(path):
        if path in under_way:
            yield f"{path}: a circle of includes: {' -> '.join([*under_way[under_way.index(path):], path])}"
        elif path not in done:
            under_way.append(path)
            for own, _ in _includes(files.get(path, "")):
                yield from visit(own)
            under_way.pop()
            done.add(path)

    for path in sorted(files):
        if path.endswith((".h", ".cpp")):
            yield from visit(path)


def _pure_files(files):
    """The sources of the pure libraries, and every header of ours that they reach."""
    todo = []
    for path, text in files.items():
        if not path.endswith("CMakeLists.txt"):
            continue
        text = re.sub(r"#[^\n]*", "", text)
        for target, sources in re.findall(r"add_library\s*\(\s*(\w+)\s+STATIC([^)]*)\)", text):
            if target.endswith("_core") or target == "ulagate_config":
                todo += [os.path.normpath(f"{os.path.dirname(path)}/{source}") for source in sources.split()
                         if source.endswith(".cpp")]
    pure = set()
    while todo:
        path = todo.pop()
        if path in files and path not in pure:
            pure.add(path)
            todo += [own for own, _ in _includes(files[path]) if own]
    return sorted(pure)


def _impurities(path, text):
    for own, system in _includes(text):
        if IMPURE_HEADERS.fullmatch(system):
            yield f"{path}: pure code must not include <{system}>"
    for own, _ in _includes(text):
        if own in IMPURE_OWN_HEADERS:
            yield f"{path}: pure code must not include \"{own}\""
    if CLOCK.search(_without_comments(text)):
        yield f"{path}: pure code asks for the time or for randomness; both are arguments"


def self_test():
    """Each rule, broken once in a small tree, is found; the tree without them is clean."""
    tree = {
        "ra/CMakeLists.txt": "add_library(ulagate_ra_core STATIC message.cpp)",
        "ra/message.h": "#include <vector>\n#include \"daemon/base/bytes.h\"\n// #include <thread>\n",
        "ra/message.cpp": "#include \"ra/message.h\"\nint f() { return later(now); }\n",
        "ra/socket.cpp": "#include <sys/socket.h>\n#include \"ra/message.h\"\n#include \"daemon/base/log.h\"\n",
        "wg/device/key.h": "",
        "wg/control/message.h": "#include \"wg/device/key.h\"\n",
        "wg/control/layout.h": "#include \"wg/control/message.h\"\n",
        "daemon/base/bytes.h": "#include <span>\n",
        "daemon/base/log.h": "",
        "daemon/CMakeLists.txt": "add_library(ulagate_daemon_core STATIC\n  kernel/desired.cpp)\nadd_executable(ulagate main.cpp)",
        "daemon/config/config.h": "#include \"ra/message.h\"\n",
        "daemon/kernel/desired.cpp": "#include <boost/json/value.hpp>\n#include \"daemon/kernel/desired.h\"\n",
        "daemon/kernel/desired.h": "#include \"daemon/config/config.h\"\n",
        "daemon/kernel/rtnl/links.h": "#include \"daemon/base/bytes.h\"\n",
        "daemon/lan/router.h": "#include \"daemon/kernel/desired.h\"\n",
        "daemon/relays/contact.h": "#include \"daemon/lan/router.h\"\n",
        "daemon/loop/loop.h": "#include <boost/asio.hpp>\n",
        "daemon/service/service.h": "#include <boost/asio.hpp>\n#include \"ra/message.h\"\n",
        "daemon/main.cpp": "#include \"daemon/service/service.h\"\n",
        "image/boot/card/mbr.h": "#include \"daemon/base/bytes.h\"\n",
        "image/appliance/uplinks/links.h": "#include \"daemon/config/config.h\"\n",
        "image/appliance/manager.h": "#include \"image/appliance/uplinks/links.h\"\n",
    }
    problems = [f"clean tree: {finding}" for finding in findings(tree)]
    broken = {
        "a protocol includes another": ("ra/socket.cpp", "#include \"wg/device/key.h\""),
        "a protocol includes the daemon": ("ra/socket.cpp", "#include \"daemon/loop/loop.h\""),
        "base includes a protocol": ("daemon/base/bytes.h", "#include \"wg/device/key.h\""),
        "a device includes the control protocol": ("wg/device/key.h", "#include \"wg/control/message.h\""),
        "the configuration includes the kernel": ("daemon/config/config.h", "#include \"daemon/kernel/desired.h\""),
        "rtnetlink includes the plan": ("daemon/kernel/rtnl/links.h", "#include \"daemon/kernel/desired.h\""),
        "the kernel includes rooms above": ("daemon/kernel/desired.h", "#include \"daemon/lan/router.h\""),
        "a LAN includes the relays": ("daemon/lan/router.h", "#include \"daemon/relays/contact.h\""),
        "a room includes the service": ("daemon/relays/contact.h", "#include \"daemon/service/service.h\""),
        "a folder without a room": ("daemon/attic/old.h", "#include <vector>"),
        "Boost in a protocol": ("wg/device/key.h", "#include <boost/json.hpp>"),
        "Boost in base": ("daemon/base/log.h", "#include <boost/json.hpp>"),
        "Asio in main": ("daemon/main.cpp", "#include <boost/asio/io_context.hpp>"),
        "a socket in a core": ("ra/message.cpp", "#include <sys/socket.h>"),
        "a thread in a core's header": ("ra/message.h", "#include <thread>"),
        "the log in a core": ("ra/message.cpp", "#include \"daemon/base/log.h\""),
        "the daemon includes the firmware": ("daemon/main.cpp", "#include \"image/boot/card/mbr.h\""),
        "the firmware includes a protocol": ("image/boot/card/mbr.h", "#include \"ra/message.h\""),
        "a room of the firmware includes its manager": ("image/appliance/uplinks/links.h", "#include \"image/appliance/manager.h\""),
        "a clock in a core": ("ra/message.cpp", "auto t = std::chrono::steady_clock::now();"),
        "Asio in the daemon's core": ("daemon/kernel/desired.cpp", "#include <boost/asio/io_context.hpp>"),
        "an include of a source file": ("ra/socket.cpp", "#include \"ra/message.cpp\""),
        "an include that is not from the root": ("ra/socket.cpp", "#include \"message.h\""),
        "two headers of one room include each other": ("wg/control/message.h", "#include \"wg/control/layout.h\""),
    }
    for what, (path, line) in broken.items():
        if not findings({**tree, path: f"{line}\n{tree.get(path, '')}"}):
            problems.append(f"not found: {what}")
    rooms = list(ROOMS)
    problems += [f"{room} stands below {below}, and must not include it" for room in rooms for below in ROOMS[room]
                 if below not in rooms[:rooms.index(room)]]
    return problems
