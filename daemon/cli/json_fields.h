// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <string>

// Reads what a daemon told about itself. One of another version may lack a member or mean something else by
// it, which must not stop the command: what is not there is empty, 0 or "never".
namespace ulagate {

std::string text_of(const boost::json::value& object, const char* name);
std::uint64_t number_of(const boost::json::value& object, const char* name);
bool flag_of(const boost::json::value& object, const char* name);
const boost::json::array& list_of(const boost::json::value& object, const char* name);
// For people: "3.2 s ago", "12 kB".
std::string ago_of(const boost::json::value& object, const char* name);
std::string size_of(const boost::json::value& object, const char* name);
std::string string_of(const boost::json::value& item);
bool has(const boost::json::value& object, const char* name);  // and not null

}  // namespace ulagate
