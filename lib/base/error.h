// SPDX-License-Identifier: BSD-3-Clause
// Control-plane errors are values: what failed, where, and what to do about it.
#pragma once

#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace sallyport {

/// A failure an operator can act on. All three parts are plain sentences without a trailing stop.
struct Error {
    /// What failed, with the reason: "cannot open TAP device: Operation not permitted".
    std::string what;
    /// Where: "uplink p0", "tenant blue", "tenants.d/blue.conf:12"; empty where there is no place.
    std::string where{};
    /// What would mend it: "run as root or grant CAP_NET_ADMIN"; empty where nobody knows.
    std::string remedy{};

    /// "where: what; remedy"
    [[nodiscard]] std::string message() const {
        std::string text = where.empty() ? what : where + ": " + what;
        return remedy.empty() ? text : text + "; " + remedy;
    }
};

template<class T = void>
using Expected = tl::expected<T, Error>;

inline tl::unexpected<Error> failure(std::string what, std::string where = {},
                                     std::string remedy = {}) {
    return tl::unexpected(Error{std::move(what), std::move(where), std::move(remedy)});
}

} // namespace sallyport
