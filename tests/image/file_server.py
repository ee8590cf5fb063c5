# SPDX-License-Identifier: GPL-2.0-or-later
"""Files over HTTP. Python's own server looks the name of its address up before it listens, which takes longer than a minute
where no resolver answers."""

import functools
import http.server
import socketserver
import sys


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = daemon_threads = True


class Handler(http.server.SimpleHTTPRequestHandler):
    def address_string(self):
        return self.client_address[0]


def main(address, port, directory):
    with Server((address, int(port)), functools.partial(Handler, directory=directory)) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
