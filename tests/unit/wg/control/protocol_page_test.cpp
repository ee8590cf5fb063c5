// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "daemon/base/bytes.h"
#include "tests/unit/text_values.h"
#include "wg/control/layout.h"
#include "wg/control/message.h"

// PROTOCOL.md says what the code does: its tables are read, and what they say is tried.
namespace ulagate::wg::control::protocol_page_test {
namespace {

using Row = std::vector<std::string>;

std::string text_of(const std::filesystem::path& path) {
    std::ostringstream text;
    text << std::ifstream{path}.rdbuf();
    return text.str();
}

std::vector<std::filesystem::path> files_named(const std::string& name) {
    std::vector<std::filesystem::path> found;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator{std::string{ULAGATE_SOURCE_DIR} + "/wg"}) {
        const std::string here = entry.path().filename();
        const bool source = here.ends_with(".h") || here.ends_with(".cpp");
        if (name.empty() ? source : here == name) found.push_back(entry.path());
    }
    return found;
}

std::string trimmed(const std::string& text) {
    const auto begin = text.find_first_not_of(" `");
    return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(" `") - begin + 1);
}

// The rows of the table whose header line begins so, without header and rule.
std::vector<Row> table(const std::string& header) {
    const auto pages = files_named("PROTOCOL.md");
    EXPECT_EQ(pages.size(), 1U);
    const std::string page = pages.empty() ? "" : text_of(pages.front());
    const auto start = page.find("\n" + header);
    EXPECT_NE(start, std::string::npos) << header;
    if (start == std::string::npos) return {};
    std::istringstream lines{page.substr(start + 1)};
    std::string line;
    std::getline(lines, line);
    std::getline(lines, line);
    std::vector<Row> rows;
    while (std::getline(lines, line) && line.starts_with('|')) {
        Row row;
        std::istringstream cells{line.substr(1)};
        for (std::string cell; std::getline(cells, cell, '|');) row.push_back(trimmed(cell));
        rows.push_back(std::move(row));
    }
    return rows;
}

struct PageTlv {
    std::uint16_t type = 0;
    std::string name;
    std::optional<std::size_t> length;
    bool many = false;
    bool operator==(const PageTlv&) const = default;
};

std::vector<PageTlv> tlvs() {
    std::vector<PageTlv> all;
    for (const Row& row : table("| Type | Name | Length |")) {
        PageTlv tlv{static_cast<std::uint16_t>(std::stoul(row.at(0))), row.at(1), {}, row.at(3) == "many"};
        if (row.at(2) != "any") tlv.length = std::stoul(row.at(2));
        all.push_back(std::move(tlv));
    }
    return all;
}

// A value that is valid in every message, and says something.
std::vector<std::byte> value_of(const PageTlv& tlv) {
    if (tlv.name == "prefix") return hex("40 fd12 3456 789a 0000 0000 0000 0000 0000");
    if (tlv.name == "owner")
        return hex(
            "40 fd12 3456 789a 0000 0000 0000 0000 0000"
            "fd99 0000 0000 0000 0000 0000 0000 00a1 0000000000000007 c8");
    if (!tlv.length) return hex("40 00");  // a run: of the prefix above as the overlay, that /64 itself
    std::vector<std::byte> value(*tlv.length);
    value.back() = std::byte{1};
    return value;
}

struct Written {
    std::uint16_t type = 0;
    std::vector<std::byte> value;
};

std::vector<std::byte> datagram(std::uint8_t type, const std::vector<Written>& written) {
    net::ByteWriter body;
    for (const Written& tlv : written) {
        body.put(tlv.type);
        body.put(static_cast<std::uint16_t>(tlv.value.size()));
        body.put(std::span<const std::byte>{tlv.value});
    }
    net::ByteWriter out;
    out.put(std::uint32_t{0x554c4743});
    out.put(std::uint8_t{1});
    out.put(type);
    out.put(static_cast<std::uint16_t>(12 + body.size()));
    out.put(std::uint32_t{42});
    out.put(body.bytes());
    return std::move(out).release();
}

struct Kind {
    std::uint8_t type = 0;
    std::string name;
    std::vector<PageTlv> required;
    std::vector<PageTlv> optional;
};

std::vector<PageTlv> named(const std::string& list) {
    std::vector<PageTlv> found;
    std::istringstream names{list};
    for (std::string name; std::getline(names, name, ',');) {
        name = trimmed(name);
        for (const PageTlv& tlv : tlvs()) {
            if (tlv.name == name) found.push_back(tlv);
        }
        EXPECT_TRUE(!found.empty() && found.back().name == name) << name << " is not in the table of TLVs";
    }
    return found;
}

