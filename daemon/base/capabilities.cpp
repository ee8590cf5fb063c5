// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/capabilities.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace ulagate {

namespace {

struct Sets {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> words{};  // 32 capabilities each
    bool get() noexcept { return ::syscall(SYS_capget, &header, words.data()) == 0; }
    bool set() noexcept { return ::syscall(SYS_capset, &header, words.data()) == 0; }
};

}  // namespace

bool keep_only(Capabilities kept) noexcept {
    // Who is not root has nothing that it could hand on, and may not drop it either.
    if (::geteuid() != 0) return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
    // Not CAP_LAST_CAP: the kernel may know others than the headers.
    for (unsigned number = 0; number < 64; ++number) {
        if (kept.contains(number)) continue;
        const int there = ::prctl(PR_CAPBSET_READ, number, 0, 0, 0);
        if (there < 0) break;  // behind the last one
        if (there == 1 && ::prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0) return false;
    }
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL) return false;
    Sets sets;
    if (!sets.get()) return false;
    for (auto& word : sets.words) word.inheritable = 0;
    return sets.set() && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

bool use_only(Capabilities used) noexcept {
    Sets sets;
    if (!sets.get()) return false;
    for (std::size_t i = 0; i < sets.words.size(); ++i) {
        const auto word = static_cast<std::uint32_t>(used.bits() >> (32 * i));
        sets.words[i].effective = sets.words[i].permitted & word;
    }
    return sets.set();
}

}  // namespace ulagate
