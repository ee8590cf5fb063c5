// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "image/appliance/update/facts.h"
#include "image/appliance/update/update.h"
#include "image/boot/slot/trial.h"
#include "tests/unit/slot/card_story.h"
#include "tests/unit/slot/update_story.h"

namespace ulagate::slot::command_test {
namespace {

using testing::HasSubstr;
using Stage = UpdateRecord::Stage;

struct Answer {
    int code = -1;
    std::string out;
    std::string error;
};

// A web server that answers one request, and then is gone.
class OneAnswer {
public:
    explicit OneAnswer(const std::string& answer) {
        const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof(address);
        EXPECT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), length), 0);
        EXPECT_EQ(::listen(listener, 1), 0);
        ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
        port_ = ntohs(address.sin_port);
        child_ = ::fork();
        if (child_ == 0) {
            const int connection = ::accept(listener, nullptr, nullptr);
            std::array<char, 4096> request{};
            if (::read(connection, request.data(), request.size()) <= 0) ::_exit(1);
            for (std::size_t at = 0; at < answer.size();) {
                const ssize_t n = ::write(connection, answer.data() + at, answer.size() - at);
                if (n <= 0) ::_exit(1);
                at += static_cast<std::size_t>(n);
            }
            ::_exit(0);
        }
        ::close(listener);
    }
    OneAnswer(const OneAnswer&) = delete;
    OneAnswer& operator=(const OneAnswer&) = delete;
    OneAnswer(OneAnswer&&) = delete;
    OneAnswer& operator=(OneAnswer&&) = delete;
    ~OneAnswer() {
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
    }
    [[nodiscard]] std::string url() const {
        return "http://127.0.0.1:" + std::to_string(port_) + "/ulagate-rpi-0.2.0.slot";
    }

private:
    std::uint16_t port_ = 0;
    pid_t child_ = -1;
};

