// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "daemon/base/bytes.h"
#include "ra/advertiser.h"

using namespace ulagate;
using namespace std::chrono_literals;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

// The input is a list of events and time steps; it also decides every "random" draw.
class World {
public:
    explicit World(std::span<const std::byte> script) : script_(script) {}

    void run() {
        while (script_.remaining() > 0) {
            step();
            check();
        }
        // Left alone, it comes to rest or to its regular interval; a withdrawal ends.
        for (int i = 0; i < 100 && advertiser_.deadline(); ++i) alarm();
        require(source_ || !advertiser_.deadline());
    }

private:
    std::uint8_t byte() { return script_.read<std::uint8_t>(); }
    // Anywhere inside the bounds and, to test that they are enforced, outside.
    ra::Duration draw(ra::Duration low, ra::Duration high) { return low + (high - low) * byte() / 200; }

    net::Ipv6Address some_host() {
        net::Ipv6Address host{{0xfe, 0x80}};
        host.bytes[14] = byte();
        host.bytes[15] = byte();
        return host;
    }

    ra::Config some_config() {
        ra::Config config;
        config.min_interval = std::chrono::milliseconds{100 * byte()};
        config.max_interval = std::chrono::milliseconds{1000 * byte()};
        config.unicast_replies = byte() % 4 != 0;
        const unsigned count = byte() % 5U;
        for (unsigned i = 0; i < count; ++i) {
            const net::Ipv6Prefix prefix{net::Ipv6Address{{0xfd, byte()}}, 48};
            if (byte() % 2 == 0) {
                config.advertisement.options.emplace_back(ra::RouteInformation{prefix});
            } else {
                config.advertisement.options.emplace_back(ra::PrefixInformation{prefix});
            }
        }
        return config;
    }

    void alarm() {
        now_ = std::max(now_, *advertiser_.deadline());
        note(advertiser_.on_deadline(now_));
        // Nothing overdue stays behind, or the loop would spin.
        require(!advertiser_.deadline() || *advertiser_.deadline() >= now_);
        check();
    }

    void step() {
        switch (byte() % 12) {
            case 0:
                now_ += std::chrono::milliseconds{byte()};
                break;
            case 1:
                now_ += 100ms * byte();
                break;
            case 2:
                now_ += 10s * byte();
                break;
            case 3:
                note(advertiser_.on_deadline(now_));
                break;
            case 4:
                if (advertiser_.deadline()) alarm();
                break;
            case 5:
                source_.reset();
                note(advertiser_.set_source(std::nullopt, now_));
                break;
            case 6:
                source_ = ra::Source{some_host(), std::nullopt};
                if (byte() % 2 == 0) source_->link_address = net::MacAddress{{2, 0, 0, 0, 0, byte()}};
                farewells_left_ = 0;
                note(advertiser_.set_source(source_, now_));
                break;
            case 7:
                note(advertiser_.set_config(some_config(), now_));
                break;
            case 8:
                if (source_) farewells_left_ = 3;
                source_.reset();
                note(advertiser_.withdraw(now_));
                break;
            case 9:
                note(advertiser_.on_solicitation({}, {}, now_));
                break;
            case 10:
                for (unsigned i = 0, n = byte(); i < n; ++i) {
                    net::Ipv6Address host{{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 1}};
                    host.bytes[15] = static_cast<std::uint8_t>(i);
                    note(advertiser_.on_solicitation({}, host, now_));
                }
                break;
            default:
                note(advertiser_.on_solicitation({}, some_host(), now_));
        }
    }

    void note(const std::vector<ra::Send>& sends) {
        require(sends.size() <= 64);
        for (const ra::Send& send : sends) {
            require(source_ || farewells_left_ > 0);
            if (source_) require(send.source == source_->address);
            if (send.destination != ra::kAllNodes) {
                require(source_.has_value());
                note_unicast();
                continue;
            }
            require(!last_multicast_ || now_ - *last_multicast_ >= 3s);
            last_multicast_ = now_;
            const ra::PacketInfo info{send.source, ra::kAllNodes, 255};
            require(ra::parse_router_advertisement(ra::build(send.message), info).has_value());
            if (!source_) --farewells_left_;
        }
    }

    // 50 at once and 50 a second.
    void note_unicast() {
        if (now_ - second_began_ >= 1s) {
            second_began_ = now_;
            unicasts_ = 0;
        }
        require(++unicasts_ <= 100);
    }

    void check() const {
        require(advertiser_.pending_replies() <= 64);
        require(advertiser_.remembered_hosts() <= 64 + 101);
        require(advertiser_.advertising() == source_.has_value());
        require(advertiser_.deadline().has_value() == (source_ || farewells_left_ > 0));
    }

    net::ByteReader script_;
    ra::TimePoint now_{1000s};
    ra::Advertiser advertiser_{some_config(), [this](ra::Duration l, ra::Duration h) { return draw(l, h); }};
    std::optional<ra::Source> source_;
    std::optional<ra::TimePoint> last_multicast_;
    ra::TimePoint second_began_{1000s};
    unsigned unicasts_ = 0;
    unsigned farewells_left_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    World{std::as_bytes(std::span{data, size})}.run();
    return 0;
}
