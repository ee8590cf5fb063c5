// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/slot/update_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include "daemon/base/text.h"

namespace ulagate::slot {
namespace {

using Stage = UpdateRecord::Stage;

constexpr std::array<std::pair<Stage, std::string_view>, 5> kStages{{{Stage::armed, "armed"},
                                                                     {Stage::trying, "trying"},
                                                                     {Stage::committed, "committed"},
                                                                     {Stage::returned, "returned"},
                                                                     {Stage::failed, "failed"}}};
constexpr std::size_t kMaxText = 8192;
constexpr std::uint32_t kMaxMinutes = 60;

std::string one_line(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    return text;
}

std::optional<std::uint32_t> number(const std::string& text) {
    std::uint32_t value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace

std::string_view name(Stage stage) {
    return std::find_if(kStages.begin(), kStages.end(),
                        [&](const auto& entry) { return entry.first == stage; })
        ->second;
}

std::string to_text(const UpdateRecord& record) {
    return fmt::format(
        "stage={}\nfrom={}\nto={}\nslot={}\ntrial_minutes={}\nconfiguration_good={}\nlinks_up={}\nrelay_"
        "reachable={}\nreason={}\n",
        name(record.stage), one_line(record.from_version), one_line(record.to_version),
        partition_number(record.slot), record.trial_minutes, record.before.configuration_good ? 1 : 0,
        fmt::join(record.before.links_up, " "), record.before.relay_reachable ? 1 : 0,
        one_line(record.reason));
}

Result<UpdateRecord> parse_update_record(std::string_view text) {
    // A later version may add lines; after a return to this one they are not understood, and not needed.
    if (text.size() > kMaxText) return fail("record of the last update: too long");
    std::map<std::string, std::string> values;
    while (!text.empty()) {
        const auto line = take_word(text, '\n');
        if (const auto equals = line.find('='); equals != std::string_view::npos)
            values.emplace(line.substr(0, equals), line.substr(equals + 1));
    }
    UpdateRecord out;
    const auto stage = std::find_if(kStages.begin(), kStages.end(),
                                    [&](const auto& entry) { return entry.second == values["stage"]; });
    const auto partition = number(values["slot"]);
    const auto slot = partition ? slot_of(*partition) : std::nullopt;
    const auto minutes = number(values["trial_minutes"]);
    if (stage == kStages.end() || !slot || !minutes || *minutes == 0 || *minutes > kMaxMinutes)
        return fail("record of the last update: not understood");
    out.stage = stage->first;
    out.slot = *slot;
    out.trial_minutes = *minutes;
    out.from_version = values["from"];
    out.to_version = values["to"];
    out.before.configuration_good = values["configuration_good"] == "1";
    out.before.relay_reachable = values["relay_reachable"] == "1";
    std::string_view links = values["links_up"];
    while (!links.empty()) {
        if (const auto link = take_word(links); !link.empty()) out.before.links_up.emplace(link);
    }
    out.reason = values["reason"];
    return out;
}

std::string for_people(const UpdateRecord& record) {
    std::string out = fmt::format("{} -> {} in slot {}: {}", record.from_version, record.to_version,
                                  name(record.slot), name(record.stage));
    if (!record.reason.empty()) out += ": " + record.reason;
    return out;
}

}  // namespace ulagate::slot
