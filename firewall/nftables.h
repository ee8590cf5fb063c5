// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <string>

#include "daemon/base/result.h"

namespace ulagate::firewall {

// Applies rulesets with libnftables and watches nf_tables events for foreign hands on our table. Decides
// nothing.
class Nftables {
public:
    static Result<std::unique_ptr<Nftables>> open();
    Nftables(const Nftables&) = delete;
    Nftables& operator=(const Nftables&) = delete;
    Nftables(Nftables&&) = delete;
    Nftables& operator=(Nftables&&) = delete;
    ~Nftables();

    // One kernel transaction: all of it or, with nft's explanation in the error, nothing. Empty text =
    // nothing to do.
    Result<void> apply(const std::string& ruleset);
    // Whether our table (kTable, inet) exists now.
    Result<bool> table_exists();

    // Readable when something in nf_tables changed. After it is, call drain().
    [[nodiscard]] int event_handle() const;
    // Reads at most a bounded number of events; true when anybody else but apply() changed our table (or when
    // events were lost, so that we cannot know).
    Result<bool> drain();

private:
    struct Impl;
    explicit Nftables(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace ulagate::firewall
