// SPDX-License-Identifier: BSD-3-Clause
#include "transmit.h"

#include "fields.h"

#include <cstddef>

namespace mlx5sim {

namespace {

using Octets = std::span<const std::uint8_t>;

/// Sizes and places are those of the manual's send WQE: control, Ethernet and data segments.
constexpr std::size_t segment_size = 16, ethernet_at = 16, first_data_at = 32;
constexpr std::uint32_t is_inline = 1U << 31;
constexpr std::size_t inline_header_at = 14;

std::size_t rounded(std::size_t size) {
    return (size + segment_size - 1) / segment_size * segment_size;
}

void append(FrameBuffer& packet, Octets data) {
    packet.insert(packet.end(), data.begin(), data.end());
}

/// What the Ethernet segment asks for.
struct Wishes {
    ChecksumWork checksums;
    std::size_t segment_payload = 0;
    /// In front of the data.
    std::size_t header_size = 0;
    bool inserts_tag = false;
    std::uint16_t tag_type = 0, tag = 0;
    /// Where the driver says that headers lie, for tunnels that the parser does not know; offsets
    /// of 0 say nothing.
    struct {
        std::size_t outer_network = 0, outer_transport = 0, inner_network = 0, inner_transport = 0;
        bool outer_is_ipv6 = false, inner_is_ipv6 = false;
    } told;

    explicit Wishes(const std::uint8_t* ethernet);
};

Wishes::Wishes(const std::uint8_t* ethernet) {
    const std::uint8_t flags = ethernet[4], parser = ethernet[5];
    checksums.inner_network = (flags & 1U << 4) != 0;
    checksums.inner_transport = (flags & 1U << 5) != 0;
    checksums.outer_network = (flags & 1U << 6) != 0;
    checksums.outer_transport = (flags & 1U << 7) != 0;
    segment_payload = load16(ethernet + 6);
    // In units of two octets.
    told.outer_transport = std::size_t{ethernet[0]} * 2;
    told.outer_network = std::size_t{ethernet[1]} * 2;
    told.inner_transport = std::size_t{ethernet[2]} * 2;
    told.inner_network = std::size_t{ethernet[3]} * 2;
    told.inner_is_ipv6 = (parser & 1U << 0) != 0;
    told.outer_is_ipv6 = (parser & 1U << 4) != 0;
    constexpr std::uint32_t insert = 1U << 31, is_service_tag = 1U << 16;
    const std::uint32_t header = load32(ethernet + 12);
    inserts_tag = (header & insert) != 0;
    if (!inserts_tag) {
        header_size = header >> 16;
        return;
    }
    tag_type = (header & is_service_tag) != 0 ? 0x88a8 : 0x8100;
    tag = static_cast<std::uint16_t>(header);
}

/// The parser's view, and the driver's where it tells of an inner packet that the parser has not.
Layers find_layers(Octets frame, const Wishes& wishes, Lengths lengths) {
    Layers layers = layers_of(frame, lengths);
    const auto& told = wishes.told;
    if (layers.is_tunnel || told.inner_network == 0) return layers;
    if (layers.outer.version == 0)
        layers.outer = level_of(frame, told.outer_network, told.outer_is_ipv6 ? 6 : 4, lengths);
    layers.inner = level_of(frame, told.inner_network, told.inner_is_ipv6 ? 6 : 4, lengths);
    layers.is_tunnel = layers.inner.version != 0;
    return layers;
}

/// One request on its way to packets.
class Request {
  public:
    Request(Octets octets, const MayRead& may_read, const Sink& sink)
        : octets_(octets), may_read_(may_read), sink_(sink), wishes_(octets.data() + ethernet_at) {}

    Syndrome send_one();
    Syndrome send_many();
    Syndrome send_segments();

  private:
    Syndrome take_header(FrameBuffer& packet);
    Syndrome take_data(FrameBuffer& packet);
    Syndrome take_all(FrameBuffer& packet);
    void finish(FrameBuffer& packet);

