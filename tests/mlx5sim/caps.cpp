// SPDX-License-Identifier: BSD-3-Clause
// Each table is a group of capabilities. Values are those of a ConnectX-6 Dx as far as anybody has
// published them; docs/mlx5sim.md says which are guesses, and how to read a card's own.
#include "caps.h"

#include "fields.h"
#include "report.h"
#include "topology.h"

#include <algorithm>
#include <functional>
#include <initializer_list>

namespace mlx5sim {

namespace {

struct Value {
    Field field;
    std::uint64_t value;
};

using Values = std::initializer_list<Value>;

constexpr std::uint64_t bit(unsigned number) {
    return 1ULL << number;
}

/// Where the capability begins in the answer, in bits.
constexpr unsigned capability = 0x80;

void put(std::uint8_t* answer, Values values) {
    for (const Value& value : values)
        set(answer, value.field.in(capability), value.value);
}

// Types of general objects that are told of in a bitmap.
constexpr unsigned object_definer = 0x18, object_meter = 0x24;

void general(std::uint8_t* answer, const Capabilities& caps) {
    const std::uint64_t counters = bit(caps.log_counters);
    put(answer, {
                    {{0x01, 1}, 1},                        // alloc_flow_counter_pd
                    {{0x02, 1}, 1},                        // flow_counter_access_aso
                    {{0x08, 8}, counter_access_operation}, // flow_access_aso_opc_mod
                    {{0x20, 1}, 1},                        // hca_cap_2
                    {{0x30, 16}, 1},                       // vhca_id
                    {{0x80, 8}, 15},                       // log_max_srq_sz
                    {{0x88, 8}, 15},                       // log_max_qp_sz
                    {{0x9b, 5}, 18},                       // log_max_qp
                    {{0xab, 5}, 23},                       // log_max_srq
                    {{0xc8, 8}, 22},                       // log_max_cq_sz
                    {{0xdb, 5}, 24},                       // log_max_cq
                    {{0x109, 7}, 64},                      // log_max_mrw_sz
                    {{0x1a3, 1}, 1},                       // eth_virt
                    {{0x1a6, 1}, 1},                       // nic_flow_table
                    {{0x1a7, 1}, caps.switchdev},          // eswitch_manager
                    {{0x1fb, 1}, 1},                       // wqe_based_flow_table_update_cap
                    {{0x21b, 1}, 1},                       // qos
                    {{0x21c, 1}, 1},                       // eth_net_offloads
                    {{0x21d, 1}, caps.roce},               // roce
                    {{0x27c, 4}, 2},                       // num_lag_ports
                    {{0x290, 16}, 1024},                   // max_wqe_sz_sq
                    {{0x2c0, 16}, counters >> 16},         // max_flow_counter_31_16
                    {{0x310, 8}, 0xff},                    // flow_counter_bulk_alloc
                    {{0x32b, 5}, 23},                      // log_max_pd
                    {{0x350, 16}, counters & 0xffff},      // max_flow_counter_15_0
                    {{0x361, 1}, 1},                       // flow_counters_dump
                    {{0x393, 5}, 11},                      // log_max_rqt_size
                    {{0x3db, 5}, 15},                      // log_max_wq_sz
                    {{0x400, 64}, bit(object_definer) | bit(object_meter)},
                    {{0x444, 4}, 1},        // steering_format_version: ConnectX-6 Dx
                    {{0x4e0, 32}, 1000000}, // device_frequency_khz
                    {{0x768, 4}, 6},        // log_header_modify_argument_granularity_offset
                    {{0x76c, 4}, 6},        // log_header_modify_argument_granularity
                    {{0x773, 5}, caps.log_arguments},
                    {{0x7c0, 64}, bit(61)}, // match_definer_format: select
                });
}

void general_2(std::uint8_t* answer, const Capabilities& caps) {
    put(answer, {
                    {{0xc3, 5}, 14},                     // log_min_stride_wqe_sz
                    {{0x253, 5}, caps.log_counter_bulk}, // flow_counter_bulk_log_max_alloc
                    {{0x25b, 5}, 7},                     // flow_counter_bulk_log_granularity
                });
}

void ethernet(std::uint8_t* answer, const Capabilities&) {
    put(answer, {
                    {{0x00, 1}, 1},  // csum_cap
                    {{0x01, 1}, 1},  // vlan_cap
                    {{0x07, 1}, 1},  // wqe_vlan_insert
                    {{0x0b, 5}, 18}, // max_lso_cap
                    {{0x10, 2}, 2},  // multi_pkt_send_wqe
                    {{0x12, 2}, 2},  // wqe_inline_mode: none needed
                    {{0x14, 4}, 11}, // rss_ind_tbl_cap
                    {{0x1a, 1}, 1},  // enhanced_multi_pkt_send_wqe
                    {{0x1f, 1}, 1},  // tunnel_stateless_vxlan
                    {{0x20, 1}, 1},  // swp
                    {{0x21, 1}, 1},  // swp_csum
                    {{0x22, 1}, 1},  // swp_lso
                });
}

void quality_of_service(std::uint8_t* answer, const Capabilities& caps) {
    put(answer, {
                    {{0x07, 1}, 1},                // flow_meter_old
                    {{0x10, 8}, caps.log_meters},  // log_max_flow_meter
                    {{0x18, 8}, 0xfe},             // flow_meter_reg_id: all but C_0
                    {{0x28, 1}, 1},                // flow_meter
                    {{0x123, 5}, 0},               // log_meter_aso_granularity
                    {{0x12b, 5}, caps.log_meters}, // log_meter_aso_max_alloc
                    {{0x133, 5}, caps.log_meters}, // log_max_num_meter_aso
                });
}

void roce(std::uint8_t* answer, const Capabilities&) {
    put(answer, {
                    {{0xc0, 16}, highest_roce_port}, // r_roce_max_src_udp_port
                    {{0xd0, 16}, lowest_roce_port},  // r_roce_min_src_udp_port
                });
}

/// max_ft_level, reparse, ignore_flow_level_rtc_valid of the first table type in the group.
constexpr Value deepest_level{{0x238, 8}, 64}, reparse{{0x26a, 1}, 1}, any_level{{0x26f, 1}, 1};

void nic_tables(std::uint8_t* answer, const Capabilities&) {
    put(answer, {deepest_level, reparse, any_level});
    put(answer, {
                    {{0x1078, 8}, 0xff}, // receive: metadata_reg_c_x
                    {{0x1c78, 8}, 0xff}, // transmit: metadata_reg_c_x
                    {{0x140f, 1}, 1},    // tunnel_header_2_3
                    {{0x1410, 1}, 1},    // tunnel_header_0_1
                    {{0x1414, 1}, 1},    // inner_ipv4_ihl
                    {{0x1415, 1}, 1},    // outer_ipv4_ihl
                    {{0x1417, 1}, 1},    // inner_l3_ok
                    {{0x1418, 1}, 1},    // inner_l4_ok
                    {{0x1419, 1}, 1},    // outer_l3_ok
                    {{0x141a, 1}, 1},    // outer_l4_ok
                    {{0x141c, 1}, 1},    // inner_ipv4_checksum_ok
                    {{0x141d, 1}, 1},    // inner_l4_checksum_ok
                    {{0x141e, 1}, 1},    // outer_ipv4_checksum_ok
                    {{0x141f, 1}, 1},    // outer_l4_checksum_ok
                });
}

void eswitch_tables(std::uint8_t* answer, const Capabilities&) {
    put(answer, {deepest_level, reparse, any_level});
    put(answer, {{{0x878, 8}, 0xff}}); // metadata_reg_c_x
}

void eswitch(std::uint8_t* answer, const Capabilities&) {
    put(answer, {
                    {{0x1d, 1}, 1},              // merged_eswitch
                    {{0x60, 1}, 1},              // esw_manager_vport_number_valid
                    {{0x70, 16}, manager_vport}, // esw_manager_vport_number
                });
}

void steering(std::uint8_t* answer, const Capabilities& caps) {
    // Formats of table entries: 8 words, 11 words, range, 4 words of ranges.
    constexpr std::uint64_t formats = bit(4) | bit(5) | bit(7) | bit(8);
    put(answer, {
                    {{0x20, 1}, 1},            // rtc_hash_split_table
                    {{0x21, 1}, 1},            // rtc_linear_lookup_table
                    {{0x23, 5}, 0},            // stc_alloc_log_granularity
                    {{0x2b, 5}, caps.log_stc}, // stc_alloc_log_max
                    {{0x33, 5}, 0},            // ste_alloc_log_granularity
                    {{0x3b, 5}, caps.log_ste}, // ste_alloc_log_max
                    {{0x4b, 5}, 0x7},          // rtc_reparse_mode: never, always, as the STC says
                    {{0x53, 5}, 0x3},          // rtc_index_mode: by hash, by offset
                    {{0x5b, 5}, 6},            // rtc_log_depth_max
                    {{0x68, 8}, 32},           // max_header_modify_pattern_length
                    {{0x70, 16}, formats},     // ste_format
                    {{0x120, 32}, 0xfffffff0}, // trivial_match_definer
                    {{0x178, 8}, 0x3},         // access_index_mode
                    {{0x1a0, 32}, 0xfffffff1}, // linear_match_definer_reg_c3
                });
}

using Writer = void (*)(std::uint8_t*, const Capabilities&);

Writer writer_of(unsigned group) {
    switch (group) {
    case 0x00:
        return general;
    case 0x01:
        return ethernet;
    case 0x04:
        return roce;
    case 0x07:
        return nic_tables;
    case 0x08:
        return eswitch_tables;
    case 0x09:
        return eswitch;
    case 0x0c:
        return quality_of_service;
    case 0x1b:
        return steering;
    case 0x20:
        return general_2;
    default:
        return nullptr;
    }
}

} // namespace

bool has_capabilities(unsigned group) {
    const CapturedCapabilities& captured = topology()->capabilities.captured;
    return captured.empty() ? writer_of(group) != nullptr : captured.contains(group);
}

void answer_capabilities(std::uint16_t op_mod, std::span<std::uint8_t> answer) {
    constexpr std::size_t needed = 16 + 4096;
    if (answer.size() < needed)
        refuse("QUERY_HCA_CAP: %zu octets are no room for an answer", answer.size());
    // The lowest bit tells whether the present or the greatest values are asked for: they are one.
    const unsigned group = op_mod >> 1;
    if (!has_capabilities(group)) refuse("QUERY_HCA_CAP: the group 0x%x is not simulated", group);
    const Capabilities& caps = topology()->capabilities;
    if (caps.captured.empty()) return writer_of(group)(answer.data(), caps);
    std::ranges::copy(caps.captured.at(group), answer.data() + capability / 8);
}

} // namespace mlx5sim
