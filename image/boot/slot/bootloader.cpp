// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/slot/bootloader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <span>

#include "daemon/base/bytes.h"
#include "daemon/base/fd.h"
#include "daemon/base/file.h"
#include "daemon/base/text.h"

namespace ulagate::slot {
namespace {

constexpr std::size_t kMaxFile = 65'536;
constexpr const char* kRelease = "/etc/ulagate-release";
constexpr const char* kDeviceTree = "/proc/device-tree";
constexpr const char* kTrybootFile = "/sys/kernel/tryboot";

// A property of one cell: 32 bits, big-endian.
std::optional<std::uint32_t> cell(const std::string& path) {
    const auto text = read_file(path, kMaxFile);
    if (!text || text->size() != sizeof(std::uint32_t)) return std::nullopt;
    net::ByteReader reader{std::as_bytes(std::span{*text})};
    return reader.read<std::uint32_t>();
}

Result<std::map<std::string, std::string>> read_release(const std::string& root) {
    const auto text = read_file(root + kRelease, kMaxFile);
    if (!text) return tl::unexpected(text.error());
    std::map<std::string, std::string> out;
    std::string_view rest = *text;
    while (!rest.empty()) {
        const auto line = take_word(rest, '\n');
        if (const auto equals = line.find('='); equals != std::string_view::npos)
            out[std::string{line.substr(0, equals)}] = line.substr(equals + 1);
    }
    return out;
}

}  // namespace

Boot read_boot(const std::string& root) {
    const std::string folder = root + kDeviceTree + "/chosen/bootloader/";
    Boot out;
    if (const auto partition = cell(folder + "partition")) out.slot = slot_of(*partition);
    out.tried = cell(folder + "tryboot").value_or(0) != 0;
    if (const auto built = cell(folder + "build-timestamp"); built && *built != 0) out.eeprom_time = *built;
    return out;
}

Result<Machine> read_machine(const std::string& root) {
    const auto release = read_release(root);
    if (!release) return tl::unexpected(release.error());
    Machine out;
    const auto value = [&](const char* key) {
        const auto found = release->find(key);
        return found == release->end() ? std::string{} : found->second;
    };
    out.version = value("VERSION");
    out.board = value("BOARD");
    const std::string time = value("BUILD_TIME");
    const auto parsed = std::from_chars(time.data(), time.data() + time.size(), out.build_time);
    if (out.version.empty() || out.board.empty() || time.empty() || parsed.ec != std::errc{} ||
        parsed.ptr != time.data() + time.size() || out.build_time < 0) {
        return fail(fmt::format("{} does not say VERSION, BOARD and BUILD_TIME", kRelease));
    }
    const auto names = read_file(root + kDeviceTree + "/compatible", kMaxFile);
    if (!names) return fail(names.error(), "what board is this");
    out.eeprom_time = read_boot(root).eeprom_time;
    std::string_view rest = *names;
    while (!rest.empty()) {  // strings with a zero behind each
        const auto one = take_word(rest, '\0');
        if (!one.empty()) out.compatibles.emplace_back(one);
    }
    return out;
}

Result<UpdateKey> read_update_key(const std::string& root) {
    const auto release = read_release(root);
    if (!release) return tl::unexpected(release.error());
    const auto found = release->find("UPDATE_KEY");
    const auto key = found == release->end() ? std::nullopt : parse_update_key(found->second);
    if (!key) return fail(fmt::format("{} has no UPDATE_KEY: this firmware accepts no updates", kRelease));
    return *key;
}

Result<std::string> read_card_disk(const std::string& root) {
    auto text = read_file(root + "/run/appliance/card", kMaxFile);
    if (!text) return fail(text.error(), "no card was found at boot");
    while (!text->empty() && text->back() == '\n') text->pop_back();
    if (!text->starts_with('/')) return fail("/run/appliance/card does not name a disk: " + quote(*text));
    return root + *text;
}

Result<void> arm_tryboot(const std::string& root) {
    const std::string path = root + kTrybootFile;
    const UniqueFd fd{::open(path.c_str(), O_RDWR | O_CLOEXEC)};
    if (!fd) return fail_errno("open " + path + " (is the module ulagate_tryboot loaded?)");
    if (::pwrite(fd.get(), "1\n", 2, 0) != 2) return fail_errno("set the bootloader's flag through " + path);
    std::array<char, 2> said{};
    if (::pread(fd.get(), said.data(), said.size(), 0) < 1 || said.front() != '1')
        return fail(path + " did not take the flag");
    return {};
}

}  // namespace ulagate::slot
