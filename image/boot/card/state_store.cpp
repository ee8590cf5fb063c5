// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/card/state_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "image/boot/card/sectors.h"

namespace ulagate::card {
namespace {

// Other processes wait meanwhile. The lock is the open file's: it goes with the process.
class Lock {
public:
    explicit Lock(int fd) : fd_(fd) {
        int locked = 0;
        do {
            locked = ::flock(fd_, LOCK_EX);
        } while (locked != 0 && errno == EINTR);
        held_ = locked == 0;
    }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
    Lock(Lock&&) = delete;
    Lock& operator=(Lock&&) = delete;
    ~Lock() {
        if (held_) ::flock(fd_, LOCK_UN);
    }
    [[nodiscard]] bool held() const { return held_; }

private:
    int fd_;
    bool held_ = false;
};

}  // namespace

StateStore::StateStore(UniqueFd fd, std::string name, std::uint64_t first_byte)
    : fd_(std::move(fd)), name_(std::move(name)), first_byte_(first_byte) {}

Result<StateStore> StateStore::open(const std::string& device_or_file, std::uint64_t first_byte,
                                    std::uint64_t bytes) {
    if (first_byte % kSectorBytes != 0)
        return fail("state of " + device_or_file + " does not begin at a sector");
    if (bytes < kStateAreas * kStateAreaBytes) {
        return fail("room for the state on " + device_or_file + " is too small");
    }
    UniqueFd fd{::open(device_or_file.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY)};
    if (!fd) return fail_errno("open " + device_or_file + " for the state");
    // The partition table may promise more than the card has.
    const off_t end = ::lseek(fd.get(), 0, SEEK_END);
    if (end < 0) return fail_errno("size of " + device_or_file);
    const auto size = static_cast<std::uint64_t>(end);
    if (first_byte > size || size - first_byte < kStateAreas * kStateAreaBytes) {
        return fail(device_or_file + " ends before its state does");
    }
    StateStore store{std::move(fd), device_or_file, first_byte};
    const Lock lock{store.fd_.get()};
    if (!lock.held()) return fail_errno("lock " + device_or_file);
    Best best = store.read();
    if (best.record) store.files_ = std::move(best.record->files);
    store.problem_ = std::move(best.problem);
    return store;
}

StateStore::Best StateStore::read() const {
    Best best;
    std::array<std::string, kStateAreas> why;
    for (std::size_t i = 0; i < kStateAreas; ++i) {
        std::vector<std::byte> area(kStateAreaBytes);
        const auto got = read_at(fd_.get(), name_, first_byte_ + i * kStateAreaBytes, area);
        if (!got) {
            why.at(i) = got.error().text();
            continue;
        }
        const auto sector = std::span{area}.first(kSectorBytes);
        if (is_blank(sector)) continue;
        if (const auto header = decode_header(sector)) {
            best.last_used = std::max(best.last_used, header->sequence);
        }
        auto record = decode_area(area);
        if (!record) {
            why.at(i) = record.error().text();
        } else if (!best.record || record->sequence > best.record->sequence) {
            best.record = std::move(*record);
            best.area = i;
        }
    }
    // One damaged area is what a power cut leaves behind; the other one has what was before.
    if (!best.record && !(why[0].empty() && why[1].empty())) {
        best.problem = "the state on " + name_ + " cannot be read, all in it is lost: first area: " +
                       (why[0].empty() ? "blank" : why[0]) +
                       "; second area: " + (why[1].empty() ? "blank" : why[1]);
    }
    return best;
}

Result<void> StateStore::save(StateFiles files) {
    const Lock lock{fd_.get()};
    if (!lock.held()) return fail_errno("lock " + name_);
    return write_files(read(), std::move(files), false);
}

Result<void> StateStore::edit(const std::function<void(StateFiles&)>& change) {
    const Lock lock{fd_.get()};
    if (!lock.held()) return fail_errno("lock " + name_);
    const Best now = read();
    // With both areas gone (a card that was pulled, say) there is still what we knew.
    StateFiles files = now.record ? now.record->files : files_;
    change(files);
    if (now.record && files == now.record->files) {
        files_ = std::move(files);
        return {};
    }
    return write_files(now, std::move(files), false);
}

Result<void> StateStore::overwrite(StateFiles files) {
    const Lock lock{fd_.get()};
    if (!lock.held()) return fail_errno("lock " + name_);
    return write_files(read(), std::move(files), true);
}

Result<void> StateStore::write_files(const Best& now, StateFiles files, bool everywhere) {
    const auto payload = encode_files(files);
    if (!payload) return tl::unexpected(payload.error());
    const std::size_t area = now.record ? (now.area + 1) % kStateAreas : 0;
    const std::uint64_t sequence = now.last_used + 1;
    if (auto done = write_area(area, sequence, *payload, everywhere); !done) return done;
    // With nothing to fall back to, the second copy is the one that the next save needs; it also makes sure
    // that an area which could not be read just now does not come back as the newer one.
    if (everywhere || !now.record) {
        const std::size_t other = (area + 1) % kStateAreas;
        if (auto done = write_area(other, sequence + 1, *payload, everywhere); !done) return done;
    }
    files_ = std::move(files);
    problem_.clear();
    return {};
}

Result<void> StateStore::write_area(std::size_t area, std::uint64_t sequence,
                                    std::span<const std::byte> payload, bool to_the_end) const {
    const std::uint64_t start = first_byte_ + area * kStateAreaBytes;
    const std::size_t sectors = (payload.size() + kSectorBytes - 1) / kSectorBytes;
    std::vector<std::byte> padded(to_the_end ? kMaxStatePayload : sectors * kSectorBytes);
    std::copy(payload.begin(), payload.end(), padded.begin());
    // The header makes the payload valid, so the payload has to be on the card before.
    if (auto done = write_at(start + kSectorBytes, padded); !done) return done;
    return write_at(start, encode_header(header_of(sequence, payload)));
}

Result<void> StateStore::write_at(std::uint64_t offset, std::span<const std::byte> bytes) const {
    while (!bytes.empty()) {
        const ssize_t n = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno("write state to " + name_);
        bytes = bytes.subspan(static_cast<std::size_t>(n));
        offset += static_cast<std::uint64_t>(n);
    }
    if (::fsync(fd_.get()) != 0) return fail_errno("write state to " + name_);
    return {};
}

}  // namespace ulagate::card
