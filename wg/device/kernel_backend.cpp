// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device/kernel_backend.h"

#include <linux/netlink.h>
#include <linux/wireguard.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "wg/device/link_message.h"
#include "wg/device/netlink_message.h"
#include "wg/device/netlink_socket.h"

namespace ulagate::wg {
namespace {

// A dump that another change disturbs starts again. On a device that changes all the time we give up, and
// the caller's next poll tries anew.
constexpr int kMaxDumps = 10;

// Asked for each time: the number changes when the module is loaded again.
Result<std::uint16_t> find_family(NetlinkSocket& socket) {
    auto request = encode_get_family(WG_GENL_NAME);
    std::uint16_t family = 0;
    const auto done = socket.exchange(request, [&](std::span<const std::byte> message) -> Result<void> {
        const auto parsed = parse_family(message);
        if (!parsed) return tl::unexpected(parsed.error());
        family = *parsed;
        return {};
    });
    if (!done && done.error().code == std::errc::no_such_file_or_directory) {
        return fail(std::make_error_code(std::errc::not_supported), "this kernel has no WireGuard");
    }
    if (!done) return fail(done.error(), "find the WireGuard netlink family");
    return family;
}

struct Connection {
    NetlinkSocket socket;
    std::uint16_t family = 0;
};

Result<Connection> connect() {
    auto socket = NetlinkSocket::open(NETLINK_GENERIC);
    if (!socket) return tl::unexpected(socket.error());
    const auto family = find_family(*socket);
    if (!family) return tl::unexpected(family.error());
    return Connection{std::move(*socket), *family};
}

tl::unexpected<Error> explain(const Error& error, const std::string& step, const std::string& interface) {
    if (error.code == std::errc::operation_not_supported) {
        return fail_errno(step + " " + interface + ": not a WireGuard interface", EEXIST);
    }
    return fail(error, step + " " + interface);
}

}  // namespace

Result<std::unique_ptr<KernelBackend>> KernelBackend::open() {
    if (const auto connection = connect(); !connection) return tl::unexpected(connection.error());
    return std::unique_ptr<KernelBackend>{new KernelBackend};
}

Result<void> KernelBackend::create(const std::string& interface) {
    if (auto valid = check_interface_name(interface); !valid) return valid;
    auto socket = NetlinkSocket::open(NETLINK_ROUTE);
    if (!socket) return tl::unexpected(socket.error());
    auto request = encode_create_wireguard_link(interface);
    if (auto done = socket->exchange(request); !done)
        return fail(done.error(), "create interface " + interface);
    return {};
}

Result<void> KernelBackend::remove(const std::string& interface) {
    if (auto valid = check_interface_name(interface); !valid) return valid;
    const auto link = find_link(interface);
    if (!link) return tl::unexpected(link.error());
    if (!*link) return {};
    if ((*link)->kind != WG_GENL_NAME) {
        return fail_errno("remove " + interface + ": not a WireGuard interface", EEXIST);
    }
    return delete_link(**link);
}

Result<Device> KernelBackend::read(const std::string& interface) {
    if (auto valid = check_interface_name(interface); !valid) return tl::unexpected(valid.error());
    for (int attempt = 1;; ++attempt) {
        auto connection = connect();
        if (!connection) return tl::unexpected(connection.error());
        auto request = encode_get_device(connection->family, interface);
        DumpMerger merger;
        const auto done = connection->socket.exchange(
            request, [&](std::span<const std::byte> message) { return merger.add(message); });
        if (done) return std::move(merger).take();
        if (done.error().code != std::errc::interrupted || attempt == kMaxDumps) {
            return explain(done.error(), "read", interface);
        }
    }
}

Result<void> KernelBackend::apply(const std::string& interface, const DeviceChange& change) {
    if (auto valid = check_interface_name(interface); !valid) return valid;
    auto connection = connect();
    if (!connection) return tl::unexpected(connection.error());
    auto messages = encode_set_device(connection->family, interface, change);
    Result<void> result;
    for (auto& message : messages) {
        if (result) result = connection->socket.exchange(message);
        wipe(message);
    }
    if (!result) return explain(result.error(), "configure", interface);
    return {};
}

}  // namespace ulagate::wg
