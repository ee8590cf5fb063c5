// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/config/config.h"

namespace ulagate::config_file {

// A value together with where it comes from, for the messages about it.
template <class T>
struct Located {
    enum class Origin {
        file,      // it is written there
        fallback,  // it is not: this is the default
        broken,    // it is written, but wrong, and that has been reported; `value` is the default
    };

    T value{};
    std::string key;    // as messages call it: "lan.prefix"
    unsigned line = 0;  // of the key, or of its table when the key is not written
    Origin origin = Origin::file;

    [[nodiscard]] bool given() const { return origin == Origin::file; }
    // Broken values take no part in further checks: one mistake, one message.
    [[nodiscard]] bool usable() const { return origin != Origin::broken; }
};

// Collects what there is to say about a file. The number of findings it keeps is bounded, so that a wrong
// file (a disk image, say) does not become a gigabyte of messages.
class Findings {
public:
    static constexpr std::size_t kMax = 1000;

    void error(unsigned line, std::string_view key, std::string_view sentence);
    void warning(unsigned line, std::string_view key, std::string_view sentence);
    [[nodiscard]] bool has_errors() const { return errors_; }
    // In the order of the file.
    [[nodiscard]] std::vector<Finding> take() &&;

private:
    void add(Finding::Severity severity, unsigned line, std::string_view key, std::string_view sentence);

    std::vector<Finding> findings_;
    std::size_t left_out_ = 0;
    bool errors_ = false;
};

template <class T>
void complain(Findings& findings, const Located<T>& about, std::string_view sentence) {
    findings.error(about.line, about.key, sentence);
}

template <class T>
void warn(Findings& findings, const Located<T>& about, std::string_view sentence) {
    findings.warning(about.line, about.key, sentence);
}

}  // namespace ulagate::config_file
