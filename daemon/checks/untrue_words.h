// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "daemon/base/obstacles.h"
#include "wg/control/ownership.h"
#include "wg/control/relay_session.h"

namespace ulagate {

// Who says what cannot be, in words for a person: nothing that runs depends on it, and somebody has to look
// at that machine. Pure.
std::vector<Obstacle> untrue_words(const std::string& relay,
                                   const std::vector<wg::control::Disbelieved>& said);
std::vector<Obstacle> untrue_words(const std::vector<wg::control::Ownership::Complaint>& complaints);

}  // namespace ulagate
