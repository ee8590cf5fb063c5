// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/config/config.h"

// The smallest files that are right, and a way to change one line of them: most tests say "with this line
// instead, the file is refused with that sentence".
namespace ulagate::config_text {

inline const std::vector<std::string> kEdge{
    R"(role = "edge")",                                                // 1
    R"(node = "a1")",                                                  // 2
    R"(site = "a")",                                                   // 3
    R"([overlay])",                                                    // 4
    R"(prefix = "fd12:3456:789a::/48")",                               // 5
    R"([[lan]])",                                                      // 6
    R"(interface = "eth0")",                                           // 7
    R"(prefix = "fd12:3456:789a:a::/64")",                             // 8
    R"([tunnel])",                                                     // 9
    R"(address = "fd99::a1")",                                         // 10
    R"(private_key = "/etc/ulagate/tunnel.key")",                      // 11
    R"([[relay]])",                                                    // 12
    R"(name = "r1")",                                                  // 13
    R"(address = "fd99::1")",                                          // 14
    R"(public_key = "YW4gZXhhbXBsZTogdGhlIGtleSBvZiByZWxheSByMS4=")",  // 15
    R"(endpoint = "relay.example.net:51820")",                         // 16
};

inline const std::vector<std::string> kRelay{
    R"(role = "relay")",                                               // 1
    R"(node = "r1")",                                                  // 2
    R"([overlay])",                                                    // 3
    R"(prefix = "fd12:3456:789a::/48")",                               // 4
    R"([tunnel])",                                                     // 5
    R"(address = "fd99::1")",                                          // 6
    R"(private_key = "/etc/ulagate/tunnel.key")",                      // 7
    R"([[site]])",                                                     // 8
    R"(name = "a")",                                                   // 9
    R"(prefixes = ["fd12:3456:789a:a::/64"])",                         // 10
    R"([[site.router]])",                                              // 11
    R"(node = "a1")",                                                  // 12
    R"(address = "fd99::a1")",                                         // 13
    R"(public_key = "YW4gZXhhbXBsZTogdGhlIGtleSBvZiBub2RlIGExLi4=")",  // 14
};

inline constexpr std::string_view kOtherKey = "YW4gZXhhbXBsZTogdGhlIGtleSBvZiBub2RlIGEyLi4=";

// `line` counts from 1; `text` may be several lines.
inline std::string with_line(const std::vector<std::string>& file, std::size_t line, std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < file.size(); ++i) {
        out += i + 1 == line ? std::string{text} : file[i];
        out += '\n';
    }
    return out;
}

inline std::string with_end(const std::vector<std::string>& file, std::string_view text) {
    return with_line(file, 0, "") + std::string{text} + '\n';
}

// "t:5: overlay.prefix: ..."
inline std::vector<std::string> findings(std::string_view text) {
    std::vector<std::string> out;
    for (const auto& finding : load_config(text).findings) out.push_back(to_string(finding, "t"));
    return out;
}

// One line changed, and how the only finding begins (empty: there is none).
struct Case {
    std::size_t line;
    std::string_view text;
    std::string_view expected;
};

inline void expect(const std::vector<std::string>& file, const std::vector<Case>& cases) {
    for (const auto& [line, text, expected] : cases) {
        SCOPED_TRACE(text);
        const std::string changed = with_line(file, line, text);
        if (expected.empty()) {
            EXPECT_THAT(findings(changed), testing::IsEmpty());
            EXPECT_TRUE(load_config(changed).config);
            continue;
        }
        EXPECT_THAT(findings(changed), testing::ElementsAre(testing::StartsWith(std::string{expected})));
        const bool warning = expected.find(": warning: ") != std::string_view::npos;
        EXPECT_EQ(load_config(changed).config.has_value(), warning);
    }
}

}  // namespace ulagate::config_text