class SlotCommand : public SlotCard {
protected:
    void SetUp() override {
        SlotCard::SetUp();
        std::string release = fat16_image("SLOT", {{"ulagate-release", "VERSION=0.2.0\nBOARD=rpi\n"}});
        image_ = to_bytes(release);
        put("/update.slot", text(update_of(image_)));
    }
    static std::string text(const Bytes& bytes) {
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
    [[nodiscard]] Answer run(std::vector<std::string> words) const {
        words.insert(words.end(), {"--root", root_});
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        Answer out;
        out.code = appliance::update(words);
        out.out = testing::internal::GetCapturedStdout();
        out.error = testing::internal::GetCapturedStderr();
        return out;
    }
    // Exit code 1, a reason, and nothing has changed at all.
    void refused(const std::vector<std::string>& words, const std::string& why) const {
        const std::string card_before = get("/dev/disk");
        const Answer answer = run(words);
        EXPECT_EQ(answer.code, 1);
        EXPECT_THAT(answer.error, HasSubstr(why));
        EXPECT_TRUE(get("/dev/disk") == card_before) << why;
        EXPECT_EQ(get("/sys/kernel/tryboot"), "0\n") << why;
    }
    [[nodiscard]] std::string file() const { return root_ + "/update.slot"; }

    Bytes image_;
};

TEST_F(SlotCommand, FromAFileToATrialAndBack) {
    put("/etc/ulagate/ulagate.toml",
        read_file(std::string{ULAGATE_SOURCE_DIR} + "/daemon/reference/edge.toml", 1'000'000).value_or(""));
    put("/sys/class/net/eth0/carrier", "1\n");
    put("/sys/class/net/eth1/carrier", "1\n");  // no LAN of ours
    const std::string before = rest_of_card();
    const Answer answer = run({file()});
    EXPECT_EQ(answer.error, "");
    EXPECT_EQ(answer.code, 0);
    EXPECT_EQ(answer.out,
              "signature good: rpi 0.2.0 of 2033-05-18 03:33 UTC, for this board\n"
              "writing slot B (2 MiB, each chunk verified before)\n"
              "reading slot B back from the card\n"
              "armed: the next boot tries slot B for 5 min; it must again have: a good configuration, link "
              "on eth0\n"
              "not rebooting: the next orderly reboot starts the trial\n");
    EXPECT_TRUE(to_bytes(slot_b()) == image_);
    EXPECT_TRUE(rest_of_card() == before) << "the choice is the next boot's";
    EXPECT_EQ(get("/sys/kernel/tryboot"), "1\n");
    const auto record = load_record(card());
    ASSERT_TRUE(record);
    EXPECT_EQ(record->stage, Stage::armed);
    EXPECT_EQ(record->before, (Facts{true, {"eth0"}, false}));

    EXPECT_EQ(run({"--status"}).out,
              "running: rpi 0.1.0 of 2030-03-17 17:46 UTC, slot A\nusual: slot A\nslot A: \"0.1.0\"\nslot B: "
              "\"0.2.0\"\n"
              "last update: 0.1.0 -> 0.2.0 in slot B: armed\n");
    boots(Slot::b, true);
    put("/sys/kernel/tryboot", "0\n");
    auto trial = Trial::begin(root_, [](const std::string&) {});
    EXPECT_THAT(run({"--status"}).out, HasSubstr("usual: slot A; the running version is on trial"));
    refused({file()}, "the running version is on trial itself");
    trial.step(appliance::gather_facts(root_), TimePoint{} + std::chrono::seconds{10});
    trial.step(appliance::gather_facts(root_), TimePoint{} + std::chrono::seconds{30});
    EXPECT_THAT(run({"--status"}).out, HasSubstr("slot B\nusual: slot B\n"));
    EXPECT_THAT(run({"--status"}).out, HasSubstr("last update: 0.1.0 -> 0.2.0 in slot B: committed"));
}

TEST_F(SlotCommand, ThroughStandardInput) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    const pid_t writer = ::fork();
    ASSERT_GE(writer, 0);
    if (writer == 0) {
        const std::string all = text(update_of(image_));
        ::_exit(::write(ends[1], all.data(), all.size()) == static_cast<ssize_t>(all.size()) ? 0 : 1);
    }
    ::close(ends[1]);
    const int stdin_before = ::dup(STDIN_FILENO);
    ::dup2(ends[0], STDIN_FILENO);
    ::close(ends[0]);
    const Answer answer = run({"-", "--trial-minutes", "10"});
    ::dup2(stdin_before, STDIN_FILENO);
    ::close(stdin_before);
    ::waitpid(writer, nullptr, 0);
    EXPECT_EQ(answer.code, 0) << answer.error;
    EXPECT_TRUE(to_bytes(slot_b()) == image_);
    EXPECT_EQ(load_record(card()).value_or(UpdateRecord{}).trial_minutes, 10U);
}

TEST_F(SlotCommand, OverHttp) {
    const std::string all = text(update_of(image_));
    const std::string head = "HTTP/1.0 200 OK\r\nContent-Length: " + std::to_string(all.size()) + "\r\n\r\n";
    {
        const OneAnswer whole{head + all};
        const Answer answer = run({whole.url()});
        EXPECT_EQ(answer.code, 0) << answer.error;
        EXPECT_TRUE(to_bytes(slot_b()) == image_);
        EXPECT_EQ(get("/sys/kernel/tryboot"), "1\n");
    }
    put("/sys/kernel/tryboot", "0\n");
    const OneAnswer cut{head + all.substr(0, all.size() / 2)};
    const Answer answer = run({cut.url()});
    EXPECT_EQ(answer.code, 1);
    EXPECT_THAT(answer.error, HasSubstr("broke off, "));
    EXPECT_EQ(get("/sys/kernel/tryboot"), "0\n") << "half a version is not tried";
    const OneAnswer missing{"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n"};
    refused({missing.url()}, "404 Not Found");
    const OneAnswer other{"HTTP/1.0 200 OK\r\nContent-Length: 18\r\n\r\n<html>login</html>"};
    refused({other.url()}, "not an update file of ulagate");
}

