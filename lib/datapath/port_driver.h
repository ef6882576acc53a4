// SPDX-License-Identifier: BSD-3-Clause
// What is peculiar to a few of DPDK's drivers, in one place; every other driver is taken at its
// word.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::datapath {

/// Value of a key in device arguments: device_argument("net_tap0,iface=x", "iface") is "x".
std::optional<std::string> device_argument(std::string_view device, std::string_view key);

/// The device's own name, before the first comma.
std::string_view device_name(std::string_view device);

bool is_af_packet(std::string_view device);
bool is_tap(std::string_view device);

/// Device arguments with what the operator left to us: for net_af_packet, ring slots that hold a
/// frame of the MTU, and sending through the interface's queue. Otherwise unchanged.
std::string complete_device(const std::string& device, std::uint16_t mtu);

/// Octets of a frame that one slot of a net_af_packet ring holds, sending.
std::uint32_t af_packet_slot_room(const std::string& completed_device);
/// Octets of one slot, the bound on what the driver copies into a buffer.
std::uint32_t af_packet_slot_size(const std::string& completed_device);

} // namespace sallyport::datapath
