// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/result.h"
#include "firewall/nft_child.h"

namespace ulagate::firewall {

// Has rulesets applied by a process of its own (nft_process.h) and watches nf_tables events for foreign hands
// on our table. Decides nothing, and waits for nobody longer than a moment.
class Nftables {
public:
    // `child`: what applies rulesets; can differ only in tests.
    static Result<std::unique_ptr<Nftables>> open(std::vector<std::string> child = {"/proc/self/exe",
                                                                                    kNftChild});
    Nftables(const Nftables&) = delete;
    Nftables& operator=(const Nftables&) = delete;
    Nftables(Nftables&&) = delete;
    Nftables& operator=(Nftables&&) = delete;
    ~Nftables();

    // One kernel transaction: all of it or, with nft's explanation in the error, nothing. Empty text =
    // nothing to do. std::errc::operation_in_progress: take_answer() will have the result. After any other
    // error that is not nft's the process may have died with the transaction made: what is in force is not
    // known.
    Result<void> apply(const std::string& ruleset);
    // Readable when there may be an answer.
    [[nodiscard]] int answer_handle() const;
    std::optional<Result<void>> take_answer();
    // Of the process that applies rulesets; -1: there is none.
    [[nodiscard]] int child() const;

    // Whether our table (kTable, inet) exists now.
    Result<bool> table_exists();

    // Readable when something in nf_tables changed. After it is, call drain().
    [[nodiscard]] int event_handle() const;
    // Reads at most a bounded number of events; true when anybody else but apply() changed our table (or when
    // events were lost, so that we cannot know). What happens while a ruleset is being applied is judged
    // afterwards: take_foreign().
    Result<bool> drain();
    // Whether a foreign hand was seen since the last call, in events that came before their answer.
    bool take_foreign();

private:
    struct Impl;
    explicit Nftables(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace ulagate::firewall
