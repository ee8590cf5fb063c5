// SPDX-License-Identifier: GPL-2.0-or-later
// ulagate-appliance update: writes a new version into the slot that does not run, and has it tried by the
// next boot.
#include "image/appliance/update/update.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/fd.h"
#include "daemon/base/text.h"
#include "image/appliance/update/facts.h"
#include "image/appliance/update/source.h"
#include "image/boot/slot/bootloader.h"
#include "image/boot/slot/install.h"
#include "image/boot/slot/trial.h"

namespace ulagate::appliance {
namespace {

constexpr int kUsageError = 2;
constexpr std::uint32_t kMaxTrialMinutes = 60;
constexpr const char* kHelp = R"(usage:
  ulagate update FILE|URL|-         install an update: a file, http://..., or standard input. From another machine:
                                    ssh root@router ulagate update - < FILE
  ulagate update --status           which version runs, from which slot, and what became of the last update

options:
  --trial-minutes N    how long the new version has to prove itself, else the old one returns (default 5, at most 60)
  --no-reboot          do not reboot now; the next reboot tries the new version (after a power cut the old one starts)
  --allow-downgrade    also an older version than the one that runs
)";

struct Options {
    std::string source;
    std::string root;  // for tests: in front of every path
    bool status = false;
    bool help = false;
    bool reboot = true;
    bool allow_downgrade = false;
    std::uint32_t trial_minutes = 5;
};

// One line of progress at once, also when it goes into a pipe.
void say(const std::string& line) {
    fmt::print("{}\n", line);
    std::fflush(stdout);
}

int refuse(const Error& error) {
    fmt::print(stderr, "update: {}\n", error.text());
    return EXIT_FAILURE;
}

std::optional<Options> parse(const std::vector<std::string>& words) {
    Options out;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string& word = words[i];
        const bool more = i + 1 < words.size();
        if (word == "--status") {
            out.status = true;
        } else if (word == "--help" || word == "-h") {
            out.help = true;
        } else if (word == "--no-reboot") {
            out.reboot = false;
        } else if (word == "--allow-downgrade") {
            out.allow_downgrade = true;
        } else if (word == "--trial-minutes" && more) {
            const std::string& text = words[++i];
            const auto parsed = std::from_chars(text.data(), text.data() + text.size(), out.trial_minutes);
            if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
            if (out.trial_minutes == 0 || out.trial_minutes > kMaxTrialMinutes) return std::nullopt;
        } else if (word == "--root" && more) {
            out.root = words[++i];
            out.reboot = false;  // a test's folder has no machine to reboot
        } else if ((word == "-" || !word.starts_with('-')) && !word.empty() && out.source.empty()) {
            out.source = word;
        } else {
            return std::nullopt;
        }
    }
    if (!out.help && out.status == !out.source.empty()) return std::nullopt;
    return out;
}

// All that has to be known before the first byte of an update is looked at.
struct Router {
    slot::Rules rules;
    slot::Boot boot;
    slot::Slot running = slot::Slot::a;
    card::Card card;
};

Result<Router> examine(const Options& options) {
    Router out;
    auto machine = slot::read_machine(options.root);
    if (!machine) return tl::unexpected(machine.error());
    const auto key = slot::read_update_key(options.root);
    if (!key) return tl::unexpected(key.error());
    out.rules = {*key, std::move(*machine), options.allow_downgrade};
    out.boot = slot::read_boot(options.root);
    if (!out.boot.slot)
        return fail("the bootloader does not report which slot is running, so none is written");
    out.running = *out.boot.slot;
    const auto disk = slot::read_card_disk(options.root);
    if (!disk) return tl::unexpected(disk.error());
    auto card = card::open_card(*disk);
    if (!card) return tl::unexpected(card.error());
    out.card = std::move(*card);
    const auto usual = slot::usual_slot(out.card);
    if (!usual) return tl::unexpected(usual.error());
    if (*usual != out.running) {
        return fail(
            fmt::format("the running version is on trial itself and would return to slot {}; wait until the "
                        "trial has ended (ulagate update --status)",
                        slot::name(*usual)));
    }
    return out;
}

slot::ReadPiece reader_of(UpdateSource& source) {
    return [&source](std::span<std::byte> buffer) { return source.read(buffer); };
}

