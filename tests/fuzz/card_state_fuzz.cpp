// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "image/boot/card/state_record.h"

using namespace ulagate::card;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

// The files of a state, and an area around them with the right digests, which nobody guesses.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto input = std::as_bytes(std::span{data, size});
    if (const auto files = decode_files(input)) {
        for (const auto& [name, content] : *files) require(is_state_name(name));
        const auto bytes = encode_files(*files);
        // What does not fit into an area is not written, though it could be read.
        if (input.size() <= kMaxStatePayload) require(bytes && std::ranges::equal(*bytes, input));
    }
    if (input.size() >= kSectorBytes) {
        const auto sector = input.first(kSectorBytes);
        if (const auto header = decode_header(sector))
            require(std::ranges::equal(encode_header(*header), sector));
    }
    if (input.size() > kMaxStatePayload) return 0;
    auto area = encode_header(header_of(size, input));
    area.insert(area.end(), input.begin(), input.end());
    area.resize(kStateAreaBytes);
    const auto record = decode_area(area);
    require(record.has_value() == decode_files(input).has_value());
    if (record) require(record->sequence == size && record->files == *decode_files(input));
    // And as an area that somebody else has written.
    area.assign(input.begin(), input.end());
    area.resize(kStateAreaBytes);
    (void)decode_area(area);
    return 0;
}
