// SPDX-License-Identifier: GPL-2.0-or-later
// The whole command, with a card in a file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "image/appliance/prepare/command.h"
#include "image/appliance/prepare/files.h"
#include "image/boot/card/card.h"
#include "tests/unit/card/image.h"
#include "tests/unit/daemon/config/text.h"
#include "wg/device/key.h"

namespace ulagate::appliance::prepare_test {
namespace {

using namespace std::chrono_literals;
using card::CardImage;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kKey = "GPbNYcVmvSvWKyuPUGqBmNOIAdLPfI0gxrHxZ2eyK2Y=";

class PrepareTest : public testing::Test {
protected:
    PrepareTest() {
        image_.format();
        std::filesystem::create_directories(root() + "/etc");
        std::ofstream{root() + "/etc/ulagate-release"} << "VERSION=1\nBUILD_TIME=1700000000\n";
    }
    [[nodiscard]] std::string root() const { return image_.folder() + "/root"; }
    [[nodiscard]] PrepareOptions options() const { return {image_.disk(), root(), 0s}; }
    Prepared boot() const { return prepare_files(options()); }
    [[nodiscard]] std::string read(const std::string& path) const {
        std::ifstream in{root() + path, std::ios::binary};
        return in ? std::string{std::istreambuf_iterator<char>{in}, {}} : "(none)";
    }
    [[nodiscard]] card::StateFiles state() const {
        return card::open_card(image_.disk()).value().open_state().value().files();
    }
    void remember(const card::StateFiles& files) const {
        ASSERT_TRUE(card::open_card(image_.disk()).value().open_state().value().save(files));
    }
    [[nodiscard]] mode_t mode(const std::string& path) const {
        struct stat info {};
        return ::stat((root() + path).c_str(), &info) == 0 ? info.st_mode & 07777U : 0;
    }
    static std::string good() { return config_text::with_line(config_text::kEdge, 0, ""); }

