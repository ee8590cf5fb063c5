// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/mtu_probe.h"

#include <algorithm>
#include <utility>

#include "daemon/base/log.h"
#include "daemon/loop/control_link.h"

namespace ulagate {
namespace {

// What one call takes from a socket, so that the loop is never away for long.
constexpr int kMaxAnswers = 64;

// The MTU is what the kernel believes, and no part of where packets go.
bool same_path(const MtuProbe::Path& a, const MtuProbe::Path& b) {
    return a.address == b.address && a.interface_mtu == b.interface_mtu && a.egress.link == b.egress.link &&
           a.egress.gateway == b.egress.gateway && a.egress.source == b.egress.source;
}

}  // namespace

MtuProbe::MtuProbe(Loop& loop, std::function<void()> measured)
    : loop_(loop), call_(std::move(measured)), alarm_(loop, [this] { on_timer(); }) {}

void MtuProbe::set_paths(const std::map<std::string, Path>& paths) {
    for (auto known = paths_.begin(); known != paths_.end();) {
        known = paths.contains(known->first) ? std::next(known) : paths_.erase(known);
    }
    for (const auto& [relay, path] : paths) {
        const auto [known, added] = paths_.try_emplace(relay);
        Measured& row = known->second;
        const bool other = added || !same_path(row.path, path);
        const bool kernel_learnt = row.path.egress.mtu != path.egress.mtu;
        row.path = path;
        if (other) {
            row.cookie = ControlLink::random();
            row.mtu.start(path.interface_mtu, loop_.now());
        } else if (kernel_learnt) {
            row.mtu.again(loop_.now());
        }
        row.mtu.set_traffic(path.traffic);
    }
    schedule();
}

std::optional<unsigned> MtuProbe::measured(const std::string& relay) const {
    const auto known = paths_.find(relay);
    return known == paths_.end() ? std::nullopt : known->second.mtu.bytes();
}

void MtuProbe::on_timer() {
    bool changed = false;
    for (auto& [relay, row] : paths_) {
        const auto before = row.mtu.bytes();
        const auto sizes = row.mtu.update(loop_.now());
        if (row.mtu.bytes() != before) {
            log::info(relay, "the path to {} carries packets of {} bytes", net::to_string(row.path.address),
                      *row.mtu.bytes());
            changed = true;
        }
        if (sizes.empty()) continue;
        if (Link* found = link(family_of(row.path.address)); found != nullptr) {
            for (const unsigned size : sizes) found->socket.send(row.path.address, size, row.cookie);
        }
    }
    schedule();
    if (changed) call_();
}

void MtuProbe::receive(IpFamily family) {
    const auto found = links_.find(family);
    if (found == links_.end()) return;
    for (int i = 0; i < kMaxAnswers; ++i) {
        const auto answer = found->second.socket.receive();
        if (!answer) log::debug("relays", "{}, ignoring", answer.error().text());
        if (!answer || !*answer) break;
        take(**answer);
    }
    schedule();
}

void MtuProbe::take(const EchoSocket::Answer& answer) {
    for (auto& [relay, row] : paths_) {
        if (row.cookie == answer.cookie && row.path.address == answer.from)
            row.mtu.on_answer(answer.bytes, loop_.now());
    }
}

MtuProbe::Link* MtuProbe::link(IpFamily family) {
    if (const auto found = links_.find(family); found != links_.end()) return &found->second;
    std::string problem;
    if (auto socket = EchoSocket::open(family); !socket) {
        problem = socket.error().text();
    } else if (auto watched =
                   Readable::watch(loop_, socket->native_handle(), [this, family] { receive(family); });
               !watched) {
        problem = watched.error().text();
    } else {
        return &links_.emplace(family, Link{std::move(*socket), std::move(*watched)}).first->second;
    }
    if (!std::exchange(complained_, true)) {
        log::warning("relays", "{}; using the kernel's path MTUs", problem);
    }
    return nullptr;
}

void MtuProbe::schedule() {
    std::optional<PathMtu::TimePoint> next;
    for (const auto& [relay, row] : paths_) {
        if (const auto due = row.mtu.deadline()) next = next ? std::min(*next, *due) : *due;
    }
    alarm_.set(next);
}

}  // namespace ulagate
