// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device/background_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <condition_variable>
#include <mutex>

namespace ulagate::wg::background_backend_test {
namespace {

using namespace std::chrono_literals;

constexpr auto kLong = 30s;  // never reached unless something is broken

// A backend whose calls wait until the test opens the gate of their interface.
class Gated : public Backend {
public:
    struct State {
        std::mutex mutex;
        std::condition_variable moved;
        std::set<std::string> shut;
        std::map<std::string, std::uint16_t> ports;  // what read() gives
        std::map<std::string, unsigned> reads;
        bool given_up = false;

        void shut_gate(const std::string& interface) {
            const std::lock_guard lock{mutex};
            shut.insert(interface);
        }
        void open_gate(const std::string& interface) {
            const std::lock_guard lock{mutex};
            shut.erase(interface);
            moved.notify_all();
        }
        void wait_for_reads(const std::string& interface, unsigned count) {
            std::unique_lock lock{mutex};
            EXPECT_TRUE(moved.wait_for(lock, kLong, [&] { return reads[interface] >= count; }));
        }
    };
    explicit Gated(std::shared_ptr<State> state) : state_(std::move(state)) {}

    [[nodiscard]] const char* name() const override { return "gated"; }
    Result<void> create(const std::string& interface) override { return pass(interface); }
    Result<void> remove(const std::string& interface) override {
        auto passed = pass(interface);
        const std::lock_guard lock{state_->mutex};
        state_->ports.erase(interface);
        return passed;
    }
    Result<Device> read(const std::string& interface) override {
        std::uint16_t before = 0;
        {
            const std::lock_guard lock{state_->mutex};
            if (!state_->ports.contains(interface)) return fail_errno(interface, ENODEV);
            before = state_->ports[interface];
            ++state_->reads[interface];
            state_->moved.notify_all();
        }
        if (auto passed = pass(interface); !passed) return tl::unexpected(passed.error());
        Device device;
        device.listen_port = before;  // as it was when the question came
        return device;
    }
    Result<void> apply(const std::string& interface, const DeviceChange& change) override {
        if (auto passed = pass(interface); !passed) return passed;
        const std::lock_guard lock{state_->mutex};
        if (*change.listen_port == 1) return fail_errno("port 1", EADDRINUSE);
        state_->ports[interface] = *change.listen_port;
        return {};
    }
    void give_up() override {
        const std::lock_guard lock{state_->mutex};
        state_->given_up = true;
        state_->moved.notify_all();
    }

private:
    Result<void> pass(const std::string& interface) {
        std::unique_lock lock{state_->mutex};
        const bool free = state_->moved.wait_for(
            lock, kLong, [&] { return state_->given_up || !state_->shut.contains(interface); });
        if (!free || state_->given_up) return fail_errno(interface, ETIMEDOUT);
        return {};
    }
    std::shared_ptr<State> state_;
};

class WgBackgroundBackend : public ::testing::Test {
protected:
    WgBackgroundBackend() {
        state_->ports = {{"ulg-r1", 51820}, {"ulg-r2", 51821}};
        backend_ = std::make_unique<BackgroundBackend>(std::make_unique<Gated>(state_), kMoment);
    }
    bool event() const {
        pollfd watched{backend_->event_handle(), POLLIN, 0};
        return ::poll(&watched, 1, std::chrono::milliseconds{kLong}.count()) == 1;
    }
    static BackgroundBackend::Change port(const std::string& interface, std::uint16_t number) {
        return [interface, number](Backend& backend) {
            DeviceChange change;
            change.listen_port = number;
            return backend.apply(interface, change);
        };
    }
    // A read that may miss its moment on a busy machine.
    std::uint16_t port_of(const std::string& interface) {
        for (;;) {
            auto answers = backend_->read({interface});
            if (const auto found = answers.devices.find(interface); found != answers.devices.end())
                return found->second.listen_port;
            if (!event()) return 0;
            (void)backend_->take_finished();
        }
    }

