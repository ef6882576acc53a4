// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/port_driver.h"

#include "net/overhead.h"

#include <algorithm>
#include <bit>
#include <charconv>

#include <linux/if_packet.h>

namespace sallyport::datapath {

namespace {

constexpr std::uint32_t default_slot_size = 2048;
constexpr std::uint32_t page_size = 4096;
/// Two VLAN tags on top of a frame of the MTU.
constexpr std::uint32_t tag_room = 2 * net::vlan_tag_length;
/// What the kernel keeps in front of a received frame (packet_mmap.rst: TPACKET_ALIGN of the header
/// and at least 16 octets of link header).
constexpr std::uint32_t receive_overhead = TPACKET_ALIGN(TPACKET2_HDRLEN + 16);

std::uint32_t number_argument(std::string_view device, std::string_view key,
                              std::uint32_t otherwise) {
    const auto text = device_argument(device, key);
    std::uint32_t value = otherwise;
    if (text) std::from_chars(text->data(), text->data() + text->size(), value);
    return value;
}

} // namespace

std::optional<std::string> device_argument(std::string_view device, std::string_view key) {
    std::size_t start = device.find(',');
    while (start != std::string_view::npos) {
        const std::size_t end = device.find(',', start + 1);
        const std::string_view argument =
            device.substr(start + 1, end == std::string_view::npos ? end : end - start - 1);
        const std::size_t equals = argument.find('=');
        if (equals != std::string_view::npos && argument.substr(0, equals) == key)
            return std::string(argument.substr(equals + 1));
        start = end;
    }
    return std::nullopt;
}

std::string_view device_name(std::string_view device) {
    return device.substr(0, device.find(','));
}

bool is_af_packet(std::string_view device) {
    return device.starts_with("net_af_packet");
}
bool is_tap(std::string_view device) {
    return device.starts_with("net_tap");
}

std::string complete_device(const std::string& device, std::uint16_t mtu) {
    if (!is_af_packet(device)) return device;
    const std::uint32_t frame = net::ethernet_header_length + tag_room + mtu;
    std::string completed = device;
    std::uint32_t slot = number_argument(device, "framesz", 0);
    if (slot == 0) {
        slot = std::max(default_slot_size, std::bit_ceil(frame + receive_overhead));
        completed += ",framesz=" + std::to_string(slot);
    }
    if (!device_argument(device, "blocksz"))
        completed += ",blocksz=" + std::to_string(std::max(page_size, std::bit_ceil(slot)));
    // Past the queue, a frame that the far end of a veth refuses would stay first in the ring.
    if (!device_argument(device, "qdisc_bypass")) completed += ",qdisc_bypass=0";
    return completed;
}

std::uint32_t af_packet_slot_size(const std::string& completed_device) {
    return number_argument(completed_device, "framesz", default_slot_size);
}

std::uint32_t af_packet_slot_room(const std::string& completed_device) {
    const std::uint32_t slot = af_packet_slot_size(completed_device);
    return slot > receive_overhead ? slot - receive_overhead : 0;
}

} // namespace sallyport::datapath
