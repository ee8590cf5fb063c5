# SPDX-License-Identifier: GPL-2.0-or-later
"""Which Debian mirror this machine uses."""

import pathlib
import re


def mirror():
    """The Debian mirror and the security mirror of this machine's own apt."""
    text = ""
    for path in [pathlib.Path("/etc/apt/sources.list"), *pathlib.Path("/etc/apt/sources.list.d").glob("*")]:
        if path.suffix in (".list", ".sources") and path.is_file():
            text += "\n".join(line for line in path.read_text().splitlines() if not line.startswith("#")) + "\n"
    uris = re.findall(r"(https?://\S+/debian(?:-security)?)/?(?=\s)", text)
    main = next((uri for uri in uris if uri.endswith("/debian")), "http://deb.debian.org/debian")
    security = next((uri for uri in uris if uri.endswith("/debian-security")), main + "-security")
    return main, security
