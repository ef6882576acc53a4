// SPDX-License-Identifier: BSD-3-Clause
// Where the fields of firmware commands, contexts and capabilities lie: the offset of the first bit
// and the width, as the programmer's reference manual of the adapters counts them. All are
// big-endian, and none crosses a 32-bit word but those of 64.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <endian.h>

namespace mlx5sim {

struct Field {
    unsigned offset = 0, width = 0;
    /// The same field where its structure is itself a part, @p base bits into another one.
    constexpr Field in(unsigned base) const { return {base + offset, width}; }
};

inline std::uint16_t load16(const std::uint8_t* at) {
    return static_cast<std::uint16_t>(at[0] << 8 | at[1]);
}

inline void store16(std::uint8_t* at, std::size_t value) {
    at[0] = static_cast<std::uint8_t>(value >> 8);
    at[1] = static_cast<std::uint8_t>(value);
}

inline std::uint32_t load32(const void* at) {
    std::uint32_t value = 0;
    std::memcpy(&value, at, sizeof value);
    return be32toh(value);
}

inline void store32(void* at, std::uint32_t value) {
    value = htobe32(value);
    std::memcpy(at, &value, sizeof value);
}

inline const std::uint8_t* octets_at(const void* structure, unsigned offset) {
    return static_cast<const std::uint8_t*>(structure) + offset / 8;
}

inline std::uint8_t* octets_at(void* structure, unsigned offset) {
    return static_cast<std::uint8_t*>(structure) + offset / 8;
}

inline std::uint64_t get(const void* structure, Field field) {
    const std::uint8_t* const word = octets_at(structure, field.offset / 32 * 32);
    if (field.width == 64) return std::uint64_t{load32(word)} << 32 | load32(word + 4);
    const unsigned shift = 32 - field.width - field.offset % 32;
    const std::uint64_t mask = (1ULL << field.width) - 1;
    return load32(word) >> shift & mask;
}

inline std::uint32_t get32(const void* structure, Field field) {
    return static_cast<std::uint32_t>(get(structure, field));
}

inline void set(void* structure, Field field, std::uint64_t value) {
    std::uint8_t* const word = octets_at(structure, field.offset / 32 * 32);
    if (field.width == 64) {
        store32(word, static_cast<std::uint32_t>(value >> 32));
        store32(word + 4, static_cast<std::uint32_t>(value));
        return;
    }
    const unsigned shift = 32 - field.width - field.offset % 32;
    const std::uint32_t mask = static_cast<std::uint32_t>((1ULL << field.width) - 1) << shift;
    store32(word, (load32(word) & ~mask) | (static_cast<std::uint32_t>(value << shift) & mask));
}

// ---- commands

namespace command {
constexpr Field opcode{0x00, 16}, op_mod{0x30, 16};
constexpr Field status{0x00, 8}, syndrome{0x20, 32};
/// The second word of what all creating commands return; ids of 8, 24 and 32 bits end there alike.
constexpr Field created_id{0x40, 32};
} // namespace command

namespace general_object {
constexpr Field type{0x30, 16}, id{0x40, 32}, log_range{0x63, 5}, offset{0x60, 32};
constexpr unsigned body = 0x80;
} // namespace general_object

namespace flow_table {
constexpr Field type{0x80, 8};
constexpr unsigned context = 0xc0;
constexpr Field miss_action = Field{0x04, 4}.in(context), miss_id = Field{0x28, 24}.in(context),
                rtc_0 = Field{0xc0, 32}.in(context), rtc_1 = Field{0xe0, 32}.in(context);
constexpr Field modify_select{0x70, 16};
} // namespace flow_table

namespace flow_entry {
constexpr Field table_id{0xa8, 24};
constexpr unsigned context = 0x200;
constexpr Field action = Field{0x70, 16}.in(context), extended = Field{0x80, 1}.in(context),
                destinations = Field{0x88, 24}.in(context);
constexpr unsigned first_destination = context + 0x1800;
constexpr Field destination_type{0x00, 8}, destination_id{0x08, 24}, owner_valid{0x20, 1},
    owner_vhca{0x30, 16};
} // namespace flow_entry

namespace rtc {
constexpr unsigned base = general_object::body;
constexpr Field update_index_mode = Field{0x80, 2}.in(base),
                access_index_mode = Field{0xa9, 3}.in(base), ste_format_0 = Field{0xc0, 8}.in(base),
                table_type = Field{0xc8, 8}.in(base), definer_0 = Field{0xe0, 32}.in(base),
                stc_base = Field{0x100, 32}.in(base), ste_base = Field{0x120, 32}.in(base),
                ste_offset = Field{0x140, 32}.in(base), miss_table = Field{0x168, 24}.in(base);
} // namespace rtc

namespace stc {
constexpr unsigned base = general_object::body;
constexpr Field action_offset = Field{0x90, 8}.in(base), action_type = Field{0x98, 8}.in(base);
/// 16 octets whose meaning is the action's.
constexpr unsigned parameter = base + 0x100;
} // namespace stc

namespace definer {
constexpr unsigned base = general_object::body;
constexpr Field format = Field{0x90, 16}.in(base);
/// Selectors stand in words of four, the last first.
constexpr unsigned dword_selectors = base + 0x100, byte_selectors = base + 0x180;
/// As the tag stands in an entry: 44 octets.
constexpr unsigned mask = base + 0x2a0;
} // namespace definer

namespace pattern {
constexpr unsigned base = general_object::body;
/// In units of 8 octets, an action each.
constexpr Field length = Field{0x80, 8}.in(base);
constexpr unsigned data = base + 0x100;
} // namespace pattern

namespace work_queue {
constexpr Field doorbell_offset{0x80, 64}, log_stride{0x10c, 4}, log_size{0x11b, 5},
    doorbell_umem{0x140, 32}, buffer_umem{0x160, 32}, buffer_offset{0x180, 64}, type{0x00, 4};
} // namespace work_queue

namespace send_queue {
constexpr unsigned context = 0x100, work = context + 0x180;
constexpr Field cqn = Field{0x48, 24}.in(context), state = Field{0x08, 4}.in(context),
                non_wire = Field{0x0f, 1}.in(context);
} // namespace send_queue

namespace receive_queue {
constexpr unsigned context = 0x100, work = context + 0x180;
constexpr Field cqn = Field{0x48, 24}.in(context), state = Field{0x08, 4}.in(context),
                appends_fcs = Field{0x02, 1}.in(context), keeps_vlan = Field{0x03, 1}.in(context),
                user_index = Field{0x28, 24}.in(context), counter = Field{0x60, 8}.in(context);
constexpr Field modify_select{0x80, 64};
} // namespace receive_queue

namespace completion_queue {
constexpr unsigned context = 0x80;
constexpr Field doorbell_umem = Field{0x20, 32}.in(context), log_size = Field{0x63, 5}.in(context),
                doorbell_offset = Field{0x1c0, 64}.in(context), buffer_umem{0x2c0, 32},
                buffer_offset{0x280, 64}, size_of_entry = Field{0x08, 3}.in(context),
                compression = Field{0x11, 1}.in(context);
} // namespace completion_queue

namespace tir {
constexpr unsigned context = 0x100;
constexpr Field dispatch = Field{0x20, 4}.in(context), inline_rqn = Field{0xe8, 24}.in(context),
                indirect_table = Field{0x108, 24}.in(context),
                is_symmetric = Field{0x100, 1}.in(context),
                hash_function = Field{0x120, 4}.in(context);
constexpr unsigned key = context + 0x140, outer = context + 0x280, inner = context + 0x2a0;
constexpr Field modify_select{0x80, 64};
/// Of the selection of fields for the hash.
constexpr Field is_ipv6{0x00, 1}, is_udp{0x01, 1}, selected{0x02, 30};
} // namespace tir

namespace queue_counter {
constexpr Field id{0xf8, 8}, clear{0xc0, 1}, out_of_buffer{0x180, 32};
} // namespace queue_counter

namespace rqt {
constexpr unsigned context = 0x100;
constexpr Field actual_size = Field{0xd0, 16}.in(context);
constexpr unsigned first_rq = context + 0x780;
constexpr Field rqn{0x08, 24};
} // namespace rqt

namespace flow_counter {
constexpr Field log_bulk{0x73, 5}, bulk{0x78, 8};
} // namespace flow_counter

namespace vport_context {
constexpr unsigned context = 0x80;
constexpr Field inline_mode = Field{0x05, 3}.in(context),
                system_image_guid = Field{0x140, 64}.in(context);
} // namespace vport_context

} // namespace mlx5sim