Result<slot::Manifest> write(const Router& router, UpdateSource& source) {
    auto writer = slot::SlotWriter::open(router.card, slot::other(router.running), router.boot);
    if (!writer) return tl::unexpected(writer.error());
    // What can be read twice is read to its end before anything is written.
    if (source.rewind()) {
        auto checked = slot::check_update(reader_of(source), router.rules, writer->bytes());
        if (!checked) return checked;
        if (!source.rewind()) return fail("the file cannot be read a second time");
    }
    const auto name = slot::name(slot::other(router.running));
    auto manifest =
        slot::write_update(reader_of(source), router.rules, *writer, [&](const slot::Manifest& found) {
            say(fmt::format("signature good: {} {} of {}, for this board", found.board, found.version,
                            slot::date_text(found.build_time)));
            say(fmt::format("writing slot {} ({} MiB, each chunk verified before)", name,
                            found.raw_bytes >> 20U));
        });
    if (!manifest) return manifest;
    say(fmt::format("reading slot {} back from the card", name));
    if (const auto good = writer->read_back(*manifest); !good) return tl::unexpected(good.error());
    return manifest;
}

// Nothing is armed before the record is on the card: without it the new version would not know what to prove.
Result<void> arm(const Options& options, const Router& router, const slot::Manifest& manifest) {
    slot::UpdateRecord record;
    record.from_version = router.rules.machine.version;
    record.to_version = manifest.version;
    record.slot = slot::other(router.running);
    record.trial_minutes = options.trial_minutes;
    record.before = gather_facts(options.root);
    if (auto saved = slot::save_record(router.card, record); !saved) return saved;
    auto armed = slot::arm_tryboot(options.root);
    if (!armed) {
        record.stage = slot::UpdateRecord::Stage::failed;
        record.reason = armed.error().text();
        if (auto saved = slot::save_record(router.card, record); !saved)
            return fail(saved.error(), armed.error().text());
        return armed;
    }
    say(fmt::format("armed: the next boot tries slot {} for {} min; it must again have: {}{}{}",
                    slot::name(record.slot), record.trial_minutes,
                    record.before.configuration_good ? "a good configuration" : "nothing",
                    record.before.links_up.empty()
                        ? ""
                        : fmt::format(", link on {}", fmt::join(record.before.links_up, " and ")),
                    record.before.relay_reachable ? ", a relay is up" : ""));
    return {};
}

int install(const Options& options) {
    // Two at once would write into the same slot.
    const std::string lock_file = options.root + "/run/appliance/update.lock";
    const UniqueFd lock{::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!lock) return refuse(fail_errno("open " + lock_file).value());
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return refuse({{}, "another update is being installed"});
    const auto router = examine(options);
    if (!router) return refuse(router.error());
    auto source = UpdateSource::open(options.source);
    if (!source) return refuse(source.error());
    const auto manifest = write(*router, *source);
    if (!manifest) return refuse(manifest.error());
    if (const auto armed = arm(options, *router, *manifest); !armed) return refuse(armed.error());
    if (!options.reboot) {
        say("not rebooting: the next orderly reboot starts the trial");
        return EXIT_SUCCESS;
    }
    say("rebooting; if the new version does not prove itself, this one returns");
    // The first process stops the daemon first, which hands over to the other router of the site.
    if (::kill(1, SIGTERM) != 0) return refuse(fail_errno("ask for the reboot").value());
    return EXIT_SUCCESS;
}

int status(const Options& options) {
    const auto machine = slot::read_machine(options.root);
    if (!machine) return refuse(machine.error());
    const auto boot = slot::read_boot(options.root);
    say(fmt::format("running: {} {} of {}, slot {}", machine->board, machine->version,
                    slot::date_text(machine->build_time),
                    boot.slot ? slot::name(*boot.slot) : "unknown (the bootloader does not report it)"));
    const auto disk = slot::read_card_disk(options.root);
    if (!disk) return refuse(disk.error());
    const auto card = card::open_card(*disk);
    if (!card) return refuse(card.error());
    const auto usual = slot::usual_slot(*card);
    if (!usual) return refuse(usual.error());
    const bool trial = slot::is_trial(boot, *usual);
    say(fmt::format("usual: slot {}{}", slot::name(*usual),
                    trial ? "; the running version is on trial" : ""));
    for (const slot::Slot each : {slot::Slot::a, slot::Slot::b})
        say(fmt::format("slot {}: {}", slot::name(each), slot::version_in(*card, each)));
    const auto record = slot::load_record(*card);
    say("last update: " + (record ? slot::for_people(*record) : "none"));
    return EXIT_SUCCESS;
}

}  // namespace

int update(const std::vector<std::string>& words) {
    const auto options = parse(words);
    if (!options) {
        fmt::print(stderr, "{}", kHelp);
        return kUsageError;
    }
    if (options->help) {
        fmt::print("{}", kHelp);
        return EXIT_SUCCESS;
    }
    return options->status ? status(*options) : install(*options);
}

}  // namespace ulagate::appliance
