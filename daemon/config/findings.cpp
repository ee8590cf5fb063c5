// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/config/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace ulagate {

std::string to_string(const Finding& finding, std::string_view file) {
    const std::string place =
        finding.line == 0 ? std::string{file} : fmt::format("{}:{}", file, finding.line);
    const std::string_view mark = finding.severity == Finding::Severity::warning ? "warning: " : "";
    return fmt::format("{}: {}{}", place, mark, finding.text);
}

namespace config_file {

void Findings::error(unsigned line, std::string_view key, std::string_view sentence) {
    errors_ = true;
    add(Finding::Severity::error, line, key, sentence);
}

void Findings::warning(unsigned line, std::string_view key, std::string_view sentence) {
    add(Finding::Severity::warning, line, key, sentence);
}

void Findings::add(Finding::Severity severity, unsigned line, std::string_view key,
                   std::string_view sentence) {
    if (findings_.size() == kMax) {
        ++left_out_;
        return;
    }
    std::string text = key.empty() ? std::string{sentence} : fmt::format("{}: {}", key, sentence);
    findings_.push_back({severity, line, std::move(text)});
}

std::vector<Finding> Findings::take() && {
    std::stable_sort(findings_.begin(), findings_.end(),
                     [](const Finding& a, const Finding& b) { return a.line < b.line; });
    if (left_out_ != 0) {
        const auto severity = errors_ ? Finding::Severity::error : Finding::Severity::warning;
        const unsigned line = findings_.back().line;
        findings_.push_back(
            {severity, line, fmt::format("{} more findings are left out; fix these first", left_out_)});
    }
    return std::move(findings_);
}

}  // namespace config_file
}  // namespace ulagate
