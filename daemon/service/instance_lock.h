// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <utility>

#include "daemon/base/fd.h"
#include "daemon/base/result.h"

namespace ulagate {

// Sees to it that one daemon at most works with a runtime directory, and one in a network namespace, whose
// routes, rules and firewall there are only once. Two locks (flock), because files under /run can be removed:
// one on a file in the directory, one on a setting of the namespace's that only root may open and nobody can
// delete. The kernel frees both when the process ends, however it does.
class InstanceLock {
public:
    // Makes the directory. An error says which other daemon is in the way.
    static Result<InstanceLock> take(const std::string& runtime_directory);

    // Whether the file in the directory is still the one that we have locked.
    [[nodiscard]] bool in_place() const;
    // Makes directory and file again where they are gone.
    Result<void> put_back();

private:
    InstanceLock(std::string runtime_directory, UniqueFd directory, UniqueFd network)
        : runtime_directory_(std::move(runtime_directory)),
          directory_(std::move(directory)),
          network_(std::move(network)) {}

    std::string runtime_directory_;
    UniqueFd directory_;
    UniqueFd network_;  // invalid where /proc/sys does not have it
};

}  // namespace ulagate
