// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <string>
#include <string_view>

// What the commands and options are and mean: --help and ulagate(1) are both made from these tables.
namespace ulagate::cli {

struct Entry {
    std::string_view synopsis;
    std::string_view text;  // sentences without line breaks
};

inline constexpr std::string_view kSummary =
    "the edge router, and the relay, of an IPv6 overlay between sites";

inline constexpr std::array<Entry, 9> kCommands{{
    {"run [--config FILE]",
     "Run as the router or relay that FILE describes, until SIGTERM. SIGHUP reloads FILE; if it has an "
     "error, "
     "nothing changes."},
    {"check FILE",
     "Print every mistake in a configuration, with its line and what to do. The exit status is 0 if FILE can "
     "be used, else 1."},
    {"show ra|firewall|plan FILE",
     "Print what run would send (ra), install (firewall) or do step by step (plan). Nothing is touched."},
    {"status [--json] [--watch] [--all]",
     "Print the state of the running daemon: which router is Active, which relay each site is reached "
     "through and "
     "why, and what is wrong. --json: for programs. --watch: again every second. --all: every site, not only "
     "those with traffic."},
    {"withdraw",
     "Take this router out of the overlay: tell the hosts of the LAN, remove what ulagate has installed in "
     "the "
     "kernel, and stop the daemon."},
    {"keygen [FILE]",
     "Make a private key. With FILE: write it there (mode 0600, never over an existing file) and print the "
     "public key. Without: print it, and the public key on standard error."},
    {"pubkey FILE", "Print the public key that belongs to the private key in FILE."},
    {"update FILE|URL|- | --status",
     "On a machine with the firmware (SD card image): install a new version for a trial; if it does not work "
     "as well, the old one returns by itself. Elsewhere new versions come as packages."},
    {"--version | --help", "Print the version with its commit, or this text."},
}};

inline constexpr std::array<Entry, 4> kOptions{{
    {"--config FILE", "The configuration (default /etc/ulagate/ulagate.toml)."},
    {"--runtime-dir DIR",
     "The folder of the control socket (default /run/ulagate). Each daemon of a machine has its own."},
    {"--state-dir DIR", "The folder for what outlives a reboot (default /var/lib/ulagate)."},
    {"--debug", "More log lines."},
}};

inline constexpr std::string_view kPrivileges =
    "check, show, keygen and pubkey need no root. status and withdraw need root or the group of the control "
    "socket ([control] group in the configuration).";

// The text of --help, in lines of at most 100 columns.
std::string help();

}  // namespace ulagate::cli
