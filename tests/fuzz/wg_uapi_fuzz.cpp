// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "wg/device/uapi.h"

using namespace ulagate;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

wg::Secret some_secret() {
    wg::Secret::Bytes bytes{};
    bytes.fill(7);
    return wg::Secret{bytes};
}

// A set request of new peers uses the words of an answer, so that it can be read as one.
void check_again(wg::Device device) {
    wg::DeviceChange change;
    change.listen_port = device.listen_port;
    if (device.public_key) {
        change.private_key = wg::PrivateKey{some_secret()};
        device.public_key = change.private_key->public_key();
    }
    device.fwmark = 0;
    for (auto& [key, peer] : device.peers) {
        wg::PeerChange out;
        out.key = key;
        if (peer.has_preshared_key) out.preshared_key = some_secret();
        out.endpoint = peer.endpoint;
        out.keepalive_seconds = peer.keepalive_seconds;
        out.allowed_ips = peer.allowed_ips;
        change.peers.push_back(std::move(out));
        peer.last_handshake = {};
        peer.rx_bytes = 0;
        peer.tx_bytes = 0;
    }
    std::string text = wg::to_uapi(change);
    constexpr std::string_view kSet = "set=1\n";
    require(text.starts_with(kSet) && text.ends_with("\n\n"));
    text.erase(0, kSet.size());
    text.pop_back();
    const auto again = wg::parse_uapi_device(text + "errno=0\n\n");
    require(again && *again == device);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const auto device = wg::parse_uapi_device(text);
    const auto status = wg::parse_uapi_status(text);
    if (device) {
        require(status.has_value());
        check_again(*device);
    } else {
        require(!device.error().text().empty());
    }
    return 0;
}
