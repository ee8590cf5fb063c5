// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What `ulagate-appliance prepare` decides. Pure.
namespace ulagate::appliance {

// As people save text files: a byte order mark in front, lines that end in \r\n or (long ago) \r. Then as we
// have them: neither, and a line end behind the last line.
std::string normalise_text(std::string_view text);

// Why this cannot be a text file of ours ("it is saved as UTF-16, …"); empty when it can.
std::string wrong_encoding(std::string_view text);

// The name in a configuration file that need not be a good one otherwise: for a machine in rescue.
std::optional<std::string> node_of(std::string_view text);
// The first step with a new card: a name, and nothing else that is not a comment.
bool has_only_node(std::string_view text);
// Public keys ("ssh-ed25519 AAAA… me@laptop") in a file with errors: who may log in to repair it. Strings on
// lines that are no comments; what does not look like a key is left out.
std::vector<std::string> ssh_keys_of(std::string_view text);

// Which files of the card come into memory, in this order: those that we know, then the others; not what PCs
// leave behind on their own ("._ulagate.toml"), nor a name that is none.
bool is_plain_file_name(std::string_view name);

// A factory reset is done once for each file that asks for it, however long that file stays on the card.
std::string reset_digest(std::string_view name, std::chrono::sys_seconds modified, std::string_view content);
enum class Reset {
    no,
    now,     // forget everything
    forget,  // the file is gone: the next one counts again
};
Reset decide_reset(const std::optional<std::string>& digest_of_file, const std::optional<std::string>& done);

// The time that it certainly is by now, and how we know it.
struct Floor {
    std::chrono::sys_seconds time;
    std::string why;
    bool operator==(const Floor&) const = default;
};
struct FloorSources {
    std::optional<std::int64_t> built;                // Unix seconds
    std::optional<std::int64_t> stored;               // by us, in the state
    std::optional<std::chrono::sys_seconds> written;  // ulagate.toml, by the clock of a PC somewhere on earth
};
std::optional<Floor> clock_floor(const FloorSources& sources);
// "1795255267\n"
std::optional<std::int64_t> seconds_in(std::string_view text);
// The value behind "BUILD_TIME=" in /etc/ulagate-release.
std::optional<std::string> release_value(std::string_view release, std::string_view key);

}  // namespace ulagate::appliance
