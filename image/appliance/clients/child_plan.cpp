// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/clients/child_plan.h"

#include <fmt/format.h>

#include <utility>

#include "image/appliance/clients/wifi_files.h"

namespace ulagate::appliance {
namespace {

class Planner {
public:
    Planner(const ApplianceConfig& config, const ChildPaths& paths, ChildPlan& out)
        : config_(config), paths_(paths), out_(out) {}

    void dhcp_client(const std::string& link, unsigned attempt) {
        // Never in the background, never an end: a server may come back at any time. The routes of option 121
        // and the time servers of 42 are asked for, the rest is what it asks for anyway.
        ChildSpec spec;
        spec.argv = {"busybox", "udhcpc", "-f", "-i", link, "-s",  paths_.script, "-t",    "4",
                     "-T",      "1",      "-A", "2",  "-O", "121", "-O",          "ntpsrv"};
        if (!config_.hostname.empty())
            spec.argv.insert(spec.argv.end(), {"-x", "hostname:" + config_.hostname});
        spec.attempt = attempt;
        spec.capabilities = Capabilities{CAP_NET_RAW, CAP_NET_BIND_SERVICE};
        out_.children["dhcp " + link] = std::move(spec);
    }

    void pppoe_session(const std::string& below, const UplinkPlan::Pppoe& session) {
        const std::string file = fmt::format("{}/{}.options", paths_.runtime, session.link);
        auto options = pppoe_options(below, session, paths_.script);
        if (!options) return complain(options.error());
        out_.children["pppoe " + below] = {{"pppd", "nodetach", "file", file},
                                           {{file, std::move(*options)}},
                                           0,
                                           Capabilities{CAP_NET_ADMIN, CAP_NET_RAW, CAP_SETUID, CAP_SETGID}};
    }

    void wifi_client(const std::string& link, const std::vector<UplinkConfig::Wifi>& networks) {
        const std::string file = fmt::format("{}/wpa_supplicant-{}.conf", paths_.runtime, link);
        auto conf = wpa_supplicant_conf(networks, config_.country);
        if (!conf) return complain(conf.error());
        out_.children["wifi " + link] = {{"wpa_supplicant", "-i", link, "-D", "nl80211", "-c", file},
                                         {{file, std::move(*conf)}},
                                         0,
                                         Capabilities{CAP_NET_ADMIN, CAP_NET_RAW}};
    }

    void access_point(const WifiApConfig& ap, const LinkTable& links) {
        if (!links.contains(ap.interface)) {
            out_.problems.push_back(
                fmt::format("Wi-Fi: there is no interface {} for the access point", ap.interface));
            return;
        }
        const std::string file = paths_.runtime + "/hostapd.conf";
        auto conf = hostapd_conf(ap, config_.country);
        if (!conf) return complain(conf.error());
        out_.children["access point"] = {
            {"hostapd", file}, {{file, std::move(*conf)}}, 0, Capabilities{CAP_NET_ADMIN, CAP_NET_RAW}};
    }

    void dns_and_dhcp(const std::vector<GatewayLan>& lans, const std::vector<NameServer>& servers) {
        const std::string file = paths_.dnsmasq + "/dnsmasq.conf";
        const std::string servers_file = paths_.dnsmasq + "/servers";
        auto conf =
            dnsmasq_conf({lans, config_.hostname, servers_file, paths_.dnsmasq + "/leases", paths_.dns_user});
        if (!conf) return complain(conf.error());
        out_.children["dnsmasq"] = {
            {"dnsmasq", "--keep-in-foreground", "--conf-file=" + file},
            {{file, std::move(*conf), 0644}, {servers_file, dnsmasq_servers(servers), 0644, true}},
            0,
            // It gives most of them back itself, and looks whether it has them.
            Capabilities{CAP_NET_ADMIN, CAP_NET_RAW, CAP_NET_BIND_SERVICE, CAP_SETUID, CAP_SETGID,
                         CAP_CHOWN}};
    }

    void ssh() {
        auto keys = authorized_keys(config_.ssh_keys);
        if (!keys) return complain(keys.error());
        // By key only: no passwords at all (-s), no messages of the day (-m), nothing opened towards others
        // (-k).
        out_.children["ssh"] = {{"dropbear", "-F", "-E", "-s", "-m", "-k", "-r", paths_.host_key, "-p", "22"},
                                {{paths_.root_home + "/.ssh/authorized_keys", std::move(*keys)}},
                                0,
                                Capabilities::all()};  // it is how root does whatever has to be done
    }

    void login(const std::string& console) {
        // There are no passwords: whoever sits at the machine could take its card out as well.
        out_.children["login " + console] = {
            {"busybox", "getty", "-n", "-l", "/bin/sh", "-L", "115200", console}, {}, 0, Capabilities::all()};
    }

private:
    void complain(const Error& error) { out_.problems.push_back(error.text()); }

    const ApplianceConfig& config_;
    const ChildPaths& paths_;
    ChildPlan& out_;
};

}  // namespace

ChildPlan child_plan(const ApplianceConfig& config, const std::vector<GatewayLan>& gateway_lans,
                     const UplinkPlan& uplinks, const LinkTable& links, const ChildPaths& paths) {
    ChildPlan out;
    Planner planner{config, paths, out};
    for (const auto& [link, attempt] : uplinks.dhcp) planner.dhcp_client(link, attempt);
    for (const auto& [below, session] : uplinks.pppoe) planner.pppoe_session(below, session);
    for (const auto& [link, networks] : uplinks.wifi) planner.wifi_client(link, networks);
    if (config.wifi_ap) planner.access_point(*config.wifi_ap, links);
    if (!gateway_lans.empty()) planner.dns_and_dhcp(gateway_lans, uplinks.dns);
    if (!config.ssh_keys.empty() && !paths.host_key.empty()) planner.ssh();
    if (config.console_login)
        for (const std::string& console : paths.consoles) planner.login(console);
    return out;
}

}  // namespace ulagate::appliance
