// SPDX-License-Identifier: BSD-3-Clause
#include "modification.h"

#include "fields.h"
#include "report.h"

#include <optional>

namespace mlx5sim {

namespace {

/// Kinds of actions.
constexpr unsigned type_set = 1, type_add = 2, type_copy = 3, type_nop = 6, type_add_field = 8;

constexpr Field action_type{0x00, 4}, action_field{0x04, 12}, action_offset{0x13, 5},
    action_length{0x1b, 5}, copy_field{0x24, 12}, copy_offset{0x33, 5};

/// Numbers of the registers' fields.
constexpr unsigned register_a = 0x49, register_b = 0x50, register_c_0 = 0x51, register_c_8 = 0x8f;

/// Where a field of a packet begins.
enum class Header : std::uint8_t { mac, ethertype, network, transport };

/// A field of the first headers by one number, of the second by the other: @p width bits, the last
/// of which is @p shift bits before the end of the 8, 16 or 32 that are read at @p offset.
struct FieldOf {
    unsigned outer_number, inner_number;
    Header header;
    std::uint8_t offset, octets, shift, width;
    /// Of which the packet must have one; none: of any.
    NetworkHeader network = NetworkHeader::none;
    TransportHeader transport = TransportHeader::none;
};

constexpr auto any_network = NetworkHeader::none;
constexpr auto ipv4 = NetworkHeader::ipv4, ipv6 = NetworkHeader::ipv6;
constexpr auto tcp = TransportHeader::tcp, udp = TransportHeader::udp;

constexpr FieldOf packet_fields[] = {
    {0x01, 0x31, Header::mac, 6, 4, 0, 32},
    {0x02, 0x32, Header::mac, 10, 2, 0, 16},
    {0x03, 0x33, Header::ethertype, 0, 2, 0, 16},
    {0x04, 0x34, Header::mac, 0, 4, 0, 32},
    {0x05, 0x35, Header::mac, 4, 2, 0, 16},
    {0x06, 0x36, Header::network, 1, 1, 2, 6, ipv4},
    {0x06, 0x36, Header::network, 0, 2, 6, 6, ipv6},
    {0x07, 0x37, Header::transport, 12, 2, 0, 9, any_network, tcp},
    {0x08, 0x38, Header::transport, 0, 2, 0, 16, any_network, tcp},
    {0x09, 0x39, Header::transport, 2, 2, 0, 16, any_network, tcp},
    {0x0a, 0x3a, Header::network, 8, 1, 0, 8, ipv4},
    {0x0b, 0x3b, Header::transport, 0, 2, 0, 16, any_network, udp},
    {0x0c, 0x3c, Header::transport, 2, 2, 0, 16, any_network, udp},
    {0x0d, 0x3d, Header::network, 8, 4, 0, 32, ipv6},
    {0x0e, 0x3e, Header::network, 12, 4, 0, 32, ipv6},
    {0x0f, 0x3f, Header::network, 16, 4, 0, 32, ipv6},
    {0x10, 0x40, Header::network, 20, 4, 0, 32, ipv6},
    {0x11, 0x41, Header::network, 24, 4, 0, 32, ipv6},
    {0x12, 0x42, Header::network, 28, 4, 0, 32, ipv6},
    {0x13, 0x43, Header::network, 32, 4, 0, 32, ipv6},
    {0x14, 0x44, Header::network, 36, 4, 0, 32, ipv6},
    {0x15, 0x45, Header::network, 12, 4, 0, 32, ipv4},
    {0x16, 0x46, Header::network, 16, 4, 0, 32, ipv4},
    {0x47, 0x48, Header::network, 7, 1, 0, 8, ipv6},
    {0x73, 0x74, Header::network, 1, 1, 0, 2, ipv4},
    {0x73, 0x74, Header::network, 0, 2, 4, 2, ipv6},
};

constexpr std::uint32_t mask_of(unsigned width) {
    return width >= 32 ? ~0U : (1U << width) - 1;
}

std::uint32_t* find_register(Packet& packet, unsigned number) {
    if (number == register_a) return &packet.a;
    if (number == register_b) return &packet.b;
    if (number >= register_c_0 && number < register_c_0 + 8)
        return &packet.c[number - register_c_0];
    if (number >= register_c_8 && number < register_c_8 + 4)
        return &packet.c[8 + number - register_c_8];
    return nullptr;
}

std::uint16_t load16(const std::uint8_t* at) {
    return static_cast<std::uint16_t>(at[0] << 8 | at[1]);
}

/// RFC 1624: the checksum at @p at, after @p before became @p after in what it is over.
void correct(std::uint8_t* at, std::uint32_t before, std::uint32_t after) {
    std::uint32_t sum = static_cast<std::uint16_t>(~load16(at));
    sum += static_cast<std::uint16_t>(~(before >> 16)) + static_cast<std::uint16_t>(~before);
    sum += (after >> 16) + (after & 0xffff);
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    const auto checksum = static_cast<std::uint16_t>(~sum);
    at[0] = static_cast<std::uint8_t>(checksum >> 8);
    at[1] = static_cast<std::uint8_t>(checksum);
}

/// A field of a packet that has it.
class PacketField {
  public:
    static std::optional<PacketField> find(Packet& packet, unsigned number) {
        bool known = false;
        for (const FieldOf& field : packet_fields) {
            if (number != field.outer_number && number != field.inner_number) continue;
            known = true;
            const Headers* const layers = number == field.outer_number ? &packet.outer()
                                          : packet.inner()             ? &*packet.inner()
                                                                       : nullptr;
            if (layers == nullptr || !layers->l2_ok) continue;
            if (field.network != NetworkHeader::none && layers->network_kind != field.network)
                continue;
            if (field.transport != TransportHeader::none
                && layers->transport_kind != field.transport)
                continue;
            return PacketField(packet, *layers, field);
        }
        if (!known) refuse("modification: the field 0x%x is not simulated", number);
        return std::nullopt;
    }

