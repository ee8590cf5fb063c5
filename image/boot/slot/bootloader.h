// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "daemon/base/result.h"
#include "image/boot/slot/admission.h"
#include "image/boot/slot/boot_choice.h"
#include "image/boot/slot/update_file.h"

// What the running system says of itself. `root` is put in front of every path: "" on the device, a folder in
// a test.
namespace ulagate::slot {

// /proc/device-tree/chosen/bootloader: partition, tryboot, build-timestamp. What is not there is not known.
Boot read_boot(const std::string& root);

// /etc/ulagate-release (VERSION, BOARD, BUILD_TIME) and the device tree.
Result<Machine> read_machine(const std::string& root);

// UPDATE_KEY of /etc/ulagate-release.
Result<UpdateKey> read_update_key(const std::string& root);

// /run/appliance/card: the disk that `ulagate-appliance prepare` has found.
Result<std::string> read_card_disk(const std::string& root);

// Sets the flag that makes the bootloader start the other slot once (/sys/kernel/tryboot, module
// ulagate_tryboot).
Result<void> arm_tryboot(const std::string& root);

}  // namespace ulagate::slot
