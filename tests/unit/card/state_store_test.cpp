// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/card/state_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

namespace ulagate::card::state_store_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t kFirst = 5 * kSectorBytes;  // as on a card, it does not begin at 0
constexpr std::uint64_t kBytes = kStateAreas * kStateAreaBytes;

const StateFiles kOld{{"clock", "1"}, {"key", std::string(3000, 'o')}};
const StateFiles kNew{{"clock", "2"}, {"key", std::string(5000, 'n')}, {"ulagate/epoch", "9"}};

class StateStoreTest : public testing::Test {
protected:
    StateStoreTest() {
        std::string name = (std::filesystem::temp_directory_path() / "ulagate-state-XXXXXX").string();
        const UniqueFd fd{::mkstemp(name.data())};
        path_ = name;
        std::filesystem::resize_file(path_, kFirst + kBytes);
    }
    ~StateStoreTest() override { std::filesystem::remove(path_); }

    [[nodiscard]] StateStore open() const {
        auto store = StateStore::open(path_, kFirst, kBytes);
        if (!store) throw std::runtime_error{store.error().text()};
        return std::move(*store);
    }
    void save(const StateFiles& files) const { ASSERT_TRUE(open().save(files)); }
    [[nodiscard]] std::string image() const {
        std::ifstream in{path_, std::ios::binary};
        return {std::istreambuf_iterator<char>{in}, {}};
    }
    void restore(const std::string& image) const {
        std::ofstream{path_, std::ios::binary | std::ios::trunc} << image;
    }
    void damage(std::uint64_t offset) const {
        std::string bytes = image();
        bytes.at(offset) = static_cast<char>(bytes.at(offset) ^ 1);
        restore(bytes);
    }

    std::string path_;
};

TEST_F(StateStoreTest, IsEmptyOnANewCardWithoutComplaint) {
    const auto store = open();
    EXPECT_THAT(store.files(), IsEmpty());
    EXPECT_THAT(store.problem(), IsEmpty());
}

TEST_F(StateStoreTest, AnErasedCardIsNewToo) {
    restore(std::string(kFirst + kBytes, '\xff'));
    EXPECT_THAT(open().problem(), IsEmpty());
}

TEST_F(StateStoreTest, RemembersTheLastOfManySaves) {
    auto store = open();
    for (int i = 0; i < 7; ++i) {
        const StateFiles files{{"clock", std::to_string(i)}};
        ASSERT_TRUE(store.save(files));
        EXPECT_EQ(store.files(), files);
        EXPECT_EQ(open().files(), files);
    }
}

TEST_F(StateStoreTest, TouchesNothingOutsideOfItsAreas) {
    restore(std::string(kFirst + kBytes + 77, 'x'));
    auto store = open();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(store.overwrite(kNew));
    const std::string bytes = image();
    EXPECT_EQ(bytes.substr(0, kFirst), std::string(kFirst, 'x'));
    EXPECT_EQ(bytes.substr(kFirst + kBytes), std::string(77, 'x'));
}

// A power cut lets the first k sectors of a save reach the card, whichever order the card wrote them in.
TEST_F(StateStoreTest, EveryCutOfASaveLeavesTheOldOrTheNewState) {
    for (int saves = 1; saves <= 3; ++saves) {  // the next save goes to either area
        restore(std::string(kFirst + kBytes, '\0'));
        for (int i = 0; i < saves; ++i) save(kOld);
        const std::string before = image();
        save(kNew);
        const std::string after = image();
        std::vector<std::size_t> changed;
        for (std::size_t at = 0; at < after.size(); at += kSectorBytes) {
            if (before.substr(at, kSectorBytes) != after.substr(at, kSectorBytes)) changed.push_back(at);
        }
        ASSERT_GT(changed.size(), 9U);
        int old_states = 0;
        const auto check = [&](const std::string& torn) {
            restore(torn);
            const auto store = open();
            EXPECT_THAT(store.problem(), IsEmpty());
            EXPECT_TRUE(store.files() == kOld || store.files() == kNew);
            old_states += store.files() == kOld ? 1 : 0;
            // And the machine goes on from there.
            save({{"clock", "3"}});
            EXPECT_EQ(open().files(), (StateFiles{{"clock", "3"}}));
        };
        // Payload and then the header, as they are written; and the sectors in the order of the card.
        auto written = changed;
        std::rotate(written.begin(), written.begin() + 1, written.end());
        for (const auto& order : {written, changed}) {
            std::string torn = before;
            for (const std::size_t at : order) {
                torn.replace(at, kSectorBytes, after, at, kSectorBytes);
                check(torn);
            }
        }
        EXPECT_EQ(old_states, 2 * static_cast<int>(changed.size()) - 2);  // the new one when it is complete
        // A sector that is half written is neither.
        for (const std::size_t at : changed) {
            std::string torn = after;
            torn.replace(at + 40, kSectorBytes - 40, before, at + 40, kSectorBytes - 40);
            check(torn);
        }
    }
}