    unsigned width() const { return field_.width; }

    std::uint32_t read() const { return whole() >> field_.shift & mask_of(field_.width); }

    void write(std::uint32_t value) {
        const std::uint32_t mask = mask_of(field_.width) << field_.shift;
        const std::uint32_t before = aligned();
        const std::uint32_t all = (whole() & ~mask) | (value << field_.shift & mask);
        for (unsigned i = 0; i < field_.octets; ++i)
            octets_[at_ + i] = static_cast<std::uint8_t>(all >> 8 * (field_.octets - 1 - i));
        correct_checksums(before, aligned());
    }

  private:
    PacketField(Packet& packet, const Headers& layers, const FieldOf& field)
        : octets_(packet.octets()), layers_(layers), field_(field), at_(begin() + field.offset) {}

    std::size_t begin() const {
        switch (field_.header) {
        case Header::mac:
            return layers_.mac;
        case Header::ethertype:
            return layers_.ethertype;
        case Header::network:
            return layers_.network;
        case Header::transport:
            break;
        }
        return layers_.transport;
    }

    std::uint32_t whole() const {
        std::uint32_t value = 0;
        for (unsigned i = 0; i < field_.octets; ++i)
            value = value << 8 | octets_[at_ + i];
        return value;
    }

    /// The words of 16 bits that the field lies in, as checksums see them.
    std::uint32_t aligned() const {
        if (field_.octets == 4)
            return std::uint32_t{load16(&octets_[at_])} << 16 | load16(&octets_[at_ + 2]);
        return load16(&octets_[field_.octets == 1 ? begin() + field_.offset / 2 * 2 : at_]);
    }

    bool is_address() const { return field_.header == Header::network && field_.octets == 4; }

    void correct_checksums(std::uint32_t before, std::uint32_t after) {
        if (field_.header == Header::network && layers_.network_kind == NetworkHeader::ipv4)
            correct(&octets_[layers_.network + 10], before, after);
        if (!is_address() && field_.header != Header::transport) return;
        if (layers_.transport_kind == TransportHeader::tcp)
            correct(&octets_[layers_.transport + 16], before, after);
        if (layers_.transport_kind == TransportHeader::udp
            && load16(&octets_[layers_.transport + 6]) != 0)
            correct(&octets_[layers_.transport + 6], before, after);
    }

    std::span<std::uint8_t> octets_;
    const Headers& layers_;
    const FieldOf& field_;
    std::size_t at_;
};

std::uint32_t read_field(Packet& packet, unsigned number) {
    if (const std::uint32_t* const value = find_register(packet, number)) return *value;
    const auto field = PacketField::find(packet, number);
    return field ? field->read() : 0;
}

/// Bits @p offset to @p offset + @p length of the field become @p value's last ones.
bool write_field(Packet& packet, unsigned number, unsigned offset, unsigned length,
                 std::uint32_t value) {
    const std::uint32_t mask = mask_of(length) << offset;
    if (std::uint32_t* const found = find_register(packet, number)) {
        *found = (*found & ~mask) | (value << offset & mask);
        return false;
    }
    if (auto field = PacketField::find(packet, number))
        field->write((field->read() & ~mask) | (value << offset & mask));
    return true;
}

} // namespace

bool modify(Packet& packet, std::span<const std::uint8_t, 8> action, std::uint32_t data) {
    const unsigned number = get32(action.data(), action_field);
    const unsigned offset = get32(action.data(), action_offset);
    // 32 does not fit into five bits.
    const unsigned length = (get32(action.data(), action_length) + 31) % 32 + 1;
    switch (const unsigned type = get32(action.data(), action_type)) {
    case type_nop:
        return false;
    case type_set:
        return write_field(packet, number, offset, length, data);
    case type_add:
        return write_field(packet, number, 0, 32, read_field(packet, number) + data);
    case type_copy:
        return write_field(packet, get32(action.data(), copy_field),
                           get32(action.data(), copy_offset), length,
                           read_field(packet, number) >> offset);
    case type_add_field: {
        const unsigned to = get32(action.data(), copy_field);
        return write_field(packet, to, 0, 32, read_field(packet, to) + read_field(packet, number));
    }
    default:
        refuse("modification: the action %u is not simulated", type);
    }
}

} // namespace mlx5sim
