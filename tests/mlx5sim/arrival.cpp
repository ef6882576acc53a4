// SPDX-License-Identifier: BSD-3-Clause
#include "arrival.h"

#include "checksum.h"

namespace mlx5sim {

namespace {

constexpr std::size_t tag_size = 4;

// From the given place to the end; in the field stands the sum of the pseudo-header.
bool complete_checksum(FrameBuffer& frame, const LeftToDo& todo) {
    const std::size_t start = todo.checksum_start, field = start + todo.checksum_offset;
    // That of SCTP, a CRC, is at the same offset as no other's.
    constexpr std::size_t of_tcp = 16, of_udp = 6;
    if (todo.checksum_offset != of_tcp && todo.checksum_offset != of_udp) return false;
    if (field + 2 > frame.size()) return false;
    std::uint16_t value = Sum().add(std::span(frame).subspan(start)).complement();
    if (value == 0 && todo.checksum_offset == of_udp) value = 0xffff;
    store16(frame.data() + field, value);
    return true;
}

// Of the outer UDP header only where its sender had one: VXLAN's is mostly 0.
ChecksumWork checksums_of(std::span<const std::uint8_t> frame, const Layers& layers) {
    ChecksumWork work{.outer_network = true, .inner_network = true, .inner_transport = true};
    work.outer_transport =
        !layers.is_tunnel || load16(frame.data() + layers.outer.transport + 6) != 0;
    return work;
}

bool arrive_segmented(FrameBuffer& frame, const LeftToDo& todo, std::size_t tag, const Sink& sink) {
    const unsigned type = todo.segmentation & ~unsigned{LeftToDo::has_ecn};
    const bool is_tcp = type == LeftToDo::tcp_ipv4 || type == LeftToDo::tcp_ipv6;
    if (!is_tcp && type != LeftToDo::udp) return false;
    const Layers layers = layers_of(frame, Lengths::ignored);
    const Level& level = layers.innermost();
    if (!level.is(is_tcp ? protocol_tcp : protocol_udp)) return false;
    // A tunnel that the parser does not know would be cut at the wrong header.
    if ((todo.flags & LeftToDo::needs_checksum) != 0
        && level.transport != todo.checksum_start + tag)
        return false;
    return segment(frame, layers, todo.segment_size, [&](FrameBuffer& packet) {
        const Layers own = layers_of(packet);
        write_checksums(packet, own, checksums_of(packet, own));
        sink(packet);
    });
}

} // namespace

bool arrive(FrameBuffer& frame, const LeftToDo& todo, std::optional<Tag> tag, const Sink& sink) {
    const bool is_whole = todo.segmentation == 0;
    if (is_whole && (todo.flags & LeftToDo::needs_checksum) != 0 && !complete_checksum(frame, todo))
        return false;
    if (tag) insert_tag(frame, tag->type, tag->value);
    if (!is_whole) return arrive_segmented(frame, todo, tag ? tag_size : 0, sink);
    sink(frame);
    return true;
}

} // namespace mlx5sim
