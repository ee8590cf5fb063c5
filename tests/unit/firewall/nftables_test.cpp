// SPDX-License-Identifier: GPL-2.0-or-later
#include "firewall/nftables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>

#include "firewall/active_prefixes.h"
#include "firewall/nft_child.h"
#include "firewall/render.h"
#include "tests/unit/firewall/models.h"

namespace ulagate::firewall::nftables_test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kCannot = 77;

// Runs a test's body in a network namespace of its own, in a child, so that this process stays where it is.
void in_namespace(const std::function<void()>& body) {
    std::fflush(nullptr);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        if (unshare(CLONE_NEWNET) != 0 || std::system("nft list tables >/dev/null 2>&1") != 0) _exit(kCannot);
        body();
        std::fflush(nullptr);
        _exit(::testing::Test::HasFailure() ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status)) << "the test ended by signal " << WTERMSIG(status);
    if (WEXITSTATUS(status) == kCannot) GTEST_SKIP() << "needs root, network namespaces and nft";
    ASSERT_EQ(WEXITSTATUS(status), 0) << "see the failures above";
}

void shell(const std::string& command) { ASSERT_EQ(std::system(command.c_str()), 0) << command; }

std::string output_of(const std::string& command) {
    std::string text;
    FILE* pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) return text;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text.push_back(static_cast<char>(c));
    pclose(pipe);
    return text;
}

// The process that applies rulesets is this program again, too, and must not become a test run.
[[gnu::constructor]] void become_the_child_if_asked(int argc, char** argv) {
    if (const auto code = run_nft_child(argc, argv)) _exit(*code);
}

std::unique_ptr<Nftables> open_nftables() {
    auto nftables = Nftables::open();
    if (!nftables) {
        ADD_FAILURE() << nftables.error().text();
        _exit(1);
    }
    return std::move(*nftables);
}

