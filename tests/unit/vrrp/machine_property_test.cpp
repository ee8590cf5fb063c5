// SPDX-License-Identifier: GPL-2.0-or-later
#include <random>

#include "tests/unit/vrrp/story.h"

// What holds whatever happens: random events of every kind, at random times, with timers that are late.
namespace ulagate::vrrp::machine_property_test {
namespace {

class Anything {
public:
    explicit Anything(unsigned seed) : rng_(seed) {}

    void step() {
        // Mostly short waits, sometimes a stall.
        now_ += Duration{std::chrono::microseconds{number(0, 200'000)}};
        if (number(0, 50) == 0) now_ += 1s * number(1, 300);
        const TimePoint asked = now_;
        switch (number(0, 11)) {
            case 0:
                check(machine_.start(now_));
                break;
            case 1:
                if (number(0, 5) == 0) check(machine_.stop(now_));
                break;
            case 2:
                check(machine_.set_priority(priority(), now_));
                break;
            case 3:
                check(machine_.set_config(random_config(), now_));
                break;
            case 4:
                if (number(0, 5) == 0) check(machine_.lease_lost(now_, "stood still"));
                break;
            case 5:
            case 6:
            case 7:
                check(machine_.on_advertisement(random_advertisement(), random_address(), kSelf, now_));
                break;
            default:
                if (machine_.deadline() && number(0, 1) == 0) now_ = std::max(now_, *machine_.deadline());
                check(machine_.on_deadline(now_));
                // Once is enough, however late it was.
                check_nothing_left();
                break;
        }
        ASSERT_GE(now_, asked);
    }

    [[nodiscard]] unsigned transitions() const { return transitions_; }

private:
    long number(long low, long high) { return std::uniform_int_distribution<long>{low, high}(rng_); }
    std::uint8_t priority() { return static_cast<std::uint8_t>(number(0, 255)); }
    Centiseconds interval() { return Centiseconds{number(0, 3) == 0 ? number(1, 4095) : number(1, 20)}; }
    net::Ipv6Address random_address() {
        net::Ipv6Address made = kSelf;
        made.bytes.back() = static_cast<std::uint8_t>(number(0, 3));
        return made;
    }
    Advertisement random_advertisement() {
        Advertisement made = advertisement(priority(), interval());
        if (number(0, 9) == 0) made.vrid = 52;
        if (number(0, 9) == 0) made.addresses.push_back(kSelf);
        return made;
    }
    Config random_config() {
        Config made = config(priority(), interval());
        made.preempt = number(0, 2) != 0;
        made.preempt_delay = 100ms * number(0, 20);
        made.start_delay = 100ms * number(0, 5);
        return made;
    }

    void check_nothing_left() {
        ASSERT_TRUE(!machine_.deadline() || *machine_.deadline() > now_);
        ASSERT_THAT(in_words(machine_.on_deadline(now_)), IsEmpty());
    }

    // The address is taken exactly when the machine becomes Active, released exactly when it no longer is;
    // each change of state is reported, once; only who is (or just was) Active speaks.
    void check(const Actions& actions) {
        const bool was_active = state_ == State::active;
        unsigned changes = 0;
        unsigned sent = 0;
        unsigned taken = 0;
        unsigned released = 0;
        for (const Action& action : actions) {
            if (const auto* changed = std::get_if<Changed>(&action)) {
                ++changes;
                ASSERT_EQ(changed->from, state_);
                ASSERT_NE(changed->to, changed->from);
                ASSERT_FALSE(changed->reason.empty());
                state_ = changed->to;
                ASSERT_EQ(machine_.transitions().back(),
                          (Transition{changed->from, changed->to, now_, changed->reason}));
            }
            if (const auto* send = std::get_if<SendAdvertisement>(&action)) {
                ++sent;
                ASSERT_EQ(send->priority, machine_.state() == State::init ? 0 : machine_.priority());
            }
            taken += std::holds_alternative<TakeAddress>(action) ? 1U : 0U;
            released += std::holds_alternative<ReleaseAddress>(action) ? 1U : 0U;
            if (std::holds_alternative<Announce>(action)) {
                ASSERT_TRUE(was_active);
            }
        }
        const bool is_active = state_ == State::active;
        ASSERT_EQ(machine_.state(), state_);
        ASSERT_LE(changes, 1U);
        ASSERT_LE(sent, 1U);
        ASSERT_EQ(taken, is_active && !was_active ? 1U : 0U);
        ASSERT_EQ(released, was_active && !is_active ? 1U : 0U);
        if (!was_active && !is_active) {
            ASSERT_EQ(sent, 0U);
        }
        if (changes > 0) {
            ASSERT_EQ(machine_.since(), now_);
        }
        if (state_ != State::init) {
            ASSERT_TRUE(machine_.deadline().has_value());
            ASSERT_LE(*machine_.deadline(), now_ + down_interval(1, kMaxInterval));
        }
        ASSERT_GE(machine_.priority(), 1);
        ASSERT_LE(machine_.transitions().size(), 16U);
        transitions_ += changes;
    }

    std::mt19937 rng_;
    TimePoint now_ = kStart;
    Machine machine_{random_config()};
    State state_ = State::init;
    unsigned transitions_ = 0;
};

class VrrpProperty : public ::testing::TestWithParam<unsigned> {};

TEST_P(VrrpProperty, HoldsWhateverHappens) {
    Anything anything{GetParam()};
    for (int i = 0; i < 20'000 && !HasFatalFailure(); ++i) anything.step();
    EXPECT_GT(anything.transitions(), 500U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, VrrpProperty, ::testing::Range(1U, 21U));

}  // namespace
}  // namespace ulagate::vrrp::machine_property_test
