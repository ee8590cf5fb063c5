// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ulagate::init {

// What a message of the kernel says about a device that has come; empty for any other message.
// "add@/devices/…\0ACTION=add\0…\0MODALIAS=usb:v0BDAp8153…\0"
std::string added_modalias(std::string_view uevent);

// The names in a file of modules to be loaded, a line each; "#" begins a comment.
std::vector<std::string> module_names(std::string_view text);

// Which modules are to be loaded: names of devices ("modalias"), each once. A device that comes back finds
// its module still there, and one that has none will have none the next time. Pure.
class ModuleQueue {
public:
    // False when there is nothing to do for it.
    bool add(std::string_view alias);
    // The names for one call of modprobe.
    std::vector<std::string> take();
    [[nodiscard]] bool empty() const { return waiting_.empty(); }

private:
    std::set<std::string, std::less<>> seen_;
    std::vector<std::string> waiting_;
};

}  // namespace ulagate::init
