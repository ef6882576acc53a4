// SPDX-License-Identifier: BSD-3-Clause
// Any octets as an inner frame, whole or only its beginning in reach: the parser stays inside what
// it may read, and what builds on its word (ECN, the answer to what is too large) is right.
#include "net/frame.h"

#include "net/too_big.h"
#include "support/frames.h"
#include "target.h"

#include <algorithm>
#include <memory>

using namespace sallyport;

namespace {

/// Exactly as large as it may be read, so that AddressSanitizer sees one octet more.
struct Exact {
    Exact(const std::uint8_t* from, std::size_t length)
        : size(length), octets(new std::uint8_t[length]) {
        std::copy_n(from, length, octets.get());
    }
    std::size_t size;
    std::unique_ptr<std::uint8_t[]> octets;
};

std::uint16_t ip_sum(const std::uint8_t* l3) {
    return testing::ones_sum(l3, (l3[0] & 0x0fU) * 4U);
}

void check_frame(const net::Frame& frame, std::size_t contiguous) {
    if (frame.fault != net::FrameFault::none) {
        fuzz::require(frame.l3 == net::L3::other, "a fault has no IP");
        return;
    }
    fuzz::require(frame.l3_offset == 14 || frame.l3_offset == 18 || frame.l3_offset == 22,
                  "up to two tags");
    fuzz::require(frame.tagged == (frame.l3_offset > 14), "tags are told");
    const std::size_t header = frame.l3 == net::L3::ipv4 ? 20 : frame.l3 == net::L3::ipv6 ? 40 : 0;
    fuzz::require(frame.l3_offset + header <= contiguous, "the IP header is there");
}

void check_ecn(const Exact& input, const net::Frame& frame, std::size_t length) {
    if (frame.fault != net::FrameFault::none || frame.l3 == net::L3::other) return;
    for (std::uint8_t ecn = 0; ecn < 4; ++ecn) {
        const Exact copy(input.octets.get(), input.size);
        net::set_ecn(copy.octets.get(), frame, ecn);
        const net::Frame after = net::parse_frame(copy.octets.get(), copy.size, length);
        fuzz::require(after.fault == net::FrameFault::none && after.l3 == frame.l3
                          && after.flow_hash == frame.flow_hash,
                      "ECN changes nothing else");
        fuzz::require(after.traffic_class == ((frame.traffic_class & 0xfc) | ecn), "ECN is set");
        if (frame.l3 == net::L3::ipv4 && ip_sum(&input.octets[frame.l3_offset]) == 0xffff)
            fuzz::require(ip_sum(&copy.octets[frame.l3_offset]) == 0xffff,
                          "a right checksum stays right");
    }
}

void check_answer(const Exact& input, const net::Frame& frame, std::uint16_t mtu) {
    const Exact room(std::make_unique<std::uint8_t[]>(net::largest_too_big_answer).get(),
                     net::largest_too_big_answer);
    const std::size_t length = net::write_too_big({input.octets.get(), input.size}, frame, mtu,
                                                  {room.octets.get(), net::largest_too_big_answer});
    fuzz::require(length <= net::largest_too_big_answer, "the answer fits");
    fuzz::require(net::write_too_big({input.octets.get(), input.size}, frame, mtu,
                                     {room.octets.get(), net::largest_too_big_answer - 1})
                      == 0,
                  "no answer without room");
    if (length == 0) return;
    const Exact answer(room.octets.get(), length);
    const net::Frame parsed = net::parse_frame(answer.octets.get(), length, length);
    fuzz::require(parsed.fault == net::FrameFault::none && parsed.l3 == frame.l3
                      && parsed.l3_offset == frame.l3_offset,
                  "the answer is a frame like the original");
    const std::uint8_t* const ip = &answer.octets[frame.l3_offset];
    const std::size_t size = length - frame.l3_offset;
    if (frame.l3 == net::L3::ipv4) {
        fuzz::require(size <= 576 && ip_sum(ip) == 0xffff, "IPv4 header is right");
        fuzz::require(testing::ones_sum(ip + 20, size - 20) == 0xffff, "ICMP checksum is right");
    } else {
        fuzz::require(size <= 1280, "no larger than every link takes");
        const std::uint16_t pseudo =
            testing::ones_sum(ip + 8, 32, static_cast<std::uint32_t>(58 + size - 40));
        fuzz::require(testing::ones_sum(ip + 40, size - 40, pseudo) == 0xffff,
                      "ICMPv6 checksum is right");
    }
    // Nobody answers an answer.
    const Exact again(room.octets.get(), length);
    fuzz::require(net::write_too_big({again.octets.get(), length}, parsed, mtu,
                                     {room.octets.get(), net::largest_too_big_answer})
                      == 0,
                  "an answer is not answered");
}

} // namespace

// The first two octets say how much of the frame lies beyond what can be read, the next two the
// MTU.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { // NOLINT
    if (size < 4) return 0;
    const std::size_t beyond = static_cast<std::size_t>(data[0] << 8 | data[1]);
    const auto mtu = static_cast<std::uint16_t>(data[2] << 8 | data[3]);
    const Exact input(data + 4, size - 4);
    const std::size_t length = input.size + beyond;
    const net::Frame frame = net::parse_frame(input.octets.get(), input.size, length);
    check_frame(frame, input.size);
    check_ecn(input, frame, length);
    check_answer(input, frame, mtu);
    return 0;
}
