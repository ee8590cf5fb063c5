// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/tunnel_key.h"

#include <utility>

#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/service/assign.h"
#include "wg/device/key_file.h"

namespace ulagate {
namespace {

constexpr std::chrono::seconds kKeyRetry{5};

}  // namespace

void TunnelKey::load() {
    auto key = wg::load_private_key(context_.config.tunnel.private_key_file);
    if (key) {
        if (!problem_.empty()) log::info("tunnel", "the private key is usable now");
        problem_.clear();
        key_ = std::move(*key);
        return;
    }
    retry_at_ = context_.loop.now() + kKeyRetry;
    if (problem_ == key.error().text()) return;
    problem_ = key.error().text();
    log::error("tunnel", "{}, retrying every {}", problem_, human_duration(kKeyRetry));
}

void TunnelKey::tick() {
    if (!key_ && context_.loop.now() >= retry_at_) load();
}

bool TunnelKey::contribute(Facts& facts) const { return assign(facts.private_key, key_); }

}  // namespace ulagate
