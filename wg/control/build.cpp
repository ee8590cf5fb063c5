// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <span>
#include <utility>

#include "daemon/base/bytes.h"
#include "wg/control/message.h"
#include "wg/control/site_codec.h"
#include "wg/control/tlv.h"

namespace ulagate::wg::control {
namespace {

void put(net::ByteWriter& out, const net::Ipv6Address& address) {
    out.put(std::as_bytes(std::span{address.bytes}));
}

void put(net::ByteWriter& out, const net::Ipv6Prefix& prefix) {
    out.put(prefix.length);
    put(out, prefix.network().address);
}

template <class T>
void put_tlv(net::ByteWriter& out, std::uint16_t type, T value) {
    out.put(type);
    out.put(static_cast<std::uint16_t>(sizeof(T)));
    out.put(value);
}

void put_prefixes(net::ByteWriter& out, const std::vector<net::Ipv6Prefix>& prefixes) {
    for (const auto& prefix : std::span{prefixes}.first(std::min(prefixes.size(), kMaxPrefixes))) {
        out.put(kTlvPrefix);
        out.put(static_cast<std::uint16_t>(kPrefixSize));
        put(out, prefix);
    }
}

void put_owners(net::ByteWriter& out, const std::vector<Owner>& owners) {
    for (const auto& owner : std::span{owners}.first(std::min(owners.size(), kMaxPrefixes))) {
        out.put(kTlvOwner);
        out.put(static_cast<std::uint16_t>(kOwnerSize));
        put(out, owner.prefix);
        put(out, owner.router.value_or(net::Ipv6Address{}));
        out.put(owner.epoch);
        out.put(owner.priority);
    }
}

void put_about(net::ByteWriter& out, const About& about) {
    const UnixTime clock = std::clamp(about.clock, UnixTime{}, kLastClock);
    put_tlv(out, kTlvVersion, about.version);
    put_tlv(out, kTlvCapabilities, about.capabilities);
    put_tlv(out, kTlvClock, static_cast<std::uint64_t>(clock.time_since_epoch().count()));
}

void put_generation(net::ByteWriter& out, std::uint64_t generation) {
    if (generation != 0) put_tlv(out, kTlvSites, generation);
}

void put_sites(net::ByteWriter& out, std::uint16_t type, std::span<const net::Ipv6Prefix> sites,
               const net::Ipv6Prefix& overlay) {
    while (!sites.empty()) {
        const auto other = std::find_if(sites.begin(), sites.end(), [&](const net::Ipv6Prefix& prefix) {
            return prefix.length != sites.front().length;
        });
        const auto run = sites.first(static_cast<std::size_t>(other - sites.begin()));
        sites = sites.subspan(run.size());
        net::ByteWriter value;
        put_run(value, run, overlay);
        out.put(type);
        out.put(static_cast<std::uint16_t>(value.size()));
        out.put(value.bytes());
    }
}

struct BodyWriter {
    net::ByteWriter& out;

    Type operator()(const Hello& hello) const {
        put_about(out, hello.about);
        put_generation(out, hello.sites);
        return Type::hello;
    }
    Type operator()(const HelloAck& ack) const {
        put_about(out, ack.about);
        put_owners(out, ack.owners);
        put_generation(out, ack.sites);
        return Type::hello_ack;
    }
    Type operator()(const Claim& claim) const {
        put_tlv(out, kTlvEpoch, claim.epoch);
        put_tlv(out, kTlvPriority, claim.priority);
        put_prefixes(out, claim.prefixes);
        return Type::claim;
    }
    Type operator()(const ClaimAck& ack) const {
        if (ack.answers) put_tlv(out, kTlvAnswers, *ack.answers);
        put_owners(out, ack.owners);
        put_generation(out, ack.sites);
        if (ack.capabilities != 0) put_tlv(out, kTlvCapabilities, ack.capabilities);
        return Type::claim_ack;
    }
    Type operator()(const Release& release) const {
        put_tlv(out, kTlvEpoch, release.epoch);
        put_prefixes(out, release.prefixes);
        return Type::release;
    }
    Type operator()(const Probe& probe) const {
        put_tlv(out, kTlvProbeId, probe.id);
        return Type::probe;
    }
    Type operator()(const ProbeAck& ack) const {
        put_tlv(out, kTlvProbeId, ack.id);
        return Type::probe_ack;
    }
    Type operator()(const Goodbye& /*goodbye*/) const { return Type::goodbye; }
    Type operator()(const Sites& sites) const {
        put_prefixes(out, {sites.overlay});
        put_generation(out, sites.to);
        if (sites.from != 0) put_tlv(out, kTlvSitesFrom, sites.from);
        put_tlv(out, kTlvSitesPart, std::uint32_t{sites.part} << 16U | sites.parts);
        put_sites(out, kTlvSitesAdded, sites.added, sites.overlay);
        put_sites(out, kTlvSitesRemoved, sites.removed, sites.overlay);
        put_sites(out, kTlvSitesTransit, sites.transit, sites.overlay);
        return Type::sites;
    }
};

}  // namespace

std::vector<std::byte> build(const Packet& packet) {
    net::ByteWriter body;
    const Type type = std::visit(BodyWriter{body}, packet.message);
    net::ByteWriter out;
    out.put(kMagic);
    out.put(kVersion);
    out.put(static_cast<std::uint8_t>(type));
    out.put(static_cast<std::uint16_t>(kHeader + body.size()));
    out.put(packet.sequence);
    out.put(body.bytes());
    return std::move(out).release();
}

}  // namespace ulagate::wg::control
