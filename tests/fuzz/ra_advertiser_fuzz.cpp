// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <set>
#include <span>
#include <utility>
#include <vector>

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
        if (byte() % 4 == 0) config.valid_until = std::chrono::sys_seconds{1s * byte()};
        if (byte() % 4 == 0) config.preferred_until = std::chrono::sys_seconds{1s * byte()};
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
        switch (byte() % 17) {
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
                disturbed_ = true;
                note(advertiser_.set_source(std::nullopt, now_));
                break;
            case 6:
                source_ = ra::Source{some_host(), std::nullopt};
                if (byte() % 2 == 0) source_->link_address = net::MacAddress{{2, 0, 0, 0, 0, byte()}};
                final_ra_left_ = 0;
                disturbed_ = true;
                note(advertiser_.set_source(source_, now_,
                                            byte() % 4 == 0 ? std::optional{some_host()} : std::nullopt));
                break;
            case 7:
                config_ = some_config();
                disturbed_ = true;
                note(advertiser_.set_config(config_, now_));
                break;
            case 8:
                if (source_) final_ra_left_ = 3;
                source_.reset();
                note(advertiser_.withdraw(now_));
                break;
            case 9:
                disturbed_ = true;
                note(advertiser_.on_solicitation({}, {}, now_));
                break;
            case 12:
                disturbed_ = true;
                advertiser_.on_unresolved(some_host(), now_);
                break;
            case 13:
                source_.reset();
                disturbed_ = true;
                note(advertiser_.abandon_source());
                break;
            case 15: {
                const auto told = some_mac();
                const auto sender = byte() % 4 == 0 ? some_mac() : told;
                solicit(some_host(), {told}, sender);
                break;
            }
            case 16:
                for (unsigned i = 0, n = 16U * byte(); i < n; ++i) {
                    const net::MacAddress told{
                        {2, 1, 0, 0, static_cast<std::uint8_t>(i >> 8U), static_cast<std::uint8_t>(i)}};
                    net::Ipv6Address host{{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 2}};
                    host.bytes[14] = static_cast<std::uint8_t>(i >> 8U);
                    host.bytes[15] = static_cast<std::uint8_t>(i);
                    solicit(host, {told}, told);
                }
                break;
            case 14:
                advertiser_.set_wall_clock(std::chrono::system_clock::time_point{1s * byte()}, now_);
                break;
            case 10:
                for (unsigned i = 0, n = byte(); i < n; ++i) {
                    net::Ipv6Address host{{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 1}};
                    host.bytes[15] = static_cast<std::uint8_t>(i);
                    solicit(host);
                }
                break;
            default:
                solicit(some_host());
        }
    }

    net::MacAddress some_mac() { return {{byte(), 0, 0, 0, 0, byte()}}; }

    void solicit(const net::Ipv6Address& host, const ra::RouterSolicitation& solicitation = {},
                 std::optional<net::MacAddress> sender = std::nullopt) {
        disturbed_ = true;
        if (source_) asked_.insert(host);
        if (source_ && sender) asked_direct_.insert({host.bytes, sender->bytes});
        note(advertiser_.on_solicitation(solicitation, host, now_, sender));
    }

    void note(const std::vector<ra::Send>& sends) {
        require(sends.size() <= 128);
        for (const ra::Send& send : sends) {
            // The last words from another address are beside the schedule.
            if (send.former_source) continue;
            require(source_ || final_ra_left_ > 0);
            if (source_) require(send.source == source_->address);
            if (!send.hosts.empty()) {
                require(source_.has_value());
                note_direct(send.hosts);
                continue;
            }
            if (send.destination != ra::kAllNodes) {
                require(source_.has_value());
                note_unicast(send.destination);
                continue;
            }
            require(!last_multicast_ || now_ - *last_multicast_ >= 3s);
            // RFC 4861 section 6.2.4: MinRtrAdvInterval, but 16 s at most for the first three.
            if (source_ && last_multicast_ && !disturbed_)
                require(now_ - *last_multicast_ >= std::min<ra::Duration>(config_.min_interval, 16s));
            last_multicast_ = now_;
            disturbed_ = false;
            asked_.clear();
            asked_direct_.clear();
            const ra::PacketInfo info{send.source, ra::kAllNodes, 255};
            require(ra::parse_router_advertisement(ra::build(send.message), info).has_value());
            if (!source_) --final_ra_left_;
        }
    }

    // 50 at once and 50 a second, and as many to hosts that are known; one a second to each, who has asked.
    void note_unicast(const net::Ipv6Address& host) {
        require(asked_.erase(host) == 1);
        const auto [last, first] = answered_.try_emplace(host, now_);
        require(first || now_ - last->second >= 1s);
        last->second = now_;
        if (now_ - second_began_ >= 1s) {
            second_began_ = now_;
            unicasts_ = 0;
        }
        require(++unicasts_ <= 200);
    }

    // 2,000 at once and 20,000 a second, to whom has asked.
    void note_direct(const std::vector<ra::Neighbor>& hosts) {
        if (now_ - direct_second_began_ >= 1s) {
            direct_second_began_ = now_;
            direct_ = 0;
        }
        direct_ += hosts.size();
        require(direct_ <= 2000 + 2 * 20'000);
        for (const ra::Neighbor& host : hosts) {
            require((host.link_address.bytes[0] & 1U) == 0);
            require(host.link_address != source_->link_address);
            require(asked_direct_.contains({host.address.bytes, host.link_address.bytes}));
        }
    }

    void check() const {
        require(advertiser_.pending_replies() <= 128 + ra::DirectReplies::kMaxWaiting);
        require(advertiser_.remembered_hosts() <= 128 + 202 + 256 + ra::DirectReplies::kMaxWaiting);
        require(advertiser_.advertising() == source_.has_value());
        require(advertiser_.deadline().has_value() == (source_ || final_ra_left_ > 0));
        if (!source_) return;
        // MaxRtrAdvInterval, whatever has happened; an alarm that is overdue counts as kept.
        const ra::Duration longest = std::max<ra::Duration>({config_.min_interval, config_.max_interval, 3s});
        require(*advertiser_.deadline() <= last_multicast_.value() + longest);
    }

    net::ByteReader script_;
    ra::TimePoint now_{1000s};
    ra::Config config_ = some_config();
    ra::Advertiser advertiser_{config_, [this](ra::Duration l, ra::Duration h) { return draw(l, h); }};
    std::optional<ra::Source> source_;
    std::optional<ra::TimePoint> last_multicast_;
    ra::TimePoint second_began_{1000s};
    unsigned unicasts_ = 0;
    ra::TimePoint direct_second_began_{1000s};
    std::size_t direct_ = 0;
    unsigned final_ra_left_ = 0;
    bool disturbed_ = true;  // since the last multicast, by anything but time
    std::set<net::Ipv6Address> asked_;
    std::set<std::pair<std::array<std::uint8_t, 16>, std::array<std::uint8_t, 6>>> asked_direct_;
    std::map<net::Ipv6Address, ra::TimePoint> answered_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    World{std::as_bytes(std::span{data, size})}.run();
    return 0;
}
