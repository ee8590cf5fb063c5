// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/result.h"

struct mnl_socket;

namespace ulagate::firewall {

// A chain of any table, as far as it says who made it and where it stands.
struct Chain {
    std::string family;  // "ip6", "inet", …
    std::string table;
    std::string name;
    std::string hook;  // "forward"; "": called by others only
    std::int32_t priority = 0;
    bool policy_drop = false;
    bool operator==(const Chain&) const = default;
};

// Reads the counters of our checkpoints, and who else filters here. It goes no further than names: rules of
// others are read by nobody in this process. Decides nothing; each answer is bounded.
class CheckpointReader {
public:
    static Result<CheckpointReader> open();

    // Packets by the counter's name; empty while our table is not there.
    Result<std::map<std::string, std::uint64_t>> counters();
    // Of all tables but ours; at most kMostChains.
    static Result<std::vector<Chain>> foreign_chains();
    static constexpr std::size_t kMostChains = 4096;
    // Tables of the old ip6_tables, which nf_tables knows nothing of: "filter", and "raw", "mangle", … where
    // they hold rules.
    static std::set<std::string> legacy_tables();
    // Chains that somebody made in their "filter"; empty when it is too long to be read in passing. Ask only
    // when the table is there: the kernel would make it.
    static std::set<std::string> legacy_filter_chains();

private:
    struct Close {
        void operator()(mnl_socket* socket) const;
    };
    using Socket = std::unique_ptr<mnl_socket, Close>;
    explicit CheckpointReader(Socket socket) : socket_(std::move(socket)) {}
    Result<void> dump(unsigned message, std::uint8_t family, const char* table,
                      int (*read)(const void*, void*), void* data, const char* what);

    Socket socket_;
    std::uint32_t sequence_ = 0;
};

}  // namespace ulagate::firewall