    CardImage image_;
};

TEST_F(PrepareTest, AGoodFileIsReadyForTheDaemon) {
    std::string from_windows = "\xef\xbb\xbf";
    for (const char c : good()) from_windows += c == '\n' ? "\r\n" : std::string{c};
    image_.put("ulagate.toml", from_windows);
    const auto prepared = boot();
    EXPECT_THAT(prepared.rescue, IsEmpty());
    EXPECT_EQ(prepared.hostname, "a1");
    EXPECT_EQ(read("/etc/ulagate/ulagate.toml"), normalise_text(good()));
    EXPECT_EQ(mode("/etc/ulagate/ulagate.toml"), 0600U);
    EXPECT_EQ(read("/run/card/ulagate.toml"), from_windows);
    EXPECT_EQ(mode("/run/card"), 0700U);
    EXPECT_EQ(read("/run/appliance/card"), image_.disk() + "\n");
    EXPECT_EQ(read("/run/appliance/rescue"), "(none)");
    EXPECT_EQ(mode("/run/appliance"), 0700U);
}

TEST_F(PrepareTest, MakesAKeyOnceAndKeepsIt) {
    image_.put("ulagate.toml", good());
    EXPECT_THAT(boot().notes, Contains(HasSubstr("a new key was made")));
    const std::string key = read("/etc/ulagate/tunnel.key");
    ASSERT_EQ(key.size(), 45U);
    EXPECT_EQ(mode("/etc/ulagate/tunnel.key"), 0600U);
    EXPECT_EQ(state().at("key"), key);
    const auto parsed = wg::PrivateKey::parse(std::string_view{key}.substr(0, 44));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(read("/run/appliance/public_key"), wg::to_string(parsed->public_key()) + "\n");
    EXPECT_THAT(boot().notes, IsEmpty());
    EXPECT_EQ(read("/etc/ulagate/tunnel.key"), key);
}

TEST_F(PrepareTest, TheKeyOnTheCardIsTheOneThatCounts) {
    image_.put("ulagate.toml", good());
    remember({{"key", std::string(43, 'A') + "=\n"}});
    image_.put("tunnel.key", std::string{kKey} + "\r\n");
    EXPECT_THAT(boot().rescue, IsEmpty());
    EXPECT_EQ(read("/etc/ulagate/tunnel.key"), std::string{kKey} + "\n");
    EXPECT_EQ(state().at("key"), std::string(43, 'A') + "=\n");
    image_.put("tunnel.key", "not a key\n");
    EXPECT_THAT(boot().rescue, ElementsAre(HasSubstr("tunnel.key on the card does not contain a key")));
    EXPECT_EQ(read("/etc/ulagate/ulagate.toml"), "(none)");
    EXPECT_EQ(read("/etc/ulagate/tunnel.key"), "(none)");
}

TEST_F(PrepareTest, OnlyANameIsTheFirstStep) {
    image_.put("ulagate.toml", "# This machine.\r\nnode = \"a1\"\r\n# role = \"edge\"\r\n");
    const auto prepared = boot();
    EXPECT_THAT(prepared.rescue, ElementsAre(HasSubstr("public key is shown here")));
    EXPECT_EQ(prepared.hostname, "a1");
    const std::string shown = read("/run/appliance/public_key");
    EXPECT_EQ(shown.size(), 45U);
    // The complete file comes: the key is still the same one.
    image_.put("ulagate.toml", good());
    EXPECT_THAT(boot().rescue, IsEmpty());
    EXPECT_EQ(read("/run/appliance/public_key"), shown);
}

TEST_F(PrepareTest, ABrokenFileIsRescueWithAllThatIsWrong) {
    const std::string key =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKbSyaPPpHHwOxLuKfN8W5pBpbZy0123456789abcdef me";
    image_.put("ulagate.toml",
               config_text::with_line(config_text::kEdge, 8, "prefix = \"fd00::/64\"\nnonsense = 1") +
                   "[appliance]\nssh_keys = [\"" + key + "\"]\n");
    const auto prepared = boot();
    EXPECT_THAT(prepared.rescue, Contains(HasSubstr("ulagate.toml:8: ")));
    EXPECT_THAT(prepared.rescue, Contains(HasSubstr("ulagate.toml:9: ")));
    EXPECT_EQ(prepared.hostname, "a1");
    for (const std::string& why : prepared.rescue)
        EXPECT_THAT(read("/run/appliance/rescue"), HasSubstr(why + "\n"));
    EXPECT_EQ(read("/run/appliance/rescue_ssh_keys"), key + "\n");
    EXPECT_EQ(read("/etc/ulagate/ulagate.toml"), "(none)");
    EXPECT_EQ(read("/run/appliance/public_key").size(), 45U);
}

TEST_F(PrepareTest, OtherReasonsForRescue) {
    EXPECT_THAT(boot().rescue, ElementsAre("there is no file ulagate.toml on the card"));
    image_.put("ulagate.toml", std::string{"\xff\xfen\0", 4});
    EXPECT_THAT(boot().rescue, ElementsAre(HasSubstr("UTF-16")));
    image_.put("ulagate.toml",
               config_text::with_line(config_text::kEdge, 11, R"(private_key = "/etc/my.key")"));
    EXPECT_THAT(boot().rescue, ElementsAre(HasSubstr("it has to be \"/etc/ulagate/tunnel.key\"")));
    image_.put("ulagate.toml", good());
    image_.entry(0, 0, 0, 0);
    const auto prepared = boot();
    EXPECT_THAT(prepared.rescue, ElementsAre(HasSubstr("there is no card")));
    EXPECT_EQ(prepared.hostname, "ulagate");
    EXPECT_EQ(prepared.floor->time.time_since_epoch(), 1'700'000'000s);
    EXPECT_EQ(read("/etc/ulagate/tunnel.key"), "(none)");  // nothing of the boot before
}

TEST_F(PrepareTest, WithoutAPlaceForTheStateTheKeyHasToBeOnTheCard) {
    image_.put("ulagate.toml", good());
    image_.entry(3, 0, 0, 0);
    const auto prepared = boot();
    EXPECT_THAT(prepared.rescue, ElementsAre(HasSubstr("a new key could not be kept")));
    EXPECT_THAT(prepared.notes, Contains(HasSubstr("nothing can be remembered")));
    image_.put("tunnel.key", kKey);
    EXPECT_THAT(boot().rescue, IsEmpty());
}

TEST_F(PrepareTest, GivesBackWhatWasRemembered) {
    image_.put("ulagate.toml", good());
    remember({{"key", std::string{kKey} + "\n"},
              {"clock", "2495255267\n"},
              {"ulagate/clock", "1795255000\n"},
              {"ulagate/epoch", "9\n"},
              {"ulagate/a/b", "?"},
              {"ssh_host_key", "host key"},
              {"update", "done"}});
    const auto prepared = boot();
    EXPECT_EQ(read("/var/lib/ulagate/epoch"), "9\n");
    EXPECT_EQ(mode("/var/lib/ulagate/epoch"), 0600U);
    EXPECT_EQ(read("/run/appliance/ssh_host_key"), "host key");
    EXPECT_EQ(mode("/run/appliance/ssh_host_key"), 0600U);
    EXPECT_EQ(prepared.floor->time.time_since_epoch(), 2'495'255'267s);
    EXPECT_FALSE(std::filesystem::exists(root() + "/var/lib/ulagate/a"));
}

TEST_F(PrepareTest, AFactoryResetForgetsOnce) {
    image_.put("ulagate.toml", good());
    boot();
    const std::string old_key = state().at("key");
    image_.put("factory-reset", "");
    EXPECT_THAT(boot().notes, Contains(HasSubstr("factory reset")));
    const std::string new_key = state().at("key");
    EXPECT_NE(new_key, old_key);
    EXPECT_EQ(image_.read_at(CardImage::kStateSector * 512, card::kStateAreaBytes * 2).find(old_key),
              std::string::npos);
    // It stays on the card: nothing happens.
    EXPECT_THAT(boot().notes, IsEmpty());
    EXPECT_EQ(state().at("key"), new_key);
    // It goes, and another comes.
    image_.command("mdel ::factory-reset");
    boot();
    EXPECT_EQ(state().count("reset"), 0U);
    EXPECT_EQ(state().at("key"), new_key);
    image_.put("factory-reset", "");
    boot();
    EXPECT_NE(state().at("key"), new_key);
}

TEST_F(PrepareTest, ADamagedStateIsSaidAndMadeNew) {
    image_.put("ulagate.toml", good());
    boot();
    image_.write_at(CardImage::kStateSector * 512 + 20, "xxxx");
    image_.write_at(CardImage::kStateSector * 512 + card::kStateAreaBytes + 20, "xxxx");
    const auto prepared = boot();
    EXPECT_THAT(prepared.notes, Contains(HasSubstr("cannot be read, all in it is lost")));
    EXPECT_THAT(prepared.rescue, IsEmpty());
    EXPECT_THAT(boot().notes, IsEmpty());
}

TEST_F(PrepareTest, HolidayPicturesAreNotInTheWay) {
    for (int i = 0; i < 70; ++i)
        image_.put("picture" + std::to_string(i) + ".jpg", std::string(100'000, 'p'));
    image_.put("._ulagate.toml", "mac");
    image_.put("ULAGATE.TOML", good());
    const auto prepared = boot();
    EXPECT_THAT(prepared.rescue, IsEmpty());
    EXPECT_THAT(prepared.notes, Contains(HasSubstr("is ignored")));
    std::uintmax_t bytes = 0;
    std::size_t files = 0;
    for (const auto& file : std::filesystem::directory_iterator{root() + "/run/card"}) {
        bytes += file.file_size();
        ++files;
        EXPECT_THAT(file.path().filename().string(), Not(testing::StartsWith(".")));
    }
    EXPECT_LE(bytes, 4U << 20U);
    EXPECT_LE(files, 64U);
    EXPECT_EQ(read("/run/card/ulagate.toml"), good());
}

TEST_F(PrepareTest, NeverWritesToTheFilesOfTheCard) {
    image_.put("ulagate.toml", good());
    image_.put("factory-reset", "");
    const auto before = image_.read_at(0, CardImage::kStateSector * 512);
    boot();
    boot();
    EXPECT_EQ(image_.read_at(0, CardImage::kStateSector * 512), before);
}

TEST_F(PrepareTest, TheCommandSaysHowItEnded) {
    image_.put("ulagate.toml", good());
    const std::vector<std::string> words{"--disk", image_.disk(), "--root", root(), "--patience", "0"};
    EXPECT_EQ(prepare(words), 0);
    image_.put("ulagate.toml", "node = \"a1\"\n");
    EXPECT_EQ(prepare(words), 3);
    EXPECT_EQ(prepare({"--disk"}), 2);
    EXPECT_EQ(prepare({"--patience", "soon"}), 2);
    EXPECT_EQ(prepare({"--other", "x"}), 2);
}

// A key must not come out anywhere but in its file.
TEST_F(PrepareTest, NoSecretIsEverSaid) {
    image_.put("tunnel.key", std::string{kKey} + " and more\n");
    image_.put("ulagate.toml", good());
    testing::internal::CaptureStderr();
    EXPECT_EQ(prepare({"--disk", image_.disk(), "--root", root()}), 3);
    image_.put("tunnel.key", kKey);
    EXPECT_EQ(prepare({"--disk", image_.disk(), "--root", root()}), 0);
    EXPECT_THAT(testing::internal::GetCapturedStderr(), Not(HasSubstr("GPbNYc")));
    EXPECT_THAT(read("/run/appliance/rescue"), Not(HasSubstr("GPbNYc")));
}

}  // namespace
}  // namespace ulagate::appliance::prepare_test
