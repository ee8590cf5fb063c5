// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "image/boot/slot/update_record.h"

namespace ulagate::appliance {

// How this router does, for comparing a new version with the old one: the update asks before, the trial asks
// after it, both with this function. `root` is put in front of every path: "" on the device. Blocks while the
// daemon answers.
slot::Facts gather_facts(const std::string& root);

}  // namespace ulagate::appliance
