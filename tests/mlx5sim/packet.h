// SPDX-License-Identifier: BSD-3-Clause
// A packet on its way through the card, and the headers that the card's parser finds in it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace mlx5sim {

enum class NetworkHeader : std::uint8_t { none = 0, ipv4 = 1, ipv6 = 2 };
/// Of the kinds that the parser tells apart in two bits.
enum class TransportHeader : std::uint8_t { none = 0, tcp = 1, udp = 2, ipsec = 3 };
/// Of the first tag.
enum class VlanTag : std::uint8_t { none = 0, service = 1, customer = 2 };

/// One stack of headers: an Ethernet header and what stands on it. Offsets count from the packet's
/// first octet.
struct Headers {
    std::size_t mac = 0;
    /// Of the ethertype behind the VLAN tags.
    std::size_t ethertype = 0;
    std::size_t network = 0;
    std::size_t transport = 0;
    bool l2_ok = false;
    VlanTag first_vlan = VlanTag::none, second_vlan = VlanTag::none;
    NetworkHeader network_kind = NetworkHeader::none;
    TransportHeader transport_kind = TransportHeader::none;
    /// What stands at @p transport, behind the extension headers.
    std::uint8_t protocol = 0;
    bool fragment = false;
    bool first_fragment = false;
    /// The header is whole, and its lengths fit into the packet.
    bool l3_ok = false, l4_ok = false;
    bool ipv4_checksum_ok = false, l4_checksum_ok = false;
};

class Packet {
  public:
    static constexpr std::size_t registers = 12;

    explicit Packet(std::span<const std::uint8_t> octets);
    Packet(const Packet&) = delete;
    Packet& operator=(const Packet&) = delete;
    ~Packet();

    std::span<std::uint8_t> octets() { return {buffer_.data() + start_, buffer_.size() - start_}; }
    std::span<const std::uint8_t> octets() const {
        return {buffer_.data() + start_, buffer_.size() - start_};
    }
    std::size_t size() const { return buffer_.size() - start_; }

    /// Both leave the headers as they were found; parse() looks again.
    void insert(std::size_t at, std::span<const std::uint8_t> octets);
    void remove(std::size_t at, std::size_t count);

    void parse();
    const Headers& outer() const { return outer_; }
    /// Behind a VXLAN header.
    const std::optional<Headers>& inner() const { return inner_; }
    /// Of the VXLAN header.
    std::optional<std::size_t> tunnel() const { return tunnel_; }

    /// REG_C_0 and on.
    std::array<std::uint32_t, registers> c{};
    std::uint32_t a = 0, b = 0;
    /// By which the driver sent it; 0: it came from outside.
    std::uint32_t send_queue = 0;
    /// From which it entered the E-Switch.
    std::uint16_t source_vhca = 0, source_vport = 0;
    std::optional<std::uint32_t> flow_tag;

  private:
    std::vector<std::uint8_t> buffer_;
    std::size_t start_;
    Headers outer_;
    std::optional<Headers> inner_;
    std::optional<std::size_t> tunnel_;
};

} // namespace mlx5sim
