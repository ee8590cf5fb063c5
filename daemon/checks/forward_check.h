// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/base/obstacles.h"
#include "daemon/base/result.h"
#include "daemon/config/config.h"
#include "daemon/kernel/steps.h"

namespace ulagate {

// Asks the kernel which route forwarded packets take, for each prefix in use, and says what leads them
// elsewhere: a rule that is asked before ours, a route in our table, an address of the machine itself. That
// all of ours is in place proves nothing. Pure, but for what `ask` does.
class ForwardCheck {
public:
    using Ask = std::function<Result<Forwarded>(const Forwarding&)>;

    // As it is now. `active_prefixes`: remote prefixes with traffic (edge). At most some dozen questions a
    // call: the prefixes take turns, what was found about one stays until it is asked about again.
    std::vector<Obstacle> look(const Config& config, const Have& have,
                               const std::vector<net::Ipv6Prefix>& active_prefixes, const Ask& ask);

private:
    struct Question {
        Forwarding packet;
        std::string to;   // interface that it has to leave by
        std::string lan;  // the LAN whose hosts' it is; "" = several
    };
    struct Cause {
        std::string what;  // "rule 0 (from all iif eth0 lookup 52) …"
        std::string mend;  // a command
        std::string reason;
        bool operator==(const Cause&) const = default;
    };
    struct Found {
        Question question;
        Forwarded answer;
        Cause cause;
        unsigned turn = 0;
    };

    std::vector<Question> questions(const Config& config, const Have& have,
                                    const std::vector<net::Ipv6Prefix>& active_prefixes);
    void ask_of_lans(const Config& config, const Have& have, std::vector<Question>& out) const;
    void ask_of_relay(const Have& have, std::vector<Question>& out) const;
    std::vector<RouteKey> take_turn(const Config& config, const Have& have);
    static std::optional<Cause> judge(const Question& question, const Forwarded& answer, const Rules& rules);
    [[nodiscard]] std::vector<Obstacle> told() const;

    std::map<Forwarding, Found> found_;
    std::optional<RouteKey> next_;  // the prefix that has its turn; nullopt: the first
    unsigned turn_ = 0;             // complete turns up to now
};

// Addresses of the machine that lie in the overlay, but in no LAN that it serves: packets to them stay here.
std::vector<Obstacle> misplaced_addresses(const Config& config, const Have& have);
// Without IPv6 on the loopback interface there is no place for the tunnel address.
std::vector<Obstacle> loopback_problem(const Config& config, const Have& have);

}  // namespace ulagate
