// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relay_control.h"

#include <cstdint>
#include <iterator>
#include <utility>

#include "daemon/base/log.h"

namespace ulagate {
namespace {

using wg::control::Outcome;
using wg::control::OwnerChanged;

std::vector<wg::control::SiteRow> rows_of(const Config& config) {
    std::vector<wg::control::SiteRow> rows;
    rows.reserve(config.sites.size());
    for (const SiteConfig& site : config.sites) {
        wg::control::SiteRow& row = rows.emplace_back();
        row.name = site.name;
        row.prefixes = site.prefixes;
        for (const RouterConfig& router : site.routers)
            row.routers.push_back({router.address, router.public_key, router.priority});
    }
    return rows;
}

}  // namespace

RelayControl::RelayControl(boost::asio::io_context& io, Changed changed)
    : changed_(std::move(changed)),
      ownership_(static_cast<std::uint32_t>(ControlLink::random())),
      link_(io, [this] { receive(); }),
      alarm_(io, [this] { on_timer(); }) {}

void RelayControl::set_config(const Config& config) {
    link_.bind(config.tunnel.address);
    act(ownership_.set_config(rows_of(config), ControlLink::now()));
}

void RelayControl::stop() {
    act(ownership_.stop(ControlLink::now()));
    alarm_.set(std::nullopt);
}

void RelayControl::receive() {
    const auto now = ControlLink::now();
    Outcome all;
    for (const auto& received : link_.receive()) {
        Outcome one = ownership_.on_packet(received.from, received.packet, now);
        std::move(one.send.begin(), one.send.end(), std::back_inserter(all.send));
        std::move(one.events.begin(), one.events.end(), std::back_inserter(all.events));
    }
    act(all);
}

void RelayControl::on_timer() {
    // A claim that waits in the socket is none that has ended.
    receive();
    act(ownership_.on_deadline(ControlLink::now()));
}

// The routes move before the routers hear of it: who is told that another one carries the site stops
// forwarding.
void RelayControl::act(const Outcome& outcome) {
    std::vector<OwnerChanged> moved;
    for (const auto& event : outcome.events) {
        if (const auto* change = std::get_if<OwnerChanged>(&event)) {
            log::info(change->site, "{}", wg::control::to_string(event));
            moved.push_back(*change);
        } else {
            log::warning("overlay", "{}, going on", wg::control::to_string(event));
        }
    }
    if (!moved.empty()) changed_(moved);
    link_.send(outcome.send);
    alarm_.set(ownership_.deadline());
}

}  // namespace ulagate
