// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/appliance/clients/lan_files.h"
#include "image/appliance/clients/wifi_files.h"

// The files that other programs read: each once in full, and what must never get into them.
namespace ulagate::appliance::files_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

net::Ipv4Address ipv4(std::string_view text) { return net::parse_ipv4(text).value(); }

WifiApConfig access_point() {
    WifiApConfig out;
    out.interface = "wlan0";
    out.ssid = "home";
    out.password = "correct horse";
    return out;
}

TEST(HostapdConf, Wpa2) {
    EXPECT_EQ(hostapd_conf(access_point(), "DE").value(),
              "interface=wlan0\ndriver=nl80211\nssid2=686f6d65\nutf8_ssid=1\ncountry_code=DE\nieee80211d=1\n"
              "hw_mode=g\nchannel=6\nieee80211n=1\nwmm_enabled=1\nauth_algs=1\nignore_broadcast_ssid=0\nap_"
              "isolate=0\n"
              "disassoc_low_ack=1\nwpa=2\nrsn_pairwise=CCMP\nwpa_key_mgmt=WPA-PSK\nieee80211w=0\n"
              "wpa_passphrase=correct horse\n");
}

TEST(HostapdConf, Wpa3NeedsProtectedFrames) {
    auto ap = access_point();
    ap.security = WifiApConfig::Security::wpa3;
    EXPECT_THAT(hostapd_conf(ap, "DE").value(),
                HasSubstr("wpa_key_mgmt=SAE\nieee80211w=2\nsae_require_mfp=1\nsae_pwe=2\n"));
    ap.security = WifiApConfig::Security::wpa2_wpa3;
    EXPECT_THAT(hostapd_conf(ap, "DE").value(),
                HasSubstr("wpa_key_mgmt=WPA-PSK SAE\nieee80211w=1\nsae_require_mfp=1\n"));
}

TEST(HostapdConf, FiveGigahertz) {
    auto ap = access_point();
    ap.band = WifiApConfig::Band::ghz_5;
    EXPECT_THAT(hostapd_conf(ap, "DE").value(),
                AllOf(HasSubstr("hw_mode=a\nchannel=36\n"), HasSubstr("ieee80211ac=1\n"),
                      Not(HasSubstr("ieee80211h"))));
    ap.channel = 100;
    EXPECT_THAT(hostapd_conf(ap, "DE").value(), HasSubstr("ieee80211h=1\n"));
    EXPECT_FALSE(hostapd_conf(ap, "")) << "a radio must know the rules";
}

TEST(HostapdConf, NoLineOfItsOwnFromNameOrPassword) {
    auto ap = access_point();
    ap.ssid = "x\nwpa=0\n\"";
    EXPECT_THAT(hostapd_conf(ap, "DE").value(),
                AllOf(HasSubstr("ssid2=780a7770613d300a22\n"), Not(HasSubstr("wpa=0"))));
    for (const std::string& bad :
         {std::string("12345678\nwpa=0"), std::string("12345678\r"), std::string("1234567"),
          std::string(64, 'x'), std::string("12345678\xc3\xa9")}) {
        ap.password = bad;
        EXPECT_FALSE(hostapd_conf(ap, "DE"));
    }
    ap = access_point();
    EXPECT_FALSE(hostapd_conf(ap, "DE\n"));
    EXPECT_FALSE(hostapd_conf(ap, "de"));
    ap.ssid = std::string(33, 'x');
    EXPECT_FALSE(hostapd_conf(ap, "DE"));
}

TEST(WpaSupplicantConf, Networks) {
    EXPECT_EQ(
        wpa_supplicant_conf({{"home", "a \"#quote\\", false}, {"cafe", "", true}}, "DE").value(),
        "country=DE\nupdate_config=0\nap_scan=1\nsae_pwe=2\n"
        "network={\n\tssid=686f6d65\n\tpriority=2\n\tkey_mgmt=WPA-PSK WPA-PSK-SHA256 SAE\n\tieee80211w=1\n"
        "\tpsk=\"a \"#quote\\\"\n}\n"
        "network={\n\tssid=63616665\n\tpriority=1\n\tscan_ssid=1\n\tkey_mgmt=NONE\n}\n");
}

TEST(WpaSupplicantConf, NoLineOfItsOwnFromNameOrPassword) {
    EXPECT_THAT(wpa_supplicant_conf({{"x\"\n}\nctrl_interface=/tmp", "", false}}, "DE").value(),
                Not(HasSubstr("ctrl_interface")));
    EXPECT_FALSE(wpa_supplicant_conf({{"x", "12345678\n}", false}}, "DE"));
    EXPECT_FALSE(wpa_supplicant_conf({{"", "12345678", false}}, "DE"));
}

TEST(DhcpPool, LeavesRoomForAddressesGivenByHand) {
    const auto pool = [](std::string_view address, std::uint8_t length) {
        return dhcp_pool({ipv4(address), length});
    };
    EXPECT_EQ(pool("192.168.83.1", 24), (DhcpPool{ipv4("192.168.83.65"), ipv4("192.168.83.254")}));
    EXPECT_EQ(pool("192.168.83.254", 24), (DhcpPool{ipv4("192.168.83.1"), ipv4("192.168.83.190")}));
    EXPECT_EQ(pool("192.0.2.1", 30), (DhcpPool{ipv4("192.0.2.2"), ipv4("192.0.2.2")}));
    EXPECT_EQ(pool("10.0.0.1", 8)->first, ipv4("10.64.0.1"));
    EXPECT_EQ(pool("192.0.2.1", 31), std::nullopt);
    EXPECT_EQ(pool("192.0.2.0", 24), std::nullopt) << "the network itself";
}

