// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/loop/control_slots.h"

#include <algorithm>

namespace ulagate {

ControlSlots::Admission ControlSlots::admit(Id id, uid_t user) {
    Admission out;
    if (clients_.size() >= (user == 0 ? kForRoot : kForAll)) {
        const auto oldest_silent = [&](auto of_user) {
            return std::find_if(clients_.begin(), clients_.end(), [&](const auto& client) {
                return client.second.silent && of_user(client.second.user);
            });
        };
        auto found = oldest_silent([user](uid_t other) { return user == 0 ? other != 0 : other == user; });
        if (found == clients_.end() && user == 0) found = oldest_silent([](uid_t) { return true; });
        if (found == clients_.end()) return out;
        out.leaves = found->first;
        clients_.erase(found);
    }
    clients_[id] = {user, true};
    out.admitted = true;
    return out;
}

void ControlSlots::has_asked(Id id) {
    const auto client = clients_.find(id);
    if (client != clients_.end()) client->second.silent = false;
}

void ControlSlots::left(Id id) { clients_.erase(id); }

}  // namespace ulagate
