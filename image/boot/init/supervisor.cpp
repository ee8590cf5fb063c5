// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/init/supervisor.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "daemon/base/text.h"

namespace ulagate::init {

Supervisor::Supervisor(std::vector<std::string> services, Limits limits) : limits_(limits) {
    for (std::string& name : services) {
        Service service;
        service.name = std::move(name);
        services_.push_back(std::move(service));
    }
}

std::size_t Supervisor::index(const Service& service) const {
    return static_cast<std::size_t>(&service - services_.data());
}

Actions Supervisor::start(TimePoint now) {
    Actions actions;
    for (Service& service : services_) {
        service.bad_since = now;
        run(service, now, actions);
    }
    return actions;
}

void Supervisor::run(Service& service, TimePoint now, Actions& actions) {
    service.state = State::starting;
    service.deadline = now + limits_.ready_within;
    service.ready_at.reset();
    actions.emplace_back(Start{index(service)});
}

void Supervisor::kill(Service& service, const std::string& why, TimePoint now, Actions& actions) {
    actions.emplace_back(Say{true, fmt::format("{}: {}, killing it", service.name, why)});
    service.state = State::killed;
    service.deadline = now + limits_.kill;
    if (!service.bad_since) service.bad_since = now;
    actions.emplace_back(Kill{index(service)});
}

Actions Supervisor::on_message(std::size_t index, const Message& message, TimePoint now) {
    Actions actions;
    Service& service = services_.at(index);
    const bool alive = service.state == State::starting || service.state == State::running;
    if (!alive) return actions;
    if (message.stopping) {
        // It goes by itself and has its own order to keep; no sign of life is due any more.
        service.state = State::stopping;
        service.deadline = now + limits_.stop;
        if (!service.bad_since) service.bad_since = now;
        return actions;
    }
    if (message.ready) {
        if (!service.ready_at) service.ready_at = now;
        service.state = State::running;
        service.bad_since.reset();
        service.was_ready = true;
    }
    if (service.state == State::running && (message.ready || message.alive)) {
        service.deadline = now + limits_.watchdog;
    }
    const bool all = std::ranges::all_of(services_, [](const Service& s) { return s.was_ready; });
    if (all && !all_ready_) {
        all_ready_ = true;
        actions.emplace_back(AllReady{});
    }
    return actions;
}

Actions Supervisor::on_exit(std::size_t index, const std::string& how, TimePoint now) {
    Actions actions;
    Service& service = services_.at(index);
    if (service.state == State::idle || service.state == State::waiting) return actions;
    if (end_) {
        service.state = State::idle;
        service.deadline.reset();
        if (index == stopping_) stop_next(now, actions);
        return actions;
    }
    const bool calm = service.ready_at && now - *service.ready_at >= limits_.calm;
    service.pause = service.pause == Milliseconds{} || calm
                        ? limits_.first_pause
                        : std::min(service.pause * 2, limits_.longest_pause);
    if (!service.bad_since) service.bad_since = now;
    service.state = State::waiting;
    service.deadline = now + service.pause;
    actions.emplace_back(Say{true, fmt::format("{} ended ({}), restarting it in {}", service.name, how,
                                               human_duration(service.pause))});
    return actions;
}

Actions Supervisor::on_deadline(TimePoint now) {
    Actions actions;
    for (Service& service : services_) {
        if (!service.deadline || now < *service.deadline) continue;
        switch (service.state) {
            case State::waiting:
                run(service, now, actions);
                break;
            case State::starting:
                kill(service, fmt::format("not ready after {}", human_duration(limits_.ready_within)), now,
                     actions);
                break;
            case State::running:
                kill(service, fmt::format("no watchdog message for {}", human_duration(limits_.watchdog)),
                     now, actions);
                break;
            case State::stopping:
                kill(service, fmt::format("did not exit within {} of SIGTERM", human_duration(limits_.stop)),
                     now, actions);
                break;
            case State::killed:
                // In the kernel's hands: on_exit() may still come.
                service.deadline.reset();
                actions.emplace_back(Say{true, fmt::format("{} cannot be killed", service.name)});
                if (end_ && index(service) == stopping_) stop_next(now, actions);
                break;
            case State::idle:
                service.deadline.reset();
                break;
        }
    }
    return actions;
}

Actions Supervisor::shut_down(End how, TimePoint now) {
    Actions actions;
    if (end_) return actions;  // the first word counts
    end_ = how;
    for (Service& service : services_) {
        if (service.state != State::waiting) continue;
        service.state = State::idle;
        service.deadline.reset();
    }
    stopping_ = services_.size();
    stop_next(now, actions);
    return actions;
}

// The next service that is there, from the first on.
void Supervisor::stop_next(TimePoint now, Actions& actions) {
    stopping_ = stopping_ == services_.size() ? 0 : stopping_ + 1;
    while (stopping_ < services_.size() && services_[stopping_].state == State::idle) ++stopping_;
    if (stopping_ >= services_.size()) {
        finished_ = true;
        actions.emplace_back(Finish{*end_});
        return;
    }
    Service& service = services_[stopping_];
    if (service.state == State::killed && !service.deadline) return stop_next(now, actions);
    if (service.state == State::killed) return;
    service.state = State::stopping;
    service.deadline = now + limits_.stop;
    actions.emplace_back(Terminate{stopping_});
}

std::optional<TimePoint> Supervisor::deadline() const {
    std::optional<TimePoint> first;
    for (const Service& service : services_) {
        if (service.deadline && (!first || *service.deadline < *first)) first = service.deadline;
    }
    return first;
}

bool Supervisor::healthy(TimePoint now) const {
    if (finished_) return false;
    // Each step of an orderly end has a limit of its own.
    if (end_) return true;
    return std::ranges::none_of(services_, [&](const Service& service) {
        return service.bad_since && now - *service.bad_since >= limits_.give_up;
    });
}

}  // namespace ulagate::init