TEST(DhcpPool, IsAlwaysInsideAndNeverOurs) {
    for (std::uint8_t length = 8; length <= 30; ++length) {
        for (const std::uint32_t host : {1U, 2U, 5U, 100U, 200U}) {
            const std::uint32_t own = 0x0a000000U + host;
            if (host >= (1U << (32U - length)) - 1) continue;
            const net::Ipv4Address address{{10, 0, 0, static_cast<std::uint8_t>(host)}};
            const auto pool = dhcp_pool({address, length});
            if (!pool) continue;
            const auto number = [](const net::Ipv4Address& one) {
                return one.bytes[0] * 0x1000000U + one.bytes[1] * 0x10000U + one.bytes[2] * 0x100U +
                       one.bytes[3];
            };
            const std::uint32_t first = number(pool->first);
            const std::uint32_t last = number(pool->last);
            EXPECT_LE(first, last);
            EXPECT_GT(first, 0x0a000000U);
            EXPECT_LT(last, 0x0a000000U + (1U << (32U - length)) - 1U);
            EXPECT_FALSE(first <= own && own <= last) << int{length} << " " << host;
        }
    }
}

TEST(DnsmasqConf, TwoLans) {
    EXPECT_EQ(dnsmasq_conf({{{"wlan0", {ipv4("192.168.83.1"), 24}}, {"eth0", {ipv4("10.1.0.1"), 30}}},
                            "box",
                            "/run/dnsmasq/servers",
                            "/run/dnsmasq/leases",
                            "nobody"})
                  .value(),
              "# DHCP and DNS for the LANs behind this "
              "gateway\nbind-dynamic\nexcept-interface=lo\nno-hosts\nno-resolv\nno-poll\nall-servers\n"
              "servers-file=/run/dnsmasq/servers\ndhcp-leasefile=/run/dnsmasq/"
              "leases\ndomain-needed\nbogus-priv\nlocal=/lan/\n"
              "domain=lan\nexpand-hosts\ncache-size=1000\nedns-packet-max=1232\ndhcp-authoritative\nquiet-"
              "dhcp\nlog-facility=-\nuser=nobody\n"
              "\ninterface=wlan0\ndhcp-range=192.168.83.65,192.168.83.254,255.255.255.0,12h\nhost-record=box."
              "lan,box,192.168.83.1\n"
              "\ninterface=eth0\ndhcp-range=10.1.0.2,10.1.0.2,255.255.255.252,12h\nhost-record=box.lan,box,"
              "10.1.0.1\n");
}

TEST(DnsmasqConf, NoLineOfItsOwn) {
    EXPECT_FALSE(dnsmasq_conf({{{"wlan0\nenable-tftp", {ipv4("192.168.83.1"), 24}}}, "box", "s", "l", ""}));
    EXPECT_FALSE(dnsmasq_conf({{{"wlan0", {ipv4("192.168.83.1"), 24}}}, "box\nenable-tftp", "s", "l", ""}));
    EXPECT_FALSE(dnsmasq_conf({{{"wlan0", {ipv4("192.168.83.1"), 32}}}, "box", "s", "l", ""}));
}

TEST(NameServers, ForDnsmasqAndForOurselves) {
    const std::vector<NameServer> servers{{net::parse_ipv6("fe80::1").value(), "eth0"},
                                          {ipv4("192.0.2.53"), ""},
                                          {ipv4("192.0.2.54"), ""},
                                          {ipv4("192.0.2.55"), ""}};
    EXPECT_EQ(dnsmasq_servers(servers),
              "server=fe80::1%eth0\nserver=192.0.2.53\nserver=192.0.2.54\nserver=192.0.2.55\n");
    EXPECT_EQ(resolv_conf(servers),
              "nameserver fe80::1%eth0\nnameserver 192.0.2.53\nnameserver 192.0.2.54\n");
}

TEST(PppoeOptions, SecretsAreWords) {
    const auto options =
        pppoe_options("eth0.7", {"ppp-eth0.7", {"me \"x\\", "a'b #c"}}, "/run/appliance/lease-event");
    ASSERT_TRUE(options);
    EXPECT_THAT(
        *options,
        HasSubstr(
            "plugin pppoe.so\nnic-eth0.7\nifname ppp-eth0.7\nuser \"me \\\"x\\\\\"\npassword \"a'b #c\"\n"));
    EXPECT_THAT(*options, AllOf(HasSubstr("nodefaultroute\n"), HasSubstr("persist\nmaxfail 0\n")));
    EXPECT_FALSE(pppoe_options("eth0", {"ppp0", {"me\ndefaultroute", "x"}}, "s"));
    EXPECT_FALSE(pppoe_options("eth0", {"ppp0", {"me", "x\r"}}, "s"));
}

TEST(AuthorizedKeys, OneLineEach) {
    EXPECT_EQ(authorized_keys({"ssh-ed25519 AAAA a", "ssh-ed25519 BBBB b"}).value(),
              "ssh-ed25519 AAAA a\nssh-ed25519 BBBB b\n");
    EXPECT_FALSE(authorized_keys({"ssh-ed25519 AAAA\nssh-ed25519 EVIL"}));
    EXPECT_FALSE(authorized_keys({""}));
}

}  // namespace
}  // namespace ulagate::appliance::files_test