    static constexpr auto kMoment = 50ms;
    std::shared_ptr<Gated::State> state_ = std::make_shared<Gated::State>();
    std::unique_ptr<BackgroundBackend> backend_;
};

TEST_F(WgBackgroundBackend, F07_OneThatHangsCostsAMomentOnceAndTheOthersNothing) {
    state_->shut_gate("ulg-r2");
    EXPECT_EQ(port_of("ulg-r1"), 51820);
    auto answers = backend_->read({"ulg-r1", "ulg-r2"});
    ASSERT_TRUE(answers.errors.contains("ulg-r2"));
    EXPECT_EQ(answers.errors.at("ulg-r2").code, std::errc::operation_in_progress);
    // From now on nobody waits for it. A hundred rounds of the moment would be five seconds.
    const auto begun = std::chrono::steady_clock::now();
    for (int i = 0; i < 100; ++i) (void)backend_->read({"ulg-r2"});
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 100 * kMoment);
    EXPECT_GT(backend_->silence("ulg-r2"), 0ms);
    EXPECT_EQ(state_->reads["ulg-r2"], 1U);  // it is asked once, not again and again
    state_->open_gate("ulg-r2");
    EXPECT_TRUE(event());
    EXPECT_EQ(port_of("ulg-r2"), 51821);
    EXPECT_EQ(backend_->silence("ulg-r2"), 0ms);
}

TEST_F(WgBackgroundBackend, F07_AChangeThatTakesLongIsToldWhenItHasEnded) {
    EXPECT_EQ(port_of("ulg-r1"), 51820);
    state_->shut_gate("ulg-r1");
    EXPECT_EQ(backend_->change("ulg-r1", port("ulg-r1", 7)).error().code, std::errc::operation_in_progress);
    EXPECT_EQ(backend_->change("ulg-r1", port("ulg-r1", 8)).error().code, std::errc::device_or_resource_busy);
    EXPECT_TRUE(backend_->take_finished().empty());
    state_->open_gate("ulg-r1");
    ASSERT_TRUE(event());
    const auto finished = backend_->take_finished();
    ASSERT_EQ(finished.size(), 1U);
    EXPECT_EQ(finished[0].interface, "ulg-r1");
    EXPECT_TRUE(finished[0].result);
    EXPECT_TRUE(backend_->take_finished().empty());
    EXPECT_EQ(port_of("ulg-r1"), 7);
}

TEST_F(WgBackgroundBackend, F07_AFailureOfOneLeftBehindIsToldToo) {
    state_->shut_gate("ulg-r1");
    EXPECT_FALSE(backend_->change("ulg-r1", port("ulg-r1", 1)));
    state_->open_gate("ulg-r1");
    ASSERT_TRUE(event());
    const auto finished = backend_->take_finished();
    ASSERT_EQ(finished.size(), 1U);
    EXPECT_EQ(finished[0].result.error().code, std::errc::address_in_use);
}

// The answer to a question from before the change would be taken for what has become of it.
TEST_F(WgBackgroundBackend, F07_NoAnswerIsOlderThanTheLastChange) {
    state_->shut_gate("ulg-r1");
    EXPECT_TRUE(backend_->read({"ulg-r1"}).devices.empty());
    state_->wait_for_reads("ulg-r1", 1);  // the question has been asked: its answer will say 51820
    EXPECT_FALSE(backend_->change("ulg-r1", port("ulg-r1", 7)));
    state_->open_gate("ulg-r1");
    EXPECT_EQ(port_of("ulg-r1"), 7);
}

TEST_F(WgBackgroundBackend, ADeviceThatIsNotThereIsNoError) {
    EXPECT_EQ(port_of("ulg-r1"), 51820);
    state_->ports.erase("ulg-r1");
    BackgroundBackend::Answers answers;
    do {
        answers = backend_->read({"ulg-r1"});
    } while (answers.errors.contains("ulg-r1"));
    EXPECT_TRUE(answers.devices.empty());
}

TEST_F(WgBackgroundBackend, F07_TheEndWaitsForNobody) {
    state_->shut_gate("ulg-r1");
    state_->shut_gate("ulg-r2");
    (void)backend_->read({"ulg-r1", "ulg-r2"});
    EXPECT_FALSE(backend_->change("ulg-r1", port("ulg-r1", 7)));
    const auto begun = std::chrono::steady_clock::now();
    backend_.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - begun, kLong);
    EXPECT_TRUE(state_->given_up);
}

}  // namespace
}  // namespace ulagate::wg::background_backend_test
