// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/page/qr.h"

#include <fmt/format.h>
#include <qrencode.h>

#include <memory>

namespace ulagate::appliance {
namespace {

constexpr std::size_t kTextZone =
    2;  // the standard says 4; readers are content with 2, and a console is small
constexpr std::size_t kZone = 4;

struct Free {
    void operator()(QRcode* code) const { QRcode_free(code); }
};

// Of a code with its quiet zone; outside of it everything is light.
bool is_dark(const QrCode& code, std::size_t zone, std::size_t row, std::size_t column) {
    return row >= zone && column >= zone && row < code.size + zone && column < code.size + zone &&
           code.at(row - zone, column - zone);
}

}  // namespace

Result<QrCode> make_qr(const std::string& text) {
    const std::unique_ptr<QRcode, Free> made{QRcode_encodeString8bit(text.c_str(), 0, QR_ECLEVEL_M)};
    if (!made) return fail_errno("make a QR code");
    QrCode out;
    out.size = static_cast<std::size_t>(made->width);
    out.dark.reserve(out.size * out.size);
    // Bit 0 of each byte is the colour, the others say what the module is for.
    for (std::size_t i = 0; i < out.size * out.size; ++i) out.dark.push_back((made->data[i] & 1U) != 0);
    return out;
}

std::string qr_text(const QrCode& code) {
    const std::size_t side = code.size + 2 * kTextZone;
    std::string out;
    for (std::size_t row = 0; row < side; row += 2) {
        for (std::size_t column = 0; column < side; ++column) {
            const bool upper = is_dark(code, kTextZone, row, column);
            const bool lower = is_dark(code, kTextZone, row + 1, column) || row + 1 >= side;
            // What is light is drawn: full, upper half, lower half.
            out += upper ? (lower ? " " : "\u2584") : (lower ? "\u2580" : "\u2588");
        }
        out += '\n';
    }
    return out;
}

std::string qr_ascii(const QrCode& code) {
    const std::size_t side = code.size + 2 * kTextZone;
    std::string out;
    for (std::size_t row = 0; row < side; ++row) {
        for (std::size_t column = 0; column < side; ++column)
            out += is_dark(code, kTextZone, row, column) ? "  " : "##";
        out += '\n';
    }
    return out;
}

std::string qr_svg(const QrCode& code) {
    const std::size_t side = code.size + 2 * kZone;
    std::string path;
    for (std::size_t row = 0; row < code.size; ++row) {
        for (std::size_t column = 0; column < code.size; ++column) {
            std::size_t run = 0;
            while (column + run < code.size && code.at(row, column + run)) ++run;
            if (run > 0)
                path += fmt::format("M{} {}h{}v1H{}z", column + kZone, row + kZone, run, column + kZone);
            column += run;
        }
    }
    return fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {0}\" shape-rendering=\"crispEdges\">"
        "<path fill=\"#fff\" d=\"M0 0h{0}v{0}H0z\"/><path d=\"{1}\"/></svg>",
        side, path);
}

}  // namespace ulagate::appliance
