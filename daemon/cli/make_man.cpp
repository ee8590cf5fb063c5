// SPDX-License-Identifier: GPL-2.0-or-later
// make_man DIRECTORY NUMBER EDGE.TOML RELAY.TOML: writes ulagate.1 and ulagate.toml.5. Part of the build, not
// installed.
#include <fmt/format.h>

#include <cstdlib>
#include <string>

#include "daemon/base/file.h"
#include "daemon/cli/man_page.h"

namespace ulagate::cli {
namespace {

Result<void> make(const std::string& directory, const std::string& number, const std::string& edge,
                  const std::string& relay) {
    constexpr std::size_t kMaxBytes = 1'000'000;
    const auto edge_text = read_file(edge, kMaxBytes);
    if (!edge_text) return tl::unexpected<Error>{edge_text.error()};
    const auto relay_text = read_file(relay, kMaxBytes);
    if (!relay_text) return tl::unexpected<Error>{relay_text.error()};
    if (auto done = write_file_atomically(directory + "/ulagate.1", man_of_commands(number), 0644); !done)
        return done;
    return write_file_atomically(directory + "/ulagate.toml.5",
                                 man_of_configuration(number, *edge_text, *relay_text), 0644);
}

}  // namespace
}  // namespace ulagate::cli

int main(int argc, char** argv) {
    if (argc != 5) {
        fmt::print(stderr, "usage: make_man DIRECTORY NUMBER EDGE.TOML RELAY.TOML\n");
        return 2;
    }
    const auto made = ulagate::cli::make(argv[1], argv[2], argv[3], argv[4]);
    if (!made) fmt::print(stderr, "make_man: {}\n", made.error().text());
    return made ? EXIT_SUCCESS : EXIT_FAILURE;
}
