// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/health.h"

#include <string>

#include "daemon/base/log.h"

namespace ulagate {

void Health::look_at_tables() {
    checks_.look_at_tables();
    report();
}

void Health::look_at_passages() {
    report();
    if (shutdown_.stopping() || shutdown_.withdrawing()) return;
    PassageWatch::View view{context_.config, context_.reconciler.have(), {}, {}, false, false};
    if (const auto& uplink = parts_.relays().uplink()) view.uplink = uplink->link;
    parts_.describe(view);
    if (checks_.look_at_passages(view)) on_change();
    parts_.set_forwards(checks_.forwards());
}

void Health::check_forwarding() {
    if (checks_.check_forwarding(parts_.active_prefixes())) on_change();
}

void Health::on_change() {
    report();
    parts_.update();
}

void Health::report() {
    Fights& fights = context_.reconciler.fights();
    fights.forget_calm(context_.loop.now());
    parts_.relays().report_source_ports();
    context_.obstacles.set("fights", fights.obstacles());
    const Obstacles::Changes changes = context_.obstacles.take_changes();
    for (const std::string& sentence : changes.appeared) log::warning("ulagate", "{}", sentence);
    for (const std::string& sentence : changes.gone) log::notice("ulagate", "over: {}", sentence);
}

}  // namespace ulagate
