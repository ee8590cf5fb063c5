// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/init/modules.h"

#include <algorithm>
#include <utility>

#include "daemon/base/text.h"

namespace ulagate::init {
namespace {

constexpr std::size_t kMaxAlias = 512;
constexpr std::size_t kMaxSeen = 4096;  // more different devices than anybody plugs in: begin anew
constexpr std::size_t kBatch = 256;     // arguments of one process

}  // namespace

std::string added_modalias(std::string_view uevent) {
    constexpr std::string_view kModalias = "MODALIAS=";
    if (!uevent.starts_with("add@")) return {};
    while (!uevent.empty()) {
        const std::string_view field = take_word(uevent, '\0');
        if (field.starts_with(kModalias)) return std::string{field.substr(kModalias.size())};
    }
    return {};
}

std::vector<std::string> module_names(std::string_view text) {
    std::vector<std::string> out;
    while (!text.empty()) {
        std::string_view line = take_word(text, '\n');
        line = line.substr(0, line.find_first_of("# \t\r"));
        if (!line.empty()) out.emplace_back(line);
    }
    return out;
}

bool ModuleQueue::add(std::string_view alias) {
    while (!alias.empty() && (alias.back() == '\n' || alias.back() == '\0')) alias.remove_suffix(1);
    // A device may be named by whoever made it: nothing that modprobe could take for an option.
    const bool visible = std::ranges::all_of(alias, [](char c) { return c >= ' ' && c <= '~'; });
    if (alias.empty() || alias.size() > kMaxAlias || alias.front() == '-' || !visible) return false;
    if (seen_.size() >= kMaxSeen) seen_.clear();
    if (!seen_.emplace(alias).second) return false;
    waiting_.emplace_back(alias);
    return true;
}

std::vector<std::string> ModuleQueue::take() {
    const auto count = static_cast<std::ptrdiff_t>(std::min(waiting_.size(), kBatch));
    std::vector<std::string> out{waiting_.begin(), waiting_.begin() + count};
    waiting_.erase(waiting_.begin(), waiting_.begin() + count);
    return out;
}

}  // namespace ulagate::init
