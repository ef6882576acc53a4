// SPDX-License-Identifier: BSD-3-Clause
#include "ipsec/packet_fault.h"

namespace sallyport::ipsec {

namespace {

struct Words {
    std::string_view name;
    std::string_view text;
};

constexpr std::array<Words, packet_fault_count> words{{
#define X(id, name, text) {name, text},
    SALLYPORT_PACKET_FAULTS(X)
#undef X
}};

} // namespace

std::string_view name(PacketFault fault) {
    return words[static_cast<std::size_t>(fault)].name;
}

std::string_view text(PacketFault fault) {
    return words[static_cast<std::size_t>(fault)].text;
}

} // namespace sallyport::ipsec
