// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/routers/memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>

#include "tests/unit/daemon/kernel/fake_kernel.h"

namespace ulagate::router_memory_test {
namespace {

using namespace std::chrono_literals;
using fake::key;
using testing::ElementsAre;
using testing::Pair;
using testing::SizeIs;
using Router = RouterMemory::Router;

Router router(std::string_view where, std::int64_t last) {
    return {endpoint(where), std::chrono::sys_seconds{std::chrono::seconds{last}}};
}

wg::PublicKey numbered(unsigned n) {
    wg::PublicKey out;
    out.bytes[0] = static_cast<std::uint8_t>(n);
    out.bytes[1] = static_cast<std::uint8_t>(n >> 8U);
    return out;
}

class RouterMemoryStory : public testing::Test {
protected:
    void note(const wg::PublicKey& who, std::string_view where, std::int64_t last) {
        memory_.note(who, router(where, last), now_);
    }
    std::optional<std::string> write() { return memory_.take_write(now_, false); }

    RouterMemory::TimePoint now_{1000s};
    RouterMemory memory_;
};

TEST_F(RouterMemoryStory, WhatWasWrittenIsReadAgain) {
    note(key(1), "198.51.100.1:40123", 1'795'255'267);
    note(key(2), "[2001:db8::1]:51820", 1'795'255'300);
    now_ += 2s;
    const auto text = write();
    ASSERT_TRUE(text);
    EXPECT_EQ(*text, wg::to_string(key(2)) + " [2001:db8::1]:51820 1795255300\n" + wg::to_string(key(1)) +
                         " 198.51.100.1:40123 1795255267\n")
        << "the last heard first";
    RouterMemory next;
    EXPECT_EQ(next.load(*text), 0U);
    EXPECT_EQ(next.routers(), memory_.routers());
    EXPECT_EQ(next.take_write(now_ + 1h, true), std::nullopt) << "nothing is new";
}

TEST_F(RouterMemoryStory, ABrokenLineIsLeftOutAndTheOthersCount) {
    const std::string good = wg::to_string(key(1)) + " 198.51.100.1:40123 1795255267";
    std::string text = good + "\n";
    for (const std::string& line :
         {std::string{}, std::string{"#"}, wg::to_string(key(2)),
          wg::to_string(key(2)) + " 198.51.100.1:40123", wg::to_string(key(2)) + " 198.51.100.1:40123 ",
          wg::to_string(key(2)) + " 198.51.100.1 17", wg::to_string(key(2)) + " 198.51.100.1:40123 -17",
          wg::to_string(key(2)) + " 198.51.100.1:40123 17x",
          wg::to_string(key(2)) + " 198.51.100.1:40123 17 18", "A" + wg::to_string(key(2)) + " [::1]:1 17"}) {
        text += line + "\n";
    }
    text += wg::to_string(key(3)) + " [2001:db8::1]:1 17";  // cut off before its end
    EXPECT_EQ(memory_.load(text), 10U);
    EXPECT_THAT(memory_.routers(), ElementsAre(Pair(key(1), router("198.51.100.1:40123", 1'795'255'267)),
                                               Pair(key(3), router("[2001:db8::1]:1", 17))));
    EXPECT_EQ(RouterMemory{}.load(""), 0U);
    EXPECT_EQ(RouterMemory{}.load(std::string(1000, '\0')), 1U);
}

TEST_F(RouterMemoryStory, RoutersAreGatheredAndWrittenAtMostEveryThirtySeconds) {
    note(key(1), "198.51.100.1:1", 100);
    EXPECT_FALSE(write());
    now_ += 1999ms;
    note(key(2), "198.51.100.2:1", 100);
    EXPECT_FALSE(write());
    now_ += 1ms;
    EXPECT_TRUE(write());
    now_ += 1s;
    note(key(1), "198.51.100.1:2", 101);  // another mapping
    now_ += 28'999ms;
    EXPECT_FALSE(write());
    now_ += 1ms;
    EXPECT_TRUE(write());
    now_ += 59min;
    EXPECT_FALSE(write()) << "nothing has happened";
}

TEST_F(RouterMemoryStory, AFullDiskIsTriedAgainAfterThirtySeconds) {
    note(key(1), "198.51.100.1:1", 100);
    now_ += 2s;
    const auto text = write();
    ASSERT_TRUE(text);
    now_ += 1s;
    memory_.not_written(now_);
    now_ += 28'999ms;
    EXPECT_FALSE(write());
    now_ += 1ms;
    EXPECT_EQ(write(), text);
    now_ += 30s;
    EXPECT_FALSE(write()) << "it has been written now";
}

TEST_F(RouterMemoryStory, HandshakesAloneAreWrittenOnceAnHourOrAtTheEnd) {
    note(key(1), "198.51.100.1:1", 100);
    now_ += 2s;
    EXPECT_TRUE(write());
    for (int minutes = 2; minutes < 60; minutes += 2) {
        now_ += 2min;
        note(key(1), "198.51.100.1:1", 100 + 60 * minutes);
        EXPECT_FALSE(write());
    }
    now_ += 2min;
    EXPECT_TRUE(write());
    EXPECT_FALSE(memory_.take_write(now_, true));
    note(key(1), "198.51.100.1:1", 99'999);
    EXPECT_TRUE(memory_.take_write(now_, true));
}

TEST_F(RouterMemoryStory, WhoIsNotConfiguredAnyMoreIsForgotten) {
    note(key(1), "198.51.100.1:1", 100);
    note(key(2), "198.51.100.2:1", 100);
    memory_.keep_only({key(2), key(3)});
    EXPECT_THAT(memory_.routers(), ElementsAre(Pair(key(2), router("198.51.100.2:1", 100))));
}

TEST_F(RouterMemoryStory, TheFileHoldsTenThousandAtMost) {
    for (unsigned i = 0; i < 10'100; ++i) note(numbered(i), "198.51.100.1:1", 1000 + i);
    const auto text = memory_.take_write(now_, true);
    ASSERT_TRUE(text);
    EXPECT_EQ(std::count(text->begin(), text->end(), '\n'), 10'000);
    EXPECT_TRUE(text->starts_with(wg::to_string(numbered(10'099))));
    RouterMemory next;
    EXPECT_EQ(next.load(*text + *text), 0U);
    EXPECT_THAT(next.routers(), SizeIs(10'000));
    EXPECT_FALSE(next.routers().contains(numbered(99))) << "the oldest";
}

}  // namespace
}  // namespace ulagate::router_memory_test
