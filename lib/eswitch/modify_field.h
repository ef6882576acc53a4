// SPDX-License-Identifier: BSD-3-Clause
// MODIFY_FIELD with an immediate value, whose structures changed their names and members between
// DPDK releases.
#pragma once

#include <cstdint>
#include <cstring>

#include <rte_flow.h>
#include <rte_version.h>

namespace sallyport::eswitch {

/// What a MODIFY_FIELD action does, read back.
struct FieldChange {
    rte_flow_field_id field{};
    /// Of RTE_FLOW_FIELD_TAG.
    std::uint8_t tag_index = 0;
    /// Bits, from the least significant.
    std::uint32_t offset = 0;
    std::uint32_t width = 0;
    /// As in the item that matches the field: MACs as on the wire, tags in host byte order. The
    /// bits that are set are taken from the same offset of the value as of the field (DPDK
    /// Programmer's Guide, MODIFY_FIELD).
    std::uint8_t value[16]{};
};

// The index of a tag was told as its level before DPDK 23.11.
inline rte_flow_action_modify_field make_set(const FieldChange& change) {
    rte_flow_action_modify_field set{};
    set.operation = RTE_FLOW_MODIFY_SET;
    set.dst.field = change.field;
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
    set.dst.tag_index = change.tag_index;
#else
    set.dst.level = change.tag_index;
#endif
    set.dst.offset = change.offset;
    set.src.field = RTE_FLOW_FIELD_VALUE;
    std::memcpy(set.src.value, change.value, sizeof set.src.value);
    set.width = change.width;
    return set;
}

/// The mask of a template under which the field is fixed and the value is each rule's own
/// (mlx5: dst.level all ones, offset and width all ones, a zero value).
inline rte_flow_action_modify_field make_set_mask(rte_flow_field_id field) {
    rte_flow_action_modify_field mask{};
    mask.operation = RTE_FLOW_MODIFY_SET;
    mask.dst.field = field;
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
    mask.dst.level = UINT8_MAX;
    mask.dst.tag_index = UINT8_MAX;
#else
    mask.dst.level = UINT32_MAX;
#endif
    mask.dst.offset = UINT32_MAX;
    mask.src.field = RTE_FLOW_FIELD_VALUE;
    mask.width = UINT32_MAX;
    return mask;
}

inline FieldChange read_set(const rte_flow_action_modify_field& set) {
    FieldChange change;
    change.field = set.dst.field;
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
    change.tag_index = set.dst.tag_index;
#else
    change.tag_index = static_cast<std::uint8_t>(set.dst.level);
#endif
    change.offset = set.dst.offset;
    change.width = set.width;
    std::memcpy(change.value, set.src.value, sizeof change.value);
    return change;
}

} // namespace sallyport::eswitch
