// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/ending.h"

#include <chrono>
#include <utility>

#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/kernel/desired.h"

namespace ulagate {

Ending::Ending(const Context& context, Host& host, Parts& parts, Shutdown& shutdown)
    : context_(context),
      host_(host),
      parts_(parts),
      shutdown_(shutdown),
      started_(context.loop.now()),
      next_(context.loop, [this] { go_on(); }),
      exit_(context.loop, [this] { host_.exit(); }) {}

void Ending::hand_over() {
    if (shutdown_.stopping() || shutdown_.handing_over()) return;
    host_.stopping();
    const Parts::HandOver how = parts_.hand_over();
    shutdown_.hand_over(how.limit, how.forwards, context_.loop.now());
    context_.turn.reconcile();
    go_on();
}

void Ending::withdraw(std::function<void(const std::string&)> answer) {
    if (!shutdown_.withdraw(context_.loop.now())) return answer("already withdrawing");
    log::notice("ulagate", "withdrawing: sending final advertisements to hosts, then removing everything");
    withdrawn_ = std::move(answer);
    parts_.withdraw();
    go_on();
}

// Forwarding goes on until another router has the site, or every LAN has heard the last advertisement.
void Ending::go_on() {
    const auto now = context_.loop.now();
    if (!shutdown_.stopping()) {
        if (!shutdown_.take_down(parts_.left(), now)) return next_.set(shutdown_.deadline(now));
        host_.stopping();
        parts_.stop();
        context_.reconciler.mark(Stale::all());
        context_.reconciler.retry_now();
    }
    take_down();
}

// Until all is out of the kernel; what is left under way there is waited for, but not for ever.
void Ending::take_down() {
    Reconciler& reconciler = context_.reconciler;
    const auto now = context_.loop.now();
    static_cast<void>(reconciler.refresh());  // an error is reported by the run
    // As it is now: the settings of all interfaces follow one another when they are set back.
    Wanted nothing = nothing_wanted(reconciler.have());
    context_.kernel_log.tell(reconciler.run([&](const Have&) { return nothing; }, now));
    host_.applied();
    if (!shutdown_.done(reconciler.under_way(), now)) return next_.set(shutdown_.deadline(now));
    if (reconciler.settled()) host_.taken_down();
    if (withdrawn_) withdrawn_("");
    log::info("ulagate", "stopped after {}",
              human_duration(std::chrono::duration_cast<std::chrono::milliseconds>(now - started_)));
    exit_.set(shutdown_.exit_at());
}

}  // namespace ulagate
