// SPDX-License-Identifier: BSD-3-Clause
// What TAG register 0 tells one group of another. The E-Switch has few registers that every
// release lets us use, so this one is all there is.
#pragma once

#include "overlay/row.h"

#include <cstdint>

namespace sallyport::eswitch {

/// Bits of the tag of a packet that came from a VM, from the station group on.
namespace vm_tag {

inline constexpr unsigned id_bits = 12;
inline constexpr std::uint32_t tenant = (1U << id_bits) - 1;
inline constexpr unsigned port_shift = id_bits;
inline constexpr std::uint32_t port = tenant << port_shift;
inline constexpr unsigned length_class_shift = 2 * id_bits;
inline constexpr unsigned length_class_bits = 7;
inline constexpr std::uint32_t length_class = ((1U << length_class_bits) - 1) << length_class_shift;
/// Set when the outer header's constant traffic class is the one this packet calls for.
inline constexpr unsigned encapsulable_bit = 31;
inline constexpr std::uint32_t encapsulable = 1U << encapsulable_bit;

} // namespace vm_tag

/// Tenants and vm ports beyond these have no room in the tag and stay in software.
inline constexpr std::uint32_t most_tagged_ids = 1U << vm_tag::id_bits;
inline constexpr std::uint32_t most_length_classes = 1U << vm_tag::length_class_bits;

constexpr std::uint32_t make_vm_tag(overlay::TenantId tenant, overlay::VmPortId port,
                                    std::uint32_t length_class) {
    return tenant | std::uint32_t{port} << vm_tag::port_shift
           | length_class << vm_tag::length_class_shift;
}

} // namespace sallyport::eswitch
