// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/uplinks/link_reader.h"

#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

#include "daemon/base/file.h"

namespace ulagate::appliance {
namespace {

constexpr std::size_t kMaxFile = 4096;

std::string attribute(const std::string& link, const char* name) {
    auto text = read_file("/sys/class/net/" + link + "/" + name, kMaxFile);
    if (!text) return {};
    while (!text->empty() && text->back() == '\n') text->pop_back();
    return std::move(*text);
}

std::string driver_of(const std::string& link) {
    std::array<char, 512> target{};
    const std::string path = "/sys/class/net/" + link + "/device/driver";
    const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
    if (size <= 0) return {};
    const std::string_view whole{target.data(), static_cast<std::size_t>(size)};
    return std::string(whole.substr(whole.rfind('/') + 1));
}

}  // namespace

LinkTable read_links(const Links& links) {
    LinkTable out;
    for (const auto& [name, link] : links) {
        LinkFacts facts;
        facts.up = link.up;
        facts.carrier = link.up && link.running;
        facts.mac = link.mac;
        facts.driver = driver_of(name);
        const std::string event = attribute(name, "uevent");
        const bool special = event.find("DEVTYPE=") != std::string::npos;
        facts.wireless = event.find("DEVTYPE=wlan") != std::string::npos;
        const bool gadget = event.find("DEVTYPE=gadget") != std::string::npos;
        const bool is_ours = name.starts_with(kLinkPrefix);
        // ARPHRD_ETHER. A bridge, a VLAN, a tunnel and so on say what they are; a port does not.
        facts.ethernet = attribute(name, "type") == "1" && (!special || gadget) && !is_ours && name != "lo";
        out.emplace(name, std::move(facts));
    }
    return out;
}

}  // namespace ulagate::appliance
