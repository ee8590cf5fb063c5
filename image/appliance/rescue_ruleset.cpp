// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/rescue_ruleset.h"

#include <fmt/format.h>

namespace ulagate::appliance {

std::string rescue_ruleset(std::uint16_t page_port) {
    constexpr const char* kRules = R"(table inet ulagate_rescue {{ }}
delete table inet ulagate_rescue
table inet ulagate_rescue {{
	chain input {{
		type filter hook input priority filter; policy accept;
		iifname lo accept
		tcp dport {{ 22, {} }} ip saddr != {{ 10.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16 }} drop
		tcp dport {{ 22, {} }} ip6 saddr != {{ fc00::/7, fe80::/10 }} drop
	}}
}}
)";
    return fmt::format(kRules, page_port, page_port);
}

}  // namespace ulagate::appliance
