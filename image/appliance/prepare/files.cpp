// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/prepare/files.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "daemon/base/file.h"
#include "daemon/base/text.h"
#include "daemon/config/config.h"
#include "image/boot/card/card.h"
#include "wg/device/key.h"

namespace ulagate::appliance {
namespace {

constexpr const char* kConfig = "ulagate.toml";
constexpr const char* kKey = "tunnel.key";
constexpr const char* kReset = "factory-reset";
constexpr const char* kKeyPath = "/etc/ulagate/tunnel.key";
constexpr const char* kHostKey = "ssh_host_key";
constexpr std::string_view kDaemonState = "ulagate/";
constexpr std::size_t kMaxFiles = 64;
constexpr std::size_t kMaxBytes = 4U << 20U;
constexpr std::size_t kMaxRelease = 16U << 10U;
constexpr mode_t kSecret = 0600;

class Preparation {
public:
    explicit Preparation(const PrepareOptions& options) : options_(options) {}

    Prepared run() {
        make_folders();
        read_release();
        if (read_card()) {
            open_state();
            obey_reset();
            restore_state();
        }
        out_.floor = clock_floor(times_);
        read_config();
        give_key();
        finish();
        return std::move(out_);
    }

private:
    [[nodiscard]] std::string at(const std::string& path) const { return options_.root + path; }
    void rescue(std::string why) { out_.rescue.push_back(std::move(why)); }
    void note(std::string text) { out_.notes.push_back(std::move(text)); }

    void write(const std::string& path, std::string_view content) {
        if (auto done = write_file_atomically(at(path), content, kSecret); !done) rescue(done.error().text());
    }

    void make_folders() {
        for (const char* folder : {"/etc/ulagate", "/run/card", "/run/appliance", "/var/lib/ulagate"}) {
            std::error_code error;
            std::filesystem::create_directories(at(folder), error);
            if (error || ::chmod(at(folder).c_str(), 0700) != 0)
                note(fmt::format("cannot make {}", at(folder)));
        }
        // What an earlier run has left (in a trial): nothing of it may be taken for this card's.
        for (const char* file :
             {"/etc/ulagate/ulagate.toml", "/etc/ulagate/tunnel.key", "/run/appliance/rescue",
              "/run/appliance/card", "/run/appliance/public_key", "/run/appliance/rescue_ssh_keys"}) {
            std::error_code gone;
            std::filesystem::remove(at(file), gone);
        }
    }

    void read_release() {
        const auto release = read_file(at("/etc/ulagate-release"), kMaxRelease);
        if (!release) return;
        if (const auto built = release_value(*release, "BUILD_TIME")) times_.built = seconds_in(*built);
    }

    bool read_card() {
        auto card =
            options_.disk.empty() ? card::find_card(options_.patience) : card::open_card(options_.disk);
        if (!card) {
            rescue("there is no card to read the configuration from: " + card.error().text());
            return false;
        }
        card_ = std::move(*card);
        write("/run/appliance/card", card_->disk + "\n");
        if (auto copied = copy_files(); !copied) rescue("the card cannot be read: " + copied.error().text());
        return true;
    }

    // The files of the first partition into memory: what is known by its name first, so that holiday pictures
    // cannot be in the way.
    Result<void> copy_files() {
        const auto partition = card::FatPartition::open(*card_, card::Part::config);
        if (!partition) return tl::unexpected(partition.error());
        auto root = partition->root();
        if (!root) return tl::unexpected(root.error());
        std::erase_if(root->files, [](const card::FatFile& file) { return !is_plain_file_name(file.name); });
        const auto is_known = [&](const card::FatFile& file) {
            return std::ranges::any_of(std::array{kConfig, kKey, kReset}, [&](const char* name) {
                return card::find_file(*root, name) == &file;
            });
        };
        std::vector<const card::FatFile*> order;
        for (const card::FatFile& file : root->files) {
            if (is_known(file)) order.push_back(&file);
        }
        for (const card::FatFile& file : root->files) {
            if (!is_known(file)) order.push_back(&file);
        }
        std::size_t bytes = 0;
        std::size_t copied = 0;
        for (const card::FatFile* file : order) {
            if (copied == kMaxFiles || bytes + file->bytes > kMaxBytes) {
                note(fmt::format("{} on the card is ignored: at most {} files and {} MiB are read",
                                 quote(file->name), kMaxFiles, kMaxBytes >> 20U));
                continue;
            }
            auto content = partition->read(*file, kMaxBytes);
            if (!content) {
                const std::string text =
                    fmt::format("{} on the card: {}", file->name, content.error().text());
                is_known(*file) ? rescue(text) : note(text);
                continue;
            }
            bytes += file->bytes;
            ++copied;
            keep(*root, *file, std::move(*content));
        }
        return {};
    }

    void keep(const card::FatRoot& root, const card::FatFile& file, std::string content) {
        // Under the name that we look for, however it is written there.
        std::string name = file.name;
        for (const char* known : {kConfig, kKey, kReset}) {
            if (card::find_file(root, known) == &file) name = known;
        }
        write("/run/card/" + name, content);
        if (name == kConfig) {
            config_text_ = content;
            times_.written = file.modified;
        } else if (name == kKey) {
            card_key_ = content;
        } else if (name == kReset) {
            reset_digest_ = reset_digest(name, file.modified, content);
        }
        wg::wipe(content);
    }

    void open_state() {
        auto state = card_->open_state();
        if (!state) return note("nothing can be remembered: " + state.error().text());
        state_ = std::move(*state);
        if (!state_->problem().empty()) note(state_->problem());
    }

    [[nodiscard]] std::optional<std::string> stored(const std::string& name) const {
        if (!state_) return std::nullopt;
        const auto found = state_->files().find(name);
        return found == state_->files().end() ? std::nullopt : std::optional{found->second};
    }

