// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "daemon/base/fd.h"
#include "daemon/loop/loop.h"
#include "image/appliance/state/save_policy.h"
#include "image/appliance/uplinks/uplinks.h"
#include "image/boot/card/card.h"

namespace ulagate::appliance {

// Keeps on the card what the daemon and the manager have to find again after a power cut: watches the
// daemon's state directory, and saves it with the time into the card's state. Without a card it does nothing.
class StateKeeper {
public:
    struct Setup {
        std::string card_file;     // that names the card's disk
        std::string daemon_state;  // directory
        std::string host_key;      // of ssh; may appear later
    };
    // `clock_is_right`: then the time that is kept may go back.
    StateKeeper(boost::asio::io_context& io, Setup setup, std::function<bool()> clock_is_right);

    void start();
    // At the end: once more, with the time as it is.
    void finish();
    // The host key of ssh that the card has; empty: none.
    [[nodiscard]] std::string host_key() const;
    // The latest time that the card knows of, in seconds since 1970; 0: none.
    [[nodiscard]] std::int64_t clock() const;
    [[nodiscard]] const std::string& problem() const { return problem_; }
    void save_soon(const std::string& file);

private:
    void read_changes();
    void save(bool at_end);
    [[nodiscard]] card::StateFiles daemon_files() const;

    boost::asio::io_context& io_;
    Setup setup_;
    std::function<bool()> clock_is_right_;
    std::optional<card::StateStore> store_;
    std::optional<SavePolicy> policy_;
    UniqueFd watch_;
    std::unique_ptr<Readable> readable_;
    std::string problem_;
    Alarm alarm_;
};

}  // namespace ulagate::appliance
