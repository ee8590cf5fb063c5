// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "daemon/base/result.h"

namespace ulagate::firewall {

// libnftables reads the tables of all programs before it writes ours, and was seen to crash over one of them.
// So it runs in a process of its own: our own program again, with this as its only argument and a socket as
// its file descriptor kNftChildSocket. It may die at any time; nft_process.h has the other end.
inline constexpr const char* kNftChild = "apply-rulesets";
inline constexpr int kNftChildSocket = 3;
inline constexpr std::chrono::milliseconds kNftChildIdle{10'000};  // then it ends, until it is needed again

// One datagram for each ruleset: this byte, with a file that holds the text (SCM_RIGHTS).
inline constexpr char kApplyRuleset = 'A';
// One datagram in answer, in the byte order of this machine, which is the only one that sees it.
struct RulesetAnswer {
    std::uint8_t applied = 0;  // 1: all of it is in force; 0: nothing of it, and there is a reason
    std::uint8_t alone = 0;    // 1: `generation` is ours, nobody else came in between
    std::uint16_t reason = 0;  // bytes of it, behind this
    std::uint32_t generation = 0;
};
inline constexpr std::size_t kMaxReason = 1000;
inline constexpr std::size_t kMaxRuleset = 64UL * 1024 * 1024;

// What a child says, with its reason as an error. nullopt: it makes no sense. Pure.
struct RulesetResult {
    Result<void> result;
    std::optional<std::uint32_t> own_generation;
};
std::optional<RulesetResult> parse_ruleset_answer(std::span<const std::byte> datagram);

// For main(): serves until the other end closes or is silent for kNftChildIdle, where the arguments say so;
// its exit code. nullopt: they do not.
std::optional<int> run_nft_child(int argc, char** argv);

}  // namespace ulagate::firewall
