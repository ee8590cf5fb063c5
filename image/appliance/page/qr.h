// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/result.h"

namespace ulagate::appliance {

// A QR code: square, without its quiet zone. Pure (libqrencode only computes).
struct QrCode {
    std::size_t size = 0;
    std::vector<bool> dark;  // row by row
    [[nodiscard]] bool at(std::size_t row, std::size_t column) const { return dark[row * size + column]; }
    bool operator==(const QrCode&) const = default;
};
Result<QrCode> make_qr(const std::string& text);

// Two rows of modules in one line of text, light on dark, as a console shows it; with its quiet zone.
std::string qr_text(const QrCode& code);
// The same for a console that has no such characters.
std::string qr_ascii(const QrCode& code);
// An <svg> element, dark on white, with its quiet zone.
std::string qr_svg(const QrCode& code);

}  // namespace ulagate::appliance
