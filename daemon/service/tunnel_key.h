// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>

#include "daemon/kernel/desired.h"
#include "daemon/service/context.h"

namespace ulagate {

// The private key of this machine's tunnels. Without one nothing is encrypted, and the file is read again
// every 5 s. Owns the fact private_key.
class TunnelKey {
public:
    explicit TunnelKey(const Context& context) : context_(context) {}

    // A file that cannot be used leaves the key as it is.
    void load();
    // Each second.
    void tick();
    // Of a new configuration, or back to the one before.
    void set(const std::optional<wg::PrivateKey>& key) { key_ = key; }
    bool contribute(Facts& facts) const;

    [[nodiscard]] const std::optional<wg::PrivateKey>& key() const { return key_; }
    // Why the file could not be used last; empty: it could.
    [[nodiscard]] const std::string& problem() const { return problem_; }

private:
    Context context_;
    std::optional<wg::PrivateKey> key_;
    std::string problem_;
    Loop::TimePoint retry_at_;
};

}  // namespace ulagate
