// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <string>
#include <vector>

namespace ulagate {

// Something that keeps the overlay from working although all that is ours is in place: a route, a rule or a
// firewall of somebody else, a rival on the LAN. Found by looking at what results, never by what we did.
struct Obstacle {
    // For a tired person: what it is, what follows, and the line that mends it where there is one.
    std::string sentence;
    // Traffic of our hosts does not get through this router, so that another one is worth more: VRRP deducts
    // for it as for a dead tunnel ([lan.vrrp.track] no_tunnel).
    bool cuts = false;
    std::string reason;  // of that deduction, short: "a foreign route takes the overlay's traffic"
    std::string lan;     // the interface of the only LAN that it concerns; "" = all
    bool operator==(const Obstacle&) const = default;
};

// The obstacles of now, by the check that found them. Each check says all that it finds, again and again;
// what is new and what is gone is worth one line in the log. Pure.
class Obstacles {
public:
    // All that the check named `check` finds now; none: all is well there.
    void set(const std::string& check, std::vector<Obstacle> found);

    struct Changes {
        std::vector<std::string> appeared;  // sentences
        std::vector<std::string> gone;
    };
    // Since the last call.
    Changes take_changes();

    // In the order of their checks' names.
    [[nodiscard]] std::vector<Obstacle> all() const;
    // Reasons why this router is worth less for a LAN, each once.
    [[nodiscard]] std::vector<std::string> cuts(const std::string& lan) const;

private:
    std::map<std::string, std::vector<Obstacle>> by_check_;
    std::vector<std::string> told_;
};

}  // namespace ulagate
