// SPDX-License-Identifier: BSD-3-Clause
// The words of a command line, checked and converted by their kinds.
#pragma once

#include "base/error.h"
#include "net/ip_address.h"
#include "net/mac_address.h"

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <variant>

namespace sallyport::shell {

/// Arguments by the names that the command's spec gives them. Asking for a name or type that the
/// spec does not have is a programming error and throws.
class Arguments {
  public:
    [[nodiscard]] const std::string& word(std::string_view name) const {
        return get<std::string>(name);
    }
    [[nodiscard]] const net::MacAddress& mac(std::string_view name) const {
        return get<net::MacAddress>(name);
    }
    [[nodiscard]] const net::IpAddress& address(std::string_view name) const {
        return get<net::IpAddress>(name);
    }
    /// Absolute where the session's folder is known.
    [[nodiscard]] const std::filesystem::path& path(std::string_view name) const {
        return get<std::filesystem::path>(name);
    }

    /// Converts and keeps a word. Kinds "mac", "address" and "path" have types of their own, all
    /// others are words.
    /// @param folder what a relative path is relative to
    Expected<void> set(const std::string& name, const std::string& kind, const std::string& text,
                       const std::filesystem::path& folder);

  private:
    using Value = std::variant<std::string, net::MacAddress, net::IpAddress, std::filesystem::path>;

    template<class T>
    [[nodiscard]] const T& get(std::string_view name) const {
        return std::get<T>(values_.at(std::string(name)));
    }

    std::map<std::string, Value> values_;
};

} // namespace sallyport::shell
