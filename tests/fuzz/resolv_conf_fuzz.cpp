// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "daemon/names/resolv_conf.h"

using namespace ulagate;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

// Whatever stands in the file, there is a name server to ask, all is bounded, and what was understood reads
// back as the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ResolvConf conf = parse_resolv_conf({reinterpret_cast<const char*>(data), size});
    require(!conf.servers.empty() && conf.servers.size() <= 8);
    require(conf.search.size() <= 8 && conf.ndots <= 15);
    require(conf.attempts >= 1 && conf.attempts <= 5);
    require(conf.patience.count() >= 1 && conf.patience.count() <= 5);
    std::string text;
    for (const NameServer& server : conf.servers) text += "nameserver " + to_string(server) + "\n";
    if (conf.has_search) text += "search";
    for (const std::string& domain : conf.search) text += " " + domain;
    text += "\noptions ndots:" + std::to_string(conf.ndots) + " attempts:" + std::to_string(conf.attempts) +
            " timeout:" + std::to_string(conf.patience.count()) + (conf.tcp ? " use-vc" : "") + "\n";
    require(parse_resolv_conf(text) == conf);
    return 0;
}
