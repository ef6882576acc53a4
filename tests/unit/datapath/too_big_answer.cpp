// SPDX-License-Identifier: BSD-3-Clause
#include "too_big_answer.h"

#include "support/frames.h"

#include <algorithm>

namespace sallyport::testing {

namespace {

Octets slice(const Octets& octets, std::size_t from, std::size_t length) {
    const auto start = octets.begin() + static_cast<long>(from);
    return {start, start + static_cast<long>(std::min(length, octets.size() - from))};
}

/// The Ethernet header with its tags, addresses swapped.
Octets back_to_sender(const Octets& original, std::size_t l3) {
    Octets header = slice(original, 6, 6);
    header.insert(header.end(), original.begin(), original.begin() + 6);
    const Octets rest = slice(original, 12, l3 - 12);
    header.insert(header.end(), rest.begin(), rest.end());
    return header;
}

/// @param pseudo sum of the pseudo-header, if the checksum covers one
void append_icmp(Octets& answer, std::uint8_t type, std::uint8_t code, std::uint16_t mtu,
                 const Octets& quoted, std::uint16_t pseudo) {
    const std::size_t icmp = answer.size();
    const Octets header{type,
                        code,
                        0,
                        0,
                        0,
                        0,
                        static_cast<std::uint8_t>(mtu >> 8),
                        static_cast<std::uint8_t>(mtu)};
    answer.insert(answer.end(), header.begin(), header.end());
    answer.insert(answer.end(), quoted.begin(), quoted.end());
    const unsigned sum = 0xffffU & ~ones_sum(&answer[icmp], answer.size() - icmp, pseudo);
    answer[icmp + 2] = static_cast<std::uint8_t>(sum >> 8);
    answer[icmp + 3] = static_cast<std::uint8_t>(sum);
}

} // namespace

Octets fragmentation_needed(const Octets& original, std::size_t l3, std::uint16_t mtu) {
    Octets answer = back_to_sender(original, l3);
    const Octets quoted = slice(original, l3, 576 - 28);
    const std::size_t total = 28 + quoted.size();
    const Octets ip{0x45,
                    0,
                    static_cast<std::uint8_t>(total >> 8),
                    static_cast<std::uint8_t>(total),
                    0,
                    0,
                    0,
                    0,
                    64,
                    1,
                    0,
                    0};
    answer.insert(answer.end(), ip.begin(), ip.end());
    for (const std::size_t address : {l3 + 16, l3 + 12})
        for (std::size_t i = 0; i < 4; ++i)
            answer.push_back(original[address + i]);
    fix_ipv4_checksum(answer, l3);
    append_icmp(answer, 3, 4, mtu, quoted, 0);
    return answer;
}

Octets packet_too_big(const Octets& original, std::size_t l3, std::uint16_t mtu) {
    Octets answer = back_to_sender(original, l3);
    const Octets quoted = slice(original, l3, 1280 - 48);
    const std::size_t payload = 8 + quoted.size();
    const Octets ip{
        0x60, 0, 0, 0, static_cast<std::uint8_t>(payload >> 8), static_cast<std::uint8_t>(payload),
        58,   64};
    answer.insert(answer.end(), ip.begin(), ip.end());
    for (const std::size_t address : {l3 + 24, l3 + 8})
        for (std::size_t i = 0; i < 16; ++i)
            answer.push_back(original[address + i]);
    const std::uint16_t pseudo =
        ones_sum(&answer[answer.size() - 32], 32, static_cast<std::uint32_t>(58 + payload));
    append_icmp(answer, 2, 0, mtu, quoted, pseudo);
    return answer;
}

} // namespace sallyport::testing
