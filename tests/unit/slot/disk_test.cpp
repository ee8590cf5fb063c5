// SPDX-License-Identifier: GPL-2.0-or-later
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "image/boot/slot/install.h"
#include "image/boot/slot/trial.h"
#include "tests/unit/slot/card_story.h"
#include "tests/unit/slot/update_story.h"

// What is written where, seen between the program and the C library.
namespace {

struct Write {
    std::size_t bytes = 0;
    off_t place = 0;
    bool aligned_memory = false;
    bool operator==(const Write&) const = default;
};
std::vector<Write>* watched = nullptr;

}  // namespace

extern "C" ssize_t pwrite(int fd, const void* data, size_t bytes, off_t place) {
    static const auto next =
        reinterpret_cast<ssize_t (*)(int, const void*, size_t, off_t)>(::dlsym(RTLD_NEXT, "pwrite"));
    const ssize_t n = next(fd, data, bytes, place);
    if (watched != nullptr && n >= 0)
        watched->push_back({bytes, place, reinterpret_cast<std::uintptr_t>(data) % 4096 == 0});
    return n;
}

namespace ulagate::slot::disk_test {
namespace {

using testing::HasSubstr;

constexpr Boot kRunsA{Slot::a, false, {}};

ReadPiece from(const Bytes& file, std::size_t piece = 10'000) {
    return [rest = std::span{file}, piece](std::span<std::byte> buffer) mutable -> Result<std::size_t> {
        const std::size_t n = std::min({piece, rest.size(), buffer.size()});
        std::copy_n(rest.begin(), n, buffer.begin());
        rest = rest.subspan(n);
        return n;
    };
}

Rules rules() {
    Rules out;
    out.key = Maker{}.key();
    out.machine = {"0.1.0", "rpi", 1'900'000'000, {"raspberrypi,3-model-b"}, std::nullopt};
    return out;
}

class SlotDiskTest : public SlotCard {};

// A real disk, past whose cache one can write.
class SlotCommitTest : public SlotCard {
protected:
    SlotCommitTest() { parent_ = testing::TempDir(); }
};

TEST_F(SlotDiskTest, TheUsualSlotIsWhatAutobootSays) {
    EXPECT_EQ(usual_slot(card()).value_or(Slot::b), Slot::a);
    make_card(autoboot_text(Slot::b));
    EXPECT_EQ(usual_slot(card()).value_or(Slot::a), Slot::b);
    make_card("boot_partition=2\n");
    ASSERT_FALSE(usual_slot(card()));
    EXPECT_THAT(usual_slot(card()).error().text(),
                HasSubstr("autoboot.txt has 17 bytes instead of 512: it was edited and cannot"));
    make_card(std::string(512, '\n'));
    EXPECT_THAT(usual_slot(card()).error().text(), HasSubstr("does not choose between"));
}

TEST_F(SlotCommitTest, ACommitIsOneWriteOfOneSector) {
    const auto ours = card();
    const std::string before = get("/dev/disk");
    const auto place = before.find(autoboot_text(Slot::a));
    ASSERT_EQ(place % 512, 0U);
    std::vector<Write> writes;
    watched = &writes;
    const auto chosen = choose_slot(ours, Slot::b);
    watched = nullptr;
    ASSERT_TRUE(chosen) << chosen.error().text();
    EXPECT_THAT(writes, testing::ElementsAre(Write{512, static_cast<off_t>(place), true}));
    std::string expected = before;
    expected.replace(place, 512, autoboot_text(Slot::b));
    EXPECT_TRUE(get("/dev/disk") == expected) << "and nothing else has changed";
    EXPECT_EQ(usual_slot(ours).value_or(Slot::a), Slot::b);
    ASSERT_TRUE(choose_slot(ours, Slot::b)) << "a second time is no harm";
    EXPECT_TRUE(get("/dev/disk") == expected);
}

TEST_F(SlotDiskTest, AnAutobootThatIsNotOursIsNotReplaced) {
    make_card("[all]\nboot_partition=2\n");
    const std::string before = get("/dev/disk");
    EXPECT_FALSE(choose_slot(card(), Slot::b));
    EXPECT_TRUE(get("/dev/disk") == before);
}

TEST_F(SlotDiskTest, TheRunningSlotIsNeverOpenedForWriting) {
    const auto refused = SlotWriter::open(card(), Slot::a, kRunsA);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().text(), "slot A is the running one; it is not written");
    EXPECT_FALSE(SlotWriter::open(card(), Slot::b, Boot{Slot::b, true, {}}));
    const auto unknown = SlotWriter::open(card(), Slot::b, Boot{});
    ASSERT_FALSE(unknown);
    EXPECT_THAT(unknown.error().text(), HasSubstr("does not report which slot is running"));
    auto overlapping = card();
    overlapping.mbr.partitions.at(2)->first_sector = overlapping.mbr.partitions.at(1)->first_sector + 4607;
    EXPECT_FALSE(SlotWriter::open(overlapping, Slot::b, kRunsA));
}

TEST_F(SlotDiskTest, AWriteStaysInsideItsSlot) {
    auto writer = SlotWriter::open(card(), Slot::b, kRunsA);
    ASSERT_TRUE(writer) << writer.error().text();
    const std::string before = rest_of_card();
    EXPECT_EQ(writer->bytes(), kSlotBytes);
    const Bytes page(4096, std::byte{0xee});
    EXPECT_TRUE(writer->write(kSlotBytes - 4096, page));
    EXPECT_FALSE(writer->write(kSlotBytes - 4095, page));
    EXPECT_FALSE(writer->write(kSlotBytes, page));
    EXPECT_FALSE(writer->write(~std::uint64_t{0} - 100, page));
    EXPECT_TRUE(rest_of_card() == before);
}

TEST_F(SlotDiskTest, AnUpdateIsWrittenAndReadBack) {
    const Bytes image = some_image(kSlotBytes);
    auto writer = SlotWriter::open(card(), Slot::b, kRunsA);
    ASSERT_TRUE(writer);
    const std::string before = rest_of_card();
    const auto manifest = write_update(from(update_of(image)), rules(), *writer, [](const Manifest&) {});
    ASSERT_TRUE(manifest) << manifest.error().text();
    const auto good = writer->read_back(*manifest);
    EXPECT_TRUE(good) << good.error().text();
    EXPECT_TRUE(to_bytes(slot_b()) == image);
    EXPECT_TRUE(rest_of_card() == before);
    // A card that forgets one bit.
    std::fstream disk_file{disk(), std::ios::binary | std::ios::in | std::ios::out};
    disk_file.seekp(kSlotBAt + 5 * 4096 + 7);
    disk_file.put(static_cast<char>(~std::to_integer<int>(image[5 * 4096 + 7])));
    disk_file.close();
    const auto bad = writer->read_back(*manifest);
    ASSERT_FALSE(bad);
    EXPECT_THAT(bad.error().text(), HasSubstr("did not store what was written (chunk 6 of 576)"));
}

TEST_F(SlotDiskTest, NothingIsWrittenOfWhatIsNotAdmitted) {
    const Bytes image = some_image(4096 * 3);
    auto old = manifest_of(image);
    old.build_time = 1'899'999'999;
    auto too_big = manifest_of(some_image(kSlotBytes + 512));
    auto foreign = manifest_of(image);
    foreign.board = "rpi5";
    const std::string before = get("/dev/disk");
    const auto error_of = [&](const Bytes& file) {
        auto writer = SlotWriter::open(card(), Slot::b, kRunsA);
        EXPECT_TRUE(writer);
        const auto done = write_update(from(file), rules(), *writer, [](const Manifest&) { ADD_FAILURE(); });
        EXPECT_EQ(check_update(from(file), rules(), kSlotBytes).has_value(), done.has_value());
        return done ? "written" : done.error().text();
    };
    EXPECT_THAT(error_of(Maker{}.head(build_manifest(old)) + compress(image)),
                HasSubstr("is older than the running 0.1.0"));
    EXPECT_THAT(error_of(Maker{}.head(build_manifest(too_big)) + compress(some_image(kSlotBytes + 512))),
                HasSubstr("needs 2359808 bytes, a slot of this card has 2359296"));
    EXPECT_THAT(error_of(Maker{}.head(build_manifest(foreign)) + compress(image)), HasSubstr("is for rpi5"));
    EXPECT_THAT(error_of(update_of(image, Maker{1})), HasSubstr("signature"));
    EXPECT_TRUE(get("/dev/disk") == before) << "not one byte";
}

TEST_F(SlotDiskTest, ABrokenTransferIsAnErrorAndStaysInItsSlot) {
    const Bytes image = some_image(100 * 4096);
    const Bytes file = update_of(image);
    const std::string before = rest_of_card();
    auto writer = SlotWriter::open(card(), Slot::b, kRunsA);
    ASSERT_TRUE(writer);
    int pieces = 0;
    const auto broken = write_update(
        [&, inner = from(file, 1000)](std::span<std::byte> buffer) -> Result<std::size_t> {
            if (++pieces == 20) return fail("the cable was pulled");
            return inner(buffer);
        },
        rules(), *writer, [](const Manifest&) {});
    ASSERT_FALSE(broken);
    EXPECT_EQ(broken.error().text(), "the cable was pulled");
    EXPECT_TRUE(rest_of_card() == before);
}

// A child writes what comes through a pipe, as `ssh ... update -` would; it is killed at 20 places.
TEST_F(SlotDiskTest, KilledInMidWriteEverythingElseIsAsBefore) {
    UpdateRecord old;
    old.stage = UpdateRecord::Stage::committed;
    ASSERT_TRUE(save_record(card(), old));
    const std::string before = rest_of_card();
    const std::string state = get("/dev/disk").substr(kStateAt, kStateBytes);
    const Bytes image = some_image(200 * 4096, 7);
    const Bytes file = update_of(image);
    std::uint32_t seed = 20;
    int half_written = 0;
    for (int round = 0; round < 20; ++round) {
        seed = seed * 1'664'525U + 1'013'904'223U;
        const std::size_t sent = static_cast<std::size_t>(std::uint64_t{seed} * file.size() >> 32U);
        std::array<int, 2> ends{};
        ASSERT_EQ(::pipe(ends.data()), 0);
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            ::close(ends[1]);
            auto writer = SlotWriter::open(card::open_card(disk()).value_or(card::Card{}), Slot::b, kRunsA);
            const auto read_pipe = [&](std::span<std::byte> buffer) -> Result<std::size_t> {
                return static_cast<std::size_t>(
                    std::max<ssize_t>(::read(ends[0], buffer.data(), buffer.size()), 0));
            };
            const bool written = writer && write_update(read_pipe, rules(), *writer, [](const Manifest&) {});
            ::_exit(written ? 0 : 1);
        }
        ::close(ends[0]);
        for (std::size_t at = 0; at < sent;) {
            const ssize_t n = ::write(ends[1], file.data() + at, sent - at);
            ASSERT_GT(n, 0);
            at += static_cast<std::size_t>(n);
        }
        ::kill(child, SIGKILL);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ::close(ends[1]);
        EXPECT_TRUE(WIFSIGNALED(status)) << "it was in the middle of it";
        EXPECT_TRUE(rest_of_card() == before) << "after " << sent << " bytes";
        EXPECT_TRUE(get("/dev/disk").substr(kStateAt, kStateBytes) == state);
        EXPECT_EQ(usual_slot(card()).value_or(Slot::b), Slot::a);
        half_written += slot_b().find_first_not_of('\0') != std::string::npos ? 1 : 0;
    }
    EXPECT_GT(half_written, 10) << "else nothing was killed in mid-write";
    auto writer = SlotWriter::open(card(), Slot::b, kRunsA);
    ASSERT_TRUE(writer);
    const auto again = write_update(from(file), rules(), *writer, [](const Manifest&) {});
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_TRUE(writer->read_back(*again)) << "and the next attempt works";
}

}  // namespace
}  // namespace ulagate::slot::disk_test
