// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstring>

#include "firewall/nft_child.h"

namespace ulagate::firewall {

std::optional<RulesetResult> parse_ruleset_answer(std::span<const std::byte> datagram) {
    RulesetAnswer answer;
    if (datagram.size() < sizeof answer) return std::nullopt;
    std::memcpy(&answer, datagram.data(), sizeof answer);
    const auto rest = datagram.subspan(sizeof answer);
    if (answer.applied > 1 || answer.alone > 1 || answer.reason > kMaxReason || rest.size() != answer.reason)
        return std::nullopt;
    RulesetResult out;
    if (answer.applied == 1) {
        if (answer.alone == 1) out.own_generation = answer.generation;
        return out;
    }
    out.result = fail("nft: " + std::string{reinterpret_cast<const char*>(rest.data()), rest.size()});
    return out;
}

}  // namespace ulagate::firewall