std::vector<Kind> kinds() {
    std::vector<Kind> all;
    for (const Row& row : table("| Type | Name | Sent by |")) {
        all.push_back({static_cast<std::uint8_t>(std::stoul(row.at(0))), row.at(1), named(row.at(3)),
                       row.size() > 4 ? named(row.at(4)) : std::vector<PageTlv>{}});
    }
    return all;
}

std::vector<Written> written(const std::vector<PageTlv>& all, const std::string& but = "") {
    std::vector<Written> out;
    for (const PageTlv& tlv : all) {
        if (tlv.name != but) out.push_back({tlv.type, value_of(tlv)});
    }
    return out;
}

bool is_bad(const std::vector<std::byte>& bytes) {
    const auto packet = parse(bytes);
    return !packet && packet.error().code == std::errc::bad_message;
}

TEST(ProtocolPage, NamesEveryTypeThatTheParserKnows) {
    std::map<unsigned, Kind> known;
    for (const Kind& kind : kinds()) known.emplace(kind.type, kind);
    EXPECT_GE(known.size(), 9U);
    for (unsigned type = 0; type < 256; ++type) {
        SCOPED_TRACE(type);
        const auto kind = known.find(type);
        const auto packet = parse(datagram(static_cast<std::uint8_t>(type),
                                           written(kind == known.end() ? tlvs() : kind->second.required)));
        if (kind == known.end()) {
            ASSERT_FALSE(packet);
            EXPECT_EQ(packet.error().code, std::errc::protocol_not_supported);
        } else {
            ASSERT_TRUE(packet) << packet.error().text();
            EXPECT_EQ(type_name(packet->message), kind->second.name);
            EXPECT_EQ(std::to_integer<unsigned>(build(*packet).at(5)), type);
        }
    }
}

TEST(ProtocolPage, SaysWhichTlvsEachMessageNeedsTakesAndPassesOver) {
    for (const Kind& kind : kinds()) {
        SCOPED_TRACE(kind.name);
        const auto plain = parse(datagram(kind.type, written(kind.required)));
        ASSERT_TRUE(plain);
        for (const PageTlv& tlv : kind.required)
            EXPECT_TRUE(is_bad(datagram(kind.type, written(kind.required, tlv.name)))) << tlv.name;
        for (const PageTlv& tlv : tlvs()) {
            const auto is_it = [&](const PageTlv& other) { return other.name == tlv.name; };
            if (std::any_of(kind.required.begin(), kind.required.end(), is_it)) continue;
            const bool takes = std::any_of(kind.optional.begin(), kind.optional.end(), is_it);
            auto more = written(kind.required);
            more.push_back({tlv.type, value_of(tlv)});
            const auto packet = parse(datagram(kind.type, more));
            ASSERT_TRUE(packet) << tlv.name << ": " << packet.error().text();
            EXPECT_EQ(*packet != *plain, takes) << tlv.name;
        }
    }
}

TEST(ProtocolPage, SaysHowLongEachTlvIsAndHowOftenItMayCome) {
    const std::uint8_t goodbye = 8;
    for (const PageTlv& tlv : tlvs()) {
        SCOPED_TRACE(tlv.name);
        auto value = value_of(tlv);
        if (tlv.length) {
            EXPECT_EQ(value.size(), *tlv.length);
        }
        EXPECT_TRUE(parse(datagram(goodbye, {{tlv.type, value}})));
        EXPECT_EQ(!is_bad(datagram(goodbye, {{tlv.type, value}, {tlv.type, value}})), tlv.many);
        value.push_back(std::byte{0});
        EXPECT_EQ(is_bad(datagram(goodbye, {{tlv.type, value}})), tlv.length.has_value());
    }
}

// Each number that is not in the table is passed over, whatever it holds, in the message that takes most.
TEST(ProtocolPage, NamesEveryTlvThatTheParserKnows) {
    std::set<unsigned> known;
    for (const PageTlv& tlv : tlvs()) known.insert(tlv.type);
    EXPECT_EQ(known.size(), tlvs().size());
    const auto all = kinds();
    const auto sites =
        std::find_if(all.begin(), all.end(), [](const Kind& kind) { return kind.name == "sites"; });
    ASSERT_NE(sites, all.end());
    const auto plain = parse(datagram(sites->type, written(sites->required)));
    const auto required = written(sites->required);
    const auto nonsense = hex("ff ff ff ff ff ff ff");
    for (unsigned type = 0; type <= 0xffff; ++type) {
        if (known.contains(type)) continue;
        auto more = required;
        for (int i = 0; i < 2; ++i) more.push_back({static_cast<std::uint16_t>(type), nonsense});
        const auto packet = parse(datagram(sites->type, more));
        ASSERT_TRUE(packet && *packet == *plain) << type;
    }
}

