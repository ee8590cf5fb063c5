// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "daemon/kernel/steps.h"
#include "daemon/lan/router.h"
#include "tests/sim/wire.h"

namespace ulagate::sim {

// One machine of the site. Its kernel holds addresses, forwards, and answers Neighbor Solicitations as long
// as it has power. The daemon on it is the real LanRouter with the real desired() and plan(); what
// daemon/service/service.cpp and daemon/lan/task.cpp do around them is done here with virtual time: sockets
// that are read, a timer, a tick each second that renews the lease, kernel events, and a scheduler that may
// let the process wait.
class Router {
public:
    struct Setup {
        Station station = 0;
        net::MacAddress mac;
        net::Ipv6Address address;  // the interface's own link-local
        Dice* dice = nullptr;
        std::function<void(Frame)> send;
        std::function<bool()> drained;  // the relays know another router for the site
        std::function<void(const vrrp::Changed&)> changed;
        std::function<void(const std::string&)> tell;
    };
    Router(Setup setup, LanConfig lan);

    // The machine.
    void power(bool on, TimePoint now);
    void carrier(bool there, TimePoint now);
    // It stands still as a whole, as a virtual machine can. Its clock goes on, or stands still too.
    void freeze(TimePoint now);
    void thaw(bool clock_went_on, TimePoint now);
    [[nodiscard]] bool powered() const { return powered_; }
    [[nodiscard]] bool frozen() const { return frozen_at_.has_value(); }

    // The daemon.
    void start(TimePoint now);
    void kill();
    void hand_over(TimePoint now);
    void withdraw(TimePoint now);
    void stall(TimePoint until);
    void set_config(LanConfig lan, TimePoint now);
    void deduct(std::uint8_t amount, TimePoint now);

    void receive(const std::shared_ptr<const Frame>& frame, TimePoint now);
    void run(TimePoint now);
    [[nodiscard]] TimePoint wake() const;

    // The machine's clock, and when its process started by it. life(): another number for each process.
    [[nodiscard]] TimePoint clock(TimePoint now) const { return frozen_at_.value_or(now) - lost_time_; }
    [[nodiscard]] unsigned life() const { return life_; }
    [[nodiscard]] TimePoint started() const { return started_; }
    // Since when the process has had its turn whenever it wanted, and has read all that came; nullopt: it
    // stands still, or there is none.
    [[nodiscard]] std::optional<TimePoint> awake_since(TimePoint now) const;
    // An advertisement that comes now gets to the process, or to its socket.
    [[nodiscard]] bool hears() const;
    [[nodiscard]] const LanRouter* lan_router() const { return lan_router_ ? &*lan_router_ : nullptr; }
    [[nodiscard]] const LanConfig& lan() const { return lan_; }
    [[nodiscard]] const net::Ipv6Address& address() const { return setup_.address; }
    [[nodiscard]] bool leaving() const { return end_at_ != TimePoint::max(); }
    [[nodiscard]] std::uint8_t deduction() const { return deduction_; }
    [[nodiscard]] bool active() const;
    // Who asks for the virtual address gets an answer from this machine.
    [[nodiscard]] bool answers() const { return powered_ && !frozen_at_ && face_.has_address; }
    // Another number whenever one of answers(), sending_mac() and carries() may be otherwise.
    [[nodiscard]] unsigned face_version() const { return face_version_; }
    // With which MAC address.
    [[nodiscard]] const net::MacAddress& sending_mac() const { return face_.sending; }
    // A host's packet to this MAC address gets into the overlay here.
    [[nodiscard]] bool carries(const net::MacAddress& mac) const {
        return powered_ && !frozen_at_ && face_.forwards &&
               (mac == setup_.mac || (face_.sending_up && mac == face_.sending));
    }

private:
    // What waits for the process to run, as asio would call it.
    using Handler = void (Router::*)(TimePoint);

    void look_at_kernel();
    void kernel_time(TimePoint now);
    void answer_solicitation(const Frame& frame);
    void kernel_event(TimePoint now);
    void apply(const Step& step, TimePoint now);
    void put_leased(const AddressKey& address, TimePoint now);

    void receive_vrrp(TimePoint now);
    void receive_icmpv6(TimePoint now);
    void on_timer(TimePoint now);
    void on_tick(TimePoint now);
    void reconcile(TimePoint now);
    void on_kernel_event(TimePoint now);
    void poll_end(TimePoint now);
    void take_down(TimePoint now);
    void perform(const LanActions& actions, TimePoint now);
    void put_on_wire(const LanAction& action, TimePoint now);
    void finish(TimePoint now);
    void forget_process();

    Setup setup_;
    LanConfig lan_;

    // The machine and its kernel.
    bool powered_ = false;
    bool carrier_ = true;
    Have kernel_;
    struct Face {  // what the others see of it
        bool has_address = false;
        bool forwards = false;
        bool sending_up = false;
        net::MacAddress sending;
    } face_;
    unsigned face_version_ = 0;
    std::set<AddressKey> leased_;
    TimePoint lease_ends_ = TimePoint::max();
    TimePoint own_address_at_ = TimePoint::max();  // duplicate address detection
    std::optional<TimePoint> frozen_at_;
    Duration lost_time_{0};
    std::deque<std::shared_ptr<const Frame>> vrrp_in_;  // socket buffers
    std::deque<std::shared_ptr<const Frame>> icmpv6_in_;

    // The process. All times are the machine's, but for these two:
    TimePoint thawed_;
    TimePoint stalled_until_;
    unsigned life_ = 0;
    TimePoint started_;
    std::optional<LanRouter> lan_router_;
    Have known_;  // the kernel as the process last saw it
    std::vector<AddressKey> leases_;
    std::uint8_t deduction_ = 0;
    bool wants_ = false;
    bool settled_ = false;
    TimePoint timer_at_ = TimePoint::max();
    TimePoint tick_at_ = TimePoint::max();
    TimePoint reconcile_at_ = TimePoint::max();
    TimePoint event_at_ = TimePoint::max();
    TimePoint end_poll_at_ = TimePoint::max();
    TimePoint end_at_ = TimePoint::max();
    bool withdraws_ = false;
    bool behind_ = false;  // advertisements have waited in the socket
};

}  // namespace ulagate::sim
