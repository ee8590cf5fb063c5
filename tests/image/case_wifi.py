# SPDX-License-Identifier: GPL-2.0-or-later
"""The image as an access point and as a guest of one, over radios that the kernel simulates (mac80211_hwsim): the second one
is the other end, in a namespace inside the machine."""

import re

import lab
import radios
from case_sites import host_address
from case_smoke import READY
from registry import case
from world import Desk, Sites

SSID, PASSWORD = "site a", "correct horse"


def access_point(bench, security, client):
    sites = Sites(bench)
    sites.start_the_rest()
    config = {"lan": [{"interface": "wlan0", "prefix": sites.site.prefix, "ra": {}, "gateway": True,
                       "ipv4": "192.168.83.1/24"}],
              "uplink": [{"kind": "ethernet", "interface": "eth0"}],
              "wifi_ap": {"interface": "wlan0", "ssid": SSID, "password": PASSWORD, "security": security}}
    more = {**config, "appliance": {"ssh_keys": [bench.ssh_line], "ssh_from": "anywhere", "country": "DE"}}
    machine = sites.router(more=more).start()
    machine.wait_for(READY, 120)
    ssh = sites.ssh().wait(60)
    radios.load(ssh)
    laptop = radios.Laptop(ssh, "wlan1")
    laptop.join(client)
    try:
        lab.wait_for(laptop.joined, 60, "the laptop is in the network", every=1)
    except lab.Failed:
        print(laptop.supplicant_log(), ssh.out("tail -n 40 /run/log/messages", check=False))
        raise
    laptop.ask_for_address()
    lab.check("192.168.83." in laptop.addresses(), "it has an IPv4 address by DHCP")
    lab.wait_for(lambda: "fd12:3456:789a:a:" in laptop.addresses(), 30, "and one of the overlay", every=1)
    far = host_address(sites.world.sites["b"])
    lab.wait_for(lambda: laptop.reaches(far), 60, "it reaches host-b", every=1)
    lab.wait_for(lambda: laptop.reaches("203.0.113.1"), 30, "and the internet, by NAT", every=1)
    lab.step("the laptop reaches the other site and the internet")


@case(seconds=420)
def access_point_wpa2(bench):
    access_point(bench, "wpa2", f'network={{\n ssid="{SSID}"\n psk="{PASSWORD}"\n key_mgmt=WPA-PSK\n}}\n')


@case(seconds=420, long=True)
def access_point_wpa3(bench):
    access_point(bench, "wpa3", f'network={{\n ssid="{SSID}"\n sae_password="{PASSWORD}"\n key_mgmt=SAE\n ieee80211w=2\n}}\n')


@case(seconds=300)
def wifi_client(bench):
    """Somebody's Wi-Fi is the first uplink, the cable stands by: used while it is there, and left when it goes."""
    desk = Desk(bench)
    config = desk.configuration(uplink=[{"kind": "wifi", "interface": "wlan0", "ssid": SSID, "password": PASSWORD},
                                        {"kind": "ethernet", "interface": "eth0"}])
    config["appliance"]["country"] = "DE"
    machine = desk.machine({"ulagate.toml": lab.toml(config)}).start()
    machine.wait_for(READY, 90)
    ssh = desk.ssh().wait(60)
    lab.wait_for(lambda: best_uplink(ssh) == "eth0", 30, "the cable is used while there is no radio", every=0.5)
    radios.load(ssh)
    cafe = radios.Cafe(ssh, "wlan1")
    cafe.open(SSID, "another " + PASSWORD)
    desk.wait_for_page("the password is wrong", 90)
    lab.check_equal(best_uplink(ssh), "eth0", "with the wrong password, which the page complains of, the cable stays")
    cafe.close()
    cafe.open(SSID, PASSWORD)
    desk.wait_for_page("in use: 192.168.90.", 90)
    lab.wait_for(lambda: best_uplink(ssh) == "wlan0", 10, "and the Wi-Fi is used", every=0.5)
    lab.check("bytes from" in ssh.out(f"ping -c1 -W2 {cafe.ADDRESS}"), "it answers")
    cafe.close()
    lab.wait_for(lambda: best_uplink(ssh) == "eth0", 60, "it has gone: the cable is used again", every=0.5)


def best_uplink(ssh):
    """The link of the default route that counts."""
    found = re.search(r"\bdev (\S+)", ssh.out("ip -4 route get 203.0.113.1", check=False))
    return found.group(1) if found else ""
