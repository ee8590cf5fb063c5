// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/cli/man_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "daemon/base/text.h"
#include "daemon/cli/usage.h"

namespace ulagate::cli {
namespace {

// A line of text for groff, which reads backslashes everywhere, and a dot or quote at the beginning as a
// request.
std::string escaped(std::string_view text) {
    std::string out;
    if (text.starts_with('.') || text.starts_with('\'')) out = "\\&";
    for (const char c : text) {
        switch (c) {
            case '\\':
                out += "\\e";
                break;
            case '-':
                out += "\\-";
                break;
            case '`':
                out += "\\(ga";
                break;
            case '^':
                out += "\\(ha";
                break;
            case '~':
                out += "\\(ti";
                break;
            default:
                out += c;
        }
    }
    return out;
}

std::string header(std::string_view name, int section, std::string_view number, std::string_view title) {
    std::string upper{name};
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return fmt::format(
        ".\\\" Made by make_man; see daemon/cli/man_page.h.\n.TH {} {} \"\" \"ulagate {}\"\n"
        ".SH NAME\n{} \\- {}\n",
        upper, section, number, name, escaped(title));
}

std::string tagged(std::string_view tag, std::string_view text) {
    return fmt::format(".TP\n\\fB{}\\fR\n{}\n", escaped(tag), escaped(text));
}

constexpr std::array<Entry, 4> kFiles{{
    {"/etc/ulagate/ulagate.toml", "The configuration; see ulagate.toml(5)."},
    {"/etc/ulagate/tunnel.key",
     "The private key, where the configuration says so. It must not be readable by others."},
    {"/var/lib/ulagate",
     "What has to outlive a reboot. While ulagate is stopped all of it may be deleted; it is learnt again."},
    {"/run/ulagate/control", "The socket that status and withdraw use."},
}};

constexpr std::array<Entry, 2> kEnvironment{{
    {"RUNTIME_DIRECTORY", "Used instead of /run/ulagate. systemd may set it."},
    {"STATE_DIRECTORY", "Used instead of /var/lib/ulagate. systemd sets it."},
}};

constexpr std::array<Entry, 3> kExitStatus{{
    {"0", "Done."},
    {"1", "It could not be done, or (check) the file cannot be used. Standard error says why."},
    {"2", "The command line is wrong."},
}};

// What a reference file is made of.
struct Line {
    enum class Kind { blank, comment, key, table };
    Kind kind = Kind::blank;
    std::string_view text;         // of a comment; "[lan.vrrp]"; "key = value"
    std::string_view key;          // its name
    bool shows_default = false;    // commented out
    bool may_be_left_out = false;  // behind "#    "
};

bool is_key_character(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; }

// "key" of "key = value"; empty: it is none.
std::string_view key_of(std::string_view text) {
    const auto end =
        static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_key_character) - text.begin());
    return end > 0 && text.substr(end).starts_with(" =") ? text.substr(0, end) : std::string_view{};
}

Line read_line(std::string_view text) {
    constexpr std::string_view kLeftOut = "#    ";
    Line line;
    if (text.starts_with(kLeftOut) && !text.substr(kLeftOut.size()).starts_with(' ')) {
        line.may_be_left_out = true;
        text.remove_prefix(kLeftOut.size());
    }
    if (text.starts_with('[')) {
        line.kind = Line::Kind::table;
    } else if (text.starts_with('#')) {
        text.remove_prefix(text.starts_with("# ") ? 2 : 1);
        line.key = key_of(text);
        line.kind = line.key.empty() ? Line::Kind::comment : Line::Kind::key;
        line.shows_default = true;
    } else if (!text.empty()) {
        line.kind = Line::Kind::key;
        line.key = key_of(text);
    }
    line.text = text;
    return line;
}

// What belongs together: an explanation, then a table or keys or (a table that comes as an example) both.
struct Block {
    std::vector<std::string_view> comment;
    std::optional<std::string_view> table;
    std::vector<Line> keys;
};

std::vector<Block> read_blocks(std::string_view file) {
    // The first block is about the file, not about the language.
    const auto end = file.find("\n\n");
    file.remove_prefix(end == std::string_view::npos ? file.size() : end + 2);
    std::vector<Block> blocks;
    Block block;
    const auto finish = [&] {
        if (!block.comment.empty() || block.table || !block.keys.empty()) blocks.push_back(std::move(block));
        block = {};
    };
    while (!file.empty()) {
        const Line line = read_line(take_word(file, '\n'));
        switch (line.kind) {
            case Line::Kind::blank:
                finish();
                break;
            case Line::Kind::comment:
                if (line.text.empty()) break;
                if (block.table || !block.keys.empty()) finish();
                block.comment.push_back(line.text);
                break;
            case Line::Kind::table:
                if (block.table || !block.keys.empty()) finish();
                block.table = line.text;
                break;
            case Line::Kind::key:
                block.keys.push_back(line);
                break;
        }
    }
    finish();
    return blocks;
}

