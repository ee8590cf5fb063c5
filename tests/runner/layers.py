# SPDX-License-Identifier: GPL-2.0-or-later
"""Which file may include which: fails on an arrow that points the wrong way.

- ra, vrrp, firewall and wg know themselves and daemon/base; daemon/base knows itself; daemon knows all.
- image, the programs of the firmware, knows itself and daemon; nobody knows image.
- Boost appears in daemon/ only, and not in daemon/base.
- Pure code (the sources of the *_core libraries and ulagate_config, with the headers of ours that they include)
  touches no socket, clock, log, thread or event loop. Boost.JSON is a value type and allowed there.
"""

import os
import re

FOLDERS = ("ra", "vrrp", "firewall", "wg", "daemon", "image")
PROTOCOLS = ("ra", "vrrp", "firewall", "wg")
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
    return sorted(set(found))


def _without_comments(text):
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)


def _includes(text):
    return [(own or "", system or "") for own, system in INCLUDE.findall(_without_comments(text))]


def _layer(path):
    return "daemon/base" if path.startswith("daemon/base/") else path.split("/")[0]


def _wrong_arrows(path, text, files):
    layer = _layer(path)
    for own, system in _includes(text):
        if own and not own.endswith(".h"):
            yield f"{path}: \"{own}\" is no header"
        elif own and own not in files:
            yield f"{path}: \"{own}\" is not a path from the root of the tree"
        elif own and not _may_include(layer, _layer(own)):
            yield f"{path}: {layer} must not include {own}"
        if system.startswith("boost/") and layer != "daemon":
            yield f"{path}: <{system}>: Boost belongs into daemon/ only"


def _may_include(layer, target):
    if layer == "daemon":
        return target != "image"
    if layer == "image":
        return target in ("image", "daemon", "daemon/base", "wg")
    if layer == "daemon/base":
        return target == "daemon/base"
    return target in (layer, "daemon/base")


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
        "wg/key.h": "",
        "daemon/base/bytes.h": "#include <span>\n",
        "daemon/base/log.h": "",
        "daemon/CMakeLists.txt": "add_library(ulagate_daemon_core STATIC desired.cpp)\nadd_executable(ulagate main.cpp)",
        "daemon/desired.cpp": "#include <boost/json/value.hpp>\n",
        "image/card/mbr.h": "#include \"daemon/loop.h\"\n",
        "daemon/loop.h": "#include <boost/asio.hpp>\n",
        "daemon/main.cpp": "#include <boost/asio.hpp>\n#include \"ra/message.h\"\n",
    }
    problems = [f"clean tree: {finding}" for finding in findings(tree)]
    broken = {
        "a protocol includes another": ("ra/socket.cpp", "#include \"wg/key.h\""),
        "a protocol includes the daemon": ("ra/socket.cpp", "#include \"daemon/loop.h\""),
        "base includes a protocol": ("daemon/base/bytes.h", "#include \"wg/key.h\""),
        "Boost in a protocol": ("wg/key.h", "#include <boost/asio/ip/tcp.hpp>"),
        "Boost in base": ("daemon/base/log.h", "#include <boost/json.hpp>"),
        "a socket in a core": ("ra/message.cpp", "#include <sys/socket.h>"),
        "a thread in a core's header": ("ra/message.h", "#include <thread>"),
        "the log in a core": ("ra/message.cpp", "#include \"daemon/base/log.h\""),
        "the daemon includes the firmware": ("daemon/main.cpp", "#include \"image/card/mbr.h\""),
        "the firmware includes a protocol": ("image/card/mbr.h", "#include \"ra/message.h\""),
        "a clock in a core": ("ra/message.cpp", "auto t = std::chrono::steady_clock::now();"),
        "Asio in the daemon's core": ("daemon/desired.cpp", "#include <boost/asio/io_context.hpp>"),
        "an include of a source file": ("ra/socket.cpp", "#include \"ra/message.cpp\""),
        "an include that is not from the root": ("ra/socket.cpp", "#include \"message.h\""),
    }
    for what, (path, line) in broken.items():
        if not findings({**tree, path: f"{line}\n{tree[path]}"}):
            problems.append(f"not found: {what}")
    return problems
