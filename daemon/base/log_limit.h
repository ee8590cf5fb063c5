// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/token_bucket.h"

namespace ulagate::log {

// How many lines of one kind the log takes: what somebody outside can make happen a thousand times a second
// must not fill a disk. A line that has no room is counted, and the last one of them is written with the
// count as soon as there is room again: what holds now is what a reader wants to know. Memory is bounded
// whatever comes. Pure; the log of this process owns one.
class Limit {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    // Of one kind: so many lines at once, and then one each so often.
    static constexpr unsigned kBurst = 30;
    static constexpr std::chrono::seconds kEvery{20};
    // Of one thing that is now in this state and now in that one; then as above.
    static constexpr unsigned kBurstOfStates = 8;
    // Of all kinds together, errors apart.
    static constexpr unsigned kBurstOfAll = 1000;
    static constexpr std::chrono::seconds kEveryOfAll{1};
    // Errors with a text that was not met before are always written, within this.
    static constexpr unsigned kBurstOfErrors = 300;
    static constexpr std::chrono::seconds kEveryOfErrors{1};
    static constexpr std::size_t kMostKinds = 256;
    static constexpr std::size_t kMostTexts = 512;

    struct Line {
        int level = 0;
        std::string place;
        std::string text;  // with the count of what was left out before it
        bool operator==(const Line&) const = default;
    };

    // What may be written of this line now; nullopt: it is left out, and counted. `kind`: what it has in
    // common with its likes, the format string say.
    std::optional<Line> admit(int level, std::string_view place, std::string_view kind, std::string_view text,
                              TimePoint now);
    // The same of a line that says in which state `subject` is: all levels and texts are one kind.
    std::optional<Line> admit_state(int level, std::string_view place, std::string_view subject,
                                    std::string_view text, TimePoint now);
    // For a timer: the last line of each kind that was left out and has room now.
    std::vector<Line> due(TimePoint now);
    // At the end of the process, all that was left out.
    std::vector<Line> rest();

private:
    struct Kind {
        explicit Kind(unsigned burst = kBurst) : bucket(burst, kEvery) {}
        Budget bucket;
        std::uint64_t left_out = 0;
        Line last;  // of those
    };

    Kind& kind_of(std::string key, unsigned burst, TimePoint now);
    std::optional<Line> admit(Kind& known, Line line, TimePoint now);
    bool is_new_error(int level, std::string_view place, std::string_view text);
    [[nodiscard]] static std::string with_count(std::string_view text, std::uint64_t left_out);

    std::map<std::string, Kind, std::less<>> kinds_;
    Kind others_;  // of kinds for which the table has no room
    Budget all_{kBurstOfAll, kEveryOfAll};
    Budget errors_{kBurstOfErrors, kEveryOfErrors};
    std::set<std::size_t> texts_;  // of errors: their hashes
};

// What lines of one call have in common. A format that begins with its argument says nothing; the first two
// words of the text then do.
std::string_view kind_of_line(std::string_view format, std::string_view text);

}  // namespace ulagate::log
