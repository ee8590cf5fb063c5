// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/edge_parts.h"

#include <map>
#include <string>
#include <utility>

#include "daemon/relays/findings.h"
#include "daemon/service/hand_over.h"
#include "daemon/service/status_report.h"

namespace ulagate {
namespace {

constexpr std::chrono::seconds kHeardLately{3};

}  // namespace

EdgeParts::EdgeParts(const Context& context, const Means& means, Machine machine)
    : context_(context),
      means_(means),
      control_(
          context.loop, std::move(machine.link), context.files, context.paths.state_directory,
          [this] { context_.turn.reconcile_next(); }, [this] { routing_.decide(); },
          [this](const net::Ipv6Prefix& prefix) { lans_.announce_again(prefix); }),
      relays_(context, means.resolver, means.egress, control_, {}),
      clock_(context, relays_, std::move(machine.clock_is_synchronised)),
      routing_(context, control_, relays_, std::move(machine.active_prefixes)),
      lans_(context,
            {control_, relays_, means.shutdown,
             [this](const std::set<std::string>& active) {
                 tell_conditions();
                 relays_.note_reachable();
                 routing_.set_active(active);
             }},
            std::move(machine.open_lan)) {}

void EdgeParts::tell_conditions() {
    relays_.set_conditions({lans_.active(), means_.key.key().has_value(), clock_.behind(),
                            means_.shutdown.forwards_for_successor()});
}

void EdgeParts::load() {
    clock_.load();
    relays_.load();
    lans_.load();
}

void EdgeParts::set_config() {
    lans_.set_config();
    tell_conditions();
    control_.set_config(context_.config);
    routing_.set_config();
    relays_.set_config();
}

void EdgeParts::observe() {
    tell_conditions();
    relays_.observe();
    routing_.decide();
    lans_.take_states();
}

bool EdgeParts::contribute(Facts& facts) {
    const bool relays = relays_.contribute(facts);
    const bool clock = clock_.contribute(facts);
    const bool routing = routing_.contribute(facts);
    return lans_.contribute(facts) || relays || clock || routing;
}

bool EdgeParts::taken_away() {
    if (!relays_.taken_away()) return false;
    lans_.take_states();
    return true;
}

void EdgeParts::planned() { relays_.note_changes(); }

void EdgeParts::update() {
    lans_.update();
    lans_.take_states();
}

void EdgeParts::keep() {
    clock_.tick(false);
    relays_.keep(false);
    lans_.keep();
}

// What the relays say of themselves, and of the prefixes of our LANs.
void EdgeParts::look() {
    std::vector<RelayWord> relays;
    for (const RelayConfig& config : context_.config.relays) {
        const wg::control::RelaySession* session = control_.session(config.name);
        if (session == nullptr) continue;
        // Two machines with one key cost each other the session, so that this one may not answer now.
        const bool in_two_places = session->in_two_places(context_.loop.now());
        if (!session->alive() && !in_two_places) continue;
        RelayWord& word = relays.emplace_back();
        word.name = config.name;
        word.in_two_places = in_two_places;
        if (!session->alive()) continue;
        word.forwards = session->relay_forwards();
        for (const LanConfig& lan : context_.config.lans) {
            if (const auto owner = session->owner(lan.prefix))
                word.knows[lan.prefix] = owner->router.has_value();
        }
    }
    std::map<std::string, net::Ipv6Prefix> lans;
    for (const LanConfig& lan : context_.config.lans) lans[lan.interface] = lan.prefix;
    context_.obstacles.set("relay words", relay_obstacles(context_.config.site, lans, relays));
}

void EdgeParts::tick() {
    lans_.check();
    relays_.tick({});
    routing_.tick();
    context_.obstacles.set("untrue words", control_.untrue());
}

void EdgeParts::describe(PassageWatch::View& view) const {
    for (const auto& lan : lans_.all()) {
        const vrrp::Machine* machine = lan->router().machine();
        if (machine != nullptr && machine->peer() &&
            machine->peer()->when + kHeardLately > context_.loop.now())
            view.heard_vrrp.insert(lan->router().config().interface);
    }
}

Parts::HandOver EdgeParts::hand_over() {
    const bool was_active = !lans_.active().empty();
    lans_.hand_over();
    return {was_active ? hand_over_limit(lans_.longest_interval()) : std::chrono::milliseconds{0},
            was_active};
}

void EdgeParts::stop() {
    clock_.tick(true);
    relays_.keep(true);
    lans_.keep();
    control_.stop();
}

void EdgeParts::add_status(Status& status) const {
    add_lans(status, context_, lans_);
    add_relays(status, context_, relays_, &clock_);
    add_paths(status, context_, routing_.paths(), relays_.channel());
    if (clock_.floor().behind())
        status.problems.push_back(clock_.floor().problem(context_.paths.clock_file()));
}

}  // namespace ulagate
