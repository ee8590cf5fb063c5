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
    if (!publisher_ || overlay_ != config.overlay) {
        constexpr unsigned kNeverComesRound = 1;  // below 2^63
        overlay_ = config.overlay;
        publisher_.emplace(
            wg::control::SitePublisher::Setup{overlay_, (ControlLink::random() >> kNeverComesRound) | 1U},
            ControlLink::now().steady);
    }
    act(ownership_.set_config(rows_of(config), ControlLink::now()));
}

void RelayControl::stop() {
    if (stopped_) return;
    act(ownership_.stop(ControlLink::now()));
    alarm_.set(std::nullopt);
    stopped_ = true;
}

void RelayControl::receive() {
    const auto now = ControlLink::now();
    Outcome all;
    for (const auto& received : link_.receive()) {
        if (stopped_) continue;  // an answer would say that we are there
        Outcome one = ownership_.on_packet(received.from, received.packet, now);
        publish(received, now.steady, one);
        std::move(one.send.begin(), one.send.end(), std::back_inserter(all.send));
        std::move(one.events.begin(), one.events.end(), std::back_inserter(all.events));
    }
    act(all);
}

// Who was heard is connected, and is told what has changed if it asks.
void RelayControl::publish(const wg::control::Received& received, wg::control::TimePoint now, Outcome& out) {
    const auto site = ownership_.connected(received.from);
    publisher_->set_connected(site.prefixes, site.until, now);
    const auto* hello = std::get_if<wg::control::Hello>(&received.packet.message);
    if (hello == nullptr || (hello->about.capabilities & wg::control::kWantsSites) == 0) return;
    for (auto& part : publisher_->answer(hello->sites, now))
        ownership_.append(received.from, std::move(part), out);
}

void RelayControl::on_timer() {
    // A claim that waits in the socket is none that has ended.
    receive();
    const auto now = ControlLink::now();
    publisher_->on_deadline(now.steady);
    ownership_.set_sites_generation(publisher_->generation());
    act(ownership_.on_deadline(now));
}

void RelayControl::set_alarm() {
    auto next = ownership_.deadline();
    const auto publishing = publisher_ ? publisher_->deadline() : std::nullopt;
    if (publishing && (!next || *publishing < *next)) next = publishing;
    alarm_.set(next);
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
    if (!stopped_) set_alarm();
}

}  // namespace ulagate