    void obey_reset() {
        if (!state_) return;
        Result<void> done;
        switch (decide_reset(reset_digest_, stored("reset"))) {
            case Reset::no:
                return;
            case Reset::now:
                done = state_->overwrite({{"reset", *reset_digest_}});
                note(
                    "factory reset: the key and all that was remembered are gone; the file factory-reset may "
                    "be "
                    "removed from the card");
                break;
            case Reset::forget:
                done = state_->edit([](card::StateFiles& files) { files.erase("reset"); });
                break;
        }
        // Done again at the next boot, then.
        if (!done) note("factory reset: " + done.error().text());
    }

    void restore_state() {
        if (!state_) return;
        for (const auto& [name, content] : state_->files()) {
            if (!name.starts_with(kDaemonState)) continue;
            const std::string file = name.substr(kDaemonState.size());
            if (file.find('/') == std::string::npos) write("/var/lib/ulagate/" + file, content);
        }
        if (const auto key = stored(kHostKey)) write(std::string{"/run/appliance/"} + kHostKey, *key);
        for (const char* clock : {"clock", "ulagate/clock"}) {
            const auto seconds = seconds_in(stored(clock).value_or(""));
            if (seconds) times_.stored = std::max(*seconds, times_.stored.value_or(0));
        }
    }

    void read_config() {
        if (!card_) return;
        if (!config_text_) {
            if (out_.rescue.empty()) rescue("there is no file ulagate.toml on the card");
            return;
        }
        if (std::string wrong = wrong_encoding(*config_text_); !wrong.empty()) {
            return rescue("ulagate.toml: " + wrong);
        }
        const std::string text = normalise_text(*config_text_);
        out_.hostname = node_of(text).value_or("");
        if (has_only_node(text)) {
            return rescue(
                fmt::format("ulagate.toml holds the name {} and nothing else yet. This machine's public key "
                            "is shown here: put it "
                            "into the overlay's files, and the complete ulagate.toml for {} onto the card.",
                            out_.hostname, out_.hostname));
        }
        const Loaded loaded = load_config(text);
        for (const Finding& finding : loaded.findings) {
            const std::string line = to_string(finding, kConfig);
            finding.severity == Finding::Severity::error ? rescue(line) : note(line);
        }
        if (!loaded.config) return keep_ssh_keys(text);
        if (loaded.config->appliance && !loaded.config->appliance->hostname.empty()) {
            out_.hostname = loaded.config->appliance->hostname;
        }
        if (loaded.config->tunnel.private_key_file != kKeyPath) {
            rescue(fmt::format(
                "ulagate.toml: tunnel.private_key is {}; on this machine it has to be \"{}\" (which is "
                "made here, or copied from the file {} on the card)",
                quote(loaded.config->tunnel.private_key_file), kKeyPath, kKey));
            return keep_ssh_keys(text);
        }
        config_ = text;
    }

    // Whoever may log in may do so to see what is wrong, too.
    void keep_ssh_keys(const std::string& text) {
        std::string lines;
        for (const std::string& key : ssh_keys_of(text)) lines += key + "\n";
        if (!lines.empty()) write("/run/appliance/rescue_ssh_keys", lines);
    }

    void give_key() {
        if (!card_) return;
        auto key = card_key_ ? key_of_card() : key_of_state();
        if (!key) return;
        std::string text = key->reveal_base64();
        text.push_back('\n');
        write(kKeyPath, text);
        wg::wipe(text);
        write("/run/appliance/public_key", wg::to_string(key->public_key()) + "\n");
    }

    std::optional<wg::PrivateKey> key_of_card() {
        std::string text = normalise_text(*card_key_);
        text.erase(text.find_last_not_of(" \t\n") + 1);
        auto key = wg::PrivateKey::parse(text);
        wg::wipe(text);
        if (!key)
            rescue(
                "tunnel.key on the card does not contain a key: expected one line of 44 characters as `wg "
                "genkey` writes it");
        return key;
    }

    std::optional<wg::PrivateKey> key_of_state() {
        std::string text = stored("key").value_or("");
        text.erase(text.find_last_not_of('\n') + 1);
        auto key = wg::PrivateKey::parse(text);
        wg::wipe(text);
        if (key) return key;
        // A key that is new after each power cut is worse than none: no relay would know it.
        if (!state_) {
            rescue(
                "there is no tunnel.key on the card, and a new key could not be kept: the card has no usable "
                "fourth "
                "partition");
            return std::nullopt;
        }
        key = wg::PrivateKey::generate();
        const auto saved =
            state_->edit([&](card::StateFiles& files) { files["key"] = key->reveal_base64() + "\n"; });
        if (!saved) {
            rescue("a new key was made and cannot be kept: " + saved.error().text());
            return std::nullopt;
        }
        note("a new key was made and is kept on the card");
        return key;
    }

    void finish() {
        if (out_.hostname.empty()) out_.hostname = "ulagate";
        if (config_ && out_.rescue.empty()) write("/etc/ulagate/ulagate.toml", *config_);
        if (out_.rescue.empty()) return;
        std::string text;
        for (const std::string& why : out_.rescue) text += why + "\n";
        write("/run/appliance/rescue", text);
    }

    const PrepareOptions& options_;
    Prepared out_;
    FloorSources times_;
    std::optional<card::Card> card_;
    std::optional<card::StateStore> state_;
    std::optional<std::string> config_text_;  // as it is on the card
    std::optional<std::string> card_key_;
    std::optional<std::string> reset_digest_;
    std::optional<std::string> config_;  // for the daemon
};

}  // namespace

Prepared prepare_files(const PrepareOptions& options) { return Preparation{options}.run(); }

}  // namespace ulagate::appliance
