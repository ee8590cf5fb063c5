// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/config/config.h"

namespace ulagate {
namespace {

// FNV-1a with 64 bits: the same on every machine and in every version, which is all that is asked of it.
class Fnv1a {
public:
    void add(std::uint8_t byte) { state_ = (state_ ^ byte) * 0x100000001b3ULL; }
    [[nodiscard]] std::uint64_t value() const { return state_; }

private:
    std::uint64_t state_ = 0xcbf29ce484222325ULL;
};

bool is_usable(std::uint64_t identifier) {
    const bool taken_by_hand =
        identifier <= 0xffff;  // ::0 is the subnet-router anycast, ::1 the Active router's
    const bool anycast =
        identifier >= 0xfdffffffffffff80ULL && identifier <= 0xfdffffffffffffffULL;  // RFC 2526
    const bool like_a_mac = ((identifier >> 24U) & 0xffffU) == 0xfffe;  // EUI-64, and IANA's 0200:5eff:fe00::
    return !taken_by_hand && !anycast && !like_a_mac;
}

}  // namespace

std::uint64_t interface_identifier(std::string_view node) {
    constexpr std::uint64_t kUniversal = std::uint64_t{0x02}
                                         << 56U;  // RFC 4291 appendix A: 0 = assigned locally
    Fnv1a hash;
    for (const char c : node) hash.add(static_cast<std::uint8_t>(c));
    // A forbidden one is next to impossible; one more byte then gives another, again the same everywhere.
    while (!is_usable(hash.value() & ~kUniversal)) hash.add(0xff);
    return hash.value() & ~kUniversal;
}

}  // namespace ulagate
