// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <set>

namespace ulagate {

// Which name server is asked when, for one question. The next one's turn comes when one has failed, or after
// a while of silence; but whoever was asked may still answer until the end, because a slow name server (a
// satellite, a sleeping uplink) is better than none. Pure.
class NameServerTurns {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    // `patience`: before the next is asked too, doubled with each pass over all servers.
    NameServerTurns(std::size_t servers, std::chrono::milliseconds patience, unsigned attempts);

    // The server to ask now; nullopt: nobody's turn.
    std::optional<std::size_t> next(TimePoint now);
    // It said that it will not answer, and is not asked again.
    void failed(std::size_t server, TimePoint now);
    // Nobody is left to ask or to wait for.
    [[nodiscard]] bool over(TimePoint now) const;
    [[nodiscard]] std::optional<TimePoint> deadline() const { return due_; }

private:
    [[nodiscard]] bool turns_left() const { return pass_ < attempts_; }
    void skip_failed();

    std::size_t servers_;
    std::chrono::milliseconds patience_;
    unsigned attempts_;
    unsigned pass_ = 0;
    std::size_t at_ = 0;  // whose turn is next
    std::set<std::size_t> failed_;
    std::optional<TimePoint> due_;  // of the next turn, or of the end; nullopt: not begun
};

}  // namespace ulagate
