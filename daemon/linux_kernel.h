// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "daemon/kernel.h"
#include "daemon/rtnl.h"
#include "firewall/nftables.h"
#include "wg/open_backend.h"

namespace ulagate {

// The running Linux kernel: joins the adapters for rtnetlink, WireGuard, nftables and /proc/sys.
class LinuxKernel final : public Kernel {
public:
    // `runtime_directory` holds what the settings were before us (sysctls), for a daemon that comes after a
    // crash.
    static Result<std::unique_ptr<LinuxKernel>> open(std::string runtime_directory,
                                                     wg::BackendChoice backend);

    Result<Links> links() override { return rtnl_->links(); }
    Result<Addresses> addresses() override { return rtnl_->addresses(); }
    Result<Routes> our_routes() override { return rtnl_->our_routes(); }
    Result<Rules> rules() override { return rtnl_->rules(); }
    Result<Pins> pins() override;
    Result<std::map<std::string, wg::Device>> tunnels(const std::set<std::string>& interfaces) override;
    Result<std::optional<firewall::Model>> firewall() override;
    Result<Sysctls> sysctls(const std::set<std::string>& paths) override;
    [[nodiscard]] ChangedSysctls changed_sysctls() const override { return originals_; }
    Result<void> apply(const Step& step) override;

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
    // Nothing while the machine has no WireGuard at all.
    [[nodiscard]] const wg::Backend* backend() const { return backend_.get(); }

private:
    LinuxKernel(std::string runtime_directory, wg::BackendChoice choice, std::unique_ptr<Rtnl> rtnl,
                std::unique_ptr<firewall::Nftables> nftables);
    // Tried again at each need: a module may be loaded, or wireguard-go installed, while we run.
    Result<wg::Backend*> need_backend();
    Result<void> apply_firewall(const ApplyFirewall& step);
    static Result<void> set_up_ours(const std::string& interface);
    Result<void> create_tunnel(const std::string& interface);
    Result<void> create_macvlan(const CreateMacvlan& step);
    Result<void> put_address(const PutAddress& step);
    Result<void> put_pin(const PutPin& step);
    Result<void> set_sysctl(const SetSysctl& step);
    void remember_forwarding_of_each(std::string_view family, const std::string& ours);
    Result<void> save_originals() const;
    void load_originals();
    [[nodiscard]] std::string originals_file() const { return runtime_directory_ + "/sysctls"; }

    std::string runtime_directory_;
    wg::BackendChoice choice_;
    std::unique_ptr<Rtnl> rtnl_;
    std::unique_ptr<firewall::Nftables> nftables_;
    std::unique_ptr<wg::Backend> backend_;
    std::optional<firewall::Model> applied_firewall_;
    ChangedSysctls originals_;
    bool no_pins_ = false;  // as far as we know
};

}  // namespace ulagate
