// SPDX-License-Identifier: GPL-2.0-or-later
// How the manager makes the kernel and the children as the plan says, and tells people.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "daemon/base/file.h"
#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/kernel/sysctl.h"
#include "image/appliance/manager.h"
#include "image/appliance/uplinks/link_reader.h"

namespace ulagate::appliance {
namespace {

using namespace std::chrono_literals;

// A console of 115200 bits a second takes its time, and a person too.
constexpr auto kTellEvery = 5s;

void print_to(const std::string& console, const std::string& text) {
    // A console that nobody reads, or that is not there, is not a reason to wait.
    const UniqueFd fd{::open(console.c_str(), O_WRONLY | O_APPEND | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)};
    if (fd && ::write(fd.get(), text.data(), text.size()) < 0) return;
}

constexpr const char* kReading = "addresses and routes";  // the subject of a read that fails

}  // namespace

void Manager::say_once(const std::string& key, const std::string& text) {
    std::string& said = said_[key];
    if (said == text) return;
    said = text;
    if (!text.empty()) log::warning("appliance", "{}, ignoring", text);
}

void Manager::look_at_links() {
    const auto links = rtnl_->links();
    if (!links) {
        say_once("links", links.error().text());
        return;
    }
    // A link that has come or changed may have been the reason of a refusal.
    if (auto now_there = read_links(*links); std::exchange(links_, now_there) != now_there)
        net_problems_.retry_now();
    uplinks_->on_links(links_, now());
    const auto routes = rtnl_->default_routes();
    if (!routes) {
        say_once("routes", routes.error().text());
        return;
    }
    std::set<std::string> with_ipv6;
    for (const DefaultRoute& route : *routes)
        if (route.family == IpFamily::ipv6) with_ipv6.insert(route.uplink.link);
    uplinks_->on_ipv6_routers(with_ipv6);
}

void Manager::settle() {
    settle_alarm_.set(std::nullopt);
    look_at_links();
    const UplinkPlan plan = uplinks_->plan();
    apply(plan);
    write_resolv_conf(plan);
    time_->set_leased(plan.time_servers);
    if (plan.dns != dns_ || plan.routes != routes_ || uplinks_->ipv6_routers() != ipv6_routers_) {
        dns_ = plan.dns;
        routes_ = plan.routes;
        ipv6_routers_ = uplinks_->ipv6_routers();
        time_->on_network_change();
    }
    ChildPlan children = child_plan(appliance_, gateway_lans_, plan, links_, child_paths_);
    if (!children.children.contains("access point")) ap_clients_.clear();
    for (const std::string& problem : children.problems) say_once("child " + problem, problem);
    problems_ = std::move(children.problems);
    children_.want(std::move(children.children));
    serve_page();
    uplink_alarm_.set(uplinks_->deadline());
    log_uplinks();
    tell();
}

void Manager::log_uplinks() {
    std::map<std::string, UplinkReport::State> states;
    for (const UplinkReport& uplink : uplinks_->reports()) {
        states[uplink.name] = uplink.state;
        const auto before = uplink_states_.find(uplink.name);
        if (before != uplink_states_.end() && before->second == uplink.state) continue;
        log::notice(uplink.name, "{}: {}", name(uplink.state), uplink.reason);
    }
    uplink_states_ = std::move(states);
}

void Manager::apply(const UplinkPlan& plan) {
    apply_links(plan);
    apply_ipv6_attempts(plan);
    apply_settings(plan);
    apply_addresses(plan);
}

void Manager::apply_links(const UplinkPlan& plan) {
    for (const auto& [name, vlan] : plan.vlans) {
        if (links_.contains(name)) continue;
        if (auto made = net_->create_vlan(name, vlan); !made) say_once(name, made.error().text());
    }
    std::set<std::string> up = plan.up;
    up.insert(lans_.begin(), lans_.end());
    for (const std::string& name : up) {
        const auto link = links_.find(name);
        if (link == links_.end() || link->second.up) continue;
        if (auto set = rtnl_->set_link(name, true, 0); !set) say_once("up " + name, set.error().text());
    }
}

void Manager::set(const std::string& path, const std::string& value) {
    const auto is = read_sysctl(path);
    if (is && *is == value) return;
    // Not each kernel has each of them, and an interface may have gone.
    if (!is && is.error().code == std::errc::no_such_file_or_directory) return;
    if (auto written = write_sysctl(path, value); !written) say_once(path, written.error().text());
}

void Manager::apply_settings(const UplinkPlan& plan) {
    for (const auto& [link, metric] : plan.ra_metrics) {
        if (!links_.contains(link)) continue;
        const auto ipv6 = [&link = link](const char* name) {
            return fmt::format("net/ipv6/conf/{}/{}", link, name);
        };
        // The metric of the default route counts when an Advertisement comes in, so it is set before they are
        // heard.
        if (metric != 0) set(ipv6("ra_defrtr_metric"), std::to_string(metric));
        set(ipv6("accept_ra"), metric == 0 ? "0" : "2");
        // A cable that is out must not swallow what another uplink could carry.
        set(ipv6("ignore_routes_with_linkdown"), "1");
        set(fmt::format("net/ipv4/conf/{}/ignore_routes_with_linkdown", link), "1");
    }
}

void Manager::apply_ipv6_attempts(const UplinkPlan& plan) {
    std::erase_if(ipv6_attempts_, [&](const auto& entry) { return !plan.ipv6.contains(entry.first); });
    for (const auto& [link, attempt] : plan.ipv6) {
        unsigned& done = ipv6_attempts_[link];
        if (done == attempt || !links_.contains(link)) continue;
        done = attempt;
        // Another cable may be another network: what the old one's router has said is forgotten, and the new
        // one is asked.
        const std::string path = fmt::format("net/ipv6/conf/{}/disable_ipv6", link);
        for (const char* value : {"1", "0"})
            if (auto written = write_sysctl(path, value); !written) say_once(path, written.error().text());
    }
}

void Manager::apply_addresses(const UplinkPlan& plan) {
    auto addresses = plan.addresses;
    for (const GatewayLan& lan : gateway_lans_)
        addresses.emplace(NetAddress{lan.interface, lan.ipv4, 0}, std::nullopt);
    std::erase_if(addresses, [&](const auto& entry) { return !links_.contains(entry.first.link); });
    std::set<NetRoute> routes = plan.routes;
    std::erase_if(routes, [&](const NetRoute& route) { return !links_.contains(route.link); });
    retry_alarm_.set(std::nullopt);
    const auto have = net_->read();
    if (!have) {
        note_failure(kReading, kReading, have.error());
    } else {
        net_problems_.solved(kReading);
        take_net_steps(net_steps(addresses, routes, *have, known_addresses_));
    }
    retry_alarm_.set(net_problems_.deadline());
}

void Manager::take_net_steps(const std::vector<NetStep>& steps) {
    std::set<std::string> open;
    for (const NetStep& step : steps) open.insert(subject(step));
    net_problems_.keep_only(open);
    for (const NetStep& step : steps) {
        if (net_problems_.waits(subject(step), now())) continue;
        if (auto done = net_->apply(step, now()); !done) {
            note_failure(subject(step), subject(step), done.error());
            continue;
        }
        net_problems_.solved(subject(step));
        if (const auto* put = std::get_if<PutAddress>(&step)) {
            known_addresses_[put->address] = put->until;
        } else if (const auto* dropped = std::get_if<DropAddress>(&step)) {
            known_addresses_.erase(dropped->address);
        }
    }
}

void Manager::note_failure(const std::string& subject, const std::string& what, const Error& error) {
    const auto failed = net_problems_.failed(subject, what, error, now());
    if (failed.first)
        log::warning("uplinks", "{}; next attempt in {} ms", failed.error.text(), failed.retry_in.count());
}

void Manager::write_resolv_conf(const UplinkPlan& plan) {
    const std::string text = resolv_conf(plan.dns);
    if (resolv_conf_ == text) return;
    // Without any server the old ones are as good as none, and a resolver complains about an empty file.
    if (text.empty() && resolv_conf_) return;
    if (auto written = write_file_atomically(options_.resolv_conf, text, 0644); !written) {
        say_once("resolv.conf", written.error().text());
        return;
    }
    resolv_conf_ = text;
}

void Manager::serve_page() {
    // In rescue nobody knows which interface is the LAN.
    if (!rescue_.empty()) return page_.serve({std::string{}});
    std::set<std::string> interfaces;
    for (const std::string& lan : lans_)
        if (links_.contains(lan)) interfaces.insert(lan);
    page_.serve(interfaces);
}

ApplianceStatus Manager::status() const {
    ApplianceStatus out;
    out.node = config_ ? config_->node : appliance_.hostname;
    out.version = version_;
    out.public_key = public_key_;
    out.rescue = rescue_;
    out.waits_for_overlay = !rescue_.empty() && !public_key_.empty();
    out.uplinks = uplinks_->reports();
    if (config_) {
        for (const LanConfig& lan : config_->lans) {
            const auto link = links_.find(lan.interface);
            out.lans.push_back({lan.interface, net::to_string(lan.prefix),
                                lan.gateway ? net::to_string(lan.gateway->ipv4) : std::string{},
                                link != links_.end() && link->second.carrier});
        }
    }
    if (appliance_.wifi_ap) {
        out.access_point = fmt::format("{}: {} {}", quote(appliance_.wifi_ap->ssid), ap_clients_.count(),
                                       ap_clients_.count() == 1 ? "client" : "clients");
    }
    if (!child_paths_.host_key.empty()) out.ssh = fmt::format("for {} keys", appliance_.ssh_keys.size());
    out.clock = time_->status();
    if (trial_) out.update = trial_->status();
    out.problems = problems_;
    for (const auto& [subject, problem] : net_problems_.all())
        out.problems.push_back("uplinks: " + problem.error.text());
    if (!state_.problem().empty()) out.problems.push_back("state: " + state_.problem());
    for (const auto& problem : children_.problems())
        out.problems.push_back(
            fmt::format("{}: exited unexpectedly {} times; see the log", problem.name, problem.failures));
    return out;
}

void Manager::tell() {
    const ApplianceStatus now_is = status();
    if (now_is == told_) return;
    if (told_at_ && now() < *told_at_ + kTellEvery) {
        tell_alarm_.set(*told_at_ + kTellEvery);
        return;
    }
    told_ = now_is;
    told_at_ = now();
    if (auto written = write_file_atomically(options_.runtime + "/status", status_text(now_is), 0600);
        !written)
        say_once("status", written.error().text());
    const std::string text = console_text(now_is);
    for (const std::string& console : options_.consoles) print_to(console, text);
}

}  // namespace ulagate::appliance
