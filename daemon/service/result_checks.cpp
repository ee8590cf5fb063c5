// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/result_checks.h"

namespace ulagate {
namespace {

constexpr std::chrono::seconds kForwardingCheck{5};  // prefixes take turns

}  // namespace

bool ResultChecks::look_at_passages(const PassageWatch::View& view) {
    const auto before = context_.obstacles.all();
    context_.obstacles.set("passages", means_.passages(view, context_.loop.now()));
    return context_.obstacles.all() != before;
}

bool ResultChecks::check_forwarding(const std::vector<net::Ipv6Prefix>& active_prefixes) {
    const Reconciler& reconciler = context_.reconciler;
    const auto now = context_.loop.now();
    if (now < forwarding_check_at_ || (!reconciler.settled() && reconciler.problems().empty())) return false;
    forwarding_check_at_ = now + kForwardingCheck;
    const Have& have = reconciler.have();
    const auto before = context_.obstacles.all();
    context_.obstacles.set("forwarding",
                           forward_check_.look(context_.config, have, active_prefixes, means_.forwarded));
    context_.obstacles.set("addresses", misplaced_addresses(context_.config, have));
    context_.obstacles.set("loopback", loopback_problem(context_.config, have));
    return context_.obstacles.all() != before;
}

bool ResultChecks::forwards() const {
    const auto& sysctls = context_.reconciler.have().sysctls;
    const auto forwarding = sysctls.find("net/ipv6/conf/all/forwarding");
    const bool off = forwarding != sysctls.end() && forwarding->second == "0";
    return !off && means_.forwards();
}

void ResultChecks::look_at_tables() {
    const auto neighbours = means_.neighbours();
    context_.obstacles.set("full tables",
                           full_tables_.judge(neighbours ? std::optional{*neighbours} : std::nullopt,
                                              means_.connections(), context_.loop.now()));
}

}  // namespace ulagate
