// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace ulagate::text_test {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

TEST(Quote, MakesForeignTextHarmless) {
    EXPECT_EQ(quote(""), R"("")");
    EXPECT_EQ(quote("plain text ~"), R"("plain text ~")");
    EXPECT_EQ(quote(R"(a"b\c)"), R"("a\"b\\c")");
    EXPECT_EQ(quote("a\nb\tc\r"), R"("a\x0ab\x09c\x0d")");
    EXPECT_EQ(quote("\x1b[31m\x7f"), R"("\x1b[31m\x7f")");
    EXPECT_EQ(quote("gr\xc3\xbc\xc3\x9f"), R"("gr\xc3\xbc\xc3\x9f")");
    EXPECT_EQ(quote("\xff"), R"("\xff")");
    EXPECT_EQ(quote(std::string_view("a\0b", 3)), R"("a\x00b")");
}

TEST(TakeWord, TakesTheWordAndItsSeparator) {
    std::string_view line = "one two  \nlast";
    EXPECT_EQ(take_word(line), "one");
    EXPECT_EQ(take_word(line), "two");
    EXPECT_EQ(take_word(line), "");
    EXPECT_EQ(take_word(line, '\n'), "");
    EXPECT_EQ(line, "last");
    EXPECT_EQ(take_word(line, '\0'), "last");
    EXPECT_EQ(line, "");
    EXPECT_EQ(take_word(line), "");
}

TEST(Quote, CutsWhatIsLong) {
    EXPECT_EQ(quote("abcd", 4), R"("abcd")");
    EXPECT_EQ(quote("abcde", 4), R"("abcd"...)");
    EXPECT_EQ(quote("abc", 0), R"(""...)");
    EXPECT_EQ(quote(std::string(64, 'x')), '"' + std::string(64, 'x') + '"');
    EXPECT_EQ(quote(std::string(1'000'000, 'x')), '"' + std::string(64, 'x') + "\"...");
}

TEST(Quote, OfAnyBytesIsPrintable) {
    std::mt19937 random{1};
    for (int i = 0; i < 1000; ++i) {
        std::string bytes(random() % 80, '\0');
        for (char& c : bytes) c = static_cast<char>(random());
        for (const char c : quote(bytes)) EXPECT_TRUE(c >= 0x20 && c <= 0x7e);
    }
}

TEST(Duration, IsAWholeNumberAndAUnit) {
    EXPECT_EQ(parse_duration("100ms"), 100ms);
    EXPECT_EQ(parse_duration("30s"), 30s);
    EXPECT_EQ(parse_duration("5m"), 5min);
    EXPECT_EQ(parse_duration("4h"), 4h);
    EXPECT_EQ(parse_duration("1d"), 24h);
    EXPECT_EQ(parse_duration("0s"), 0s);
    EXPECT_EQ(parse_duration("007s"), 7s);
    EXPECT_EQ(parse_duration("49d"), 49 * 24h);
}

TEST(Duration, IsNothingElse) {
    for (const char* text :
         {"",   "s",    "1",    "1 s",   " 1s",  "1s ",      "-1s", "+1s", "1.5s", "1e3s", "0x1s",
          "1S", "1sec", "1min", "1m30s", "1,5s", "infinite", "1us", "1w",  "1ms1", "1\ns"}) {
        EXPECT_EQ(parse_duration(text), std::nullopt) << text;
    }
    EXPECT_EQ(parse_duration(std::string_view("1s\0", 3)), std::nullopt);
}

TEST(Duration, NeverOverflows) {
    for (const char* text : {"18446744073709551615d", "18446744073709551616ms", "99999999999999999999999s",
                             "9223372036854775807s", "1000000000001ms", "1000000000000d"}) {
        EXPECT_EQ(parse_duration(text), std::nullopt) << text;
    }
    EXPECT_EQ(parse_duration("1000000000000ms"), milliseconds{1'000'000'000'000});
    EXPECT_EQ(parse_duration("1000000000000s"), milliseconds{1'000'000'000'000'000});
}

TEST(Duration, IsPrintedInTheLargestExactUnit) {
    EXPECT_EQ(to_string(0ms), "0s");
    EXPECT_EQ(to_string(1ms), "1ms");
    EXPECT_EQ(to_string(1000ms), "1s");
    EXPECT_EQ(to_string(1500ms), "1500ms");
    EXPECT_EQ(to_string(90s), "90s");
    EXPECT_EQ(to_string(milliseconds{30min}), "30m");
    EXPECT_EQ(to_string(milliseconds{23h}), "23h");
    EXPECT_EQ(to_string(milliseconds{48h}), "2d");
}

TEST(Duration, ParsesWhatItPrints) {
    std::mt19937_64 random{2};
    for (int i = 0; i < 10'000; ++i) {
        const std::int64_t scale = std::array{1, 1'000, 60'000, 3'600'000, 86'400'000}.at(random() % 5);
        const milliseconds duration{static_cast<std::int64_t>(random() % 10'000) * scale};
        EXPECT_EQ(parse_duration(to_string(duration)), duration) << to_string(duration);
    }
}

TEST(HumanDuration, HasTwoUnitsAtMost) {
    EXPECT_EQ(human_duration(0ms), "0 ms");
    EXPECT_EQ(human_duration(999ms), "999 ms");
    EXPECT_EQ(human_duration(1s), "1.0 s");
    EXPECT_EQ(human_duration(3250ms), "3.2 s");
    EXPECT_EQ(human_duration(59'999ms), "59.9 s");
    EXPECT_EQ(human_duration(60s), "1 min 0 s");
    EXPECT_EQ(human_duration(4min + 10s), "4 min 10 s");
    EXPECT_EQ(human_duration(1h), "1 h 0 min");
    EXPECT_EQ(human_duration(23h + 59min + 59s), "23 h 59 min");
    EXPECT_EQ(human_duration(51h), "2 d 3 h");
    EXPECT_EQ(human_duration(-5s), "-5000 ms");  // a clock that went back
    EXPECT_NE(human_duration(milliseconds::max()), "");
    EXPECT_NE(human_duration(milliseconds::min()), "");
}

}  // namespace
}  // namespace ulagate::text_test
