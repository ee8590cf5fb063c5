// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/result.h"

namespace ulagate {

// Why a name has no address. Compares equal to
//   std::errc::address_not_available              the name does not exist, or has no address
//   std::errc::resource_unavailable_try_again     no answer now, another time perhaps
const std::error_category& resolver_category();

// Turns names into addresses in a thread of its own, the only one beside the loop, because the C library may
// wait half a minute for a dead name server. One name after the other, in the order of the requests.
class Resolver {
public:
    struct Answer {
        std::string host;
        Result<std::vector<net::IpAddress>> addresses;  // in the order of preference (RFC 6724), none twice
    };

    // `notify` is called from the helper thread when an answer is ready; it must only wake the loop and must
    // not call back into this object. After the destructor it is called no more.
    explicit Resolver(std::function<void()> notify);
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;
    Resolver(Resolver&&) = delete;
    Resolver& operator=(Resolver&&) = delete;
    ~Resolver();  // does not wait for a query under way

    void request(std::string host);  // nothing happens while the same name is waiting or being asked
    std::vector<Answer> take();

private:
    struct Shared;
    static void serve(const std::shared_ptr<Shared>& shared);
    std::shared_ptr<Shared> shared_;
};

}  // namespace ulagate
