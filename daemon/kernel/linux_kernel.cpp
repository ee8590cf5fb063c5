// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kernel/linux_kernel.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <string_view>
#include <utility>

#include "daemon/base/file.h"
#include "daemon/base/overloaded.h"
#include "daemon/base/text.h"
#include "daemon/base/turn_record.h"
#include "daemon/kernel/desired.h"
#include "daemon/kernel/sysctl.h"
#include "firewall/render.h"

namespace ulagate {
namespace {

constexpr std::string_view kForwardingOfAll = "net/ipv6/conf/all/forwarding";

bool is_of_ours(const std::string& path) {
    return path.starts_with(std::string{"net/ipv6/conf/"} + kLinkPrefix);
}

bool is_accept_ra(const std::string& path) { return path.ends_with("/accept_ra"); }

}  // namespace

Result<std::unique_ptr<LinuxKernel>> LinuxKernel::open(std::string runtime_directory,
                                                       wg::BackendChoice backend) {
    auto rtnl = Rtnl::open();
    if (!rtnl) return tl::unexpected<Error>{std::move(rtnl.error())};
    auto nftables = firewall::Nftables::open();
    if (!nftables) return tl::unexpected<Error>{std::move(nftables.error())};
    std::unique_ptr<LinuxKernel> kernel{
        new LinuxKernel(std::move(runtime_directory), backend, std::move(*rtnl), std::move(*nftables))};
    kernel->load_originals();
    return kernel;
}

LinuxKernel::LinuxKernel(std::string runtime_directory, wg::BackendChoice choice, std::unique_ptr<Rtnl> rtnl,
                         std::unique_ptr<firewall::Nftables> nftables)
    : runtime_directory_(std::move(runtime_directory)),
      choice_(choice),
      rtnl_(std::move(rtnl)),
      nftables_(std::move(nftables)) {}

Result<wg::BackgroundBackend*> LinuxKernel::need_backend() {
    if (!backend_) {
        auto opened = wg::open_backend(choice_);
        if (!opened) return tl::unexpected<Error>{std::move(opened.error())};
        backend_ = std::make_unique<wg::BackgroundBackend>(std::move(*opened));
    }
    return backend_.get();
}

Result<Links> LinuxKernel::links() {
    const TurnPart part{"kernel: links"};
    return rtnl_->links();
}

Result<Addresses> LinuxKernel::addresses() {
    const TurnPart part{"kernel: addresses"};
    return rtnl_->addresses();
}

Result<Routes> LinuxKernel::our_routes() {
    const TurnPart part{"kernel: routes"};
    return rtnl_->our_routes();
}

Result<LinuxKernel::Tunnels> LinuxKernel::tunnels(const std::set<std::string>& interfaces) {
    const TurnPart part{"tunnels"};
    Tunnels out;
    if (interfaces.empty() && !backend_) return out;
    const auto backend = need_backend();
    if (!backend) return out;  // the steps that need it will say why
    wg::BackgroundBackend::Answers answers = (*backend)->read(interfaces);
    out.devices = std::move(answers.devices);
    // One that is out of order is not a reason to know nothing of all others.
    for (const auto& [interface, device] : out.devices) complaints_.erase(interface);
    for (const auto& [interface, error] : answers.errors) {
        if (error.code == std::errc::owner_dead) {
            killed_.push_back(error.context);
            complaints_.erase(interface);
            continue;
        }
        out.unanswered.insert(interface);
        if (error.code != std::errc::operation_in_progress) complaints_[interface] = error.text();
    }
    return out;
}

std::string LinuxKernel::complaint(const std::string& interface) const {
    const auto known = complaints_.find(interface);
    return known == complaints_.end() ? std::string{} : known->second;
}

std::vector<LinuxKernel::Finished> LinuxKernel::take_finished() {
    std::vector<Finished> out;
    if (auto answer = nftables_->take_answer(); answer && next_firewall_) {
        auto result = end_of_firewall(std::move(*answer));
        if (result || result.error().code != std::errc::operation_in_progress)
            out.push_back({"firewall", std::move(result)});
    }
    if (backend_) {
        for (auto& [interface, result] : backend_->take_finished())
            out.push_back({interface, std::move(result)});
    }
    return out;
}

Result<std::optional<firewall::Model>> LinuxKernel::firewall() {
    const TurnPart part{"firewall's state"};
    if (!applied_firewall_ || applied_firewall_->mode == firewall::Mode::off) return applied_firewall_;
    const auto there = nftables_->table_exists();
    if (!there) return tl::unexpected<Error>{there.error()};
    if (!*there) applied_firewall_.reset();
    return applied_firewall_;
}

Result<Sysctls> LinuxKernel::sysctls(const std::set<std::string>& paths) {
    const TurnPart part{"sysctls"};
    Sysctls values;
    for (const std::string& path : paths) {
        auto value = read_sysctl(path);
        if (value) {
            values.emplace(path, std::move(*value));
        } else if (value.error().code != std::errc::no_such_file_or_directory) {
            return tl::unexpected<Error>{std::move(value.error())};
        }
    }
    return values;
}

std::optional<TableUse> LinuxKernel::connection_table() {
    const auto number = [](const char* path) -> std::optional<std::uint64_t> {
        const auto text = read_sysctl(path);
        std::uint64_t value = 0;
        if (!text || std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc{})
            return std::nullopt;
        return value;
    };
    const auto entries = number("net/netfilter/nf_conntrack_count");
    const auto room = number("net/netfilter/nf_conntrack_max");
    if (!entries || !room) return std::nullopt;
    return TableUse{*entries, *room, 0};
}

Result<void> LinuxKernel::apply_firewall(const ApplyFirewall& step) {
    const auto update = step.from ? firewall::render_update(*step.from, step.to) : std::nullopt;
    next_firewall_ = step.to;
    firewall_update_ = update.has_value();
    return end_of_firewall(nftables_->apply(update ? *update : firewall::render(step.to)));
}

// Or not yet: std::errc::operation_in_progress.
Result<void> LinuxKernel::end_of_firewall(Result<void> result) {
    const auto under_way = [&] { return !result && result.error().code == std::errc::operation_in_progress; };
    if (under_way()) return result;
    // An element that is not there as we thought: the table is not what we know, so replace it as a whole.
    if (!result && std::exchange(firewall_update_, false)) {
        result = nftables_->apply(firewall::render(*next_firewall_));
        if (under_way()) return result;
    }
    if (result) applied_firewall_ = std::move(next_firewall_);
    next_firewall_.reset();
    if (nftables_->take_foreign()) applied_firewall_.reset();
    return result;
}

// In the order in which they may be written: IPv6 comes on when no address is made any more.
Result<void> LinuxKernel::set_up_ours(const std::string& interface) {
    for (const auto& [path, value] : settings_of_ours(interface)) {
        if (auto set = write_sysctl(path, value); !set) return set;
    }
    return {};
}

Result<void> LinuxKernel::change_tunnel(const std::string& interface,
                                        std::function<Result<void>(wg::Backend&)> change) {
    const auto backend = need_backend();
    if (!backend) return tl::unexpected<Error>{backend.error()};
    return (*backend)->change(interface, std::move(change));
}

Result<void> LinuxKernel::create_tunnel(const std::string& interface) {
    return change_tunnel(interface, [interface](wg::Backend& wireguard) -> Result<void> {
        // What a dead userspace process has left.
        if (auto removed = wireguard.remove(interface); !removed) return removed;
        if (auto created = wireguard.create(interface); !created) return created;
        return set_up_ours(interface);
    });
}

// It takes part in nothing by itself: no address of its own (a virtual MAC never makes an identifier, RFC
// 9568 section 7.4), no autoconfiguration, no solicitations.
Result<void> LinuxKernel::create_macvlan(const CreateMacvlan& step) {
    if (auto created = rtnl_->create_macvlan(step.interface, step.parent, step.mac); !created) return created;
    return set_up_ours(step.interface);
}

// On a macvlan the virtual address is the only link-local one, and one of a single host (/128).
Result<void> LinuxKernel::put_address(const PutAddress& step) {
    const AddressKey& key = step.address;
    const auto lease = step.wish.leased ? std::optional{kAddressLease} : std::nullopt;
    if (auto put = rtnl_->put_address(key, step.wish.check_duplicate, lease); !put) return put;
    if (!is_macvlan_name(key.link) || !key.address.address.is_link_local()) return {};
    return rtnl_->put_link_local_route(key.link);
}

// On a relay with thousands of routes each look costs as much as the one for these: while there are no
// endpoint routes, there is none but at the start.
Result<EndpointRoutes> LinuxKernel::endpoint_routes() {
    if (no_endpoint_routes_) return EndpointRoutes{};
    const TurnPart part{"kernel: endpoint routes"};
    auto endpoint_routes = rtnl_->endpoint_routes();
    if (endpoint_routes) no_endpoint_routes_ = endpoint_routes->empty();
    return endpoint_routes;
}

Result<void> LinuxKernel::put_endpoint_route(const PutEndpointRoute& step) {
    no_endpoint_routes_ = false;
    return rtnl_->put_endpoint_route(step.address, step.uplink);
}

Result<void> LinuxKernel::set_sysctl(const SetSysctl& step) {
    const auto before = read_sysctl(step.path);
    if (!before) return tl::unexpected<Error>{before.error()};
    // Interfaces of our own go with us.
    if (is_of_ours(step.path)) return write_sysctl(step.path, step.value);
    const auto known = originals_.find(step.path);
    if (known != originals_.end()) {
        known->second.ours = step.value;
        if (auto saved = save_originals(); !saved) return saved;
    } else {
        originals_.emplace(step.path, ChangedSysctl{*before, step.value});
        // Writing "all" overwrites the setting of each interface, so these are to be restored too.
        if (step.path == kForwardingOfAll) remember_forwarding_of_each("ipv6", step.value);
        if (step.path == kIpv4Forwarding) remember_forwarding_of_each("ipv4", step.value);
        // On disk first: a crash between the two must not forget what to restore.
        if (auto saved = save_originals(); !saved) return saved;
    }
    if (auto written = write_sysctl(step.path, step.value); !written) return written;
    // Set back while we run: it is as it was before us.
    if (known != originals_.end() && known->second.before == step.value && is_accept_ra(step.path)) {
        originals_.erase(known);
        return save_originals();
    }
    return {};
}

void LinuxKernel::remember_forwarding_of_each(std::string_view family, const std::string& ours) {
    const auto links = rtnl_->links();
    if (!links) return;
    for (const auto& [name, link] : *links) {
        const std::string path = fmt::format("net/{}/conf/{}/forwarding", family, name);
        if (const auto value = read_sysctl(path)) originals_.emplace(path, ChangedSysctl{*value, ours});
    }
}

void LinuxKernel::keep_originals() const {
    if (originals_.empty() || ::access(originals_file().c_str(), F_OK) == 0) return;
    static_cast<void>(save_originals());  // tried again, and needed only after a crash
}

void LinuxKernel::forget_originals() {
    originals_.clear();
    ::unlink(originals_file().c_str());
}

Result<void> LinuxKernel::apply(const Step& step) {
    const TurnPart part{std::holds_alternative<ApplyFirewall>(step) ? "apply firewall" : "apply a step"};
    return std::visit(
        Overloaded{
            [&](const ApplyFirewall& s) { return apply_firewall(s); },
            [&](const SetSysctl& s) { return set_sysctl(s); },
            [&](const CreateTunnel& s) { return create_tunnel(s.interface); },
            [&](const RemoveTunnel& s) {
                return change_tunnel(s.interface, [interface = s.interface](wg::Backend& wireguard) {
                    return wireguard.remove(interface);
                });
            },
            [&](const ConfigureTunnel& s) {
                return change_tunnel(s.interface, [s](wg::Backend& wireguard) {
                    return wireguard.apply(s.interface, s.change);
                });
            },
            [&](const SetLink& s) { return rtnl_->set_link(s.interface, true, s.mtu); },
            [&](const CreateMacvlan& s) { return create_macvlan(s); },
            [&](const RemoveMacvlan& s) { return rtnl_->delete_link(s.interface); },
            [&](const SwitchLink& s) { return rtnl_->set_link(s.interface, s.up, 0); },
            [&](const PutAddress& s) { return put_address(s); },
            [&](const DeleteAddress& s) { return rtnl_->delete_address(s.address); },
            [&](const PutRoute& s) { return rtnl_->put_route(s.key, s.target); },
            [&](const DeleteRoute& s) { return rtnl_->delete_route(s.key, s.target); },
            [&](const PutRule& s) { return rtnl_->put_rule(s.rule); },
            [&](const DeleteRule& s) { return rtnl_->delete_rule(s.rule); },
            [&](const PutEndpointRoute& s) { return put_endpoint_route(s); },
            [&](const DeleteEndpointRoute& s) { return rtnl_->delete_endpoint_route(s.address); },
        },
        step);
}

// One "path value ours" a line; a version before wrote no third word.
Result<void> LinuxKernel::save_originals() const {
    std::string text;
    for (const auto& [path, value] : originals_) {
        text.append(path).append(" ").append(value.before);
        if (!value.ours.empty()) text.append(" ").append(value.ours);
        text.append("\n");
    }
    return write_file_atomically(originals_file(), text, 0600);
}

void LinuxKernel::load_originals() {
    const auto text = read_file(originals_file(), 1U << 20U);
    if (!text) return;  // the first start since boot
    std::string_view rest = *text;
    while (!rest.empty()) {
        std::string_view line = take_word(rest, '\n');
        const std::string path{take_word(line, ' ')};
        const std::string before{take_word(line, ' ')};
        if (!path.empty() && !before.empty())
            originals_.emplace(path, ChangedSysctl{before, std::string{line}});
    }
}

}  // namespace ulagate
