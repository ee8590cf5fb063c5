// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/kernel/kernel.h"
#include "daemon/kernel/rtnl/links.h"
#include "firewall/nftables.h"
#include "wg/device/background_backend.h"
#include "wg/device/open_backend.h"

namespace ulagate {

// The running Linux kernel: joins the adapters for rtnetlink, WireGuard, nftables and /proc/sys.
class LinuxKernel final : public Kernel {
public:
    // `runtime_directory` holds what the settings were before us (sysctls), for a daemon that comes after a
    // crash.
    static Result<std::unique_ptr<LinuxKernel>> open(std::string runtime_directory,
                                                     wg::BackendChoice backend);

    Result<Links> links() override;
    Result<Addresses> addresses() override;
    Result<Routes> our_routes() override;
    Result<Rules> rules() override { return rtnl_->rules(); }
    Result<EndpointRoutes> endpoint_routes() override;
    Result<Tunnels> tunnels(const std::set<std::string>& interfaces) override;
    Result<std::optional<firewall::Model>> firewall() override;
    Result<Sysctls> sysctls(const std::set<std::string>& paths) override;
    [[nodiscard]] ChangedSysctls changed_sysctls() const override { return originals_; }
    Result<void> apply(const Step& step) override;
    std::vector<Finished> take_finished() override;

    Rtnl& rtnl() { return *rtnl_; }
    firewall::Nftables& nftables() { return *nftables_; }
    // Of tracked connections; nothing while the kernel tracks none.
    static std::optional<TableUse> connection_table();
    // A foreign hand was at our table: what is in force is not known any more.
    void forget_firewall() { applied_firewall_.reset(); }
    // After everything was taken down.
    void forget_originals();
    // Writes the file in the runtime directory anew when somebody has removed it.
    void keep_originals() const;
    // Nothing while the machine has no WireGuard at all. Made at the first need.
    [[nodiscard]] const wg::BackgroundBackend* backend() const { return backend_.get(); }
    // Why a tunnel's last answer made no sense; "" when it did, or there is none yet.
    [[nodiscard]] std::string complaint(const std::string& interface) const;
    // Sentences about processes that were killed since the last call, because they did not answer.
    std::vector<std::string> take_killed() { return std::exchange(killed_, {}); }

private:
    LinuxKernel(std::string runtime_directory, wg::BackendChoice choice, std::unique_ptr<Rtnl> rtnl,
                std::unique_ptr<firewall::Nftables> nftables);
    // Tried again at each need: a module may be loaded, or wireguard-go installed, while we run.
    Result<wg::BackgroundBackend*> need_backend();
    Result<void> apply_firewall(const ApplyFirewall& step);
    static Result<void> set_up_ours(const std::string& interface);
    Result<void> end_of_firewall(Result<void> result);
    // In the background, one change at a time for each interface.
    Result<void> change_tunnel(const std::string& interface,
                               std::function<Result<void>(wg::Backend&)> change);
    Result<void> create_tunnel(const std::string& interface);
    Result<void> create_macvlan(const CreateMacvlan& step);
    Result<void> put_address(const PutAddress& step);
    Result<void> put_endpoint_route(const PutEndpointRoute& step);
    Result<void> set_sysctl(const SetSysctl& step);
    void remember_forwarding_of_each(std::string_view family, const std::string& ours);
    Result<void> save_originals() const;
    void load_originals();
    [[nodiscard]] std::string originals_file() const { return runtime_directory_ + "/sysctls"; }

    std::string runtime_directory_;
    wg::BackendChoice choice_;
    std::unique_ptr<Rtnl> rtnl_;
    std::unique_ptr<firewall::Nftables> nftables_;
    std::unique_ptr<wg::BackgroundBackend> backend_;
    std::map<std::string, std::string> complaints_;  // by interface
    std::vector<std::string> killed_;
    std::optional<firewall::Model> applied_firewall_;
    std::optional<firewall::Model> next_firewall_;  // being applied
    bool firewall_update_ = false;                  // as a change of what is there
    ChangedSysctls originals_;
    bool no_endpoint_routes_ = false;  // as far as we know
};

}  // namespace ulagate
