// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/appliance/prepare/policy.h"

namespace ulagate::appliance::prepare_policy_test {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using std::chrono::sys_seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(PrepareText, IsMadeAsOursWhateverEditorWroteIt) {
    EXPECT_EQ(normalise_text("a\r\nb\r\n"), "a\nb\n");
    EXPECT_EQ(normalise_text("\xef\xbb\xbf"
                             "a\r\n"),
              "a\n");
    EXPECT_EQ(normalise_text("a\rb"), "a\nb\n");
    EXPECT_EQ(normalise_text("a\n\r\n\nb"), "a\n\n\nb\n");
    EXPECT_EQ(normalise_text(""), "");
    EXPECT_EQ(normalise_text("\xef\xbb\xbf"), "");
    EXPECT_EQ(normalise_text("as it is\n"), "as it is\n");
}

TEST(PrepareText, SaysWhatIsNoText) {
    EXPECT_THAT(wrong_encoding("\xff\xfen\0o\0"s), HasSubstr("UTF-16"));
    EXPECT_THAT(wrong_encoding("\xfe\xff\0n"s), HasSubstr("UTF-16"));
    EXPECT_THAT(wrong_encoding("PK\x03\x04\0\0"s), HasSubstr("not a text file"));
    EXPECT_THAT(wrong_encoding("{\\rtf1\\ansi"), HasSubstr("rich text"));
    EXPECT_THAT(wrong_encoding("node = \"a1\"\r\n"), IsEmpty());
    EXPECT_THAT(wrong_encoding(""), IsEmpty());
}

TEST(PrepareText, FindsTheNodeInAFileThatNeedNotBeGood) {
    EXPECT_EQ(node_of("# a1\nrole = \"edge\"\n  node=\"a1\"  # mine\nbroken"), "a1");
    EXPECT_EQ(node_of("node = 'b-2'"), "b-2");
    for (const char* none :
         {"", "# node = \"a1\"", "nodes = \"a1\"", "node \"a1\"", "node = a1", "node = \"a1", "node = \"\"",
          "node = \"a/../b\"", "node = \"a1\" x", "[[site.router]]\nnode = \"a1\"", "node"}) {
        EXPECT_EQ(node_of(none), std::nullopt) << none;
    }
}

TEST(PrepareText, KnowsTheFirstStepWithANewCard) {
    EXPECT_TRUE(has_only_node("# an example\n\nnode = \"a1\"\n# role = \"edge\"\n"));
    EXPECT_FALSE(has_only_node("node = \"a1\"\nrole = \"edge\"\n"));
    EXPECT_FALSE(has_only_node("role = \"edge\"\n"));
    EXPECT_FALSE(has_only_node("# nothing\n"));
}

TEST(PrepareText, FindsTheKeysOfThoseWhoMayRepairIt) {
    const std::string ed = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKbSyaPPpHHwOxLuKfN8W5pBpbZy0123456789abcdef";
    EXPECT_THAT(ssh_keys_of("[appliance]\nssh_keys = [\n  \"" + ed + " me@laptop\", '" + ed + "',\n# \"" +
                            ed + " commented\"\n]\nx = \"y\" # \"" + ed + "\"\nbroken ="),
                ElementsAre(ed + " me@laptop", ed));
    EXPECT_THAT(ssh_keys_of("k = \"ssh-ed25519 short\"\nk = \"ssh-dss " + ed.substr(12) + "\"\nk = \"" + ed +
                            "!\"\nk = \"" + ed),
                IsEmpty());
    EXPECT_THAT(ssh_keys_of("command = \"command=x " + ed + "\""), IsEmpty());
}

TEST(PrepareText, TakesNoFileThatPcsLeaveBehind) {
    for (const char* good : {"ulagate.toml", "factory-reset", "a b.txt", "gr\xc3\xbc\xc3\x9f.txt"}) {
        EXPECT_TRUE(is_plain_file_name(good)) << good;
    }
    for (const std::string& bad :
         {""s, "."s, ".."s, "._ulagate.toml"s, "a/b"s, "a\\b"s, "a\nb"s, std::string(300, 'a')}) {
        EXPECT_FALSE(is_plain_file_name(bad)) << bad;
    }
}

TEST(FactoryReset, IsDoneOnceForEachFile) {
    const sys_seconds t{1'795'255'267s};
    const auto digest = reset_digest("factory-reset", t, "");
    EXPECT_EQ(digest.size(), 32U);
    EXPECT_EQ(decide_reset(std::nullopt, std::nullopt), Reset::no);
    EXPECT_EQ(decide_reset(digest, std::nullopt), Reset::now);
    EXPECT_EQ(decide_reset(digest, digest), Reset::no);  // it may stay there
    EXPECT_EQ(decide_reset(reset_digest("factory-reset", t + 2s, ""), digest), Reset::now);
    EXPECT_EQ(decide_reset(reset_digest("factory-reset", t, "again"), digest), Reset::now);
    EXPECT_EQ(decide_reset(std::nullopt, digest), Reset::forget);
}

TEST(ClockFloor, IsTheLatestTimeThatIsCertain) {
    const std::int64_t built = 1'700'000'000;
    const sys_seconds at_build{std::chrono::seconds{built}};
    EXPECT_EQ(clock_floor({}), std::nullopt);
    EXPECT_EQ(clock_floor({built, {}, {}})->time, at_build);
    EXPECT_EQ(clock_floor({built, built + 500, {}}),
              (Floor{at_build + 500s, "it was this late here before"}));
    EXPECT_EQ(clock_floor({built, built - 500, {}})->time, at_build);
    // The file's time is of a PC anywhere: fourteen hours may be its zone.
    EXPECT_EQ(clock_floor({built, {}, at_build + 15h}),
              (Floor{at_build + 1h, "ulagate.toml was written then"}));
    EXPECT_EQ(clock_floor({built, {}, at_build + 14h})->time, at_build);
    EXPECT_EQ(clock_floor({{}, {}, at_build})->time, at_build - 14h);
    // And a PC in the next century is not believed.
    EXPECT_EQ(clock_floor({built, {}, at_build + std::chrono::years{70}})->time, at_build);
}

TEST(ClockFloor, ReadsItsSources) {
    EXPECT_EQ(seconds_in("1795255267\n"), 1'795'255'267);
    EXPECT_EQ(seconds_in("5"), 5);
    for (const char* none : {"", "\n", "-1", "1.5", "x", "99999999999999999999", "253402300800"}) {
        EXPECT_EQ(seconds_in(none), std::nullopt) << none;
    }
    const std::string release = "VERSION=0.2.0\nBUILD_TIME=1700000000\nBUILD_TIME_X=1\nBOARD=rpi\n";
    EXPECT_EQ(release_value(release, "BUILD_TIME"), "1700000000");
    EXPECT_EQ(release_value(release, "BOARD"), "rpi");
    EXPECT_EQ(release_value(release, "BUILD"), std::nullopt);
}

}  // namespace
}  // namespace ulagate::appliance::prepare_policy_test
