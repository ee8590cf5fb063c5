// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/prepare/policy.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace ulagate::appliance {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kLastSecond = 253'402'300'799;  // of the year 9999
// FAT has the wall clock of the PC, and that may be Kiribati's. A floor that is too high is worse than one
// that is too low: what SNTP sets right then goes back, and relays ignore us until the old time has come.
constexpr auto kFarthestZone = 14h;
// A PC whose clock is wrong by years.
constexpr auto kBelievable = std::chrono::years{10};

std::string_view trimmed(std::string_view line) {
    const auto first = line.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return {};
    return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

// Every line with something on it that is not a comment.
std::vector<std::string_view> meant_lines(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const auto end = text.find('\n');
        const auto line = trimmed(text.substr(0, end));
        if (!line.empty() && line.front() != '#') lines.push_back(line);
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return lines;
}

// `node = "a1"` and perhaps a comment behind it.
std::optional<std::string> node_in(std::string_view line) {
    constexpr std::string_view kKey = "node";
    if (!line.starts_with(kKey)) return std::nullopt;
    line = trimmed(line.substr(kKey.size()));
    if (line.empty() || line.front() != '=') return std::nullopt;
    line = trimmed(line.substr(1));
    if (line.empty() || (line.front() != '"' && line.front() != '\'')) return std::nullopt;
    const auto end = line.find(line.front(), 1);
    if (end == std::string_view::npos) return std::nullopt;
    const auto name = line.substr(1, end - 1);
    const auto rest = trimmed(line.substr(end + 1));
    const bool good = !name.empty() && name.size() <= 63 && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    });
    if (!good || (!rest.empty() && rest.front() != '#')) return std::nullopt;
    return std::string{name};
}

bool is_ssh_key(std::string_view text) {
    constexpr std::array<std::string_view, 6> kTypes{"ssh-ed25519 ",         "ssh-rsa ",
                                                     "ecdsa-sha2-nistp256 ", "ecdsa-sha2-nistp384 ",
                                                     "ecdsa-sha2-nistp521 ", "sk-ssh-ed25519@openssh.com "};
    const auto* const type =
        std::ranges::find_if(kTypes, [&](std::string_view t) { return text.starts_with(t); });
    if (type == kTypes.end()) return false;
    const auto key = text.substr(type->size());
    constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    const auto length = std::min(key.find_first_not_of(kBase64), key.size());
    return length >= 32 && (length == key.size() || key[length] == ' ') &&
           std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

std::string normalise_text(std::string_view text) {
    constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
    if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    std::string out;
    out.reserve(text.size() + 1);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\r') {
            out.push_back(text[i]);
        } else if (i + 1 == text.size() || text[i + 1] != '\n') {
            out.push_back('\n');
        }
    }
    if (!out.empty() && out.back() != '\n') out.push_back('\n');
    return out;
}

std::string wrong_encoding(std::string_view text) {
    if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
        return "it is saved as UTF-16; save it as UTF-8 (Notepad: Save as, Encoding)";
    }
    if (text.find('\0') != std::string_view::npos)
        return "it is not a text file; save it as plain text, UTF-8";
    if (text.starts_with("{\\rtf")) return "it is saved as rich text; save it as plain text, UTF-8";
    return {};
}

std::optional<std::string> node_of(std::string_view text) {
    for (const std::string_view line : meant_lines(text)) {
        if (line.front() == '[') return std::nullopt;  // a table begins: names there are of others
        if (auto node = node_in(line)) return node;
    }
    return std::nullopt;
}

bool has_only_node(std::string_view text) {
    const auto lines = meant_lines(text);
    return lines.size() == 1 && node_in(lines.front());
}

std::vector<std::string> ssh_keys_of(std::string_view text) {
    constexpr std::size_t kMost = 32;
    std::vector<std::string> keys;
    for (std::string_view line : meant_lines(text)) {
        for (;;) {
            const auto start = line.find_first_of("\"'#");
            if (start == std::string_view::npos || line[start] == '#') break;
            const auto end = line.find(line[start], start + 1);
            if (end == std::string_view::npos) break;
            const auto word = line.substr(start + 1, end - start - 1);
            if (is_ssh_key(word) && keys.size() < kMost) keys.emplace_back(word);
            line.remove_prefix(end + 1);
        }
    }
    return keys;
}

bool is_plain_file_name(std::string_view name) {
    return !name.empty() && name.size() <= 255 && name.front() != '.' &&
           std::ranges::all_of(name, [](char c) {
               return static_cast<unsigned char>(c) >= ' ' && c != '\x7f' && c != '/' && c != '\\';
           });
}

std::string reset_digest(std::string_view name, std::chrono::sys_seconds modified, std::string_view content) {
    const std::string all = fmt::format("{}\n{}\n{}", name, modified.time_since_epoch().count(), content);
    std::array<unsigned char, 16> digest{};
    // libsodium speaks of unsigned char. It fails for a digest of a wrong size only.
    ::crypto_generichash(digest.data(), digest.size(), reinterpret_cast<const unsigned char*>(all.data()),
                         all.size(), nullptr, 0);
    std::string out;
    for (const unsigned char byte : digest) out += fmt::format("{:02x}", byte);
    return out;
}

Reset decide_reset(const std::optional<std::string>& digest_of_file, const std::optional<std::string>& done) {
    if (!digest_of_file) return done ? Reset::forget : Reset::no;
    return digest_of_file == done ? Reset::no : Reset::now;
}

std::optional<std::int64_t> seconds_in(std::string_view text) {
    text = trimmed(text.substr(0, text.find('\n')));
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc{} || end != text.data() + text.size() || seconds < 0 || seconds > kLastSecond) {
        return std::nullopt;
    }
    return seconds;
}

std::optional<std::string> release_value(std::string_view release, std::string_view key) {
    for (const std::string_view line : meant_lines(release)) {
        if (line.starts_with(key) && line.size() > key.size() && line[key.size()] == '=') {
            return std::string{line.substr(key.size() + 1)};
        }
    }
    return std::nullopt;
}

std::optional<Floor> clock_floor(const FloorSources& sources) {
    std::optional<Floor> floor;
    const auto at_least = [&](std::chrono::sys_seconds time, const char* why) {
        if (!floor || time > floor->time) floor = Floor{time, why};
    };
    const auto time_of = [](std::int64_t seconds) {
        return std::chrono::sys_seconds{std::chrono::seconds{seconds}};
    };
    if (sources.built) at_least(time_of(*sources.built), "this firmware was built then");
    if (sources.written) {
        const auto written = *sources.written - kFarthestZone;
        if (!sources.built || written < time_of(*sources.built) + kBelievable) {
            at_least(written, "ulagate.toml was written then");
        }
    }
    if (sources.stored) at_least(time_of(*sources.stored), "it was this late here before");
    return floor;
}

}  // namespace ulagate::appliance
