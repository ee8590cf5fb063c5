// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/loop/control_link.h"
#include "daemon/service/context.h"
#include "tests/unit/daemon/kernel/fake_kernel.h"
#include "tests/unit/virtual_loop.h"

namespace ulagate::fake {

using namespace std::chrono_literals;

// The overlay control protocol without a network.
class FakeControlLink final : public ControlLink {
public:
    struct Wire {
        std::vector<wg::control::Received> in;
        std::vector<wg::control::Outgoing> out;
        std::optional<net::Ipv6Address> bound;
        FakeControlLink* link = nullptr;
        std::map<net::Ipv6Address, std::uint32_t> sequences;

        // It arrives now.
        void hear(const net::Ipv6Address& from, wg::control::Message message) {
            in.push_back({from, {++sequences[from], std::move(message)}});
            link->readable();
        }
        template <class T>
        [[nodiscard]] std::vector<T> sent_to(const net::Ipv6Address& to) const {
            std::vector<T> found;
            for (const auto& each : out) {
                const auto* message = std::get_if<T>(&each.packet.message);
                if (each.to == to && message != nullptr) found.push_back(*message);
            }
            return found;
        }
    };
    FakeControlLink(Loop& loop, Wire& wire) : ControlLink(loop), wire_(wire) { wire_.link = this; }
    void bind(const net::Ipv6Address& address) override { wire_.bound = address; }
    void set_voices(wg::control::Voices) override {}
    std::vector<wg::control::Received> receive() override { return std::exchange(wire_.in, {}); }
    void send(std::span<const wg::control::Outgoing> packets) override {
        wire_.out.insert(wire_.out.end(), packets.begin(), packets.end());
    }

private:
    Wire& wire_;
};

// A router's key by its number, as the configurations below have it.
inline Config two_routers_a_site() {
    Config config = relay();
    SiteConfig& site = config.sites.front();
    site.routers.resize(1, site.routers.front());
    RouterConfig second = site.routers.front();
    site.routers.front().public_key = key(1);
    second.node = "a2";
    second.address = net::parse_ipv6("fd99::a2").value();
    second.public_key = key(2);
    site.routers.front().priority = 200;
    second.priority = 100;
    site.routers.push_back(second);
    return config;
}

// A directory for what parts write, which goes with it.
class Directory {
public:
    Directory() {
        std::string name = std::filesystem::temp_directory_path() / "ulagate-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) ADD_FAILURE() << "no directory like " << name;
        path_ = name;
    }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    Directory(Directory&&) = delete;
    Directory& operator=(Directory&&) = delete;
    ~Directory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

// One part of the daemon in virtual time, over the fake kernel: what the daemon's turn does for all parts,
// this does for the one under test. What a turn does with the part is given by a test's fixture: observe
// before the plan, contribute, settled after it.
class PartStory : public ::testing::Test, protected Turn {
protected:
    explicit PartStory(Config start) : config(std::move(start)) {
        paths.runtime_directory = directory.path();
        paths.state_directory = directory.path();
    }

    virtual bool contribute(Facts& facts) = 0;
    virtual void observe() {}
    virtual void settled() {}

    void reconcile() override {
        ++turns;
        const auto read = reconciler.refresh();
        observe();
        planned = contribute(facts) || !read || *read || !reconciler.settled() || !planned_once;
        if (!planned) return settled();
        planned_once = true;
        last = reconciler.run([this](const Have& have) { return desired(config, facts, have); }, loop.now());
        settled();
    }
    void reconcile_next() override {
        loop.post([this] { reconcile(); });
    }
    void reconcile_soon() override { soon.set(loop.now() + 20ms); }
    // The kernel says that something has changed.
    void changed() {
        reconciler.mark(Stale::all());
        reconcile();
    }

    Directory directory;
    ServicePaths paths;
    Config config;
    FakeKernel kernel;
    VirtualLoop loop;
    Reconciler reconciler{kernel};
    KernelLog log;
    FastPath fast_path{reconciler, log, loop};
    Obstacles obstacles;
    FileWriter files;
    Context context{loop, config, paths, reconciler, fast_path, log, obstacles, files, *this};
    Facts facts = fake::facts(config);
    Alarm soon{loop, [this] { reconcile(); }};
    Reconciler::Report last;
    unsigned turns = 0;
    bool planned = false;  // in the last turn
    bool planned_once = false;
};

}  // namespace ulagate::fake
