// SPDX-License-Identifier: BSD-3-Clause
#include "strict_modify.h"

#include "eswitch/modify_field.h"

#include <algorithm>
#include <cstdint>

namespace sallyport::eswitch {

namespace {

using Modify = rte_flow_action_modify_field;

bool is_immediate(rte_flow_field_id field) {
    return field == RTE_FLOW_FIELD_VALUE || field == RTE_FLOW_FIELD_POINTER;
}

/// Bits of a field that can be written; 0 for those that cannot, or that the double does not know.
std::uint32_t field_width(rte_flow_field_id field) {
    switch (field) {
    case RTE_FLOW_FIELD_MAC_DST:
    case RTE_FLOW_FIELD_MAC_SRC:
        return 48;
    case RTE_FLOW_FIELD_VLAN_ID:
        return 12;
    case RTE_FLOW_FIELD_IPV4_DSCP:
    case RTE_FLOW_FIELD_IPV6_DSCP:
        return 6;
    case RTE_FLOW_FIELD_IPV4_ECN:
    case RTE_FLOW_FIELD_IPV6_ECN:
        return 2;
    case RTE_FLOW_FIELD_IPV4_TTL:
    case RTE_FLOW_FIELD_IPV6_HOPLIMIT:
        return 8;
    case RTE_FLOW_FIELD_TCP_PORT_SRC:
    case RTE_FLOW_FIELD_TCP_PORT_DST:
    case RTE_FLOW_FIELD_UDP_PORT_SRC:
    case RTE_FLOW_FIELD_UDP_PORT_DST:
        return 16;
    case RTE_FLOW_FIELD_VXLAN_VNI:
        return 24;
    case RTE_FLOW_FIELD_IPV4_SRC:
    case RTE_FLOW_FIELD_IPV4_DST:
    case RTE_FLOW_FIELD_TAG:
    case RTE_FLOW_FIELD_META:
        return 32;
    case RTE_FLOW_FIELD_IPV6_SRC:
    case RTE_FLOW_FIELD_IPV6_DST:
        return 128;
    default:
        return 0;
    }
}

Verdict check_destination(const rte_flow_action& action, const Modify& modify,
                          const StrictOptions& options) {
    const rte_flow_field_id field = modify.dst.field;
    if (is_immediate(field))
        return refuse(EINVAL, action,
                      "immediate value, pointer and hash result cannot be used as destination");
    if (field == RTE_FLOW_FIELD_START)
        return refuse(EINVAL, action, "modifying arbitrary place in a packet is not supported");
    if (field == RTE_FLOW_FIELD_VLAN_TYPE)
        return refuse(EINVAL, action, "modifying vlan_type is not supported");
    if (field == RTE_FLOW_FIELD_TAG) {
        const std::uint8_t index = read_set(modify).tag_index;
        if (std::count(options.tags.begin(), options.tags.end(), index) == 0)
            return refuse(EINVAL, action, "tag index is out of range");
    } else if (modify.dst.level > 1) {
        return refuse(ENOTSUP, action, "inner header fields modification is not supported");
    }
    if (field == RTE_FLOW_FIELD_MARK || (field == RTE_FLOW_FIELD_META && !options.meta))
        return refuse_at_table(action, "invalid modification flow item");
    const std::uint32_t width = field_width(field);
    if (width == 0) return refuse(EINVAL, action, "field is not supported as destination");
    if (modify.width == 0 || modify.dst.offset >= width || modify.width > width - modify.dst.offset)
        return refuse(EINVAL, action, "width and offset are beyond the field");
    return {};
}

Verdict check_mask(const rte_flow_action& action, const Modify& modify, const Modify& mask) {
    if (modify.operation != mask.operation)
        return refuse(EINVAL, action, "modify_field operation mask and template are not equal");
    if (modify.dst.field != mask.dst.field)
        return refuse(EINVAL, action, "destination field mask and template are not equal");
    using Level = decltype(mask.dst.level);
    if (mask.dst.level != static_cast<Level>(~Level{0}))
        return refuse(EINVAL, action, "destination encapsulation level must be fully masked");
    if (mask.dst.offset != UINT32_MAX)
        return refuse(EINVAL, action, "destination offset level must be fully masked");
    if (modify.src.field != mask.src.field)
        return refuse(EINVAL, action, "source field mask and template are not equal");
    if (!is_immediate(modify.src.field)) {
        if (mask.src.level != static_cast<Level>(~Level{0}))
            return refuse(EINVAL, action, "source encapsulation level must be fully masked");
        if (mask.src.offset != UINT32_MAX)
            return refuse(EINVAL, action, "source offset level must be fully masked");
    }
    if (mask.width != UINT32_MAX)
        return refuse(EINVAL, action, "modify_field width field must be fully masked");
    return {};
}

/// Whether the value is the template's and not each rule's own.
bool is_fixed(const Modify& mask) {
    if (!is_immediate(mask.src.field)) return true;
    return std::any_of(std::begin(mask.src.value), std::end(mask.src.value),
                       [](std::uint8_t octet) { return octet != 0; });
}

} // namespace

Verdict check_modify_template(const rte_flow_action& action, const rte_flow_action& mask,
                              const StrictOptions& options) {
    if (mask.conf == nullptr) return refuse(EINVAL, action, "modify_field mask conf is missing");
    if (action.conf == nullptr) return refuse(EINVAL, action, "modify_field conf is missing");
    const auto& modify = *static_cast<const Modify*>(action.conf);
    if (modify.src.field == RTE_FLOW_FIELD_POINTER)
        return refuse(ENOTSUP, action, "the double does not follow pointers to values");
    if (Verdict verdict = check_mask(action, modify, *static_cast<const Modify*>(mask.conf)))
        return verdict;
    return check_destination(action, modify, options);
}

Verdict check_modify_rule(const rte_flow_action& fixed, const rte_flow_action& mask,
                          const rte_flow_action& action) {
    if (is_fixed(*static_cast<const Modify*>(mask.conf))) return {};
    if (action.conf == nullptr)
        return refuse(EINVAL, action, "modify_field value is the rule's own and missing");
    const auto& made_for = *static_cast<const Modify*>(fixed.conf);
    const auto& modify = *static_cast<const Modify*>(action.conf);
    // mlx5 reads the value only: the rest would be the template's whatever the rule says.
    const FieldChange expected = read_set(made_for), given = read_set(modify);
    if (modify.operation != made_for.operation || given.field != expected.field
        || given.tag_index != expected.tag_index || given.offset != expected.offset
        || given.width != expected.width || modify.src.field != made_for.src.field)
        return refuse(EINVAL, action, "the rule's modify_field is not the template's");
    return {};
}

} // namespace sallyport::eswitch
