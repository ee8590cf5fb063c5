// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/cli/relay_health.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "daemon/cli/control_client.h"

namespace ulagate {

Result<bool> any_relay_up(const std::string& socket_path) {
    const auto answer = ask_daemon(socket_path, "status");
    if (!answer) return tl::unexpected(answer.error());
    const auto* status = answer->if_object();
    const auto* relays = status == nullptr ? nullptr : status->if_contains("relays");
    if (relays == nullptr || !relays->is_array()) return fail("the daemon's status has no relays");
    const auto& list = relays->get_array();
    return std::any_of(list.begin(), list.end(), [](const boost::json::value& relay) {
        const auto* state = relay.is_object() ? relay.get_object().if_contains("state") : nullptr;
        return state != nullptr && state->is_string() && !state->get_string().starts_with("down");
    });
}

}  // namespace ulagate