TEST_F(SlotCommand, AFileIsReadToItsEndBeforeAnythingIsWritten) {
    const std::string good = get("/update.slot");
    for (std::string bad : {good.substr(0, good.size() - 1), good + "x"}) {
        put("/update.slot", bad);
        refused({file()}, bad.size() < good.size() ? "ends too early" : "something follows its end");
    }
}

TEST_F(SlotCommand, WhatIsWrongIsSaidAndChangesNothing) {
    refused({root_ + "/nothing.slot"}, "No such file");
    refused({"https://example.org/ulagate-rpi-0.2.0.slot"}, "ssh root@router ulagate update - < FILE");
    put("/other.slot", text(update_of(image_, Maker{1})));
    refused({root_ + "/other.slot"}, "signature");
    {
        const int lock =
            ::open((root_ + "/run/appliance/update.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        ASSERT_EQ(::flock(lock, LOCK_EX), 0);
        refused({file()}, "another update is being installed");
        ::close(lock);
    }
    std::filesystem::rename(root_ + "/run/appliance/card", root_ + "/card");
    refused({file()}, "no card was found at boot");
    std::filesystem::rename(root_ + "/card", root_ + "/run/appliance/card");
    std::filesystem::rename(root_ + "/proc/device-tree/chosen", root_ + "/chosen");
    refused({file()}, "the bootloader does not report which slot is running");
    std::filesystem::rename(root_ + "/chosen", root_ + "/proc/device-tree/chosen");
    put("/proc/device-tree/chosen/bootloader/build-timestamp", std::string{"\x60\x00\x00\x00", 4});
    refused({file()}, "the bootloader EEPROM of this board is of 2021-01-14");
    std::filesystem::remove(root_ + "/proc/device-tree/chosen/bootloader/build-timestamp");
    put("/etc/ulagate-release", "VERSION=0.1.0\nBUILD_TIME=1900000000\nBOARD=rpi\n");
    refused({file()}, "no UPDATE_KEY");
}

TEST_F(SlotCommand, BackwardsOnlyOnDemand) {
    put("/etc/ulagate-release",
        "VERSION=0.3.0\nBUILD_TIME=2000000001\nBOARD=rpi\nUPDATE_KEY=11qYAYKxCrfVS/"
        "7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n");
    refused({file()}, "0.2.0 of 2033-05-18 03:33 UTC is older than the running 0.3.0");
    EXPECT_EQ(run({file(), "--allow-downgrade"}).code, 0);
}

TEST_F(SlotCommand, WithoutTheKernelModuleNothingIsArmedAndTheRecordSaysSo) {
    std::filesystem::remove(root_ + "/sys/kernel/tryboot");
    const Answer answer = run({file()});
    EXPECT_EQ(answer.code, 1);
    EXPECT_THAT(answer.error, HasSubstr("is the module ulagate_tryboot loaded?"));
    EXPECT_EQ(load_record(card()).value_or(UpdateRecord{}).stage, Stage::failed);
    EXPECT_EQ(usual_slot(card()).value_or(Slot::b), Slot::a);
}

TEST_F(SlotCommand, WrongWordsAreUsage) {
    for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                  {"a", "b"},
                                                  {"--status", "a"},
                                                  {"--unknown"},
                                                  {"a", "--trial-minutes", "0"},
                                                  {"a", "--trial-minutes", "61"},
                                                  {"a", "--trial-minutes", "x"},
                                                  {"--trial-minutes"},
                                                  {""}})
        EXPECT_EQ(run(words).code, 2);
    EXPECT_THAT(run({"--help"}).out, HasSubstr("ssh root@router ulagate update - < FILE"));
}

}  // namespace
}  // namespace ulagate::slot::command_test