TEST_F(StateStoreTest, AProgramThatIsKilledWhileSavingLosesAtMostThatSave) {
    std::mt19937 random{1};
    save({{"count", "0"}});
    for (int round = 0; round < 20; ++round) {
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            auto store = open();
            for (int i = 0;; ++i) {
                if (!store.save({{"count", std::to_string(i)}, {"text", std::string(20000, 't')}}))
                    ::_exit(1);
            }
        }
        ::usleep(static_cast<useconds_t>(random() % 10'000));
        ::kill(child, SIGKILL);
        ASSERT_EQ(::waitpid(child, nullptr, 0), child);
        const auto store = open();
        EXPECT_THAT(store.problem(), IsEmpty());
        EXPECT_EQ(store.files().count("count"), 1U);
    }
}

TEST_F(StateStoreTest, FallsBackToTheOlderStateWhenTheNewerIsDamaged) {
    save(kOld);  // to both areas: there was none
    save(kNew);  // to the first
    damage(kFirst + kSectorBytes + 100);
    EXPECT_EQ(open().files(), kOld);
    EXPECT_THAT(open().problem(), IsEmpty());
    save(kNew);
    EXPECT_EQ(open().files(), kNew);
}

TEST_F(StateStoreTest, SaysWhyWhenBothAreasAreDamaged) {
    save(kOld);
    save(kNew);
    damage(kFirst + 3);
    damage(kFirst + kStateAreaBytes + kSectorBytes + 100);
    auto store = open();
    EXPECT_THAT(store.files(), IsEmpty());
    EXPECT_THAT(store.problem(), HasSubstr("first area: no header; second area: payload"));
    // What is saved then is not beaten by an area whose header still counts higher.
    ASSERT_TRUE(store.save(kOld));
    EXPECT_THAT(store.problem(), IsEmpty());
    EXPECT_EQ(open().files(), kOld);
    damage(kFirst + 3);
    EXPECT_EQ(open().files(), kOld);
}

TEST_F(StateStoreTest, KeepsWhatAnotherProcessHasSaved) {
    auto first = open();
    auto second = open();
    ASSERT_TRUE(first.edit([](StateFiles& files) { files["clock"] = "5"; }));
    ASSERT_TRUE(second.edit([](StateFiles& files) { files["update"] = "done"; }));
    ASSERT_TRUE(first.edit([](StateFiles& files) { files["clock"] = "6"; }));
    EXPECT_EQ(open().files(), (StateFiles{{"clock", "6"}, {"update", "done"}}));
    EXPECT_EQ(first.files(), open().files());
    const std::string before = image();
    ASSERT_TRUE(second.edit([](StateFiles&) {}));
    EXPECT_EQ(image(), before);  // nothing changed, nothing written
}

TEST_F(StateStoreTest, OverwritingLeavesNoSecretBehind) {
    save({{"key", "the old secret" + std::string(9000, '.') + "and its end"}});
    save({{"key", "the old secret" + std::string(9000, '.') + "and its end"}, {"clock", "1"}});
    ASSERT_TRUE(open().overwrite({{"reset", "digest"}}));
    EXPECT_EQ(open().files(), (StateFiles{{"reset", "digest"}}));
    EXPECT_EQ(image().find("secret"), std::string::npos);
    EXPECT_EQ(image().find("its end"), std::string::npos);
}

TEST_F(StateStoreTest, WhatDoesNotFitIsRefusedAndTheOldStateStays) {
    save(kOld);
    auto store = open();
    EXPECT_FALSE(store.save({{"big", std::string(kMaxStatePayload, 'x')}}));
    EXPECT_FALSE(store.save({{"../escape", ""}}));
    EXPECT_EQ(store.files(), kOld);
    EXPECT_EQ(open().files(), kOld);
}

TEST_F(StateStoreTest, RefusesRoomThatIsTooSmall) {
    EXPECT_THAT(StateStore::open(path_, kFirst, kBytes - 1).error().text(), HasSubstr("too small"));
    EXPECT_THAT(StateStore::open(path_, kFirst + 1, kBytes).error().text(), HasSubstr("sector"));
    // The table of partitions says more than there is.
    EXPECT_THAT(StateStore::open(path_, kFirst + kSectorBytes, kBytes).error().text(),
                HasSubstr("ends before"));
    EXPECT_THAT(StateStore::open(path_, 1ULL << 40U, kBytes).error().text(), HasSubstr("ends before"));
    EXPECT_THAT(StateStore::open(path_ + ".none", 0, kBytes).error().text(), HasSubstr("No such file"));
}

}  // namespace
}  // namespace ulagate::card::state_store_test