// One table in the code, one on the page, row by row.
TEST(ProtocolPage, TablesOfTlvsAndMessagesAreThoseInTheCode) {
    std::vector<PageTlv> in_code;
    for (const TlvRow& row : kTlvs) {
        PageTlv tlv{static_cast<std::uint16_t>(row.tlv), std::string{row.name}, {}, row.most != 1};
        if (row.size != 0) tlv.length = row.size;
        in_code.push_back(std::move(tlv));
    }
    EXPECT_EQ(tlvs(), in_code);

    std::vector<std::pair<unsigned, std::string>> on_page;
    for (const Kind& kind : kinds()) on_page.emplace_back(kind.type, kind.name);
    std::vector<std::pair<unsigned, std::string>> rows;
    std::apply([&](const auto&... row) { (rows.emplace_back(row.type, row.name), ...); }, kMessages);
    EXPECT_EQ(on_page, rows);
}

TEST(ProtocolPage, CapabilitiesAreTheBitsInTheCode) {
    std::map<std::string, unsigned long> bits;
    for (const Row& row : table("| Bit | Name |")) bits[row.at(1)] = std::stoul(row.at(0), nullptr, 16);
    EXPECT_THAT(bits, testing::ElementsAre(testing::Pair("cannot-forward", kCannotForward),
                                           testing::Pair("in-two-places", kInTwoPlaces),
                                           testing::Pair("wants-sites", kWantsSites)));
}

// A number or, in microseconds, a time; nullopt: not understood.
struct Amount {
    bool is_time = false;
    unsigned long long value = 0;
    bool operator==(const Amount&) const = default;
};

std::optional<Amount> amount(std::string text) {
    static const std::map<std::string, unsigned long long> kUnits{{"us", 1},
                                                                  {"microseconds", 1},
                                                                  {"ms", 1000},
                                                                  {"milliseconds", 1000},
                                                                  {"s", 1'000'000},
                                                                  {"seconds", 1'000'000},
                                                                  {"minutes", 60'000'000},
                                                                  {"hours", 3'600'000'000}};
    std::erase(text, '\'');
    std::smatch found;
    if (std::regex_search(text, found, std::regex{R"((?:<<\s*|2\^)(\d+)U?)"}))
        return Amount{false, 1ULL << std::stoul(found[1])};
    if (std::regex_search(text, found, std::regex{R"(((?:micro|milli)?seconds|minutes|hours)\s*\{(\d+)\})"}))
        return Amount{true, std::stoull(found[2]) * kUnits.at(found[1])};
    if (std::regex_search(text, found, std::regex{R"(\b(\d+) ?(us|ms|s)\b)"}))
        return Amount{true, std::stoull(found[1]) * kUnits.at(found[2])};
    if (std::regex_search(text, found, std::regex{R"(\b(0x[0-9a-f]+|\d+)U?\b)"}))
        return Amount{false, std::stoull(found[1], nullptr, 0)};
    return std::nullopt;
}

// Each definition of the constant, in the file or (empty) in any under wg/, as "type{value}".
std::vector<std::string> definitions(const std::string& name, const std::string& file) {
    const std::regex definition{R"(constexpr\s+([\w:]+)\s+)" + name + R"(\s*(?:=\s*|\{)([^;]*);)"};
    std::vector<std::string> all;
    for (const auto& path : files_named(file)) {
        const std::string text = text_of(path);
        if (text.find(name) == std::string::npos) continue;
        for (std::sregex_iterator found{text.begin(), text.end(), definition}, end; found != end; ++found) {
            std::string value = (*found)[2];
            const bool braces = value.find('{') == std::string::npos && value.ends_with('}');
            all.push_back(braces ? (*found)[1].str() + "{" + value : value);
        }
    }
    return all;
}

TEST(ProtocolPage, NumbersAreThoseInTheCode) {
    const auto rows = table("| What | Number | Constant |");
    EXPECT_GE(rows.size(), 40U);
    for (const Row& row : rows) {
        SCOPED_TRACE(row.at(0));
        std::smatch place;
        ASSERT_TRUE(std::regex_match(row.at(2), place, std::regex{R"((k\w+)(?:` in `([\w.]+))?)"}))
            << row.at(2);
        const auto found = definitions(place[1], place[2]);
        ASSERT_EQ(found.size(), 1U) << place[1] << ": name the file if several have it";
        EXPECT_EQ(amount(found.front()), amount(row.at(1))) << place[1] << " is " << found.front();
        EXPECT_TRUE(amount(row.at(1)));
    }
}

}  // namespace
}  // namespace ulagate::wg::control::protocol_page_test
