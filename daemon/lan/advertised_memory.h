// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/address.h"
#include "ra/stale.h"

namespace ulagate {

// What hosts have been told, kept on disk, so that a router that comes back with another configuration can
// take back what its hosts still believe (RFC 9096 section 3.5). One line an option:
// "eth0 - 03044060..." is advertised, "eth0 1795255267 03044060..." is not, and hosts may believe it until
// then; the option is as on the wire. "eth0 from fe80::5eed": where its hosts have their routes from. It is
// written when that changes, which is when the configuration does. Pure.
class AdvertisedMemory {
public:
    using WallTime = std::chrono::sys_seconds;
    static constexpr std::size_t kMost = 4096;  // lines

    // One of ra::subjects().
    struct Entry {
        ra::Option option;
        std::optional<WallTime> until;  // nullopt: it is advertised
        bool operator==(const Entry&) const = default;
    };
    using Entries = std::map<std::string, std::vector<Entry>>;  // by interface

    // How many lines say something else; they are left out.
    std::size_t load(std::string_view text);
    // What hosts behind this interface may believe, if it is not advertised any more from now on.
    [[nodiscard]] std::vector<ra::Stale> recall(const std::string& interface, WallTime wall,
                                                ra::TimePoint now) const;
    // From which addresses they have their routes.
    using Sources = std::map<std::string, std::vector<net::Ipv6Address>>;  // by interface
    [[nodiscard]] std::vector<net::Ipv6Address> sources(const std::string& interface) const;
    // The interface behind which hosts were told of the prefix, of those that `is_free` lets pass: a LAN that
    // has another name now has the same hosts.
    [[nodiscard]] std::optional<std::string> behind(
        const net::Ipv6Prefix& prefix, const std::function<bool(const std::string&)>& is_free) const;
    // The new content when it has changed.
    std::optional<std::string> take_write(Entries entries, Sources sources = {});
    // That content has not reached the disk.
    void not_written() { written_.clear(); }

private:
    Entries entries_;
    Sources sources_;
    std::string written_;
};

// The entries of one interface: what is advertised there, and what is not any more.
std::vector<AdvertisedMemory::Entry> memory_of(const std::vector<ra::Option>& advertised,
                                               const std::vector<ra::Stale>& stale,
                                               AdvertisedMemory::WallTime wall, ra::TimePoint now);

}  // namespace ulagate
