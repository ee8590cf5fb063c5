// SPDX-License-Identifier: GPL-2.0-or-later
#include "firewall/busy_sites.h"

#include "firewall/render.h"

namespace ulagate::firewall {

Result<BusySites> BusySites::open() {
    auto socket = NftSocket::open();
    if (!socket) return tl::unexpected<Error>{std::move(socket.error())};
    return BusySites{std::move(*socket)};
}

Result<std::vector<net::Ipv6Prefix>> BusySites::read() { return socket_.sites(kBusySet); }

}  // namespace ulagate::firewall
