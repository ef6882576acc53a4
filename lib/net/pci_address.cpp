// SPDX-License-Identifier: BSD-3-Clause
#include "net/pci_address.h"

#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace sallyport::net {

namespace {

/// Takes hexadecimal digits up to @p end, or to the end of the text where @p end is '\0'.
std::optional<std::uint32_t> take_hex(std::string_view& text, char end, std::size_t shortest,
                                      std::size_t longest, std::uint32_t largest) {
    const std::size_t length = end == '\0' ? text.size() : text.find(end);
    if (length == std::string_view::npos || length < shortest || length > longest)
        return std::nullopt;
    std::uint32_t value = 0;
    const char* const last = text.data() + length;
    const auto [stop, error] = std::from_chars(text.data(), last, value, 16);
    if (error != std::errc{} || stop != last || value > largest) return std::nullopt;
    text.remove_prefix(end == '\0' ? length : length + 1);
    return value;
}

} // namespace

std::string to_string(const PciAddress& address) {
    return fmt::format("{:04x}:{:02x}:{:02x}.{:x}", address.domain, address.bus, address.device,
                       address.function);
}

Expected<PciAddress> parse_pci_address(std::string_view text) {
    std::string_view rest = text;
    const auto domain = take_hex(rest, ':', 4, 8, UINT32_MAX);
    const auto bus = domain ? take_hex(rest, ':', 2, 2, 0xff) : std::nullopt;
    const auto device = bus ? take_hex(rest, '.', 2, 2, 0x1f) : std::nullopt;
    const auto function = device ? take_hex(rest, '\0', 1, 1, 7) : std::nullopt;
    if (!function)
        return failure(fmt::format("'{}' is no PCI address", text), {},
                       "write domain:bus:device.function as 'lspci -D' prints it, like "
                       "0000:08:00.0");
    return PciAddress{*domain, static_cast<std::uint8_t>(*bus), static_cast<std::uint8_t>(*device),
                      static_cast<std::uint8_t>(*function)};
}

PciAddress physical_function(const PciAddress& first, unsigned pf) {
    PciAddress address = first;
    address.function = static_cast<std::uint8_t>(first.function + pf);
    return address;
}

} // namespace sallyport::net
