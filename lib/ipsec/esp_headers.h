// SPDX-License-Identifier: BSD-3-Clause
// The headers around ESP that librte_ipsec leaves to its user: checks before, lengths, checksums
// and UDP encapsulation after. One object for one SA; worker; nothing allocates.
#pragma once

#include "ipsec/packet_fault.h"
#include "ipsec/sa.h"

#include <array>
#include <cstdint>
#include <optional>

struct rte_mbuf;

namespace sallyport::ipsec {

/// Absent: none.
using MaybeFault = std::optional<PacketFault>;

/// What outbound packets need before and after the cipher.
class OutboundHeaders {
  public:
    /// @param scratch octets that the engine needs behind the ICV
    OutboundHeaders(const SaSettings& settings, std::uint8_t scratch);

    /// Checks a frame of an Ethernet header of @p l2_length octets and an IP packet, cuts what
    /// precedes and follows the packet, and sets l2_len and l3_len as librte_ipsec wants them.
    /// @param octets becomes the length of the IP packet
    MaybeFault admit(rte_mbuf* packet, std::uint16_t l2_length, std::uint32_t& octets) const;
    /// The same where the NIC does all of ESP: nothing but checks, and l2_len and l3_len.
    MaybeFault admit_for_nic(rte_mbuf* packet, std::uint16_t l2_length,
                             std::uint32_t& octets) const;
    /// Makes it a frame again whose IP header is right. @param l2_length as in admit()
    void finish(rte_mbuf* packet, std::uint16_t l2_length) const;

    /// Outer IP header, and UDP header where there is one, of tunnel mode; lengths and checksums 0.
    [[nodiscard]] const std::array<std::uint8_t, 48>& tunnel_header() const { return tunnel_; }
    [[nodiscard]] std::uint8_t tunnel_header_length() const { return tunnel_length_; }

  private:
    void finish_udp(rte_mbuf* packet, std::uint8_t* ip, std::uint16_t ip_length) const;

    Mode mode_;
    net::IpFamily inner_;
    net::IpFamily outer_;
    std::optional<UdpEncapsulation> udp_;
    std::uint8_t block_;
    /// Octets behind the padding: ICV, high half of the sequence number, scratch.
    std::uint8_t behind_;
    std::uint8_t icv_;
    /// Octets that come in front of the data, Ethernet aside.
    std::uint8_t prepended_;
    std::uint8_t tunnel_length_ = 0;
    std::array<std::uint8_t, 48> tunnel_{};
};

/// What is to be known of an inbound packet once librte_ipsec has taken its headers away.
struct Arrival {
    rte_mbuf* packet;
    std::uint64_t sequence;
    /// The frame as it came; its L2 header stays readable there.
    const std::uint8_t* frame;
    /// Of the outer header, DSCP and ECN.
    std::uint8_t traffic_class;
    /// The low 32 bits, host byte order.
    std::uint32_t low_sequence;
};

/// What inbound packets need before and after the cipher.
class InboundHeaders {
  public:
    /// @param in_nic the NIC decrypts: librte_ipsec adds no high half of the sequence number
    InboundHeaders(const SaSettings& settings, std::uint8_t scratch, bool in_nic);

    /// Checks a frame with ESP of this SA, cuts what precedes and follows the packet, takes UDP
    /// encapsulation off, and sets l2_len and l3_len. @param arrival all but sequence is set, where
    /// there is no fault
    MaybeFault admit(rte_mbuf* packet, std::uint16_t l2_length, Arrival& arrival) const;
    /// Makes it a frame again. @param octets becomes the length of the IP packet
    MaybeFault finish(const Arrival& arrival, std::uint16_t l2_length, std::uint32_t& octets) const;
    /// Takes a frame that a NIC has made clear by inline protocol.
    MaybeFault admit_from_nic(rte_mbuf* packet, std::uint16_t l2_length,
                              std::uint32_t& octets) const;
    /// Why librte_ipsec refuses a packet whose ICV and sequence number are good: reads the trailer,
    /// which is in clear by then.
    [[nodiscard]] PacketFault trailer_fault(const rte_mbuf* packet) const;

  private:
    MaybeFault finish_transport(const Arrival& arrival, std::uint16_t l2_length,
                                std::uint32_t& octets) const;
    MaybeFault finish_tunnel(const Arrival& arrival, std::uint16_t l2_length,
                             std::uint32_t& octets) const;

    std::uint32_t spi_;
    Mode mode_;
    net::IpFamily inner_;
    net::IpFamily outer_;
    std::optional<UdpEncapsulation> udp_;
    std::uint8_t block_;
    std::uint8_t iv_;
    std::uint8_t icv_;
    std::uint8_t sequence_high_;
    std::uint8_t scratch_;
};

} // namespace sallyport::ipsec