Result<void> apply_and_wait(Nftables& nftables, const std::string& ruleset) {
    auto applied = nftables.apply(ruleset);
    while (!applied && applied.error().code == std::errc::operation_in_progress) {
        pollfd readable{nftables.answer_handle(), POLLIN, 0};
        if (poll(&readable, 1, 60'000) != 1) return ulagate::fail("nobody answers");
        if (auto answer = nftables.take_answer()) applied = std::move(*answer);
    }
    return applied;
}

// Not named apply: std::apply would win.
void install(Nftables& nftables, const std::string& ruleset) {
    const auto applied = apply_and_wait(nftables, ruleset);
    ASSERT_TRUE(applied) << applied.error().text();
}

// Reads until nothing is left; true when one of the reads saw a foreign hand.
bool foreign_hand(Nftables& nftables) {
    bool foreign = false;
    for (;;) {
        pollfd readable{nftables.event_handle(), POLLIN, 0};
        if (poll(&readable, 1, 0) <= 0) return foreign;
        foreign = nftables.drain().value() || foreign;
    }
}

double milliseconds(const std::function<void()>& body) {
    const auto start = std::chrono::steady_clock::now();
    body();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

TEST(Nftables, AppliesEveryRulesetTwice) {
    in_namespace([] {
        auto nftables = open_nftables();
        Model relay_any = relay_model();
        relay_any.forward = {{Service::Protocol::any, 0, 0}};
        relay_any.sites.insert(prefix("fd12:3456:789a:c00::/56"));
        Model all_ports = relay_model(Mode::shared);
        all_ports.forward = {{Service::Protocol::tcp, 0, 0}, {Service::Protocol::udp, 0, 0}};
        all_ports.input = {{Service::Protocol::any, 0, 0}};
        Model firmware_relay = relay_model();
        firmware_relay.ssh = AccessScope::anywhere;
        Model bare_edge;
        bare_edge.overlay = prefix("fd12:3456:789a::/48");
        Model bare_relay = bare_edge;
        bare_relay.role = Role::relay;
        for (const Model& model :
             {edge_model(), edge_model(Mode::shared), lone_edge_model(), lone_edge_model(Mode::shared),
              relay_model(), relay_model(Mode::shared), relay_any, all_ports, gateway_model(),
              gateway_model(Mode::shared), gateway_model(Mode::appliance, AccessScope::anywhere),
              firmware_relay, bridge_model(), bridge_model(Mode::shared), bare_edge, bare_relay}) {
            for (int i = 0; i < 2; ++i) {
                install(*nftables, render(model));
                EXPECT_TRUE(nftables->table_exists().value());
            }
        }
        for (int i = 0; i < 2; ++i) {
            install(*nftables, render(edge_model(Mode::off)));
            EXPECT_FALSE(nftables->table_exists().value());
        }
        install(*nftables, "");
        EXPECT_FALSE(foreign_hand(*nftables));
    });
}

TEST(Nftables, GoldenFilesLoadWithTheNftCommand) {
    in_namespace([] {
        for (const char* name : {"edge_appliance", "edge_shared", "edge_lone", "gateway", "gateway_overlay",
                                 "gateway_anywhere", "gateway_shared", "bridge", "bridge_shared", "relay",
                                 "relay_shared", "relay_any", "relay_tcp", "off"}) {
            shell(std::string("nft -c -f " ULAGATE_SOURCE_DIR "/tests/unit/firewall/golden/") + name +
                  ".nft");
        }
    });
}

TEST(Nftables, RefusedRulesetChangesNothingAndSaysWhy) {
    in_namespace([] {
        auto nftables = open_nftables();
        install(*nftables, render(edge_model()));
        const std::string before = output_of("nft list ruleset");
        std::string broken = render(relay_model());
        broken.insert(broken.find("chain input {") + 13, "\n\t\tip6 daddr nonsense/64 accept");
        auto refused = apply_and_wait(*nftables, broken);
        ASSERT_FALSE(refused);
        EXPECT_THAT(refused.error().text(),
                    AllOf(HasSubstr("in: ip6 daddr nonsense/64"), Not(HasSubstr("\n"))));
        // This one only the kernel can refuse.
        refused =
            apply_and_wait(*nftables, "delete table inet ulagate\nadd rule inet ulagate input accept\n");
        ASSERT_FALSE(refused);
        EXPECT_EQ(
            refused.error().text(),
            "nft: Could not process rule: No such file or directory in: add rule inet ulagate input accept");
        EXPECT_EQ(output_of("nft list ruleset"), before);
        EXPECT_FALSE(foreign_hand(*nftables));
    });
}

TEST(Nftables, SeesEveryForeignHand) {
    in_namespace([] {
        auto nftables = open_nftables();
        const std::string find_rule =
            "nft -a list chain inet ulagate output | sed -n 's/.*notrack # handle //p'";
        const std::string delete_rule = "nft delete rule inet ulagate output handle $(" + find_rule + ")";
        for (const std::string& command : std::vector<std::string>{
                 "nft delete table inet ulagate",
                 "nft flush ruleset",
                 "nft flush table inet ulagate",
                 "nft flush chain inet ulagate forward_lan",
                 "nft insert rule inet ulagate forward accept",
                 "nft delete element inet ulagate lans '{ \"lan0\" }'",
                 "nft add element inet ulagate site '{ fd00::/64 }'",
                 "nft add chain inet ulagate mine",
                 "nft add set inet ulagate mine '{ type inet_service; }'",
                 "nft add counter inet ulagate mine",
                 delete_rule,
             }) {
            install(*nftables, render(edge_model()));
            EXPECT_FALSE(foreign_hand(*nftables)) << "our own change is not foreign";
            shell(command);
            EXPECT_TRUE(foreign_hand(*nftables)) << command;
            EXPECT_FALSE(foreign_hand(*nftables)) << "reported once";
            EXPECT_EQ(nftables->table_exists().value(),
                      !output_of("nft list table inet ulagate 2>/dev/null").empty());
        }
        // A foreign change that nobody has read about yet when we apply the next one.
        install(*nftables, render(edge_model()));
        shell("nft flush ruleset");
        install(*nftables, render(edge_model()));
        EXPECT_TRUE(foreign_hand(*nftables));
        // A second instance of us is somebody else too.
        auto other = open_nftables();
        install(*other, render(edge_model()));
        EXPECT_FALSE(foreign_hand(*other));
        EXPECT_TRUE(foreign_hand(*nftables));
    });
}

TEST(Nftables, LeavesForeignTablesAlone) {
    in_namespace([] {
        auto nftables = open_nftables();
        shell(
            "nft 'table inet docker { chain c { counter accept; }; }; table ip ulagate { chain c { accept; "
            "}; }'");
        const std::string before = output_of("nft list table inet docker; nft list table ip ulagate");
        install(*nftables, render(edge_model()));
        install(*nftables, render(relay_model(Mode::shared)));
        shell("nft add chain inet docker more; nft delete chain inet docker more");
        shell("nft add chain ip ulagate more; nft delete chain ip ulagate more");
        shell("nft add table inet ulagate2; nft delete table inet ulagate2");
        EXPECT_FALSE(foreign_hand(*nftables));
        install(*nftables, render(edge_model(Mode::off)));
        EXPECT_EQ(output_of("nft list table inet docker; nft list table ip ulagate"), before);
    });
}

TEST(Nftables, UpdatesLeadToTheSameSetsAsAFullRender) {
    in_namespace([] {
        auto nftables = open_nftables();
        Model hash = relay_with_sites(20);
        Model hash_then = hash;
        hash_then.sites.erase(prefix("fd12:3456:789a:3::/64"));
        hash_then.sites.insert(prefix("fd12:3456:789a:ff::/64"));
        Model intervals = relay_model();
        intervals.sites = {prefix("fd12:3456:789a::/56"), prefix("fd12:3456:789a:200::/64")};
        Model intervals_then = intervals;
        intervals_then.sites = {prefix("fd12:3456:789a::/60"), prefix("fd12:3456:789a:80::/64"),
                                prefix("fd12:3456:789a:200::/56"), prefix("fd12:3456:789a:201::/64")};
        for (const auto& [a, b] : {std::pair{hash, hash_then},
                                   {hash_then, hash},
                                   {intervals, intervals_then},
                                   {intervals_then, intervals}}) {
            install(*nftables, render(b));
            const std::string expected = output_of("nft list ruleset");
            install(*nftables, render(a));
            EXPECT_NE(output_of("nft list ruleset"), expected);
            install(*nftables, render_update(a, b).value());
            EXPECT_EQ(output_of("nft list ruleset"), expected);
        }
        EXPECT_FALSE(foreign_hand(*nftables));
    });
}

TEST(Nftables, TenThousandSites) {
    in_namespace([] {
        auto nftables = open_nftables();
        const Model few = relay_with_sites(10);
        const Model many = relay_with_sites(10000);
        const double first = milliseconds([&] { install(*nftables, render(many)); });
        const double again = milliseconds([&] { install(*nftables, render(many)); });
        EXPECT_FALSE(foreign_hand(*nftables))
            << "too many events for the buffer must not look like a foreign hand";
        const auto one_more = [&](const Model& before) {
            std::vector<double> times;
            for (unsigned i = 0; i < 11; ++i) {
                Model model = before;
                model.sites.insert(prefix(fmt::format("fd12:3456:789a:f0{:02x}::/64", i)));
                const std::string update = render_update(before, model).value();
                times.push_back(milliseconds([&] { install(*nftables, update); }));
            }
            std::nth_element(times.begin(), times.begin() + 5, times.end());
            return times[5];
        };
        const double one_more_of_many = one_more(many);
        install(*nftables, render(few));
        const double one_more_of_few = one_more(few);
        EXPECT_FALSE(foreign_hand(*nftables));
        fmt::print(
            "10,000 sites: first {:.0f} ms, replaced {:.0f} ms; one site more: {:.2f} ms (of 10: {:.2f} "
            "ms)\n",
            first, again, one_more_of_many, one_more_of_few);
        EXPECT_LT(first + again, 20000);
    });
}

TEST(Nftables, LostEventsOfOurOwnAreNoForeignHand) {
    in_namespace([] {
        auto nftables = open_nftables();
        const Model many = relay_with_sites(10000);
        // More than any buffer holds, and nobody reads.
        for (int i = 0; i < 12; ++i) install(*nftables, render(many));
        EXPECT_FALSE(foreign_hand(*nftables));
        for (int i = 0; i < 12; ++i) install(*nftables, render(many));
        shell("nft flush ruleset");
        EXPECT_TRUE(foreign_hand(*nftables));
        install(*nftables, render(many));
        EXPECT_FALSE(foreign_hand(*nftables));
    });
}

// A stand-in for the process that applies rulesets; the socket is its file descriptor 3.
std::unique_ptr<Nftables> with_child(const std::string& script) {
    auto nftables = Nftables::open({"/bin/sh", "-c", script});
    if (!nftables) {
        ADD_FAILURE() << nftables.error().text();
        _exit(1);
    }
    return std::move(*nftables);
}

TEST(Nftables, F07_AChildThatDiesIsAnErrorAndComesAnew) {
    in_namespace([] {
        auto dying = with_child("head -c 1 <&3 >/dev/null; kill -SEGV $$");
        for (int i = 0; i < 2; ++i) {
            const auto applied = apply_and_wait(*dying, render(edge_model()));
            ASSERT_FALSE(applied);
            EXPECT_THAT(applied.error().text(), HasSubstr("signal 11"));
            EXPECT_EQ(dying->child(), -1);
        }
        auto nftables = open_nftables();
        for (int i = 0; i < 3; ++i) {
            install(*nftables, render(edge_model()));
            ASSERT_GT(nftables->child(), 0);
            ASSERT_EQ(kill(nftables->child(), SIGKILL), 0);  // while it has nothing to do
            pollfd readable{nftables->answer_handle(), POLLIN, 0};
            ASSERT_EQ(poll(&readable, 1, 10'000), 1);
            if (i == 1) continue;  // the next ruleset meets a dead one
            EXPECT_FALSE(nftables->take_answer());
            EXPECT_EQ(poll(&readable, 1, 0), 0) << "or the loop would spin";
        }
        EXPECT_TRUE(nftables->table_exists().value());
        EXPECT_FALSE(foreign_hand(*nftables));
    });
}

TEST(Nftables, F07_AChildThatHasNothingToDoEndsAndComesAnew) {
    in_namespace([] {
        auto nftables = open_nftables();
        install(*nftables, render(edge_model()));
        const pid_t first = nftables->child();
        ASSERT_GT(first, 0);
        pollfd readable{nftables->answer_handle(), POLLIN, 0};
        ASSERT_EQ(poll(&readable, 1, 60'000), 1);
        EXPECT_FALSE(nftables->take_answer()) << "that is no error";
        EXPECT_EQ(nftables->child(), -1);
        install(*nftables, render(edge_model()));
        EXPECT_GT(nftables->child(), 0);
        EXPECT_NE(nftables->child(), first);
    });
}

TEST(Nftables, F07_AChildThatHangsIsKilled) {
    in_namespace([] {
        auto nftables = with_child("exec sleep 1000");
        const pid_t child = nftables->child();
        EXPECT_LT(milliseconds([&] {
                      const auto applied = nftables->apply(render(edge_model()));
                      EXPECT_EQ(applied.error().code, std::errc::operation_in_progress);
                      EXPECT_EQ(nftables->apply("flush ruleset").error().code,
                                std::errc::device_or_resource_busy);
                  }),
                  4000)
            << "it waits for a moment only";
        shell("nft add table inet ulagate");
        EXPECT_FALSE(foreign_hand(*nftables)) << "it may be ours: nobody knows yet";
        pollfd readable{nftables->answer_handle(), POLLIN, 0};
        ASSERT_EQ(poll(&readable, 1, 60'000), 1);
        const auto answer = nftables->take_answer();
        ASSERT_TRUE(answer);
        EXPECT_THAT(answer->error().text(), HasSubstr("did not answer and was killed"));
        EXPECT_EQ(kill(child, 0), -1);
        EXPECT_EQ(poll(&readable, 1, 0), 0);
        EXPECT_TRUE(nftables->take_foreign()) << "it was not";
    });
}

TEST(Nftables, F07_AChildThatFloodsIsKilled) {
    in_namespace([] {
        for (const char* script :
             {"while :; do echo flood >&3; done", "head -c 4000 /dev/zero >&3; sleep 1000"}) {
            auto nftables = with_child(script);
            // Before it was asked anything.
            pollfd readable{nftables->answer_handle(), POLLIN, 0};
            ASSERT_EQ(poll(&readable, 1, 10'000), 1);
            EXPECT_FALSE(nftables->take_answer());
            EXPECT_EQ(nftables->child(), -1);
            const auto applied = apply_and_wait(*nftables, render(edge_model()));
            ASSERT_FALSE(applied) << script;
            EXPECT_THAT(applied.error().text(), HasSubstr("malformed answer"));
        }
    });
}

TEST(Nftables, F07_AnotherProcessCostsLittle) {
    in_namespace([] {
        auto nftables = open_nftables();
        install(*nftables, render(edge_model()));
        std::vector<double> times;
        for (int i = 0; i < 21; ++i)
            times.push_back(milliseconds([&] { install(*nftables, render(edge_model())); }));
        std::nth_element(times.begin(), times.begin() + 10, times.end());
        std::ofstream{"/dev/shm/ulagate-edge.nft"} << render(edge_model());
        std::vector<double> nft;
        for (int i = 0; i < 5; ++i)
            nft.push_back(milliseconds([] { shell("nft -f /dev/shm/ulagate-edge.nft"); }));
        std::nth_element(nft.begin(), nft.begin() + 2, nft.end());
        std::remove("/dev/shm/ulagate-edge.nft");
        fmt::print("an edge's ruleset: {:.2f} ms, by the nft command {:.2f} ms\n", times[10], nft[2]);
        EXPECT_LT(times[10], 5 * nft[2]);
    });
}

TEST(Nftables, F07_TheChildIsNobodysCommand) {
    std::array<char*, 1> none{};
    EXPECT_FALSE(run_nft_child(1, none.data()));
}

TEST(ActivePrefixes, ReadsWhatTheRulesNotedWhichIsNoForeignHand) {
    in_namespace([] {
        auto nftables = open_nftables();
        auto active = ActivePrefixes::open();
        ASSERT_TRUE(active) << active.error().text();
        EXPECT_TRUE(active->read().value().empty()) << "there is no such set yet";
        install(*nftables, render(edge_model()));
        EXPECT_TRUE(active->read().value().empty());
        EXPECT_FALSE(foreign_hand(*nftables));
        // The rule of forward_lan, where a packet of this namespace can meet it.
        shell("ip link set lo up && ip -6 address add fd12:3456:789a:a::9/128 dev lo nodad");
        shell("nft add chain inet ulagate test '{ type filter hook output priority 0; }'");
        shell(
            "nft add rule inet ulagate test "
            "ip6 daddr fd12:3456:789a::/48 update @busy '{ ip6 daddr & ffff:ffff:ffff:ffff:: }'");
        EXPECT_TRUE(foreign_hand(*nftables));
        shell("ping -6 -c1 -W1 fd12:3456:789a:a::9 >/dev/null");
        EXPECT_THAT(active->read().value(), ElementsAre(prefix("fd12:3456:789a:a::/64")));
        EXPECT_FALSE(foreign_hand(*nftables)) << "elements that rules add are nobody's hand";
        for (int i = 0; i < 100; ++i) {
            shell("nft add element inet ulagate busy '{ fd12:3456:789a:" + std::to_string(1000 + i) +
                  ":: }'");
        }
        EXPECT_EQ(active->read().value().size(), 101U);
    });
}

}  // namespace
}  // namespace ulagate::firewall::nftables_test
