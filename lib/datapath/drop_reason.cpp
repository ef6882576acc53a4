// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/drop_reason.h"

#include <array>

namespace sallyport::datapath {

namespace {

struct Description {
    std::string_view name;
    std::string_view explanation;
};

constexpr std::array<Description, drop_reason_count> descriptions{{
#define X(id, name, text) {name, text},
    SALLYPORT_DROP_REASONS(X)
#undef X
}};

} // namespace

std::string_view name(DropReason reason) {
    return descriptions[static_cast<std::size_t>(reason)].name;
}

std::string_view explanation(DropReason reason) {
    return descriptions[static_cast<std::size_t>(reason)].explanation;
}

} // namespace sallyport::datapath