    Octets octets_;
    const MayRead& may_read_;
    const Sink& sink_;
    Wishes wishes_;
    std::size_t at_ = first_data_at;
};

/// The header that stands in the Ethernet segment and behind it.
Syndrome Request::take_header(FrameBuffer& packet) {
    const std::size_t size = wishes_.header_size, start = ethernet_at + inline_header_at;
    if (size == 0) return Syndrome::none;
    if (start + size > octets_.size()) return Syndrome::operation;
    append(packet, octets_.subspan(start, size));
    at_ = rounded(start + size);
    return Syndrome::none;
}

/// What one data segment adds to a packet.
Syndrome Request::take_data(FrameBuffer& packet) {
    if (at_ + 4 > octets_.size()) return Syndrome::operation;
    const std::uint32_t count = load32(octets_.data() + at_);
    const std::size_t size = count & ~is_inline;
    if ((count & is_inline) != 0) {
        if (at_ + 4 + size > octets_.size()) return Syndrome::operation;
        append(packet, octets_.subspan(at_ + 4, size));
        at_ += rounded(4 + size);
        return Syndrome::none;
    }
    if (at_ + segment_size > octets_.size()) return Syndrome::operation;
    const std::uint32_t key = load32(octets_.data() + at_ + 4);
    const std::uint64_t address = get(octets_.data() + at_, Field{0x40, 64});
    if (!may_read_(key, address, size)) return Syndrome::protection;
    append(packet, {reinterpret_cast<const std::uint8_t*>(address), size});
    at_ += segment_size;
    return Syndrome::none;
}

Syndrome Request::take_all(FrameBuffer& packet) {
    Syndrome wrong = take_header(packet);
    while (wrong == Syndrome::none && at_ < octets_.size())
        wrong = take_data(packet);
    return wrong;
}

void Request::finish(FrameBuffer& packet) {
    if (wishes_.inserts_tag) insert_tag(packet, wishes_.tag_type, wishes_.tag);
    write_checksums(packet, find_layers(packet, wishes_, Lengths::trusted), wishes_.checksums);
    sink_(packet);
}

Syndrome Request::send_one() {
    thread_local FrameBuffer packet;
    packet.clear();
    const Syndrome wrong = take_all(packet);
    if (wrong == Syndrome::none) finish(packet);
    return wrong;
}

Syndrome Request::send_many() {
    thread_local FrameBuffer packet;
    while (at_ < octets_.size()) {
        packet.clear();
        if (const Syndrome wrong = take_data(packet); wrong != Syndrome::none) return wrong;
        finish(packet);
    }
    return Syndrome::none;
}

// The payload's part has a TCP checksum in any case, the IPv4 header's where it is asked for.
Syndrome Request::send_segments() {
    FrameBuffer whole;
    if (const Syndrome wrong = take_all(whole); wrong != Syndrome::none) return wrong;
    if (wishes_.inserts_tag) insert_tag(whole, wishes_.tag_type, wishes_.tag);
    const Layers layers = find_layers(whole, wishes_, Lengths::ignored);
    ChecksumWork work = wishes_.checksums;
    (layers.is_tunnel ? work.inner_transport : work.outer_transport) = true;
    const bool done = segment(whole, layers, wishes_.segment_payload, [&](FrameBuffer& packet) {
        write_checksums(packet, find_layers(packet, wishes_, Lengths::trusted), work);
        sink_(packet);
    });
    return done ? Syndrome::none : Syndrome::operation;
}

} // namespace

Syndrome send_packets(Octets request, std::uint8_t operation, const MayRead& may_read,
                      const Sink& sink) {
    if (request.size() < first_data_at) return Syndrome::operation;
    Request parsed(request, may_read, sink);
    switch (operation) {
    case operation_many_packets:
        return parsed.send_many();
    case operation_segment:
        return parsed.send_segments();
    default:
        return parsed.send_one();
    }
}

} // namespace mlx5sim
