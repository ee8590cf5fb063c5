// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <iterator>
#include <string_view>

#include "daemon/base/text.h"
#include "daemon/cli/json_fields.h"
#include "daemon/cli/status.h"

// What the status says about paths: round trips, losses, and which sites take which relay.
namespace ulagate {
namespace {

namespace json = boost::json;
using std::chrono::microseconds;

constexpr std::size_t kSitesShown = 20;

json::value microseconds_of(const std::optional<microseconds>& time) {
    return time ? json::value(time->count()) : json::value(nullptr);
}

std::string milliseconds_text(std::uint64_t time) {
    constexpr double kMillisecond = 1000;
    const double value = static_cast<double>(time) / kMillisecond;
    return value < 10 ? fmt::format("{:.1f} ms", value) : fmt::format("{:.0f} ms", value);
}

std::vector<std::optional<microseconds>> history_of(const json::value& measured) {
    std::vector<std::optional<microseconds>> history;
    for (const json::value& each : list_of(measured, "history_us")) {
        json::error_code inexact;
        if (each.is_number()) {
            history.emplace_back(microseconds{each.to_number<std::int64_t>(inexact)});
        } else {
            history.emplace_back();
        }
    }
    return history;
}

json::object to_json(const Status::Candidate& candidate) {
    json::object out{{"relay", candidate.relay},
                     {"works", candidate.works ? json::value(*candidate.works) : json::value(nullptr)},
                     {"probes", candidate.probes},
                     {"probes_lost", candidate.lost}};
    add_json(out, candidate.measured);
    return out;
}

std::string candidate_text(const json::value& candidate) {
    const std::string relay = text_of(candidate, "relay");
    if (!has(candidate, "works")) return fmt::format("{}: not known", relay);
    if (!flag_of(candidate, "works")) return fmt::format("{}: no answer", relay);
    return fmt::format("{}: {}; {} of the last {} probes lost", relay, probes_text(candidate),
                       number_of(candidate, "probes_lost"), number_of(candidate, "probes"));
}

}  // namespace

void add_json(json::object& to, const Status::Probes& probes) {
    json::array history;
    for (const auto& each : probes.history) history.push_back(microseconds_of(each));
    to["round_trip_us"] = microseconds_of(probes.round_trip);
    to["history_us"] = std::move(history);
}

json::object to_json(const Status::Site& site) {
    json::array candidates;
    for (const Status::Candidate& candidate : site.candidates) candidates.push_back(to_json(candidate));
    return {{"prefix", site.prefix},
            {"relay", site.relay},
            {"alone", site.alone},
            {"active", site.active},
            {"transit", site.transit},
            {"since_ms", site.since ? json::value(site.since->count()) : json::value(nullptr)},
            {"why", site.why},
            {"candidates", std::move(candidates)}};
}

std::string sparkline(const std::vector<std::optional<microseconds>>& history) {
    constexpr std::array<std::string_view, 8> kBars{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    microseconds slowest{1};
    for (const auto& each : history) slowest = std::max(slowest, each.value_or(slowest));
    std::string line;
    for (const auto& each : history) {
        if (!each) {
            line += "×";
            continue;
        }
        const auto height = static_cast<std::size_t>(std::max<microseconds::rep>(each->count(), 0)) *
                            kBars.size() / static_cast<std::size_t>(slowest.count() + 1);
        line += kBars.at(std::min(height, kBars.size() - 1));
    }
    return line;
}

std::string probes_text(const json::value& measured) {
    const std::string bars = sparkline(history_of(measured));
    const std::string time = has(measured, "round_trip_us")
                                 ? "round trip " + milliseconds_text(number_of(measured, "round_trip_us"))
                                 : std::string{"no answer"};
    return bars.empty() ? time : time + " " + bars;
}

std::string sites_text(const json::value& status, bool all) {
    const json::array& sites = list_of(status, "sites");
    const auto known = number_of(status, "sites_known");
    if (sites.empty() && known == 0) return {};
    std::string text = fmt::format("paths  {} remote prefix{} connected\n", known, known == 1 ? "" : "es");
    const auto out = std::back_inserter(text);
    const std::size_t shown = all ? sites.size() : std::min(sites.size(), kSitesShown);
    for (std::size_t i = 0; i < shown; ++i) {
        const json::value& site = sites[i];
        const std::string relay = text_of(site, "relay");
        const std::string why = text_of(site, "why");
        fmt::format_to(out, "         {} through {}{} for {}{}{}{}\n", text_of(site, "prefix"),
                       relay.empty() ? "no relay" : relay,
                       flag_of(site, "transit") ? " and another relay" : "",
                       human_duration(std::chrono::milliseconds{number_of(site, "since_ms")}),
                       why.empty() ? "" : ": ", why, flag_of(site, "active") ? "; traffic" : "");
        for (const json::value& candidate : list_of(site, "candidates"))
            fmt::format_to(out, "           {}\n", candidate_text(candidate));
    }
    if (shown < sites.size()) {
        fmt::format_to(out, "         ... {} more (--all shows {})\n", std::max(known, sites.size()) - shown,
                       sites.size() < known ? fmt::format("{} of them", sites.size() - shown) : "them");
    } else if (shown < known) {
        fmt::format_to(out, "         ... {} more\n", known - shown);
    }
    return text;
}

}  // namespace ulagate