std::string text_of(const Block& block) {
    std::string out;
    for (std::string_view line : block.comment) {
        line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
        out += escaped(line) + '\n';
    }
    return out;
}

std::string page_of(std::string_view file) {
    std::string out;
    std::set<std::string_view> seen;
    for (const Block& block : read_blocks(file)) {
        const bool is_new = block.table && seen.insert(*block.table).second;
        if (is_new) out += fmt::format(".SS {}\n", *block.table);
        if (block.table || block.keys.empty()) {
            if (!is_new && !block.comment.empty()) out += ".PP\n";
            out += text_of(block);
            if (block.keys.empty()) continue;
            out += ".PP\n.EX\n";
            if (!is_new) out += fmt::format("{}\n", *block.table);
            for (const Line& key : block.keys) out += escaped(key.text) + '\n';
            out += ".EE\n";
            continue;
        }
        for (const Line& key : block.keys) {
            const bool required = !key.may_be_left_out && !key.shows_default;
            out += fmt::format("{}\n\\fB{}\\fR{}{}\n", &key == block.keys.data() ? ".TP" : ".TQ", key.key,
                               escaped(key.text.substr(key.key.size())), required ? " (required)" : "");
        }
        out += text_of(block);
    }
    return out;
}

constexpr std::string_view kLanguage =
    ".SH DESCRIPTION\n"
    "The file is TOML. A key that ulagate does not know is an error and never ignored, and so is a value of "
    "the\n"
    "wrong type; ulagate check FILE prints every mistake with its line.\n"
    ".PP\n"
    "A duration is a whole number and a unit in quotes: \"100ms\", \"30s\", \"5m\", \"4h\", \"1d\". A name "
    "has small\n"
    "letters, digits and hyphens.\n"
    ".PP\n"
    "Each key is shown with a value. Without the word (required) it may be left out; the value is then the\n"
    "default, or an example where the text says what an unset key means. A table that is not part of every\n"
    "file has no required keys here; its text says which ones it needs.\n";

}  // namespace

std::string man_of_commands(std::string_view number) {
    std::string out = header("ulagate", 1, number, kSummary);
    out += ".SH SYNOPSIS\n.nf\n";
    for (const Entry& command : kCommands)
        out += fmt::format("\\fBulagate\\fR {}\n", escaped(command.synopsis));
    out += ".fi\n.SH DESCRIPTION\n";
    out +=
        "An edge router announces the prefix of its site and a route to the overlay on the LAN, takes part "
        "in VRRP\n"
        "if the site has two routers, and carries overlay traffic through WireGuard tunnels to the relays. A "
        "relay\n"
        "forwards between sites. The configuration says which of the two this machine is.\n";
    out += ".SH COMMANDS\n";
    for (const Entry& command : kCommands) out += tagged(command.synopsis, command.text);
    out += fmt::format(".PP\n{}\n.SH OPTIONS\n", escaped(kPrivileges));
    for (const Entry& option : kOptions) out += tagged(option.synopsis, option.text);
    out += ".SH EXIT STATUS\n";
    for (const Entry& status : kExitStatus) out += tagged(status.synopsis, status.text);
    out += ".SH ENVIRONMENT\n";
    for (const Entry& variable : kEnvironment) out += tagged(variable.synopsis, variable.text);
    out += ".SH FILES\n";
    for (const Entry& file : kFiles) out += tagged(file.synopsis, file.text);
    return out + ".SH SEE ALSO\nulagate.toml(5), wg(8), nft(8), rdisc6(8)\n";
}

std::string man_of_configuration(std::string_view number, std::string_view edge, std::string_view relay) {
    return header("ulagate.toml", 5, number, "configuration of ulagate") + std::string{kLanguage} +
           ".SH EDGE ROUTER\n" + page_of(edge) + ".SH RELAY\n" + page_of(relay) +
           ".SH FILES\n.TP\n/etc/ulagate/ulagate.toml\nThe configuration, unless \\-\\-config names another "
           "file.\n"
           ".TP\n/usr/share/doc/ulagate/edge.toml, relay.toml\nThe reference files from which this page is "
           "made.\n"
           ".SH SEE ALSO\nulagate(1)\n";
}

}  // namespace ulagate::cli
