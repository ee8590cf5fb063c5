// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/slot/trial.h"

#include <fmt/format.h>

#include <utility>

#include "image/boot/slot/bootloader.h"
#include "image/boot/slot/disk.h"

namespace ulagate::slot {
namespace {

using Stage = UpdateRecord::Stage;

constexpr const char* kStateName = "update";
constexpr TimePoint kBootTime{};  // the steady clock of Linux begins there

Result<card::Card> the_card(const std::string& root) {
    const auto disk = read_card_disk(root);
    if (!disk) return tl::unexpected(disk.error());
    return card::open_card(*disk);
}

}  // namespace

std::optional<UpdateRecord> load_record(const card::Card& card) {
    const auto state = card.open_state();
    if (!state) return std::nullopt;
    const auto found = state->files().find(kStateName);
    if (found == state->files().end()) return std::nullopt;
    const auto record = parse_update_record(found->second);
    return record ? std::optional{*record} : std::nullopt;
}

Result<void> save_record(const card::Card& card, const UpdateRecord& record) {
    auto state = card.open_state();
    if (!state) return tl::unexpected(state.error());
    return state->edit([&](card::StateFiles& files) { files[kStateName] = to_text(record); });
}

Trial Trial::begin(const std::string& root, Say say) {
    Trial out;
    out.say_ = std::move(say);
    out.root_ = root;
    std::optional<Slot> usual;
    if (auto card = the_card(root)) {
        out.card_ = std::move(*card);
        out.record_ = load_record(*out.card_);
        if (const auto chosen = usual_slot(*out.card_)) {
            usual = *chosen;
        } else {
            out.tell("update: " + chosen.error().text());
        }
    }
    const auto found = examine_boot(read_boot(root), usual, out.record_);
    if (found.trial) out.machine_.emplace(*found.trial, kBootTime);
    if (found.record && found.record != out.record_) {
        out.record_ = found.record;
        out.keep();
        out.tell("update: " + for_people(*out.record_));
    }
    return out;
}

Trial::Want Trial::step(const Facts& facts, TimePoint now) {
    if (!machine_) return Want::nothing;
    switch (machine_->step(facts, now)) {
        case TrialMachine::Verdict::wait:
            return Want::nothing;
        case TrialMachine::Verdict::give_up:
            if (record_->stage == Stage::trying) {
                record_->stage = Stage::returned;
                record_->reason = machine_->reason();
                keep();  // the next boot would find out too, but without the reason
                tell("update: " + for_people(*record_));
            }
            return Want::reboot;
        case TrialMachine::Verdict::commit:
            break;
    }
    if (!card_) {
        if (auto card = the_card(root_)) card_ = std::move(*card);
    }
    const Result<void> chosen =
        card_ ? choose_slot(*card_, record_->slot) : Result<void>{fail("the card cannot be read")};
    if (!chosen) {
        tell("update: no commit yet: " + chosen.error().text());
        return Want::nothing;
    }
    machine_.reset();
    record_->stage = Stage::committed;
    record_->reason.clear();
    keep();
    tell("update: " + for_people(*record_));
    return Want::nothing;
}

std::string Trial::status() const {
    if (!record_) return {};
    std::string out = "update: " + for_people(*record_);
    if (machine_ && !machine_->reason().empty() && record_->stage == Stage::trying)
        out += ": " + machine_->reason();
    return out;
}

// The record only tells people what happened: that it cannot be kept stops nothing.
void Trial::keep() {
    if (!card_) return;
    if (const auto saved = save_record(*card_, *record_); !saved)
        tell("update: " + saved.error().text() + ", ignoring");
}

void Trial::tell(const std::string& line) {
    if (line != told_ && say_) say_(line);
    told_ = line;
}

}  // namespace ulagate::slot
